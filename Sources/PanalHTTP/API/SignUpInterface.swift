import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// `/api/v1/sign-up`, and `/api/v1/invitations` for administrators.
struct SignUpInterface: Sendable {
    let panal: Panal

    var routes: [Route] {
        [
            Route(.post, "/api/v1/sign-up", .openInterface, signUp)
                .described(
                    "signUp", .account, "Become a user",
                    .note("As the setting `signUp` allows: not at all, with an invitation, or for everybody."),
                    .body(
                        .object(
                            [
                                "name": .userName, "password": .text(10...1_024),
                                "invitation?": .text(1...200).note("An invitation's token."),
                            ], isClosed: true)), .answer(.created, .user, "The user"),
                    .refuses(.forbidden, .conflict, .tooManyRequests)),
            Route(.get, "/api/v1/invitations", .administratorInterface, invitations)
                .described(
                    "listInvitations", .users, "All invitations",
                    .answer(.ok, .object(["invitations": .list(of: .invitation)]), "The newest first")),
            Route(.post, "/api/v1/invitations", .administratorInterface, invite)
                .described(
                    "createInvitation", .users, "Invite somebody",
                    .body(
                        .object(
                            [
                                "label": .text(1...80).example("Ana of the laboratory"),
                                "lifetime?": .integer(1...Int(Panal.longestInvitation.inSeconds))
                                    .note("Seconds.").unset(604_800),
                                "role?": .words(Role.self).unset("user"),
                                "group?": .userName.note("The group that they join, by name or identifier."),
                            ], isClosed: true)),
                    .answer(
                        .created,
                        .invitation.extended(
                            by: [
                                "token": .text.note("What the invited one needs. It is shown only here."),
                                "page": .reference.example("/sign-up#q7vTk2").note("The sign-up page with the token."),
                            ], named: "NewInvitation"), "The invitation")),
            Route(.delete, "/api/v1/invitations/{id}", .administratorInterface, revoke)
                .described(
                    "revokeInvitation", .users, "Take an invitation back",
                    .empty(.noContent, "It is not valid any more")),
        ]
    }

    @Sendable private func signUp(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        try JSONBody.expect(["name", "password", "invitation"], in: members)
        guard let name = try JSONBody.text("name", in: members) else { throw JSONBody.required("name") }
        guard let password = try JSONBody.text("password", in: members) else { throw JSONBody.required("password") }
        let user = try await panal.signUp(
            name: name, password: password, invitation: try JSONBody.text("invitation", in: members),
            from: context.address)
        context.auditNote = AuditNote(user: user.id, name: user.name)
        return try .json(Documents.user(user), status: .created)
    }

    @Sendable private func invitations(_ request: Request, _ context: WebContext) async throws -> Response {
        let invitations = try await panal.invitations(try context.principal)
        return try .json(.object(["invitations": .array(invitations.map(Documents.invitation))]))
    }

    @Sendable private func invite(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        try JSONBody.expect(["label", "lifetime", "role", "group"], in: members)
        guard let label = try JSONBody.text("label", in: members) else { throw JSONBody.required("label") }
        let role = try AccountInterface.word(Role.self, "role", in: members) ?? .user
        let principal = try context.principal
        let group = try JSONBody.text("group", in: members).map { text in
            do {
                return try panal.groupID(principal, meantBy: text)
            } catch let error as ServiceError where error.code == .notFound {
                let detail = "a group's name or id, as in GET \(Documents.base)/groups"
                throw ServiceError(
                    .invalid, "a member is wrong", mistakes: [Mistake(pointer: "/group", detail: detail)])
            }
        }
        let seconds = try JSONBody.integer("lifetime", in: members) ?? 604_800
        guard (1...Int(Panal.longestInvitation.inSeconds)).contains(seconds) else {
            throw ServiceError(
                .invalid, "a member is wrong",
                mistakes: [
                    Mistake(
                        pointer: "/lifetime",
                        detail: "seconds, from 1 to \(Int(Panal.longestInvitation.inSeconds))")
                ])
        }
        let made = try await panal.createInvitation(
            try context.principal, label: label, lifetime: .seconds(seconds), role: role, group: group)
        context.auditNote.detail = "role=\(role.rawValue)"
        guard case .object(var document) = Documents.invitation(made.invitation) else {
            throw ServiceError(.internal, "no document")
        }
        document["token"] = .string(made.token)
        document["page"] = .string("/sign-up#\(made.token)")
        return try .json(.object(document), status: .created)
    }

    @Sendable private func revoke(_ request: Request, _ context: WebContext) async throws -> Response {
        try await panal.revokeInvitation(
            try context.principal, try context.identifier("id", of: Invitation.self))
        return Response(status: .noContent)
    }
}

extension Documents {
    static func invitation(_ invitation: Invitation) -> JSONValue {
        object([
            "id": .string(invitation.id.text), "label": .string(invitation.label),
            "role": .string(invitation.role.rawValue), "group": invitation.group.map { .string($0.text) },
            "created": time(invitation.created), "expires": time(invitation.expires),
            "madeBy": .string(invitation.madeBy.text), "usedBy": invitation.usedBy.map { .string($0.text) },
        ])
    }
}

extension Schema {
    static let invitation = component(
        "Invitation",
        .object([
            "id": identifier, "label": text, "role": words(Role.self), "group?": identifier, "created": time,
            "expires": time, "madeBy": identifier, "usedBy?": identifier.note("Who has used it up."),
        ]))
}
