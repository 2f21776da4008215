import HTTPTypes
import Hummingbird
import HummingbirdTesting
import PanalCore
import PanalService
import Testing

@testable import PanalHTTP

/// Words that would be passed over, where whoever sent them takes them for understood.
@Suite("Words that nobody understands") struct UnknownWordTests {
    private static let run = "/api/v1/programs/everything-more/jobs"
    private static let idempotencyKey = HTTPField.Name("Idempotency-Key")!

    @Test func aSlipOfTheFingerRunsNothing() async throws {
        try await Site.open { site, client in
            let typed = try await client.json(.post, Self.run + "?dryrun=true", as: site.owner, #"{"text": "a"}"#)
            #expect(typed.status == .badRequest)
            #expect(try typed.json["detail"] == "the query's ‘dryrun’ is not known here; did you mean ‘dryRun’?")
            let batch = try await client.json(
                .post, "/api/v1/programs/everything-more/batches?dryRan=true", as: site.owner,
                #"{"submissions": [{"text": "a"}]}"#)
            #expect(batch.status == .badRequest)
            let jobs = try await client.send(.get, "/api/v1/jobs", site.owner.bearer)
            #expect(try jobs.json["jobs"]?.list == [])
            let filtered = try await client.send(.get, "/api/v1/jobs?stat=failed", site.owner.bearer)
            #expect(filtered.status == .badRequest)
            #expect(try filtered.json["detail"]?.text?.contains("did you mean ‘state’?") == true)
        }
    }

    /// Every operation, whatever else its request lacks.
    @Test func everyOperationRefusesAWordThatItDoesNotHave() async throws {
        try await Site.open { site, client in
            let routes = try Web(panal: site.panal).routes.filter(\.access.isInterface)
            #expect(routes.count > 80)
            for route in routes {
                let path = route.path.replacing("**", with: "a").replacing(/\{[a-z]+\}/, with: "a")
                let answer = try await client.send(
                    route.method, path + "?no-such-word=1", site.administrator.bearer)
                #expect(answer.status == .badRequest, "\(route.method) \(route.path): \(answer.text)")
                if route.method != .head {
                    #expect(answer.text.contains("no-such-word"), "\(route.method) \(route.path): \(answer.text)")
                }
            }
        }
    }

    @Test(arguments: [
        ("?dryRun=false", #""_dryRun": true"#, "/_dryRun"), ("?dryRun=true", #""_dryRun": false"#, "/_dryRun"),
        ("?profile=small", #""_profile": "medium""#, "/_profile"),
        ("?priority=low", #""_priority": "high""#, "/_priority"),
        ("?version=1", #""_version": 2"#, "/_version"),
    ])
    func queryAndBodyThatContradictEachOtherAreRefused(query: String, member: String, pointer: String) async throws {
        try await Site.open { site, client in
            let answer = try await client.json(.post, Self.run + query, as: site.owner, #"{"text": "a", \#(member)}"#)
            #expect(answer.status == .unprocessableContent, "\(answer.text)")
            #expect(try answer.json["errors"]?.list?.first?["pointer"]?.text == pointer)
            #expect(try await client.send(.get, "/api/v1/jobs", site.owner.bearer).json["jobs"]?.list == [])
        }
    }

    @Test func saidTwiceAlikeItIsTaken() async throws {
        try await Site.open { site, client in
            let answer = try await client.json(
                .post, Self.run + "?dryRun=true&profile=small", as: site.owner,
                #"{"text": "a", "_dryRun": true, "_profile": "small"}"#)
            #expect(answer.status == .ok)
            #expect(try answer.json["dryRun"] == true)
        }
    }

    @Test func aKeyIsRefusedWhereItWouldBePassedOver() async throws {
        try await Site.open { site, client in
            let answer = try await client.json(
                .post, "/api/v1/groups", as: site.administrator, #"{"name": "lab"}"#, [Self.idempotencyKey: "once"])
            #expect(answer.status == .badRequest)
            #expect(try answer.json["detail"]?.text?.contains("Idempotency-Key") == true)
            #expect(try await client.send(.get, "/api/v1/groups", site.administrator.bearer).json["groups"]?.list == [])
        }
    }

    /// Money moves once, however often its request is sent.
    @Test func aGrantThatIsSentAgainIsOneGrant() async throws {
        try await Site.open(credits: CreditRules(isOn: true)) { site, client in
            func move(_ path: String, _ body: String, _ key: String) async throws -> TestResponse {
                try await client.json(
                    .post, "/api/v1/credits/\(path)", as: site.administrator, body, [Self.idempotencyKey: key])
            }
            let grant = #"{"user": "ana", "amount": "10", "reason": "term"}"#
            let answers = try await withThrowingTaskGroup(of: TestResponse.self) { group in
                for _ in 0..<8 { group.addTask { try await move("grants", grant, "a") } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            // One that was still on its way is told so.
            #expect(answers.allSatisfy { [201, 409].contains($0.status.code) })
            let again = try await move("grants", grant, "a")
            #expect(again.status == .created && again.headers[.idempotencyReplayed] == "true")
            #expect(try again.json["balance"] == "10")
            let other = try await move("grants", #"{"user": "ana", "amount": "11", "reason": "term"}"#, "a")
            #expect(other.status == .unprocessableContent)
            // The same words with another meaning.
            #expect(try await move("withdrawals", grant, "a").status == .unprocessableContent)
            let back = #"{"user": "ana", "amount": "4", "reason": "term"}"#
            #expect(try await move("withdrawals", back, "b").json["balance"] == "6")
            #expect(try await move("withdrawals", back, "b").json["balance"] == "6")
            // One that was refused has left nothing: its key is free.
            let much = #"{"user": "ana", "amount": "7", "reason": "term"}"#
            #expect(try await move("withdrawals", much, "c").status.code == 402)
            #expect(try await move("grants", much, "c").json["balance"] == "13")
        }
    }

    /// An administrator with a key for less hears that it is the key, and of which kind it would have to be.
    @Test(arguments: ["/api/v1/jobs?everyone=true", "/api/v1/credits?user=ana", "/api/v1/usage?user=ana"])
    func aKeyForLessIsToldSo(path: String) async throws {
        try await Site.open { site, client in
            let made = try await client.json(
                .post, "/api/v1/keys", as: site.administrator, #"{"label": "less", "scopes": ["read"]}"#)
            let key = try #require(try made.json["secret"]?.text, "\(made.text)")
            let answer = try await client.send(.get, path, [.authorization: "Bearer \(key)"])
            #expect(answer.status == .forbidden, "\(answer.text)")
            #expect(try answer.json["type"] == "urn:panal:problem:insufficient-scope")
            #expect(answer.headers[.wwwAuthenticate]?.contains("scope=\"administration\"") == true)
            #expect(try await client.send(.get, path, site.administrator.bearer).status == .ok)
            // For others nothing of the sort is told.
            #expect(try await client.send(.get, path, site.other.bearer).status.code != 200)
        }
    }
}
