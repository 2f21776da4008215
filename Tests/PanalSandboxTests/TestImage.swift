import Foundation
import Glibc
import PanalCore
import PanalSandbox

/// An image in a harness's store: a shell and some tools in one static program, and whatever a test makes of it.
struct TestImage {
    /// The digest, as attempts name it.
    let name: String
    /// `rootfs/<digest>`.
    let folder: URL
    var tree: URL { folder.appending(path: "tree") }

    /// What the shell of an image has: each is a link to the one program.
    static let tools = [
        "cat", "chmod", "cut", "df", "echo", "env", "false", "find", "grep", "head", "hostname", "id", "ls",
        "mkdir",
        "pwd", "readlink", "sed", "sh", "sleep", "sort", "stat", "tail", "touch", "true", "wc", "whoami",
    ]

    /// Lies in the store as a folder that is linked from nowhere else; `label` tells it from others.
    init(_ harness: CellHarness, _ label: String, _ change: (URL) throws -> Void = { _ in }) throws {
        try self.init(harness.folder, try harness.hash(of: label), change)
    }

    /// The same in the store of a folder.
    init(_ store: URL, _ hash: ContentHash, _ change: (URL) throws -> Void) throws {
        name = hash.hex
        folder = store.appending(path: ContentLayout.rootfs(hash))
        try Self.fill(tree)
        try change(tree)
    }

    private static func fill(_ tree: URL) throws {
        for name in ["bin", "etc", "proc", "dev", "tmp", "var/tmp"] {
            try FileManager.default.createDirectory(
                at: tree.appending(path: name), withIntermediateDirectories: true)
        }
        try FileManager.default.copyItem(atPath: "/bin/busybox", toPath: tree.appending(path: "bin/busybox").path)
        for tool in tools {
            try FileManager.default.createSymbolicLink(
                atPath: tree.appending(path: "bin/\(tool)").path, withDestinationPath: "busybox")
        }
        try Data("root:x:0:0:the image's:/root:/bin/sh\n".utf8).write(to: tree.appending(path: "etc/passwd"))
        try Data("of the image\n".utf8).write(to: tree.appending(path: "etc/own"))
    }

    /// Copies a program of the host's with its loader and libraries, each to where it looks for them.
    static func copy(_ program: String, to tree: URL, as name: String) throws {
        let listing = try output(of: ["/usr/bin/ldd", program])
        let libraries = listing.split { $0 == "\n" || $0 == " " || $0 == "\t" }.filter { $0.hasPrefix("/") }.map(
            String.init)
        for (source, place) in [(program, name)] + libraries.map({ ($0, $0) }) {
            let target = tree.appending(path: place)
            try FileManager.default.createDirectory(
                at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
            let real = URL(filePath: source).resolvingSymlinksInPath().path
            try FileManager.default.copyItem(atPath: real, toPath: target.path)
        }
    }

    private static func output(of words: [String]) throws -> String {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: words[0])
        process.arguments = Array(words.dropFirst())
        process.standardOutput = pipe
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return String(decoding: output, as: UTF8.self)
    }

    /// What kind of file system a folder lies on, as stat(1) names it.
    static func fileSystem(of folder: URL) throws -> String {
        String(try output(of: ["/usr/bin/stat", "-f", "-c", "%T", folder.path]).dropLast())
    }

    func write(_ text: String, to path: String) throws {
        try Data(text.utf8).write(to: tree.appending(path: path))
    }
}

extension CellHarness {
    /// Runs a script in an image's shell.
    func shell(
        in image: TestImage, _ script: String, seccomp: String = "default", id: AttemptID? = nil,
        sink: MemorySink = MemorySink(), limits: CellLimits = .test, inputs: [InputFile] = [],
        program: ContentHash? = nil
    ) async -> (result: AttemptResult, sink: MemorySink) {
        await run(
            ["/bin/sh", "-c", script], limits: limits, program: program, inputs: inputs, seccomp: seccomp,
            rootfs: image.name, sink: sink, id: id)
    }
}

extension CellLimits {
    /// For several cells on one core.
    static let beside = CellLimits.test.with(\.cpu, .shared(millicores: 500)).with(\.memory, 16 << 20)
}
