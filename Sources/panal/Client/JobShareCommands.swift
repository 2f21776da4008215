import ArgumentParser
import NIOHTTP1
import PanalClient
import PanalCore

/// Links to a job's results.
enum SharedLinks {
    static func path(_ job: String, _ link: String? = nil) -> String {
        JobCommand.path(job, "/shares" + (link.map { "/\(PercentCoding.encoded($0))" } ?? ""))
    }

    /// What others open. The server tells it without its own address.
    static func address(_ link: JSONValue, _ server: ServerChoice) throws -> String {
        "\(server.address)\(try link.text("url"))"
    }
}

struct JobShareCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "share", abstract: "Make a link that shows a job's results to whoever has it.",
        discussion: """
            Without signing in they see its files and what came of it, nothing else. The link is printed on standard output; it ends with its \
            days, with ‘panal job unshare’, with your own right to the job, and with the results.

              panal job share ID --days 3
            """)

    @Argument(help: "The job's id.", completion: .custom { _, _, prefix in await Completions.jobs(prefix) })
    var id: String

    @Option(help: ArgumentHelp("It holds for so many days.", valueName: "days"))
    var days = 7

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let choice = try server.choice
        let request = ClientRequest(.POST, SharedLinks.path(id), body: .json(["days": .integer(days)]))
        try await server.ask(request) { link in
            StandardError.line("link \(try link.text("id")), for \(Humane.until(link["expires"]?.moment))")
            return TextWidth.harmless(try SharedLinks.address(link, choice)) + "\n"
        }
    }
}

struct JobSharesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shares", abstract: "List the links to a job's results that hold, the newest first.")

    @Argument(help: "The job's id.", completion: .custom { _, _, prefix in await Completions.jobs(prefix) })
    var id: String

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let choice = try server.choice
        try await server.ask(ClientRequest(.GET, SharedLinks.path(id))) { answer in
            var table = Table([
                .fixed("id"), .fixed("by"), .number("made").optional, .number("ends in"), .fixed("link"),
            ])
            for link in try answer.list("shares") {
                table.add([
                    try link.text("id"), link["by"]?.text ?? "", Humane.age(of: link["made"]?.moment),
                    Humane.until(link["expires"]?.moment), try SharedLinks.address(link, choice),
                ])
            }
            return table.text(width: Terminal.width)
        }
    }
}

struct JobUnshareCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unshare", abstract: "End links to a job's results: nobody sees anything by them any more.",
        discussion: """
              panal job unshare ID LINK
              panal job unshare ID --all
            """)

    @Argument(help: "The job's id.", completion: .custom { _, _, prefix in await Completions.jobs(prefix) })
    var id: String

    @Argument(
        help: "Ids of links, as ‘panal job shares’ shows them.",
        completion: .custom { words, index, prefix in await Completions.shares(words, index, prefix) })
    var links: [String] = []

    @Flag(help: "All that hold.")
    var all = false

    @OptionGroup var server: ServerOptions

    func validate() throws {
        guard links.isEmpty == all else { throw ValidationError("Which links? Name some, or say --all") }
    }

    func run() async throws {
        let client = try server.client
        let ended =
            all
            ? try await client.get(SharedLinks.path(id)).document.list("shares").map { try $0.text("id") } : links
        for link in ended {
            let request = ClientRequest(.DELETE, SharedLinks.path(id, link))
            try await server.carryOut(request, client, "\(link) is ended.")
        }
    }
}
