import HTTPTypes
import HummingbirdTesting
import NIOCore
import PanalCore
import PanalHTTP
import PanalService
import Testing

/// The table of `AuthorisationTests` for those who come by something that is less than its owner: every route × {blocked user, disabled
/// user's key, expired key, revoked key, read-only key} and × each scope alone.
@Suite("Who may what by a key") struct KeyMatrixTests {
    private static func visitor(
        _ site: Site, of owner: Visitor, _ scopes: Set<KeyScope>? = nil, lifetime: Duration? = nil
    ) async throws -> Visitor {
        let principal = try #require(owner.principal)
        let made = try await site.panal.createKey(principal, label: "k", lifetime: lifetime, scopes: scopes)
        return Visitor(name: owner.name, principal: principal, key: made.secret)
    }

    private static func route(_ row: AuthorisationTests.Row, _ site: Site) throws -> Route {
        try #require(site.web.routes.first { "\($0.method.rawValue) \($0.path)" == row.route })
    }

    /// A key opens no page, so whoever has nothing else is a stranger there; the programming interface says that it is not valid.
    private static func outside(_ row: AuthorisationTests.Row, _ route: Route) -> Int {
        route.access.isInterface ? 401 : row.statuses[0]
    }

    @Test func whoIsOutStaysOutEverywhere() async throws {
        try await Site.open { site, client in
            let root = try #require(site.administrator.principal)
            var visitors: [Visitor] = []
            for status in [UserStatus.blocked, .disabled] {
                let made = try await site.panal.createUser(
                    root, name: status.rawValue, password: "a-long-password", role: .administrator)
                let signedIn = try await site.panal.signIn(
                    name: made.user.name, password: made.password, from: "test")
                let key = try await site.panal.createKey(signedIn.principal, label: "k", lifetime: nil)
                visitors.append(Visitor(name: made.user.name, principal: signedIn.principal, key: key.secret))
                visitors.append(
                    Visitor(
                        name: made.user.name + " with a session", principal: signedIn.principal,
                        cookie: signedIn.token, csrf: signedIn.csrf))
                _ = try await site.panal.setStatus(root, user: made.user.id, to: status)
            }
            var expired = try await Self.visitor(site, of: site.administrator, lifetime: .microseconds(1))
            expired.name = "expired key"
            var revoked = try await Self.visitor(site, of: site.administrator)
            revoked.name = "revoked key"
            for key in try await site.panal.keys(root) where revoked.key.contains(key.id.text) {
                try await site.panal.revokeKey(root, key.id)
            }
            visitors += [expired, revoked]
            for row in AuthorisationTests.rows {
                let route = try Self.route(row, site)
                for visitor in visitors {
                    // A session that has ended is as good as none.
                    let expected = visitor.key.isEmpty ? row.statuses[0] : Self.outside(row, route)
                    if row.route == "POST /sign-out" { continue }
                    let answer = try await AuthorisationTests.ask(row, site, client, as: visitor)
                    #expect(answer.status.code == expected, "\(row.route) as \(visitor.name)")
                }
            }
        }
    }

    @Test func aReadOnlyKeyReadsAndChangesNothing() async throws {
        try await Site.open { site, client in
            let reader = try await Self.visitor(site, of: site.owner, [.read])
            for row in AuthorisationTests.rows where row.route != "POST /sign-out" {
                let route = try Self.route(row, site)
                let expected: Int =
                    switch route.access {
                    case .open, .page, .administratorPage: row.statuses[0]
                    case .openInterface: row.statuses[2]
                    case .interface, .administratorInterface: route.scope == .read ? row.statuses[2] : 403
                    }
                let answer = try await AuthorisationTests.ask(row, site, client, as: reader)
                #expect(answer.status.code == expected, "\(row.route): \(answer.text.prefix(200))")
            }
        }
    }

    /// What changes something needs more than `read`, and what is an administrator's alone needs `administration`.
    @Test func everyRouteAsksForTheRightScope() async throws {
        try await Site.open { site, _ in
            for route in site.web.routes where route.access == .interface || route.access == .administratorInterface {
                let name = "\(route.method.rawValue) \(route.path)"
                let isSafe = route.method == .get || route.method == .head || Self.changeNothing.contains(name)
                #expect(isSafe || route.scope != .read, "\(name)")
                if route.access == .administratorInterface, !isSafe {
                    #expect(route.scope == .administration, "\(name)")
                }
            }
        }
    }

    /// Routes that only look, though their method could change something.
    private static let changeNothing: Set<String> = []

    /// Each scope alone opens exactly its routes, to an administrator too, and there only what is open to everybody: what others have
    /// takes `administration` besides.
    @Test(arguments: KeyScope.allCases) func aScopeOpensItsRoutesAlone(scope: KeyScope) async throws {
        try await Site.open { site, client in
            let visitor = try await Self.visitor(site, of: site.administrator, [scope])
            for row in AuthorisationTests.rows {
                let route = try Self.route(row, site)
                guard route.access == .interface || route.access == .administratorInterface else { continue }
                let answer = try await AuthorisationTests.ask(row, site, client, as: visitor)
                let reach = route.access == .administratorInterface ? row.statuses[3] : row.statuses[1]
                let expected = route.scope == scope ? reach : 403
                #expect(answer.status.code == expected, "\(row.route): \(answer.text.prefix(200))")
                // An answer to HEAD has no body.
                if expected == 403, route.method != .head {
                    #expect(try answer.json["type"] == "urn:panal:problem:insufficient-scope", "\(row.route)")
                }
            }
        }
    }

    /// With `administration` and the route's own scope it is the administrator who asks; with either alone it is not.
    @Test func othersThingsTakeTheScopeOfAdministration() async throws {
        try await Site.open { site, client in
            for scopes in [[.jobs, .administration], [.jobs], [.administration]] as [Set<KeyScope>] {
                let visitor = try await Self.visitor(site, of: site.administrator, scopes)
                let job = "/api/v1/jobs/\(try await site.job())"
                let answer = try await client.json(.post, job + "/cancel", as: visitor, "")
                let expected = scopes.count == 2 ? 200 : scopes == [.jobs] ? 404 : 403
                #expect(answer.status.code == expected, "\(scopes)")
                let urgent = try await client.json(
                    .post, "/api/v1/programs/everything-more/jobs", as: visitor,
                    #"{"text": "a", "_priority": "high"}"#)
                #expect(urgent.status.code == (scopes.count == 2 ? 202 : 403), "\(scopes): \(urgent.text)")
            }
            // Lists are one's own without it.
            let reader = try await Self.visitor(site, of: site.administrator, [.read])
            _ = try await site.job()
            #expect(try await client.send(.get, "/api/v1/jobs?everyone=true", reader.bearer).status == .forbidden)
            let programs = try await client.send(.get, "/api/v1/programs", reader.bearer).json["programs"]?.list
            #expect(programs?.contains { $0["name"] == "secreto" } == false)
        }
    }

    /// Out of a key with few scopes nobody gets one with more, neither by making nor by renewing one.
    @Test func aKeyGivesAwayNoMoreThanItHas() async throws {
        try await Site.open { site, client in
            let small = try await Self.visitor(site, of: site.administrator, [.account])
            let wish = #"{"label": "x", "scopes": ["account", "administration"]}"#
            let answer = try await client.json(.post, "/api/v1/keys", as: small, wish)
            #expect(answer.status == .forbidden)
            #expect(try answer.json["errors"]?.list?.first?["pointer"] == "/scopes")
            let large = try #require(site.administrator.key.split(separator: "_").dropFirst().first)
            #expect(try await client.json(.post, "/api/v1/keys/\(large)/rotate", as: small, "{}").status == .forbidden)
            let made = try await client.json(.post, "/api/v1/keys", as: small, #"{"label": "x"}"#)
            #expect(try made.json["scopes"] == ["account"])
        }
    }

    /// Neither with a key nor with a session does a member become an administrator.
    @Test func nobodyRaisesThemselves() async throws {
        try await Site.open { site, client in
            let own = try #require(site.owner.principal).user
            var headers = site.owner.browser
            headers[.contentType] = "application/json"
            headers[try #require(HTTPField.Name("X-CSRF-Token"))] = site.owner.csrf
            for body in [#"{"role": "administrator"}"#, #"{"status": "available", "role": "administrator"}"#] {
                let byKey = try await client.json(.patch, "/api/v1/users/\(own)", as: site.owner, body)
                #expect(byKey.status == .forbidden)
                let bySession = try await client.send(
                    .patch, "/api/v1/users/\(own)", headers, body: .init(string: body))
                #expect(bySession.status == .forbidden)
            }
            for path in ["/api/v1/users", "/api/v1/invitations"] {
                let body = #"{"name": "eva", "label": "x", "role": "administrator"}"#
                #expect(try await client.json(.post, path, as: site.owner, body).status == .forbidden)
            }
            #expect(try await client.send(.get, "/api/v1/account", site.owner.bearer).json["role"] == "user")
        }
    }
}
