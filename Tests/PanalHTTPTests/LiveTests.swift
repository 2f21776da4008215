import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import PanalCore
@testable import PanalHTTP
import PanalService
import Synchronization
import Testing

@Suite("Live answers") struct LiveTests {
    struct Message: Hashable {
        var name: String
        var id: String?
        var data: JSONValue?
    }

    private static let lastEvent = HTTPField.Name("Last-Event-ID")!

    /// Reads an event stream as the HTML standard says.
    static func messages(_ text: String) throws -> [Message] {
        try text.components(separatedBy: "\n\n").compactMap { block in
            var message = Message(name: "message")
            for line in block.split(separator: "\n") where !line.hasPrefix(":") {
                let halves = line.split(separator: ":", maxSplits: 1)
                let value = halves.count > 1 ? String(halves[1].drop { $0 == " " }) : ""
                switch halves[0] {
                case "event": message.name = value
                case "id": message.id = value
                case "data": message.data = try JSONValue(parsing: Data(value.utf8))
                default: break
                }
            }
            return message.data == nil ? nil : message
        }
    }

    private static func listen(
        _ uri: String, _ client: any TestClientProtocol, as visitor: Visitor, from place: String? = nil
    ) async throws -> (messages: [Message], text: String) {
        var headers = visitor.bearer
        headers[.accept] = "text/event-stream"
        headers[lastEvent] = place
        let answer = try await client.send(.get, uri, headers)
        #expect(answer.status == .ok, "\(answer.text)")
        #expect(answer.headers[.contentType] == "text/event-stream")
        #expect(answer.headers[.cacheControl] == "no-store")
        return (try messages(answer.text), answer.text)
    }

    private static func output(_ messages: [Message]) throws -> [UInt8] {
        try messages.filter { $0.name == "output" }.flatMap { message in
            if let text = message.data?["text"]?.text { return Array(text.utf8) }
            return Array(try #require(message.data?["base64"]?.text.flatMap { Data(base64Encoded: $0) }))
        }
    }

    @Test func statesComeOneByOneAndEnd() async throws {
        try await Site.open { site, client in
            let job = try await site.job(Script(isEndless: true))
            async let heard = Self.listen("/api/v1/jobs/\(job)/events", client, as: site.owner)
            var headers = site.owner.bearer
            headers[InterfaceTests.prefer] = "wait=1"
            _ = try await client.send(.get, "/api/v1/jobs/\(job)", headers)
            _ = try await client.send(.delete, "/api/v1/jobs/\(job)", site.owner.bearer)
            let messages = try await heard.messages
            let states = messages.filter { $0.name == "state" }
            #expect(states.first?.data?["state"] == "queued" && states.last?.data?["state"] == "cancelled")
            #expect(states.map(\.id) == (1...states.count).map { String($0) })
            #expect(messages.last?.name == "end")
            #expect(messages.last?.data?["id"]?.text == job.text)
            #expect(messages.last?.data?["state"] == "cancelled")

            // From where it broke off; and at the end of everything.
            let rest = try await Self.listen("/api/v1/jobs/\(job)/events", client, as: site.owner, from: "2").messages
            #expect(rest.filter { $0.name == "state" } == Array(states.dropFirst(2)))
            let past = try await Self.listen("/api/v1/jobs/\(job)/events", client, as: site.owner, from: "99").messages
            #expect(past.map(\.name) == ["end"])
            // Without asking for a stream: the document.
            let plain = try await client.send(.get, "/api/v1/jobs/\(job)/events", site.owner.bearer)
            #expect(plain.headers[.contentType] == "application/json")
        }
    }

    @Test func outputResumesAtAByte() async throws {
        try await Site.open { site, client in
            // Characters of one to four bytes over several pieces.
            let text = String(repeating: "añ€😀\n", count: 6_000)
            let whole = Array(text.utf8)
            let job = try await site.job(Script(output: text))
            let uri = "/api/v1/jobs/\(job)/stdout"
            let heard = try await Self.listen(uri, client, as: site.owner).messages
            #expect(try Self.output(heard) == whole)
            #expect(heard.filter { $0.name == "output" }.count > 3)
            #expect(heard.allSatisfy { $0.data?["base64"] == nil })
            #expect(heard.last?.name == "end" && heard.last?.data?["bytes"] == .integer(whole.count))
            // Every event's id is where the next one begins.
            for message in heard.prefix(3) {
                let place = try #require(message.id.flatMap { Int($0) })
                let rest = try await Self.listen(uri, client, as: site.owner, from: String(place)).messages
                #expect(try Self.output(rest) == Array(whole[place...]))
            }
            let all = try await Self.listen(uri, client, as: site.owner, from: String(whole.count)).messages
            #expect(all.map(\.name) == ["end"])
            // In the middle of a character, which then is no text.
            let cut = try await Self.listen(uri, client, as: site.owner, from: "2").messages
            #expect(try Self.output(cut) == Array(whole[2...]))
            // Further than there is: from the beginning.
            let beyond = try await Self.listen(uri, client, as: site.owner, from: "9999999").messages
            #expect(beyond.first?.name == "reset")
            #expect(try Self.output(beyond) == whole)
        }
    }

    @Test func nothingWrittenIsAnEndAlone() async throws {
        try await Site.open { site, client in
            let job = try await site.job(Script(output: "x"))
            let heard = try await Self.listen("/api/v1/jobs/\(job)/stderr", client, as: site.owner).messages
            #expect(heard.map(\.name) == ["end"])
        }
    }

    @Test func outputsHaveADigestForWhoAsks() async throws {
        try await Site.open { site, client in
            let job = try await site.job(Script(output: "hello\n"))
            let name = HTTPField.Name("Repr-Digest")!
            for (wish, digest) in [
                (nil, nil), ("md5=1, sha-256=0", nil),
                ("sha-512=3, sha-256=10", "sha-256=:WJG1tSLV3whtD/CxEPvZ0hu0/HFjrzTQgoai6Eb2vgM=:"),
            ] as [(String?, String?)] {
                var headers = site.owner.bearer
                headers[HTTPField.Name("Want-Repr-Digest")!] = wish
                headers[.range] = "bytes=1-2"
                let answer = try await client.send(.get, "/api/v1/jobs/\(job)/stdout", headers)
                #expect(answer.headers[name] == digest, "\(wish ?? "none")")
            }
        }
    }

    @Test func aQuietJobIsKeptAwake() async throws {
        try await Site.listen(configuration: WebConfiguration(heartbeat: .milliseconds(20))) { site, port in
            let job = try await site.job(Script(isEndless: true))
            let connection = try RawConnection(port: port)
            try await connection.send(
                "GET /api/v1/jobs/\(job)/stdout HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
                    + "Authorization: Bearer \(site.owner.key)\r\n\r\n")
            // However long that takes.
            #expect(try await connection.read { $0.text.components(separatedBy: ": still here\n\n").count > 3 })
            #expect(!connection.text.contains("event: "))
            _ = try await site.panal.cancel(try #require(site.owner.principal), job)
            #expect(try await connection.read { $0.text.contains("event: end") }, "\(connection.text)")
            #expect(connection.text.components(separatedBy: "event: ").count == 2)
        }
    }

    @Test func wrongPlacesAndForeignJobsAreRefused() async throws {
        try await Site.open { site, client in
            let job = try await site.job()
            for path in ["events", "stdout", "stderr"] {
                for place in ["x", "-1", "1.5", "99999999999999999999"] {
                    var headers = site.owner.bearer
                    headers[.accept] = "text/event-stream"
                    headers[Self.lastEvent] = place
                    let answer = try await client.send(.get, "/api/v1/jobs/\(job)/\(path)", headers)
                    #expect(answer.status == .badRequest, "\(path) \(place)")
                }
                var headers = site.other.bearer
                headers[.accept] = "application/json;q=0.5, text/event-stream"
                let foreign = try await client.send(.get, "/api/v1/jobs/\(job)/\(path)", headers)
                #expect(foreign.status == .notFound)
            }
        }
    }

    @Test(
        arguments: [
            ([], 0), ([0x61], 0), ([0x61, 0xC3], 1), ([0xE2, 0x82], 2), ([0xF0, 0x9F, 0x98], 3), ([0xC3, 0xB1], 0),
            // No beginning of a character at all, and one that is none.
            ([0x80, 0x80, 0x80, 0x80], 0), ([0xFF], 0),
        ] as [([UInt8], Int)]) func unfinishedCharactersWait(bytes: [UInt8], waiting: Int)
    {
        #expect(LiveOutput.unfinished(bytes) == waiting)
    }
}
