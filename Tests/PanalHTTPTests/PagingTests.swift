import Foundation
import HTTPTypes
import HummingbirdTesting
import PanalCore
@testable import PanalHTTP
import PanalManifest
import PanalService
import Testing

/// Lists that grow come in pages, and all of them keep to the same rules.
@Suite("Pages of lists") struct PagingTests {
    /// A list, what identifies an entry of it, and how one more comes to it.
    struct List: Sendable {
        var name: String
        var member: String
        var id: String
        var isAdministrators = false
        var uri: @Sendable (Site) async throws -> String
        var add: @Sendable (Site, Int) async throws -> Void

        func reader(_ site: Site) -> Visitor { isAdministrators ? site.administrator : site.owner }
    }

    static let lists: [List] = [
        List(name: "jobs", member: "jobs", id: "id", uri: { _ in "/api/v1/jobs?program=everything-more" }) { site, _ in
            _ = try await site.job()
        },
        List(name: "batches", member: "batches", id: "id", uri: { _ in "/api/v1/batches?program=secreto" }) { site, _ in
            _ = try await site.panal.submit(
                try #require(site.owner.principal),
                together: [JobRequest(program: "secreto", submission: Submission())], once: nil)
        },
        List(name: "users", member: "users", id: "name", isAdministrators: true, uri: { _ in "/api/v1/users" }) {
            site, number in
            _ = try await site.panal.createUser(
                try #require(site.administrator.principal), name: "u\(number % 3)-\(number)", password: nil, role: .user
            )
        },
        List(name: "groups", member: "groups", id: "name", isAdministrators: true, uri: { _ in "/api/v1/groups" }) {
            _ = try await $0.panal.createGroup(
                try #require($0.administrator.principal), name: "g\($1 % 3)-\($1)", GroupChange())
        },
        List(name: "programs", member: "programs", id: "name", uri: { _ in "/api/v1/programs" }) {
            _ = try await $0.publish(
                "{\"name\": \"p\($1 % 3)-\($1)\", \"inputs\": []}", isPublic: false,
                as: try #require($0.owner.principal))
        },
        List(name: "versions", member: "versions", id: "version", uri: { _ in "/api/v1/programs/secreto/versions" }) {
            _ = try await $0.publish(
                "{\"name\": \"secreto\", \"description\": \"\($1)\", \"inputs\": []}", isPublic: false,
                as: try #require($0.owner.principal))
        },
        List(name: "keys", member: "keys", id: "id", uri: { _ in "/api/v1/keys" }) {
            _ = try await $0.panal.createKey(try #require($0.owner.principal), label: "k\($1)", lifetime: nil)
        },
        List(
            name: "audit", member: "audit", id: "number", isAdministrators: true,
            uri: { _ in "/api/v1/audit?action=createKey" }
        ) {
            await $0.panal.note(
                AuditEntry(
                    at: $0.panal.now, user: nil, name: nil, key: nil, address: "test", request: "r\($1)",
                    action: "createKey", target: "/", status: 201, detail: nil), now: true)
        },
        List(name: "credits", member: "entries", id: "number", uri: { _ in "/api/v1/credits" }) {
            _ = try await $0.panal.grant(
                try #require($0.administrator.principal), try Credits(parsing: "\($1 + 1)"), to: .user("ana"),
                reason: "a test")
        },
        List(
            name: "deliveries", member: "deliveries", id: "id",
            uri: { site in
                let owner = try #require(site.owner.principal)
                let known = try await site.panal.webhooks(owner).first?.id
                let webhook = if let known { known } else { try await site.webhook() }
                return "/api/v1/webhooks/\(webhook)/deliveries"
            }
        ) { site, _ in
            let owner = try #require(site.owner.principal)
            _ = try await site.panal.testWebhook(owner, try #require(try await site.panal.webhooks(owner).first).id)
        },
    ]

    private static func page(
        _ uri: String, _ query: String, _ client: any TestClientProtocol, as visitor: Visitor
    ) async throws -> TestResponse {
        let join = query.isEmpty ? "" : uri.contains("?") ? "&" : "?"
        return try await client.send(.get, uri + join + query, visitor.bearer)
    }

    private static func ids(_ answer: TestResponse, _ list: List) throws -> [JSONValue] {
        try #require(try answer.json[list.member]?.list, "\(answer.text)").map { try #require($0[list.id]) }
    }

    /// By the links of the answers, as a client does it that knows nothing of Panal.
    private static func walk(
        _ list: List, _ uri: String, _ client: any TestClientProtocol, _ site: Site,
        between: () async throws -> Void = {}
    ) async throws -> [JSONValue] {
        var next: String? = uri + (uri.contains("?") ? "&" : "?") + "limit=2"
        var all: [JSONValue] = []
        for _ in 0..<100 {
            guard let here = next else { return all }
            let answer = try await client.send(.get, here, list.reader(site).bearer)
            #expect(answer.status == .ok, "\(list.name): \(answer.text)")
            let found = try ids(answer, list)
            #expect(found.count <= 2)
            all += found
            let cursor = try answer.json["next"]?.text
            let link = answer.headers[try #require(HTTPField.Name("Link"))]
            #expect((cursor == nil) == (link == nil), "\(list.name)")
            if let cursor, let link {
                #expect(link.hasPrefix("</api/v1/") && link.hasSuffix(">; rel=\"next\"") && link.contains(cursor))
            }
            next = link.map { String($0.dropFirst().prefix { $0 != ">" }) }
            try await between()
        }
        Issue.record("\(list.name) has no end")
        return all
    }

    @Test(arguments: 0..<lists.count) func aListComesWholeInPages(number: Int) async throws {
        let list = Self.lists[number]
        try await Site.open { site, client in
            let uri = try await list.uri(site)
            for number in 0..<5 { try await list.add(site, number) }
            let whole = try Self.ids(
                try await Self.page(uri, "limit=200", client, as: list.reader(site)), list)
            #expect(whole.count >= 5 && Set(whole).count == whole.count)
            #expect(try await Self.walk(list, uri, client, site) == whole, "\(list.name)")
            // As many as there are, and one fewer.
            let exact = try await Self.page(uri, "limit=\(whole.count)", client, as: list.reader(site))
            #expect(try exact.json["next"] == nil && Self.ids(exact, list) == whole)
            let fewer = try await Self.page(uri, "limit=\(whole.count - 1)", client, as: list.reader(site))
            #expect(try fewer.json["next"] != nil && Self.ids(fewer, list) == Array(whole.dropLast()))
        }
    }

    /// What comes meanwhile is told or not, but what was there is told once.
    @Test(arguments: 0..<lists.count) func whatIsAddedMeanwhileMovesNothing(number: Int) async throws {
        let list = Self.lists[number]
        try await Site.open { site, client in
            let uri = try await list.uri(site)
            for number in 0..<5 { try await list.add(site, number) }
            let before = try Self.ids(try await Self.page(uri, "limit=200", client, as: list.reader(site)), list)
            var more = 10
            let walked = try await Self.walk(list, uri, client, site) {
                if more < 14 { try await list.add(site, more) }
                more += 1
            }
            #expect(Set(walked).count == walked.count, "\(list.name)")
            #expect(walked.filter(before.contains) == before, "\(list.name)")
        }
    }

    /// A cursor is of one list with one filter, for one reader; nobody can make one.
    @Test func cursorsAreNobodyElses() async throws {
        try await Site.open { site, client in
            var cursors: [String: String] = [:]
            var uris: [String: String] = [:]
            for list in Self.lists {
                let uri = try await list.uri(site)
                uris[list.name] = uri
                for number in 0..<5 { try await list.add(site, number) }
                let first = try await Self.page(uri, "limit=2", client, as: list.reader(site))
                cursors[list.name] = try #require(try first.json["next"]?.text, "\(list.name)")
            }
            #expect(Set(cursors.values).count == Self.lists.count)
            for list in Self.lists {
                let (uri, reader) = (try #require(uris[list.name]), list.reader(site))
                let own = try #require(cursors[list.name])
                let flipped = (own.hasPrefix("A") ? "B" : "A") + own.dropFirst()
                var wrong = cursors.filter { $0.key != list.name }.map(\.value)
                wrong += [
                    flipped, String(own.dropLast(3)), own + "AAAA", String(own.reversed()), "x", "1", "-1", "0",
                    String(repeating: "A", count: 59), String(repeating: "A", count: 256),
                    String(repeating: "A", count: 5_000), "%00", "%F0%9F%98%80", "null", "%20",
                ]
                for cursor in wrong {
                    let answer = try await Self.page(uri, "cursor=\(cursor)", client, as: reader)
                    #expect(answer.status == .badRequest, "\(list.name) \(cursor.prefix(80)): \(answer.text)")
                    #expect(answer.headers[.contentType] == "application/problem+json")
                }
                for limit in ["0", "201", "-1", "1e2", "9223372036854775807", "9223372036854775808", "x"] {
                    let answer = try await Self.page(uri, "limit=\(limit)", client, as: reader)
                    #expect(answer.status == .badRequest, "\(list.name) limit=\(limit)")
                }
            }
            // Somebody else's, of lists that everybody has of their own.
            for name in ["jobs", "keys", "programs", "credits"] {
                let answer = try await Self.page(
                    try #require(uris[name]), "cursor=\(try #require(cursors[name]))", client, as: site.other)
                #expect(answer.status == .badRequest, "\(name): \(answer.text)")
            }
            let filtered = try await Self.page(
                "/api/v1/audit?action=login", "cursor=\(try #require(cursors["audit"]))", client, as: site.administrator
            )
            #expect(filtered.status == .badRequest)
        }
    }
}
