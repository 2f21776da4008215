import Foundation
import Testing

/// The built `panal`, as a shell uses it.
@Suite("The command line", .serialized)
struct CommandLineTests {
    private struct Ended {
        var code: Int32
        var output: String
        var error: String
    }

    /// Small limits, so that running into them takes little; much more time than processor time, since other work may be on the core.
    private static let profile = """
        profiles:
          tiny:
            summary: for tests
            cores: 1
            memory: 64MiB
            processes: 16
            time: 8s
            cpu-time: 1s
            scratch: 8MiB
            scratch-files: 100
            output: 64KiB
            result-files: 0
            results: 0MiB
            open-files: 64
            file-size: 8MiB
            seccomp: default
        """

    private func panal(_ arguments: [String], input: String = "") throws -> Ended {
        let process = Process()
        process.executableURL = RunningServer.products.appending(path: "panal")
        process.arguments = arguments
        let (given, output, error) = (Pipe(), Pipe(), Pipe())
        process.standardInput = given
        process.standardOutput = output
        process.standardError = error
        try process.run()
        // Both fit into a pipe.
        try given.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try given.fileHandleForWriting.close()
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        let messages = try error.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return Ended(
            code: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
            error: String(decoding: messages, as: UTF8.self))
    }

    @Test func theDoctorSaysTheSameByItsExitCodeAndItsJSON() throws {
        let ended = try panal(["doctor", "--mode", "both", "--json"])
        let document = try #require(
            try JSONSerialization.jsonObject(with: Data(ended.output.utf8)) as? [String: Any])
        let verdict = try #require(document["verdict"] as? String)
        #expect(ended.code == (verdict == "fail" ? 1 : 0))
        #expect(ended.error == "")
        // The other tests run cells here, so this much is true.
        let findings = try #require(document["findings"] as? [[String: Any]])
        let fine = findings.filter { $0["verdict"] as? String != "fail" }.compactMap { $0["id"] as? String }
        #expect(Set(fine).isSuperset(of: ["kernel.seccomp", "cgroup.controllers", "tools.launcher"]))
        let text = try panal(["doctor", "--mode", "both"])
        #expect(text.code == ended.code)
        #expect(text.output.contains("kernel.seccomp") && !text.output.contains("\u{1b}"))
        #expect(try panal(["doctor", "--data", "here"]).code == 64)
    }

    /// A folder of profiles with the one above.
    private func withProfiles<Result>(_ body: (String) throws -> Result) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appending(path: "panal-cli-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data(Self.profile.utf8).write(to: folder.appending(path: "tiny.yaml"))
        try FileManager.default.createSymbolicLink(
            at: folder.appending(path: "seccomp"),
            withDestinationURL: RunningServer.root.appending(path: "Profiles/seccomp"))
        return try body(folder.path())
    }

    struct Ending: Sendable, CustomTestStringConvertible {
        var command: [String]
        var code: Int32
        var says: String
        var testDescription: String { command.joined(separator: " ") }
    }

    /// Each way a run can end, by a program that ends so.
    static let endings: [Ending] = [
        Ending(command: ["true"], code: 0, says: ""),
        Ending(command: ["sh", "-c", "exit 7"], code: 7, says: ""),
        Ending(command: ["sh", "-c", "kill -SEGV $$"], code: 139, says: "SIGSEGV"),
        Ending(command: ["/nowhere"], code: 126, says: "/nowhere"),
        Ending(command: ["sleep", "60"], code: 124, says: "used up its time"),
        Ending(command: ["sh", "-c", "while :; do :; done"], code: 124, says: "processor time"),
        Ending(command: ["sh", "-c", "head -c 200M /dev/zero | tail"], code: 137, says: "more memory"),
        Ending(command: ["yes"], code: 153, says: "more output"),
    ]

    @Test("Exit codes say how a run ended", arguments: endings)
    func exitCodes(_ ending: Ending) throws {
        let ended = try withProfiles {
            try panal(["run", "--profiles", $0, "--profile", "tiny", "--"] + ending.command)
        }
        #expect(ended.code == ending.code, "\(ended.error)")
        #expect(ending.says.isEmpty ? ended.error.isEmpty : ended.error.contains(ending.says), "\(ended.error)")
    }

    @Test("Standard streams are connected, and the program's folder stands at /program")
    func streams() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "panal-cli-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path())
        try Data("in the folder".utf8).write(to: folder.appending(path: "note"))
        let ended = try panal(
            ["run", "--program", folder.path(), "--", "sh", "-c", "cat; echo wrong >&2; cat /program/note"],
            input: "given\n")
        #expect(ended.code == 0)
        #expect(ended.output == "given\nin the folder")
        #expect(ended.error == "wrong\n")
    }

    @Test("--report says in JSON what it came to")
    func report() throws {
        let ended = try panal(["run", "--report", "--", "sh", "-c", "echo 12345; exit 3"])
        #expect(ended.code == 3)
        let report = try #require(JSONSerialization.jsonObject(with: Data(ended.error.utf8)) as? [String: Any])
        let outcome = try #require(report["outcome"] as? [String: Any])
        #expect(outcome["type"] as? String == "exited")
        #expect(outcome["code"] as? Int == 3)
        #expect((report["output"] as? [String: Any])?["bytes"] as? Int == 6)
        let usage = try #require(report["usage"] as? [String: Any])
        #expect((usage["wallMicroseconds"] as? Int ?? 0) > 0)
        #expect((usage["peakMemoryBytes"] as? Int ?? 0) > 0)
    }

    @Test("The strict policy takes new processes away")
    func strict() throws {
        #expect(try panal(["run", "--seccomp", "strict", "--", "true"]).code == 0)
        let ended = try panal(["run", "--seccomp", "strict", "--", "sh", "-c", "ls; echo on"])
        #expect(ended.error.contains("fork"), "\(ended.error)")
        #expect(!ended.output.contains("on"))
    }

    @Test(
        "What is wrong with the command is said",
        arguments: [
            (["run", "--profile", "huge", "--", "true"], 125 as Int32, "there are small"),
            (["run", "--seccomp", "open", "--", "true"], 125, "there are default, loopback, strict"),
            (["run", "--program", "/nowhere", "--", "true"], 125, "/nowhere is no folder"),
            (["run", "--profiles", "/nowhere", "--", "true"], 125, "no folder of profiles"),
            (["run", "--loud", "true"], 64, "--loud"),
            (["run"], 64, "command"),
            (["program", "list", "--server", "panal"], 1, "is not an address"),
            (["program", "list", "--key", "x"], 64, "--key"),
            (["program", "publish", "/nowhere"], 1, "which manifest?"),
            (["job", "list", "--state", "asleep"], 64, "‘asleep’ is none of queued"),
            (["job", "submit", "x", "--follow", "--json"], 64, "one of them"),
        ])
    func mistakes(_ arguments: [String], code: Int32, says: String) throws {
        let ended = try panal(arguments)
        #expect(ended.code == code)
        #expect(ended.error.contains(says), "\(ended.error)")
    }

    @Test("Profiles are listed and checked")
    func profiles() throws {
        let list = try panal(["profile", "list"])
        #expect(list.code == 0)
        #expect(
            list.output.split(separator: "\n").map { $0.split(separator: " ")[0] } == [
                "small", "medium", "large", "xlarge",
            ])
        try withProfiles { folder in
            #expect(try panal(["profile", "check", "\(folder)/tiny.yaml"]).code == 0)
            let reading = Self.profile + "\n    disk-read: 50MiB/s\n"
            try Data(reading.utf8).write(to: URL(filePath: "\(folder)/tiny.yaml"))
            let list = try panal(["profile", "list", "--profiles", folder])
            #expect(list.output.contains("reads at most 50 MiB/s: for tests"), "\(list.output)\(list.error)")
            let wrong = Self.profile.replacingOccurrences(of: "64MiB", with: "64MB")
            try Data(wrong.utf8).write(to: URL(filePath: "\(folder)/tiny.yaml"))
            let ended = try panal(["profile", "check", "\(folder)/tiny.yaml"])
            #expect(ended.code == 1)
            #expect(ended.output.contains("tiny.yaml:5:"), "\(ended.output)")
        }
    }
}
