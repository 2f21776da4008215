import ArgumentParser
import NIOHTTP1
import PanalClient
import PanalCore

struct InvitationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invitation", abstract: "Invite people to a server.",
        discussion: """
              panal invitation add "Ana of the laboratory" --group images --days 3
              panal invitation list
            """,
        subcommands: [List.self, Add.self, Revoke.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the invitations, the newest first.")

        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.ask(ClientRequest(.GET, "/api/v1/invitations")) { answer in
                var table = Table([
                    .fixed("id"), .flexible("for"), .fixed("role").optional, .number("made"), .fixed("holds until"),
                    .fixed("used by").optional,
                ])
                for entry in try answer.list("invitations") {
                    table.add([
                        entry["id"]?.text ?? "", entry["label"]?.text ?? "", entry["role"]?.text ?? "",
                        Humane.age(of: entry["created"]?.moment),
                        entry["expires"]?.text.map { String($0.prefix(16)) } ?? "", entry["usedBy"]?.text ?? "",
                    ])
                }
                return table.text(width: Terminal.width)
            }
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make an invitation, for one person.",
            discussion: """
                The address of the sign-up page with the invitation in it is printed on standard output, this once.

                  panal invitation add "Ana of the laboratory" --group images
                """)

        @Argument(help: "Whom it is for; only you read that.")
        var label: String

        @Option(help: ArgumentHelp("It holds for so many days.", valueName: "days"))
        var days = 7

        @Flag(help: "Whoever takes it becomes an administrator.")
        var administrator = false

        @Option(
            help: "The group that they join.", completion: .custom { _, _, prefix in await Completions.groups(prefix) })
        var group: String?

        @OptionGroup var server: ServerOptions

        func validate() throws {
            guard (1...3_660).contains(days) else { throw ValidationError("--days is 1 or more") }
        }

        func run() async throws {
            let choice = try server.choice
            let client = try server.client
            var members: [String: JSONValue] = [
                "label": .string(label), "lifetime": .integer(days * 86_400),
                "role": .string(administrator ? "administrator" : "user"),
            ]
            if let group { members["group"] = .string(try await GroupCommand.id(of: group, client)) }
            let request = ClientRequest(.POST, "/api/v1/invitations", body: .json(.object(members)))
            try server.show(try await client.send(request)) { made in
                StandardError.line("invitation \(try made.text("id")); it is shown only this once")
                return "\(choice.address)\(try made.text("page"))\n"
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take invitations back.")

        @Argument(help: "Ids, as ‘panal invitation list’ shows them.")
        var ids: [String]

        @OptionGroup var server: ServerOptions

        func run() async throws {
            let client = try server.client
            for id in ids {
                let request = ClientRequest(.DELETE, "/api/v1/invitations/\(PercentCoding.encoded(id))")
                try await server.carryOut(request, client, "\(id) is taken back.")
            }
        }
    }
}
