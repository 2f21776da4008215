import Foundation
import Testing

/// Batches, gangs, and what becomes of results, as somebody at a terminal has it.
@Suite("The client verbs of gangs and of results", .serialized)
struct ClientBatchTests {
    static let manifest = """
        { "name": "stay", "inputs": [ {"name": "seconds", "type": "integer", "default": 0} ] }
        """
    static let program = """
        #!/bin/sh
        echo begun
        sleep "$1"
        echo done > result.txt
        """

    @Test("Gangs, cancelling, Ctrl-C at a batch, keeping and removing results", .timeLimit(.minutes(3)))
    func everyVerb() async throws {
        let server = try await RunningServer(try ServerPlace("batch"))
        defer { server.remove() }
        let shell = try CommandShell()
        defer { shell.remove() }
        let login = try shell.run(
            ["login", server.address, "--name", "here", "--user", "admin", "--password-stdin"], input: server.password)
        #expect(login.code == 0, "\(login.error)")
        let program = try shell.file("stay.sh", Self.program)
        let manifest = try shell.file("manifest.json", Self.manifest)
        #expect(try shell.run(["program", "publish", program, "--manifest", manifest]).code == 0)
        try gangs(shell)
        try interrupted(shell)
        try outputs(shell)
        #expect(try await server.stop() == 0)
    }

    private func submit(_ shell: CommandShell, _ seconds: [Int], _ more: String...) throws -> CommandShell.Ended {
        let table = try shell.file("in.csv", "seconds\n" + seconds.map { "\($0)\n" }.joined())
        return try shell.run(["batch", "submit", "stay", table] + more)
    }

    private func gangs(_ shell: CommandShell) throws {
        let together = try submit(shell, [0, 0], "--together", "--wait")
        #expect(together.code == 0, "\(together.error)")
        let id = try #require(together.error.firstMatch(of: /batch ([0-9a-z]{20}) of 2 jobs/).map { String($0.1) })
        #expect(try shell.run(["batch", "show", id, "--json"]).json["together"] as? Bool == true)
        let apart = try submit(shell, [0]).output.trimmingCharacters(in: .newlines)
        #expect(try shell.run(["batch", "wait", apart, "--json"]).json["together"] as? Bool == false)
        let listed = try shell.run(["batch", "list", "--program", "stay"])
        #expect(
            listed.code == 0 && listed.output.contains(id) && listed.output.contains("2 finished"), "\(listed.output)")
        #expect(try shell.run(["job", "list", "--batch", id]).output.split(separator: "\n").count == 2)
        let dry = try submit(shell, [0, 0], "--dry-run")
        #expect(dry.code == 0 && dry.output.contains("taken"), "\(dry.output)\(dry.error)")
        #expect(try shell.run(["batch", "list", "--json"]).json["batches"].map { ($0 as? [Any])?.count } == 2)
        // No machine of the tests has room for as many at once, and that is said before anything is stored.
        let vast = try submit(shell, Array(repeating: 0, count: 1_000), "--together")
        #expect(vast.code == 77 && vast.output.isEmpty, "\(vast.error)")
        let long = try submit(shell, [300, 300]).output.trimmingCharacters(in: .newlines)
        let cancelled = try shell.run(["batch", "cancel", long, apart])
        #expect(cancelled.code == 0 && cancelled.output.hasPrefix("\(long): "), "\(cancelled.error)")
        #expect(cancelled.output.hasSuffix("\(apart): 1 of 1 have ended\n"), "\(cancelled.output)")
        let ended = try shell.run(["batch", "wait", long])
        #expect(ended.code == 130 && ended.output.contains("cancelled"), "\(ended.output)")
        #expect(try shell.run(["batch", "cancel", long]).code == 0, "once more is no mistake")
        #expect(try shell.run(["batch", "cancel", "01k8zq4m3rh7x2c5w9ta"]).code == 77)
    }

    /// Ctrl-C leaves the batch alone and says how to come back; twice cancels all of it.
    private func interrupted(_ shell: CommandShell) throws {
        let table = try shell.file("long.csv", "seconds\n300\n300\n")
        let submit = ["batch", "submit", "stay", table, "--wait"]
        let left = try shell.start(submit)
        try left.until(error: { $0.contains("of 2 jobs") })
        let id = try #require(left.error.firstMatch(of: /batch ([0-9a-z]{20})/).map { String($0.1) })
        left.interrupt()
        let ended = left.end()
        #expect(ended.code == 130 && ended.error.contains("come back with: panal batch wait \(id)"), "\(ended.error)")
        #expect(try shell.run(["batch", "wait", id, "--timeout", "1"]).code == 75)
        #expect(try shell.run(["batch", "cancel", id]).code == 0)
        #expect(try shell.run(["batch", "wait", id]).code == 130)

        let again = try shell.interruptedTwice(submit, ready: { $0.error.contains("of 2 jobs") })
        #expect(again.code == 130)
        let other = try #require(again.error.firstMatch(of: /batch ([0-9a-z]{20}) of/).map { String($0.1) })
        let cancelled = try shell.run(["batch", "wait", other])
        #expect(cancelled.code == 130 && cancelled.output.contains("cancelled"), "\(cancelled.output)")
    }

    private func outputs(_ shell: CommandShell) throws {
        let id = String(try shell.run(["job", "submit", "stay", "--wait"]).output.prefix(20))
        let kept = try shell.run(["job", "keep", id])
        #expect(kept.code == 0 && kept.output == "\(id) kept whatever their age\n", "\(kept.error)")
        #expect(try shell.run(["job", "show", id, "--json"]).json["kept"] as? Bool == true)
        #expect(try shell.run(["job", "keep", id, "--no-longer"]).output == "\(id) kept for good\n")
        #expect(try shell.run(["job", "show", id, "--json"]).json["kept"] as? Bool != true)
        let removed = try shell.run(["job", "remove-outputs", id])
        #expect(removed.code == 0 && removed.output.hasPrefix("\(id) removed on "), "\(removed.error)")
        #expect(try shell.run(["job", "remove-outputs", id]).output == removed.output, "once more is no mistake")
        #expect(try shell.run(["job", "logs", id]).code == 77)
        #expect(try shell.run(["job", "keep", id]).code == 77)
        let running = try shell.run(["job", "submit", "stay", "--input", "seconds=300"]).output
            .trimmingCharacters(in: .newlines)
        #expect(try shell.run(["job", "remove-outputs", running]).error.contains("cancel it first"))
        #expect(try shell.run(["job", "cancel", running]).code == 0)
    }
}
