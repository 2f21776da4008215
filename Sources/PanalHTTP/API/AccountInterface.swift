import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// Who one is, and for administrators the users.
struct AccountInterface: Sendable {
    let panal: Panal

    var routes: [Route] {
        [
            Route(.get, "/api/v1/account", .interface, account)
                .described("getAccount", .account, "Who one is", .answer(.ok, .account, "The caller")),
            Route(.get, "/api/v1/users", .administratorInterface, users)
                .described(
                    "listUsers", .users, "All users", .pages("users", of: .user, "By name", .most)),
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
            Route(.get, "/api/v1/users/{id}", .administratorInterface, user)
                .described(
                    "getUser", .users, "A user, and what they may use",
                    .document(.user.extended(by: ["rights": .rights], named: "UserWithRights"), "The user")),
            Route(.patch, "/api/v1/users/{id}", .administratorInterface, changeUser)
                .described(
                    "changeUser", .users, "Block a user or let them in again, or change what they are", .guarded,
                    .body(
                        .object(
                            ["status?": .words(UserStatus.self), "role?": .words(Role.self)], isClosed: true)),
                    .answer(.ok, .user, "The user as they are now", .eTag), .refuses(.conflict)),
            Route(.delete, "/api/v1/users/{id}", .administratorInterface, close)
                .described(
                    "deleteUser", .users, "Close a user's account for good", .guarded,
                    .note(
                        "Refused (409) while it has unfinished jobs, credit or images, for one's own, and for the last administrator. "
                            + "Password, sessions, keys, webhooks, uploads and links are gone at once, programs are withdrawn, what was put "
                            + "into jobs is forgotten and what these left is removed within about an hour. Jobs, what they used and cost, the "
                            + "ledger and the audit log stay as they are, under the identifier: in them the account is called `closed-` and "
                            + "that, but in the audit log, which keeps the name for as long as it keeps its entries. The name is free."
                    ),
                    .empty(.noContent, "It is closed"), .refuses(.conflict)),
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
                "rights": Documents.rights(try await panal.rights(principal)),
            ]))
    }

    @Sendable private func users(_ request: Request, _ context: WebContext) async throws -> Response {
        let page = try await panal.userPage(try context.principal, try Paging.wish(try Query(request), .most))
        return try Paging.answer("users", page.entries.map(Documents.user), next: page.next, request)
    }

    /// `{"name": …, "role": "user" | "administrator", "password": …}`; without a password a random one is made and
    /// answered.
    @Sendable private func makeUser(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        try JSONBody.expect(["name", "role", "password"], in: members)
        guard let name = try JSONBody.text("name", in: members) else { throw JSONBody.required("name") }
        let role = try Self.word(Role.self, "role", in: members) ?? .user
        let password = try JSONBody.text("password", in: members)
        context.auditNote.detail = "name=\(name) role=\(role.rawValue)"
        let made = try await panal.createUser(try context.principal, name: name, password: password, role: role)
        guard case .object(var document) = Documents.user(made.user) else {
            throw ServiceError(.internal, "no document")
        }
        if password == nil { document["password"] = .string(made.password) }
        return try .json(.object(document), status: .created)
    }

    /// `{"status": "available" | "disabled" | "blocked", "role": "user" | "administrator"}`, or one of them.
    @Sendable private func changeUser(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        try JSONBody.expect(["status", "role"], in: members)
        let principal = try context.principal
        let id = try await panal.userID(principal, meantBy: try context.parameter("id"))
        let status = try Self.word(UserStatus.self, "status", in: members)
        let role = try Self.word(Role.self, "role", in: members)
        context.auditNote.detail = [status.map { "status=\($0.rawValue)" }, role.map { "role=\($0.rawValue)" }]
            .compactMap(\.self).joined(separator: " ")
        guard status != nil || role != nil else { throw JSONBody.required("status") }
        return try await guarded(request, principal, id) { known in
            try .marked(
                Documents.user(
                    try await panal.changeUser(principal, id, status: status, role: role, expecting: known)))
        }
    }

    /// Under the request's precondition, which is held against the user as a change answers it, and as it is read.
    private func guarded(
        _ request: Request, _ principal: Principal, _ id: UserID, _ act: (User?) async throws -> Response
    ) async throws -> Response {
        try await Preconditions.guarded(
            request,
            current: {
                let user = try await panal.user(principal, id)
                return (user: user, rights: try await panal.rights(principal, of: id))
            },
            documents: { [Documents.user($0.user), Documents.user($0.user, $0.rights)] }
        ) { try await act($0?.user) }
    }

    @Sendable private func close(_ request: Request, _ context: WebContext) async throws -> Response {
        let principal = try context.principal
        let id = try await panal.userID(principal, meantBy: try context.parameter("id"))
        context.auditNote.detail = "user=\(id)"
        return try await guarded(request, principal, id) { known in
            try await panal.closeUser(principal, id, expecting: known)
            return Response(status: .noContent)
        }
    }

    @Sendable private func user(_ request: Request, _ context: WebContext) async throws -> Response {
        let principal = try context.principal
        let id = try await panal.userID(principal, meantBy: try context.parameter("id"))
        let user = try await panal.user(principal, id)
        let rights = try await panal.rights(principal, of: id)
        return try .json(Documents.user(user, rights), unlessKnownTo: request)
    }

    @Sendable private func resetPassword(_ request: Request, _ context: WebContext) async throws -> Response {
        let principal = try context.principal
        let id = try await panal.userID(principal, meantBy: try context.parameter("id"))
        let password = try await panal.resetPassword(principal, user: id)
        return try .json(.object(["password": .string(password)]))
    }

    static func word<Word: RawRepresentable<String> & CaseIterable>(
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
