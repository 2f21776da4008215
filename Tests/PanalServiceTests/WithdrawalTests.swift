import PanalCore
import PanalManifest
import Testing

@testable import PanalService

/// Programs and versions that are taken away.
@Suite("Withdrawn programs") struct WithdrawalTests {
    /// `filter` in two versions.
    private static func published(executor: DirectedExecutor.Mode = .answers) async throws -> ServiceFixture {
        let fixture = try await ServiceFixture(cores: 1, executor: executor)
        try await fixture.publish(isPublic: true)
        try await fixture.publish(script: "#!/bin/sh\necho other\n", isPublic: true)
        return fixture
    }

    @Test func aVersionIsNotRunAnyMore() async throws {
        let fixture = try await Self.published()
        let panal = fixture.panal
        let job = try await fixture.end(of: try await fixture.submit().id)
        #expect(job.version == 2)
        await refused(.forbidden) { try await panal.withdraw(fixture.berta, program: "filter", version: 2) }
        try await panal.withdraw(fixture.ana, program: "filter", version: 2)
        // The one before it is the newest now.
        let left = try await panal.program(fixture.ana, name: "filter", version: nil)
        #expect(left.version.number == 1 && left.program.latest == 1)
        await refused(.notFound) { _ = try await panal.program(fixture.ana, name: "filter", version: 2) }
        await refused(.notFound) {
            _ = try await panal.submit(fixture.ana, program: "filter", version: 2, submission: Submission())
        }
        await refused(.notFound) { try await panal.withdraw(fixture.ana, program: "filter", version: 2) }
        let page = try await panal.versionPage(fixture.ana, program: "filter", PageWish())
        #expect(page.entries.map(\.version.number) == [1])
        #expect(try await fixture.end(of: try await fixture.submit().id).version == 1)
        // What was stays.
        let history = try await panal.job(fixture.ana, job.id)
        #expect(history.version == 2 && history.outcome == job.outcome)
        #expect(try await panal.usage(fixture.ana, UsageQuery(by: [.program])).first?.sum.jobs == 2)
    }

    @Test func theLastOneTakesTheProgramWithIt() async throws {
        let fixture = try await Self.published()
        let panal = fixture.panal
        try await panal.withdraw(fixture.admin, program: "filter")
        for principal in [fixture.ana, fixture.berta, fixture.admin] {
            await refused(.notFound) { _ = try await panal.program(principal, name: "filter", version: nil) }
            #expect(try await panal.programs(principal).isEmpty)
        }
        await refused(.notFound) { _ = try await fixture.submit() }
        // Its name is nobody else's, or people would run what they do not know.
        await refused(.conflict) { try await fixture.publish(as: fixture.berta) }
        // A third content is a third version; the same as before is that version again.
        let third = try await fixture.publish(script: "#!/bin/sh\necho third\n")
        #expect(third.created && third.entry.version.number == 3 && third.entry.program.latest == 3)
        let back = try await fixture.publish()
        #expect(back.created && back.entry.version.number == 1 && back.entry.program.latest == 3)
        let again = try await fixture.publish()
        #expect(!again.created && again.entry.version.number == 1 && again.entry.program.latest == 3)
        await refused(.notFound) { _ = try await panal.program(fixture.ana, name: "filter", version: 2) }
    }

    /// What was submitted comes to its end, after a restart too, and its files stay for as long.
    @Test func whatWaitsStillRuns() async throws {
        let fixture = try await Self.published(executor: .holds)
        let first = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [first.id] }
        let second = try await fixture.submit()
        let content = try await fixture.panal.program(fixture.ana, name: "filter", version: 2).version.content
        try await fixture.panal.withdraw(fixture.ana, program: "filter")
        let later = fixture.clock.now() + .seconds(1)
        #expect(try await fixture.store.referencedPrograms(withdrawnAfter: later) == [content])
        fixture.executor.finish(first.id)
        #expect(try await fixture.end(of: first.id).state == .finished)
        let next = try await ServiceFixture(afterCrashOf: fixture, cores: 1, queueLimit: 10)
        #expect(try await next.end(of: second.id).state == .finished)
        #expect(try await next.store.referencedPrograms(withdrawnAfter: later) == [])
        #expect(try await next.store.referencedPrograms(withdrawnAfter: fixture.clock.now() + .seconds(-1)).count == 2)
    }

    @Test func twoWhoWithdrawAtOnceSeeIt() async throws {
        let fixture = try await Self.published()
        let known = try await fixture.panal.program(fixture.ana, name: "filter", version: nil).program
        try await fixture.panal.withdraw(fixture.ana, program: "filter", version: 2, expecting: known)
        await refused(.changed) {
            try await fixture.panal.withdraw(fixture.ana, program: "filter", version: 1, expecting: known)
        }
        #expect(try await fixture.panal.program(fixture.ana, name: "filter", version: nil).version.number == 1)
    }
}
