import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// For administrators: one user, what they may use, and what of it is their own restriction.
struct UserPage: Sendable {
    let panal: Panal
    let frame: PageFrame

    var routes: [Route] {
        [
            Route(.get, "/users/{id}", .administratorPage) { _, context in try await page(context) },
            Route(.post, "/users/{id}/restriction", .administratorPage, restrict),
            Route(.post, "/users/{id}/close", .administratorPage, close),
        ]
    }

    private func page(
        _ context: WebContext, _ own: Templates.Values = [:], status: HTTPResponse.Status = .ok
    ) async throws -> Response {
        let wording = Wording(context)
        let t = wording.t
        let principal = try context.principal
        let id = try context.identifier("id", of: User.self)
        guard let user = try await panal.users(principal).first(where: { $0.id == id }) else {
            throw ServiceError(.notFound, "there is no such user")
        }
        let rights = try await panal.rights(principal, of: id)
        let restriction = try await panal.restriction(principal, of: .user(id))
        func limit(_ number: Int?) -> String { number.map(String.init) ?? t(.noLimit) }
        var values: Templates.Values = [
            "heading": user.name, "usageHref": "/usage?user=\(PercentCoding.encoded(user.name))",
            "groups": rights.groups.map { ["groupHref": "/groups/\($0.id)", "groupName": $0.name] },
            "hasGroups": !rights.groups.isEmpty,
            "rights": [
                (t(.profile), rights.profiles.joined(separator: ", ")),
                (t(.pools), rights.pools.joined(separator: ", ")), (t(.allocator), rights.allocator),
                (t(.runningCores), limit(rights.runningCores)), (t(.queuedJobs), limit(rights.queuedJobs)),
            ].map { ["label": $0.0, "text": $0.1.isEmpty ? "–" : $0.1] as Templates.Values },
            "closeAction": "/users/\(id)/close", "mayClose": id != principal.user,
            "storage": try await StorageCard.values(of: id, panal, context), "restrictHint": t(.userRestrictionHint),
        ]
        values.merge(RestrictionForm.values(restriction, action: "/users/\(id)/restriction", panal)) { _, new in new }
        values.merge(own) { _, new in new }
        return try frame.page("user", title: user.name, in: .users, values, context, status: status)
    }

    @Sendable private func restrict(_ request: Request, _ context: WebContext) async throws -> Response {
        let t = Catalogue(language: context.language)
        let form = try await PageFrame.form(request, context)
        let principal = try context.principal
        let id = try context.identifier("id", of: User.self)
        do {
            let before = try await panal.restriction(principal, of: .user(id))
            try await panal.restrict(principal, .user(id), to: try RestrictionForm.read(form, over: before))
            return .seeOther("/users/\(id)")
        } catch let error as ServiceError where error.code == .invalid {
            return try await page(
                context, AccountPages.refused(error, t, labels: RestrictionForm.labels(t)),
                status: Problem(error).status)
        }
    }
}

extension UserPage {
    /// The form says that somebody has thought about it. What stands in the way is told on the user's page.
    @Sendable private func close(_ request: Request, _ context: WebContext) async throws -> Response {
        let wording = Wording(context)
        let t = wording.t
        let form = try await PageFrame.form(request, context)
        let principal = try context.principal
        let id = try context.identifier("id", of: User.self)
        context.auditNote.detail = "user=\(id)"
        guard try form.text("sure") == "true" else {
            throw ServiceError(
                .invalid, t(.closeSure), mistakes: [Mistake(pointer: "/sure", detail: t(.closeSure))])
        }
        let notice: String
        switch try await panal.tryToCloseUser(principal, id) {
        case nil: return .seeOther("/users")
        case .unfinishedJobs(let count): notice = t(.closeUnfinishedJobs, String(count))
        case .credit(let balance): notice = t(.closeCredit, wording.decimal("\(balance)"))
        case .images(let count): notice = t(.closeImages, String(count))
        }
        return try await page(context, ["notice": notice], status: .conflict)
    }
}

/// How somebody's storage stands and what of it goes next; the partial `storage`.
enum StorageCard {
    static func values(of user: UserID? = nil, _ panal: Panal, _ context: WebContext) async throws -> Templates.Values {
        let wording = Wording(context)
        let t = wording.t
        let report = try await panal.storage(try context.principal, of: user)
        let stored = wording.bytes(report.stored)
        return [
            "storedText": report.most.map { t(.storedOf, stored, wording.bytes($0)) } ?? stored,
            "isNearlyFull": report.isNearlyFull,
            "fullText": t(report.overQuota == .refuse ? .nearlyFullRefuses : .nearlyFullRemoves),
            "keptText": report.rule.lifetime.map { lifetime in
                t(.outputsKeptFor, String(Documents.days(lifetime)), String(Documents.days(report.rule.warning)))
            } ?? t(.keptForGood),
            "hasLeaving": !report.leaving.isEmpty,
            "leaving": report.leaving.map { leaving -> Templates.Values in
                [
                    "jobHref": "/jobs/\(leaving.job)", "jobID": leaving.job.text, "at": leaving.at.rfc3339,
                    "atText": Wording.moment(leaving.at), "size": wording.bytes(leaving.bytes),
                ]
            },
        ]
    }
}
