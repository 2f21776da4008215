import Foundation
import Testing

/// Tests of manifests in real cells, before anything is published.
@Suite("Publishing with tests", .serialized)
struct PublicationTests {
    private static let program = """
        #!/bin/sh
        case "$1" in
        loop) while :; do sleep 0.1; done ;;
        flood) while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done ;;
        fail) echo "cannot do this" >&2; exit 3 ;;
        *) cat "$2" > copy.txt; echo "copied $1"; id -u ;;
        esac
        """

    private static func manifest(_ tests: String) -> String {
        """
        {"name": "copier", "inputs": [{"name": "what", "type": "text"}, {"name": "file", "type": "file", "optional": true}],
         "exitCodes": {"3": {"message": "refused", "success": true}}, "tests": [\(tests)]}
        """
    }

    private static let good = #"""
        {"inputs": {"what": "a", "file": {"name": "in.txt", "text": "needle"}}, "stdout": "copied a",
         "outputs": [{"path": "*.txt", "contains": "eedl", "minBytes": 6, "maxBytes": 6,
                      "sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}]}
        """#

    /// EX_TEMPFAIL.
    private static let later: Int32 = 75

    @Test("What passes is published, what fails is not, and why", .timeLimit(.minutes(15)))
    func tests() async throws {
        let server = try await RunningServer(try ServerPlace("publish"))
        defer { server.remove() }
        let shell = try CommandShell()
        defer { shell.remove() }
        let browser = Browser(address: server.address)
        let key: String
        do {
            key = try await browser.makeKey(password: server.password)
            try await browser.close()
        } catch {
            try? await browser.close()
            throw error
        }
        let environment = ["PANAL_URL": server.address, "PANAL_KEY": key]
        let program = try shell.file("copy.sh", Self.program)
        func publish(_ tests: String) throws -> CommandShell.Ended {
            let manifest = try shell.file("manifest.json", Self.manifest(tests))
            // Each test waits a minute for cores that another Panal on this machine has; then it says so, and is to come again.
            while true {
                let ended = try shell.run(
                    ["program", "publish", program, "--manifest", manifest], environment: environment,
                    patience: .seconds(300))
                if ended.code != Self.later { return ended }
            }
        }
        func isThere() throws -> Bool {
            try shell.run(["program", "list"], environment: environment).output.contains("copier")
        }
        // A hash that is another one: the right one is told.
        let wrong = try publish(Self.good)
        #expect(wrong.code != 0)
        #expect(wrong.error.contains("/tests/0/outputs/0/sha256: test ‘1’ expected ‘copy.txt’"), "\(wrong.error)")
        // Ends that are none, and floods, are told by name, each in its own time.
        let bad = try publish(
            #"""
            {"name": "fails", "inputs": {"what": "fail"}, "exitCode": 0},
            {"name": "loops", "inputs": {"what": "loop"}, "time": "1s"},
            {"name": "floods", "inputs": {"what": "flood"}}
            """#)
        #expect(bad.code != 0)
        #expect(bad.error.contains("3 of 3 tests failed; nothing was published"), "\(bad.error)")
        #expect(
            bad.error.contains(
                "/tests/0/exitCode: test ‘fails’ expected exit code 0, but it ended with exit code 3 (refused); its error output ended with: cannot do this"
            ), "\(bad.error)")
        #expect(bad.error.contains("/tests/1/time: test ‘loops’ expected an end within 1s"), "\(bad.error)")
        #expect(bad.error.contains("/tests/2: test ‘floods’"), "\(bad.error)")
        #expect(try !isThere())
        // And what is right is there, with nothing of the tests left behind.
        let right = Self.good.replacing(/,\s*"sha256": "[0-9a-f]*"/, with: "")
        let passed = try publish(right + #", {"inputs": {"what": "fail"}}"#)
        #expect(passed.code == 0, "\(passed.error)")
        #expect(try shell.run(["program", "show", "copier"], environment: environment).output.contains("passed"))
        #expect(try shell.run(["job", "list"], environment: environment).output.contains("copier") == false)
        let jobs = try FileManager.default.contentsOfDirectory(atPath: server.place.data.appending(path: "jobs").path())
        #expect(jobs.isEmpty)
        try run(shell, environment)
        #expect(try await server.stop() == 0)
        #expect(try server.place.leftovers() == [])
    }

    /// What is published is a command with flags of its own.
    private func run(_ shell: CommandShell, _ environment: [String: String]) throws {
        func call(_ words: String...) throws -> CommandShell.Ended {
            try shell.run(words, environment: environment, patience: .seconds(300))
        }
        let help = try call("program", "run", "copier", "--help")
        #expect(help.code == 0 && help.output.contains("USAGE: panal program run copier --what <text> [flags]"))
        let file = try shell.file("given.txt", "given")
        let copied = try call(
            "program", "run", "--download", shell.path("results"), "copier", "--file", file, "--what", "b")
        #expect(copied.code == 0 && copied.output.hasPrefix("copied b\n"), "\(copied.output)\(copied.error)")
        #expect(try String(contentsOfFile: shell.path("results/copy.txt"), encoding: .utf8) == "given")
        // By its name alone where no command of the machine is called so; its exit code is the command's.
        let failed = try call("run", "copier", "fail")
        #expect(failed.code == 3 && failed.error.contains("cannot do this"), "\(failed.error)")
        let wrong = try call("program", "run", "copier", "--wat", "b")
        #expect(wrong.code == 1 && wrong.error.contains("did you mean --what?"), "\(wrong.error)")
    }

    /// Killed while a test runs: neither a program nor a cell is left, and the name is free.
    @Test("A crash in the middle publishes nothing", .timeLimit(.minutes(10)))
    func crash() async throws {
        let place = try ServerPlace("publishkill")
        defer { place.remove() }
        let server = try await RunningServer(place)
        defer { server.remove() }
        let shell = try CommandShell()
        defer { shell.remove() }
        let browser = Browser(address: server.address)
        let key: String
        do {
            key = try await browser.makeKey(password: server.password)
            try await browser.close()
        } catch {
            try? await browser.close()
            throw error
        }
        let manifest = try shell.file("manifest.json", Self.manifest(#"{"inputs": {"what": "loop"}, "time": "30s"}"#))
        let program = try shell.file("copy.sh", Self.program)
        let publication = try shell.start(
            ["program", "publish", program, "--manifest", manifest],
            environment: ["PANAL_URL": server.address, "PANAL_KEY": key])
        // Until the program itself runs in its cell.
        for _ in 0..<1_000 where !HostProcess.all.contains(where: { Self.isTest($0, of: place) }) {
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(HostProcess.all.contains { Self.isTest($0, of: place) }, "the test runs")
        kill(server.process.processIdentifier, SIGKILL)
        _ = try await server.end()
        publication.interrupt()
        _ = publication.end()
        let next = try await RunningServer(place)
        defer { next.remove() }
        let listed = try shell.run(
            ["program", "list"], environment: ["PANAL_URL": next.address, "PANAL_KEY": key])
        #expect(listed.code == 0 && !listed.output.contains("copier"), "\(listed.error)")
        for _ in 0..<600 where HostProcess.all.contains(where: { Self.isTest($0, of: place) }) {
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(!HostProcess.all.contains { Self.isTest($0, of: place) }, "the cell is ended")
        let programs = try FileManager.default.contentsOfDirectory(
            atPath: place.data.appending(path: "programs").path())
        #expect(programs.isEmpty)
        #expect(try await next.stop() == 0)
        #expect(try place.leftovers() == [])
    }

    private static func isTest(_ process: HostProcess, of place: ServerPlace) -> Bool {
        process.isRunning && process.text("cmdline").contains("/program/copy.sh")
            && process.field("Uid").compactMap { UInt32($0) }.contains(where: place.cellUsers.contains)
    }
}
