import PanalCore
import PanalManifest
import Testing

@testable import PanalService

/// Accounts that are closed: what is in the way, what goes, and what stays true.
@Suite("Closed accounts") struct ClosingTests {
    private static let tariff = Tariff(ordinary: Price(coreHour: 3_600_000_000))

    @Test func whatIsInTheWayIsSaid() async throws {
        let fixture = try await ServiceFixture(
            cores: 1, executor: .holds, credits: CreditRules(isOn: true), tariff: Self.tariff)
        let panal = fixture.panal
        let ana = fixture.ana.user
        try await fixture.publish()
        _ = try await panal.grant(fixture.admin, Credits(micro: 100_000_000), to: .user("ana"), reason: "a test")
        let job = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [job.id] }
        await refused(.forbidden) { try await panal.closeUser(fixture.berta, ana) }
        await refused(.conflict) { try await panal.closeUser(fixture.admin, fixture.admin.user) }
        let running = await refused(.conflict) { try await panal.closeUser(fixture.admin, ana) }
        #expect(running?.detail.contains("1 of their jobs") == true)
        fixture.executor.finish(job.id)
        _ = try await fixture.end(of: job.id)
        let rich = await refused(.conflict) { try await panal.closeUser(fixture.admin, ana) }
        #expect(rich?.detail.contains("credits on the account") == true)
        // Nothing has happened so far.
        #expect(try await panal.user(fixture.admin, ana).name == "ana")
        #expect(try await panal.program(fixture.ana, name: "filter", version: nil).version.number == 1)
        let left = try await panal.standing(fixture.admin, of: .user("ana")).standing.balance
        _ = try await panal.withdraw(fixture.admin, left, from: .user("ana"), reason: "they leave")
        try await panal.closeUser(fixture.admin, ana)
        await refused(.notFound) { _ = try await panal.user(fixture.admin, ana) }
        await refused(.notFound) { try await panal.closeUser(fixture.admin, ana) }
        #expect(try await fixture.store.checkLedger(at: fixture.clock.now()).isEmpty)
    }

    @Test func whatIsTheirsGoesAndWhatHappenedStays() async throws {
        let fixture = try await ServiceFixture()
        let panal = fixture.panal
        let ana = fixture.ana.user
        try await fixture.publish(isPublic: true)
        let job = try await fixture.end(of: try await fixture.submit(value: "a private thing").id)
        _ = try await panal.setKept(fixture.ana, job.id, to: true)
        let (_, secret) = try await panal.createKey(fixture.ana, label: "ci", lifetime: nil)
        _ = try await panal.createWebhook(
            fixture.ana, url: "https://hooks.example/", events: WebhookEvent.standardOfAccount)
        let group = try await panal.createGroup(fixture.admin, name: "imaging", GroupChange())
        try await panal.addMember(fixture.admin, ana, to: group.id)
        let before = try await panal.usage(fixture.admin, UsageQuery(by: [.user]))
        try await panal.closeUser(fixture.admin, ana)
        #expect(try await panal.principal(apiKey: secret) == nil)
        await refused(.unauthenticated) {
            _ = try await panal.signIn(name: "ana", password: "a-long-password", from: "test")
        }
        #expect(try await !panal.users(fixture.admin).contains { $0.id == ana })
        #expect(try await panal.members(fixture.admin, group.id).isEmpty)
        #expect(try await fixture.store.hasWebhooks() == false)
        await refused(.notFound) { _ = try await fixture.submit(as: fixture.berta) }
        // A submission that was under way in this moment is not stored.
        await #expect(throws: (any Error).self) { _ = try await fixture.submit() }
        let history = try await panal.job(fixture.admin, job.id)
        #expect(history.owner == ana && history.fields.isEmpty && history.outcome == job.outcome)
        #expect(history.charge == job.charge)
        let after = try await panal.usage(fixture.admin, UsageQuery(by: [.user]))
        #expect(after.map(\.sum) == before.map(\.sum) && after.first?.user == ana)
        #expect(after.first?.userName == "closed-\(ana)")
        // What their jobs have left goes with the next sweep, what they wanted kept too.
        await panal.sweepOutputs()
        #expect(try await fixture.store.storedBytes(of: ana) == 0)
        #expect(try await fixture.store.closedOwners().isEmpty)
        // The name is free, and is nobody's but the new one's.
        let next = try await panal.createUser(fixture.admin, name: "ana", password: nil, role: .user)
        #expect(next.user.id != ana)
        #expect(try await panal.jobs(Principal(of: next.user)).isEmpty)
    }

    @Test func twoWhoChangeAtOnceSeeIt() async throws {
        let fixture = try await ServiceFixture()
        let known = try await fixture.panal.user(fixture.admin, fixture.ana.user)
        _ = try await fixture.panal.setStatus(fixture.admin, user: fixture.ana.user, to: .disabled)
        await refused(.changed) {
            try await fixture.panal.closeUser(fixture.admin, fixture.ana.user, expecting: known)
        }
        #expect(try await fixture.panal.user(fixture.admin, fixture.ana.user).status == .disabled)
    }
}
