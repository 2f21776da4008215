import ArgumentParser
import FoundationEssentials
import NIOHTTP1
import PanalClient
import PanalCore

struct ProgramCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "program", abstract: "Publish programs on a server, and look at what is there.",
        subcommands: [
            Publish.self, ProgramRunCommand.self, List.self, Show.self, ProgramVersionsCommand.self,
            ProgramDownloadCommand.self, ProgramFavouriteCommand.self, Withdraw.self,
        ])

    /// Whose address names a program, and perhaps one of its versions.
    static func path(_ name: String, _ rest: String = "", version: Int? = nil) -> String {
        "/api/v1/programs/\(PercentCoding.encoded(name))\(rest)"
            + ClientRequest.query(["version": version.map(String.init)])
    }

    /// A list of programs.
    static func table(_ answer: JSONValue) throws -> String {
        var table = Table([
            .fixed("name"), .flexible("label"), .fixed("owner"), .number("version"), .number("published").optional,
            .fixed("for").optional,
        ])
        for entry in try answer.list("programs") {
            table.add([
                entry["name"]?.text ?? "", entry["label"]?.text ?? "", entry["owner"]?.text ?? "",
                entry["latest"]?.integer.map(String.init) ?? "", Humane.age(of: entry["published"]?.moment),
                entry["public"]?.flag == true ? "everybody" : "owner",
            ])
        }
        return table.text(width: Terminal.width)
    }

    struct Publish: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Publish a program, or a new version of it.",
            discussion: """
                PROGRAM is an executable, a script, an archive (.zip, .tar, .tar.gz) or a folder, which is sent as an archive. \
                The same content with the same manifest is the version that is there already.
                """)

        @Argument(help: "Executable, script, archive or folder.", completion: .file())
        var program: String

        @Option(
            help: "The manifest; manifest.json in the folder when it is not given.",
            completion: .file(extensions: ["json"]))
        var manifest: String?

        @Flag(name: .customLong("public"), help: "Every user of the server may run it.")
        var isPublic = false

        @OptionGroup var server: ServerOptions

        func run() async throws {
            let isFolder = Installation.isFolder(program)
            guard let manifest = manifest ?? (isFolder ? "\(program)/manifest.json" : nil) else {
                throw CommandFailure("which manifest? name it with --manifest FILE")
            }
            let choice = try server.choice
            let client = try server.client
            let archive = isFolder ? try FolderArchive(of: program) : nil
            defer { archive?.remove() }
            let file = archive?.path ?? program
            let name = file.split(separator: "/").last.map(String.init) ?? file
            var parts = [
                FormPart(name: "manifest", fileName: "manifest.json", mediaType: "application/json", file: manifest),
                FormPart(name: "program", fileName: name, file: file),
            ]
            if isPublic { parts.append(FormPart(name: "public", text: "true")) }
            let upload = try Upload(parts, label: name, isShown: !server.json)
            var request = ClientRequest(.POST, "/api/v1/programs", body: .form(upload.form))
            // The same content again is the version that is there already.
            request.isRepeatable = true
            request.takesLong = true
            let answer = try await upload.while { try await client.send(request) }
            try server.show(answer) { entry in
                let version = entry["version"]?.integer.map { " version \($0)" } ?? ""
                let wasThere = answer.status == 200 ? " (it was there already)" : ""
                return
                    "\(try entry.text("name"))\(version)\(wasThere): \(choice.address)/programs/\(try entry.text("name"))\n"
            }
        }
    }

    struct Withdraw: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a program of yours away, or one of its versions.",
            discussion: """
                Nobody can run it then; jobs that were submitted come to their end, and their history stays. Publishing the same again \
                brings it back.

                  panal program withdraw filter --version 3
                  panal program withdraw filter --all
                """)

        @Argument(help: "Its name.", completion: .custom { _, _, prefix in await Completions.programs(prefix) })
        var program: String

        @Option(help: "This version alone.")
        var version: Int?

        @Flag(help: "All of its versions.")
        var all = false

        @OptionGroup var server: ServerOptions

        func validate() throws {
            guard (version == nil) == all else { throw ValidationError("--version NUMBER or --all: one of them") }
        }

        func run() async throws {
            let part = version.map { "/versions/\($0)" } ?? ""
            let request = ClientRequest(.DELETE, ProgramCommand.path(program, part))
            let what = version.map { "Version \($0) of \(program)" } ?? program
            try await server.carryOut(request, try server.client, "\(what) is withdrawn.")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the programs that you may run.")

        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.showAll("programs", of: "/api/v1/programs", ProgramCommand.table)
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a program and its inputs.",
            discussion:
                "With --json the program's document; --schema prints the JSON Schema of its inputs, --manifest its manifest."
        )

        @Argument(help: "Its name.", completion: .custom { _, _, prefix in await Completions.programs(prefix) })
        var program: String

        @Option(help: "One of its versions; the newest when it is not given.")
        var version: Int?

        @Flag(help: "Print the JSON Schema of its inputs.")
        var schema = false

        @Flag(help: "Print its manifest as it was published.")
        var manifest = false

        @OptionGroup var server: ServerOptions

        func run() async throws {
            let client = try server.client
            if schema || manifest {
                let answer = try await client.get(
                    ProgramCommand.path(program, manifest ? "/manifest" : "/schema", version: version))
                StandardOutput.write(answer.body)
                if answer.body.last != 10 { StandardOutput.write("\n") }
                return
            }
            let answer = try await client.get(ProgramCommand.path(program, version: version))
            guard !server.json else { return try server.show(answer) { _ in "" } }
            let entry = try answer.document
            let inputs = try await client.get(ProgramCommand.path(program, "/schema", version: version)).document
            StandardOutput.write(Self.text(entry, inputs: inputs))
        }

        static func text(_ entry: JSONValue, inputs: JSONValue) -> String {
            var details = Details()
            details.add("Name", entry["name"]?.text)
            details.add("Label", entry["label"]?.text)
            details.add("About", entry["description"]?.text)
            details.add("Owner", entry["owner"]?.text)
            details.add("For", entry["public"]?.flag == true ? "everybody" : "its owner")
            let latest = entry["latest"]?.integer ?? 0
            details.add("Version", entry["version"]?.integer.map { $0 == latest ? "\($0)" : "\($0) of \(latest)" })
            details.add("Published", Humane.moment(entry["published"]?.moment))
            details.add("Size", entry["bytes"]?.integer.map(ByteCount.text))
            details.add("Started as", entry["entry"]?.text)
            details.add("Tests", entry["tests"].map(tests))
            var text = details.text()
            var table = Table([
                .fixed("input"), .fixed("kind"), .flexible("label"), .fixed("default").optional,
                .flexible("about").optional,
            ])
            for (name, field) in (inputs["properties"]?.members ?? [:]).sorted(by: { $0.key < $1.key }) {
                table.add(row(name, field, required: inputs["required"]?.list ?? []))
            }
            if !table.rows.isEmpty { text += "\n" + table.text(width: Terminal.width) }
            return text
        }

        private static func tests(_ record: JSONValue) -> String {
            let age = Humane.age(of: record["at"]?.moment)
            guard record["passed"]?.flag == false else { return "passed (\(age))" }
            let failures = (record["failures"]?.list ?? []).map { failure in
                "\n  \(failure["pointer"]?.text ?? ""): \(failure["detail"]?.text ?? "")"
            }
            return "failed (\(age)):" + failures.joined()
        }

        private static func row(_ name: String, _ field: JSONValue, required: [JSONValue]) -> [String] {
            let item = field["items"] ?? field
            var kind =
                item["format"]?.text == "binary"
                ? "file" : item["enum"] != nil ? "choice" : item["format"]?.text ?? item["type"]?.text ?? "json"
            if field["items"] != nil { kind += " list" }
            if required.contains(.string(name)) { kind += ", required" }
            let choices = item["enum"]?.list?.map(plain).joined(separator: " | ")
            let about = [field["description"]?.text, choices].compactMap(\.self).joined(separator: "; ")
            return [name, kind, field["title"]?.text ?? "", field["default"].map(plain) ?? "", about]
        }

        private static func plain(_ value: JSONValue) -> String {
            value.text ?? (try? value.serialized()).map { String(decoding: $0, as: UTF8.self) } ?? ""
        }
    }
}

/// A form on its way, with its progress shown.
struct Upload {
    let form: MultipartForm
    private let display: ProgressDisplay

    init(_ parts: [FormPart], label: String, isShown: Bool) throws {
        let display = ProgressDisplay(isOn: isShown)
        self.display = display
        let total = try MultipartForm(parts).length
        form = try MultipartForm(parts) { sent in
            if sent < total {
                display.transfer(label, done: Int(sent), total: Int(total))
            } else {
                display.say("\(label) is sent; the server looks at it")
            }
        }
    }

    func `while`<Result>(_ body: () async throws -> Result) async throws -> Result {
        defer { display.clear() }
        return try await body()
    }
}
