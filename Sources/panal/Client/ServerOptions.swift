import ArgumentParser
import FoundationEssentials
import NIOHTTP1
import PanalClient
import PanalCore

/// Which server a verb talks to, and how it says what it was told. Each client verb has these.
struct ServerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A server that you are signed in to, or an address; else PANAL_URL, else the current one of ‘panal server list’.",
            valueName: "name|url"),
        completion: .custom { _, _, prefix in ServerOptions.knownServers.filter { $0.hasPrefix(prefix) } })
    var server: String?

    @Flag(help: "Print the server's own JSON document instead of text.")
    var json = false

    static var environment: [String: String] { ProcessInfo.processInfo.environment }

    private static var knownServers: [String] {
        ((try? ServerListFile(environment: environment).read())?.servers.keys.sorted()) ?? []
    }

    /// The server and the key of this call.
    var choice: ServerChoice {
        get throws {
            try ServerChoice.make(
                option: server, environment: Self.environment,
                list: try ServerListFile(environment: Self.environment).read())
        }
    }

    var client: PanalClient {
        get throws {
            let choice = try choice
            return PanalClient(address: choice.address, key: choice.key) { StandardError.line($0) }
        }
    }

    /// Prints an answer as it came when JSON was asked for, else what `text` makes of it.
    func show(_ answer: ClientAnswer, _ text: (JSONValue) throws -> String) throws {
        if json {
            StandardOutput.write(answer.body)
            if answer.body.last != 10 { StandardOutput.write("\n") }
        } else {
            StandardOutput.write(try text(try answer.document))
        }
    }

    /// What a verb asks for and answers in most cases.
    func ask(_ request: ClientRequest, _ text: (JSONValue) throws -> String) async throws {
        try show(try await client.send(request), text)
    }

    /// Asks the same of several things, one after the other, with a line for each. Doing it twice is doing it once.
    func each(
        _ ids: [String], _ method: HTTPMethod, _ path: (String) -> String, body: ClientRequest.Body = .none,
        _ line: (String, JSONValue) -> String
    ) async throws {
        let client = try client
        for id in ids {
            var request = ClientRequest(method, path(id), body: body)
            request.isRepeatable = true
            try show(try await client.send(request)) { TextWidth.harmless(line(id, $0)) + "\n" }
        }
    }

    /// A list with the entries of all its pages: as a document when JSON was asked for, else what `text` makes of it.
    func showAll(_ name: String, of path: String, _ text: (JSONValue) throws -> String) async throws {
        let list = try await client.all(name, of: path)
        StandardOutput.write(json ? String(decoding: try list.serialized(), as: UTF8.self) + "\n" : try text(list))
    }

    /// For what is answered without a document: `sentence` says that it is done, and nothing does when JSON was asked for.
    func carryOut(_ request: ClientRequest, _ client: PanalClient, _ sentence: String) async throws {
        _ = try await client.send(request)
        if !json { StandardOutput.write(TextWidth.harmless(sentence) + "\n") }
    }
}
