import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore
import PanalCore
import PanalService

/// Finds out who asks and lets them through to a route or not. Whether somebody may see one particular thing is the
/// service's to say; this is only about being known, being an administrator, and forms of the session's own.
struct Gate: Sendable {
    let panal: Panal
    let cookies: SessionCookies
    let limits: RateLimits
    let clockReadings: Duration

    /// Who asks, as far as `route` needs to know. Throws `unauthenticated`, `forbidden`, or a cross-site refusal.
    func caller(for route: Route, _ request: Request, _ context: WebContext) async throws -> Caller? {
        if !Self.isSafe(route.method), request.headers[.fetchSite] == "cross-site" { throw WebError.crossSite }
        guard route.access != .open else {
            // Style sheets and health checks come with everything else.
            if route.isLimited { context.rate = try limits.count(nil, address: context.address) }
            return nil
        }
        let known: Caller?
        do {
            known = try await identify(request, isPage: route.access.isPage)
        } catch let error as ServiceError where error.code == .unauthenticated {
            // Whoever guesses at keys is a stranger.
            context.rate = try limits.count(nil, address: context.address)
            throw error
        }
        context.rate = try limits.count(known, address: context.address)
        guard let caller = known else {
            if route.access == .openInterface { return nil }
            throw ServiceError(.unauthenticated, "sign in, or send an API key")
        }
        if !route.access.isPage, !Self.isSafe(route.method), let csrf = caller.csrf {
            // A browser sends the cookie wherever the form comes from, so the cookie alone is no consent.
            guard Self.areEqual(request.headers[.csrfToken], csrf) else { throw WebError.crossSite }
        }
        // Known from here on, also to the log of those who try what they may not.
        context.caller = caller
        context.access = access(of: caller, request, isPage: route.access.isPage)
        // Their role; whether their key is good for it is its scope's, which a route may say otherwise: figures are for `read`.
        guard !route.access.isForAdministrators || caller.principal.role == .administrator else {
            throw ServiceError(.forbidden, "only administrators may do this")
        }
        if let scope = route.scope, let key = caller.principal.key, !key.scopes.contains(scope) {
            throw ServiceError.outOfScope(scope)
        }
        return caller
    }

    /// How an answer that takes its time learns that `caller` may not read on: whatever has let them in is asked again.
    private func access(of caller: Caller, _ request: Request, isPage: Bool) -> LiveAccess {
        let head = Request(head: request.head, body: RequestBody(buffer: ByteBuffer()))
        return LiveAccess(
            panal: panal, user: caller.principal.user, ends: caller.ends, clockReadings: clockReadings
        ) {
            // Where the store does not answer, nobody may.
            (try? await identify(head, isPage: isPage))?.principal == caller.principal
        }
    }

    /// Whose browser asks, whatever it asks for; nil for strangers, and where the store does not say.
    func visitor(_ request: Request) async -> Caller? { (try? await identify(request, isPage: true)) ?? nil }

    private func identify(_ request: Request, isPage: Bool) async throws -> Caller? {
        if !isPage, let header = request.headers[.authorization] {
            let halves = header.split(separator: " ", maxSplits: 1)
            guard halves.count == 2, halves[0].lowercased() == "bearer",
                let principal = try await panal.principal(apiKey: String(halves[1]))
            else { throw ServiceError(.unauthenticated, "the API key is not valid (any more)") }
            return Caller(principal: principal, means: .key, ends: principal.key?.expires)
        }
        guard let token = cookies.session(of: request), let session = try await panal.session(token: token) else {
            return nil
        }
        return Caller(
            principal: session.principal, means: .session(csrf: session.csrf), ends: session.expires)
    }

    static func isSafe(_ method: HTTPRequest.Method) -> Bool { method == .get || method == .head }

    /// Takes the same time wherever the texts differ.
    static func areEqual(_ given: String?, _ expected: String) -> Bool {
        guard let given, given.utf8.count == expected.utf8.count else { return false }
        return zip(given.utf8, expected.utf8).reduce(0 as UInt8) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

/// The two cookies of a browser: its session, and the token of the sign-in form, which has no session yet.
struct SessionCookies: Sendable {
    /// True where browsers reach the service by TLS only; the cookies then never travel without it.
    let areSecure: Bool

    private var prefix: String { areSecure ? "__Host-" : "" }

    func session(of request: Request) -> String? { value("panal_session", of: request) }
    func form(of request: Request) -> String? { value("panal_form", of: request) }

    private func value(_ name: String, of request: Request) -> String? {
        guard let value = request.cookies[prefix + name]?.value, (1...512).contains(value.utf8.count) else {
            return nil
        }
        return value
    }

    /// Until the browser closes, or the service's own session ends.
    func setSession(_ token: String, on response: inout Response) {
        set("panal_session", token, maxAge: nil, on: &response)
    }

    func setForm(_ token: String, on response: inout Response) {
        set("panal_form", token, maxAge: 3_600, on: &response)
    }

    func endSession(on response: inout Response) {
        set("panal_session", "", maxAge: 0, on: &response)
    }

    private func set(_ name: String, _ value: String, maxAge: Int?, on response: inout Response) {
        let age = maxAge.map { "; Max-Age=\($0)" } ?? ""
        let secure = areSecure ? "; Secure" : ""
        let cookie = "\(prefix)\(name)=\(value); Path=/\(age); HttpOnly; SameSite=Lax\(secure)"
        response.headers.append(HTTPField(name: .setCookie, value: cookie))
    }
}
