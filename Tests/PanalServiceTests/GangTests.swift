import PanalCore
import PanalManifest
import PanalScheduler
import PanalService
import Testing

/// Batches whose jobs start in one step or not at all.
@Suite struct GangTests {
    private static func gang(
        _ fixture: ServiceFixture, _ count: Int = 2, priority: PriorityClass = .normal
    ) async throws -> BatchReport {
        let requests = (0..<count).map { number in
            JobRequest(
                program: "filter", version: nil, profile: nil, priority: priority,
                submission: Submission(values: ["tamano_de_filtro": [.text("\(number)")]]), callback: nil)
        }
        return try await fixture.panal.submit(fixture.ana, together: requests, isGang: true, once: nil).report
    }

    private static func states(_ fixture: ServiceFixture, _ gang: BatchReport) async throws -> Set<JobState> {
        Set(try await fixture.panal.batch(fixture.ana, gang.batch.id).jobs.map(\.state))
    }

    @Test func startsWhenThereIsRoomForAllAndEndsOneByOne() async throws {
        let fixture = try await ServiceFixture(cores: 2, executor: .holds)
        try await fixture.publish()
        let first = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [first.id] }
        let gang = try await Self.gang(fixture)
        #expect(gang.batch.isGang)
        #expect(try await fixture.panal.batch(fixture.ana, gang.batch.id).batch == gang.batch)
        for job in gang.jobs {
            let waiting = try await fixture.panal.job(fixture.ana, job.id)
            #expect(waiting.message?.hasPrefix("needs 2 cells with 2 cores at the same time, 1 is free") == true)
            #expect(waiting.estimatedStart != nil)
        }
        // One core is free all the time: nobody of them takes it.
        #expect(fixture.executor.heldJobs == [first.id])
        fixture.executor.finish(first.id)
        try await eventually { fixture.executor.heldJobs == Set(gang.jobs.map(\.id)) }
        try await eventually { try await Self.states(fixture, gang) == [.running] }
        // Each has a core of its own, and gives it back by itself.
        let cores = try await fixture.panal.batch(fixture.ana, gang.batch.id).jobs.map(\.cores)
        #expect(Set(cores) == [[0], [1]])
        let next = try await fixture.submit()
        fixture.executor.finish(gang.jobs[0].id)
        try await eventually { fixture.executor.heldJobs == [gang.jobs[1].id, next.id] }
        fixture.executor.finish(gang.jobs[1].id, .exited(code: 3))
        fixture.executor.finish(next.id)
        #expect(try await fixture.end(of: gang.jobs[0].id).state == .finished)
        #expect(try await fixture.end(of: gang.jobs[1].id).outcome == .exited(code: 3))
        try await eventually { await fixture.panal.health().runningJobs == 0 }
    }

    /// A fault of Panal's at one of them is repeated at that one.
    @Test func oneThatFailsBeginsAgainByItself() async throws {
        let fixture = try await ServiceFixture(cores: 2, executor: .holds)
        try await fixture.publish()
        let gang = try await Self.gang(fixture)
        try await eventually { try await Self.states(fixture, gang) == [.running] }
        let (first, second) = (gang.jobs[0].id, gang.jobs[1].id)
        fixture.executor.finish(second, .systemError(SystemError(step: "test", detail: "a fault")))
        try await eventually { fixture.executor.attempts.filter { $0.id.job == second }.count == 2 }
        try await eventually { fixture.executor.heldJobs == [first, second] }
        #expect(fixture.executor.attempts.filter { $0.id.job == first }.count == 1)
        fixture.executor.finish(first)
        fixture.executor.finish(second)
        #expect(try await fixture.end(of: first).attempt == 1)
        #expect(try await fixture.end(of: second).attempt == 2)
    }

    /// Cancelling one of a gang that waits cancels all; of one that runs, that one.
    @Test func cancels() async throws {
        let fixture = try await ServiceFixture(cores: 2, executor: .holds)
        try await fixture.publish()
        let first = try await fixture.submit()
        let gang = try await Self.gang(fixture)
        try await eventually { fixture.executor.heldJobs == [first.id] }
        #expect(try await fixture.panal.cancel(fixture.ana, gang.jobs[1].id).state == .cancelled)
        #expect(try await Self.states(fixture, gang) == [.cancelled])
        #expect(await fixture.panal.health().waitingJobs == 0)
        #expect(await fixture.panal.figures().ends[.cancelled] == 2)
        fixture.executor.finish(first.id)
        #expect(try await fixture.end(of: first.id).state == .finished)
        #expect(fixture.executor.attempts.count == 1)

        let other = try await Self.gang(fixture)
        try await eventually { try await Self.states(fixture, other) == [.running] }
        _ = try await fixture.panal.cancel(fixture.ana, other.jobs[0].id)
        #expect(try await fixture.end(of: other.jobs[0].id).state == .cancelled)
        #expect(try await fixture.panal.job(fixture.ana, other.jobs[1].id).state == .running)
        _ = try await fixture.panal.cancel(fixture.ana, batch: other.batch.id)
        #expect(try await fixture.end(of: other.jobs[1].id).state == .cancelled)
        await refused(.notFound) { _ = try await fixture.panal.cancel(fixture.berta, batch: other.batch.id) }
    }

    /// Any batch is cancelled as a whole, without a job that starts because another one has ended.
    @Test func cancelsABatchWithoutStartingMore() async throws {
        let fixture = try await ServiceFixture(cores: 1, executor: .holds)
        try await fixture.publish()
        let requests = (0..<4).map { _ in
            JobRequest(
                program: "filter", version: nil, profile: nil, priority: .normal,
                submission: Submission(values: ["tamano_de_filtro": [.text("1")]]), callback: nil)
        }
        let batch = try await fixture.panal.submit(fixture.ana, together: requests, once: nil).report
        try await eventually { fixture.executor.heldJobs.count == 1 }
        _ = try await fixture.panal.cancel(fixture.ana, batch: batch.batch.id)
        for job in batch.jobs { #expect(try await fixture.end(of: job.id).state == .cancelled) }
        #expect(fixture.executor.attempts.count == 1)
        #expect(try await fixture.panal.cancel(fixture.ana, batch: batch.batch.id).isFinal)
    }

    @Test func whatNeverFitsLeavesNothing() async throws {
        let fixture = try await ServiceFixture(cores: 2, executor: .holds, opportunisticMemory: 1 << 30)
        try await fixture.publish()
        let large = await refused(.invalid) { _ = try await Self.gang(fixture, 3) }
        #expect(large?.mistakes.map(\.pointer) == ["/together"])
        let guests = await refused(.invalid) { _ = try await Self.gang(fixture, priority: .opportunistic) }
        #expect(guests?.mistakes.first?.detail.contains("opportunistic jobs have one") == true)
        #expect(try await fixture.panal.jobs(fixture.ana).isEmpty)
        #expect(await fixture.panal.health().waitingJobs == 0)
    }

    /// One that waits too long fails with all of its others.
    @Test func waitsInVainAsAWhole() async throws {
        let fixture = try await ServiceFixture(
            cores: 2, executor: .holds, deadlines: StateDeadlines(turn: .milliseconds(50)))
        try await fixture.publish()
        let keeper = Task { await fixture.panal.run() }
        let first = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [first.id] }
        let gang = try await Self.gang(fixture)
        fixture.clock.advance(.milliseconds(60))
        for job in gang.jobs { #expect(try await fixture.end(of: job.id).state == .failed) }
        #expect(await fixture.panal.health().waitingJobs == 0)
        fixture.executor.finish(first.id)
        #expect(try await fixture.end(of: first.id).state == .finished)
        #expect(fixture.executor.attempts.count == 1)
        keeper.cancel()
    }

    /// What was taken in waits, whatever its owner may by now, and starts when they may more.
    @Test func limitsThatWereLoweredFailNothingAtARestart() async throws {
        let killed = try await ServiceFixture(cores: 2, executor: .holds)
        try await killed.publish()
        let first = try await killed.submit()
        try await eventually { try await killed.panal.job(killed.ana, first.id).state == .running }
        let gang = try await Self.gang(killed)
        let other = try await killed.submit()
        _ = try await killed.panal.restrict(
            killed.admin, .user(killed.ana.user), to: Restriction(runningCores: 1, queuedJobs: 0))
        let executor = DirectedExecutor(mode: .holds, cores: 2)
        let next = try await ServiceFixture(afterCrashOf: killed, cores: 2, queueLimit: 0, executor: executor)
        try await eventually { executor.heldJobs == [first.id] }
        #expect(try await Self.states(next, gang) == [.queued])
        executor.finish(first.id)
        try await eventually { executor.heldJobs == [other.id] }
        #expect(try await Self.states(next, gang) == [.queued])
        _ = try await next.panal.restrict(
            next.admin, .user(next.ana.user), to: Restriction(runningCores: 2, queuedJobs: 0))
        executor.finish(other.id)
        try await eventually { executor.heldJobs == Set(gang.jobs.map(\.id)) }
        for job in gang.jobs { executor.finish(job.id) }
        killed.executor.finish(first.id)
        await killed.panal.shutdown()
        await next.panal.shutdown()
    }

    /// After a restart those that wait, or have to begin again, are a gang as before.
    @Test func survivesARestart() async throws {
        let killed = try await ServiceFixture(cores: 2, executor: .holds)
        try await killed.publish()
        let first = try await killed.submit()
        try await eventually { try await killed.panal.job(killed.ana, first.id).state == .running }
        let gang = try await Self.gang(killed)
        let executor = DirectedExecutor(mode: .holds, cores: 2)
        let next = try await ServiceFixture(afterCrashOf: killed, cores: 2, queueLimit: 9, executor: executor)
        // The first one begins again on one core; the other core stays free.
        try await eventually { executor.heldJobs == [first.id] }
        #expect(try await Self.states(next, gang) == [.queued])
        executor.finish(first.id)
        try await eventually { executor.heldJobs == Set(gang.jobs.map(\.id)) }
        try await eventually { try await Self.states(next, gang) == [.running] }

        // Now all of it is lost while it runs, and something else comes first.
        let again = DirectedExecutor(mode: .holds, cores: 1)
        let small = try await ServiceFixture(afterCrashOf: next, cores: 1, queueLimit: 9, executor: again)
        // With one core it can never start together: it fails, with the reason.
        for job in gang.jobs {
            let failed = try await small.end(of: job.id)
            #expect(failed.state == .failed && failed.message?.contains("2 cells at the same time") == true)
        }
        for job in gang.jobs { executor.finish(job.id) }
        killed.executor.finish(first.id)
        await killed.panal.shutdown()
        await next.panal.shutdown()
    }
}
