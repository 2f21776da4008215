import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import PanalCore
@testable import PanalHTTP
import PanalManifest
import PanalService
import Testing

/// Every route × {stranger, other user, owner, administrator}. A route without a row fails, and so does a row without a
/// route.
@Suite("Who may what") struct AuthorisationTests {
    /// What one route answers to each kind of visitor, with a request that the owner's own would be right for.
    struct Row: Sendable {
        var route: String
        /// The address; makes what it names anew, since some requests end it.
        var uri: @Sendable (Site) async throws -> String
        var body: Body = .none
        /// Statuses for stranger, other, owner, administrator.
        var statuses: [Int]

        var path: String { String(route.split(separator: " ").last ?? "") }

        enum Body: Sendable {
            case none
            case json(String)
            case form([String: String])
            case multipart([String: String])
            case tus(HTTPFields, String)
        }
    }

    /// Pages send strangers to the sign-in page, the programming interface answers 401; another user's things are not
    /// there.
    static let rows: [Row] =
        tenancyRows + clientRows + rootfsRows + imagePageRows + pageRows + [
            Row(route: "GET /healthz", uri: { _ in "/healthz" }, statuses: [200, 200, 200, 200]),
            Row(route: "GET /readyz", uri: { _ in "/readyz" }, statuses: [200, 200, 200, 200]),
            Row(route: "GET /openapi.json", uri: { _ in "/openapi.json" }, statuses: [200, 200, 200, 200]),
            Row(route: "GET /sign-in", uri: { _ in "/sign-in" }, statuses: [200, 200, 200, 200]),
            // Without the cookie of the form nobody gets through.
            Row(route: "POST /sign-in", uri: { _ in "/sign-in" }, body: .form([:]), statuses: [403, 403, 403, 403]),
            Row(route: "GET /sign-up", uri: { _ in "/sign-up" }, statuses: [200, 200, 200, 200]),
            Row(route: "POST /sign-up", uri: { _ in "/sign-up" }, body: .form([:]), statuses: [403, 403, 403, 403]),
            // Closed, unless it is set.
            Row(
                route: "POST /api/v1/sign-up", uri: { _ in "/api/v1/sign-up" },
                body: .json(#"{"name": "zoe", "password": "a-long-password"}"#), statuses: [403, 403, 403, 403]),
            Row(route: "GET /assets/{name}", uri: { _ in "/assets/panal.css" }, statuses: [200, 200, 200, 200]),
            Row(route: "GET /", uri: { _ in "/" }, statuses: [303, 303, 303, 303]),
            Row(route: "POST /sign-out", uri: { _ in "/sign-out" }, body: .form([:]), statuses: [303, 303, 303, 303]),
            Row(route: "GET /api/v1/programs", uri: { _ in "/api/v1/programs" }, statuses: [401, 200, 200, 200]),
            Row(
                route: "POST /api/v1/programs", uri: { _ in "/api/v1/programs" },
                body: .multipart(["manifest": #"{"name": "new"}"#]), statuses: [401, 422, 422, 422]),
            Row(
                route: "GET /api/v1/programs/{name}", uri: { _ in "/api/v1/programs/secreto" },
                statuses: [401, 404, 200, 200]),
            Row(
                route: "PATCH /api/v1/programs/{name}", uri: { _ in "/api/v1/programs/secreto" },
                body: .json(#"{"public": false}"#), statuses: [401, 404, 200, 200]),
            Row(
                route: "GET /api/v1/programs/{name}/versions", uri: { _ in "/api/v1/programs/secreto/versions" },
                statuses: [401, 404, 200, 200]),
            Row(
                route: "GET /api/v1/programs/{name}/versions/{version}",
                uri: { _ in "/api/v1/programs/secreto/versions/1" }, statuses: [401, 404, 200, 200]),
            Row(
                route: "GET /api/v1/programs/{name}/manifest", uri: { _ in "/api/v1/programs/secreto/manifest" },
                statuses: [401, 404, 200, 200]),
            Row(
                route: "GET /api/v1/programs/{name}/schema", uri: { _ in "/api/v1/programs/secreto/schema" },
                statuses: [401, 404, 200, 200]),
            Row(
                route: "GET /api/v1/programs/{name}/boutiques", uri: { _ in "/api/v1/programs/secreto/boutiques" },
                statuses: [401, 404, 422, 422]),
            Row(route: "GET /api/v1/profiles", uri: { _ in "/api/v1/profiles" }, statuses: [401, 200, 200, 200]),
            Row(
                route: "POST /api/v1/programs/{name}/jobs", uri: { _ in "/api/v1/programs/secreto/jobs" },
                body: .json("{}"), statuses: [401, 404, 202, 202]),
            Row(
                route: "POST /api/v1/programs/{name}/batches", uri: { _ in "/api/v1/programs/secreto/batches" },
                body: .json(#"{"submissions": [{}, {}]}"#), statuses: [401, 404, 202, 202]),
            Row(route: "GET /api/v1/batches", uri: { _ in "/api/v1/batches" }, statuses: [401, 200, 200, 200]),
            Row(
                route: "GET /api/v1/batches/{id}",
                uri: { site in
                    let requests = [JobRequest(program: "secreto", submission: Submission())]
                    let owner = try #require(site.owner.principal)
                    let made = try await site.panal.submit(owner, together: requests, once: nil)
                    return "/api/v1/batches/\(made.report.batch.id)"
                }, statuses: [401, 404, 200, 200]),
            Row(route: "OPTIONS /api/v1/uploads", uri: { _ in "/api/v1/uploads" }, statuses: [204, 204, 204, 204]),
            Row(route: "GET /api/v1/uploads", uri: { _ in "/api/v1/uploads" }, statuses: [401, 200, 200, 200]),
            Row(
                route: "POST /api/v1/uploads", uri: { _ in "/api/v1/uploads" }, body: .tus([.uploadLength: "3"], ""),
                statuses: [401, 201, 201, 201]),
            // An upload is its user's alone.
            Row(route: "GET /api/v1/uploads/{id}", uri: upload, statuses: [401, 404, 200, 404]),
            Row(route: "HEAD /api/v1/uploads/{id}", uri: upload, body: .tus([:], ""), statuses: [401, 404, 200, 404]),
            Row(
                route: "PATCH /api/v1/uploads/{id}", uri: upload, body: .tus([.uploadOffset: "0"], "abc"),
                statuses: [401, 404, 204, 404]),
            Row(
                route: "DELETE /api/v1/uploads/{id}", uri: upload, body: .tus([:], ""), statuses: [401, 404, 204, 404]),
            Row(route: "GET /api/v1/jobs", uri: { _ in "/api/v1/jobs" }, statuses: [401, 200, 200, 200]),
            Row(
                route: "GET /api/v1/jobs/{id}", uri: { "/api/v1/jobs/\(try await $0.job())" },
                statuses: [401, 404, 200, 200]),
            Row(
                route: "DELETE /api/v1/jobs/{id}", uri: { "/api/v1/jobs/\(try await $0.job())" },
                statuses: [401, 404, 200, 200]),
            Row(
                route: "POST /api/v1/jobs/{id}/cancel", uri: { "/api/v1/jobs/\(try await $0.job())/cancel" },
                statuses: [401, 404, 200, 200]),
            Row(
                route: "GET /api/v1/jobs/{id}/events", uri: { "/api/v1/jobs/\(try await $0.job())/events" },
                statuses: [401, 404, 200, 200]),
            Row(
                route: "GET /api/v1/jobs/{id}/stdout", uri: { "/api/v1/jobs/\(try await $0.job())/stdout" },
                statuses: [401, 404, 200, 200]),
            Row(
                route: "GET /api/v1/jobs/{id}/stderr", uri: { "/api/v1/jobs/\(try await $0.job())/stderr" },
                statuses: [401, 404, 200, 200]),
            Row(
                route: "GET /api/v1/jobs/{id}/files", uri: { "/api/v1/jobs/\(try await $0.job())/files" },
                statuses: [401, 404, 200, 200]),
            Row(
                route: "GET /api/v1/jobs/{id}/files/**",
                uri: { "/api/v1/jobs/\(try await withFile($0))/files/a/b.txt" },
                statuses: [401, 404, 200, 200]),
            Row(route: "GET /api/v1/queue", uri: { _ in "/api/v1/queue" }, statuses: [401, 200, 200, 200]),
            Row(route: "GET /api/v1/states", uri: { _ in "/api/v1/states" }, statuses: [401, 200, 200, 200]),
            Row(route: "GET /api/v1/hosts", uri: { _ in "/api/v1/hosts" }, statuses: [401, 200, 200, 200]),
            Row(route: "GET /metrics", uri: { _ in "/metrics" }, statuses: [401, 403, 403, 200]),
            Row(route: "GET /api/v1/webhooks", uri: { _ in "/api/v1/webhooks" }, statuses: [401, 200, 200, 200]),
            Row(
                route: "POST /api/v1/webhooks", uri: { _ in "/api/v1/webhooks" },
                body: .json(#"{"url": "https://hooks.example/"}"#), statuses: [401, 201, 201, 201]),
            Row(
                route: "POST /api/v1/webhooks/callback-secret", uri: { _ in "/api/v1/webhooks/callback-secret" },
                statuses: [401, 201, 201, 201]),
            Row(
                route: "GET /api/v1/webhooks/{id}", uri: { "/api/v1/webhooks/\(try await $0.webhook())" },
                statuses: [401, 404, 200, 404]),
            Row(
                route: "DELETE /api/v1/webhooks/{id}", uri: { "/api/v1/webhooks/\(try await $0.webhook())" },
                statuses: [401, 404, 204, 404]),
            Row(
                route: "POST /api/v1/webhooks/{id}/test", uri: { "/api/v1/webhooks/\(try await $0.webhook())/test" },
                statuses: [401, 404, 202, 404]),
            Row(
                route: "GET /api/v1/webhooks/{id}/deliveries",
                uri: { "/api/v1/webhooks/\(try await $0.webhook())/deliveries" }, statuses: [401, 404, 200, 404]),

            Row(route: "GET /api/v1/account", uri: { _ in "/api/v1/account" }, statuses: [401, 200, 200, 200]),
            Row(route: "GET /api/v1/keys", uri: { _ in "/api/v1/keys" }, statuses: [401, 200, 200, 200]),
            Row(
                route: "POST /api/v1/keys", uri: { _ in "/api/v1/keys" }, body: .json(#"{"label": "x"}"#),
                statuses: [401, 201, 201, 201]),
            Row(
                route: "GET /api/v1/keys/{id}", uri: { "/api/v1/keys/\(try await key($0))" },
                statuses: [401, 404, 200, 404]),
            Row(
                route: "POST /api/v1/keys/{id}/rotate", uri: { "/api/v1/keys/\(try await key($0))/rotate" },
                body: .json(#"{"grace": 0}"#), statuses: [401, 404, 200, 404]),
            Row(
                route: "DELETE /api/v1/keys/{id}", uri: { "/api/v1/keys/\(try await key($0))" },
                statuses: [401, 404, 204, 204]),
            Row(route: "GET /api/v1/users", uri: { _ in "/api/v1/users" }, statuses: [401, 403, 403, 200]),
            Row(
                route: "POST /api/v1/users", uri: { _ in "/api/v1/users" }, body: .json(#"{"name": "zoe"}"#),
                statuses: [401, 403, 403, 201]),
            Row(
                route: "PATCH /api/v1/users/{id}", uri: { "/api/v1/users/\(try await user($0))" },
                body: .json(#"{"status": "blocked"}"#), statuses: [401, 403, 403, 200]),
            Row(
                route: "POST /api/v1/users/{id}/password", uri: { "/api/v1/users/\(try await user($0))/password" },
                statuses: [401, 403, 403, 200]),

            Row(route: "GET /api/v1/usage", uri: { _ in "/api/v1/usage" }, statuses: [401, 200, 200, 200]),
            Row(route: "GET /api/v1/usage.csv", uri: { _ in "/api/v1/usage.csv" }, statuses: [401, 200, 200, 200]),
            Row(route: "GET /api/v1/credits", uri: { _ in "/api/v1/credits" }, statuses: [401, 200, 200, 200]),
            Row(
                route: "GET /api/v1/credits/accounts", uri: { _ in "/api/v1/credits/accounts" },
                statuses: [401, 403, 403, 200]),
            Row(
                route: "POST /api/v1/credits/grants", uri: { _ in "/api/v1/credits/grants" },
                body: .json(#"{"user": "ana", "amount": "2.5", "reason": "a test"}"#), statuses: [401, 403, 403, 201]),
            Row(
                route: "POST /api/v1/credits/withdrawals", uri: { _ in "/api/v1/credits/withdrawals" },
                body: .json(#"{"user": "ana", "amount": "1", "reason": "a test"}"#), statuses: [401, 403, 403, 201]),
            Row(route: "GET /api/v1/costs", uri: { _ in "/api/v1/costs" }, statuses: [401, 403, 403, 200]),
            Row(route: "GET /api/v1/costs/items", uri: { _ in "/api/v1/costs/items" }, statuses: [401, 403, 403, 200]),
            Row(
                route: "PUT /api/v1/costs/items", uri: { _ in "/api/v1/costs/items" }, body: .json(#"{"items": []}"#),
                statuses: [401, 403, 403, 200]),

            Row(route: "GET /usage", uri: { _ in "/usage" }, statuses: [303, 200, 200, 200]),

            Row(route: "GET /programs", uri: { _ in "/programs" }, statuses: [303, 200, 200, 200]),
            Row(route: "GET /publish", uri: { _ in "/publish" }, statuses: [303, 200, 200, 200]),
            Row(
                route: "POST /publish", uri: { _ in "/publish" }, body: .multipart(["manifest": "{}"]),
                statuses: [303, 422, 422, 422]),
            Row(route: "GET /programs/{name}", uri: { _ in "/programs/secreto" }, statuses: [303, 404, 200, 200]),
            Row(
                route: "POST /programs/{name}", uri: { _ in "/programs/secreto" }, body: .multipart([:]),
                statuses: [303, 404, 303, 303]),
            Row(
                route: "POST /programs/{name}/visibility", uri: { _ in "/programs/secreto/visibility" },
                body: .form(["public": "false"]), statuses: [303, 404, 303, 303]),
            Row(route: "GET /jobs", uri: { _ in "/jobs" }, statuses: [303, 200, 200, 200]),
            Row(route: "GET /jobs/{id}", uri: { "/jobs/\(try await $0.job())" }, statuses: [303, 404, 200, 200]),
            Row(
                route: "GET /jobs/{id}/live", uri: { "/jobs/\(try await $0.job())/live" },
                statuses: [303, 404, 200, 200]),
            Row(
                route: "POST /jobs/{id}/cancel", uri: { "/jobs/\(try await $0.job())/cancel" }, body: .form([:]),
                statuses: [303, 404, 303, 303]),
            Row(
                route: "GET /jobs/{id}/stdout", uri: { "/jobs/\(try await $0.job())/stdout" },
                statuses: [303, 404, 200, 200]),
            Row(
                route: "GET /jobs/{id}/stderr", uri: { "/jobs/\(try await $0.job())/stderr" },
                statuses: [303, 404, 200, 200]),
            Row(
                route: "GET /jobs/{id}/files/**", uri: { "/jobs/\(try await withFile($0))/files/a/b.txt" },
                statuses: [303, 404, 200, 200]),
            Row(route: "GET /account", uri: { _ in "/account" }, statuses: [303, 200, 200, 200]),
            Row(
                route: "POST /account/password", uri: { _ in "/account/password" },
                body: .form(["old": "wrong", "new": "another-long-one", "again": "another-long-one"]),
                statuses: [303, 422, 422, 422]),
            Row(
                route: "POST /account/keys", uri: { _ in "/account/keys" },
                body: .form(["label": "x", "scope": "read"]), statuses: [303, 201, 201, 201]),
            Row(
                route: "POST /account/keys/{id}/revoke", uri: { "/account/keys/\(try await key($0))/revoke" },
                body: .form([:]), statuses: [303, 404, 303, 303]),
            Row(route: "GET /groups", uri: { _ in "/groups" }, statuses: [303, 403, 403, 200]),
            Row(
                route: "POST /groups", uri: { _ in "/groups" }, body: .form(["name": "UPPER"]),
                statuses: [303, 403, 403, 422]),
            Row(route: "GET /groups/{id}", uri: { "/groups/\(try await group($0))" }, statuses: [303, 403, 403, 200]),
            Row(
                route: "POST /groups/{id}", uri: { "/groups/\(try await group($0))" },
                body: .form(["label": "x", "share": "2"]), statuses: [303, 403, 403, 303]),
            Row(
                route: "POST /groups/{id}/members", uri: { "/groups/\(try await group($0))/members" }, body: .form([:]),
                statuses: [303, 403, 403, 400]),
            Row(
                route: "POST /groups/{id}/restriction", uri: { "/groups/\(try await group($0))/restriction" },
                body: .form(["profile": "small"]), statuses: [303, 403, 403, 303]),
            Row(
                route: "POST /invitations", uri: { _ in "/invitations" }, body: .form(["label": "x"]),
                statuses: [303, 403, 403, 201]),
            Row(
                route: "POST /invitations/{id}/revoke", uri: { "/invitations/\(try await invitation($0))/revoke" },
                body: .form([:]), statuses: [303, 403, 403, 303]),
            Row(route: "GET /users", uri: { _ in "/users" }, statuses: [303, 403, 403, 200]),
            Row(
                route: "POST /users", uri: { _ in "/users" }, body: .form(["name": "eva", "role": "user"]),
                statuses: [303, 403, 403, 201]),
            Row(
                route: "POST /users/{id}/status", uri: { "/users/\(try await user($0))/status" },
                body: .form(["status": "disabled"]), statuses: [303, 403, 403, 200]),
            Row(
                route: "POST /users/{id}/password", uri: { "/users/\(try await user($0))/password" }, body: .form([:]),
                statuses: [303, 403, 403, 200]),
        ]

    @Sendable private static func upload(_ site: Site) async throws -> String {
        let owner = try #require(site.owner.principal)
        return "/api/v1/uploads/\(try await site.panal.beginUpload(owner, length: 3, metadata: "").id)"
    }

    static func key(_ site: Site) async throws -> APIKeyID {
        try await site.panal.createKey(try #require(site.owner.principal), label: "k", lifetime: nil).key.id
    }

    static func group(_ site: Site) async throws -> GroupID {
        let name = "g" + String(UInt32.random(in: 0 ... .max), radix: 16)
        return try await site.panal.createGroup(
            try #require(site.administrator.principal), name: name, GroupChange()
        ).id
    }

    static func invitation(_ site: Site) async throws -> InvitationID {
        try await site.panal.createInvitation(
            try #require(site.administrator.principal), label: "x", lifetime: .seconds(60)
        ).invitation.id
    }

    static func membership(_ site: Site) async throws -> String {
        let (group, user) = (try await group(site), try await user(site))
        try await site.panal.addMember(try #require(site.administrator.principal), user, to: group)
        return "/api/v1/groups/\(group)/members/\(user)"
    }

    static func user(_ site: Site) async throws -> UserID {
        let name = "u" + String(UInt32.random(in: 0 ... .max), radix: 16)
        return try await site.panal.createUser(
            try #require(site.administrator.principal), name: name, password: nil, role: .user
        ).user.id
    }

    @Test func everyRouteHasARowAndEveryRowARoute() async throws {
        try await Site.open { site, _ in
            let routes = site.web.routes.map { "\($0.method.rawValue) \($0.path)" }
            #expect(Set(routes) == Set(Self.rows.map(\.route)))
            #expect(routes.count == Set(routes).count)
        }
    }

    @Test func everyCellOfTheTableHolds() async throws {
        try await Site.open { site, client in
            for row in Self.rows {
                // The administrator last but one: what they may end, the owner's turn has anew.
                for (place, visitor) in [site.stranger, site.other, site.administrator, site.owner].enumerated() {
                    let expected = row.statuses[[0, 1, 3, 2][place]]
                    let answer = try await Self.ask(row, site, client, as: visitor)
                    #expect(
                        answer.status.code == expected, "\(row.route) as \(visitor.name): \(answer.text.prefix(300))")
                    if row.route == "POST /sign-out" || expected == 401 { continue }
                    if visitor.principal == nil, expected == 303 {
                        #expect(answer.headers[.location]?.hasPrefix("/sign-in") == true, "\(row.route)")
                    } else if expected == 303 {
                        #expect(answer.headers[.location]?.hasPrefix("/sign-in") != true, "\(row.route)")
                    }
                }
            }
        }
    }

    static func ask(
        _ row: Row, _ site: Site, _ client: any TestClientProtocol, as visitor: Visitor, _ more: HTTPFields = [:]
    ) async throws -> TestResponse {
        let halves = row.route.split(separator: " ")
        let method = try #require(HTTPRequest.Method(String(halves[0])))
        let uri = try await row.uri(site)
        // Who has no session comes with what they have.
        let isInterface = uri.hasPrefix("/api/") || uri == "/openapi.json" || visitor.cookie.isEmpty
        // Signing out would end the visitor's session for the rows that follow.
        var visitor = visitor
        if row.route == "POST /sign-out", let principal = visitor.principal {
            let password = visitor.name == "admin" ? nil : "a-long-password"
            guard let password else { return try await client.post(uri, as: site.stranger) }
            let signedIn = try await site.panal.signIn(name: principal.name, password: password, from: "test")
            visitor.cookie = signedIn.token
            visitor.csrf = signedIn.csrf
        }
        var headers = isInterface ? visitor.bearer : visitor.browser
        for field in more { headers[field.name] = field.value }
        switch row.body {
        case .none: return try await client.send(method, uri, headers)
        case .json(let text):
            headers[.contentType] = "application/json"
            let unique = text.replacing("zoe", with: "zoe-\(UInt32.random(in: 0 ... .max))")
            return try await client.send(method, uri, headers, body: ByteBuffer(string: unique))
        case .tus(let fields, let bytes):
            headers[.tusResumable] = "1.0.0"
            for field in fields { headers[field.name] = field.value }
            if !bytes.isEmpty { headers[.contentType] = "application/offset+octet-stream" }
            return try await client.send(method, uri, headers, body: ByteBuffer(string: bytes))
        case .form(let fields): return try await client.post(uri, as: visitor, fields)
        case .multipart(let fields):
            var body = MultipartBody()
            if !isInterface { body.add("_csrf", visitor.csrf) }
            for (name, value) in fields { body.add(name, value) }
            headers[.contentType] = MultipartBody.contentType[.contentType]
            return try await client.send(method, uri, headers, body: body.ended)
        }
    }

    /// A page's form without the session's token, or with another's, changes nothing; every such route is tried.
    @Test func formsWithoutTheirTokenAreRefused() async throws {
        try await Site.open { site, client in
            for route in site.web.routes where route.access.isForTests && route.method == .post {
                let row = try #require(Self.rows.first { $0.route == "POST \(route.path)" })
                let uri = try await row.uri(site)
                for token in ["", "wrong", site.other.csrf] {
                    let answer: TestResponse
                    if case .multipart = row.body {
                        var body = MultipartBody()
                        body.add("_csrf", token)
                        var headers = site.administrator.browser
                        headers[.contentType] = MultipartBody.contentType[.contentType]
                        answer = try await client.send(.post, uri, headers, body: body.ended)
                    } else {
                        answer = try await client.post(uri, as: site.administrator, token: token)
                    }
                    #expect(answer.status == .forbidden, "\(route.path) with ‘\(token)’")
                }
            }
        }
    }

    /// The programming interface takes a session's cookie only together with the token in a header.
    @Test func aCookieAloneChangesNothingThroughTheInterface() async throws {
        try await Site.open { site, client in
            var headers = site.owner.browser
            #expect(try await client.send(.get, "/api/v1/account", headers).status == .ok)
            headers[.contentType] = "application/json"
            let body = ByteBuffer(string: #"{"label": "x"}"#)
            #expect(try await client.send(.post, "/api/v1/keys", headers, body: body).status == .forbidden)
            headers[try #require(HTTPField.Name("X-CSRF-Token"))] = site.owner.csrf
            #expect(try await client.send(.post, "/api/v1/keys", headers, body: body).status == .created)
            headers[try #require(HTTPField.Name("Sec-Fetch-Site"))] = "cross-site"
            #expect(try await client.send(.post, "/api/v1/keys", headers, body: body).status == .forbidden)
        }
    }

    /// Keys that are not, and other spellings of the header.
    @Test(arguments: ["Bearer pnl_x", "Bearer", "Basic YTpi", "Bearer pnl_00000000000000000000_secret", "pnl_x"])
    func wrongKeysAreRefused(header: String) async throws {
        try await Site.open { site, client in
            let answer = try await client.send(.get, "/api/v1/account", [.authorization: header])
            #expect(answer.status == .unauthorized)
            #expect(answer.headers[.wwwAuthenticate]?.hasPrefix("Bearer") == true)
        }
    }

    /// A blocked user's key and session rest at once.
    @Test func blockedUsersAreStrangers() async throws {
        try await Site.open { site, client in
            let root = try #require(site.administrator.principal)
            _ = try await site.panal.setStatus(root, user: try #require(site.owner.principal).user, to: .blocked)
            #expect(try await client.send(.get, "/api/v1/jobs", site.owner.bearer).status == .unauthorized)
            #expect(try await client.send(.get, "/jobs", site.owner.browser).status == .seeOther)
        }
    }

    /// A key does not open pages: they are for sessions, whose forms have tokens.
    @Test func keysDoNotOpenPages() async throws {
        try await Site.open { site, client in
            let answer = try await client.send(.get, "/jobs", site.owner.bearer)
            #expect(answer.status == .seeOther)
        }
    }
}

extension Route.Access {
    /// Pages with forms of a session.
    var isForTests: Bool { self == .page || self == .administratorPage }
}
