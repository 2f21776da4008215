import Foundation
import Testing

/// `panal` against a running service, as a person and as CI use it.
@Suite("The client verbs", .serialized)
struct ClientVerbTests {
    static let manifest = """
        { "name": "Contar letras",
          "inputs": [ {"name": "a quién", "type": "text"}, {"name": "archivo", "type": "file"}, {"name": "turnos", "type": "integer", "default": 2},
                      {"name": "código", "type": "integer", "default": 0} ] }
        """
    /// Writes for as many turns as it is told, to both streams, and ends with the code that it is told.
    static let program = """
        #!/bin/sh
        i=0
        while [ $i -lt $3 ]; do i=$((i + 1)); echo "línea $i de $1"; echo "aviso $i" >&2; sleep 0.2; done
        tr a-z A-Z < "$2" > resultado.txt
        exit $4
        """

    @Test("Sign in, publish, run, follow, fetch, cancel, keys, users, sign out", .timeLimit(.minutes(3)))
    func wholeWay() async throws {
        let server = try await RunningServer(try ServerPlace("verbs"))
        defer { server.remove() }
        let shell = try CommandShell()
        defer { shell.remove() }
        try signIn(shell, server)
        try programs(shell)
        let job = try jobs(shell)
        try jobAgain(shell, job)
        try cancel(shell)
        try usage(shell)
        try keysAndUsers(shell, server)
        try await expiredKey(shell, server)
        try signOut(shell, server)
        let secrets = try shell.secrets()
        #expect(!shell.everything.contains(server.password) && !secrets.isEmpty)
        for secret in secrets { #expect(!shell.everything.contains(secret), "no key is ever printed") }
        #expect(secrets.allSatisfy { !server.text.contains($0) })
        #expect(try await server.stop() == 0)
        let gone = try shell.run(
            ["login", server.address, "--user", "admin", "--password-stdin"], input: server.password)
        #expect(gone.code == 69 && gone.error.contains("does not answer"), "\(gone.error)")
    }

    private func signIn(_ shell: CommandShell, _ server: RunningServer) throws {
        let nowhere = try shell.run(["job", "list"])
        #expect(nowhere.code == 1 && nowhere.error.contains("panal login URL"))
        let wrong = try shell.run(
            ["login", server.address, "--user", "admin", "--password-stdin"], input: "not this\n")
        #expect(wrong.code == 77 && wrong.error.contains("the name or the password is wrong"))
        // Without a terminal nothing can be asked.
        let blind = try shell.run(
            ["login", server.address, "--user", "admin"], input: server.password + "\n", isDetached: true)
        #expect(blind.code == 1 && blind.error.contains("no terminal"))
        let right = try shell.run(
            ["login", server.address, "--name", "here", "--user", "admin", "--password-stdin"],
            input: server.password + "\n")
        #expect(right.code == 0 && right.output.contains("Signed in to here as admin"), "\(right.error)")
        #expect(try shell.run(["server"]).output == "*\there\t\(server.address)\tadmin\n")
        #expect(try shell.run(["account", "--json"]).json["name"] as? String == "admin")
        for (address, code, words) in [
            ("http://127.0.0.1:1", 69, "the connection is refused"), ("http://no.invalid", 69, "there is no such host"),
            (server.address.replacing("http:", with: "https:"), 69, "it does not speak TLS there"),
            ("\(server.address)/elsewhere", 76, "is the address right"), ("127.0.0.1", 1, "is not an address"),
        ] as [(String, Int32, String)] {
            let lost = try shell.run(["login", address])
            #expect(lost.code == code && lost.error.contains(words), "\(address): \(lost.code) \(lost.error)")
        }
        #expect(try shell.run(["job", "nothing"]).code == 64)
        #expect(try shell.run(["account", "--server", "there"]).error.contains("no server ‘there’; there are here"))
    }

    private func programs(_ shell: CommandShell) throws {
        let script = try shell.file("contar.sh", Self.program)
        let manifest = try shell.file("manifest.json", Self.manifest)
        let first = try shell.run(["program", "publish", script, "--manifest", manifest])
        #expect(first.code == 0 && first.output.hasPrefix("contar-letras version 1: "), "\(first.error)")
        #expect(try shell.run(["program", "publish", script, "--manifest", manifest]).output.contains("there already"))
        #expect(try shell.run(["program", "list"]).output.hasPrefix("contar-letras\tContar letras\tadmin\t1\t"))
        let shown = try shell.run(["program", "show", "contar-letras"]).output
        #expect(shown.contains("archivo\tfile, required\tarchivo\t"), "\(shown)")
        #expect(try shell.run(["program", "show", "contar-letras", "--manifest"]).output.hasPrefix(Self.manifest))
        #expect(try shell.run(["program", "show", "nada"]).code == 77)
    }

    /// The id of a job that has ended with 7.
    private func jobs(_ shell: CommandShell) throws -> String {
        let text = try shell.file("texto.txt", "abejas\n")
        let wrong = try shell.run(["job", "submit", "contar-letras", "--input", "turno=3", "--input", "archivo=x"])
        #expect(wrong.code == 77)
        for words in [
            "turno: the program has no such input; did you mean turnos?", "archivo: is a file", "a_quien: is required",
        ] {
            #expect(wrong.error.contains(words), "\(wrong.error)")
        }
        let given = ["--input", "a_quien=Ana", "--file", "archivo=@\(text)"]
        let followed = try shell.run(
            ["job", "submit", "contar-letras", "--input", "codigo=7", "--follow", "--download", shell.path("out")]
                + given)
        #expect(followed.code == 7)
        #expect(followed.output == "línea 1 de Ana\nlínea 2 de Ana\n\(shell.path("out"))/resultado.txt\n")
        #expect(followed.error.contains("aviso 1\naviso 2\n") && followed.error.contains("exit code 7"))
        #expect(try String(contentsOfFile: shell.path("out/resultado.txt"), encoding: .utf8) == "ABEJAS\n")
        let waited = try shell.run(
            ["job", "submit", "contar-letras", "--wait", "--json", "--profile", "small"] + given)
        #expect(waited.code == 0 && waited.error == "")
        #expect(try waited.json["final"] as? Bool == true)
        // Without a terminal there is no progress, only what it came to.
        let plain = try shell.run(["job", "submit", "contar-letras", "--wait", "--input", "turnos=8"] + given)
        #expect(plain.code == 0 && plain.error.firstMatch(of: /^panal: job [0-9a-z]{20}\n$/) != nil, "\(plain.error)")
        #expect(plain.output.firstMatch(of: /^[0-9a-z]{20} finished: exit code 0\n$/) != nil, "\(plain.output)")
        let submitted = try shell.run(
            ["job", "submit", "contar-letras", "--input", "codigo=7", "--input", "turnos=5"] + given)
        let id = submitted.output.trimmingCharacters(in: .newlines)
        #expect(id.count == 20, "only the id: \(submitted.output)")
        let lines = (1...5).map { "línea \($0) de Ana\n" }.joined()
        #expect(try shell.run(["job", "logs", id, "--follow", "--stdout"]).output == lines)
        #expect(try shell.run(["job", "wait", id]).code == 7)
        return id
    }

    private func jobAgain(_ shell: CommandShell, _ id: String) throws {
        let logs = try shell.run(["job", "logs", id])
        #expect(logs.output.hasSuffix("línea 5 de Ana\n") && logs.error.hasSuffix("aviso 5\n"))
        #expect(try shell.run(["job", "logs", id, "--stderr"]).output == "")
        let shown = try shell.run(["job", "show", id]).output
        for words in ["finished: exit code 7", "contar-letras@1", "resultado.txt  7 bytes", "small, on core "] {
            #expect(shown.contains(words), "\(shown)")
        }
        let list = try shell.run(["job", "list", "--limit", "2"]).output.split(separator: "\n")
        #expect(list.count == 2 && list[0].hasPrefix("\(id)\tcontar-letras@1\tfinished\texit code 7\t"))
        let page = try shell.run(["job", "list", "--limit", "2", "--json"]).json
        #expect((page["jobs"] as? [[String: Any]])?.count == 2 && page["next"] is String)
        #expect(
            try shell.run(["job", "download", id, "--to", shell.path("again")]).output
                == "\(shell.path("again"))/resultado.txt\n")
        #expect(
            try shell.run(["job", "download", id, "--to", shell.path("again")]).error.contains("was there already"))
        try Data("other".utf8).write(to: URL(filePath: shell.path("again/resultado.txt")))
        #expect(try shell.run(["job", "download", id, "--to", shell.path("again")]).code == 1)
        #expect(try shell.run(["job", "download", id, "--to", shell.path("again"), "--overwrite"]).code == 0)
        #expect(try String(contentsOfFile: shell.path("again/resultado.txt"), encoding: .utf8) == "ABEJAS\n")
        // Half of it is there, and of another file at that.
        try FileManager.default.removeItem(atPath: shell.path("again/resultado.txt"))
        for half in ["ABE", "abe", "much longer than the file"] {
            try Data(half.utf8).write(to: URL(filePath: shell.path("again/resultado.txt.part")))
            #expect(try shell.run(["job", "download", id, "--to", shell.path("again"), "--overwrite"]).code == 0)
            #expect(try String(contentsOfFile: shell.path("again/resultado.txt"), encoding: .utf8) == "ABEJAS\n")
        }
        #expect(try shell.run(["job", "download", id, "nada.txt"]).error.contains("it has resultado.txt"))
    }

    private func cancel(_ shell: CommandShell) throws {
        let given = ["--input", "a_quien=Ana", "--file", "archivo=\(shell.path("texto.txt"))", "--input", "turnos=300"]
        // Ctrl-C leaves the job alone.
        let left = try shell.start(["job", "submit", "contar-letras", "--follow"] + given)
        try left.until(output: { $0.contains("línea 1") })
        let id = try #require(left.error.firstMatch(of: /job ([0-9a-z]{20})/).map { String($0.1) })
        left.interrupt()
        let ended = left.end()
        #expect(ended.code == 130 && ended.error.contains("panal job wait \(id)"), "\(ended.error)")
        #expect(try shell.run(["job", "show", id, "--json"]).json["state"] as? String == "running")
        #expect(try shell.run(["job", "wait", id, "--timeout", "1"]).code == 75)
        // Twice cancels it.
        let again = try shell.interruptedTwice(
            ["job", "logs", id, "--follow"], ready: { $0.output.contains("línea 1") })
        #expect(again.code == 130)
        // Of several jobs it is the one that is waited for.
        let first = try shell.run(["job", "submit", "contar-letras", "--wait"] + given.dropLast(2)).output.prefix(20)
        let other = try shell.run(["job", "submit", "contar-letras"] + given).output.prefix(20)
        let both = try shell.start(["job", "wait", String(first), String(other)])
        try both.until(output: { $0.contains("exit code 0") })
        both.interrupt()
        let stopped = both.end()
        #expect(stopped.code == 130 && stopped.error.contains("panal job wait \(other)"), "\(stopped.error)")
        #expect(try shell.run(["job", "cancel", String(other)]).code == 0)
        let waited = try shell.run(["job", "wait", id])
        #expect(waited.code == 130 && waited.output.contains("cancelled"))
        #expect(try shell.run(["job", "cancel", id]).code == 0, "once more is no mistake")
    }

    /// What the jobs so far used; their money is the ledger's own test.
    private func usage(_ shell: CommandShell) throws {
        let table = try shell.run(["usage", "--by", "program,user"])
        let cells = table.output.split(separator: "\n").first?.split(separator: "\t") ?? []
        #expect(cells.prefix(2) == ["contar-letras", "admin"], "\(table.output)\(table.error)")
        #expect(cells.count > 3 && (Int(cells[2]) ?? 0) >= 4)
        #expect(try shell.run(["usage", "--csv"]).output.hasPrefix("month,program,"))
        #expect(try shell.run(["usage", "--json"]).json["total"] is [String: Any])
        #expect(try shell.run(["usage", "--by", "weather"]).code == 77)
        let granted = try shell.run(["credits", "grant", "100", "--user", "admin", "--reason", "a test"])
        #expect(granted.code == 0 && granted.output.contains("Balance"), "\(granted.error)")
        #expect(try shell.run(["credits"]).output.contains("a test"))
    }

    private func keysAndUsers(_ shell: CommandShell, _ server: RunningServer) throws {
        let made = try shell.run(["key", "make", "for CI", "--days", "1"])
        let key = made.output.trimmingCharacters(in: .newlines)
        #expect(made.code == 0 && key.hasPrefix("pnl_"))
        let environment = ["PANAL_URL": server.address, "PANAL_KEY": key]
        #expect(try shell.run(["account", "--json"], environment: environment).json["name"] as? String == "admin")
        let list = try shell.run(["key", "list"]).output
        #expect(list.contains("for CI") && list.contains("this one"))
        let id = try #require(key.split(separator: "_").dropFirst().first.map(String.init))
        #expect(try shell.run(["key", "revoke", id]).output == "\(id) is revoked.\n")
        let refused = try shell.run(["account"], environment: environment)
        #expect(refused.code == 77 && refused.error.contains("sign in again"))
        let added = try shell.run(["user", "add", "zoe"])
        let password = added.output.trimmingCharacters(in: .newlines)
        #expect(added.code == 0 && password.count >= 12)
        let zoe = try CommandShell()
        defer { zoe.remove() }
        let signIn = ["login", server.address, "--user", "zoe", "--password-stdin"]
        #expect(try zoe.run(signIn, input: password).code == 0)
        #expect(try zoe.run(["user", "list"]).code == 77)
        #expect(try shell.run(["user", "disable", "zoe"]).output == "zoe is disabled.\n")
        #expect(try zoe.run(["account"]).code == 77)
        #expect(try shell.run(["user", "enable", "zoe"]).code == 0)
        let fresh = try shell.run(["user", "password", "zoe"]).output.trimmingCharacters(in: .newlines)
        #expect(try zoe.run(signIn, input: password).code == 77)
        #expect(try zoe.run(signIn, input: fresh).code == 0)
        #expect(try shell.run(["user", "disable", "nobody-here"]).error.contains("there is no user"))
    }

    private func expiredKey(_ shell: CommandShell, _ server: RunningServer) async throws {
        let browser = Browser(address: server.address)
        browser.key = try shell.run(["key", "make", "maker"]).output.trimmingCharacters(in: .newlines)
        let made = try await browser.post("/api/v1/keys", json: ["label": "brief", "lifetime": 1])
        try await browser.close()
        let key = try #require(try made.json["secret"] as? String)
        let environment = ["PANAL_URL": server.address, "PANAL_KEY": key]
        var ended = try shell.run(["account"], environment: environment)
        while ended.code == 0 { ended = try shell.run(["account"], environment: environment) }
        #expect(ended.code == 77 && ended.error.contains("not valid (any more)"), "\(ended.error)")
        #expect(ended.error.contains("panal login"))
    }

    private func signOut(_ shell: CommandShell, _ server: RunningServer) throws {
        let key = try #require(try shell.secrets().first)
        #expect(try shell.run(["logout"]).output == "Signed out of here.\n")
        #expect(try shell.run(["server"]).output == "")
        let environment = ["PANAL_URL": server.address, "PANAL_KEY": key]
        #expect(try shell.run(["account"], environment: environment).code == 77, "the key was revoked")
        // One that was given is kept as it was given.
        _ = try shell.run(["login", server.address, "--user", "admin", "--password-stdin"], input: server.password)
        let given = try shell.run(["key", "make", "given"]).output.trimmingCharacters(in: .newlines)
        #expect(
            try shell.run(["login", server.address, "--with-key", "--name", "given"], input: given + "\n").code == 0)
        #expect(try shell.run(["logout", "given"]).code == 0)
        #expect(try shell.run(["account"], environment: ["PANAL_URL": server.address, "PANAL_KEY": given]).code == 0)
    }
}
