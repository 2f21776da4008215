import ArgumentParser
import NIOHTTP1
import PanalClient
import PanalCore

struct AuditLogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit-log", abstract: "Who did what on a server, the newest first.",
        discussion: """
            Requests that changed something, or were refused. (What holds on this machine is ‘panal audit’.)

              panal audit-log --user ana --limit 50
              panal audit-log --action createKey --json
            """)

    @Option(help: "Only of this user.", completion: .custom { _, _, prefix in await Completions.users(prefix) })
    var user: String?

    @Option(help: ArgumentHelp("Only this operation, by its name in the OpenAPI document.", valueName: "operation"))
    var action: String?

    @Option(help: ArgumentHelp("Only entries before this number.", valueName: "number"))
    var before: Int?

    @Option(help: "At most so many, 1 to 200.")
    var limit = 20

    @OptionGroup var server: ServerOptions

    func validate() throws {
        guard (1...200).contains(limit) else { throw ValidationError("--limit is 1 to 200") }
        if let before, before < 1 { throw ValidationError("--before is 1 or more") }
    }

    func run() async throws {
        let client = try server.client
        var id: String?
        if let user { id = try await UserCommand.id(of: user, client) }
        let query = ClientRequest.query([
            "user": id, "action": action, "before": before.map(String.init), "limit": String(limit),
        ])
        try server.show(try await client.get("/api/v1/audit" + query)) { answer in
            var table = Table([
                .number("number").optional, .fixed("at"), .fixed("who"), .fixed("from").optional, .flexible("action"),
                .flexible("what"), .number("status"), .flexible("detail").optional,
            ])
            for entry in try answer.list("audit") {
                table.add([
                    entry["number"]?.integer.map(String.init) ?? "",
                    entry["at"]?.text.map { String($0.prefix(19)) } ?? "",
                    entry["name"]?.text ?? "-", entry["address"]?.text ?? "", entry["action"]?.text ?? "",
                    entry["target"]?.text ?? "", entry["status"]?.integer.map(String.init) ?? "",
                    entry["detail"]?.text ?? "",
                ])
            }
            return table.text(width: Terminal.width)
        }
    }
}
