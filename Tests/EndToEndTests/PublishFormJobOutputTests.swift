import Foundation
import Testing

/// The built service from outside: publish, form, job, output, and nothing left when it has been stopped.
@Suite("The whole way through the built service", .serialized)
struct PublishFormJobOutputTests {
    private static let manifest = """
        { "name": "Contar letras",
          "inputs": [ {"name": "a quién", "type": "text"}, {"name": "archivo de entrada", "type": "file"} ],
          "outputs": [ {"name": "resultado", "path": "resultado.txt", "type": "text"} ] }
        """
    private static let program = """
        #!/bin/sh
        echo "hola $1"
        echo "aviso" >&2
        tr a-z A-Z < "$2" > resultado.txt
        id -u >> resultado.txt
        """

    /// Without its launcher a server can run nothing, and it has given up what it takes to make a new one: it ends, and the
    /// next one takes away what the launcher left.
    @Test("The launcher dies: the server ends, the next one sweeps", .timeLimit(.minutes(2)))
    func launcherDies() async throws {
        let place = try ServerPlace("e2e")
        defer { place.remove() }
        let server = try await RunningServer(place)
        defer { server.remove() }
        #expect(try await server.loseLauncher() == 1)
        let next = try await RunningServer(place)
        defer { next.remove() }
        #expect(try await next.stop() == 0)
        let left = try place.leftovers()
        #expect(left == [])
    }

    @Test("Sign in, make a key, publish, fill the form, read the result, stop", .timeLimit(.minutes(2)))
    func wholeWay() async throws {
        let server = try await RunningServer(try ServerPlace("e2e"))
        defer { server.remove() }
        let browser = Browser(address: server.address)
        let client = Browser(address: server.address)
        do {
            try await refusesStrangers(browser)
            client.key = try await signIn(browser, password: server.password)
            try await publish(client)
            let job = try await submitForm(browser)
            try await readResult(browser, client, job: job)
            try await submitByInterface(client)
            try takeTheLoadAway(server, key: try #require(client.key))
        } catch {
            try? await browser.close()
            try? await client.close()
            throw error
        }
        try await browser.close()
        try await client.close()
        let there = try server.place.leftovers()
        #expect(!there.isEmpty, "a running service is found by the search for what is left")
        #expect(try await server.stop() == 0, "SIGTERM ends the service in good order")
        let left = try server.place.leftovers()
        #expect(left == [])
        // What was kept is kept for the next start, readable by the service's user only.
        let attributes = try FileManager.default.attributesOfItem(atPath: server.place.data.path())
        #expect(attributes[.posixPermissions] as? Int == 0o700)
    }

    private func refusesStrangers(_ browser: Browser) async throws {
        #expect(try await browser.get("/healthz").status == 200)
        let page = try await browser.get("/programs")
        #expect(page.status == 303)
        #expect(page.location?.hasPrefix("/sign-in") == true)
        #expect(try await browser.get("/api/v1/programs").status == 401)
    }

    /// Signs in as the page does, and not with what is wrong, and makes a key on the account page.
    private func signIn(_ browser: Browser, password: String) async throws -> String {
        let page = try await browser.get("/sign-in")
        let token = try #require(page.token)
        let wrong = try await browser.post(
            "/sign-in", fields: ["_csrf": token, "name": "admin", "password": "not this", "return": "/"])
        #expect(wrong.status == 401)
        let foreign = try await browser.post(
            "/sign-in", fields: ["_csrf": "forged", "name": "admin", "password": password, "return": "/"])
        #expect(foreign.status == 403)
        return try await browser.makeKey(password: password, scopes: "read jobs programs administration")
    }

    private func publish(_ client: Browser) async throws {
        let answer = try await client.post(
            "/api/v1/programs", fields: [:],
            files: ["manifest": ("manifest.json", Self.manifest), "program": ("contar.sh", Self.program)])
        #expect(answer.status == 201, "\(answer.text)")
        #expect(try answer.json["name"] as? String == "contar-letras")
        #expect(try answer.json["version"] as? Int == 1)
    }

    /// Fills the form that the page shows; the address of the job's page.
    private func submitForm(_ browser: Browser) async throws -> String {
        let form = try await browser.get("/programs/contar-letras")
        #expect(form.status == 200)
        #expect(form.text.contains("a quién"))
        #expect(form.text.contains(#"name="a_quien""#))
        #expect(form.text.contains(#"name="archivo_de_entrada" type="file""#))
        let missing = try await browser.post(
            "/programs/contar-letras", fields: ["_csrf": try #require(form.token), "a_quien": "Ana"], files: [:])
        #expect(missing.status == 422, "a form without its file is shown again")
        let sent = try await browser.post(
            "/programs/contar-letras",
            fields: ["_csrf": try #require(form.token), "a_quien": "Ana; $(id)", "_profile": "small"],
            files: ["archivo_de_entrada": ("texto.txt", "abejas\n")])
        #expect(sent.status == 303, "\(sent.text)")
        let location = try #require(sent.location)
        #expect(location.hasPrefix("/jobs/"))
        return String(location.dropFirst("/jobs/".count))
    }

    private func readResult(_ browser: Browser, _ client: Browser, job: String) async throws {
        var state = try await client.get("/api/v1/jobs/\(job)").json
        for _ in 0..<300 where state["final"] as? Bool != true {
            try await Task.sleep(for: .milliseconds(100))
            state = try await client.get("/api/v1/jobs/\(job)").json
        }
        #expect(state["state"] as? String == "finished")
        #expect((state["outcome"] as? [String: Any])?["code"] as? Int == 0)
        #expect((state["cores"] as? [Int])?.count == 1)
        #expect(try await client.get("/api/v1/jobs/\(job)/stdout").text == "hola Ana; $(id)\n")
        #expect(try await client.get("/api/v1/jobs/\(job)/stderr").text == "aviso\n")
        let result = try await browser.get("/jobs/\(job)/files/resultado.txt")
        #expect(result.status == 200)
        let lines = result.text.split(separator: "\n")
        #expect(lines.first == "ABEJAS")
        let user = try #require(lines.last.flatMap { Int($0) })
        #expect(user > 65_536, "the program ran as a user of its own")
        let page = try await browser.get("/jobs/\(job)")
        #expect(page.status == 200)
        #expect(page.text.contains("resultado.txt"))
        let events = try await client.get("/api/v1/jobs/\(job)/events").json["events"] as? [[String: Any]]
        #expect(events?.first?["state"] as? String == "queued")
        #expect(events?.last?["state"] as? String == "finished")
    }

    /// The same by one request that waits for its answer.
    /// The queue by the command line, and the jobs so far as a trace that can be replayed.
    private func takeTheLoadAway(_ server: RunningServer, key: String) throws {
        func panal(_ arguments: [String]) throws -> (code: Int32, output: String) {
            let process = Process()
            process.executableURL = RunningServer.products.appending(path: "panal")
            process.arguments = arguments
            process.environment = ["PANAL_URL": server.address, "PANAL_KEY": key]
            let output = Pipe()
            process.standardOutput = output
            process.standardError = FileHandle.nullDevice
            try process.run()
            let text = try output.fileHandleForReading.readToEnd() ?? Data()
            process.waitUntilExit()
            return (process.terminationStatus, String(decoding: text, as: UTF8.self))
        }
        let queue = try panal(["queue"])
        #expect(queue.code == 0)
        #expect(queue.output.hasPrefix("0 running, 0 waiting, 0% of the cores given out"))
        #expect(queue.output.contains("started"), "an administrator sees the last decisions")
        let trace = try panal(["trace", "export"])
        #expect(trace.code == 0)
        #expect(trace.output.split(separator: "\n").count == 3, "a head and two jobs: \(trace.output)")
        let file = FileManager.default.temporaryDirectory.appending(path: "panal-trace-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(trace.output.utf8).write(to: file)
        let replay = try panal(["simulate", file.path(), "--policy", "all"])
        #expect(replay.code == 0)
        #expect(replay.output.contains("jobs: 2, hosts: 1") && replay.output.contains("singleton"))
        #expect(try panal(["trace", "export", "--since", "yesterday"]).code == 64)
    }

    private func submitByInterface(_ client: Browser) async throws {
        let answer = try await client.post(
            "/api/v1/programs/contar-letras/jobs", fields: ["a_quien": "Luz"],
            files: ["archivo_de_entrada": ("b.txt", "colmena")], headers: ["Prefer": "wait=30"])
        #expect(answer.status == 200, "\(answer.text)")
        #expect(try answer.json["state"] as? String == "finished")
        let id = try #require(try answer.json["id"] as? String)
        #expect(try await client.get("/api/v1/jobs/\(id)/stdout").text == "hola Luz\n")
    }
}
