import ArgumentParser
import NIOHTTP1
import PanalClient
import PanalCore
import PanalManifest

struct SettingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "setting", abstract: "What can be set while a server runs.",
        discussion: """
              panal setting list
              panal setting set signUp=invitation sessionLifetime=3600
              panal setting reset signUp
            """,
        subcommands: [List.self, Set.self, Reset.self], defaultSubcommand: List.self)

    static func table(_ answer: JSONValue) throws -> String {
        var table = Table([
            .fixed("setting"), .flexible("value"), .fixed("at first").optional, .fixed("may be").optional,
            .flexible("about").optional,
        ])
        for setting in try answer.list("settings") {
            let words = setting["words"]?.list?.compactMap(\.text).joined(separator: " | ")
            let range = setting["minimum"]?.integer.map { "\($0) to \(setting["maximum"]?.integer ?? 0)" }
            table.add([
                setting["name"]?.text ?? "", plain(setting["value"]), plain(setting["standard"]), words ?? range ?? "",
                setting["note"]?.text ?? "",
            ])
        }
        return table.text(width: Terminal.width)
    }

    static func plain(_ value: JSONValue?) -> String {
        value?.text ?? value?.integer.map(String.init) ?? ""
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the settings.")

        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.ask(ClientRequest(.GET, "/api/v1/settings"), SettingCommand.table)
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set something: all that is named, or nothing.",
            discussion: "  panal setting set signUp=invitation sessionLifetime=3600")

        @Argument(
            help: ArgumentHelp("What to set.", valueName: "name=value"),
            completion: .custom { _, _, prefix in await Completions.settings(prefix) })
        var settings: [String]

        @OptionGroup var server: ServerOptions

        func run() async throws {
            let pairs = try settings.map(SubmissionDraft.pair)
            let client = try server.client
            // Which are numbers and which are words is the server's to say.
            let known = try await client.get("/api/v1/settings").document.list("settings")
            var members: [String: JSONValue] = [:]
            for (name, value) in pairs {
                guard let setting = known.first(where: { $0["name"]?.text == name }) else {
                    throw SettingCommand.unknown(name, known)
                }
                members[name] = setting["words"] == nil ? Int(value).map(JSONValue.integer) : nil
                members[name] = members[name] ?? .string(value)
            }
            try await server.ask(
                ClientRequest(.PATCH, "/api/v1/settings", body: .json(.object(members))), SettingCommand.table)
        }
    }

    struct Reset: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make settings what they were at first.")

        @Argument(help: "Names.", completion: .custom { _, _, prefix in await Completions.settings(prefix) })
        var names: [String]

        @OptionGroup var server: ServerOptions

        func run() async throws {
            let client = try server.client
            let known = try await client.get("/api/v1/settings").document.list("settings")
            for name in names where !known.contains(where: { $0["name"]?.text == name }) {
                throw SettingCommand.unknown(name, known)
            }
            let members = Dictionary(names.map { ($0, JSONValue.null) }, uniquingKeysWith: { $1 })
            let answer = try await client.send(
                ClientRequest(.PATCH, "/api/v1/settings", body: .json(.object(members))))
            try server.show(answer, SettingCommand.table)
        }
    }

    private static func unknown(_ name: String, _ known: [JSONValue]) -> ClientFailure {
        let names = known.compactMap { $0["name"]?.text }
        let near = Nearest.to(name, among: names).map { "did you mean \($0)?" }
        return ClientFailure(
            .refused(status: 404),
            "there is no setting ‘\(name)’; " + (near ?? "there are \(names.joined(separator: ", "))"))
    }
}
