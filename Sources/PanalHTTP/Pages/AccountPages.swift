import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// One's own password and keys.
struct AccountPages: Sendable {
    let panal: Panal
    let frame: PageFrame
    let cookies: SessionCookies

    var routes: [Route] {
        [
            Route(.get, "/account", .page) { _, context in try await page(context) },
            Route(.post, "/account/password", .page, changePassword),
            Route(.post, "/account/keys", .page, makeKey),
            Route(.post, "/account/keys/{id}/revoke", .page, revokeKey),
        ]
    }

    private func page(
        _ context: WebContext, _ own: Templates.Values = [:], status: HTTPResponse.Status = .ok
    ) async throws -> Response {
        let t = Catalogue(language: context.language)
        let principal = try context.principal
        let keys = try await panal.keys(principal).map { key -> Templates.Values in
            [
                "id": key.id.text, "label": key.label, "created": key.created.rfc3339,
                "createdText": Wording.moment(key.created), "revokeAction": "/account/keys/\(key.id)/revoke",
                "revokeLabel": t(.revokeKeyNamed, key.label),
                "usedText": key.lastUsed.map { t(.lastUsed, Wording.moment($0)) } ?? t(.neverUsed),
                "scopesText": Self.words(for: key.scopes, t).joined(separator: ", "),
                "expiresText": key.expires.map { t(.holdsUntil, Wording.moment($0)) } ?? t(.holdsForever),
            ]
        }
        var values: Templates.Values = [
            "name": principal.name, "keys": keys, "hasKeys": !keys.isEmpty, "keyLabel": "", "keyDays": "",
            "storage": try await StorageCard.values(panal, context),
            "scopes": scopes(of: principal, chosen: [.read, .jobs], t),
        ]
        values.merge(own) { _, new in new }
        return try frame.page("account", title: t(.account), in: .account, values, context, status: status)
    }

    /// A box for each scope that this principal may give away.
    private func scopes(of principal: Principal, chosen: Set<KeyScope>, _ t: Catalogue) -> [Templates.Values] {
        let most = panal.mostScopes(of: principal)
        return KeyScope.allCases.filter(most.contains).map { scope in
            ["value": scope.rawValue, "text": t(Self.phrase(scope)), "checked": chosen.contains(scope)]
        }
    }

    private static func words(for scopes: Set<KeyScope>, _ t: Catalogue) -> [String] {
        KeyScope.allCases.filter(scopes.contains).map { t(phrase($0)) }
    }

    private static func phrase(_ scope: KeyScope) -> Phrase {
        switch scope {
        case .read: .scopeRead
        case .jobs: .scopeJobs
        case .programs: .scopePrograms
        case .account: .scopeAccount
        case .administration: .scopeAdministration
        }
    }

    @Sendable private func changePassword(_ request: Request, _ context: WebContext) async throws -> Response {
        let t = Catalogue(language: context.language)
        let form = try await PageFrame.form(request, context)
        let new = try form.text("new") ?? ""
        do {
            guard new == (try form.text("again")) else { throw ServiceError(.invalid, t(.passwordsDiffer)) }
            try await panal.changePassword(try context.principal, old: try form.text("old") ?? "", new: new)
        } catch let error as ServiceError where error.code != .internal {
            let labels = ["old": t(.oldPassword), "password": t(.newPassword)]
            return try await page(
                context, Self.refused(error, t, labels: labels), status: Problem(error).status)
        }
        // The change has ended all sessions, this one too.
        var response = Response.seeOther("/sign-in")
        cookies.endSession(on: &response)
        return response
    }

    @Sendable private func makeKey(_ request: Request, _ context: WebContext) async throws -> Response {
        let t = Catalogue(language: context.language)
        let form = try await PageFrame.form(request, context)
        let label = try form.text("label") ?? ""
        let days = try form.text("days") ?? ""
        let chosen = Set(form.words("scope").compactMap(KeyScope.init))
        do {
            var lifetime: Duration?
            if !days.isEmpty {
                guard let count = Int(days), (1...3_650).contains(count) else {
                    throw ServiceError(
                        .invalid, "", mistakes: [Mistake(pointer: "/days", detail: "1 – 3650")])
                }
                lifetime = .seconds(count * 86_400)
            }
            let made = try await panal.createKey(
                try context.principal, label: label, lifetime: lifetime, scopes: chosen)
            return try await page(context, ["secret": made.secret], status: .created)
        } catch let error as ServiceError where error.code != .internal {
            var values = Self.refused(
                error, t, labels: ["label": t(.keyLabel), "days": t(.keyDays), "scopes": t(.keyGoodFor)])
            values["scopes"] = scopes(of: try context.principal, chosen: chosen, t)
            values["keyLabel"] = label
            values["keyDays"] = days
            return try await page(context, values, status: Problem(error).status)
        }
    }

    @Sendable private func revokeKey(_ request: Request, _ context: WebContext) async throws -> Response {
        _ = try await PageFrame.form(request, context)
        try await panal.revokeKey(try context.principal, try context.identifier("id", of: APIKey.self))
        return .seeOther("/account")
    }

    static func refused(_ error: ServiceError, _ t: Catalogue, labels: [String: String]) -> Templates.Values {
        PageFrame.mistakes(error, notice: t(.refusedTitle) + ".", labels: labels, in: t.language)
    }
}

/// For administrators: who is registered, and who may come in.
struct UserPages: Sendable {
    let panal: Panal
    let frame: PageFrame

    var routes: [Route] {
        [
            Route(.get, "/users", .administratorPage) { _, context in try await page(context) },
            Route(.post, "/users", .administratorPage, make),
            Route(.post, "/users/{id}/status", .administratorPage, setStatus),
            Route(.post, "/users/{id}/password", .administratorPage, resetPassword),
        ]
    }

    private func page(
        _ context: WebContext, _ own: Templates.Values = [:], status: HTTPResponse.Status = .ok
    ) async throws -> Response {
        let t = Catalogue(language: context.language)
        let users = try await panal.users(try context.principal).map { user -> Templates.Values in
            [
                "userName": user.name, "href": "/users/\(user.id)", "created": user.created.rfc3339,
                "createdText": Wording.moment(user.created),
                "roleText": t(user.role == .administrator ? .administrator : .roleUser),
                "statusText": t(Self.phrase(user.status)),
                "statusClass": user.status == .available ? "good" : "bad", "actions": actions(for: user, t),
            ]
        }
        var values: Templates.Values = ["users": users, "enteredName": "", "newUser": ""]
        values.merge(own) { _, new in new }
        return try frame.page("users", title: t(.users), in: .users, values, context, status: status)
    }

    private func actions(for user: User, _ t: Catalogue) -> [Templates.Values] {
        let changes: [(UserStatus, Phrase)] =
            user.status == .available
            ? [(.disabled, .disable), (.blocked, .block)] : [(.available, .makeAvailable)]
        var actions = changes.map { status, phrase -> Templates.Values in
            [
                "action": "/users/\(user.id)/status", "value": status.rawValue, "text": t(phrase),
                "actionLabel": t(.changeUserNamed, user.name, t(phrase)),
            ]
        }
        actions.append([
            "action": "/users/\(user.id)/password", "value": "", "text": t(.resetPassword),
            "actionLabel": t(.changeUserNamed, user.name, t(.resetPassword)),
        ])
        return actions
    }

    private static func phrase(_ status: UserStatus) -> Phrase {
        switch status {
        case .available: .available
        case .disabled: .disabled
        case .blocked: .blocked
        }
    }

    @Sendable private func make(_ request: Request, _ context: WebContext) async throws -> Response {
        let t = Catalogue(language: context.language)
        let form = try await PageFrame.form(request, context)
        let name = try form.text("name") ?? ""
        guard let role = Role(rawValue: try form.text("role") ?? "user") else {
            throw ServiceError(.malformed, "there is no such role")
        }
        do {
            let made = try await panal.createUser(try context.principal, name: name, password: nil, role: role)
            return try await page(
                context, ["done": t(.userMade, name), "secret": made.password, "newUser": name], status: .created)
        } catch let error as ServiceError where error.code != .internal {
            var values = AccountPages.refused(error, t, labels: ["name": t(.userName)])
            if error.code == .conflict { values["notice"] = t(.userNameTaken, name) }
            values["enteredName"] = name
            return try await page(context, values, status: Problem(error).status)
        }
    }

    @Sendable private func setStatus(_ request: Request, _ context: WebContext) async throws -> Response {
        let t = Catalogue(language: context.language)
        let form = try await PageFrame.form(request, context)
        guard let status = UserStatus(rawValue: try form.text("status") ?? "") else {
            throw ServiceError(.malformed, "there is no such status")
        }
        do {
            let user = try await panal.setStatus(
                try context.principal, user: try context.identifier("id", of: User.self), to: status)
            return try await page(context, ["done": t(.userChanged, user.name, t(Self.phrase(status)))])
        } catch let error as ServiceError where error.code == .conflict {
            return try await page(context, AccountPages.refused(error, t, labels: [:]), status: .conflict)
        }
    }

    @Sendable private func resetPassword(_ request: Request, _ context: WebContext) async throws -> Response {
        _ = try await PageFrame.form(request, context)
        let id = try context.identifier("id", of: User.self)
        let principal = try context.principal
        let password = try await panal.resetPassword(principal, user: id)
        let name = try await panal.users(principal).first { $0.id == id }?.name ?? ""
        return try await page(context, ["secret": password, "newUser": name])
    }
}
