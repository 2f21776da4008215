import ArgumentParser
import FoundationEssentials
import PanalCore

struct ProgramCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "program", abstract: "Publish programs on a server, and list them.",
        subcommands: [Publish.self, List.self])

    /// Which server, as whom.
    struct Server: ParsableArguments {
        @Option(help: "Address of the server; PANAL_SERVER when it is not given.")
        var server = ProcessInfo.processInfo.environment["PANAL_SERVER"] ?? "http://127.0.0.1:8080"

        @Option(
            help: ArgumentHelp(
                "An API key.",
                discussion: "Better given by PANAL_KEY: arguments are seen by every user of this machine."))
        var key: String?

        var client: PanalClient {
            get throws {
                guard let key = key ?? ProcessInfo.processInfo.environment["PANAL_KEY"], !key.isEmpty else {
                    throw CommandFailure(
                        "an API key is needed: make one on the page ‘Account’ of \(server) and put it into PANAL_KEY")
                }
                return try PanalClient(server: server, key: key)
            }
        }
    }

    struct Publish: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Publish a program, or a new version of it.",
            discussion: """
                PROGRAM is an executable, a script, an archive (.zip, .tar, .tar.gz) or a folder, which is sent as an archive. \
                The same content with the same manifest is the version that is there already.
                """)

        @Argument(help: "Executable, script, archive or folder.")
        var program: String

        @Option(help: "The manifest; manifest.json in the folder when it is not given.")
        var manifest: String?

        @Flag(name: .customLong("public"), help: "Every user of the server may run it.")
        var isPublic = false

        @OptionGroup var server: Server

        func run() async throws {
            let client = try server.client
            let isFolder = Installation.isFolder(program)
            guard let manifest = manifest ?? (isFolder ? "\(program)/manifest.json" : nil) else {
                throw CommandFailure("which manifest? name it with --manifest FILE")
            }
            let archive = isFolder ? try FolderArchive(of: program) : nil
            defer { archive?.remove() }
            let file = archive?.path ?? program
            var parts = [
                FormPart(name: "manifest", fileName: "manifest.json", mediaType: "application/json", file: manifest),
                FormPart(name: "program", fileName: Self.name(of: archive?.path ?? program), file: file),
            ]
            if isPublic { parts.append(FormPart(name: "public", text: "true")) }
            let answer = try await client.post("/api/v1/programs", form: MultipartForm(parts))
            guard case .object(let fields) = answer, case .string(let name)? = fields["name"] else {
                throw CommandFailure("the server's answer is not understood")
            }
            let version = if case .integer(let number)? = fields["version"] { " version \(number)" } else { "" }
            print("\(name)\(version): \(server.server)/programs/\(name)")
        }

        /// The last part of a path.
        private static func name(of path: String) -> String {
            path.split(separator: "/").last.map(String.init) ?? path
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the programs that you may run.")

        @OptionGroup var server: Server

        func run() async throws {
            let answer = try await server.client.get("/api/v1/programs")
            guard case .object(let fields) = answer, case .array(let entries)? = fields["programs"] else {
                throw CommandFailure("the server's answer is not understood")
            }
            for case .object(let entry) in entries {
                let texts = ["name", "label", "owner"].map { key in
                    if case .string(let text)? = entry[key] { text } else { "" }
                }
                print(texts.joined(separator: "\t"))
            }
        }
    }
}
