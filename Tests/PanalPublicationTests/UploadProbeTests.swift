import Foundation
import PanalCore
import PanalManifest
@testable import PanalPublication
import Testing

/// What no cell could start is named before it is published, with what would be right.
@Suite struct UploadProbeTests {
    /// A file system as cells see it, in a folder.
    private final class Place {
        let path = NSTemporaryDirectory() + "panal-test-" + UUID().uuidString
        var cell: CellFiles { CellFiles(root: path) }

        init() throws {
            for name in ["/bin/sh", "/usr/bin/env", "/usr/bin/python3", "/lib64/loader.so"] {
                try add(name, mode: 0o755)
            }
            for name in ["/usr/bin/plain", "/usr/lib/libc.so.6", "/opt/lib/libother.so", "/opt/bin/tool"] {
                try add(name, mode: 0o644)
            }
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        private func add(_ name: String, mode: Int) throws {
            let file = URL(filePath: path + name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data().write(to: file)
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path + name)
        }
    }

    private static func manifest(_ more: String = "") throws -> Manifest {
        try Manifest(parsing: Data(#"{"name": "t", "inputs": []\#(more)}"#.utf8))
    }

    private static func refusal(
        _ bytes: [UInt8], at path: String = "bin/tool", with others: [String] = [], _ more: String = ""
    ) async throws -> String? {
        let place = try Place()
        let entry = ProgramFile(path: path, bytes: bytes.count, isExecutable: true, head: Array(bytes.prefix(256)))
        let files = [entry] + others.map { ProgramFile(path: $0, bytes: 1, isExecutable: true, head: []) }
        let probe = UploadProbe(files: files, cell: place.cell, manifest: try manifest(more))
        return try await probe.refusal(of: entry) { Array(bytes[$0]) }
    }

    // MARK: Scripts

    /// The first line, and a part of what is told; nil where nothing speaks against it.
    @Test(
        arguments: [
            ("#!/bin/sh\n", nil),
            ("#! /bin/sh -e\n", nil),
            ("#!/usr/bin/env python3\n", nil),
            ("#!/usr/bin/env -S python9 -u\n", nil),
            ("#!/usr/bin/env python9\n", "‘python9’, which is in none of /usr/local/bin, /usr/bin, /bin of cells"),
            ("#!/usr/local/bin/python3\n", "write #!/usr/bin/python3"),
            ("#!/usr/bin/perl9\n", "‘/usr/bin/perl9’, which is not in the file system of cells; bring it along"),
            // There, but not to be executed.
            ("#!/usr/bin/plain\n", "not in the file system of cells"),
            // On this host, but in no cell.
            ("#!/opt/bin/tool\n", "not in the file system of cells"),
            ("#!/usr/../opt/bin/tool\n", "not in the file system of cells"),
            ("#!/program/bin/other\n", nil),
            ("#!/program/bin/none\n", "no executable file of the upload"),
        ] as [(String, String?)])
    func scriptsNeedTheirInterpreter(line: String, expected: String?) async throws {
        let told = try await Self.refusal(Array(line.utf8) + Array("echo\n".utf8), with: ["bin/other"])
        #expect(expected.map { told?.contains($0) == true } ?? (told == nil), "\(told ?? "nothing")")
    }

    // MARK: Executables

    private static func number(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { place in UInt8(truncatingIfNeeded: value >> (8 * place)) }
    }

    private static func segment(_ type: Int, _ offset: Int, _ size: Int) -> [UInt8] {
        var bytes = number(type, 4) + number(0, 4)
        bytes += number(offset, 8)
        bytes += number(base + offset, 8)
        bytes += number(0, 8)
        bytes += number(size, 8)
        bytes += number(size, 8)
        bytes += number(0, 8)
        return bytes
    }

    private static let base = 0x40_0000

    /// An executable with a loader and a dynamic section.
    private static func elf(loader: String?, libraries: [String] = [], runPath: String? = nil) -> [UInt8] {
        var names: [UInt8] = [0]
        var entries: [(tag: Int, value: Int)] = []
        for library in libraries {
            entries.append((1, names.count))
            names += Array(library.utf8) + [0]
        }
        if let runPath {
            entries.append((29, names.count))
            names += Array(runPath.utf8) + [0]
        }
        var text: [UInt8] = []
        if let loader { text = Array(loader.utf8) + [0] }
        let first = 64 + 3 * 56
        let dynamicAt = first + text.count
        let namesAt = dynamicAt + (entries.count + 3) * 16
        entries.append((5, base + namesAt))
        entries.append((10, names.count))
        entries.append((0, 0))
        var bytes: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 57)
        bytes.replaceSubrange(16..<20, with: number(2, 2) + number(62, 2))
        bytes.replaceSubrange(32..<40, with: number(64, 8))
        bytes.replaceSubrange(54..<58, with: number(56, 2) + number(loader == nil ? 1 : 3, 2))
        bytes += segment(1, 0, namesAt + names.count)
        bytes += segment(3, first, text.count)
        bytes += segment(2, dynamicAt, entries.count * 16)
        bytes += text
        for entry in entries { bytes += number(entry.tag, 8) + number(entry.value, 8) }
        return bytes + names
    }

    @Test func executablesNeedTheirLoaderAndLibraries() async throws {
        #expect(try await Self.refusal(Self.elf(loader: nil)) == nil)
        #expect(try await Self.refusal(Self.elf(loader: "/lib64/loader.so", libraries: ["libc.so.6"])) == nil)
        let musl = try await Self.refusal(Self.elf(loader: "/lib/ld-musl-x86_64.so.1"))
        #expect(musl?.contains("asks for the loader ‘/lib/ld-musl-x86_64.so.1’") == true)
        #expect(musl?.contains("linked against musl") == true)
        let missing = try await Self.refusal(
            Self.elf(loader: "/lib64/loader.so", libraries: ["liba.so.1", "libc.so.6", "libother.so"]))
        #expect(missing?.contains("not in the file system of cells: liba.so.1, libother.so; ") == true)
    }

    /// Where libraries of the upload are found.
    @Test func librariesMayComeAlong() async throws {
        func told(_ runPath: String?, _ library: String, _ more: String = "") async throws -> String? {
            try await Self.refusal(
                Self.elf(loader: "/lib64/loader.so", libraries: [library], runPath: runPath),
                with: ["lib/liba.so.1"], more)
        }
        #expect(try await told("$ORIGIN/../lib", "liba.so.1") == nil)
        #expect(try await told("/nowhere:${ORIGIN}/../lib", "liba.so.1") == nil)
        #expect(try await told("$ORIGIN", "liba.so.1") != nil)
        #expect(try await told("/opt/lib", "libother.so") != nil)
        // What only the loader can know is let pass.
        #expect(try await told("/x/$LIB", "liba.so.1") == nil)
        let variable = #", "environment": {"LD_LIBRARY_PATH": "/program/lib"}"#
        #expect(try await told(nil, "liba.so.1", variable) == nil)
    }

    /// Numbers that lead nowhere, each in turn, and random bytes: named, and never followed out of the file.
    @Test func damagedOnesAreNamed() async throws {
        let whole = Self.elf(loader: "/lib64/loader.so", libraries: ["libc.so.6"])
        for start in stride(from: 16, to: whole.count - 8, by: 4) {
            for value: [UInt8] in [[0xFF, 0xFF, 0xFF, 0x7F], [0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 0x80]] {
                var bytes = whole
                bytes.replaceSubrange(start..<(start + 4), with: value)
                _ = try await Self.refusal(bytes)
            }
        }
        for length in [0, 20, 63, 64, 100, whole.count - 1] {
            #expect(try await Self.refusal(Array(whole.prefix(length)))?.contains("damaged") == true, "\(length)")
        }
        // A segment that begins before all numbers, and a table behind them: their distance is no number.
        var apart = whole
        let load = try #require(apart.firstRange(of: Self.number(Self.base, 8)))
        apart.replaceSubrange(load, with: [UInt8](repeating: 0xFF, count: 8))
        let tag = try #require(apart.ranges(of: Self.number(5, 8)).last)
        apart.replaceSubrange(tag.upperBound..<(tag.upperBound + 8), with: Self.number(.max, 8))
        #expect(try await Self.refusal(apart)?.contains("damaged") == true)
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            var bytes = whole
            for _ in 0..<8 { bytes[Int.random(in: 4..<whole.count, using: &generator)] = .random(in: 0...255) }
            _ = try await Self.refusal(bytes)
        }
    }

    // MARK: Commands

    @Test func commandsBeginWithWhatIsThere() throws {
        let place = try Place()
        let probe = UploadProbe(files: [], cell: place.cell, manifest: try Self.manifest())
        #expect(probe.refusal(ofCommand: "python3") == nil)
        #expect(probe.refusal(ofCommand: "/usr/bin/python3") == nil)
        #expect(probe.refusal(ofCommand: "{tool}") == nil)
        #expect(
            probe.refusal(ofCommand: "convert9")?.contains("a file of the program is written {@folder}/convert9")
                == true)
        #expect(probe.refusal(ofCommand: "/opt/bin/tool")?.contains("not in the file system of cells") == true)
    }
}
