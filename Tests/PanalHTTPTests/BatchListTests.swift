import HTTPTypes
import HummingbirdTesting
import PanalCore
import Testing

@testable import PanalHTTP

/// Batches in lists, in the documents of their jobs, and before they are submitted.
@Suite("Lists of batches") struct BatchListTests {
    private static let uri = "/api/v1/programs/everything-more/batches"

    private static func submit(
        _ texts: [String], _ client: any TestClientProtocol, as visitor: Visitor
    ) async throws -> JSONValue {
        let all = texts.map { "{\"text\": \"\($0)\"}" }.joined(separator: ",")
        let made = try await client.json(
            .post, uri, as: visitor, "{\"profile\": \"small\", \"submissions\": [\(all)]}",
            [InterfaceTests.prefer: "wait=20"])
        #expect(made.status == .ok, "\(made.text)")
        return try made.json
    }

    private static func ids(
        _ uri: String, _ name: String, _ client: any TestClientProtocol, as visitor: Visitor
    ) async throws -> [String] {
        try await client.send(.get, uri, visitor.bearer).json[name]?.list?.compactMap { $0["id"]?.text } ?? []
    }

    @Test func onesOwnAreListedTheNewestFirst() async throws {
        try await Site.open { site, client in
            let first = try #require(try await Self.submit(["a"], client, as: site.owner)["id"]?.text)
            let second = try await Self.submit(["b", "c"], client, as: site.owner)
            let theirs = try #require(try await Self.submit(["d"], client, as: site.other)["id"]?.text)
            let page = try await client.send(.get, "/api/v1/batches", site.owner.bearer).json
            let list = try #require(page["batches"]?.list)
            #expect(list.compactMap { $0["id"]?.text } == [try #require(second["id"]?.text), first])
            for member in ["id", "program", "owner", "submitted", "size", "together", "final", "states", "url"] {
                #expect(list[0][member] == second[member] && second[member] != nil, "\(member)")
            }
            #expect(list[0]["results"] == nil && list[0]["states"] == ["finished": 2])
            #expect(try await Self.ids("/api/v1/batches?program=filter", "batches", client, as: site.owner) == [])
            let all = "/api/v1/batches?everyone=true"
            #expect(try await Self.ids(all, "batches", client, as: site.administrator).first == theirs)
            #expect(try await client.send(.get, all, site.owner.bearer).status == .forbidden)
        }
    }

    @Test func aJobSaysItsBatchAndIsFoundByIt() async throws {
        try await Site.open { site, client in
            let batch = try await Self.submit(["a", "b"], client, as: site.owner)
            let id = try #require(batch["id"]?.text)
            let alone = try await site.job()
            let jobs = (batch["results"]?.list ?? []).compactMap { $0["job"]?.text }
            #expect(jobs.count == 2)
            for job in jobs {
                let answer = try await client.send(.get, "/api/v1/jobs/\(job)", site.owner.bearer)
                #expect(try answer.json["batch"]?.text == id)
            }
            #expect(try await client.send(.get, "/api/v1/jobs/\(alone)", site.owner.bearer).json["batch"] == nil)
            let uri = "/api/v1/jobs?batch=\(id)"
            #expect(try await Self.ids(uri, "jobs", client, as: site.owner) == jobs.reversed())
            #expect(try await Self.ids("\(uri)&state=finished", "jobs", client, as: site.owner) == jobs.reversed())
            #expect(try await Self.ids("\(uri)&state=failed", "jobs", client, as: site.owner) == [])
            let first = try await client.send(.get, "\(uri)&limit=1", site.owner.bearer).json
            #expect(first["jobs"]?.list?.first?["batch"]?.text == id)
            let next = try #require(first["next"]?.text)
            #expect(
                try await Self.ids("\(uri)&limit=1&cursor=\(next)", "jobs", client, as: site.owner) == [jobs[0]])
            // A cursor is its filter's alone.
            #expect(
                try await client.send(.get, "/api/v1/jobs?limit=1&cursor=\(next)", site.owner.bearer).status
                    == .badRequest)
            // Others' batches are not there, but for administrators who ask for everybody's.
            #expect(try await Self.ids(uri, "jobs", client, as: site.other) == [])
            #expect(try await Self.ids(uri, "jobs", client, as: site.administrator) == [])
            #expect(try await Self.ids("\(uri)&everyone=true", "jobs", client, as: site.administrator).count == 2)
            #expect(try await client.send(.get, "/api/v1/jobs?batch=x", site.owner.bearer).status == .badRequest)
        }
    }

    @Test func aDryRunStoresNothing() async throws {
        try await Site.open { site, client in
            let body = #"{"profile": "small", "submissions": [{"text": "a"}, {"text": "b"}, {"text": "c"}]}"#
            let good = try await client.json(.post, "\(Self.uri)?dryRun=true", as: site.owner, body)
            #expect(good.status == .ok, "\(good.text)")
            let estimate = try good.json
            #expect(estimate["dryRun"] == .boolean(true) && estimate["valid"] == .boolean(true))
            #expect(estimate["allowed"] == .boolean(true) && estimate["size"] == 3)
            #expect(estimate["charge"]?["most"]?.text != nil && estimate["id"] == nil)
            // The same in the body, and what is wrong with its place.
            let wrong = try await client.json(
                .post, Self.uri, as: site.owner,
                #"{"submissions": [{"text": "a"}, {"text": "a", "size": 77}], "dryRun": true}"#)
            #expect(wrong.status == .ok, "\(wrong.text)")
            #expect(try wrong.json["valid"] == .boolean(false) && wrong.json["allowed"] == .boolean(false))
            let places = try wrong.json["refusal"]?["errors"]?.list?.compactMap { $0["pointer"]?.text }
            #expect(places == ["/submissions/1/size"])
            let many = Array(repeating: #"{"text":"a"}"#, count: 900).joined(separator: ",")
            let large = try await client.json(
                .post, "\(Self.uri)?dryRun=true", as: site.owner,
                #"{"together": true, "profile": "small", "submissions": [\#(many)]}"#)
            #expect(try large.json["refusal"]?["errors"]?.list?.first?["pointer"] == "/together", "\(large.text)")
            for answer in [good, wrong, large] {
                let document = try await client.send(.get, "/openapi.json", site.owner.bearer).json
                let operation = document["paths"]?["/api/v1/programs/{name}/batches"]?["post"]
                #expect(DescriptionTests.complaints(answer, operation, document) == [])
            }
            // Two words for it that do not agree.
            let torn = try await client.json(
                .post, "\(Self.uri)?dryRun=true", as: site.owner, #"{"submissions": [{"text": "a"}], "dryRun": false}"#)
            #expect(torn.status == .unprocessableContent)
            #expect(try await Self.ids("/api/v1/jobs", "jobs", client, as: site.owner) == [])
            #expect(try await Self.ids("/api/v1/batches", "batches", client, as: site.owner) == [])
        }
    }
}
