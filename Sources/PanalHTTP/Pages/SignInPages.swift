import HTTPTypes
import Hummingbird
import Logging
import PanalCore
import PanalService

/// Coming in and going out, and what everybody may load: style, script, signs.
struct SignInPages: Sendable {
    let panal: Panal
    let frame: PageFrame
    let cookies: SessionCookies

    var routes: [Route] {
        [
            Route(.get, "/sign-in", .open, show),
            Route(.post, "/sign-in", .open, signIn),
            Route(.post, "/sign-out", .page, signOut),
            Route(.get, "/", .page) { _, _ in .seeOther("/programs") },
            Route(.get, "/assets/{name}", .open, asset),
        ]
    }

    @Sendable private func show(_ request: Request, _ context: WebContext) async throws -> Response {
        try page(request, context, back: HeaderValues.localPath(try Query(request).text("return")))
    }

    private func page(
        _ request: Request, _ context: WebContext, back: String, name: String = "", notice: String? = nil,
        status: HTTPResponse.Status = .ok
    ) throws -> Response {
        // There is no session yet whose token the form could carry: a cookie that only this page sets stands in.
        let token = cookies.form(of: request) ?? Self.token()
        let t = Catalogue(language: context.language)
        var response = try frame.page(
            "signin", title: t(.signIn),
            [
                "csrf": token, "return": back, "enteredName": name, "notice": PageFrame.optional(notice),
                "maySignUp": panal.settings.signUp != .closed,
            ], context, status: status)
        cookies.setForm(token, on: &response)
        return response
    }

    @Sendable private func signIn(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await FormReader.readURLEncoded(request)
        guard let token = cookies.form(of: request), Gate.areEqual(try form.text("_csrf"), token) else {
            throw WebError.crossSite
        }
        let name = try form.text("name") ?? ""
        let back = HeaderValues.localPath(try form.text("return"))
        do {
            context.auditNote = try await attempt(name)
            let signedIn = try await panal.signIn(
                name: name, password: try form.text("password") ?? "", from: context.address)
            var response = Response.seeOther(back)
            cookies.setSession(signedIn.token, on: &response)
            context.logger.info("signed in", metadata: ["user": .string(signedIn.principal.name)])
            return response
        } catch let error as ServiceError {
            let t = Catalogue(language: context.language)
            let problem = Problem(error)
            let notice: String
            switch error.code {
            case .unauthenticated: notice = t(.wrongSignIn)
            case .forbidden: notice = t(.userNotAvailable)
            case .overloaded: notice = t(.tooManyTries, problem.headers[.retryAfter] ?? "1")
            default: throw error
            }
            var response = try page(request, context, back: back, name: name, notice: notice, status: problem.status)
            response.headers[.retryAfter] = problem.headers[.retryAfter]
            return response
        }
    }

    /// Only names that exist: people type passwords into the wrong field.
    private func attempt(_ name: String) async throws -> AuditNote {
        guard let user = try await panal.user(named: name) else { return AuditNote() }
        return AuditNote(user: user.id, name: user.name)
    }

    @Sendable private func signOut(_ request: Request, _ context: WebContext) async throws -> Response {
        _ = try await PageFrame.form(request, context)
        if let token = cookies.session(of: request) { try await panal.signOut(token: token) }
        var response = Response.seeOther("/sign-in")
        cookies.endSession(on: &response)
        return response
    }

    @Sendable private func asset(_ request: Request, _ context: WebContext) async throws -> Response {
        guard let asset = Templates.asset(try context.parameter("name")) else {
            throw ServiceError(.notFound, "there is no such file")
        }
        // Pages name style and script with the revision, so a new one has a new address.
        return Response(
            status: .ok, headers: [.contentType: asset.type, .cacheControl: "public, max-age=86400"],
            body: .init(byteBuffer: .init(bytes: asset.bytes)))
    }

    static func token() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<3).map { _ in String(generator.next(), radix: 36) }.joined()
    }
}
