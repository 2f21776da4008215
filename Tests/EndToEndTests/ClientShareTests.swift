import Foundation
import Testing

/// Links to results, and favourites, by `panal`.
@Suite("Shares and favourites, by the command line", .serialized)
struct ClientShareTests {
    @Test("Shared, listed, ended; marked and listed", .timeLimit(.minutes(3)))
    func wholeWay() async throws {
        let server = try await RunningServer(try ServerPlace("shares"))
        defer { server.remove() }
        let shell = try CommandShell()
        defer { shell.remove() }
        try shell.signIn(to: server)
        let script = try shell.file("bees.sh", "#!/bin/sh\necho bzz > bees.txt\n")
        for name in ["bees", "wasps"] {
            let manifest = try shell.file("manifest.json", #"{"name": "\#(name)", "inputs": []}"#)
            let published = try shell.run(["program", "publish", script, "--manifest", manifest])
            #expect(published.code == 0, "\(published.error)")
        }
        try favourites(shell)
        let job = String(try shell.run(["job", "submit", "bees", "--wait"]).output.prefix(20))
        try await shares(shell, job, server)
        #expect(try await server.stop() == 0)
    }

    private func shares(_ shell: CommandShell, _ job: String, _ server: RunningServer) async throws {
        #expect(try shell.run(["job", "shares", job]).output == "")
        let made = try shell.run(["job", "share", job, "--days", "3"])
        let link = made.output.trimmingCharacters(in: .newlines)
        #expect(made.code == 0 && link.hasPrefix("\(server.address)/shared/"), "\(made.output)\(made.error)")
        let id = try #require(
            made.error.firstMatch(of: /link ([0-9a-z]{20}), for [23]d/).map { String($0.1) }, "\(made.error)")
        // Whoever has it sees the file, and needs no key.
        let stranger = Browser(address: link)
        let seen = try await stranger.get("")
        #expect(seen.status == 200 && seen.text.contains("bees.txt"))
        let other = try shell.run(["job", "share", job]).output
        #expect(other.hasPrefix(server.address) && other.trimmingCharacters(in: .newlines) != link)
        let listed = try shell.run(["job", "shares", job])
        let lines = listed.output.split(separator: "\n")
        #expect(lines.count == 2 && lines[1].hasPrefix("\(id)\tadmin\t"), "\(listed.output)")
        #expect(lines[1].hasSuffix(link))
        let document = try shell.run(["job", "shares", job, "--json"]).json
        #expect((document["shares"] as? [[String: Any]])?.count == 2)
        #expect(try shell.run(["job", "unshare", job, id]).output == "\(id) is ended.\n")
        #expect(try await stranger.get("").status == 404)
        try await stranger.close()
        #expect(try shell.run(["job", "unshare", job, id]).code == 77)
        #expect(try shell.run(["job", "unshare", job]).code == 64)
        #expect(try shell.run(["job", "unshare", job, "--all"]).output.hasSuffix(" is ended.\n"))
        #expect(try shell.run(["job", "shares", job]).output == "")
        // The server says which numbers of days it takes.
        #expect(try shell.run(["job", "share", job, "--days", "0"]).code == 77)
    }

    private func favourites(_ shell: CommandShell) throws {
        #expect(try shell.run(["program", "favourite"]).output == "")
        #expect(try shell.run(["program", "favourite", "wasps"]).output == "wasps is a favourite.\n")
        #expect(try shell.run(["program", "favourite", "wasps"]).code == 0, "twice is no mistake")
        let listed = try shell.run(["program", "favourite"])
        #expect(listed.output.hasPrefix("wasps\twasps\tadmin\t1\t") && listed.output.split(separator: "\n").count == 1)
        #expect(try shell.run(["program", "favourite", "nothing"]).code == 77)
        let away = try shell.run(["program", "favourite", "wasps", "--no-longer"])
        #expect(away.output == "wasps is no favourite any more.\n" && away.code == 0)
        #expect(try shell.run(["program", "favourite"]).output == "")
        #expect(try shell.run(["program", "favourite", "--no-longer"]).code == 64)
    }
}
