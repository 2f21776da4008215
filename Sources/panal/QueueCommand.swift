import ArgumentParser
import FoundationEssentials
import NIOHTTP1
import PanalClient
import PanalCore

struct QueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue", abstract: "Show who waits on a server, why, and until when about.",
        discussion: """
            Your own jobs are shown by name, others' as places; administrators see all of them and the last decisions. The start is an \
            estimate: it supposes that everything takes as long as it may.
            """)

    @Option(help: "Places to show, 1 to 1000.")
    var limit = 20

    @OptionGroup var server: ServerOptions

    func validate() throws {
        guard (1...1_000).contains(limit) else { throw ValidationError("--limit is 1 to 1000") }
    }

    func run() async throws {
        try await server.ask(ClientRequest(.GET, "/api/v1/queue?limit=\(limit)")) { try text($0) }
    }

    private func text(_ answer: JSONValue) throws -> String {
        let used = Int(((answer["utilisation"]?.decimal ?? 0) * 100).rounded())
        var text =
            "\(answer["running"]?.integer ?? 0) running, \(answer["waiting"]?.integer ?? 0) waiting, "
            + "\(used)% of the cores given out\n"
        var table = Table([.number("place"), .fixed("job"), .number("starts in"), .flexible("waits because")])
        for entry in try answer.list("queue") {
            table.add([
                "\(entry["position"]?.integer ?? 0)", entry["job"]?.text ?? "(another user's)",
                Humane.until(entry["estimatedStart"]?.moment), entry["reason"]?.text ?? "",
            ])
        }
        if !table.rows.isEmpty { text += "\n" + table.text(width: Terminal.width) }
        guard let decisions = answer["decisions"]?.list, !decisions.isEmpty else { return text }
        var last = Table([.fixed("at"), .fixed("decision"), .fixed("job"), .flexible("reason")])
        for decision in decisions.prefix(limit) {
            last.add(["at", "decision", "job", "reason"].map { decision[$0]?.text ?? "-" })
        }
        return text + "\nLast decisions:\n" + last.text(width: Terminal.width)
    }
}
