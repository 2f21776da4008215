import Foundation
import PanalCore
import PanalManifest
@testable import PanalPublication
import Testing

/// What is asked of an image is answered by its own files, whatever its links say.
@Suite struct UploadProbeImageTests {
    /// An image's tree in a folder, beside a file that is not the image's.
    private final class Place {
        let path = NSTemporaryDirectory() + "panal-test-" + UUID().uuidString
        var tree: String { path + "/tree" }

        init() throws {
            for name in ["usr/bin/python3.11", "usr/bin/env", "opt/tool/bin/tool", "lib64/loader.so", "../outside"] {
                try add(name)
            }
            try add("opt/lib/libown.so.1", mode: 0o644)
            try add("etc/ld.so.cache", Data("cache\u{0}libown.so.1\u{0}/opt/lib/libown.so.1\u{0}".utf8), mode: 0o644)
            for folder in ["deep", "loop"] { try make(folder) }
            try link("bin", to: "usr/bin")
            try link("usr/bin/python3", to: "/etc/alternatives/python3")
            try link("etc/alternatives/python3", to: "/usr/bin/python3.11")
            // Of the host, of the folder beside the image, of nothing, and of themselves.
            try link("usr/bin/sh", to: "/bin/dash")
            try link("usr/bin/far", to: "../../../../../../../../outside")
            try link("usr/bin/near", to: path + "/outside")
            try link("usr/bin/one", to: "two")
            try link("usr/bin/two", to: "one")
            try link("usr/bin/mounted", to: "/proc/self/exe")
            try add("proc/self/exe")
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        private func make(_ folder: String) throws {
            try FileManager.default.createDirectory(atPath: "\(tree)/\(folder)", withIntermediateDirectories: true)
        }

        private func add(_ name: String, _ content: Data = Data(), mode: Int = 0o755) throws {
            let file = URL(filePath: "\(tree)/\(name)").standardizedFileURL
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try content.write(to: file)
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file.path)
        }

        private func link(_ name: String, to target: String) throws {
            let file = URL(filePath: "\(tree)/\(name)")
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(atPath: file.path, withDestinationPath: target)
        }

        func files(_ environment: [String] = []) -> CellFiles {
            CellFiles(image: tree, named: "python", environment: environment)
        }
    }

    @Test(
        arguments: [
            ("/usr/bin/python3.11", true), ("/bin/python3", true), ("/usr/bin/../bin/./python3", true),
            ("/../../usr/bin/python3", true), ("/lib64/loader.so", true), ("/opt/lib/libown.so.1", false),
            ("/usr/bin/sh", false), ("/usr/bin/far", false), ("/usr/bin/near", false), ("/usr/bin/one", false),
            ("/usr/bin/mounted", false), ("/proc/self/exe", false), ("/etc", false), ("/", false), ("", false),
            ("/../outside", false), ("/bin/dash", false), ("/usr/bin/python3\u{0}", false),
        ] as [(String, Bool)])
    func linksAreFollowedInsideTheImage(path: String, isThere: Bool) throws {
        let place = try Place()
        #expect(place.files().isExecutable(path) == isThere)
    }

    @Test func programsAreLookedForWhereTheImageSays() throws {
        let place = try Place()
        #expect(place.files().program(named: "python3") == "/usr/bin/python3")
        #expect(place.files().program(named: "tool") == nil)
        let own = place.files(["PATH=/opt/tool/bin:relative:/bin"])
        #expect(own.program(named: "tool") == "/opt/tool/bin/tool")
        #expect(own.programFolders == ["/opt/tool/bin", "/bin"])
    }

    private func refusal(_ line: String, _ more: String = "") async throws -> String? {
        let place = try Place()
        let bytes = Array("\(line)\necho\n".utf8)
        let entry = ProgramFile(path: "run", bytes: bytes.count, isExecutable: true, head: bytes)
        let manifest = try Manifest(parsing: Data(#"{"name": "t", "inputs": []\#(more)}"#.utf8))
        let probe = UploadProbe(files: [entry], cell: place.files(), manifest: manifest)
        return try await probe.refusal(of: entry) { Array(bytes[$0]) }
    }

    @Test func scriptsNeedTheImagesInterpreter() async throws {
        #expect(try await refusal("#!/usr/bin/python3") == nil)
        #expect(try await refusal("#!/bin/bash")?.contains("is not in the file system ‘python’") == true)
        #expect(try await refusal("#!/usr/bin/env python3") == nil)
        #expect(try await refusal("#!/usr/bin/env bash")?.contains("/bin of ‘python’") == true)
        // Where the manifest says itself where programs are, that is not asked.
        #expect(try await refusal("#!/usr/bin/env bash", #", "environment": {"PATH": "/x"}"#) == nil)
    }

    @Test func librariesOfTheImagesListAreThere() throws {
        let place = try Place()
        #expect(!place.files().hasLibrary("libown.so.1"))
        #expect(place.files().cachedLibraries().contains("libown.so.1"))
        #expect(CellFiles().cachedLibraries().isEmpty)
    }
}
