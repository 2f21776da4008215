import PanalCore
import Testing

/// SplitMix64: the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

@Suite struct LedgerTests {
    private static let now = Timestamp(microseconds: 1_800_000_000_000_000)

    /// What a run of many users, jobs and mistakes leaves, next to a bookkeeping of our own.
    private struct World {
        var generator: SeededGenerator
        var ledger = Ledger()
        let accounts: [LedgerAccount]
        var open: [(job: JobID, account: LedgerAccount, hold: Credits)] = []
        var closed: [(job: JobID, account: LedgerAccount, hold: Credits)] = []
        var granted: [LedgerAccount: Credits] = [:]
        var paid: [LedgerAccount: Credits] = [:]
        var refusals = 0

        init(seed: UInt64) {
            generator = SeededGenerator(state: seed)
            var accounts: [LedgerAccount] = [.group("g1")]
            for _ in 0..<4 { accounts.append(.user(.make(at: LedgerTests.now, using: &generator))) }
            self.accounts = accounts
        }

        mutating func amount(_ most: Int64) -> Credits { Credits(micro: Int64.random(in: 1...most, using: &generator)) }

        mutating func step() throws {
            let account = accounts[Int.random(in: 0..<accounts.count, using: &generator)]
            switch Int.random(in: 0..<10, using: &generator) {
            case 0, 1:
                let amount = amount(5_000_000)
                try ledger.apply(.grant(amount, to: account, by: "root", reason: "test", at: LedgerTests.now))
                granted[account, default: .zero] = granted[account, default: .zero] + amount
            case 2:
                let amount = amount(5_000_000)
                try attempt(.withdrawal(amount, from: account, by: "root", reason: "test", at: LedgerTests.now)) {
                    $0.granted[account] = $0.granted[account, default: .zero] - amount
                }
            case 3, 4, 5:
                let job = JobID.make(at: LedgerTests.now, using: &generator)
                let amount = amount(3_000_000)
                try attempt(.hold(amount, of: account, for: job, at: LedgerTests.now)) {
                    $0.open.append((job, account, amount))
                }
            case 6, 7:
                guard !open.isEmpty else { return }
                let held = open.remove(at: Int.random(in: 0..<open.count, using: &generator))
                // Also more than was held, and less than nothing.
                let cost = Credits(micro: Int64.random(in: -100...4_000_000, using: &generator))
                try ledger.apply(
                    .ending(hold: held.hold, of: held.account, cost: cost, for: held.job, at: LedgerTests.now))
                closed.append(held)
                let paid = min(max(cost, .zero), held.hold)
                self.paid[held.account] = self.paid[held.account, default: .zero] + paid
            case 8:
                // A second end of the same hold, and one of a hold that never was.
                let again = closed.randomElement(using: &generator)
                let job = again?.job ?? .make(at: LedgerTests.now, using: &generator)
                expectNothing(
                    .ending(hold: again?.hold ?? amount(9), of: account, cost: .zero, for: job, at: LedgerTests.now),
                    .notHeld(job))
            default:
                // A second hold of the same job.
                guard let held = open.randomElement(using: &generator) ?? closed.randomElement(using: &generator) else {
                    return
                }
                try ledger.apply(.grant(Credits(micro: 1), to: account, by: "root", reason: "", at: LedgerTests.now))
                granted[account, default: .zero] = granted[account, default: .zero] + Credits(micro: 1)
                expectNothing(
                    .hold(Credits(micro: 1), of: account, for: held.job, at: LedgerTests.now), .heldBefore(held.job))
            }
        }

        /// Either all of it, or `overdrawn` exactly where there is less than it needs.
        private mutating func attempt(_ transaction: LedgerTransaction, _ note: (inout Self) -> Void) throws {
            let account = try #require(transaction.entries.first { $0.amount < .zero }?.account)
            let needed = try #require(transaction.entries.first { $0.amount < .zero }.map { -$0.amount })
            let available = ledger[account]
            guard available >= needed else {
                refusals += 1
                return expectNothing(transaction, .overdrawn(account, needed: needed, available: available))
            }
            try ledger.apply(transaction)
            note(&self)
        }

        private mutating func expectNothing(_ transaction: LedgerTransaction, _ mistake: LedgerMistake) {
            let before = ledger
            #expect(throws: mistake) { try ledger.apply(transaction) }
            #expect(ledger == before)
        }
    }

    @Test(arguments: [1, 2, 3, 0xFEED, 0xDEAD_BEEF, 987_654_321] as [UInt64])
    func whateverHappensItAddsUp(seed: UInt64) throws {
        var world = World(seed: seed)
        for _ in 0..<3_000 {
            try world.step()
            #expect(world.ledger.sum == 0)
            #expect(world.ledger.balances.allSatisfy { $0.value >= .zero || $0.key == .grants })
            #expect(world.ledger[.holds] == world.open.reduce(.zero) { $0 + $1.hold })
        }
        // Everything was met, or the run says nothing.
        #expect(world.refusals > 10 && world.closed.count > 100 && !world.open.isEmpty)
        for account in world.accounts {
            let held = world.open.filter { $0.account == account }.reduce(Credits.zero) { $0 + $1.hold }
            let left = world.granted[account, default: .zero] - world.paid[account, default: .zero] - held
            #expect(world.ledger[account] == left)
        }
        #expect(world.ledger[.revenue] == world.paid.values.reduce(.zero, +))
        #expect(world.ledger.ended == Set(world.closed.map(\.job)))
    }

    @Test func whatIsNoTransactionIsRefused() throws {
        var generator = SeededGenerator(state: 7)
        let user = LedgerAccount.user(.make(at: Self.now, using: &generator))
        let one = Credits(micro: 1)
        let cases: [([LedgerEntry], LedgerMistake)] = [
            ([], .nothingMoves), ([LedgerEntry(user, .zero)], .nothingMoves),
            ([LedgerEntry(user, one)], .unbalanced),
            ([LedgerEntry(user, one), LedgerEntry(user, -one)], .sameAccountTwice),
            ([LedgerEntry(user, one), LedgerEntry(.grants, one)], .unbalanced),
            (
                [LedgerEntry(user, Credits(micro: .max)), LedgerEntry(.grants, Credits(micro: -.max))],
                .tooLarge(user)
            ),
            // Wrapped around, these would sum to zero.
            (
                [
                    LedgerEntry(user, Credits.largest), LedgerEntry(.grants, Credits.largest),
                    LedgerEntry(.holds, Credits(micro: .min)),
                ], .tooLarge(.holds)
            ),
            (
                [LedgerEntry(.revenue, -one), LedgerEntry(user, one)],
                .overdrawn(.revenue, needed: one, available: .zero)
            ),
            ([LedgerEntry(.holds, -one), LedgerEntry(user, one)], .overdrawn(.holds, needed: one, available: .zero)),
        ]
        for (entries, mistake) in cases {
            var ledger = Ledger()
            #expect(throws: mistake) { try ledger.apply(LedgerTransaction(.grant, at: Self.now, entries: entries)) }
            #expect(ledger == Ledger())
        }
    }

    @Test func holdsAreOfJobsAndNothingElseIs() {
        var generator = SeededGenerator(state: 7)
        let job = JobID.make(at: Self.now, using: &generator)
        let entries = [LedgerEntry(.grants, Credits(micro: -1)), LedgerEntry(.holds, Credits(micro: 1))]
        for kind in LedgerTransaction.Kind.allCases {
            let transaction = LedgerTransaction(kind, at: Self.now, job: kind.isOfJob ? nil : job, entries: entries)
            #expect(throws: LedgerMistake.wrongKind) { try transaction.check() }
        }
    }

    @Test func noBalanceGrowsBeyondWhatCanBeAdded() throws {
        var generator = SeededGenerator(state: 7)
        let user = LedgerAccount.user(.make(at: Self.now, using: &generator))
        var ledger = Ledger()
        try ledger.apply(.grant(Credits.largest, to: user, by: "root", reason: "", at: Self.now))
        #expect(throws: LedgerMistake.tooLarge(.grants)) {
            try ledger.apply(.grant(Credits(micro: 1), to: .group("g"), by: "root", reason: "", at: Self.now))
        }
        #expect(ledger[user] == .largest)
    }

    @Test func amountsAreReadAsTheyAreWritten() throws {
        for text in ["0", "1", "12.5", "0.000001", "999999999999.999999", "1000000000000"] {
            #expect(try Credits(parsing: text).description == text)
        }
        #expect(try Credits(parsing: "007.500000").description == "7.5")
        #expect(Credits(micro: -1).description == "-0.000001")
        #expect(Credits(micro: .min).description == "-9223372036854.775808")
        for (micro, money) in [(0, "0.00"), (12_500_000, "12.50"), (1, "0.000001"), (-2_250_000, "-2.25")] {
            #expect(Credits(micro: Int64(micro)).asMoney == money)
        }
        let wrong = [
            "", ".", "1.", ".5", "-1", "+1", "1e3", "0x10", "1,5", "1.0000001", "١٢", " 1", "1 ", "1.2.3", "nan", "inf",
            "1000000000000.000001", "99999999999999999999999999", "9223372036854775807",
        ]
        for text in wrong { #expect(throws: QuantityMistake.self) { try Credits(parsing: text) } }
    }

    @Test func accountsAreReadAsTheyAreWritten() {
        var generator = SeededGenerator(state: 7)
        let accounts: [LedgerAccount] = [
            .grants, .revenue, .holds, .group("g"), .user(.make(at: Self.now, using: &generator)),
        ]
        for account in accounts { #expect(LedgerAccount(account.description) == account) }
        for text in ["", "user:", "user:ana", "group:", "hold", "system:grants", "user"] {
            #expect(LedgerAccount(text) == nil)
        }
    }
}
