import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// Who one is, one's keys, and for administrators the users.
struct AccountInterface: Sendable {
    let panal: Panal

    var routes: [Route] {
        [
            Route(.get, "/api/v1/account", .interface, account)
                .described("getAccount", .account, "Who one is", .answer(.ok, .account, "The caller")),
            Route(.get, "/api/v1/keys", .interface, keys)
                .described(
                    "listKeys", .account, "One's keys", .scope(.account),
                    .answer(.ok, .object(["keys": .list(of: .key)]), "In the order of their making")),
            Route(.post, "/api/v1/keys", .interface, makeKey)
                .described(
                    "createKey", .account, "Make a key",
                    .body(
                        .object(
                            [
                                "label": .text(1...80).example("laptop"),
                                "lifetime?": .integer(1...Self.longestLifetime).note("Seconds; for good when missing."),
                            ], isClosed: true)),
                    .answer(
                        .created,
                        .key.extended(
                            by: ["secret": .text.example("pnl_…").note("The key itself. It is shown only here.")],
                            named: "NewKey"), "The key", .location)),
            Route(.delete, "/api/v1/keys/{id}", .interface, revokeKey)
                .described("revokeKey", .account, "End a key", .empty(.noContent, "It is not valid any more")),
            Route(.get, "/api/v1/users", .administratorInterface, users)
                .described(
                    "listUsers", .users, "All users", .answer(.ok, .object(["users": .list(of: .user)]), "By name")),
            Route(.post, "/api/v1/users", .administratorInterface, makeUser)
                .described(
                    "createUser", .users, "Make a user",
                    .body(
                        .object(
                            [
                                "name": .userName, "role?": .words(Role.self).unset("user"),
                                "password?": .text(12...1_024),
                            ],
                            isClosed: true)),
                    .answer(
                        .created,
                        .user.extended(
                            by: ["password?": .text.note("A random one, where none was sent. It is shown only here.")],
                            named: "NewUser"), "The user"), .refuses(.conflict)),
            Route(.patch, "/api/v1/users/{id}", .administratorInterface, changeUser)
                .described(
                    "changeUser", .users, "Block a user, or let them in again",
                    .body(.object(["status": .words(UserStatus.self)], isClosed: true)),
                    .answer(.ok, .user, "The user as they are now"), .refuses(.conflict)),
            Route(.post, "/api/v1/users/{id}/password", .administratorInterface, resetPassword)
                .described(
                    "resetPassword", .users, "Give a user a new random password",
                    .answer(.ok, .object(["password": .text]), "The password; it is shown only here")),
        ]
    }

    @Sendable private func account(_ request: Request, _ context: WebContext) async throws -> Response {
        let principal = try context.principal
        return try .json(
            .object([
                "id": .string(principal.user.text), "name": .string(principal.name),
                "role": .string(principal.role.rawValue),
            ]))
    }

    @Sendable private func keys(_ request: Request, _ context: WebContext) async throws -> Response {
        let keys = try await panal.keys(try context.principal)
        return try .json(.object(["keys": .array(keys.map(Documents.key))]))
    }

    /// `{"label": …, "lifetime": seconds}`; the answer is the only place that holds the key itself, as `secret`.
    @Sendable private func makeKey(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        try JSONBody.expect(["label", "lifetime"], in: members)
        guard let label = try JSONBody.text("label", in: members) else { throw JSONBody.required("label") }
        let lifetime = try JSONBody.integer("lifetime", in: members).map { seconds -> Duration in
            guard (1...Self.longestLifetime).contains(seconds) else {
                throw ServiceError(
                    .invalid, "a member is wrong",
                    mistakes: [
                        Mistake(pointer: "/lifetime", detail: "seconds, from 1 to \(Self.longestLifetime)")
                    ])
            }
            return .seconds(seconds)
        }
        let made = try await panal.createKey(try context.principal, label: label, lifetime: lifetime)
        guard case .object(var document) = Documents.key(made.key) else { throw ServiceError(.internal, "no document") }
        document["secret"] = .string(made.secret)
        var response = try Response.json(.object(document), status: .created)
        response.headers[.location] = "\(Documents.base)/keys/\(made.key.id)"
        return response
    }

    /// Ten years, in seconds.
    static let longestLifetime = 10 * 366 * 86_400

    @Sendable private func revokeKey(_ request: Request, _ context: WebContext) async throws -> Response {
        try await panal.revokeKey(try context.principal, try context.identifier("id", of: APIKey.self))
        return Response(status: .noContent)
    }

    @Sendable private func users(_ request: Request, _ context: WebContext) async throws -> Response {
        let users = try await panal.users(try context.principal)
        return try .json(.object(["users": .array(users.map(Documents.user))]))
    }

    /// `{"name": …, "role": "user" | "administrator", "password": …}`; without a password a random one is made and
    /// answered.
    @Sendable private func makeUser(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        try JSONBody.expect(["name", "role", "password"], in: members)
        guard let name = try JSONBody.text("name", in: members) else { throw JSONBody.required("name") }
        let role = try Self.word(Role.self, "role", in: members) ?? .user
        let password = try JSONBody.text("password", in: members)
        let made = try await panal.createUser(try context.principal, name: name, password: password, role: role)
        guard case .object(var document) = Documents.user(made.user) else {
            throw ServiceError(.internal, "no document")
        }
        if password == nil { document["password"] = .string(made.password) }
        return try .json(.object(document), status: .created)
    }

    /// `{"status": "available" | "disabled" | "blocked"}`
    @Sendable private func changeUser(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        try JSONBody.expect(["status"], in: members)
        guard let status = try Self.word(UserStatus.self, "status", in: members) else {
            throw JSONBody.required("status")
        }
        let user = try await panal.setStatus(
            try context.principal, user: try context.identifier("id", of: User.self), to: status)
        return try .json(Documents.user(user))
    }

    @Sendable private func resetPassword(_ request: Request, _ context: WebContext) async throws -> Response {
        let password = try await panal.resetPassword(
            try context.principal, user: try context.identifier("id", of: User.self))
        return try .json(.object(["password": .string(password)]))
    }

    private static func word<Word: RawRepresentable<String> & CaseIterable>(
        _ kind: Word.Type, _ name: String, in members: [String: JSONValue]
    ) throws -> Word? {
        guard let text = try JSONBody.text(name, in: members) else { return nil }
        guard let word = Word(rawValue: text) else {
            let known = Word.allCases.map(\.rawValue).joined(separator: ", ")
            throw ServiceError(
                .invalid, "a member is wrong",
                mistakes: [Mistake(pointer: "/\(name)", detail: "‘\(text)’ is none of \(known)")])
        }
        return word
    }
}

/// Whether the service lives, and whether it takes work. Open to everybody, and saying no more than that.
struct HealthChecks: Sendable {
    let panal: Panal

    var routes: [Route] {
        [
            Route(.get, "/healthz", .open) { _, _ in try .json(.object(["status": "ok"])) }
                .described("getHealth", .service, "Whether the service lives", .answer(.ok, .health, "It does")),
            Route(.get, "/readyz", .open) { _, _ in
                let isReady = await panal.health().takesJobs
                return try .json(
                    .object(["status": isReady ? "ready" : "not ready"]), status: isReady ? .ok : .serviceUnavailable)
            }
            .described(
                "getReadiness", .service, "Whether the service takes jobs", .answer(.ok, .health, "It does"),
                .answer(.serviceUnavailable, .health, "It starts or stops")),
        ]
    }
}
