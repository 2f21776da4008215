import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// `/api/v1/credits`, `/api/v1/usage` and `/api/v1/costs`: what somebody has, what was used, and what a month costs the operator.
struct CreditInterface: Sendable {
    let panal: Panal

    var routes: [Route] {
        [
            Route(.get, "/api/v1/usage", .interface) {
                try await usage($0, $1, isTable: Self.wantsTable($0, try Query($0).text("format")))
            }
            .described(
                "getUsage", .credits, "What jobs used and cost",
                .note(
                    "One's own; administrators see everybody's. Jobs count in the month in which they ended (UTC)."),
                Self.usageQuestion,
                .query(
                    "format", .words(["json", "csv"]).with("deprecated", true),
                    "`csv` is what `getUsageTable` answers."),
                .content(
                    .ok,
                    [
                        (
                            "application/json",
                            .object([
                                "usage": .list(of: .usageRow), "total": .usageSum, "complete": Self.complete,
                            ])
                        ), ("text/csv", .text),
                    ], "In the order of what it is grouped by", []), .refuses(.notFound)),
            Route(.get, "/api/v1/usage.csv", .interface) { try await usage($0, $1, isTable: true) }
                .described(
                    "getUsageTable", .credits, "What jobs used and cost, as a table",
                    .note(
                        "As `getUsage`, for spreadsheets: RFC 4180 with a line of names, 10 000 rows at most."),
                    Self.usageQuestion,
                    .content(.ok, [("text/csv", .text)], "In the order of what it is grouped by", []),
                    .refuses(.notFound)),
            Route(.get, "/api/v1/credits", .interface, credits)
                .described(
                    "getCredits", .credits, "An account and what moved in it, the newest first",
                    .query("user", .userName, "Whose; others' for administrators."),
                    .query("group", .text(1 ... .max), "A group's account."),
                    .pages(
                        .creditAccount.extended(
                            by: ["entries": .list(of: .creditEntry), "next?": .nextCursor], named: "CreditStatement"),
                        "The account"), .refuses(.notFound)),
            Route(.get, "/api/v1/credits/accounts", .administratorInterface, accounts)
                .described(
                    "listCreditAccounts", .credits, "Every account that was ever used",
                    .answer(.ok, .object(["accounts": .list(of: .creditAccount)]), "All of them")),
            Route(.post, "/api/v1/credits/grants", .administratorInterface) { try await move($0, $1, isGrant: true) }
                .described(
                    "grantCredit", .credits, "Give credit", Self.movement, .retrySafe,
                    .answer(.created, .creditAccount, Self.after, .replayed),
                    .refuses(.notFound)),
            Route(.post, "/api/v1/credits/withdrawals", .administratorInterface) {
                try await move($0, $1, isGrant: false)
            }
            .described(
                "withdrawCredit", .credits, "Take credit back",
                .note("What is set aside for jobs that have not ended cannot be taken."), Self.movement, .retrySafe,
                .answer(.created, .creditAccount, Self.after, .replayed), .refuses(.paymentRequired, .notFound)),
            Route(.get, "/api/v1/credits/budget", .administratorInterface, budget)
                .described(
                    "getBudget", .credits, "The most that an account may spend in one month",
                    .query("user", .userName, "Whose; one's own when nobody is named."),
                    .query("group", .text(1 ... .max), "A group's."),
                    .document(.budget, "The budget alone, whose mark no job changes"), .refuses(.notFound)),
            Route(.put, "/api/v1/credits/budget", .administratorInterface, setBudget)
                .described(
                    "setBudget", .credits, "Set the most that an account may spend in one month", .guarded,
                    .note("`If-Match` takes the mark of this account's `getBudget`."),
                    .query("user", .userName, "The body's once more, as in the address at which it was read."),
                    .query("group", .text(1 ... .max), "The body's once more, likewise."),
                    .body(
                        .object(
                            [
                                "user?": .userName, "group?": .text(1...80),
                                "amount": .any(of: [.amount, .null]).note("Null for no limit."),
                            ], isClosed: true)),
                    .answer(
                        .ok,
                        .creditAccount.extended(
                            by: ["stopped": .list(of: .identifier).note("Jobs that were cancelled for it.")],
                            named: "BudgetChange"), Self.after), .refuses(.notFound)),
            Route(.get, "/api/v1/credits/payer", .administratorInterface, payer)
                .described(
                    "getPayer", .credits, "Whether a group pays for what its members submit",
                    .query("group", .text(1 ... .max), "Which group; it must be named."),
                    .document(.payer, "That alone"), .refuses(.badRequest, .notFound)),
            Route(.put, "/api/v1/credits/payer", .administratorInterface, setPayer)
                .described(
                    "setPayer", .credits, "Say whether a group pays for what its members submit", .guarded,
                    .note(
                        "Of several groups that pay the one that was joined first does. Jobs that wait or run stay as they are. `If-Match` takes the mark of this group's `getPayer`."
                    ),
                    .query("group", .text(1 ... .max), "The body's once more, as in the address at which it was read."),
                    .body(.payer),
                    .answer(.ok, .creditAccount, Self.after), .refuses(.notFound)),
            Route(.get, "/api/v1/costs", .administratorInterface, costs)
                .described(
                    "getCosts", .credits, "What a month costs the operator, and what it has earned",
                    .query("month", .month, "The present one when it is missing."),
                    .query("profile", .text(1 ... .max), "Only this hardware profile's part."),
                    .answer(.ok, .costAnalysis, "The analysis"), .refuses(.notFound)),
            Route(.get, "/api/v1/costs/items", .administratorInterface, costItems)
                .described(
                    "listCostItems", .credits, "What the operator pays for",
                    .document(.object(["items": .list(of: .costItem)]), "In the operator's order")),
            Route(.put, "/api/v1/costs/items", .administratorInterface, setCostItems)
                .described(
                    "setCostItems", .credits, "Say what the operator pays for", .guarded,
                    .note("Replaces all of them."),
                    .body(.object(["items": .list(of: .costItem, 0...200)], isClosed: true)), Self.items),
        ]
    }

    private static let usageQuestion: OperationPart = {
        let parts: [OperationPart] = [
            .query("by", .text.unset("month,program").example("month,user"), CreditInterface.keysNote),
            .query("user", .userName, "Only this user's; of others for administrators."),
            .query("group", .text(1 ... .max), "Only what this group pays for."),
            .query("program", .text(1 ... .max), "Only of this program."),
            .query("profile", .text(1 ... .max), "Only on this hardware profile."),
            .query("month", .month, "Only this month; in place of `from` and `to`."),
            .query("from", .month, "From this month on."), .query("to", .month, "Up to this month."),
        ]
        return OperationPart { operation in for part in parts { part.add(&operation) } }
    }()
    private static let keysNote =
        "What to sum up by, in this order: " + UsageKey.allCases.map(\.rawValue).joined(separator: ", ") + "."
    private static let complete = Schema.boolean.note(
        "False where there are more rows than are answered; ask for less.")
    private static let after = "The account as it is then"
    private static let items = OperationPart.answer(
        .ok, .object(["items": .list(of: .costItem)]), "In the operator's order", .eTag)
    private static let movement = OperationPart.body(
        .object(
            ["user?": .userName, "group?": .text(1...80), "amount": .amount, "reason": .text(1...200)], isClosed: true))

    // MARK: - Usage

    private static let mostRows = 10_000

    private func usage(_ request: Request, _ context: WebContext, isTable: Bool) async throws -> Response {
        let query = try Query(request)
        let by = try Self.keys(try query.text("by") ?? "month,program")
        // All three are read: one that is no month is refused, also where another takes its place.
        let (month, from, to) = (try query.month("month"), try query.month("from"), try query.month("to"))
        let question = UsageQuery(
            by: by, program: try query.text("program"), profile: try query.text("profile"), from: month ?? from,
            to: month ?? to, limit: Self.mostRows + 1)
        let found = try await panal.usage(try context.principal, question, of: try Self.name(query))
        let rows = found.prefix(Self.mostRows)
        if isTable {
            var response = Response(
                status: .ok,
                headers: [
                    .contentType: "text/csv; charset=utf-8; header=present",
                    .contentDisposition: "attachment; filename=\"usage.csv\"",
                ], body: .init(byteBuffer: .init(string: UsageTable(by: by).text(Array(rows)))))
            response.headers[.cacheControl] = "private, no-cache"
            return response
        }
        let total = rows.reduce(UsageSum()) { $0 + $1.sum }
        return try .json(
            .object([
                "usage": .array(rows.map { CreditDocuments.row($0, by: by) }), "total": CreditDocuments.sum(total),
                "complete": .boolean(found.count <= Self.mostRows),
            ]))
    }

    static func keys(_ text: String) throws -> [UsageKey] {
        var keys: [UsageKey] = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let key = UsageKey(rawValue: String(word)), !keys.contains(key) else {
                let known = UsageKey.allCases.map(\.rawValue).joined(separator: ", ")
                throw ServiceError(
                    .malformed, "the query's ‘by’ is ‘\(text)’; it is a list of \(known), with commas, each once")
            }
            keys.append(key)
        }
        return keys
    }

    private static func wantsTable(_ request: Request, _ format: String?) throws -> Bool {
        switch format {
        case "csv": return true
        case "json": return false
        case nil:
            let accepted = request.headers[.accept] ?? ""
            return accepted.contains("text/csv") && !accepted.contains("application/json")
        case let other?: throw ServiceError(.malformed, "the query's ‘format’ is ‘\(other)’; it is json or csv")
        }
    }

    // MARK: - Credits

    @Sendable private func credits(_ request: Request, _ context: WebContext) async throws -> Response {
        let query = try Query(request)
        let (principal, name) = (try context.principal, try Self.name(query))
        let standing = try await panal.standing(principal, of: name)
        let page = try await panal.creditPage(principal, of: name, try Paging.wish(query))
        guard case .object(let account) = CreditDocuments.account(standing, rules: panal.credits) else {
            throw ServiceError(.internal, "an account is no object")
        }
        return try Paging.answer(
            "entries", page.entries.map(CreditDocuments.entry), next: page.next, request, more: account)
    }

    @Sendable private func accounts(_ request: Request, _ context: WebContext) async throws -> Response {
        let accounts = try await panal.standings(try context.principal)
        let rules = panal.credits
        return try .json(.object(["accounts": .array(accounts.map { CreditDocuments.account($0, rules: rules) })]))
    }

    private func move(_ request: Request, _ context: WebContext, isGrant: Bool) async throws -> Response {
        let principal = try context.principal
        let key = try request.headers[.idempotencyKey].map { try RetryKey($0) }
        let standing = try await panal.inTurn(principal, key) {
            try await move(principal, try await JSONBody.read(request), isGrant: isGrant, once: key)
        }
        var response = try Response.json(CreditDocuments.account(standing, rules: panal.credits), status: .created)
        if standing.isRepeated { response.headers[.idempotencyReplayed] = "true" }
        return response
    }

    private func move(
        _ principal: Principal, _ members: [String: JSONValue], isGrant: Bool, once key: RetryKey?
    ) async throws -> NamedStanding {
        try JSONBody.expect(["user", "group", "amount", "reason"], in: members)
        guard let name = try Self.name(members) else { throw JSONBody.required("user") }
        guard let reason = try JSONBody.text("reason", in: members) else { throw JSONBody.required("reason") }
        guard let amount = try CreditDocuments.amount("amount", in: members) else {
            throw JSONBody.required("amount")
        }
        return isGrant
            ? try await panal.grant(principal, amount, to: name, reason: reason, once: key)
            : try await panal.withdraw(principal, amount, from: name, reason: reason, once: key)
    }

    @Sendable private func setBudget(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        try JSONBody.expect(["user", "group", "amount"], in: members)
        guard let name = try Self.name(members) else { throw JSONBody.required("user") }
        try Self.check(try Query(request), names: name)
        guard members["amount"] != nil else { throw JSONBody.required("amount") }
        let amount = try CreditDocuments.amount("amount", in: members)
        let principal = try context.principal
        return try await Preconditions.guarded(
            request, current: { try await panal.standing(principal, of: name) }, document: CreditDocuments.budget
        ) { known in
            let (standing, stopped) = try await panal.setBudget(principal, of: name, to: amount, expecting: known)
            guard case .object(var document) = CreditDocuments.account(standing, rules: panal.credits) else {
                throw ServiceError(.internal, "an account is no object")
            }
            document["stopped"] = .array(stopped.map { .string($0.text) })
            return try .json(.object(document))
        }
    }

    @Sendable private func budget(_ request: Request, _ context: WebContext) async throws -> Response {
        let standing = try await panal.standing(try context.principal, of: try Self.name(try Query(request)))
        return try .json(CreditDocuments.budget(standing), unlessKnownTo: request)
    }

    @Sendable private func payer(_ request: Request, _ context: WebContext) async throws -> Response {
        guard let group = try Query(request).text("group") else {
            throw ServiceError(.malformed, "the query names no ‘group’")
        }
        let standing = try await panal.standing(try context.principal, of: .group(group))
        return try .json(CreditDocuments.payer(standing), unlessKnownTo: request)
    }

    @Sendable private func setPayer(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        try JSONBody.expect(["group", "pays"], in: members)
        guard let group = try JSONBody.text("group", in: members) else { throw JSONBody.required("group") }
        try Self.check(try Query(request), names: .group(group))
        guard let pays = try JSONBody.boolean("pays", in: members) else { throw JSONBody.required("pays") }
        let principal = try context.principal
        return try await Preconditions.guarded(
            request, current: { try await panal.standing(principal, of: .group(group)) },
            document: CreditDocuments.payer
        ) { known in
            let standing = try await panal.setPaying(principal, group: group, to: pays, expecting: known)
            return try .json(CreditDocuments.account(standing, rules: panal.credits))
        }
    }

    // MARK: - Costs

    @Sendable private func costs(_ request: Request, _ context: WebContext) async throws -> Response {
        let query = try Query(request)
        let analysis = try await panal.costs(
            try context.principal, month: try query.month("month"), profile: try query.text("profile"))
        return try .json(CreditDocuments.analysis(analysis))
    }

    @Sendable private func costItems(_ request: Request, _ context: WebContext) async throws -> Response {
        let items = try await panal.costItems(try context.principal)
        return try .json(CreditDocuments.items(items), unlessKnownTo: request)
    }

    @Sendable private func setCostItems(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        try JSONBody.expect(["items"], in: members)
        guard case .array(let list)? = members["items"] else { throw JSONBody.required("items") }
        let items = try list.enumerated().map { try CreditDocuments.item(from: $1, at: $0) }
        let principal = try context.principal
        return try await Preconditions.guarded(
            request, current: { try await panal.costItems(principal) }, document: CreditDocuments.items
        ) { known in
            try await panal.setCostItems(principal, to: items, expecting: known)
            return try .marked(CreditDocuments.items(items))
        }
    }

    // MARK: - Whose

    private static func name(_ query: Query) throws -> AccountName? {
        try name(user: try query.text("user"), group: try query.text("group"), wrong: .malformed)
    }

    /// A change may go to the address at which the account was read; it is the body's that is changed.
    private static func check(_ query: Query, names account: AccountName) throws {
        guard let other = try name(query), other != account else { return }
        throw ServiceError(
            .invalid, "the body and the query name different accounts",
            mistakes: [Mistake(pointer: "", detail: "leave out what the query names, or name the same in the body")])
    }

    private static func name(_ members: [String: JSONValue]) throws -> AccountName? {
        try name(
            user: try JSONBody.text("user", in: members), group: try JSONBody.text("group", in: members),
            wrong: .invalid)
    }

    private static func name(user: String?, group: String?, wrong: ServiceError.Code) throws -> AccountName? {
        switch (user, group) {
        case (nil, nil): nil
        case (let user?, nil): .user(user)
        case (nil, let group?): .group(group)
        case (_?, _?):
            throw ServiceError(
                wrong, "an account is a user's or a group's",
                mistakes: [Mistake(pointer: "/group", detail: "leave it out, or leave out user")])
        }
    }
}

extension Query {
    func month(_ name: String) throws -> Month? {
        guard let text = try text(name) else { return nil }
        guard let month = Month(text) else {
            throw ServiceError(.malformed, "the query's ‘\(name)’ is ‘\(text)’; it is a month such as 2026-11")
        }
        return month
    }
}
