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
