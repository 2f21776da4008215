/// What a job costs: the price that held when it was submitted, what was set aside for it, and what it came to.
package struct JobCharge: Hashable, Sendable, Codable {
    /// Who pays.
    package var payer: LedgerAccount
    package var price: Price
    /// Thousandths of a core, bytes of memory and microseconds of wall-clock time that its cell has.
    package var millicores: Int
    package var memory: Int
    package var longest: Int64
    /// What is set aside in the ledger until the job ends: ``mostCost``, or nothing where credits are switched off.
    package var hold: Credits
    /// What it came to; nil until the job has ended.
    package var settlement: Settlement?

    /// What a job that has ended is charged with.
    package struct Settlement: Hashable, Sendable, Codable {
        package var at: Timestamp
        /// What was measured, billed or not.
        package var use: MeteredUse
        /// What that costs at the job's price; nothing where it is not billed.
        package var cost: Credits
        /// What was taken out of the hold; less than the cost only where less was held.
        package var paid: Credits

        package init(at: Timestamp, use: MeteredUse, cost: Credits, paid: Credits) {
            self.at = at
            self.use = use
            self.cost = cost
            self.paid = paid
        }
    }

    package init(
        payer: LedgerAccount, price: Price, millicores: Int, memory: Int, longest: Int64, hold: Credits,
        settlement: Settlement? = nil
    ) {
        self.payer = payer
        self.price = price
        self.millicores = millicores
        self.memory = memory
        self.longest = longest
        self.hold = hold
        self.settlement = settlement
    }

    /// - Parameter isHeld: Whether credits are switched on.
    package init(of limits: CellLimits, price: Price, payer: LedgerAccount, isHeld: Bool) {
        let millicores =
            switch limits.cpu {
            case .exclusive(let cores): cores * 1_000
            case .shared(let millicores): millicores
            }
        self.init(
            payer: payer, price: price, millicores: millicores, memory: limits.memory,
            longest: limits.wallTime.wholeMicroseconds, hold: .zero)
        if isHeld { hold = mostCost }
    }

    /// What the cell uses of what is sold in `microseconds` of running.
    package func use(_ microseconds: Int64) -> MeteredUse {
        MeteredUse(millicores: millicores, memory: memory, microseconds: microseconds)
    }

    /// The most that the job can cost, whether or not it is set aside.
    package var mostCost: Credits { price.cost(of: use(longest)) }

    /// What the job is charged with when it ends with `result`. What is Panal's fault, and what did not run, costs nothing; a
    /// measurement beyond the limit, by which a program always ends a little late, costs no more than the limit.
    package func settled(_ result: JobResult?, at moment: Timestamp) -> Settlement {
        let use = use(result?.usage?.wallMicroseconds ?? 0)
        guard let result, result.isBilled else { return Settlement(at: moment, use: use, cost: .zero, paid: .zero) }
        let cost = min(price.cost(of: use), mostCost)
        return Settlement(at: moment, use: use, cost: cost, paid: min(cost, hold))
    }
}

extension JobResult {
    /// Whether the use is paid for: not where Panal failed, whatever became of the job then.
    package var isBilled: Bool {
        if case .systemError = outcome { false } else { !isPanalsFault }
    }
}
