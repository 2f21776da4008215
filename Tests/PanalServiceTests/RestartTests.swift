import Logging
import PanalCore
import PanalManifest
import PanalService
import PanalStore
import Testing

@Suite struct RestartTests {
    /// Killed while one job ran and two waited: no job is lost, none runs twice, the order stays.
    @Test func leftoversAreSettled() async throws {
        let killed = try await ServiceFixture(cores: 1, executor: .holds)
        try await killed.publish()
        let first = try await killed.submit()
        let second = try await killed.submit(value: "two")
        let third = try await killed.submit(value: "three")
        try await eventually { try await killed.panal.job(killed.ana, first.id).state == .running }
        try await eventually { killed.executor.heldJobs == [first.id] }
        try killed.executor.write("so far\n", for: first.id)
        // The queue has become shorter than what waits in it: what was acknowledged is taken all the same.
        let next = try await ServiceFixture(afterCrashOf: killed, cores: 1, queueLimit: 1)
        let failed = try await next.panal.job(next.ana, first.id)
        #expect(failed.state == .failed)
        #expect(failed.message == "the service was stopped while it ran")
        #expect(failed.output.bytes == 7)
        if case .systemError(let error)? = failed.outcome {
            #expect(error.step == "service.stopped")
        } else {
            Issue.record("a job that Panal gave up is Panal's fault")
        }
        #expect(try await next.end(of: second.id).state == .finished)
        #expect(try await next.end(of: third.id).state == .finished)
        #expect(next.executor.attempts.map(\.arguments.last) == ["two", "three"])
        #expect(try await next.end(of: try await next.submit().id).state == .finished)
        killed.executor.finish(first.id)
        await killed.panal.shutdown()
    }

    /// The launcher is gone: what ran has failed, and what waits is not drained into the same failure but kept.
    @Test func whatWaitsOutlivesTheExecutor() async throws {
        let fixture = try await ServiceFixture(cores: 1, executor: .holds)
        try await fixture.publish()
        let first = try await fixture.submit()
        let second = try await fixture.submit(value: "two")
        try await eventually { fixture.executor.heldJobs == [first.id] }
        fixture.executor.lose()
        #expect(try await fixture.end(of: first.id).state == .failed)
        #expect(try await fixture.panal.job(fixture.ana, second.id).state == .queued)
        await fixture.panal.shutdown()
        #expect(try await fixture.panal.job(fixture.ana, second.id).state == .queued)
        #expect(fixture.executor.attempts.count == 1)
    }

    /// Program folders and inputs survive a start; an upload that nothing refers to does not.
    @Test func contentThatIsNeededStays() async throws {
        let killed = try await ServiceFixture()
        let content = try await killed.publish().entry.version.content
        let orphan = try await killed.put([1, 2, 3])
        let next = try await ServiceFixture(afterCrashOf: killed, cores: 1, queueLimit: 1)
        #expect(try await next.blobs.hasProgram(content))
        #expect(try await next.blobs.size(of: orphan) == nil)
        #expect(try await killed.blobs.size(of: orphan) == 3)
    }

    /// Longer than a few tries: neither the result nor the job that waits behind it is left lying until the next start.
    @Test(arguments: [true, false]) func aFullDiskIsWaitedFor(isRunning: Bool) async throws {
        let fixture = try await ServiceFixture(cores: 1, executor: .holds)
        try await fixture.publish()
        fixture.stubborn.isFull = !isRunning
        let first = try await fixture.submit()
        let second = try await fixture.submit()
        if isRunning {
            try await eventually { fixture.executor.heldJobs == [first.id] }
            fixture.stubborn.isFull = true
            fixture.executor.finish(first.id)
        }
        try await eventually { fixture.stubborn.refusals > 6 }
        #expect(try await fixture.panal.job(fixture.ana, second.id).state == .queued)
        fixture.stubborn.isFull = false
        for job in [first, second] {
            if !isRunning || job.id == second.id {
                try await eventually { fixture.executor.heldJobs == [job.id] }
                fixture.executor.finish(job.id)
            }
            #expect(try await fixture.end(of: job.id).state == .finished)
        }
    }

    @Test func aStopDoesNotWaitForADiskForEver() async throws {
        let fixture = try await ServiceFixture(cores: 1, executor: .holds)
        try await fixture.publish()
        let job = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [job.id] }
        fixture.stubborn.isFull = true
        await fixture.panal.shutdown()
        let next = try await ServiceFixture(afterCrashOf: fixture, cores: 1, queueLimit: 1)
        #expect(try await next.end(of: job.id).state == .failed)
    }

    @Test func aStopEndsWhatRunsAndKeepsWhatWaits() async throws {
        let fixture = try await ServiceFixture(cores: 1, executor: .holds)
        try await fixture.publish()
        let first = try await fixture.submit()
        let second = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [first.id] }
        let waiter = Task { try await fixture.panal.wait(fixture.ana, job: first.id, atMost: .seconds(20)) }
        await fixture.panal.shutdown()
        await fixture.panal.shutdown()
        #expect(try await waiter.value.state == .failed)
        #expect(try await fixture.panal.job(fixture.ana, first.id).message == "the service was stopped while it ran")
        #expect(try await fixture.panal.job(fixture.ana, second.id).state == .queued)
        #expect(fixture.executor.attempts.count == 1)
        #expect(await fixture.panal.health().takesJobs == false)
        let error = await refused(.overloaded) { _ = try await fixture.submit() }
        #expect(error?.retryAfter != nil)
        let next = try await ServiceFixture(afterCrashOf: fixture, cores: 1, queueLimit: 1)
        #expect(try await next.end(of: second.id).state == .finished)
    }

    @Test func beforeItsStartNothingIsTaken() async throws {
        let fixture = try await ServiceFixture()
        try await fixture.publish()
        let unstarted = Panal(
            store: fixture.store, blobs: fixture.blobs, executor: fixture.executor, profiles: [], clock: fixture.clock,
            logger: .init(label: "test"))
        #expect(await unstarted.health().takesJobs == false)
        await refused(.overloaded) {
            _ = try await unstarted.submit(fixture.ana, program: "filter", submission: .init(values: [:]))
        }
    }
}
