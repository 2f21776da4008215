import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// For administrators: everybody's credit, what they get, what they may spend in a month, and which groups pay for their members.
struct CreditPages: Sendable {
    let panal: Panal
    let frame: PageFrame

    var routes: [Route] {
        [
            Route(.get, "/credits", .administratorPage) { _, context in try await page(context) },
            Route(.post, "/credits/movements", .administratorPage, move),
            Route(.post, "/credits/budget", .administratorPage, setBudget),
            Route(.post, "/credits/payer", .administratorPage, setPayer),
        ]
    }

    private func page(
        _ context: WebContext, _ own: Templates.Values = [:], status: HTTPResponse.Status = .ok
    ) async throws -> Response {
        let wording = Wording(context)
        let t = wording.t
        let principal = try context.principal
        let users = try await panal.users(principal).map { "user:\($0.name)" }
        let groups = try panal.groups(principal).map { "group:\($0.name)" }
        let rows = try await panal.standings(principal).map { row($0, wording) }
        var values: Templates.Values = [
            "accounts": rows, "hasAccounts": !rows.isEmpty, "isOn": panal.credits.isOn, "tabCredits": true,
            "holders": (users + groups).map { ["holder": $0, "holderText": Self.text($0, t)] as Templates.Values },
            "payers": groups.map { ["payer": String($0.dropFirst("group:".count))] }, "hasGroups": !groups.isEmpty,
            "enteredAmount": "", "enteredReason": "", "enteredBudget": "",
        ]
        values.merge(own) { _, new in new }
        return try frame.page("credits", title: t(.credit), in: .administration, values, context, status: status)
    }

    private func row(_ named: NamedStanding, _ wording: Wording) -> Templates.Values {
        let standing = named.standing
        let (name, group, href): (String, Bool, Any) =
            switch named.name {
            case .user(let name): (name, false, "/usage?user=\(PercentCoding.encoded(name))")
            case .group(let name): (name, true, false)
            }
        return [
            "accountName": name, "href": href, "isGroup": group, "pays": standing.pays,
            "balance": wording.credits(standing.balance), "held": wording.credits(standing.held),
            "paidThisMonth": wording.credits(standing.paidThisMonth),
            "budget": PageFrame.optional(standing.budget.map(wording.credits)),
        ]
    }

    private static func text(_ holder: String, _ t: Catalogue) -> String {
        let parts = holder.split(separator: ":", maxSplits: 1)
        return parts.first == "group" ? "\(parts.last ?? "") (\(t(.group)))" : String(parts.last ?? "")
    }

    @Sendable private func move(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await PageFrame.form(request, context)
        return try await attempt(form, context) { t in
            let holder = try Self.holder(form)
            guard let amount = try Self.amount(form) else {
                throw ServiceError(.invalid, "", mistakes: [Mistake(pointer: "/amount", detail: "12.50")])
            }
            let principal = try context.principal
            let reason = try form.text("reason") ?? ""
            let standing: NamedStanding
            switch try form.text("kind") {
            case "grant": standing = try await panal.grant(principal, amount, to: holder, reason: reason)
            case "withdrawal": standing = try await panal.withdraw(principal, amount, from: holder, reason: reason)
            default: throw ServiceError(.malformed, "the form does not say whether to give or to take")
            }
            context.auditNote.detail =
                "kind=\(try form.text("kind") ?? "") account=\(standing.standing.account) amount=\(amount)"
            return t(.accountStandsAt, Self.name(standing.name), Wording(context).credits(standing.standing.balance))
        }
    }

    @Sendable private func setBudget(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await PageFrame.form(request, context)
        return try await attempt(form, context) { t in
            let budget = try Self.amount(form)
            let (standing, stopped) = try await panal.setBudget(
                try context.principal, of: try Self.holder(form), to: budget)
            context.auditNote.detail =
                "account=\(standing.standing.account) budget=\(budget.map(\.description) ?? "none")"
            return t(.budgetSet, Self.name(standing.name), String(stopped.count))
        }
    }

    @Sendable private func setPayer(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await PageFrame.form(request, context)
        return try await attempt(form, context) { t in
            let pays = try form.text("pays") == "true"
            let standing = try await panal.setPaying(
                try context.principal, group: try form.text("group") ?? "", to: pays)
            context.auditNote.detail = "account=\(standing.standing.account) pays=\(pays)"
            return t(pays ? .groupPays : .groupPaysNot, Self.name(standing.name))
        }
    }

    /// The page again, with what was done or what was wrong.
    private func attempt(
        _ form: Form, _ context: WebContext, _ body: (Catalogue) async throws -> String
    ) async throws -> Response {
        let t = Catalogue(language: context.language)
        do {
            return try await page(context, ["done": try await body(t)])
        } catch let error as ServiceError where [.invalid, .notFound, .unaffordable].contains(error.code) {
            var values = AccountPages.refused(
                error, t, labels: ["amount": t(.creditAmount), "reason": t(.creditReason)])
            if let shortage = Wording(context).shortage(error) { values["notice"] = shortage }
            // Back into the form that they came from.
            let isBudget = try form.text("kind") == nil
            values[isBudget ? "enteredBudget" : "enteredAmount"] = try form.text("amount") ?? ""
            values["enteredReason"] = try form.text("reason") ?? ""
            return try await page(context, values, status: Problem(error).status)
        }
    }

    private static func name(_ name: AccountName) -> String {
        switch name {
        case .user(let text), .group(let text): text
        }
    }

    private static func holder(_ form: Form) throws -> AccountName {
        let parts = (try form.text("holder") ?? "").split(separator: ":", maxSplits: 1).map(String.init)
        switch (parts.first, parts.count) {
        case ("user", 2): return .user(parts[1])
        case ("group", 2): return .group(parts[1])
        default: throw ServiceError(.malformed, "the form does not say whose account it is about")
        }
    }

    /// Nil for an empty field. A comma is taken for a point.
    static func amount(_ form: Form, _ field: String = "amount") throws -> Credits? {
        let text = (try form.text(field) ?? "").trimmingSpaces.replacing(",", with: ".")
        return text.isEmpty ? nil : try CreditDocuments.amount(field, in: [field: .string(text)])
    }
}
