import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// What one has used, by month and program, and what one's credit did.
struct UsagePage: Sendable {
    let panal: Panal
    let frame: PageFrame

    var routes: [Route] { [Route(.get, "/usage", .page, show)] }

    private static let months = 12
    private static let lines = 25

    @Sendable private func show(_ request: Request, _ context: WebContext) async throws -> Response {
        let wording = Wording(context)
        let t = wording.t
        let query = try Query(request)
        let principal = try context.principal
        let everyone = try query.boolean("everyone") ?? false && principal.isAdministrator
        let name = try query.text("user").map(AccountName.user)
        let month = try query.month("month")
        var question = UsageQuery(
            by: everyone && name == nil ? [.month, .user, .program] : [.month, .program], from: month, to: month)
        if !everyone, name == nil { question.user = principal.user }
        let rows = try await panal.usage(principal, question, of: name).reversed()
        let total = rows.reduce(UsageSum()) { $0 + $1.sum }
        var values: Templates.Values = [
            "everyone": everyone, "byUser": everyone && name == nil, "hasRows": !rows.isEmpty,
            "rows": rows.map { row($0, wording) }, "total": sum(total, wording),
            "whose": PageFrame.optional(everyone && name == nil ? nil : Self.text(name) ?? principal.name),
            "months": Self.options(chosen: month, now: panal.now),
            "chosenUser": PageFrame.optional(Self.text(name)),
            "csvHref": csv(everyone: everyone, name, month, principal), "isOn": panal.credits.isOn,
        ]
        if !(everyone && name == nil) {
            let standing = try await panal.standing(principal, of: name).standing
            let lines = try await panal.creditLines(principal, of: name, limit: Self.lines)
            values["account"] = account(standing, wording)
            values["lines"] = lines.map { line($0, wording) }
            values["hasLines"] = !lines.isEmpty
        } else {
            values["account"] = false
            values["hasLines"] = false
        }
        return try frame.page("usage", title: t(.useAndCredit), in: .usage, values, context)
    }

    private static func text(_ name: AccountName?) -> String? {
        switch name {
        case .user(let text), .group(let text): text
        case nil: nil
        }
    }

    private func csv(everyone: Bool, _ name: AccountName?, _ month: Month?, _ principal: Principal) -> String {
        var parts = [everyone && name == nil ? "by=month,user,program" : "by=month,program", "format=csv"]
        if !(everyone && name == nil) {
            parts.append("user=\(PercentCoding.encoded(Self.text(name) ?? principal.name))")
        }
        if let month { parts.append("month=\(month)") }
        return "\(Documents.base)/usage?\(parts.joined(separator: "&"))"
    }

    /// The last year, the newest first.
    static func options(chosen: Month?, now: Timestamp) -> [Templates.Values] {
        var month = Month(of: now)
        var options: [Templates.Values] = []
        for _ in 0..<months {
            options.append(["value": month.description, "selected": month == chosen])
            let before = month.number == 1 ? (month.year - 1, 12) : (month.year, month.number - 1)
            guard let earlier = Month(year: before.0, number: before.1) else { break }
            month = earlier
        }
        if let chosen, !options.contains(where: { $0["value"] as? String == chosen.description }) {
            options.append(["value": chosen.description, "selected": true])
        }
        return options
    }

    private func row(_ row: UsageRow, _ wording: Wording) -> Templates.Values {
        var values = sum(row.sum, wording)
        values["month"] = row.month?.description ?? ""
        values["userName"] = row.userName ?? row.user?.text ?? ""
        values["programName"] = row.program ?? ""
        values["programHref"] = ProgramPages.path(row.program ?? "")
        return values
    }

    private func sum(_ sum: UsageSum, _ wording: Wording) -> Templates.Values {
        [
            "count": sum.jobs, "coreTime": wording.span(.microseconds(sum.use.coreMicroseconds)),
            "cpuTime": wording.span(.microseconds(sum.cpuMicroseconds)), "cost": wording.credits(sum.cost),
            "paid": wording.credits(sum.paid),
        ]
    }

    private func account(_ standing: AccountStanding, _ wording: Wording) -> Templates.Values {
        [
            "balance": wording.credits(standing.balance), "held": wording.credits(standing.held),
            "paidThisMonth": wording.credits(standing.paidThisMonth),
            "budget": PageFrame.optional(standing.budget.map(wording.credits)),
            "leftOfBudget": PageFrame.optional(standing.leftOfBudget.map(wording.credits)),
        ]
    }

    private func line(_ line: LedgerLine, _ wording: Wording) -> Templates.Values {
        [
            "at": line.at.rfc3339, "atText": Wording.moment(line.at), "kind": wording.kind(line.kind),
            "amount": wording.credits(line.amount), "amountClass": line.amount < .zero ? "" : "good",
            "balance": wording.credits(line.balance), "jobHref": PageFrame.optional(line.job.map { "/jobs/\($0)" }),
            "note": PageFrame.optional(
                [line.reason, line.by].compactMap { $0 }.joined(separator: " · ")),
        ]
    }
}

extension Wording {
    /// `12.50`, `0.000001`: as money, without a word for it.
    func credits(_ amount: Credits) -> String {
        let text = amount.asMoney
        return t.language == .spanish ? text.replacing(".", with: ",") : text
    }

    func kind(_ kind: LedgerTransaction.Kind) -> String {
        let phrase: Phrase =
            switch kind {
            case .grant: .creditGranted
            case .withdrawal: .creditWithdrawn
            case .hold: .creditHeld
            case .settlement: .creditSettled
            case .refund: .creditRefunded
            }
        return t(phrase)
    }

    /// That there is not enough credit; nil where it is something else that is wrong.
    func shortage(_ error: ServiceError) -> String? {
        guard error.code == .unaffordable, case .string(let needed)? = error.numbers["needed"],
            case .string(let available)? = error.numbers["available"], let needed = try? Credits(parsing: needed),
            let available = try? Credits(parsing: available)
        else { return nil }
        return t(.notEnoughCredit, credits(needed), credits(available))
    }

    /// What a job costs, as far as that can be said; nil where it is free.
    func cost(of charge: JobCharge) -> String? {
        guard !charge.price.isFree else { return nil }
        guard let settlement = charge.settlement else { return t(.atMostCredits, credits(charge.mostCost)) }
        return t(.someCredits, credits(settlement.cost))
    }
}
