import ArgumentParser
import NIOHTTP1
import PanalClient
import PanalCore

struct UsageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage", abstract: "What jobs used and cost.",
        discussion: "Your own; administrators see everybody's. A job counts in the month in which it ended (UTC).")

    @Option(
        help: ArgumentHelp("What to sum by, one or more of month, user, group, program, profile.", valueName: "keys"))
    var by = "month,program"

    @Option(help: "Only this user's; of others for administrators.")
    var user: String?

    @Option(help: "Only what this group pays for.")
    var group: String?

    @Option(
        help: "Only of this program.", completion: .custom { _, _, prefix in await Completions.programs(prefix) })
    var program: String?

    @Option(
        help: "Only on this profile.", completion: .custom { _, _, prefix in await Completions.profiles(prefix) })
    var profile: String?

    @Option(help: ArgumentHelp("Only this month, such as 2026-11.", valueName: "month"))
    var month: String?

    @Option(help: ArgumentHelp("From this month on.", valueName: "month"))
    var from: String?

    @Option(help: ArgumentHelp("Up to this month.", valueName: "month"))
    var to: String?

    @Flag(help: "Print comma-separated values.")
    var csv = false

    @OptionGroup var server: ServerOptions

    func validate() throws {
        if csv, server.json { throw ValidationError("--csv or --json: one of them") }
    }

    func run() async throws {
        let query = ClientRequest.query([
            "by": by, "user": user, "group": group, "program": program, "profile": profile, "month": month,
            "from": from, "to": to, "format": csv ? "csv" : nil,
        ])
        var request = ClientRequest(.GET, "/api/v1/usage" + query)
        if csv { request.headers.add(name: "Accept", value: "text/csv") }
        let answer = try await server.client.send(request)
        if csv { return StandardOutput.write(answer.body) }
        try server.show(answer) { try Self.text($0, by: by.split(separator: ",").map(String.init)) }
    }

    static func text(_ answer: JSONValue, by keys: [String], width: Int? = Terminal.width) throws -> String {
        var table = Table(
            keys.map { .flexible($0) } + [
                .number("jobs"), .number("core hours"), .number("cost"), .number("paid").optional,
            ])
        func row(_ names: [String], _ sum: JSONValue) -> [String] {
            names + [
                sum["jobs"]?.integer.map(String.init) ?? "",
                sum["coreSeconds"]?.decimal.map { Humane.hours($0) } ?? "", sum["cost"]?.text ?? "",
                sum["paid"]?.text ?? "",
            ]
        }
        for entry in try answer.list("usage") { table.add(row(keys.map { entry[$0]?.text ?? "" }, entry)) }
        // The sum is for people; whoever reads the columns by a program adds up by itself.
        if width != nil, let total = answer["total"], let first = keys.first {
            table.add(row(keys.map { $0 == first ? "total" : "" }, total))
        }
        var text = table.text(width: width)
        if width != nil, answer["complete"]?.flag == false {
            text += "(not complete: there are more rows; ask for less)\n"
        }
        return text
    }
}

struct CreditsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "credits", abstract: "What an account has, and what moved in it.",
        subcommands: [Show.self, Grant.self, Withdraw.self], defaultSubcommand: Show.self)

    struct Account: ParsableArguments {
        @Option(help: "This user's account; of others for administrators.")
        var user: String?

        @Option(help: "This group's account.")
        var group: String?

        func validate() throws {
            if user != nil, group != nil { throw ValidationError("--user or --group: one of them") }
        }
    }

    static func details(_ account: JSONValue) -> String {
        var details = Details()
        details.add("Account", account["user"]?.text ?? account["group"]?.text.map { "group \($0)" })
        details.add("Balance", account["balance"]?.text)
        details.add("Set aside", account["held"]?.text)
        details.add("Paid this month", account["paidThisMonth"]?.text)
        details.add(
            "Budget", account["budget"]?.text.map { "\($0) a month, \(account["leftOfBudget"]?.text ?? "") left" })
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
                var table = Table([
                    .fixed("at"), .fixed("kind"), .number("amount"), .number("balance"), .fixed("job").optional,
                    .flexible("by").optional, .flexible("reason").optional,
                ])
                for entry in try answer.list("entries") {
                    table.add(["at", "kind", "amount", "balance", "job", "by", "reason"].map { entry[$0]?.text ?? "" })
                }
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
            var members: [String: JSONValue] = ["amount": .string(amount), "reason": .string(reason)]
            members["user"] = account.user.map(JSONValue.string)
            members["group"] = account.group.map(JSONValue.string)
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
}
