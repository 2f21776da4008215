import Foundation
import HTTPTypes
import HummingbirdTesting
import NIOCore
import PanalCore
@testable import PanalHTTP
import PanalManifest
import PanalService
import Testing

/// `If-Match`: nobody changes what somebody else has changed meanwhile, in whichever moment.
@Suite("Preconditions") struct PreconditionTests {
    private static func isMarked(_ route: Route) -> Bool {
        route.operation?.answers.contains { $0.headers.contains { $0.name == "ETag" } } ?? false
    }

    private static func isGuarded(_ route: Route) -> Bool {
        route.operation?.parameters.contains { $0.name == "If-Match" && $0.place == .header } ?? false
    }

    /// Changes of what has a mark.
    private static func changes(_ site: Site) -> [Route] {
        let marked = Set(site.web.routes.filter { $0.method == .get && isMarked($0) }.map(\.path))
        return site.web.routes.filter { [.put, .patch, .delete].contains($0.method) && marked.contains($0.path) }
    }

    /// Out of the table of routes: a new one that takes no `If-Match` fails here.
    @Test func everyChangeOfWhatHasAMarkTakesIfMatch() async throws {
        try await Site.open { site, client in
            let changes = Self.changes(site)
            #expect(changes.count >= 17)
            for route in changes {
                let name = "\(route.method.rawValue) \(route.path)"
                #expect(Self.isGuarded(route), "\(name)")
                let found = AuthorisationTests.rows.first { $0.route == name }
                var row = try #require(found)
                let uri = try await row.uri(site)
                row.uri = { _ in uri }
                let isOwners = ["/uploads/", "/keys/", "/webhooks/"].contains { uri.contains($0) }
                let visitor = isOwners ? site.owner : site.administrator
                let mark = try #require(try await client.send(.get, uri, visitor.bearer).headers[.eTag], "\(name)")
                for wrong in ["\"nonsense\"", "W/\(mark)", String(mark.dropFirst().dropLast())] {
                    let refused = try await AuthorisationTests.ask(row, site, client, as: visitor, [.ifMatch: wrong])
                    #expect(refused.status == .preconditionFailed, "\(name) \(wrong): \(refused.text)")
                    #expect(try refused.json["type"] == "urn:panal:problem:precondition-failed")
                    #expect(refused.headers[.eTag] != nil)
                }
                #expect(try await client.send(.get, uri, visitor.bearer).headers[.eTag] == mark, "\(name)")
                let taken = try await AuthorisationTests.ask(
                    row, site, client, as: visitor, [.ifMatch: "\"nonsense\", \(mark)"])
                #expect(taken.status.kind == .successful, "\(name): \(taken.text)")
            }
        }
    }

    /// Even reading a key's mark with the key itself is a use of it.
    @Test func usingAKeyLeavesItsMark() async throws {
        try await Site.open { site, client in
            let principal = try #require(site.owner.principal)
            let made = try await site.panal.createKey(principal, label: "mine", lifetime: nil)
            let uri = "/api/v1/keys/\(made.key.id)"
            let mark = try #require(try await client.send(.get, uri, site.owner.bearer).headers[.eTag])
            let own: HTTPFields = [.authorization: "Bearer \(made.secret)"]
            // Noted behind the answer.
            while try await client.send(.get, uri, own).json["lastUsed"] == nil {
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(try await client.send(.get, uri, own).headers[.eTag] == mark)
            let rotated = try await client.json(.post, uri + "/rotate", as: site.owner, "{}", [.ifMatch: mark])
            #expect(rotated.status == .ok, "\(rotated.text)")
        }
    }

    /// What is changed at an address below the one that it is read at, or by a wish.
    @Test func changesByAnotherAddressTakeIfMatch() async throws {
        try await Site.open { site, client in
            let owner = site.owner
            let principal = try #require(owner.principal)
            let batch = try await site.panal.submit(
                principal, together: [JobRequest(program: "secreto", submission: Submission())], once: nil
            ).report.batch.id
            _ = try await site.panal.wait(principal, batch: batch, atMost: .seconds(20))
            let signing = try await site.panal.createCallbackSecret(principal).webhook.id
            let key = "/api/v1/keys/\(try await AuthorisationTests.key(site))"
            let shapes: [(read: String, change: String, replaces: Bool)] = [
                (key, key + "/rotate", true),
                ("/api/v1/webhooks/\(signing)", "/api/v1/webhooks/callback-secret", true),
                ("/api/v1/batches/\(batch)", "/api/v1/batches/\(batch)/cancel", false),
                ("/api/v1/jobs/\(try await site.job())", "/api/v1/jobs/\(try await site.job())/cancel", false),
            ]
            for (read, change, replaces) in shapes {
                let route = try #require(
                    site.web.routes.first {
                        $0.method == .post && $0.path.split(separator: "/").last == change.split(separator: "/").last
                            && $0.path.split(separator: "/")[2] == change.split(separator: "/")[2]
                    })
                #expect(Self.isGuarded(route), "\(change)")
                let mark = try #require(try await client.send(.get, read, owner.bearer).headers[.eTag], "\(read)")
                let refused = try await client.json(.post, change, as: owner, "{}", [.ifMatch: "\"nonsense\""])
                #expect(refused.status == .preconditionFailed && refused.headers[.eTag] != nil, "\(change)")
                #expect(try await client.send(.get, read, owner.bearer).headers[.eTag] == mark, "\(change)")
                guard !change.contains("/jobs/") else { continue }
                let taken = try await client.json(.post, change, as: owner, "{}", [.ifMatch: mark])
                #expect(taken.status.kind == .successful, "\(change): \(taken.text)")
                let again = try await client.json(.post, change, as: owner, "{}", [.ifMatch: mark])
                #expect((again.status == .preconditionFailed) == replaces, "\(change): \(again.text)")
            }
        }
    }

    /// `*` is for what is there.
    @Test func anyMarkIsNoMarkOfNothing() async throws {
        try await Site.open { site, client in
            let address = "/api/v1/webhooks/callback-secret"
            let refused = try await client.json(.post, address, as: site.owner, "", [.ifMatch: "*"])
            #expect(refused.status == .preconditionFailed && refused.headers[.eTag] == nil)
            #expect(try await client.json(.post, address, as: site.owner, "").status == .created)
            #expect(try await client.json(.post, address, as: site.owner, "", [.ifMatch: "*"]).status == .created)
        }
    }

    /// Whatever a change answers with as its mark is taken for the next one.
    @Test func theMarkOfAChangeServesForTheNext() async throws {
        try await Site.open { site, client in
            let root = site.administrator
            let group = try await AuthorisationTests.group(site)
            let user = try await AuthorisationTests.user(site)
            for (uri, method, bodies) in [
                ("/api/v1/groups/\(group)", .patch, [#"{"share": 2}"#, #"{"share": 3}"#]),
                ("/api/v1/groups/\(group)/restriction", .put, [#"{"runningCores": 2}"#, "{}"]),
                ("/api/v1/users/\(user)", .patch, [#"{"status": "blocked"}"#, #"{"role": "administrator"}"#]),
                ("/api/v1/pools/local", .patch, [#"{"open": false}"#, #"{"open": true}"#]),
                (
                    "/api/v1/costs/items", .put,
                    [#"{"items": [{"name": "a", "unit": "month", "price": "1"}]}"#, #"{"items": []}"#]
                ),
                ("/api/v1/settings", .patch, [#"{"queueLimit": 71}"#, #"{"queueLimit": null}"#]),
                ("/api/v1/programs/secreto", .patch, [#"{"public": true}"#, #"{"public": false}"#]),
            ] as [(String, HTTPRequest.Method, [String])] {
                var mark = try #require(try await client.send(.get, uri, root.bearer).headers[.eTag], "\(uri)")
                for body in bodies {
                    let answer = try await client.json(method, uri, as: root, body, [.ifMatch: mark])
                    #expect(answer.status == .ok, "\(uri): \(answer.text)")
                    let next = try #require(answer.headers[.eTag], "\(uri)")
                    #expect(next != mark)
                    let late = try await client.json(method, uri, as: root, body, [.ifMatch: mark])
                    #expect(late.status == .preconditionFailed && late.headers[.eTag] == next, "\(uri)")
                    mark = next
                }
            }
        }
    }

    /// What is to be changed at the same moment by many who know the same: one of them does it.
    @Test func ofManyAtOnceOneWins() async throws {
        try await Site.open { site, client in
            let root = site.administrator
            let principal = try #require(root.principal)
            let group = try await AuthorisationTests.group(site)
            let doomed = try await AuthorisationTests.group(site)
            let user = try await AuthorisationTests.user(site)
            let key = try await AuthorisationTests.key(site)
            let renewed = try await AuthorisationTests.key(site)
            let payers = try await AuthorisationTests.payer(site)
            let webhook = try await site.webhook()
            let owner = try #require(site.owner.principal)
            let signing = try await site.panal.createCallbackSecret(owner).webhook.id
            try await site.panal.restrict(principal, .group(doomed), to: Restriction(runningCores: 3))
            let shapes: [(String, HTTPRequest.Method, @Sendable (Int) -> String)] = [
                ("/api/v1/groups/\(group)", .patch, { "{\"share\": \($0 + 2)}" }),
                ("/api/v1/groups/\(group)/restriction", .put, { "{\"runningCores\": \($0 + 1)}" }),
                ("/api/v1/users/\(user)/restriction", .put, { "{\"runningCores\": \($0 + 1)}" }),
                ("/api/v1/users/\(user)", .patch, { _ in #"{"status": "blocked"}"# }),
                ("/api/v1/settings", .patch, { "{\"queueLimit\": \($0 + 100)}" }),
                ("/api/v1/programs/secreto", .patch, { _ in #"{"public": true}"# }),
                ("/api/v1/groups/\(doomed)/restriction", .delete, { _ in "" }),
                ("/api/v1/groups/\(doomed)", .delete, { _ in "" }),
                ("/api/v1/keys/\(key)", .delete, { _ in "" }),
                ("/api/v1/keys/\(renewed)/rotate", .post, { "{\"grace\": \($0)}" }),
                ("/api/v1/webhooks/\(webhook)", .delete, { _ in "" }),
                ("/api/v1/webhooks/callback-secret", .post, { _ in "" }),
                ("/api/v1/pools/local", .patch, { _ in #"{"open": false}"# }),
                ("/api/v1/credits/budget?user=ana", .put, { "{\"user\": \"ana\", \"amount\": \($0 + 1)}" }),
                ("/api/v1/credits/payer?group=\(payers)", .put, { _ in #"{"group": "payers", "pays": true}"# }),
                (
                    "/api/v1/costs/items", .put,
                    { "{\"items\": [{\"name\": \"a\($0)\", \"unit\": \"month\", \"price\": \"1\"}]}" }
                ),
            ]
            for (uri, method, body) in shapes {
                let reader = uri.contains("/keys/") || uri.contains("/webhooks/") ? site.owner : root
                let read = uri.replacing("/rotate", with: "").replacing("callback-secret", with: signing.text)
                let mark = try #require(try await client.send(.get, read, reader.bearer).headers[.eTag], "\(uri)")
                let statuses = try await withThrowingTaskGroup(of: Int.self) { tasks in
                    for number in 0..<16 {
                        tasks.addTask {
                            try await client.json(method, uri, as: reader, body(number), [.ifMatch: mark]).status.code
                        }
                    }
                    return try await tasks.reduce(into: [Int]()) { $0.append($1) }
                }
                #expect(statuses.count { $0 < 300 } == 1, "\(method) \(uri): \(statuses)")
                #expect(statuses.allSatisfy { $0 < 300 || $0 == 412 || $0 == 404 }, "\(method) \(uri): \(statuses)")
            }
        }
    }

    /// Without a mark, each changes what they name and nothing of what others do in the same moment.
    @Test func whatIsNotNamedIsNotWrittenOver() async throws {
        try await Site.open { site, client in
            let uri = "/api/v1/groups/\(try await AuthorisationTests.group(site))"
            for turn in 1...10 {
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    for body in [
                        "{\"label\": \"turn \(turn)\"}", "{\"share\": \(turn + 1)}", "{\"runningCores\": \(turn + 2)}",
                        "{\"queuedJobs\": \(turn + 3)}",
                    ] {
                        tasks.addTask {
                            let answer = try await client.json(.patch, uri, as: site.administrator, body)
                            #expect(answer.status == .ok, "\(answer.text)")
                        }
                    }
                    try await tasks.waitForAll()
                }
                let group = try await client.send(.get, uri, site.administrator.bearer).json
                #expect(group["label"]?.text == "turn \(turn)" && group["runningCores"] == .integer(turn + 2))
                #expect(group["queuedJobs"] == .integer(turn + 3))
                #expect(group["share"] == .integer(turn + 1) || group["share"] == .number(Double(turn + 1)))
            }
        }
    }

    /// A refusal for another reason comes first, and tells nobody a mark.
    @Test func strangersLearnNoMarks() async throws {
        try await Site.open { site, client in
            let group = try await AuthorisationTests.group(site)
            let job = try await site.job()
            for (uri, method, status) in [
                ("/api/v1/groups/\(group)", .patch, 403), ("/api/v1/jobs/\(job)", .delete, 404),
                ("/api/v1/programs/secreto", .patch, 404),
            ] as [(String, HTTPRequest.Method, Int)] {
                let body = method == .delete ? "" : uri.contains("groups") ? #"{"share": 2}"# : #"{"public": true}"#
                let answer = try await client.json(method, uri, as: site.other, body, [.ifMatch: "\"x\""])
                #expect(answer.status.code == status && answer.headers[.eTag] == nil, "\(uri): \(answer.text)")
            }
        }
    }
}
