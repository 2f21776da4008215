/// One line of a transaction: what an account gains, or loses where it is less than nothing.
package struct LedgerEntry: Hashable, Sendable {
    package var account: LedgerAccount
    package var amount: Credits

    package init(_ account: LedgerAccount, _ amount: Credits) {
        self.account = account
        self.amount = amount
    }
}

/// Credit that moves from accounts to accounts. Nothing comes into being and nothing is lost: the entries sum to zero. It is written
/// once and never changed; a mistake is put right by another transaction.
package struct LedgerTransaction: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
        /// An administrator gives credit.
        case grant
        /// An administrator takes credit back.
        case withdrawal
        /// The most that a job can cost is set aside.
        case hold
        /// The job has ended: what it used is paid, what is left of the hold goes back.
        case settlement
        /// The job came to nothing, or was Panal's fault: the whole hold goes back.
        case refund

        package var isOfJob: Bool { self != .grant && self != .withdrawal }
    }

    package var kind: Kind
    package var at: Timestamp
    /// The job of a hold and of what ends it.
    package var job: JobID?
    /// Who did it and why, for grants and withdrawals.
    package var by: String?
    package var reason: String?
    package var entries: [LedgerEntry]

    package init(
        _ kind: Kind, at: Timestamp, job: JobID? = nil, by: String? = nil, reason: String? = nil,
        entries: [LedgerEntry]
    ) {
        self.kind = kind
        self.at = at
        self.job = job
        self.by = by
        self.reason = reason
        self.entries = entries
    }

    package static func grant(
        _ amount: Credits, to account: LedgerAccount, by name: String, reason: String, at: Timestamp
    ) -> Self {
        Self(
            .grant, at: at, by: name, reason: reason,
            entries: [LedgerEntry(.grants, -amount), LedgerEntry(account, amount)])
    }

    package static func withdrawal(
        _ amount: Credits, from account: LedgerAccount, by name: String, reason: String, at: Timestamp
    ) -> Self {
        Self(
            .withdrawal, at: at, by: name, reason: reason,
            entries: [LedgerEntry(account, -amount), LedgerEntry(.grants, amount)])
    }

    package static func hold(_ amount: Credits, of account: LedgerAccount, for job: JobID, at: Timestamp) -> Self {
        Self(.hold, at: at, job: job, entries: [LedgerEntry(account, -amount), LedgerEntry(.holds, amount)])
    }

    /// Ends a hold: `cost` of it is paid, never more than there is, and the rest goes back to the account. A cost of nothing makes
    /// it a refund.
    package static func ending(
        hold: Credits, of account: LedgerAccount, cost: Credits, for job: JobID, at: Timestamp
    ) -> Self {
        let paid = min(max(cost, .zero), hold)
        let parts = [
            LedgerEntry(.holds, -hold), LedgerEntry(.revenue, paid), LedgerEntry(account, hold - paid),
        ]
        return Self(
            paid == .zero ? .refund : .settlement, at: at, job: job, entries: parts.filter { $0.amount != .zero })
    }

    /// What every transaction keeps to, whatever the balances are. Throws ``LedgerMistake``.
    package func check() throws(LedgerMistake) {
        guard kind.isOfJob == (job != nil) else { throw .wrongKind }
        guard Set(entries.map(\.account)).count == entries.count else { throw .sameAccountTwice }
        var sum = Int128(0)
        for entry in entries {
            guard entry.amount != .zero else { throw .nothingMoves }
            guard entry.amount.isInRange else { throw .tooLarge(entry.account) }
            sum += Int128(entry.amount.micro)
        }
        guard sum == 0 else { throw .unbalanced }
        guard entries.count >= 2 else { throw .nothingMoves }
    }
}

/// A rule of the ledger that a transaction would have broken.
package enum LedgerMistake: Error, Hashable, Sendable {
    /// The entries do not sum to zero.
    case unbalanced
    /// There are no entries, or one of nothing.
    case nothingMoves
    case sameAccountTwice
    /// A hold, or the end of one, without a job; or something else with one.
    case wrongKind
    /// Beyond ``Credits/largest``.
    case tooLarge(LedgerAccount)
    /// The account would hold less than nothing.
    case overdrawn(LedgerAccount, needed: Credits, available: Credits)
    /// The job has a hold already, or had one.
    case heldBefore(JobID)
    /// The job has no hold that could be ended.
    case notHeld(JobID)
}

extension LedgerAccount {
    /// The balance after an entry. Throws `overdrawn` or `tooLarge`.
    package func balance(_ before: Credits, after amount: Credits) throws(LedgerMistake) -> Credits {
        let after = before + amount
        guard after.isInRange else { throw .tooLarge(self) }
        // Giving to somebody who owes, by whatever damage, makes it better and is never refused.
        guard after >= .zero || mayOwe || amount > .zero else {
            throw .overdrawn(self, needed: -amount, available: before)
        }
        return after
    }
}
