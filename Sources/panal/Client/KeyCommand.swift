import ArgumentParser
import NIOHTTP1
import PanalClient
import PanalCore

struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Your API keys on a server.",
        discussion: """
              panal key make "CI of the laboratory" --days 90 --scope read --scope jobs
              panal key rotate ID --grace 3600
            """,
        subcommands: [List.self, Make.self, Rotate.self, Revoke.self], defaultSubcommand: List.self)

    /// The part of `pnl_<id>_<secret>` that names a key.
    static func id(of key: String) -> String? { key.split(separator: "_").dropFirst().first.map(String.init) }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List your keys.")

        @OptionGroup var server: ServerOptions

        func run() async throws {
            let mine = KeyCommand.id(of: (try server.choice).key)
            try await server.showAll("keys", of: "/api/v1/keys") { answer in
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
            discussion: """
                The key itself is printed on standard output, this once; nobody can show it again. A key cannot make one that may more, or \
                holds longer, than itself.

                  panal key make "CI of the laboratory" --days 90 --scope read --scope jobs
                """)

        @Argument(help: "What it is called.")
        var label: String

        @Option(
            help: ArgumentHelp(
                "It holds for so many days; until it is revoked when this is not given.", valueName: "days"))
        var days: Int?

        @Option(
            help: ArgumentHelp(
                "What it is good for: \(Self.scopes.joined(separator: ", ")); several times for several, all that you may "
                    + "when none is given.", valueName: "scope"), completion: .list(Self.scopes))
        var scope: [String] = []

        private static let scopes = KeyScope.allCases.map(\.rawValue)

        @OptionGroup var server: ServerOptions

        func validate() throws {
            if let days, !(1...3_660).contains(days) { throw ValidationError("--days is 1 to 3660") }
            if let wrong = scope.first(where: { !Self.scopes.contains($0) }) {
                throw ValidationError("--scope ‘\(wrong)’ is none of \(Self.scopes.joined(separator: ", "))")
            }
        }

        func run() async throws {
            var members: [String: JSONValue] = ["label": .string(label)]
            members["lifetime"] = days.map { .integer($0 * 86_400) }
            if !scope.isEmpty { members["scopes"] = .array(scope.map(JSONValue.string)) }
            try await server.ask(ClientRequest(.POST, "/api/v1/keys", body: .json(.object(members)))) { key in
                StandardError.line("key \(try key.text("id")); it is shown only this once")
                return try key.text("secret") + "\n"
            }
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a key a new secret; its id, its scopes and its end stay.",
            discussion: """
                The new key is printed on standard output, this once. The key that this machine uses for the server itself is kept in its \
                place instead, and not printed; without an id it is that one.

                  panal key rotate
                  panal key rotate ID --grace 3600
                """)

        @Argument(
            help: "Its id, as ‘panal key list’ shows it.",
            completion: .custom { _, _, prefix in await Completions.keys(prefix) })
        var id: String?

        @Option(
            help: ArgumentHelp(
                "The secret before is taken for so many seconds more; with 0 no earlier one is. Refused while a grace given before lasts.",
                valueName: "seconds"))
        var grace = 0

        @OptionGroup var server: ServerOptions

        func validate() throws {
            if grace < 0 { throw ValidationError("--grace is 0 or more") }
        }

        func run() async throws {
            let choice = try server.choice
            let mine = KeyCommand.id(of: choice.key)
            guard let id = id ?? mine else { throw ValidationError("Which key? See panal key list") }
            let isKept = id == mine && choice.name != nil
            let file = ServerListFile(environment: ServerOptions.environment)
            // Read and written once before: what cannot be kept must not be made.
            if isKept { try file.write(try file.read()) }
            let body: JSONValue = ["grace": .integer(grace)]
            let request = ClientRequest(
                .POST, "/api/v1/keys/\(PercentCoding.encoded(id))/rotate", body: .json(body))
            let answer = try await server.client.send(request)
            let secret = try answer.document.text("secret")
            guard isKept, let name = choice.name else {
                return try server.show(answer) { _ in
                    StandardError.line("key \(id) has a new secret; it is shown only this once")
                    return secret + "\n"
                }
            }
            var list = try file.read()
            do {
                try list.renew(name, key: secret)
                try file.write(list)
            } catch {
                StandardError.line("the new key could not be kept, so it is printed here: \(secret)")
                throw error
            }
            if !server.json { print("The key of \(name) has a new secret, kept in \(file.path ?? "").") }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Revoke keys: they are refused from now on.")

        @Argument(
            help: "Ids, as ‘panal key list’ shows them.",
            completion: .custom { _, _, prefix in await Completions.keys(prefix) })
        var ids: [String]

        @OptionGroup var server: ServerOptions

        func run() async throws {
            let client = try server.client
            for id in ids {
                let request = ClientRequest(.DELETE, "/api/v1/keys/\(PercentCoding.encoded(id))")
                try await server.carryOut(request, client, "\(id) is revoked.")
            }
        }
    }
}
