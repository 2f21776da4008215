import Foundation
import PanalCore
import PanalManifest
import PanalScheduler
import PanalService
import PanalStore
import Testing

/// A program whose job nobody has been told of begins while its job is being stored. What is not stored then was never there.
@Suite struct AheadStartTests {
    private static let submission = Submission(values: ["tamano_de_filtro": [.text("3")]])

    private static func submit(_ fixture: ServiceFixture) async throws -> JobID {
        try await fixture.panal.submit(fixture.ana, program: "filter", submission: submission, isTold: false).id
    }

    @Test func itComesToTheSameEnd() async throws {
        let fixture = try await ServiceFixture()
        try await fixture.publish()
        let job = try await Self.submit(fixture)
        let ended = try await fixture.end(of: job)
        #expect(ended.state == .finished && ended.output.bytes == 6 && ended.started != nil)
        #expect(
            try await fixture.panal.history(fixture.ana, job).map(\.state)
                == [.queued, .configuring, .deploying, .running, .finishing, .finished])
        #expect(fixture.executor.settled.map(\.job) == [job])
        try await eventually { await fixture.panal.health().runningJobs == 0 }
    }

    /// Whether its program still runs when the store refuses it, or has ended before.
    @Test(arguments: [true, false]) func whatIsNotStoredLeavesNothing(_ isHeld: Bool) async throws {
        let fixture = try await ServiceFixture(executor: isHeld ? .holds : .answers)
        try await fixture.publish()
        fixture.stubborn.refuse(write: 1)
        await #expect(throws: StubbornStore.DiskFull.self) { _ = try await Self.submit(fixture) }
        try await eventually {
            // Where the word to end it came before the test's executor held it.
            for held in fixture.executor.heldJobs { fixture.executor.finish(held) }
            return await fixture.panal.health().runningJobs == 0
        }
        #expect(try await fixture.panal.jobs(fixture.ana).isEmpty)
        #expect(try await fixture.store.unfinishedJobs().isEmpty)
        // The executor keeps nothing of it, whether its program had begun already or not.
        try await eventually { fixture.executor.settled.count == 1 }
        let begun = try #require(fixture.executor.settled.first)
        try await eventually { !FileManager.default.fileExists(atPath: fixture.path + "/jobs/\(begun.job)") }
        // And the next one is taken.
        let next = try await Self.submit(fixture)
        try await eventually {
            fixture.executor.finish(next)
            return try await fixture.panal.job(fixture.ana, next).state == .finished
        }
    }

    /// One for which there is no room at once is stored as waiting, and comes out of the queue as any other.
    @Test func oneThatWaitsBeginsLater() async throws {
        let fixture = try await ServiceFixture(cores: 1, executor: .holds)
        try await fixture.publish()
        let (first, second) = (try await Self.submit(fixture), try await Self.submit(fixture))
        #expect(try await fixture.panal.job(fixture.ana, second).state == .queued)
        try await eventually { fixture.executor.heldJobs == [first] }
        fixture.executor.finish(first)
        try await eventually { fixture.executor.heldJobs == [second] }
        fixture.executor.finish(second)
        #expect(try await fixture.end(of: second).state == .finished)
        #expect(
            try await fixture.panal.history(fixture.ana, second).map(\.state)
                == [.queued, .configuring, .deploying, .running, .finishing, .finished])
    }

    /// Nobody has a program begin that they cannot pay.
    @Test func ofAHundredOneBegins() async throws {
        let fixture = try await ServiceFixture(
            cores: 8, executor: .holds, credits: CreditRules(isOn: true),
            tariff: Tariff(ordinary: Price(coreHour: 3_600_000_000)))
        try await fixture.publish()
        _ = try await fixture.panal.grant(
            fixture.admin, Credits(micro: 60_000_000), to: .user("ana"), reason: "one job of 60 s")
        let taken = await withTaskGroup(of: JobID?.self) { group in
            for _ in 0..<100 { group.addTask { try? await Self.submit(fixture) } }
            return await group.reduce(into: [JobID]()) { if let job = $1 { $0.append(job) } }
        }
        #expect(taken.count == 1)
        try await eventually { fixture.executor.heldJobs == Set(taken) }
        #expect(fixture.executor.attempts.map(\.id.job) == taken)
    }

    /// Whoever waits for a job that they have just submitted hears of its cancelling by somebody else.
    @Test func aWaitingJobsCancelIsHeard() async throws {
        let fixture = try await ServiceFixture(cores: 1, executor: .holds)
        try await fixture.publish()
        let first = try await Self.submit(fixture)
        try await eventually { fixture.executor.heldJobs == [first] }
        let second = try await Self.submit(fixture)
        let (panal, ana) = (fixture.panal, fixture.ana)
        async let waited = panal.wait(ana, job: second, atMost: .seconds(60), isNew: true)
        _ = try await fixture.panal.cancel(fixture.admin, second)
        #expect(try await waited.state == .cancelled)
        fixture.executor.finish(first)
        #expect(try await panal.wait(ana, job: first, atMost: .seconds(60), isNew: true).state == .finished)
    }
}
