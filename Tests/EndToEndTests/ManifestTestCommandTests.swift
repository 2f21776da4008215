import Foundation
import Testing

/// `panal manifest test`: what a publication would say, without a server.
@Suite("Tests of a manifest, run here", .serialized)
struct ManifestTestCommandTests {
    private static let script = """
        #!/bin/sh
        [ "$1" = slow ] && sleep 59.25
        echo "said $1"; echo "complained" >&2
        cat "$2" > out.txt 2>/dev/null
        [ "$1" = bad ] && exit 3
        exit 0
        """

    private static func manifest(_ tests: String, _ more: String = "") -> String {
        """
        { "name": "Echo", "inputs": [ {"name": "word", "type": "text"}, {"name": "file", "type": "file", "optional": true} ],
          "exitCodes": {"3": "the word is bad"}\(more), "tests": [\(tests)] }
        """
    }

    /// A folder with a program and its manifest.
    private func folder(_ shell: CommandShell, _ manifest: String, script: String = script) throws -> String {
        let folder = URL(filePath: shell.path("folder-\(UUID().uuidString)"))
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(manifest.utf8).write(to: folder.appending(path: "manifest.json"))
        try Data("from the folder\n".utf8).write(to: folder.appending(path: "data.txt"))
        let program = folder.appending(path: "echo.sh")
        try Data(script.utf8).write(to: program)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path())
        return folder.path()
    }

    private func withShell(_ body: (CommandShell) throws -> Void) throws {
        let shell = try CommandShell()
        defer { shell.remove() }
        try body(shell)
    }

    @Test func whatPassesIsToldInALineEach() throws {
        try withShell { shell in
            let tests = """
                {"name": "one", "inputs": {"word": "a", "file": "data.txt"}, "stdout": "said a", "stderr": "complained",
                 "outputs": [{"path": "*.txt", "contains": "from the folder"}]},
                {"name": "two", "inputs": {"word": "bad"}, "exitCode": 3, "profile": "small"},
                {"name": "three", "inputs": {"word": "b", "file": {"name": "x.txt", "text": "inline"}},
                 "outputs": [{"path": "out.txt", "contains": "inline"}]}
                """
            let place = try folder(shell, Self.manifest(tests))
            let ended = try shell.run(["manifest", "test", place])
            let lines = ended.output.split(separator: "\n")
            #expect(ended.code == 0 && ended.error == "" && lines.count == 4, "\(ended.output)\(ended.error)")
            for (line, name) in zip(lines, ["one", "two", "three"]) {
                #expect(line.wholeMatch(of: /passed  (\w+) \(small, \d+\.\d s\)/)?.1 ?? "" == name, "\(line)")
            }
            #expect(lines.last == "3 of 3 tests passed")
            // As an archive, and as one file with the manifest beside it.
            let alone = Self.manifest(#"{"inputs": {"word": "a"}}"#)
            let file = try shell.file("alone.json", alone)
            let script = try shell.run(["manifest", "test", "\(place)/echo.sh", "--manifest", file])
            #expect(
                script.code == 0 && script.output.hasSuffix("1 of 1 test passed\n"), "\(script.output)\(script.error)")
            let none = try folder(shell, #"{"name": "none", "inputs": []}"#)
            let nothing = try shell.run(["manifest", "test", none])
            #expect(nothing.code == 0 && nothing.output.contains("has no tests"), "\(nothing.output)")
        }
    }

    private static let failing = """
        {"name": "code", "inputs": {"word": "bad"}},
        {"name": "file", "inputs": {"word": "a"}, "outputs": [{"path": "*.png"}]},
        {"name": "text", "inputs": {"word": "a"}, "stdout": "sang"},
        {"name": "time", "inputs": {"word": "slow"}, "time": "1s"},
        {"name": "gone", "inputs": {"word": "a", "file": "nowhere.txt"}},
        {"name": "good", "inputs": {"word": "a"}}
        """

    /// One line for each, below it what differed; the same by JSON, and in Spanish.
    @Test func whatDiffersIsToldWithItsPlace() throws {
        try withShell { shell in
            let place = try folder(shell, Self.manifest(Self.failing))
            let ended = try shell.run(["manifest", "test", place], environment: ["LC_ALL": "C"])
            #expect(ended.code == 1 && ended.output.hasSuffix("1 of 6 tests passed\n"), "\(ended.output)\(ended.error)")
            for words in [
                "FAILED  code (small", "manifest.json#/tests/0: ", "the word is bad", "#/tests/1/outputs/0/path: ",
                "#/tests/2/stdout: ", "said a", "#/tests/3/time: ", "nowhere.txt", "passed  good",
            ] {
                #expect(ended.output.contains(words), "\(words) in \(ended.output)")
            }
            let spanish = try shell.run(["manifest", "test", place], environment: ["LC_ALL": "es_CO.UTF-8"])
            #expect(spanish.code == 1 && spanish.output.contains("esperaba"), "\(spanish.output)")
            let json = try shell.run(["manifest", "test", place, "--json"])
            let results = try #require(try json.json["tests"] as? [[String: Any]])
            #expect(
                json.code == 1 && results.map { $0["passed"] as? Bool } == [false, false, false, false, false, true])
            let places = results.flatMap { $0["mistakes"] as? [[String: Any]] ?? [] }.map { $0["pointer"] as? String }
            #expect(
                places == [
                    "/tests/0", "/tests/1/outputs/0/path", "/tests/2/stdout", "/tests/3/time", "/tests/4/inputs/file",
                ])
        }
    }

    /// A server refuses the same, with the same words.
    @Test(.timeLimit(.minutes(3))) func aPublicationSaysTheSame() async throws {
        let server = try await RunningServer(try ServerPlace("manifest-test"))
        defer { server.remove() }
        let shell = try CommandShell()
        defer { shell.remove() }
        let place = try folder(shell, Self.manifest(Self.failing))
        let json = try shell.run(["manifest", "test", place, "--json"])
        let here = try #require(try json.json["tests"] as? [[String: Any]])
            .flatMap { $0["mistakes"] as? [[String: Any]] ?? [] }.compactMap { $0["detail"] as? String }
        try shell.signIn(to: server)
        let refused = try shell.run(["program", "publish", place])
        #expect(refused.code == 77)
        #expect(here.count == 5)
        for detail in here { #expect(refused.error.contains(detail), "\(detail) in \(refused.error)") }
        #expect(try await server.stop() == 0)
    }

    /// What would be refused before a test is run: no cell is made.
    @Test func whatCouldNotBePublishedIsRefused() throws {
        try withShell { shell in
            let good = #"{"inputs": {"word": "a"}}"#
            for (manifest, script, words) in [
                (Self.manifest(good), "#!/bin/nothing\n", "‘/bin/nothing’"),
                (Self.manifest(good), "no script", "neither an executable (ELF) nor a script"),
                (
                    Self.manifest(good, #", "command": ["nosuchtool", "{word}", "{file}"]"#), Self.script,
                    "#/command/0: "
                ),
                (Self.manifest(good, #", "rootfs": "python:3""#), Self.script, "only a server knows"),
                (Self.manifest(#"{"inputs": {"wrod": "a"}}"#), Self.script, "#/tests/0/inputs/wrod: "),
                (
                    Self.manifest(
                        #"{"inputs": {"word": "a"}, "profile": "small"}"#, #", "resources": {"disk": "1TiB"}"#),
                    Self.script, "profile small"
                ),
            ] {
                let place = try folder(shell, manifest, script: script)
                let ended = try shell.run(["manifest", "test", place])
                #expect(
                    ended.code == 1 && ended.output.contains(words),
                    "\(words): \(ended.code) \(ended.output)\(ended.error)")
                let json = try shell.run(["manifest", "test", place, "--json"])
                #expect(try json.json["passed"] as? Bool == false, "\(json.output)")
            }
            let link = try folder(shell, Self.manifest(good))
            try FileManager.default.createSymbolicLink(atPath: "\(link)/link", withDestinationPath: "/etc/passwd")
            let ended = try shell.run(["manifest", "test", link])
            #expect(ended.code == 1 && ended.output.contains("is a symbolic link"), "\(ended.output)")
            #expect(try shell.run(["manifest", "test", shell.path("nowhere")]).code == 1)
            let digest = String(repeating: "0", count: 64)
            let place = try folder(shell, Self.manifest(good))
            let image = try shell.run(["manifest", "test", place, "--rootfs", digest])
            #expect(image.code == 1 && image.error.contains("is not there"), "\(image.code) \(image.error)")
            #expect(
                try shell.run(["manifest", "test", place, "--profile", "nothing"]).error.contains(
                    "no profile ‘nothing’"))
        }
    }

    @Test func ctrlCEndsIt() throws {
        try withShell { shell in
            let tests =
                #"{"name": "fast", "inputs": {"word": "a"}}, {"inputs": {"word": "slow"}}, {"inputs": {"word": "a"}}"#
            let place = try folder(shell, Self.manifest(tests))
            let command = try shell.start(["manifest", "test", place])
            // Until the second one runs.
            let asleep = { (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8)) != nil && Self.isAsleep() }
            while !asleep() { usleep(20_000) }
            command.interrupt()
            let ended = command.end(patience: .seconds(30))
            #expect(
                ended.code == 130 && ended.output.contains("passed  fast"),
                "\(ended.code) \(ended.output)\(ended.error)")
            #expect(ended.output.hasSuffix("1 of 3 tests passed; 2 not run\n"), "\(ended.output)")
        }
    }

    /// Whether somebody on this machine sleeps for the minute that the script asks for.
    private static func isAsleep() -> Bool {
        let numbers = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).filter { Int($0) != nil }
        return numbers.contains {
            (try? String(contentsOfFile: "/proc/\($0)/cmdline", encoding: .utf8)) == "sleep\u{0}59.25\u{0}"
        }
    }

    /// The programs that come with Panal, tested by their authors as anybody's are.
    @Test(arguments: ["Examples/days-between", "Examples/query-table"]) func examplesPass(path: String) throws {
        try withShell { shell in
            let ended = try shell.run(["manifest", "test", ServerPlace.root.appending(path: path).path()])
            #expect(ended.code == 0, "\(ended.output)\(ended.error)")
        }
    }
}
