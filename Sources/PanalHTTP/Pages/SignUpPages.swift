import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// Becoming a user by oneself, as far as the settings allow.
struct SignUpPages: Sendable {
    let panal: Panal
    let frame: PageFrame
    let cookies: SessionCookies

    var routes: [Route] {
        [
            Route(.get, "/sign-up", .open) { request, context in try page(request, context) },
            Route(.post, "/sign-up", .open, signUp),
        ]
    }

    private func page(
        _ request: Request, _ context: WebContext, _ own: Templates.Values = [:], status: HTTPResponse.Status = .ok
    ) throws -> Response {
        // As at sign-in, a cookie that only this page sets stands in for the session's token.
        let token = cookies.form(of: request) ?? SignInPages.token()
        let t = Catalogue(language: context.language)
        let mode = panal.settings.signUp
        var values: Templates.Values = [
            "csrf": token, "isClosed": mode == .closed, "mayBeInvited": mode != .closed,
            "needsInvitation": mode == .invitation, "enteredName": "", "enteredInvitation": "",
            "invitationHint": t(mode == .invitation ? .invitationNeeded : .invitationOptional),
        ]
        values.merge(own) { _, new in new }
        var response = try frame.page("signup", title: t(.signUp), values, context, status: status)
        cookies.setForm(token, on: &response)
        return response
    }

    @Sendable private func signUp(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await FormReader.readURLEncoded(request)
        guard let token = cookies.form(of: request), Gate.areEqual(try form.text("_csrf"), token) else {
            throw WebError.crossSite
        }
        let t = Catalogue(language: context.language)
        let name = try form.text("name") ?? ""
        let password = try form.text("password") ?? ""
        let invitation = (try form.text("invitation") ?? "").filter { !$0.isWhitespace }
        do {
            guard password == (try form.text("again")) else { throw ServiceError(.invalid, t(.passwordsDiffer)) }
            let user = try await panal.signUp(
                name: name, password: password, invitation: invitation.isEmpty ? nil : invitation,
                from: context.address)
            context.auditNote = AuditNote(user: user.id, name: user.name)
            let signedIn = try await panal.signIn(name: name, password: password, from: context.address)
            var response = Response.seeOther("/programs")
            cookies.setSession(signedIn.token, on: &response)
            return response
        } catch let error as ServiceError where error.code != .internal {
            let labels = ["name": t(.userName), "password": t(.password), "invitation": t(.invitation)]
            var values = AccountPages.refused(error, t, labels: labels)
            if error.code == .conflict { values["notice"] = t(.userNameTaken, name) }
            if error.code == .forbidden { values["notice"] = t(.invitationNotValid) }
            values["enteredName"] = name
            values["enteredInvitation"] = invitation
            let problem = Problem(error)
            var response = try page(request, context, values, status: problem.status)
            response.headers[.retryAfter] = problem.headers[.retryAfter]
            return response
        }
    }
}
