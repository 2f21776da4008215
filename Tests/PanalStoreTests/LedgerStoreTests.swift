import Foundation
import GRDB
import PanalCore
import PanalStore
import Testing

/// SplitMix64: the same numbers in every run.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

extension StoreFixture {
    /// One credit for a second of a core.
    static let price = Price(coreHour: 3_600_000_000)

    var account: LedgerAccount { .user(owner.id) }

    /// A job that may run for ten seconds on one core.
    func paidJob(owner: User? = nil, price: Price = price, isHeld: Bool = true) -> (Job, AttemptSpec) {
        let owner = owner ?? self.owner
        var (job, attempt) = job(owner: owner.id)
        attempt.limits.cpu = .exclusive(cores: 1)
        attempt.limits.wallTime = .seconds(10)
        job.charge = JobCharge(of: attempt.limits, price: price, payer: .user(owner.id), isHeld: isHeld)
        return (job, attempt)
    }

    func submit(owner: User? = nil, price: Price = price, isHeld: Bool = true) async throws -> JobID {
        let (job, attempt) = paidJob(owner: owner, price: price, isHeld: isHeld)
        _ = try await store.insert(job, attempt: attempt, hasSecrets: false)
        return job.id
    }

    @discardableResult
    func grant(_ credits: Int64, to user: User? = nil) async throws -> AccountStanding {
        try await store.post(
            .grant(
                Credits(micro: credits * 1_000_000), to: .user((user ?? owner).id), by: "root", reason: "test",
                at: Self.start))
    }

    func end(_ job: JobID, _ outcome: Outcome, milliseconds: Int64?, at: Timestamp = start) async throws {
        let usage = milliseconds.map { ResourceUsage(cpuUserMicroseconds: 7, wallMicroseconds: $0 * 1_000) }
        let state: JobState =
            switch outcome {
            case .cancelled: .cancelled
            case .systemError: .failed
            default: .finished
            }
        var steps = [JobChange(to: .configuring, at: at), JobChange(to: .deploying, at: at)]
        if state == .finished { steps.append(JobChange(to: .finishing, at: at)) }
        steps.append(JobChange(to: state, at: at, result: JobResult(outcome: outcome, usage: usage)))
        #expect(try await store.change(job, from: .queued, steps) != nil)
    }

    var standing: AccountStanding { get async throws { try await store.standing(of: account, at: Self.start) } }

    /// What a person with the file in hand could do, past all rules.
    func tamper(_ sql: String) throws {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        try DatabaseQueue(path: folder.path + "/panal.sqlite", configuration: configuration).write {
            try $0.execute(sql: sql)
        }
    }
}

private func credits(_ count: Int64) -> Credits { Credits(micro: count * 1_000_000) }

@Suite struct LedgerStoreTests {
    @Test func aJobIsHeldAndPaidByWhatItUsed() async throws {
        let fixture = try await StoreFixture()
        try await fixture.grant(25)
        let job = try await fixture.submit()
        #expect(
            try await fixture.standing
                == AccountStanding(account: fixture.account, balance: credits(15), held: credits(10)))
        try await fixture.end(job, .exited(code: 1), milliseconds: 2_500)
        let standing = try await fixture.standing
        #expect(standing.balance == Credits(micro: 22_500_000) && standing.held == .zero)
        #expect(standing.paidThisMonth == Credits(micro: 2_500_000))
        let charge = try #require(try await fixture.store.job(job)?.charge)
        #expect(charge.hold == credits(10) && charge.settlement?.paid == Credits(micro: 2_500_000))
        #expect(charge.settlement?.use == MeteredUse(coreMicroseconds: 2_500_000, memoryMicroseconds: 2_500_000))
        let lines = try await fixture.store.lines(of: fixture.account, owner: nil, before: nil, limit: 10)
        #expect(lines.map(\.kind) == [.settlement, .hold, .grant])
        #expect(lines.map(\.amount) == [Credits(micro: 7_500_000), -credits(10), credits(25)])
        #expect(lines.map(\.balance) == [Credits(micro: 22_500_000), credits(15), credits(25)])
        #expect(lines.map(\.job) == [job, job, nil])
        #expect(
            try await fixture.store.lines(of: fixture.account, owner: nil, before: lines[1].number, limit: 10) == [
                lines[2]
            ])
        #expect(try await fixture.store.checkLedger(at: StoreFixture.start) == [])
    }

    @Test(
        arguments: [
            (Outcome.cancelled, nil), (.systemError(SystemError(step: "cell.mount", detail: "")), 9_000),
        ] as [(Outcome, Int64?)])
    func whatDidNotRunAndWhatPanalFailedAtIsGivenBack(outcome: Outcome, wall: Int64?) async throws {
        let fixture = try await StoreFixture()
        try await fixture.grant(10)
        let job = try await fixture.submit()
        try await fixture.end(job, outcome, milliseconds: wall)
        #expect(try await fixture.standing == AccountStanding(account: fixture.account, balance: credits(10)))
        #expect(
            try await fixture.store.lines(of: fixture.account, owner: nil, before: nil, limit: 1).first?.kind == .refund
        )
        #expect(try await fixture.store.ledgerFigures().earned == .zero)
    }

    @Test func whoCannotPayIsRefusedWithTheNumbersAndNothingIsStored() async throws {
        let fixture = try await StoreFixture()
        try await fixture.grant(9)
        let (job, attempt) = fixture.paidJob()
        let refusal = LedgerRefusal(
            account: fixture.account, cause: .balance, needed: credits(10), available: credits(9))
        await #expect(throws: refusal) { _ = try await fixture.store.insert(job, attempt: attempt, hasSecrets: false) }
        #expect(try await fixture.store.job(job.id) == nil)
        #expect(try await fixture.store.unfinishedJobs() == [])
        #expect(try await fixture.standing.balance == credits(9))
        #expect(try await fixture.store.checkLedger(at: StoreFixture.start) == [])
    }

    @Test func ofManyAtOnceThoseGetInThatCanBePaid() async throws {
        let fixture = try await StoreFixture()
        try await fixture.grant(19)
        let taken = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<100 { group.addTask { (try? await fixture.submit()) != nil } }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(taken == 1)
        #expect(try await fixture.standing.balance == credits(9))
    }

    /// An attempt that Panal failed at goes back into the queue, and its hold with it.
    @Test func retriesKeepTheirHold() async throws {
        let fixture = try await StoreFixture()
        try await fixture.grant(10)
        let job = try await fixture.submit()
        for number in 2...4 {
            let steps = [
                JobChange(to: .configuring, at: StoreFixture.start), JobChange(to: .deploying, at: StoreFixture.start),
                JobChange(to: .queued, at: StoreFixture.start, retry: AttemptID(job: job, number: number, nonce: 1)),
            ]
            #expect(try await fixture.store.change(job, from: .queued, steps) == .queued)
            #expect(try await fixture.store.job(job)?.attempt == number)
            #expect(try await fixture.standing.held == credits(10))
        }
        try await fixture.end(job, .exited(code: 0), milliseconds: 1_000)
        #expect(try await fixture.standing.balance == credits(9))
        #expect(try await fixture.store.lines(of: fixture.account, owner: nil, before: nil, limit: 10).count == 3)
    }

    @Test func withoutCreditsEverythingIsMeteredAndNothingMoves() async throws {
        let fixture = try await StoreFixture()
        let job = try await fixture.submit(isHeld: false)
        try await fixture.end(job, .exited(code: 0), milliseconds: 4_000)
        let sum = try await fixture.store.usage(UsageQuery(by: []))[0].sum
        #expect(sum.cost == credits(4) && sum.paid == .zero && sum.cpuMicroseconds == 7)
        #expect(try await fixture.standing == AccountStanding(account: fixture.account))
        #expect(try await fixture.store.ledgerFigures().transactions == 0)
    }

    @Test func aBudgetCountsWhatIsPaidAndWhatIsHeld() async throws {
        let fixture = try await StoreFixture()
        try await fixture.grant(100)
        let at = StoreFixture.start
        #expect(
            try await fixture.store.setBudget(of: fixture.account, to: credits(21), at: at, expecting: nil).leftOfBudget
                == credits(21))
        let first = try await fixture.submit()
        try await fixture.end(first, .exited(code: 0), milliseconds: 3_000)
        _ = try await fixture.submit()
        let refusal = LedgerRefusal(
            account: fixture.account, cause: .budget, needed: credits(10), available: credits(8))
        await #expect(throws: refusal) { _ = try await fixture.submit() }
        _ = try await fixture.store.setBudget(of: fixture.account, to: nil, at: at, expecting: nil)
        _ = try await fixture.submit()
        // Another month, another budget.
        let later = at + .seconds(40 * 86_400)
        #expect(try await fixture.store.standing(of: fixture.account, at: later).paidThisMonth == .zero)
    }

    /// The tables against the ledger in memory, by the same sequence.
    @Test(arguments: [11, 12, 0xC0FFEE] as [UInt64]) func theTablesKeepTheRules(seed: UInt64) async throws {
        var generator = SeededGenerator(state: seed)
        let fixture = try await StoreFixture()
        let users = [fixture.owner, fixture.other]
        var twin = Ledger()
        var open: [(job: JobID, user: User, hold: Credits)] = []
        var (refusals, ended) = (0, 0)
        for _ in 0..<150 {
            let user = users[Int.random(in: 0..<users.count, using: &generator)]
            switch Int.random(in: 0..<8, using: &generator) {
            case 0, 1:
                let amount = Int64.random(in: 1...30, using: &generator)
                try await fixture.grant(amount, to: user)
                try twin.apply(
                    .grant(credits(amount), to: .user(user.id), by: "root", reason: "test", at: StoreFixture.start))
            case 2:
                let amount = Int64.random(in: 1...30, using: &generator)
                let transaction = LedgerTransaction.withdrawal(
                    credits(amount), from: .user(user.id), by: "root", reason: "", at: StoreFixture.start)
                let isDone = (try? await fixture.store.post(transaction)) != nil
                #expect(isDone == ((try? twin.apply(transaction)) != nil))
            case 3, 4, 5:
                let (job, attempt) = fixture.paidJob(owner: user)
                let hold = try #require(job.charge?.hold)
                let transaction = LedgerTransaction.hold(
                    hold, of: .user(user.id), for: job.id, at: StoreFixture.start)
                let isDone = (try? await fixture.store.insert(job, attempt: attempt, hasSecrets: false)) != nil
                #expect(isDone == ((try? twin.apply(transaction)) != nil))
                if isDone { open.append((job.id, user, hold)) } else { refusals += 1 }
            default:
                guard !open.isEmpty else { continue }
                let held = open.remove(at: Int.random(in: 0..<open.count, using: &generator))
                ended += 1
                let wall = Int64.random(in: 0...11_000, using: &generator)
                try await fixture.end(held.job, .exited(code: 0), milliseconds: wall)
                try twin.apply(
                    .ending(
                        hold: held.hold, of: .user(held.user.id), cost: Credits(micro: wall * 1_000), for: held.job,
                        at: StoreFixture.start))
            }
        }
        #expect(refusals > 3 && ended > 10)
        for user in users {
            let standing = try await fixture.store.standing(of: .user(user.id), at: StoreFixture.start)
            #expect(standing.balance == twin[.user(user.id)])
            let held = open.filter { $0.user == user }.reduce(Credits.zero) { $0 + $1.hold }
            #expect(standing.held == held)
        }
        let figures = try await fixture.store.ledgerFigures()
        #expect(figures.granted == -twin[.grants] && figures.earned == twin[.revenue] && figures.held == twin[.holds])
        #expect(figures.openHolds == open.count)
        #expect(figures.granted == figures.earned + figures.held + figures.available)
        #expect(try await fixture.store.checkLedger(at: StoreFixture.start) == [])
    }
}
