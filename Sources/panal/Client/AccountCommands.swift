import ArgumentParser
import NIOHTTP1
import PanalClient
import PanalCore

struct AccountCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "account", abstract: "Who you are on a server.")

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let choice = try server.choice
        try await server.ask(ClientRequest(.GET, "/api/v1/account")) { account in
            var details = Details()
            details.add("Name", account["name"]?.text)
            details.add("Role", account["role"]?.text)
            details.add("Server", choice.name.map { "\($0) (\(choice.address))" } ?? choice.address.text)
            return details.text()
        }
    }
}

struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Your API keys on a server.", subcommands: [List.self, Make.self, Revoke.self],
        defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List your keys.")

        @OptionGroup var server: ServerOptions

        func run() async throws {
            let mine = (try server.choice).key.split(separator: "_").dropFirst().first.map(String.init)
            try await server.ask(ClientRequest(.GET, "/api/v1/keys")) { answer in
                var table = Table([
                    .fixed("id"), .flexible("label"), .number("made").optional, .fixed("expires").optional,
                    .number("last used").optional, .flexible("scopes").optional, .fixed("").optional,
                ])
                for key in try answer.list("keys") {
                    let scopes = key["scopes"]?.list?.compactMap(\.text).joined(separator: " ")
                    table.add([
                        key["id"]?.text ?? "", key["label"]?.text ?? "", Humane.age(of: key["created"]?.moment),
                        key["expires"]?.text.map { String($0.prefix(10)) } ?? "",
                        Humane.age(of: key["lastUsed"]?.moment),
                        scopes ?? "", key["id"]?.text == mine ? "this one" : "",
                    ])
                }
                return table.text(width: Terminal.width)
            }
        }
    }

    struct Make: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key, for another machine or for CI.",
            discussion: "The key itself is printed on standard output, this once; nobody can show it again.")

        @Argument(help: "What it is called.")
        var label: String

        @Option(
            help: ArgumentHelp(
                "It holds for so many days; until it is revoked when this is not given.", valueName: "days"))
        var days: Int?

        @OptionGroup var server: ServerOptions

        func validate() throws {
            if let days, !(1...3_660).contains(days) { throw ValidationError("--days is 1 to 3660") }
        }

        func run() async throws {
            var members: [String: JSONValue] = ["label": .string(label)]
            members["lifetime"] = days.map { .integer($0 * 86_400) }
            try await server.ask(ClientRequest(.POST, "/api/v1/keys", body: .json(.object(members)))) { key in
                StandardError.line("key \(try key.text("id")); it is shown only this once")
                return try key.text("secret") + "\n"
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Revoke keys: they are refused from now on.")

        @Argument(
            help: "Ids, as ‘panal key list’ shows them.",
            completion: .custom { _, _, prefix in await Completions.keys(prefix) })
        var ids: [String]

        @Option(help: "A server that you are signed in to, or an address.")
        var server: String?

        func run() async throws {
            var options = ServerOptions()
            options.server = server
            let client = try options.client
            for id in ids {
                _ = try await client.send(ClientRequest(.DELETE, "/api/v1/keys/\(ClientRequest.escaped(id))"))
                print("\(id) is revoked.")
            }
        }
    }
}
