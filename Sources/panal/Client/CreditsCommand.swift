import ArgumentParser
import NIOHTTP1
import PanalClient
import PanalCore

struct CreditsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "credits", abstract: "What an account has, and what moved in it.",
        discussion: """
              panal credits
              panal credits grant 100 --user ana --reason "second term"
              panal credits budget 50 --group images
            """,
        subcommands: [Show.self, Accounts.self, Grant.self, Withdraw.self, Budget.self, Payer.self],
        defaultSubcommand: Show.self)

    struct Account: ParsableArguments {
        @Option(help: "This user's account; of others for administrators.")
        var user: String?

        @Option(help: "This group's account.")
        var group: String?

        func validate() throws {
            if user != nil, group != nil { throw ValidationError("--user or --group: one of them") }
        }

        /// What says whose account it is, with `others`.
        func members(_ others: [String: JSONValue]) -> [String: JSONValue] {
            var members = others
            members["user"] = user.map(JSONValue.string)
            members["group"] = group.map(JSONValue.string)
            return members
        }
    }

    static func owner(_ account: JSONValue) -> String? {
        account["user"]?.text ?? account["group"]?.text.map { "group \($0)" }
    }

    static func details(_ account: JSONValue) -> String {
        var details = Details()
        details.add("Account", owner(account))
        details.add("Balance", account["balance"]?.text)
        details.add("Set aside", account["held"]?.text)
        details.add("Paid this month", account["paidThisMonth"]?.text)
        details.add(
            "Budget", account["budget"]?.text.map { "\($0) a month, \(account["leftOfBudget"]?.text ?? "") left" })
        details.add("Pays", account["paysForMembers"]?.flag.map { $0 ? "for what its members submit" : "for nobody" })
        if account["enforced"]?.flag == false { details.add("Note", "credit is not enforced here") }
        return details.text()
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show an account and its last entries.")

        @OptionGroup var account: Account

        @Option(help: "At most so many entries, 1 to 200.")
        var limit = 20

        @OptionGroup var server: ServerOptions

        func validate() throws {
            guard (1...200).contains(limit) else { throw ValidationError("--limit is 1 to 200") }
        }

        func run() async throws {
            let query = ClientRequest.query([
                "user": account.user, "group": account.group, "limit": String(limit),
            ])
            try await server.ask(ClientRequest(.GET, "/api/v1/credits" + query)) { answer in
                let table = Table(
                    of: try answer.list("entries"),
                    [
                        .fixed("at"), .fixed("kind"), .number("amount"), .number("balance"), .fixed("job").optional,
                        .flexible("by").optional, .flexible("reason").optional,
                    ])
                let text = CreditsCommand.details(answer)
                return table.rows.isEmpty ? text : text + "\n" + table.text(width: Terminal.width)
            }
        }
    }

    struct Movement: ParsableArguments {
        @Argument(help: "How much, such as 100 or 2.5.")
        var amount: String

        @Option(help: "Why; it stands in the account.")
        var reason: String

        @OptionGroup var account: Account
        @OptionGroup var server: ServerOptions

        func carryOut(_ path: String) async throws {
            let members = account.members(["amount": .string(amount), "reason": .string(reason)])
            let request = ClientRequest(.POST, path, body: .json(.object(members)))
            try await server.ask(request, CreditsCommand.details)
        }
    }

    struct Grant: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Give credit; for administrators.")
        @OptionGroup var movement: Movement
        func run() async throws { try await movement.carryOut("/api/v1/credits/grants") }
    }

    struct Withdraw: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take credit back; for administrators.")
        @OptionGroup var movement: Movement
        func run() async throws { try await movement.carryOut("/api/v1/credits/withdrawals") }
    }

    struct Accounts: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List every account that was ever used; for administrators.")

        @OptionGroup var server: ServerOptions

        func run() async throws {
            let columns: [ListColumn] = [
                .flexible("account", CreditsCommand.owner), .number("balance"),
                .number("set aside") { $0["held"]?.text }.optional,
                .number("paid this month") { $0["paidThisMonth"]?.text }.optional, .number("budget").optional,
                .number("left of it") { $0["leftOfBudget"]?.text }.optional,
            ]
            try await server.ask(ClientRequest(.GET, "/api/v1/credits/accounts")) {
                Table(of: try $0.list("accounts"), columns).text(width: Terminal.width)
            }
        }
    }

    struct Budget: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set the most that an account may spend in one month; for administrators.",
            discussion: """
                Jobs that are beyond it are cancelled, and named.

                  panal credits budget 50 --user ana
                  panal credits budget none --group images
                """)

        @Argument(help: "How much, such as 100 or 2.5; ‘none’ for no limit.")
        var amount: String

        @OptionGroup var account: Account
        @OptionGroup var server: ServerOptions

        func run() async throws {
            let members = account.members(["amount": amount == "none" ? .null : .string(amount)])
            var request = ClientRequest(.PUT, "/api/v1/credits/budget", body: .json(.object(members)))
            request.isRepeatable = true
            try await server.ask(request) { answer in
                let stopped = answer["stopped"]?.list?.compactMap(\.text) ?? []
                let text = CreditsCommand.details(answer)
                return stopped.isEmpty ? text : text + "Cancelled for it: \(stopped.joined(separator: ", "))\n"
            }
        }
    }

    struct Payer: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say whether a group pays for what its members submit; for administrators.",
            discussion: """
                Of several groups that pay the one that was joined first does. Jobs that wait or run stay as they are.

                  panal credits payer images yes
                """)

        enum Answer: String, ExpressibleByArgument, CaseIterable { case yes, no }

        @Argument(help: "The group's name.", completion: .custom { _, _, prefix in await Completions.groups(prefix) })
        var group: String

        @Argument(help: "yes or no.")
        var pays: Answer

        @OptionGroup var server: ServerOptions

        func run() async throws {
            let body: JSONValue = ["group": .string(group), "pays": .boolean(pays == .yes)]
            var request = ClientRequest(.PUT, "/api/v1/credits/payer", body: .json(body))
            request.isRepeatable = true
            try await server.ask(request, CreditsCommand.details)
        }
    }
}
