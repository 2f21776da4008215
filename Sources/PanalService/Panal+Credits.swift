import Logging
package import PanalCore

/// Who a group or a user is in requests about credit, by name or by identifier.
package enum AccountName: Hashable, Sendable {
    case user(String)
    case group(String)
}

/// How an account stands, with the name of whoever it belongs to.
package struct NamedStanding: Hashable, Sendable {
    package var name: AccountName
    package var standing: AccountStanding
    /// Whether an earlier request had made the change already.
    package var isRepeated = false
}

extension Panal {
    package var credits: CreditRules { configuration.credits }
    /// By the service's clock.
    package var now: Timestamp { clock.now() }

    /// Who pays for what a user submits: the first of their groups that pays for its members, else they themselves.
    func payer(of principal: Principal) async throws -> LedgerAccount {
        let groups = tenancy.groups(of: principal.user)
        guard !groups.isEmpty else { return .user(principal.user) }
        let paying = try await store.payingAccounts()
        return groups.map { LedgerAccount.group($0.id.text) }.first(where: paying.contains) ?? .user(principal.user)
    }

    /// Whether a group pays for what its members submit from now on; administrators only. Throws `changed` where that is not as
    /// `expected` has it.
    package func setPaying(
        _ principal: Principal, group name: String, to pays: Bool, expecting expected: NamedStanding? = nil
    ) async throws -> NamedStanding {
        try requireAdministrator(principal)
        let (account, name) = try await account(principal, .group(name))
        do {
            let standing = try await store.setPaying(
                account, to: pays, at: clock.now(), expecting: expected?.standing)
            logger.notice("a group's paying is set", metadata: ["account": "\(account)", "pays": "\(pays)"])
            return NamedStanding(name: name, standing: standing)
        } catch StoreError.changed {
            throw Self.changed
        }
    }

    /// How an account stands: one's own, or for administrators anybody's. Throws `notFound` where there is nobody of that name.
    package func standing(_ principal: Principal, of name: AccountName? = nil) async throws -> NamedStanding {
        let (account, name) = try await account(principal, name)
        return NamedStanding(name: name, standing: try await store.standing(of: account, at: clock.now()))
    }

    /// What moved in an account, the newest first; `before` is the number of an entry. `limit` is 1 to 1000. In a group's account its
    /// members see what their own jobs moved.
    package func creditLines(
        _ principal: Principal, of name: AccountName? = nil, before: Int64? = nil, limit: Int
    ) async throws -> [LedgerLine] {
        let (account, _) = try await account(principal, name)
        let isOwn = account == .user(principal.user) || principal.isAdministrator
        return try await store.lines(
            of: account, owner: isOwn ? nil : principal.user, before: before, limit: min(max(limit, 1), 1_000))
    }

    /// Every account with its owner; administrators only.
    package func standings(_ principal: Principal) async throws -> [NamedStanding] {
        try requireAdministrator(principal)
        var names: [UserID: String] = [:]
        for user in try await store.users() { names[user.id] = user.name }
        return try await store.standings(at: clock.now()).map { standing in
            let name: AccountName =
                switch standing.account {
                case .user(let id): .user(names[id] ?? id.text)
                case .group(let id): .group(groupName(id))
                case .grants, .revenue, .holds: .group(standing.account.description)
                }
            return NamedStanding(name: name, standing: standing)
        }
    }

    /// Gives credit; administrators only. A reason is needed: it stands in the account's list.
    ///
    /// With a key the same request is done once: sent again within a day it changes nothing, and `isRepeated` in the answer says so.
    /// Throws `invalid` when the key was another request's.
    package func grant(
        _ principal: Principal, _ amount: Credits, to name: AccountName, reason: String, once key: RetryKey? = nil
    ) async throws -> NamedStanding {
        try await move(principal, amount, name, reason, key) { account, now in
            .grant(amount, to: account, by: principal.name, reason: reason.trimmed, at: now)
        }
    }

    /// Takes credit back, as far as it is not set aside; administrators only. Throws `unaffordable` where there is less. For `key` see
    /// `grant`.
    package func withdraw(
        _ principal: Principal, _ amount: Credits, from name: AccountName, reason: String, once key: RetryKey? = nil
    ) async throws -> NamedStanding {
        try await move(principal, amount, name, reason, key) { account, now in
            .withdrawal(amount, from: account, by: principal.name, reason: reason.trimmed, at: now)
        }
    }

    private func move(
        _ principal: Principal, _ amount: Credits, _ name: AccountName, _ reason: String,
        _ key: RetryKey?, _ make: (LedgerAccount, Timestamp) -> LedgerTransaction
    ) async throws -> NamedStanding {
        try requireAdministrator(principal)
        guard amount > .zero else {
            throw ServiceError(.invalid, mistake: "/amount", "more than 0, such as \"12.5\"")
        }
        let reason = reason.trimmed
        guard (1...200).contains(reason.count), !reason.hasControlCharacters else {
            throw ServiceError(.invalid, mistake: "/reason", "1 to 200 characters on one line")
        }
        let (account, name) = try await account(principal, name)
        let now = clock.now()
        let transaction = make(account, now)
        let mark = try key?.mark(of: Self.document(of: transaction, account), owner: principal.user, at: now)
        if let mark, try await earlier(mark) != nil {
            let standing = try await store.standing(of: account, at: now)
            return NamedStanding(name: name, standing: standing, isRepeated: true)
        }
        do {
            let standing = try await uncancelled { [store] in
                try await store.post(transaction, mark: mark, marksSince: now + .seconds(-RetryKey.lifetime))
            }
            logger.notice(
                "credit moved",
                metadata: [
                    "kind": .string(transaction.kind.rawValue), "account": "\(account)", "amount": "\(amount)",
                    "by": .string(principal.name),
                ])
            return NamedStanding(name: name, standing: standing)
        } catch StoreError.repeated(let earlier) {
            throw Self.repeated(earlier)
        } catch let refusal as LedgerRefusal {
            throw ServiceError(refusal)
        } catch LedgerMistake.tooLarge {
            throw ServiceError(.invalid, mistake: "/amount", "no account may hold more than \(Credits.largest) credits")
        }
    }

    /// What a request to move credit asks for, as far as its client says it.
    private static func document(of transaction: LedgerTransaction, _ account: LedgerAccount) -> JSONValue {
        [
            "ledger": .string(transaction.kind.rawValue), "reason": .string(transaction.reason ?? ""),
            "entries": .array(
                transaction.entries.map { .array([.string($0.account.description), .integer(Int($0.amount.micro))]) }),
        ]
    }

    /// Sets the most that an account may spend in a month, nil for no limit; administrators only. Where the rules say that running
    /// jobs stop, those that the budget does not cover any more are cancelled, the newest first. Answers which. Throws `changed` where
    /// the budget is not that of `expected`.
    package func setBudget(
        _ principal: Principal, of name: AccountName, to amount: Credits?, expecting expected: NamedStanding? = nil
    ) async throws -> (standing: NamedStanding, stopped: [JobID]) {
        try requireAdministrator(principal)
        let (account, name) = try await account(principal, name)
        var standing: AccountStanding
        do {
            standing = try await store.setBudget(
                of: account, to: amount, at: clock.now(), expecting: expected?.standing)
        } catch StoreError.changed {
            throw Self.changed
        }
        logger.notice(
            "budget set",
            metadata: [
                "account": "\(account)", "amount": .string(amount.map { "\($0)" } ?? "none"),
                "by": .string(principal.name),
            ])
        var stopped: [JobID] = []
        if credits.budgetStop == .running, let amount {
            var over = standing.paidThisMonth + standing.held - amount
            for job in try await store.unfinishedJobs(paidBy: account) where over > .zero {
                guard let hold = try await store.job(job)?.charge?.hold, hold > .zero else { continue }
                _ = try await cancel(principal, job)
                over = over - hold
                stopped.append(job)
            }
            standing = try await store.standing(of: account, at: clock.now())
        }
        return (NamedStanding(name: name, standing: standing), stopped)
    }

    /// What jobs used. Without being an administrator one sees one's own.
    package func usage(
        _ principal: Principal, _ query: UsageQuery, of name: AccountName? = nil
    ) async throws -> [UsageRow] {
        var query = query
        switch name {
        case nil where principal.isAdministrator: break
        case nil: query.user = principal.user
        case let name?:
            switch try await account(principal, name).account {
            case .user(let id): query.user = id
            case .group(let id):
                query.group = id
                // Its members see their own part.
                if !principal.isAdministrator { query.user = principal.user }
            case .grants, .revenue, .holds: break
            }
        }
        return try await store.usage(query).map { row in
            var row = row
            row.group = row.group.map(groupName)
            return row
        }
    }

    /// What a group is called; its identifier where it is gone.
    private func groupName(_ id: String) -> String {
        GroupID(id).flatMap { tenancy.group($0)?.name } ?? id
    }

    package func ledgerFigures() async throws -> LedgerFigures { try await store.ledgerFigures() }

    // MARK: - What the operator pays

    package func costItems(_ principal: Principal) async throws -> [CostItem] {
        try requireAdministrator(principal)
        return try await store.costItems()
    }

    /// Replaces the list; administrators only. Throws `changed` where it is not `expected`.
    package func setCostItems(
        _ principal: Principal, to items: [CostItem], expecting expected: [CostItem]? = nil
    ) async throws {
        try requireAdministrator(principal)
        guard items.count <= 200 else { throw ServiceError(.invalid, mistake: "/items", "at most 200") }
        var names: Set<String> = []
        for (place, item) in items.enumerated() {
            guard (1...80).contains(item.name.count), !item.name.hasControlCharacters else {
                throw ServiceError(.invalid, mistake: "/items/\(place)/name", "1 to 80 characters on one line")
            }
            guard names.insert(item.name).inserted else {
                throw ServiceError(.invalid, mistake: "/items/\(place)/name", "‘\(item.name)’ stands twice")
            }
        }
        do {
            try await store.setCostItems(items, expecting: expected)
        } catch StoreError.changed {
            throw Self.changed
        }
    }

    /// What a month cost and earned, in all and by profile; administrators only. `profile` looks at one of them.
    package func costs(_ principal: Principal, month: Month? = nil, profile: String? = nil) async throws -> CostAnalysis
    {
        try requireAdministrator(principal)
        let month = month ?? Month(of: clock.now())
        let rows = try await store.usage(UsageQuery(by: [.profile], from: month, to: month))
        var analysis = CostAnalysis(
            month: month, items: try await store.costItems(), usage: rows.map { ($0.profile ?? "", $0.sum) },
            cores: capacity.cores.count)
        if let profile {
            guard profileList.contains(where: { $0.name == profile }) || rows.contains(where: { $0.profile == profile })
            else { throw ServiceError(.notFound, "there is no profile ‘\(profile)’") }
            analysis.profiles.removeAll { $0.profile != profile }
        }
        return analysis
    }

    /// The account of a name, which only administrators give for others than themselves.
    private func account(
        _ principal: Principal, _ name: AccountName?
    ) async throws -> (account: LedgerAccount, name: AccountName) {
        switch name {
        case nil: return (.user(principal.user), .user(principal.name))
        case .user(let text) where text == principal.name || text == principal.user.text:
            return (.user(principal.user), .user(principal.name))
        case .user(let text):
            if principal.role == .administrator { try requireAdministrator(principal) }
            guard principal.isAdministrator, let user = try await meant(by: text) else {
                throw ServiceError(.notFound, "there is no such user")
            }
            return (.user(user.id), .user(user.name))
        case .group(let text):
            let group = group(meantBy: text)
            let isMember = tenancy.groups(of: principal.user).contains { $0.id == group?.id }
            if principal.role == .administrator, !isMember { try requireAdministrator(principal) }
            guard let group, principal.isAdministrator || isMember else {
                throw ServiceError(.notFound, "there is no such group")
            }
            return (.group(group.id.text), .group(group.name))
        }
    }
}

extension ServiceError {
    /// With the numbers, for people and for programs.
    init(_ refusal: LedgerRefusal) {
        let whose = if case .group = refusal.account { "the group" } else { "the account" }
        let detail =
            switch refusal.cause {
            case .balance: "\(refusal.needed) credits are needed, and \(whose) has \(refusal.available)"
            case .budget:
                "\(refusal.needed) credits are needed, and this month's budget of \(whose) leaves \(refusal.available)"
            }
        self.init(.unaffordable, detail)
        numbers = [
            "needed": .string(refusal.needed.description), "available": .string(refusal.available.description),
            "limit": .string(refusal.cause.rawValue), "account": .string(refusal.account.description),
        ]
    }
}
