import Foundation
import Testing

/// The verbs of `panal` for many jobs at once, for webhooks and keys, and for administrators, against a running service.
@Suite("The client verbs of batches, webhooks and administrators", .serialized)
struct ClientAdministrationTests {
    static let manifest = """
        { "name": "upper", "inputs": [ {"name": "data", "type": "file"}, {"name": "code", "type": "integer", "default": 0},
          {"name": "word", "type": "text", "default": "none"} ] }
        """
    static let program = """
        #!/bin/sh
        { tr a-z A-Z < "$1"; echo "$3"; } > result.txt
        exit $2
        """

    @Test(
        "Batches, webhooks, keys, groups, restrictions, invitations, settings, the audit log, money",
        .timeLimit(.minutes(3)))
    func everyVerb() async throws {
        let server = try await RunningServer(
            try ServerPlace("manage", settings: ["--webhook-networks", "127.0.0.0/8"]))
        defer { server.remove() }
        let shell = try CommandShell()
        defer { shell.remove() }
        let login = try shell.run(
            ["login", server.address, "--name", "here", "--user", "admin", "--password-stdin"], input: server.password)
        #expect(login.code == 0, "\(login.error)")
        let program = try shell.file("upper.sh", Self.program)
        let manifest = try shell.file("manifest.json", Self.manifest)
        #expect(try shell.run(["program", "publish", program, "--manifest", manifest]).code == 0)
        try batches(shell)
        try brokenUpload(shell, server)
        try estimate(shell)
        try webhooks(shell, server)
        try keys(shell, server)
        let ana = try groups(shell)
        try restrictions(shell)
        try invitations(shell, server)
        try settings(shell)
        try money(shell)
        let log = try shell.run(["audit-log", "--limit", "200"]).output
        for words in ["createGroup", "rotateKey", "changeSettings", "admin", ana] {
            #expect(log.contains(words), "\(words): \(log)")
        }
        #expect(try shell.run(["audit-log", "--action", "createGroup"]).output.split(separator: "\n").count == 1)
        let page = try shell.run(["audit-log", "--user", "admin", "--limit", "2", "--json"]).json
        #expect((page["audit"] as? [[String: Any]])?.count == 2)
        for secret in try shell.secrets() { #expect(!shell.everything.contains(secret), "no key is ever printed") }
        #expect(try await server.stop() == 0)
    }

    private func batches(_ shell: CommandShell) throws {
        for name in ["a", "b"] { _ = try shell.file("\(name).txt", "text of \(name)\n") }
        let (a, b) = (shell.path("a.txt"), shell.path("b.txt"))
        let table = try shell.file("in.csv", "data,code,word\r\n\(a),,\"one, two\"\r\n\(b),3,\r\n\(a),0,\r\n")
        let results = shell.path("results")
        let ended = try shell.run(
            ["batch", "submit", "upper", table, "--input", "word=all", "--download", results])
        #expect(ended.code == 3, "that of the first that did not end well: \(ended.error)")
        let rows = ended.output.split(separator: "\n").map { $0.split(separator: "\t") }
        #expect(
            rows.map { $0.first } == ["1", "2", "3"]
                && rows.map { $0.last } == ["exit code 0", "exit code 3", "exit code 0"])
        let texts = try (1...3).map { try String(contentsOfFile: "\(results)/\($0)/result.txt", encoding: .utf8) }
        #expect(texts == ["TEXT OF A\none, two\n", "TEXT OF B\nall\n", "TEXT OF A\nall\n"])

        let lines = try shell.file("in.jsonl", "{\"data\": \"\(a)\", \"word\": \"x\"}\n\n{\"data\": \"\(b)\"}\n")
        let id = try shell.run(["batch", "submit", "upper", lines]).output.trimmingCharacters(in: .newlines)
        #expect(id.count == 20)
        #expect(try shell.run(["batch", "wait", id]).code == 0)
        let shown = try shell.run(["batch", "show", id, "--json"]).json
        #expect(shown["final"] as? Bool == true && (shown["results"] as? [Any])?.count == 2)

        let wrong = try shell.run(
            ["batch", "submit", "upper", "-", "--format", "csv"], input: "data,coda\n\(a),x\n\(b),1\n")
        #expect(wrong.code == 77 && wrong.output == "")
        for words in [
            "nothing was sent", "line 2: coda: the program has no such input; did you mean code?", "line 3: coda",
        ] {
            #expect(wrong.error.contains(words), "\(wrong.error)")
        }
        let missing = try shell.run(
            ["batch", "submit", "upper", "-", "--format", "json"], input: #"{"data": "/nothing"}"#)
        #expect(
            missing.code == 1 && missing.error.contains("/nothing cannot be read: No such file"), "\(missing.error)")
        #expect(try shell.run(["batch", "submit", "upper", "-"]).code == 64)
        #expect(try shell.run(["batch", "show", "01k8zq4m3rh7x2c5w9ta"]).code == 77)
    }

    /// A file whose upload breaks off again and again arrives whole.
    private func brokenUpload(_ shell: CommandShell, _ server: RunningServer) throws {
        let text = (0..<300_000).map { "line \($0)\n" }.joined()
        let file = try shell.file("large.txt", text)
        let table = try shell.file("large.csv", "data\n\(file)\n")
        let proxy = try CuttingProxy(to: server.address, requestLimit: { $0 < 3 ? 900_000 : .max })
        defer { proxy.close() }
        let place = shell.path("large")
        let ended = try shell.run(
            ["batch", "submit", "upper", table, "--download", place],
            environment: ["PANAL_URL": proxy.address, "PANAL_KEY": try #require(try shell.secrets().first)])
        #expect(ended.code == 0 && ended.error.contains("trying again"), "\(ended.error)")
        #expect(proxy.broken >= 3)
        #expect(try String(contentsOfFile: "\(place)/1/result.txt", encoding: .utf8) == text.uppercased() + "none\n")
    }

    private func estimate(_ shell: CommandShell) throws {
        let file = "data=\(shell.path("a.txt"))"
        let taken = try shell.run(["job", "submit", "upper", "--file", file, "--dry-run"])
        #expect(taken.code == 0 && taken.output.contains(/Would be +taken\n/), "\(taken.output)\(taken.error)")
        let refused = try shell.run(["job", "submit", "upper", "--file", file, "--profile", "none", "--dry-run"])
        #expect(refused.code == 77, "\(refused.output)\(refused.error)")
    }

    /// Nobody listens there: what comes of it is told.
    private func webhooks(_ shell: CommandShell, _ server: RunningServer) throws {
        let gone = try CuttingProxy(to: server.address)
        gone.close()
        let address = "\(gone.address)/hook"
        let made = try shell.run(["webhook", "add", address, "--event", "job.failed"])
        #expect(made.code == 0 && made.output.hasPrefix("whsec_"), "\(made.error)")
        let id = try #require(made.error.firstMatch(of: /webhook ([0-9a-z]{20});/).map { String($0.1) })
        #expect(try shell.run(["webhook"]).output.hasPrefix("\(id)\t\(address)\tjob.failed\t"))
        let tested = try shell.run(["webhook", "test", id])
        #expect(
            tested.code == 75 && tested.output.hasPrefix("msg_") && tested.output.contains("next try in"), "\(tested)")
        let log = try shell.run(["webhook", "deliveries", id]).output
        #expect(log.contains("\twebhook.test\t") && log.contains("\twaiting\t1\t"), "\(log)")
        #expect(try shell.run(["webhook", "callback-secret"]).output.hasPrefix("whsec_"))
        #expect(try shell.run(["webhook", "delete", id]).output == "\(id) is ended.\n")
        #expect(try shell.run(["webhook", "test", id]).code == 77)
        #expect(try shell.run(["webhook", "add", "http://10.0.0.1/"]).error.contains("not on the public internet"))
    }

    private func keys(_ shell: CommandShell, _ server: RunningServer) throws {
        let made = try shell.run(["key", "make", "reader", "--scope", "read"]).output.trimmingCharacters(in: .newlines)
        let id = try #require(made.split(separator: "_").dropFirst().first.map(String.init))
        #expect(try shell.run(["key", "list"]).output.contains("reader"))
        let reader = ["PANAL_URL": server.address, "PANAL_KEY": made]
        #expect(try shell.run(["job", "list"], environment: reader).code == 0)
        let refused = try shell.run(["webhook", "callback-secret"], environment: reader)
        #expect(refused.code == 77 && refused.error.contains("account"), "\(refused.error)")
        #expect(try shell.run(["key", "make", "x", "--scope", "everything"]).code == 64)
        let rotated = try shell.run(["key", "rotate", id]).output.trimmingCharacters(in: .newlines)
        #expect(rotated.hasPrefix("pnl_\(id)_") && rotated != made)
        #expect(try shell.run(["job", "list"], environment: reader).code == 77)
        let renewed = ["PANAL_URL": server.address, "PANAL_KEY": rotated]
        #expect(try shell.run(["job", "list"], environment: renewed).code == 0)
        // One's own is kept, not printed, and goes on being good.
        let before = try shell.secrets()
        let own = try shell.run(["key", "rotate"])
        #expect(own.code == 0 && own.output.hasPrefix("The key of here has a new secret"), "\(own.error)")
        let after = try shell.secrets().subtracting(before)
        let fresh = try #require(after.first)
        #expect(after.count == 1 && !own.output.contains(fresh))
        #expect(try shell.run(["account"]).code == 0)
        let old = ["PANAL_URL": server.address, "PANAL_KEY": try #require(before.first)]
        #expect(try shell.run(["account"], environment: old).code == 77)
    }

    private func groups(_ shell: CommandShell) throws -> String {
        #expect(try shell.run(["user", "add", "ana"]).code == 0)
        let made = try shell.run([
            "group", "add", "images", "--label", "Pictures", "--share", "2", "--queued-jobs", "9",
        ])
        #expect(made.code == 0 && made.output.contains("Share         2\n"), "\(made.output)\(made.error)")
        #expect(
            try shell.run(["group", "join", "images", "ana", "admin"]).output
                == "ana is in images.\nadmin is in images.\n")
        let shown = try shell.run(["group", "show", "images"]).output
        #expect(shown.hasSuffix("Members: ana, admin\n") && shown.contains("Waiting jobs  9 at most"), "\(shown)")
        #expect(
            try shell.run(["group", "change", "images", "--queued-jobs", "none"]).output.contains("Waiting") == false)
        #expect(try shell.run(["group", "change", "images"]).code == 64)
        #expect(try shell.run(["group", "leave", "images", "admin"]).code == 0)
        #expect(try shell.run(["group"]).output.hasPrefix("images\tPictures\t2\t"))
        let unknown = try shell.run(["group", "join", "image", "ana"])
        #expect(unknown.code == 77 && unknown.error.contains("there are images"), "\(unknown.error)")
        #expect(try shell.run(["user", "role", "ana", "administrator"]).output == "ana is administrator.\n")
        #expect(try shell.run(["user", "role", "ana", "user"]).output == "ana is user.\n")
        #expect(try shell.run(["user", "role", "ana", "king"]).code == 77)
        return "members"
    }

    private func restrictions(_ shell: CommandShell) throws {
        #expect(try shell.run(["restriction", "show", "--user", "ana"]).output == "Nothing is restricted.\n")
        let set = try shell.run(
            [
                "restriction", "set", "--group", "images", "--profile", "small", "--running-cores", "1", "--stored",
                "2GiB",
            ])
        #expect(
            set.output == "Profiles       small\nRunning cores  1 at most\nStored         2 GiB at most\n",
            "\(set.error)")
        let rights = try shell.run(["user", "show", "ana"]).output
        #expect(
            rights.contains("Groups         images\nProfiles       small\n") && rights.contains(" of 2 GiB"),
            "\(rights)")
        #expect(try shell.run(["restriction", "set", "--user", "ana", "--stored", "2 bytes or so"]).code == 64)
        #expect(try shell.run(["restriction", "set", "--user", "ana", "--profile", "nothing"]).code == 77)
        #expect(try shell.run(["restriction", "show"]).code == 64)
        #expect(try shell.run(["restriction", "clear", "--group", "images"]).code == 0)
        #expect(try shell.run(["group", "delete", "images"]).output == "images is deleted.\n")
    }

    private func invitations(_ shell: CommandShell, _ server: RunningServer) throws {
        let made = try shell.run(["invitation", "add", "Bob of the laboratory", "--days", "2"])
        #expect(made.output.hasPrefix("\(server.address)/sign-up#"), "\(made.error)")
        let id = try #require(made.error.firstMatch(of: /invitation ([0-9a-z]{20});/).map { String($0.1) })
        #expect(try shell.run(["invitation"]).output.hasPrefix("\(id)\tBob of the laboratory\tuser\t"))
        #expect(try shell.run(["invitation", "revoke", id]).output == "\(id) is taken back.\n")
        #expect(try shell.run(["invitation", "add", "x", "--group", "none"]).code == 77)
    }

    private func settings(_ shell: CommandShell) throws {
        let set = try shell.run(["setting", "set", "signUp=invitation", "sessionLifetime=7200"])
        #expect(set.code == 0 && set.output.contains("signUp\tinvitation\t"), "\(set.output)\(set.error)")
        #expect(set.output.contains("sessionLifetime\t7200\t"))
        #expect(try shell.run(["setting", "set", "signup=open"]).error.contains("did you mean signUp?"))
        #expect(try shell.run(["setting", "set", "signUp=sometimes"]).code == 77)
        #expect(try shell.run(["setting", "set", "signUp"]).code == 1)
        #expect(try shell.run(["setting", "reset", "signUp", "sessionLifetime"]).code == 0)
        #expect(try shell.run(["setting", "list"]).output.contains("sessionLifetime\t7200\t") == false)
    }

    private func money(_ shell: CommandShell) throws {
        let set = try shell.run(["credits", "budget", "50", "--user", "ana"])
        #expect(set.code == 0 && set.output.contains("50 a month"), "\(set.output)\(set.error)")
        #expect(try shell.run(["credits", "accounts"]).output.contains("ana\t0\t"))
        #expect(try shell.run(["credits", "budget", "none", "--user", "ana"]).output.contains("Budget") == false)
        #expect(try shell.run(["credits", "payer", "nobody", "yes"]).code == 77)
        let items = try shell.file("costs.json", #"{"items": [{"name": "server", "unit": "month", "price": "40"}]}"#)
        #expect(try shell.run(["costs", "set", items]).output.hasPrefix("server\tmonth\t40\t1\t"))
        #expect(try shell.run(["costs"]).output.contains(/Cost +40\n/))
        let values = try shell.run(["costs", "--csv"]).output
        #expect(values.hasPrefix("month,profile,jobs,core_seconds,earned,cost\r\n") && values.contains(",small,"))
        #expect(try shell.run(["costs", "items", "--json"]).json["items"] != nil)
    }
}
