import Foundation
import Testing

/// `panal run WORD`: which words are commands of a cell here, and which are programs of a server.
@Suite("A word that is run", .serialized)
struct RunWordTests {
    private static let manifest = """
        { "name": "Contar abejas", "inputs": [ {"name": "veces", "type": "integer", "flag": "--times"},
                                              {"name": "archivo", "type": "file", "optional": true} ] }
        """
    private static let script = "#!/bin/sh\necho \"server $*\"; [ $2 = 7 ] && exit 7; cat \"$3\" 2>/dev/null; true\n"

    @Test("Commands, programs, folders, and what is neither", .timeLimit(.minutes(3)))
    func words() async throws {
        let shell = try CommandShell()
        defer { shell.remove() }
        // Nobody is signed in: nobody is asked, and the cell says that there is nothing of that name.
        let nobody = try shell.run(["run", "contar-abejas"])
        #expect(nobody.code == 126 && nobody.error.contains("contar-abejas"), "\(nobody.error)")
        let server = try await RunningServer(try ServerPlace("words"))
        defer { server.remove() }
        try shell.signIn(to: server)
        let script = try shell.file("contar.sh", Self.script)
        for manifest in [Self.manifest, #"{"name": "true", "inputs": []}"#] {
            let file = try shell.file("manifest.json", manifest)
            let published = try shell.run(["program", "publish", script, "--manifest", file])
            #expect(published.code == 0, "\(published.error)")
        }
        try programs(shell)
        try commands(shell)
        #expect(try await server.stop() == 0)
        // Where the server is silent nothing is guessed.
        let silent = try shell.run(["run", "contar-abejas", "--veces", "3"])
        #expect(silent.code == 69 && silent.error.contains("does not answer"), "\(silent.code) \(silent.error)")
        #expect(try shell.run(["run", "echo", "here"]).output == "here\n")
    }

    private func programs(_ shell: CommandShell) throws {
        let file = try shell.file("bees.txt", "bzz\n")
        let run = try shell.run(["run", "contar-abejas", "--veces", "3", file])
        #expect(
            run.code == 0 && run.output.hasPrefix("server --times 3 /input/archivo/bees.txt\nbzz\n"), "\(run.error)")
        #expect(run.error.contains("‘contar-abejas’ is no command here; running the program of that name on http"))
        // Its own code, and its own help.
        #expect(try shell.run(["run", "contar-abejas", "--veces", "7"]).code == 7)
        let help = try shell.run(["run", "contar-abejas", "--help"])
        #expect(help.code == 0 && help.output.contains("--veces"), "\(help.output)\(help.error)")
        let wrong = try shell.run(["run", "contar-abejas", "--times", "x"])
        #expect(wrong.code != 0 && wrong.error.contains("--times"), "\(wrong.error)")
        // A profile is the server's too; what is about a cell of this machine is not.
        let profile = try shell.run(["run", "--profile", "nothing", "contar-abejas", "--veces", "3"])
        #expect(profile.code == 77 && profile.error.contains("there is no profile ‘nothing’"), "\(profile.error)")
        for option in [["--network", "loopback"], ["--quiet"], ["--report"], ["--seccomp", "strict"]] {
            let local = try shell.run(["run"] + option + ["contar-abejas", "--veces", "3"])
            #expect(local.code == 126 && !local.error.contains("running the program"), "\(option): \(local.error)")
        }
        #expect(try shell.run(["run", "--", "contar-abejas"]).code == 126)
        let neither = try shell.run(["run", "contar-avispas"])
        #expect(neither.code == 125, "\(neither.code)")
        for words in ["no command here, and no program on http", "/program/contar-avispas", "panal program list"] {
            #expect(neither.error.contains(words), "\(neither.error)")
        }
        let hostile = try shell.run(["run", "no\u{1b}[31mthing"])
        #expect(hostile.code == 125 && !hostile.error.contains("\u{1b}"), "\(hostile.error)")
    }

    private func commands(_ shell: CommandShell) throws {
        // A command of the cell goes before a program of the server.
        let own = try shell.run(["run", "true"])
        #expect(own.code == 0 && own.output.isEmpty && own.error.isEmpty, "\(own.output)\(own.error)")
        // A file of a folder is named by its path in the cell.
        let folder = URL(filePath: shell.path("folder"))
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let tool = folder.appending(path: "contar-abejas")
        try Data("#!/bin/sh\necho \"folder $1\"\n".utf8).write(to: tool)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: tool.path())
        let local = try shell.run(["run", "--program", folder.path(), "/program/contar-abejas", "9"])
        #expect(local.code == 0 && local.output == "folder 9\n" && local.error.isEmpty, "\(local.error)")
    }
}
