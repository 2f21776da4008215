/// Where credit is kept. Holds and what ends them are no calls of their own: `Store.insert` sets aside what the job's `charge` says, and
/// `Store.change` to a final state settles it, each in the transaction that stores the job's state.
package protocol LedgerStore: Sendable {
    /// How an account stands; one that nobody has used has nothing.
    func standing(of account: LedgerAccount, at moment: Timestamp) async throws -> AccountStanding
    /// Every account of users and groups that was ever used, by name.
    func standings(at moment: Timestamp) async throws -> [AccountStanding]
    /// Does a grant or a withdrawal. Throws ``LedgerRefusal`` where the account has not enough, ``LedgerMistake`` where it is none.
    ///
    /// With a mark it is done once: `StoreError.repeated` when there is such a mark from `marksSince` or later.
    func post(
        _ transaction: LedgerTransaction, mark: RetryMark?, marksSince: Timestamp
    ) async throws -> AccountStanding
    /// The most that an account may spend in one month; nil for no limit. Throws `StoreError.changed` where it is not that of
    /// `expected`.
    func setBudget(
        of account: LedgerAccount, to amount: Credits?, at moment: Timestamp, expecting expected: AccountStanding?
    ) async throws -> AccountStanding
    /// Whether a group's account pays for what the group's members submit. Throws `StoreError.changed` where `expected` says otherwise
    /// than what is.
    func setPaying(
        _ account: LedgerAccount, to pays: Bool, at moment: Timestamp, expecting expected: AccountStanding?
    ) async throws -> AccountStanding
    /// Accounts that pay for others than their owner.
    func payingAccounts() async throws -> Set<LedgerAccount>
    /// What moved in an account, the newest first, `limit` of them from before the transaction `before` on. With `owner` only what
    /// that user's jobs moved.
    func lines(of account: LedgerAccount, owner: UserID?, before: Int64?, limit: Int) async throws -> [LedgerLine]
    /// What jobs that have ended used and cost, in groups. The order is that of the groups' values.
    func usage(_ query: UsageQuery) async throws -> [UsageRow]
    /// Unfinished jobs that an account pays for, the newest first.
    func unfinishedJobs(paidBy account: LedgerAccount) async throws -> [JobID]

    func costItems() async throws -> [CostItem]
    /// Replaces all of them. Throws `StoreError.changed` where they are not `expected`.
    func setCostItems(_ items: [CostItem], expecting expected: [CostItem]?) async throws

    func ledgerFigures() async throws -> LedgerFigures
    /// Holds the ledger against itself and against the jobs, and puts right what follows from what is written. Doing it twice changes
    /// nothing more.
    func checkLedger(at moment: Timestamp) async throws -> [LedgerFinding]
}

extension LedgerStore {
    /// One that nobody may have sent before.
    package func post(_ transaction: LedgerTransaction) async throws -> AccountStanding {
        try await post(transaction, mark: nil, marksSince: transaction.at)
    }
}

/// What an account has.
package struct AccountStanding: Hashable, Sendable {
    package var account: LedgerAccount
    /// What can be spent now; what is set aside is no part of it.
    package var balance: Credits
    /// What is set aside for jobs that have not ended.
    package var held: Credits
    /// Paid in the month of the moment that was asked for.
    package var paidThisMonth: Credits
    /// The most of one month; nil for no limit.
    package var budget: Credits?
    /// For a group: whether it pays for what its members submit.
    package var pays: Bool

    package init(
        account: LedgerAccount, balance: Credits = .zero, held: Credits = .zero, paidThisMonth: Credits = .zero,
        budget: Credits? = nil, pays: Bool = false
    ) {
        self.pays = pays
        self.account = account
        self.balance = balance
        self.held = held
        self.paidThisMonth = paidThisMonth
        self.budget = budget
    }

    /// What the month's budget leaves for more; nil without a budget.
    package var leftOfBudget: Credits? { budget.map { max(.zero, $0 - paidThisMonth - held) } }

    /// Why `needed` cannot be set aside; nil when it can be.
    package func refusal(of needed: Credits) -> LedgerRefusal? {
        guard needed > .zero else { return nil }
        if balance < needed {
            return LedgerRefusal(account: account, cause: .balance, needed: needed, available: balance)
        }
        if let left = leftOfBudget, left < needed {
            return LedgerRefusal(account: account, cause: .budget, needed: needed, available: left)
        }
        return nil
    }
}

/// Why credit cannot be set aside or taken, with the numbers.
package struct LedgerRefusal: Error, Hashable, Sendable {
    package enum Cause: String, Hashable, Sendable {
        /// The account has not enough.
        case balance
        /// The account has enough, and its month has not.
        case budget
    }

    package var account: LedgerAccount
    package var cause: Cause
    package var needed: Credits
    package var available: Credits

    package init(account: LedgerAccount, cause: Cause, needed: Credits, available: Credits) {
        self.account = account
        self.cause = cause
        self.needed = needed
        self.available = available
    }
}

/// One movement of an account.
package struct LedgerLine: Hashable, Sendable {
    /// The transaction's number: the order in which they were made.
    package var number: Int64
    package var at: Timestamp
    package var kind: LedgerTransaction.Kind
    package var amount: Credits
    /// The account's balance after it.
    package var balance: Credits
    package var job: JobID?
    package var by: String?
    package var reason: String?

    package init(
        number: Int64, at: Timestamp, kind: LedgerTransaction.Kind, amount: Credits, balance: Credits, job: JobID?,
        by: String?, reason: String?
    ) {
        self.number = number
        self.at = at
        self.kind = kind
        self.amount = amount
        self.balance = balance
        self.job = job
        self.by = by
        self.reason = reason
    }
}

/// For monitoring.
package struct LedgerFigures: Hashable, Sendable {
    /// Given out in all, less what was taken back.
    package var granted: Credits
    package var earned: Credits
    /// Set aside for jobs that have not ended, and how many these are.
    package var held: Credits
    package var openHolds: Int
    /// What users and groups can spend.
    package var available: Credits
    package var transactions: Int

    package init(
        granted: Credits, earned: Credits, held: Credits, openHolds: Int, available: Credits, transactions: Int
    ) {
        self.granted = granted
        self.earned = earned
        self.held = held
        self.openHolds = openHolds
        self.available = available
        self.transactions = transactions
    }
}

/// Something that does not add up.
package struct LedgerFinding: Hashable, Sendable {
    /// What, where, and the numbers.
    package var detail: String
    /// Whether it was put right; what does not follow from the entries is left to a person.
    package var isRepaired: Bool

    package init(detail: String, isRepaired: Bool) {
        self.detail = detail
        self.isRepaired = isRepaired
    }
}
