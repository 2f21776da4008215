import Foundation
import PanalSeccomp
import Testing

/// The kernel's own word on the default policy: a small C program loads it and makes the calls.
@Suite("The default policy in the kernel")
struct LiveFilterTests {
    private func output(of program: String, _ arguments: [String]) throws -> (text: String, status: Int32) {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.standardOutput = pipe
        try process.run()
        let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (String(decoding: data, as: UTF8.self), process.terminationStatus)
    }

    @Test("Calls are answered as the policy says, by each entry into the kernel")
    func calls() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "panal-seccomp-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let source = try #require(Bundle.module.url(forResource: "probe", withExtension: "c", subdirectory: "Live"))
        let probe = folder.appending(path: "probe").path()
        let compiled = try output(of: "/usr/bin/cc", ["-O1", "-Wall", "-Werror", "-o", probe, source.path()])
        #expect(compiled.status == 0)
        let filter = folder.appending(path: "filter")
        let program = try SeccompPolicies.load(file: "\(Shipped.folder)/default.json", name: "default")
        try Data(program.instructions).write(to: filter)

        let (text, status) = try output(of: probe, [filter.path()])
        #expect(status == 0)
        #expect(
            text.split(separator: "\n") == [
                "getpid errno 0", "prctl errno 0", "unshare errno 1", "clone-newuser errno 1", "clone3 errno 38",
                "keyctl errno 1", "ptrace errno 1", "io_uring_setup errno 1", "bpf errno 1", "inet-socket errno 1",
                "unix-socket errno 1", "unix-pair errno 0", "tiocsti-high errno 1", "setlease-high errno 1",
                "gap errno 38",
                "future errno 38", "x32-getpid signal 31", "i386-getpid signal 31",
            ])
    }
}
