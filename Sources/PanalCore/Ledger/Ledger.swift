/// All accounts in memory: the rules of the ledger without a store. The store's tables are held against it in tests.
package struct Ledger: Hashable, Sendable {
    package private(set) var balances: [LedgerAccount: Credits] = [:]
    /// What is set aside for each job that has not ended.
    package private(set) var holds: [JobID: Credits] = [:]
    /// Jobs whose hold was settled or refunded.
    package private(set) var ended: Set<JobID> = []

    package init() {}

    package subscript(account: LedgerAccount) -> Credits { balances[account] ?? .zero }

    /// Of all accounts; zero, always.
    package var sum: Int128 { balances.values.reduce(0) { $0 + Int128($1.micro) } }

    /// Does all of the transaction, or throws and does nothing of it.
    package mutating func apply(_ transaction: LedgerTransaction) throws(LedgerMistake) {
        try transaction.check()
        try checkHold(transaction)
        var balances = balances
        for entry in transaction.entries {
            let before = balances[entry.account] ?? .zero
            balances[entry.account] = try entry.account.balance(before, after: entry.amount)
        }
        if let job = transaction.job {
            if transaction.kind == .hold {
                holds[job] = transaction.entries.first { $0.account == .holds }?.amount
            } else {
                holds[job] = nil
                ended.insert(job)
            }
        }
        self.balances = balances
    }

    /// One hold for each job, and one end of it, in full.
    private func checkHold(_ transaction: LedgerTransaction) throws(LedgerMistake) {
        guard let job = transaction.job else { return }
        if transaction.kind == .hold {
            guard holds[job] == nil, !ended.contains(job) else { throw .heldBefore(job) }
        } else {
            guard let held = holds[job], transaction.entries.contains(LedgerEntry(.holds, -held)) else {
                throw .notHeld(job)
            }
        }
    }
}
