import Foundation
import Testing

/// From a program that writes where it likes to an image of it while it runs, and to the next one that begins there: through a built
/// service and real cells.
@Suite("Jobs, copied while they run", .serialized)
struct JobCopyTests {
    private static let writer = """
        #!/bin/sh
        set -e
        mkdir -p /opt/tool
        echo "made by $1" > /opt/tool/made
        rm /etc/own
        ln -s /opt/tool/made /etc/link
        mkdir /etc/kept.d && echo kept > /etc/kept.d/x
        rm -r /usr/share/old && mkdir /usr/share/old && echo new > /usr/share/old/new
        echo in work > result.txt
        echo ready
        n=0
        while [ $n -lt $2 ]; do sleep 1; n=$((n + 1)); done
        cat /opt/tool/made
        """
    private static let manifest = """
        { "name": "Writer", "rootfs": "tool:1", "writable": true,
          "inputs": [ {"name": "word", "type": "text"}, {"name": "seconds", "type": "integer"} ],
          "tests": [ {"name": "writes", "inputs": {"word": "test", "seconds": 0}, "exitCode": 0, "stdout": "made by test"} ] }
        """
    private static let reader = """
        #!/bin/sh
        cat /opt/tool/made /etc/link /etc/kept.d/x /usr/share/old/new /etc/stays
        ls /usr/share/old
        test -e /etc/own || echo gone
        echo no > /opt/tool/made 2> /dev/null || echo read-only
        """

    private let place: ServerPlace
    private let shell: CommandShell

    init() throws {
        place = try ServerPlace("copies")
        shell = try CommandShell()
    }

    /// A job that has written all that it writes.
    private func running(_ word: String, seconds: Int) async throws -> String {
        let submitted = try shell.run([
            "job", "submit", "writer", "--input", "word=\(word)", "--input", "seconds=\(seconds)", "--json",
        ])
        let job = try #require(try submitted.json["id"] as? String, "\(submitted.error)")
        for _ in 0..<200 {
            if try shell.run(["job", "logs", job]).output.contains("ready") { return job }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw RunningServer.Failure(reason: "the job is not ready: \(try shell.run(["job", "show", job]).output)")
    }

    @Test("Written, copied, gone on and ended; and the next job finds its files", .timeLimit(.minutes(4)))
    func wholeWay() async throws {
        defer { shell.remove() }
        let server = try await RunningServer(place)
        defer { server.remove() }
        let login = try shell.run(
            ["login", server.address, "--user", "admin", "--password-stdin"], input: server.password + "\n")
        #expect(login.code == 0, "\(login.error)")
        // Files that the program replaces or leaves alone.
        let base = try shell.importByUmoci(
            try shell.makeTree(
                commands: ["cat", "ls", "ln", "rm", "mkdir", "sleep", "test", "echo"],
                files: ["etc/own", "etc/stays", "usr/share/old/one"]))
        let script = try shell.file("writer.sh", Self.writer)
        let published = try shell.run([
            "program", "publish", script, "--manifest", try shell.file("writer.json", Self.manifest),
        ])
        try #require(published.code == 0, "\(published.error)")

        let job = try await running("bee", seconds: 5)
        let copied = try shell.run(["job", "copy", job, "--name", "snapshot", "--wait", "--json"])
        try #require(copied.code == 0, "\(copied.error)")
        let image = try copied.json
        let digest = try #require(image["sha256"] as? String)
        #expect(image["state"] as? String == "available" && image["job"] as? String == job)
        #expect(image["environment"] as? [String] == base["environment"] as? [String])
        #expect(digest != base["sha256"] as? String)
        let ended = try shell.run(["job", "wait", job])
        #expect(ended.code == 0, "\(ended.output) \(ended.error)")
        #expect(try shell.run(["job", "logs", job]).output == "ready\nmade by bee\n")

        let next = try shell.run([
            "program", "publish", try shell.file("reader.sh", Self.reader), "--manifest",
            try shell.file("reader.json", #"{"name": "Reader", "rootfs": "\#(digest)", "inputs": []}"#),
        ])
        #expect(next.code == 0, "\(next.error)")
        let read = try shell.run(["job", "submit", "reader", "--follow"])
        #expect(
            read.output.hasPrefix("made by bee\nmade by bee\nkept\nnew\nof the image\nnew\ngone\nread-only\n"),
            "\(read.output) \(read.error)")

        // One that ends behind its copy, and whose base then goes.
        let last = try await running("fly", seconds: 60)
        let ending = try shell.run(["job", "copy", last, "--name", "last", "--end", "--wait", "--json"])
        #expect(ending.code == 0, "\(ending.error)")
        _ = try shell.run(["job", "wait", last, "--timeout", "20"])
        let shown = try shell.run(["job", "show", last, "--json"]).json
        #expect(shown["state"] as? String == "finished", "\(shown)")
        #expect((shown["outcome"] as? [String: Any])?["type"] as? String == "cancelled")

        // Cancelled while it is copied or a moment before or behind that: it ends, and no image is half made.
        let lost = try await running("ant", seconds: 60)
        let wish = try shell.run(["job", "copy", lost, "--name", "lost", "--json"])
        #expect(wish.code == 0, "\(wish.error)")
        #expect(try shell.run(["job", "cancel", lost]).code == 0)
        _ = try shell.run(["job", "wait", lost, "--timeout", "20"])
        #expect(try shell.run(["job", "show", lost, "--json"]).json["state"] as? String == "cancelled")
        #expect(try await server.stop() == 0)
        #expect(try place.leftovers() == [])
    }
}
