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

@Suite("Sending again") struct RetryTests {
    private static let key = HTTPField.Name("Idempotency-Key")!
    private static let replayed = HTTPField.Name("Idempotency-Replayed")!
    private static let uri = "/api/v1/programs/everything-more/jobs"

    private static func jobs(_ client: any TestClientProtocol, of visitor: Visitor) async throws -> Int {
        try #require(try await client.send(.get, "/api/v1/jobs?limit=200", visitor.bearer).json["jobs"]?.list).count
    }

    private static func ask(_ client: any TestClientProtocol, as visitor: Visitor) async throws -> TestResponse {
        try await client.json(.post, uri, as: visitor, #"{"text": "a"}"#, [key: "k-4"])
    }

    @Test func theSameRequestIsDoneOnce() async throws {
        try await Site.open { site, client in
            let body = #"{"text": "a", "size": 4}"#
            let first = try await client.json(.post, Self.uri, as: site.owner, body, [Self.key: "\"k-1\""])
            #expect(first.status == .accepted && first.headers[Self.replayed] == nil)
            // In another order, without the quotes of the header; and as a form.
            let again = try await client.json(
                .post, Self.uri, as: site.owner, #"{ "size":4, "text":"a" }"#, [Self.key: "k-1"])
            #expect(again.status == .accepted, "\(again.text)")
            #expect(again.headers[Self.replayed] == "true")
            #expect(again.headers[.location] == first.headers[.location])
            #expect(try again.json["id"] == first.json["id"])
            var headers = site.owner.bearer
            headers[.contentType] = "application/x-www-form-urlencoded"
            headers[Self.key] = "k-1"
            let form = try await client.send(.post, Self.uri, headers, body: ByteBuffer(string: "text=a&size=4"))
            #expect(form.headers[.location] == first.headers[.location])
            #expect(try await Self.jobs(client, of: site.owner) == 1)
        }
    }

    @Test func anotherRequestWithTheKeyIsRefused() async throws {
        try await Site.open { site, client in
            let key = [Self.key: "k-2"] as HTTPFields
            _ = try await client.json(.post, Self.uri, as: site.owner, #"{"text": "a"}"#, key)
            let others: [(String, String)] = [
                (Self.uri, #"{"text": "b"}"#), (Self.uri + "?profile=small", #"{"text": "a"}"#),
                (Self.uri + "?priority=low", #"{"text": "a"}"#), ("/api/v1/programs/secreto/jobs", "{}"),
            ]
            for (uri, body) in others {
                let answer = try await client.json(.post, uri, as: site.owner, body, key)
                #expect(answer.status == .unprocessableContent, "\(uri) \(body)")
                #expect(try answer.json["errors"]?.list?.first?["pointer"] == "/Idempotency-Key")
            }
            #expect(try await Self.jobs(client, of: site.owner) == 1)
        }
    }

    @Test func aKeyIsItsUsersOwn() async throws {
        try await Site.open { site, client in
            let body = #"{"text": "a", "token": "secret"}"#
            let mine = try await client.json(.post, Self.uri, as: site.owner, body, [Self.key: "shared"])
            let others = try await client.json(.post, Self.uri, as: site.other, body, [Self.key: "shared"])
            #expect(others.status == .accepted && others.headers[Self.replayed] == nil)
            #expect(try others.json["id"] != mine.json["id"])
            #expect(try others.json["owner"] != mine.json["owner"])
            // An administrator sees the job by its address, not by the key.
            let root = try await client.json(.post, Self.uri, as: site.administrator, body, [Self.key: "shared"])
            #expect(root.headers[Self.replayed] == nil)
        }
    }

    @Test func aRefusedRequestLeavesItsKeyFree() async throws {
        try await Site.open { site, client in
            let key = [Self.key: "k-3"] as HTTPFields
            let wrong = try await client.json(.post, Self.uri, as: site.owner, #"{"size": 99}"#, key)
            #expect(wrong.status == .unprocessableContent)
            let right = try await client.json(.post, Self.uri, as: site.owner, #"{"text": "a"}"#, key)
            #expect(right.status == .accepted && right.headers[Self.replayed] == nil)
        }
    }

    @Test(arguments: ["", " ", "\"\"", "a b", "ä", "a\"b", String(repeating: "x", count: 256)])
    func keysOfAnotherFormAreRefused(key: String) async throws {
        try await Site.open { site, client in
            let answer = try await client.json(
                .post, Self.uri, as: site.owner, #"{"text": "a"}"#, [Self.key: key])
            #expect(answer.status == .badRequest, "\(answer.text)")
            #expect(try await Self.jobs(client, of: site.owner) == 0)
        }
    }

    /// However many come at the same moment, one job is made, and every answer is that job's or says to wait.
    @Test func ofManyAtOnceOneIsDone() async throws {
        try await Site.open { site, client in
            async let first = Self.ask(client, as: site.owner)
            async let second = Self.ask(client, as: site.owner)
            async let third = Self.ask(client, as: site.owner)
            async let fourth = Self.ask(client, as: site.owner)
            let answers = try await [first, second, third, fourth]
            let taken = answers.filter { $0.status == .accepted }
            #expect(taken.count { $0.headers[Self.replayed] == nil } == 1)
            #expect(Set(taken.compactMap { $0.headers[.location] }).count == 1)
            let refused = answers.filter { $0.status != .accepted }
            #expect(refused.allSatisfy { $0.status == .conflict && $0.headers[.retryAfter] == "1" })
            #expect(try await Self.jobs(client, of: site.owner) == 1)
        }
    }

    // MARK: Batches

    @Test func aBatchIsTakenWholeOrNotAtAll() async throws {
        try await Site.open { site, client in
            let uri = "/api/v1/programs/everything-more/batches"
            let wrong = try await client.json(
                .post, uri, as: site.owner,
                #"{"submissions": [{"text": "a"}, {"size": 77}, {"text": "c", "nonsense": 1}]}"#)
            #expect(wrong.status == .unprocessableContent)
            let pointers = try #require(try wrong.json["errors"]?.list).compactMap { $0["pointer"]?.text }
            #expect(Set(pointers) == ["/submissions/1/text", "/submissions/1/size", "/submissions/2/nonsense"])
            #expect(try await Self.jobs(client, of: site.owner) == 0)
            for body in [
                "{}", #"{"submissions": []}"#, #"{"submissions": [1]}"#, #"{"submissions": {}}"#,
                #"{"submissions": [{"text": "a", "_profile": "small"}]}"#, #"{"submissions": [{}], "x": 1}"#,
                #"{"submissions": [\#(Array(repeating: #"{"text":"a"}"#, count: 1_001).joined(separator: ","))]}"#,
            ] {
                let answer = try await client.json(.post, uri, as: site.owner, body)
                #expect(answer.status == .unprocessableContent, "\(body.prefix(60)): \(answer.text)")
            }

            let body = #"{"profile": "small", "submissions": [{"text": "a"}, {"text": "b"}, {"text": "c"}]}"#
            let made = try await client.json(
                .post, uri, as: site.owner, body, [Self.key: "b-1", InterfaceTests.prefer: "wait=20"])
            #expect(made.status == .ok, "\(made.text)")
            let batch = try made.json
            #expect(batch["final"] == .boolean(true) && batch["size"] == 3)
            #expect(batch["states"] == ["finished": 3])
            let results = try #require(batch["results"]?.list)
            #expect(results.map { $0["index"] } == [0, 1, 2])
            #expect(results.allSatisfy { $0["outcome"]?["success"] == .boolean(true) })
            let job = try await client.send(.get, try #require(results[1]["url"]?.text), site.owner.bearer)
            #expect(try job.json["fields"]?.list?.first?["value"] == "b")
            // Sent again it is the same one; a single job's key is not a batch's.
            let again = try await client.json(.post, uri, as: site.owner, body, [Self.key: "b-1"])
            #expect(again.headers[Self.replayed] == "true")
            #expect(try again.json["id"] == batch["id"])
            let other = try await client.json(.post, Self.uri, as: site.owner, #"{"text": "a"}"#, [Self.key: "b-1"])
            #expect(other.status == .unprocessableContent)
            #expect(try await Self.jobs(client, of: site.owner) == 3)
        }
    }

    /// All of them start in one step, or the batch is refused.
    @Test func aBatchStartsTogether() async throws {
        try await Site.open { site, client in
            let uri = "/api/v1/programs/everything-more/batches"
            let many = Array(repeating: #"{"text":"a"}"#, count: 900).joined(separator: ",")
            let large = try await client.json(
                .post, uri, as: site.owner, #"{"together": true, "profile": "small", "submissions": [\#(many)]}"#)
            #expect(large.status == .unprocessableContent)
            #expect(try large.json["errors"]?.list?.first?["pointer"] == "/together", "\(large.text)")
            #expect(try await Self.jobs(client, of: site.owner) == 0)
            let body = #"{"together": true, "profile": "small", "submissions": [{"text": "a"}, {"text": "b"}]}"#
            let made = try await client.json(
                .post, uri, as: site.owner, body, [Self.key: "g-1", InterfaceTests.prefer: "wait=20"])
            #expect(made.status == .ok, "\(made.text)")
            #expect(try made.json["together"] == .boolean(true))
            let apart = body.replacingOccurrences(of: "true", with: "false")
            let other = try await client.json(.post, uri, as: site.owner, apart, [Self.key: "g-1"])
            #expect(other.status == .unprocessableContent)
            let location = try #require(made.headers[.location])
            let address = "\(location)/cancel"
            let ended = try await client.send(.post, address, site.owner.bearer)
            #expect(ended.status == .ok)
            #expect(try ended.json["states"] == ["finished": 2])
        }
    }

    // MARK: Cursors and marks

    @Test func cursorsBelongToTheirList() async throws {
        try await Site.open { site, client in
            for _ in 0..<4 { _ = try await site.job() }
            let uri = "/api/v1/jobs?limit=2&program=everything-more"
            let page = try await client.send(.get, uri, site.owner.bearer).json
            let cursor = try #require(page["next"]?.text)
            let ids = try #require(page["jobs"]?.list).compactMap { $0["id"]?.text }
            #expect(!ids.contains { cursor.contains($0) })
            // What is submitted meanwhile moves nothing.
            let rest = try await client.send(.get, "\(uri)&cursor=\(cursor)", site.owner.bearer).text
            _ = try await site.job()
            #expect(try await client.send(.get, "\(uri)&cursor=\(cursor)", site.owner.bearer).text == rest)
            var forged = cursor
            forged.replaceSubrange(forged.startIndex...forged.startIndex, with: cursor.hasPrefix("A") ? "B" : "A")
            let wrong: [(String, Visitor)] = [
                ("\(uri)&cursor=\(cursor)", site.other), ("/api/v1/jobs?limit=2&cursor=\(cursor)", site.owner),
                ("\(uri)&state=finished&cursor=\(cursor)", site.owner), ("\(uri)&cursor=\(forged)", site.owner),
                ("\(uri)&cursor=\(cursor)x", site.owner), ("\(uri)&cursor=\(ids[0])", site.owner),
                ("\(uri)&everyone=true&cursor=\(cursor)", site.administrator),
                // Empty is not the same as missing.
                ("\(uri)&cursor=", site.owner), ("/api/v1/jobs?state=&limit=2", site.owner),
            ]
            for (uri, visitor) in wrong {
                #expect(try await client.send(.get, uri, visitor.bearer).status == .badRequest, "\(uri)")
            }
        }
    }

    @Test func changesTakeIfMatch() async throws {
        try await Site.open { site, client in
            let uri = "/api/v1/programs/secreto"
            let etag = try #require(try await client.send(.get, uri, site.owner.bearer).headers[.eTag])
            let open = #"{"public": true}"#
            for wrong in ["\"x\"", "W/\(etag)", "\"x\", \"y\""] {
                let answer = try await client.json(.patch, uri, as: site.owner, open, [.ifMatch: wrong])
                #expect(answer.status == .preconditionFailed, "\(wrong)")
            }
            #expect(try await client.send(.get, uri, site.other.bearer).status == .notFound)
            let changed = try await client.json(.patch, uri, as: site.owner, open, [.ifMatch: "\"x\", \(etag)"])
            #expect(changed.status == .ok)
            let now = try #require(changed.headers[.eTag])
            #expect(now != etag)
            #expect(try await client.send(.get, uri, site.owner.bearer).headers[.eTag] == now)
            // Somebody else was faster.
            let late = try await client.json(.patch, uri, as: site.owner, #"{"public": false}"#, [.ifMatch: etag])
            #expect(late.status == .preconditionFailed)
            let any = try await client.json(.patch, uri, as: site.owner, #"{"public": false}"#, [.ifMatch: "*"])
            #expect(any.status == .ok)
        }
    }

    @Test func programsListTheirVersions() async throws {
        try await Site.open { site, client in
            _ = try await site.publish(
                #"{"name": "secreto", "description": "two", "inputs": []}"#, isPublic: false,
                as: try #require(site.owner.principal))
            let answer = try await client.send(.get, "/api/v1/programs/secreto/versions", site.owner.bearer)
            let versions = try #require(try answer.json["versions"]?.list)
            #expect(versions.map { $0["version"] } == [2, 1])
            #expect(versions.map { $0["description"] } == ["two", nil])
        }
    }
}
