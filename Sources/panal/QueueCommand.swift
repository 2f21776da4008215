import ArgumentParser
import FoundationEssentials
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

    @Flag(help: "Print the server's answer as it is.")
    var json = false

    @OptionGroup var server: ProgramCommand.Server

    func validate() throws {
        guard (1...1_000).contains(limit) else { throw ValidationError("--limit is 1 to 1000") }
    }

    func run() async throws {
        let answer = try await server.client.get("/api/v1/queue?limit=\(limit)")
        guard !json else { return print(String(decoding: try answer.serialized(pretty: true), as: UTF8.self)) }
        guard case .object(let fields) = answer, case .array(let entries)? = fields["queue"] else {
            throw CommandFailure("the server's answer is not understood")
        }
        let used = Int(((fields["utilisation"]?.decimal ?? 0) * 100).rounded())
        print(
            "\(Self.count("running", of: fields)) running, \(Self.count("waiting", of: fields)) waiting, \(used)% of the cores given out"
        )
        for case .object(let entry) in entries {
            let place = Self.count("position", of: entry)
            guard let job = Self.text("job", of: entry) else {
                print("\(place)\t(another user's job)")
                continue
            }
            let start = Self.text("estimatedStart", of: entry).map { "; about \($0)" } ?? ""
            print("\(place)\t\(job)\t\(Self.text("reason", of: entry) ?? "")\(start)")
        }
        guard case .array(let decisions)? = fields["decisions"], !decisions.isEmpty else { return }
        print("\nLast decisions:")
        for case .object(let decision) in decisions.prefix(limit) {
            let words = ["at", "decision", "job", "reason"].map { Self.text($0, of: decision) ?? "-" }
            print(words.joined(separator: "\t"))
        }
    }

    private static func text(_ name: String, of fields: [String: JSONValue]) -> String? {
        if case .string(let text)? = fields[name] { text } else { nil }
    }

    private static func count(_ name: String, of fields: [String: JSONValue]) -> Int {
        if case .integer(let count)? = fields[name] { count } else { 0 }
    }
}
