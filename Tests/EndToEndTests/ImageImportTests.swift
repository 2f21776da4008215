import Foundation
import Testing

/// From an image that other tools have made to a program that runs in it, through a built service.
@Suite("Images, imported and run in", .serialized)
struct ImageImportTests {
    private static let program = """
        #!/bin/sh
        echo "$GREETING, $1"
        cat /etc/own
        ls -ln /etc/own | awk '{ print $3 }'
        test -e /usr/bin/python3 || echo "no host"
        id -un > who.txt
        """
    private static let manifest = """
        { "name": "In an image", "rootfs": "tool:1", "inputs": [ {"name": "word", "type": "text"} ],
          "tests": [ {"name": "greets", "inputs": {"word": "you"}, "exitCode": 0, "stdout": "hello, you"} ] }
        """

    private let place: ServerPlace
    private let shell: CommandShell

    init() throws {
        place = try ServerPlace("images")
        shell = try CommandShell()
    }

    private func makeTree() throws -> String {
        let tree = try shell.makeTree(commands: ["cat", "ls", "awk", "id", "test", "echo"], files: ["etc/own"])
        try FileManager.default.setAttributes([.posixPermissions: 0o4755], ofItemAtPath: "\(tree)/bin/busybox")
        return tree
    }

    @Test("Made by umoci, imported, published in, run, retired", .timeLimit(.minutes(4)))
    func wholeWay() async throws {
        defer { shell.remove() }
        let server = try await RunningServer(place)
        defer { server.remove() }
        try shell.signIn(to: server)
        let script = try shell.file("tool.sh", Self.program)
        let manifest = try shell.file("manifest.json", Self.manifest)
        let early = try shell.run(["program", "publish", script, "--manifest", manifest])
        #expect(early.code == 77 && early.error.contains("tool:1"), "\(early.error)")

        let tree = try makeTree()
        let image = try shell.importByUmoci(tree)
        let (id, digest) = (try #require(image["id"] as? String), try #require(image["sha256"] as? String))
        #expect(image["state"] as? String == "available")
        #expect(try shell.run(["rootfs", "show", id]).output.contains("bin/busybox"), "its setuid bit is told")

        // The same files by another way are the same image.
        let packed = shell.path("files.tar")
        try shell.tool(["tar", "-C", tree, "-cf", packed, "."])
        let again = try shell.run(["rootfs", "import", packed, "--json"])
        #expect(try again.json["sha256"] as? String == digest, "\(again.error)")

        let published = try shell.run(["program", "publish", script, "--manifest", manifest])
        #expect(published.code == 0, "\(published.error)")
        let ended = try shell.run(
            ["job", "submit", "in-an-image", "--input", "word=bee", "--follow", "--download", shell.path("out")])
        #expect(ended.code == 0, "\(ended.error)")
        #expect(ended.output.hasPrefix("hello, bee\nof the image\n0\nno host\n"), "\(ended.output)")
        #expect(try String(contentsOfFile: shell.path("out/who.txt"), encoding: .utf8) == "cell\n")

        // One that goes takes no new jobs. Nobody's name comes to mean nothing by that.
        let named = try shell.run(["rootfs", "remove", id])
        #expect(named.code != 0 && named.error.contains("tool:1"), "\(named.error)")
        #expect(try shell.run(["rootfs", "alias", "tool:1", "--none"]).code == 0)
        let removed = try shell.run(["rootfs", "remove", id])
        #expect(removed.code == 0, "\(removed.error)")
        let late = try shell.run(["job", "submit", "in-an-image", "--input", "word=bee"])
        #expect(late.code == 77 && late.error.contains("tool:1"), "\(late.error)")
        #expect(try await server.stop() == 0)
        let left = try place.leftovers()
        #expect(left == [])
    }
}
