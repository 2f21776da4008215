import PanalCore
import PanalScheduler
import PanalService
import Testing

private func credits(_ count: Int64) -> Credits { Credits(micro: count * 1_000_000) }

/// A group that pays for its members. Every job costs 60 credits at most and a credit a second.
@Suite struct GroupCreditTests {
    private static let tariff = Tariff(ordinary: Price(coreHour: 3_600_000_000))

    /// Ana and Berta in a group of 100 credits that pays for them; Ana has 500 of her own.
    private func fixture(_ executor: DirectedExecutor.Mode = .answers) async throws -> ServiceFixture {
        let fixture = try await ServiceFixture(
            cores: 2, executor: executor, credits: CreditRules(isOn: true), tariff: Self.tariff)
        try await fixture.publish(isPublic: true)
        let (panal, admin) = (fixture.panal, fixture.admin)
        let group = try await panal.createGroup(admin, name: "lab", GroupChange())
        for person in [fixture.ana, fixture.berta] {
            try await panal.addMember(admin, person.user, to: group.id)
        }
        _ = try await panal.grant(admin, credits(100), to: .group("lab"), reason: "a test")
        _ = try await panal.grant(admin, credits(500), to: .user("ana"), reason: "a test")
        #expect(try await panal.setPaying(admin, group: "lab", to: true).standing.pays)
        return fixture
    }

    private func balance(_ fixture: ServiceFixture, _ name: AccountName) async throws -> Credits {
        try await fixture.panal.standing(fixture.admin, of: name).standing.balance
    }

    @Test func membersJobsArePaidByTheGroup() async throws {
        let fixture = try await fixture()
        fixture.executor.wall = 7_000_000
        for person in [fixture.ana, fixture.berta] {
            let job = try await fixture.end(of: try await fixture.submit(as: person).id)
            #expect(job.charge?.settlement?.paid == credits(7))
        }
        #expect(try await balance(fixture, .group("lab")) == credits(86))
        #expect(try await balance(fixture, .user("ana")) == credits(500))
        let rows = try await fixture.panal.usage(fixture.admin, UsageQuery(by: [.group, .user]))
        #expect(rows.map(\.group) == ["lab", "lab"] && Set(rows.map(\.userName)) == ["ana", "berta"])
        // Who is no member of it pays alone.
        await refused(.unaffordable) { _ = try await fixture.submit(as: fixture.admin) }
    }

    @Test func theGroupsMeansAndBudgetHoldForAllOfIt() async throws {
        let fixture = try await fixture(.holds)
        let job = try await fixture.submit(as: fixture.ana)
        let error = await refused(.unaffordable) { _ = try await fixture.submit(as: fixture.berta) }
        #expect(error?.detail == "60 credits are needed, and the group has 40")
        _ = try await fixture.panal.grant(fixture.admin, credits(100), to: .group("lab"), reason: "more")
        _ = try await fixture.panal.setBudget(fixture.admin, of: .group("lab"), to: credits(70))
        let budget = await refused(.unaffordable) { _ = try await fixture.submit(as: fixture.berta) }
        #expect(budget?.numbers["limit"] == "budget" && budget?.numbers["available"] == "10")
        // What is under way stays the group's, whoever pays for the next.
        _ = try await fixture.panal.setPaying(fixture.admin, group: "lab", to: false)
        #expect(try await fixture.submit(as: fixture.ana).charge?.payer == .user(fixture.ana.user))
        try await eventually { fixture.executor.heldJobs.contains(job.id) }
        fixture.executor.wall = 1_000_000
        fixture.executor.finish(job.id)
        _ = try await fixture.end(of: job.id)
        #expect(try await balance(fixture, .group("lab")) == credits(199))
        #expect(try await balance(fixture, .user("ana")) == credits(440))
    }

    @Test func membersSeeTheirOwnPartOfIt() async throws {
        let fixture = try await fixture()
        for person in [fixture.ana, fixture.berta] {
            _ = try await fixture.end(of: try await fixture.submit(as: person).id)
        }
        let panal = fixture.panal
        let lines = try await panal.creditLines(fixture.ana, of: .group("lab"), limit: 10)
        #expect(lines.map(\.kind) == [.settlement, .hold])
        #expect(try await panal.creditLines(fixture.admin, of: .group("lab"), limit: 10).count == 5)
        #expect(try await panal.standing(fixture.ana, of: .group("lab")).standing.pays)
        let rows = try await panal.usage(fixture.ana, UsageQuery(by: [.user]), of: .group("lab"))
        #expect(rows.map(\.userName) == ["ana"])
        let (carla, _) = try await panal.createUser(fixture.admin, name: "carla", password: nil, role: .user)
        let stranger = Principal(user: carla.id, name: carla.name, role: carla.role)
        await refused(.notFound) { _ = try await panal.standing(stranger, of: .group("lab")) }
        await refused(.notFound) { _ = try await panal.usage(stranger, UsageQuery(by: []), of: .group("lab")) }
        await refused(.forbidden) { _ = try await panal.setPaying(fixture.ana, group: "lab", to: false) }
        await refused(.notFound) { _ = try await panal.setPaying(fixture.admin, group: "none", to: true) }
    }
}
