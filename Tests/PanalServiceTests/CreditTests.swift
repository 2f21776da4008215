import PanalCore
import PanalManifest
import PanalScheduler
import PanalService
import PanalStore
import Testing

private func credits(_ count: Int64) -> Credits { Credits(micro: count * 1_000_000) }

/// Every profile runs for 60 s at most, and a core costs a credit a second: `small` costs 60 at most, `half` 30.
@Suite struct CreditTests {
    private static let tariff = Tariff(ordinary: Price(coreHour: 3_600_000_000))

    private func fixture(
        executor: DirectedExecutor.Mode = .answers, budgetStop: CreditRules.BudgetStop = .submissions,
        opportunisticMemory: Int = 0
    ) async throws -> ServiceFixture {
        let fixture = try await ServiceFixture(
            cores: 1, executor: executor, opportunisticMemory: opportunisticMemory,
            credits: CreditRules(isOn: true, budgetStop: budgetStop), tariff: Self.tariff)
        try await fixture.publish(isPublic: true)
        return fixture
    }

    private func grant(_ fixture: ServiceFixture, _ count: Int64, to name: String = "ana") async throws {
        _ = try await fixture.panal.grant(fixture.admin, credits(count), to: .user(name), reason: "a test")
    }

    private func standing(_ fixture: ServiceFixture) async throws -> AccountStanding {
        try await fixture.panal.standing(fixture.ana).standing
    }

    @Test func aJobIsPaidByWhatItUsed() async throws {
        let fixture = try await fixture()
        try await grant(fixture, 100)
        fixture.executor.wall = 7_000_000
        let job = try await fixture.end(of: try await fixture.submit().id)
        #expect(job.charge?.settlement?.paid == credits(7))
        #expect(try await standing(fixture).balance == credits(93))
        let lines = try await fixture.panal.creditLines(fixture.ana, limit: 10)
        #expect(lines.map(\.kind) == [.settlement, .hold, .grant])
        #expect(lines.last?.by == fixture.admin.name && lines.last?.reason == "a test")
    }

    @Test func ofAHundredAtOnceOneGetsIn() async throws {
        let fixture = try await fixture(executor: .holds)
        try await grant(fixture, 60)
        let results = await withTaskGroup(of: Result<JobID, any Error>.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    do { return .success(try await fixture.submit().id) } catch { return .failure(error) }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let taken = results.compactMap { try? $0.get() }
        #expect(taken.count == 1)
        for case .failure(let error) in results {
            let error = try #require(error as? ServiceError)
            #expect(error.code == .unaffordable)
            #expect(error.numbers["needed"] == "60" && error.numbers["available"] == "0")
            #expect(error.detail == "60 credits are needed, and the account has 0")
        }
        #expect(try await fixture.store.unfinishedJobs().map(\.job.id) == taken)
        #expect(
            try await standing(fixture)
                == AccountStanding(
                    account: .user(fixture.ana.user), balance: .zero, held: credits(60)))
    }

    /// Whom the scheduler started before it was known that they cannot pay: nothing runs, and the cores are free again.
    @Test func whoCannotPayHoldsNothing() async throws {
        let fixture = try await fixture(executor: .holds)
        for _ in 0..<3 { await refused(.unaffordable) { _ = try await fixture.submit() } }
        try await eventually { await fixture.panal.health().runningJobs == 0 }
        #expect(fixture.executor.log.isEmpty)
        #expect(try await fixture.store.unfinishedJobs().isEmpty)
        try await grant(fixture, 60)
        let job = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [job.id] }
        #expect(try await fixture.panal.creditLines(fixture.ana, limit: 10).count == 2)
    }

    @Test func aWaitingJobThatIsCancelledCostsNothing() async throws {
        let fixture = try await fixture(executor: .holds)
        try await grant(fixture, 120)
        let running = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [running.id] }
        let waiting = try await fixture.submit()
        #expect(try await standing(fixture).balance == .zero)
        let cancelled = try await fixture.panal.cancel(fixture.ana, waiting.id)
        #expect(cancelled.charge?.settlement?.paid == .zero)
        #expect(try await standing(fixture).balance == credits(60))
        fixture.executor.wall = 2_000_000
        _ = try await fixture.panal.cancel(fixture.ana, running.id)
        // One that ran is paid until it was cancelled.
        #expect(try await fixture.end(of: running.id).charge?.settlement?.paid == credits(2))
        #expect(try await standing(fixture).balance == credits(118))
    }

    /// Whichever way it fails, and also where somebody cancels it at the same time.
    @Test func whatPanalFailsAtIsNeverBilled() async throws {
        let outcome = Outcome.systemError(SystemError(step: "cell.mount", detail: "as the test wants it"))
        let fixture = try await fixture(executor: .ends(outcome))
        try await grant(fixture, 60)
        fixture.executor.wall = 30_000_000
        let job = try await fixture.end(of: try await fixture.submit().id)
        // Begun three times under one hold.
        #expect(job.attempt == 3 && job.state == .failed)
        #expect(try await standing(fixture).balance == credits(60))
        #expect(try await fixture.panal.creditLines(fixture.ana, limit: 10).map(\.kind) == [.refund, .hold, .grant])
        let sum = try await fixture.panal.usage(fixture.ana, UsageQuery(by: []))[0].sum
        #expect(sum.systemErrors == 1 && sum.cost == .zero && sum.use.coreMicroseconds == 30_000_000)
    }

    @Test func aFaultUnderACancelIsPanalsToo() async throws {
        let fixture = try await fixture(executor: .holds)
        try await grant(fixture, 60)
        fixture.executor.wall = 30_000_000
        fixture.executor.isDeaf = true
        let job = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [job.id] }
        _ = try await fixture.panal.cancel(fixture.ana, job.id)
        fixture.executor.finish(job.id, .systemError(SystemError(step: "cell.read", detail: "")))
        #expect(try await fixture.end(of: job.id).state == .cancelled)
        #expect(try await standing(fixture).balance == credits(60))
    }

    @Test func opportunisticJobsArePaidAtTheirOwnPrice() async throws {
        let fixture = try await fixture(opportunisticMemory: 1 << 30)
        fixture.executor.wall = 9_000_000
        let job = try await fixture.submit(priority: .opportunistic)
        #expect(try await fixture.end(of: job.id).charge?.settlement?.cost == .zero)
        let error = await refused(.unaffordable) { _ = try await fixture.submit(priority: .low) }
        #expect(error?.numbers["needed"] == "60")
    }

    /// Killed while one ran and one waited, with the launcher, and then again while nothing had changed: each is billed once.
    @Test func aKilledServiceBillsOnce() async throws {
        let killed = try await fixture(executor: .holds)
        try await grant(killed, 120)
        let first = try await killed.submit()
        let second = try await killed.submit()
        try await eventually { try await killed.panal.job(killed.ana, first.id).state == .running }
        let again = try await ServiceFixture(
            afterCrashOf: killed, cores: 1, queueLimit: 10, executor: DirectedExecutor(mode: .holds, cores: 1))
        #expect(try await standing(again).held == credits(120))
        let next = try await ServiceFixture(afterCrashOf: again, cores: 1, queueLimit: 10)
        next.executor.wall = 3_000_000
        for job in [first, second] { #expect(try await next.end(of: job.id).state == .finished) }
        let after = try await standing(next)
        #expect(after.held == .zero)
        // The first of them may have ended before the test set what it is measured to take: 5 µs cost 5 millionths.
        let paid = try await next.panal.usage(next.ana, UsageQuery(by: []))[0].sum.paid
        #expect(after.balance == credits(120) - paid && after.paidThisMonth == paid)
        let lines = try await next.panal.creditLines(next.ana, limit: 20)
        #expect(lines.map(\.kind).filter { $0 == .hold }.count == 2)
        #expect(lines.map(\.kind).filter { $0 == .settlement }.count == 2)
        #expect(try await next.store.checkLedger(at: next.clock.now()) == [])
    }

    @Test func withoutCreditsNothingIsRefused() async throws {
        let fixture = try await ServiceFixture(cores: 1, tariff: Self.tariff)
        try await fixture.publish()
        fixture.executor.wall = 2_500_000
        let job = try await fixture.end(of: try await fixture.submit().id)
        #expect(job.charge?.settlement?.cost == Credits(micro: 2_500_000) && job.charge?.settlement?.paid == .zero)
        #expect(try await standing(fixture) == AccountStanding(account: .user(fixture.ana.user)))
    }

    @Test func whatTheQueueRefusesIsGivenBack() async throws {
        let fixture = try await ServiceFixture(
            cores: 1, queueLimit: 0, executor: .holds, credits: CreditRules(isOn: true), tariff: Self.tariff)
        try await fixture.publish()
        try await grant(fixture, 200)
        let job = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [job.id] }
        await refused(.overloaded) { _ = try await fixture.submit() }
        #expect(try await standing(fixture).balance == credits(140))
    }

    // MARK: - Budgets

    @Test(arguments: CreditRules.BudgetStop.allCases) func aBudgetStops(what: CreditRules.BudgetStop) async throws {
        let fixture = try await fixture(executor: .holds, budgetStop: what)
        try await grant(fixture, 500)
        let running = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [running.id] }
        let waiting = try await fixture.submit()
        let (standing, stopped) = try await fixture.panal.setBudget(fixture.admin, of: .user("ana"), to: credits(60))
        #expect(standing.standing.budget == credits(60))
        #expect(stopped == (what == .running ? [waiting.id] : []))
        let error = await refused(.unaffordable) { _ = try await fixture.submit() }
        #expect(error?.numbers["limit"] == "budget" && error?.numbers["available"] == "0")
        try await eventually { try await fixture.panal.job(fixture.ana, running.id).state == .running }
        let nothing = try await fixture.panal.setBudget(fixture.admin, of: .user("ana"), to: .zero)
        #expect(nothing.stopped == (what == .running ? [running.id] : []))
        if what == .running { #expect(try await fixture.end(of: running.id).state == .cancelled) }
        await refused(.forbidden) { _ = try await fixture.panal.setBudget(fixture.ana, of: .user("ana"), to: nil) }
    }

    // MARK: - Who may what

    @Test func creditIsAdministratorsToGive() async throws {
        let fixture = try await fixture()
        let (panal, ana, admin) = (fixture.panal, fixture.ana, fixture.admin)
        await refused(.forbidden) { _ = try await panal.grant(ana, credits(1), to: .user("ana"), reason: "mine") }
        await refused(.forbidden) { _ = try await panal.withdraw(ana, credits(1), from: .user("berta"), reason: "x") }
        await refused(.forbidden) { _ = try await panal.standings(ana) }
        await refused(.forbidden) { _ = try await panal.costs(ana) }
        await refused(.forbidden) { _ = try await panal.setCostItems(ana, to: []) }
        // That others are there is told to nobody else.
        await refused(.notFound) { _ = try await panal.standing(ana, of: .user("berta")) }
        await refused(.notFound) { _ = try await panal.creditLines(ana, of: .user("nobody"), limit: 1) }
        await refused(.notFound) { _ = try await panal.usage(ana, UsageQuery(by: []), of: .user("berta")) }
        await refused(.notFound) { _ = try await panal.grant(admin, credits(1), to: .user("nobody"), reason: "x") }
        for amount in [Credits.zero, Credits(micro: -5)] {
            await refused(.invalid) { _ = try await panal.grant(admin, amount, to: .user("ana"), reason: "x") }
        }
        for reason in ["", "  ", "a\nb", String(repeating: "x", count: 201)] {
            await refused(.invalid) { _ = try await panal.grant(admin, credits(1), to: .user("ana"), reason: reason) }
        }
        try await grant(fixture, 5)
        let error = await refused(.unaffordable) {
            _ = try await panal.withdraw(admin, credits(6), from: .user("ana"), reason: "too much")
        }
        #expect(error?.numbers["available"] == "5")
        #expect(
            try await panal.withdraw(admin, credits(5), from: .user("ana"), reason: "all").standing.balance == .zero)
        await refused(.invalid) {
            try await grant(fixture, 1)
            _ = try await panal.grant(admin, .largest, to: .user("ana"), reason: "more than can be")
        }
    }

    @Test func oneSeesOnesOwnUse() async throws {
        let fixture = try await ServiceFixture(tariff: Self.tariff)
        try await fixture.publish(isPublic: true)
        for person in [fixture.ana, fixture.ana, fixture.berta] {
            _ = try await fixture.end(of: try await fixture.submit(as: person).id)
        }
        let query = UsageQuery(by: [.user])
        #expect(try await fixture.panal.usage(fixture.ana, query).map { $0.sum.jobs } == [2])
        #expect(try await fixture.panal.usage(fixture.admin, query).map { $0.sum.jobs }.sorted() == [1, 2])
        #expect(try await fixture.panal.usage(fixture.admin, query, of: .user("berta")).map(\.userName) == ["berta"])
        // A query that names somebody else is one's own all the same.
        let sly = UsageQuery(by: [.user], user: fixture.berta.user)
        #expect(try await fixture.panal.usage(fixture.ana, sly).map(\.userName) == ["ana"])
    }
}
