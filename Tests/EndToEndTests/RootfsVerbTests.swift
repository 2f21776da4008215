import Foundation
import Testing

/// The verbs of images against a running service.
@Suite("The client verbs of images", .serialized) struct RootfsVerbTests {
    /// A tar archive of these files, made by tar itself.
    private func archive(_ name: String, _ shell: CommandShell, _ script: String) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        let folder = shell.path("\(name).files")
        process.arguments = [
            "-ec", "mkdir -p '\(folder)' && cd '\(folder)' && \(script) && tar -cf '\(shell.path(name))' .",
        ]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return shell.path(name)
    }

    @Test("Import, name, show, disable and remove images", .timeLimit(.minutes(3))) func everyVerb() async throws {
        let server = try await RunningServer(try ServerPlace("images"))
        defer { server.remove() }
        let shell = try CommandShell()
        defer { shell.remove() }
        let login = try shell.run(
            ["login", server.address, "--name", "here", "--user", "admin", "--password-stdin"], input: server.password)
        #expect(login.code == 0, "\(login.error)")

        let tiny = try archive("tiny.tar", shell, "mkdir etc && echo here > etc/x && chmod 4755 etc/x && mkfifo pipe")
        let made = try shell.run(["rootfs", "import", tiny, "--public", "--alias", "tiny:*"])
        #expect(made.code == 0, "\(made.error)")
        for words in ["available", "tiny:*", "Lost setuid", "1: etc/x", "1: pipe: FIFO"] {
            #expect(made.output.contains(words), "\(words): \(made.output)")
        }
        let image = try #require(
            (try shell.run(["rootfs", "list", "--json"]).json["images"] as? [[String: Any]])?.first)
        let id = try #require(image["id"] as? String)
        let again = try shell.run(["rootfs", "import", tiny, "--name", "again", "--json"])
        #expect(try again.json["sha256"] as? String == image["sha256"] as? String)

        let hostile = try archive("hostile.tar", shell, "mkdir etc && echo x > etc/x && ln -s / proc")
        let refused = try shell.run(["rootfs", "import", hostile])
        #expect(refused.code != 0)
        #expect(refused.error.contains("‘/proc’ is a symbolic link"), "\(refused.error)")

        let program = try shell.file("run.sh", "#!/bin/sh\necho hello\n")
        let manifest = try shell.file("manifest.json", #"{"name": "run", "inputs": [], "rootfs": "huge"}"#)
        let unknown = try shell.run(["program", "publish", program, "--manifest", manifest])
        #expect(unknown.code != 0)
        #expect(unknown.error.contains("there are host, tiny:*"), "\(unknown.error)")

        #expect(try shell.run(["rootfs", "remove", id]).code != 0, "a name leads to it")
        #expect(try shell.run(["rootfs", "alias", "tiny:*", "--none"]).code == 0)
        for verb in ["disable", "enable", "remove"] {
            let ended = try shell.run(["rootfs", verb, id])
            #expect(ended.code == 0, "\(verb): \(ended.error)")
        }
        #expect(try shell.run(["rootfs", "show", id]).output.contains("removing"))
        let recipes = try shell.run(["rootfs", "build", "--list"])
        #expect(recipes.output.contains("python") && recipes.output.contains("base"), "\(recipes.error)")
        #expect(try await server.stop() == 0)
    }
}
