import Foundation
import PanalCore
import Testing

@testable import PanalStore

/// A program as the archive that nobody has written, against what GNU tar makes of it.
@Suite("Programs as archives") struct ProgramArchiveTests {
    /// Path, content, mode. Names that the old format has no room for, and sizes at the edges of its blocks.
    static let files: [(path: String, bytes: Int, mode: Int)] = [
        ("run.sh", 20, 0o555), ("empty", 0, 0o444), ("a/block", 512, 0o444), ("a/more", 513, 0o444),
        ("a/less", 511, 0o555),
        ("a/big", 200_000, 0o444), ("niño/ñandú 🐝", 3, 0o444),
        (String(repeating: "long/", count: 40) + "end", 7, 0o444),
        (String(repeating: "x", count: 100), 1, 0o444), (String(repeating: "y", count: 101), 1, 0o444),
    ]

    private static func withFolder<Result>(_ body: (String) async throws -> Result) async throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appending(path: "panal-tar-\(UUID().uuidString)").path()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for (path, bytes, mode) in files {
            let file = "\(folder)/program/\(path)"
            try FileManager.default.createDirectory(
                atPath: String(file[..<(file.lastIndex(of: "/") ?? file.endIndex)]), withIntermediateDirectories: true)
            try content(path, bytes).write(to: URL(filePath: file))
            chmod(file, mode_t(mode))
        }
        return try await body(folder)
    }

    private static func content(_ path: String, _ bytes: Int) -> Data {
        Data((0..<bytes).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ path.utf8.count) })
    }

    private static func stored(_ folder: String) throws -> StoredBytes {
        let archive = try ProgramArchive(folder: "\(folder)/program", disk: DiskQueue())
        return StoredBytes(size: archive.size, range: 0..<archive.size, source: archive)
    }

    @Test func tarUnpacksTheSameFiles() async throws {
        try await Self.withFolder { folder in
            let bytes = try await Self.stored(folder).all()
            #expect(bytes.count % 512 == 0)
            try Data(bytes).write(to: URL(filePath: "\(folder)/x.tar"))
            try FileManager.default.createDirectory(atPath: "\(folder)/out", withIntermediateDirectories: true)
            let tar = Process()
            tar.executableURL = URL(filePath: "/usr/bin/tar")
            tar.arguments = ["-C", "\(folder)/out", "-xf", "\(folder)/x.tar"]
            let said = Pipe()
            tar.standardError = said
            try tar.run()
            tar.waitUntilExit()
            #expect(tar.terminationStatus == 0)
            #expect(try said.fileHandleForReading.readToEnd() ?? Data() == Data())
            for (path, count, mode) in Self.files {
                #expect(
                    FileManager.default.contents(atPath: "\(folder)/out/\(path)") == Self.content(path, count),
                    "\(path)")
                let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder)/out/\(path)")
                #expect((attributes[.posixPermissions] as? Int ?? 0) & 0o100 == mode & 0o100, "\(path)")
            }
            let found = FileManager.default.enumerator(atPath: "\(folder)/out")?.allObjects.count
            #expect(found == FileManager.default.enumerator(atPath: "\(folder)/program")?.allObjects.count)
        }
    }

    @Test func everyPartIsThatPartOfTheWhole() async throws {
        try await Self.withFolder { folder in
            let stored = try Self.stored(folder)
            let whole = try await stored.all()
            #expect(whole == (try await Self.stored(folder).all()))
            for _ in 0..<200 {
                let first = Int.random(in: 0..<whole.count)
                let range = first..<Int.random(in: first..<min(whole.count, first + 3_000)) + 1
                #expect(try await stored.narrowed(to: range).all() == Array(whole[range]), "\(range)")
            }
        }
    }

    /// The length counts its own digits, also where these make it longer.
    @Test(arguments: [1, 80, 86, 87, 88, 89, 90, 980, 985, 986, 987, 988, 990, 1_000]) func paxRecords(count: Int)
        throws
    {
        let record = String(
            decoding: ProgramArchive.paxRecord("path", String(repeating: "x", count: count)), as: UTF8.self)
        #expect(Int(record.prefix { $0 != " " }) == record.utf8.count)
    }
}
