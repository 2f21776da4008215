import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// For administrators: groups of users, what each of their members may use, and invitations.
struct GroupPages: Sendable {
    let panal: Panal
    let frame: PageFrame

    var routes: [Route] {
        [
            Route(.get, "/groups", .administratorPage) { _, context in try await list(context) },
            Route(.post, "/groups", .administratorPage, make),
            Route(.get, "/groups/{id}", .administratorPage) { _, context in try await page(context) },
            Route(.post, "/groups/{id}", .administratorPage, change),
            Route(.post, "/groups/{id}/members", .administratorPage, changeMembers),
            Route(.post, "/groups/{id}/restriction", .administratorPage, restrict),
            Route(.post, "/invitations", .administratorPage, invite),
            Route(.post, "/invitations/{id}/revoke", .administratorPage, revokeInvitation),
        ]
    }

    // MARK: All groups, and invitations

    private func list(
        _ context: WebContext, _ own: Templates.Values = [:], status: HTTPResponse.Status = .ok
    ) async throws -> Response {
        let t = Catalogue(language: context.language)
        let principal = try context.principal
        var rows: [Templates.Values] = []
        for group in try panal.groups(principal) {
            rows.append([
                "href": "/groups/\(group.id)", "groupID": group.id.text, "groupName": group.name,
                "label": group.label, "memberCount": String(try await panal.members(principal, group.id).count),
                "share": Self.text(group.share), "limitsText": Self.limits(group, t),
            ])
        }
        let now = panal.now
        let invitations = try await panal.invitations(principal).prefix(50).map { invitation -> Templates.Values in
            let isUsable = invitation.usedBy == nil && invitation.expires > now
            let text: String =
                if invitation.usedBy != nil { t(.invitationUsed) } else if isUsable {
                    t(.holdsUntil, Wording.moment(invitation.expires))
                } else { t(.invitationExpired) }
            return [
                "invitationLabel": invitation.label, "invitationText": text,
                "revokeAction": isUsable ? "/invitations/\(invitation.id)/revoke" as Any : false,
                "revokeLabel": t(.revokeKeyNamed, invitation.label),
            ]
        }
        let mode: Phrase =
            switch panal.settings.signUp {
            case .closed: .signUpIsClosed
            case .invitation: .signUpByInvitation
            case .open: .signUpIsOpen
            }
        var values: Templates.Values = [
            "groups": rows, "hasGroups": !rows.isEmpty, "invitations": invitations,
            "hasInvitations": !invitations.isEmpty, "signUpText": t(mode), "enteredName": "", "enteredLabel": "",
            "enteredInvitation": "",
        ]
        values.merge(own) { _, new in new }
        return try frame.page("groups", title: t(.groups), in: .groups, values, context, status: status)
    }

    @Sendable private func make(_ request: Request, _ context: WebContext) async throws -> Response {
        let t = Catalogue(language: context.language)
        let form = try await PageFrame.form(request, context)
        let name = try form.text("name") ?? ""
        let label = try form.text("label") ?? ""
        do {
            let group = try await panal.createGroup(
                try context.principal, name: name, GroupChange(label: label.isEmpty ? nil : label))
            return .seeOther("/groups/\(group.id)")
        } catch let error as ServiceError where error.code != .internal {
            var values = AccountPages.refused(error, t, labels: ["name": t(.groupName), "label": t(.groupLabel)])
            (values["enteredName"], values["enteredLabel"]) = (name, label)
            return try await list(context, values, status: Problem(error).status)
        }
    }

    @Sendable private func invite(_ request: Request, _ context: WebContext) async throws -> Response {
        let t = Catalogue(language: context.language)
        let form = try await PageFrame.form(request, context)
        let label = try form.text("label") ?? ""
        do {
            let days = try Self.number("days", form) ?? 7
            guard (1...92).contains(days) else { throw Self.wrong("days", "1 – 92") }
            let made = try await panal.createInvitation(
                try context.principal, label: label, lifetime: .seconds(days * 86_400),
                group: try form.text("group").flatMap(GroupID.init))
            return try await list(context, ["secret": made.token], status: .created)
        } catch let error as ServiceError where error.code != .internal {
            var values = AccountPages.refused(
                error, t, labels: ["label": t(.invitationFor), "days": t(.keyDays), "group": t(.group)])
            values["enteredInvitation"] = label
            return try await list(context, values, status: Problem(error).status)
        }
    }

    @Sendable private func revokeInvitation(_ request: Request, _ context: WebContext) async throws -> Response {
        _ = try await PageFrame.form(request, context)
        try await panal.revokeInvitation(try context.principal, try context.identifier("id", of: Invitation.self))
        return .seeOther("/groups")
    }

    // MARK: One group

    private func page(
        _ context: WebContext, _ own: Templates.Values = [:], status: HTTPResponse.Status = .ok
    ) async throws -> Response {
        let t = Catalogue(language: context.language)
        let principal = try context.principal
        let group = try panal.group(principal, try Self.id(context))
        let members = try await panal.members(principal, group.id)
        let ids = Set(members.map(\.id))
        let others = try await panal.users(principal).filter { !ids.contains($0.id) }
        let restriction = try await panal.restriction(principal, of: .group(group.id))
        let path = "/groups/\(group.id)"
        func text(_ number: Int?) -> String { number.map(String.init) ?? "" }
        var values: Templates.Values = [
            "heading": group.name, "label": group.label, "share": Self.text(group.share),
            "runningCores": text(group.runningCores), "queuedJobs": text(group.queuedJobs), "changeAction": path,
            "membersAction": "\(path)/members",
            "members": members.map { member -> Templates.Values in
                [
                    "memberID": member.id.text, "memberName": member.name, "action": "\(path)/members",
                    "removeLabel": t(.removeNamed, member.name),
                ]
            },
            "others": others.map { ["otherID": $0.id.text, "otherName": $0.name] as Templates.Values },
            "hasOthers": !others.isEmpty,
        ]
        values.merge(RestrictionForm.values(restriction, action: "\(path)/restriction", panal)) { _, new in new }
        values.merge(own) { _, new in new }
        return try frame.page("group", title: group.name, in: .groups, values, context, status: status)
    }

    @Sendable private func change(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await PageFrame.form(request, context)
        return try await attempt(context) {
            let share = try form.text("share").map { text in
                guard let share = Double(text) else { throw Self.wrong("share", "0.001 – 1000") }
                return share
            }
            _ = try await panal.changeGroup(
                try context.principal, try Self.id(context),
                GroupChange(
                    label: try form.text("label"), share: share,
                    runningCores: .some(try Self.number("runningCores", form)),
                    queuedJobs: .some(try Self.number("queuedJobs", form))))
        }
    }

    @Sendable private func changeMembers(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await PageFrame.form(request, context)
        return try await attempt(context) {
            let (principal, id) = (try context.principal, try Self.id(context))
            if let user = try form.text("add").flatMap(UserID.init) {
                try await panal.addMember(principal, user, to: id)
                context.auditNote.detail = "add=\(user)"
            } else if let user = try form.text("remove").flatMap(UserID.init) {
                try await panal.removeMember(principal, user, from: id)
                context.auditNote.detail = "remove=\(user)"
            } else {
                throw ServiceError(.malformed, "the form names no user")
            }
        }
    }

    @Sendable private func restrict(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await PageFrame.form(request, context)
        return try await attempt(context) {
            let subject = RestrictionSubject.group(try Self.id(context))
            let principal = try context.principal
            let before = try await panal.restriction(principal, of: subject)
            try await panal.restrict(principal, subject, to: try RestrictionForm.read(form, over: before))
        }
    }

    /// Back to the group's page, with what was wrong.
    private func attempt(_ context: WebContext, _ body: () async throws -> Void) async throws -> Response {
        let t = Catalogue(language: context.language)
        do {
            try await body()
            return .seeOther("/groups/\(try Self.id(context))")
        } catch let error as ServiceError where error.code != .internal && error.code != .notFound {
            var labels = RestrictionForm.labels(t)
            (labels["label"], labels["share"]) = (t(.groupLabel), t(.share))
            return try await page(
                context, AccountPages.refused(error, t, labels: labels), status: Problem(error).status)
        }
    }

    private static func id(_ context: WebContext) throws -> GroupID {
        try context.identifier("id", of: UserGroup.self)
    }

    /// Nil for an empty field.
    static func number(_ name: String, _ form: Form) throws -> Int? {
        guard let text = try form.text(name), !text.isEmpty else { return nil }
        guard let number = Int(text) else { throw wrong(name, "0, 1, 2, …") }
        return number
    }

    private static func wrong(_ name: String, _ detail: String) -> ServiceError {
        ServiceError(.invalid, "", mistakes: [Mistake(pointer: "/\(name)", detail: detail)])
    }

    private static func text(_ share: Double) -> String {
        share == share.rounded() ? String(Int(share)) : String(share)
    }

    private static func limits(_ group: UserGroup, _ t: Catalogue) -> String {
        let limits = [
            group.runningCores.map { "\(t(.runningCores)): \($0)" },
            group.queuedJobs.map { "\(t(.queuedJobs)): \($0)" },
        ].compactMap(\.self)
        return limits.isEmpty ? t(.noLimit) : limits.joined(separator: ", ")
    }
}
