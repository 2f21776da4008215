import Foundation
import PanalCore
import Testing

@testable import PanalRootfs

@Suite struct ImageDiskTests {
    private static func run(_ arguments: [String]) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// A file system that has room for a part of the image, in bytes or in files: told as such, and nothing of it stays.
    @Test(arguments: ["size=3m", "size=64m,nr_inodes=40"]) func aFullDiskIsTold(options: String) throws {
        var tar = TestTar.smallest
        for number in 0..<50 { tar.add("data/\(number)", String(repeating: "x", count: 100_000)) }
        let site = try ImageSite()
        try Data(tar.finished).write(to: URL(fileURLWithPath: site.path + "/archive"))
        let small = site.path + "/small"
        try FileManager.default.createDirectory(atPath: small, withIntermediateDirectories: true)
        try #require(try Self.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", small]) == 0)
        defer { #expect(throws: Never.self) { try Self.run(["umount", small]) } }
        try FileManager.default.createDirectory(atPath: small + "/rootfs", withIntermediateDirectories: true)
        let builder = RootfsBuilder(images: small + "/rootfs", temporary: small + "/1")
        #expect(throws: DiskFull.self) {
            _ = try builder.build(site.path + "/archive", as: .tree, digest: hash([]))
        }
        #expect(try FileManager.default.subpathsOfDirectory(atPath: small) == ["rootfs"])
    }
}
