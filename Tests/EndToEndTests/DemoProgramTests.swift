import Foundation
import Testing

/// The three programs of the documents that Panal grew out of: published from their manifests alone, used by form, curl and command
/// line, in both languages.
@Suite("The demo programs by every face", .serialized)
struct DemoProgramTests {
    private struct Demo: Sendable {
        var name: String
        /// What one of its files begins with, when it has run with its sample.
        var result: (file: String, start: String)
        /// A field that is given wrongly.
        var wrong: (field: String, value: String)

        var folder: URL { ServerPlace.root.appending(path: "Demos/\(name)") }

        /// By field, as the sample has them; a file's begins with `@` and is a path.
        func fields() throws -> [(name: String, value: String)] {
            let sample = folder.appending(path: "sample")
            let text = try String(contentsOf: sample.appending(path: "fields"), encoding: .utf8)
            return text.split(separator: "\n").map { line in
                let parts = line.split(separator: "=", maxSplits: 1).map(String.init)
                guard parts[1].hasPrefix("@") else { return (parts[0], parts[1]) }
                return (parts[0], "@" + sample.appending(path: String(parts[1].dropFirst())).path())
            }
        }
    }

    private static let demos = [
        Demo(name: "filter", result: ("filtered.png", "\u{89}PNG"), wrong: ("tamano_de_filtro", "")),
        Demo(name: "convert-audio", result: ("converted.ogg", "OggS"), wrong: ("start", "-1")),
        Demo(name: "parallel", result: ("cores.svg", "<svg"), wrong: ("size", "1")),
    ]

    /// A language, and words of it that a form, a mistake in it, and a job that has ended show.
    private static let languages = [
        ("en", "Run", "Some fields need another look."), ("es", "Ejecutar", "Hay campos que revisar."),
    ]

    @Test("Published, and used by form, curl and command line in English and Spanish", .timeLimit(.minutes(5)))
    func allFaces() async throws {
        let server = try await RunningServer(try ServerPlace("demos"))
        defer { server.remove() }
        let shell = try CommandShell()
        defer { shell.remove() }
        try shell.signIn(to: server)
        let key = try await Browser(address: server.address).makeKey(password: server.password)
        let jar = try await signIn(shell, server)
        for demo in Self.demos {
            let folder = shell.path("publish-\(demo.name)")
            try FileManager.default.copyItem(atPath: demo.folder.path(), toPath: folder)
            if FileManager.default.fileExists(atPath: folder + "/build.sh") {
                let built = try RunningCommand(["/bin/sh", folder + "/build.sh"], input: "", environment: environment)
                    .end()
                #expect(built.code == 0, "\(built.error)")
            }
            let published = try shell.run(["program", "publish", folder])
            #expect(published.code == 0 && published.output.hasPrefix("\(demo.name) version 1"), "\(published.error)")
            var results: Set<Data> = []
            for (language, run, correct) in Self.languages {
                let form = Form(shell: shell, server: server, jar: jar, language: language)
                try results.insert(useForm(demo, form, run: run, correct: correct, key: key))
                try results.insert(useInterface(demo, form, key: key))
                try results.insert(useCommand(demo, shell, language))
            }
            // The same picture, however it was asked for. The other two write who did how much, or a number of chance.
            #expect(demo.name != "filter" || results.count == 1)
        }
        #expect(try await server.stop() == 0)
    }

    private let environment = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"]

    /// Whoever fills a form in, by curl.
    private struct Form {
        var shell: CommandShell
        var server: RunningServer
        var jar: String
        var language: String

        func curl(_ arguments: [String]) throws -> Data {
            let words =
                ["/usr/bin/curl", "-sS", "--max-time", "100", "-H", "Accept-Language: \(language)"] + arguments
            let ended = try RunningCommand(words, input: "", environment: [:]).end()
            #expect(ended.code == 0, "\(arguments): \(ended.error)")
            return ended.bytes
        }

        func text(_ arguments: [String]) throws -> String { String(decoding: try curl(arguments), as: UTF8.self) }

        var asPerson: [String] { ["-b", jar, "-c", jar] }
    }

    private func signIn(_ shell: CommandShell, _ server: RunningServer) async throws -> String {
        let form = Form(shell: shell, server: server, jar: shell.path("jar"), language: "en")
        let page = try form.text(form.asPerson + [server.address + "/sign-in"])
        let token = try #require(Browser.Answer(status: 200, location: nil, text: page).token)
        let fields = ["_csrf": token, "name": "admin", "password": server.password, "return": "/programs"]
        let status = try form.text(
            form.asPerson + ["-o", "/dev/null", "-w", "%{http_code}"]
                + fields.flatMap { ["--data-urlencode", "\($0.key)=\($0.value)"] } + [server.address + "/sign-in"])
        #expect(status == "303")
        return form.jar
    }

    private func useForm(_ demo: Demo, _ form: Form, run: String, correct: String, key: String) throws -> Data {
        let address = "\(form.server.address)/programs/\(demo.name)"
        let page = try form.text(form.asPerson + [address])
        #expect(page.contains("<html lang=\"\(form.language)\"") && page.contains(">\(run)<"), "\(demo.name)")
        let token = try #require(Browser.Answer(status: 200, location: nil, text: page).token)
        var fields = try demo.fields()
        let right = fields
        fields.removeAll { $0.name == demo.wrong.field }
        func send(_ fields: [(name: String, value: String)], _ more: [String]) throws -> String {
            try form.text(
                form.asPerson + ["-F", "_csrf=\(token)"] + fields.flatMap { ["-F", "\($0.name)=\($0.value)"] } + more
                    + [address])
        }
        let refused = try send(fields + [(demo.wrong.field, demo.wrong.value)], ["-w", "\n%{http_code}"])
        #expect(refused.hasSuffix("\n422") && refused.contains(correct), "\(demo.name) \(form.language)")
        let job = try #require(
            try send(right, ["-o", "/dev/null", "-w", "%{redirect_url}"]).split(separator: "/").last.map(String.init))
        let ended = try form.text(
            [
                "-H", "Authorization: Bearer \(key)", "-H", "Prefer: wait=60",
                form.server.address + "/api/v1/jobs/\(job)",
            ])
        #expect(ended.contains(#""state":"finished""#), "\(ended)")
        let shown = try form.text(form.asPerson + [form.server.address + "/jobs/\(job)"])
        #expect(shown.contains("<html lang=\"\(form.language)\"") && shown.contains(demo.result.file))
        return try checked(
            form.curl(form.asPerson + ["\(form.server.address)/jobs/\(job)/files/\(demo.result.file)"]), demo)
    }

    private func useInterface(_ demo: Demo, _ form: Form, key: String) throws -> Data {
        let programs = "\(form.server.address)/api/v1/programs/\(demo.name)/jobs"
        let authorisation = ["-H", "Authorization: Bearer \(key)"]
        let ended = try form.text(
            authorisation + ["-H", "Prefer: wait=60"] + demo.fields().flatMap { ["-F", "\($0.name)=\($0.value)"] }
                + [programs])
        let document = try #require(try JSONSerialization.jsonObject(with: Data(ended.utf8)) as? [String: Any])
        #expect(document["state"] as? String == "finished", "\(ended)")
        let job = try #require(document["id"] as? String)
        return try checked(
            form.curl(
                authorisation + ["\(form.server.address)/api/v1/jobs/\(job)/files/\(demo.result.file)"]), demo)
    }

    private func useCommand(_ demo: Demo, _ shell: CommandShell, _ language: String) throws -> Data {
        let folder = shell.path("\(demo.name)-\(language)")
        let given = try demo.fields().flatMap { field in
            field.value.hasPrefix("@")
                ? ["--file", "\(field.name)=\(field.value)"] : ["--input", "\(field.name)=\(field.value)"]
        }
        let ended = try shell.run(
            ["job", "submit", demo.name, "--download", folder] + given,
            environment: ["LANG": language == "es" ? "es_ES.UTF-8" : "en_US.UTF-8"])
        #expect(ended.code == 0, "\(ended.error)")
        return try checked(Data(contentsOf: URL(filePath: "\(folder)/\(demo.result.file)")), demo)
    }

    private func checked(_ bytes: Data, _ demo: Demo) throws -> Data {
        let start = demo.result.start.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
        #expect(bytes.count > 200 && bytes.starts(with: start), "\(demo.name): \(bytes.count) bytes")
        return bytes
    }
}
