import Logging
import PanalCore
import PanalManifest
import PanalService
import PanalStore
import Testing

@Suite struct RestartTests {
    /// Killed, with its launcher, while one job ran and two waited: no job is lost, the order stays, and what ran begins again under
    /// a new number.
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
        let again = try await next.end(of: first.id)
        #expect(again.state == .finished)
        #expect(again.attempt == 2)
        #expect(again.output.bytes == 6)
        #expect(try await next.end(of: second.id).state == .finished)
        #expect(try await next.end(of: third.id).state == .finished)
        #expect(next.executor.attempts.map(\.arguments.last) == ["3", "two", "three"])
        #expect(next.executor.attempts.map(\.id.number) == [2, 1, 1])
        let history = try await next.panal.history(next.ana, first.id)
        #expect(
            history.map(\.state) == [
                .queued, .configuring, .deploying, .running, .queued, .configuring, .deploying, .running, .finishing,
                .finished,
            ])
        #expect(history[4].message == "attempt 2: the server and its launcher were gone while it ran")
        #expect(try await next.end(of: try await next.submit().id).state == .finished)
        killed.executor.finish(first.id)
        await killed.panal.shutdown()
    }

    /// The last attempt of all: Panal's fault, and the job has failed with what it had written.
    @Test func attemptsHaveAnEnd() async throws {
        let killed = try await ServiceFixture(cores: 1, executor: .holds)
        try await killed.publish()
        let first = try await killed.submit()
        try await eventually { killed.executor.heldJobs == [first.id] }
        try await eventually { try await killed.panal.job(killed.ana, first.id).state == .running }
        try killed.executor.write("so far\n", for: first.id)
        let next = try await ServiceFixture(afterCrashOf: killed, cores: 1, queueLimit: 1, attempts: 1)
        let failed = try await next.panal.job(next.ana, first.id)
        #expect(failed.state == .failed)
        #expect(failed.output.bytes == 7)
        if case .systemError(let error)? = failed.outcome {
            #expect(error.step == "service.lost")
        } else {
            Issue.record("a job that Panal gave up is Panal's fault")
        }
        killed.executor.finish(first.id)
        await killed.panal.shutdown()
    }

    /// A result of an attempt that has been replaced is not accepted, nor is anything of a server that another has replaced.
    @Test func staleResultsAreDiscarded() async throws {
        let old = try await ServiceFixture(cores: 1, executor: .holds)
        try await old.publish()
        let job = try await old.submit()
        try await eventually { try await old.panal.job(old.ana, job.id).state == .running }
        let attempt = try #require(old.executor.attempts.first?.id)
        let now = old.clock.now()
        let retry = AttemptID(job: job.id, number: 2, nonce: 7)
        let again = JobChange(to: .queued, at: now, retry: retry)
        #expect(try await old.store.change(job.id, attempt: attempt, from: .running, [again]) == .queued)
        #expect(try await old.store.job(job.id)?.attempt == 2)
        let ways = [JobChange(to: .configuring, at: now), JobChange(to: .deploying, at: now)]
        _ = try await old.store.change(job.id, from: .queued, ways)
        let end = JobChange(to: .failed, at: now)
        #expect(try await old.store.change(job.id, attempt: attempt, from: .deploying, [end]) == nil)
        let forged = AttemptID(job: job.id, number: 2, nonce: 8)
        #expect(try await old.store.change(job.id, attempt: forged, from: .deploying, [end]) == nil)
        let other = try SQLiteStore(path: old.path + "/panal.sqlite")
        try await other.claim()
        await #expect(throws: StoreError.superseded) {
            _ = try await old.store.change(job.id, attempt: retry, from: .deploying, [end])
        }
        #expect(try await other.change(job.id, attempt: retry, from: .deploying, [end]) == .failed)
        try other.close()
    }

    /// The launcher is gone: what ran is queued again, and nothing is drained into the same failure.
    @Test func whatWaitsOutlivesTheExecutor() async throws {
        let fixture = try await ServiceFixture(cores: 1, executor: .holds)
        try await fixture.publish()
        let first = try await fixture.submit()
        let second = try await fixture.submit(value: "two")
        try await eventually { fixture.executor.heldJobs == [first.id] }
        fixture.executor.lose()
        try await eventually { try await fixture.panal.job(fixture.ana, first.id).attempt == 2 }
        await fixture.panal.shutdown()
        for job in [first, second] { #expect(try await fixture.panal.job(fixture.ana, job.id).state == .queued) }
        #expect(fixture.executor.attempts.count == 1)
        let next = try await ServiceFixture(afterCrashOf: fixture, cores: 1, queueLimit: 1)
        for job in [first, second] { #expect(try await next.end(of: job.id).state == .finished) }
    }

    /// Program folders and inputs survive a start; an upload that nothing refers to does not.
    @Test func contentThatIsNeededStays() async throws {
        let killed = try await ServiceFixture()
        let content = try await killed.publish().entry.version.content
        let orphan = try await killed.put([1, 2, 3])
        let next = try await ServiceFixture(afterCrashOf: killed, cores: 1, queueLimit: 1)
        #expect(try await next.blobs.program(content).size > 0)
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
        #expect(try await next.end(of: job.id).state == .finished)
        #expect(next.executor.attempts.map(\.id.number) == [2])
    }

    /// However often the service is stopped: that is no failure that counts.
    @Test func aStopEndsWhatRunsAndKeepsWhatWaits() async throws {
        let fixture = try await ServiceFixture(cores: 1, executor: .holds)
        try await fixture.publish()
        let first = try await fixture.submit()
        let second = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [first.id] }
        let waiter = Task { try await fixture.panal.wait(fixture.ana, job: first.id, atMost: .seconds(20)) }
        await fixture.panal.shutdown()
        await fixture.panal.shutdown()
        waiter.cancel()
        let taken = try await fixture.store.job(first.id)
        #expect(taken?.state == .queued)
        #expect(taken?.message == "attempt 2: the service was stopped while it ran")
        #expect(try await fixture.panal.job(fixture.ana, second.id).state == .queued)
        #expect(fixture.executor.attempts.count == 1)
        #expect(await fixture.panal.health().takesJobs == false)
        let error = await refused(.overloaded) { _ = try await fixture.submit() }
        #expect(error?.retryAfter != nil)
        let next = try await ServiceFixture(afterCrashOf: fixture, cores: 1, queueLimit: 1)
        for job in [first, second] { #expect(try await next.end(of: job.id).state == .finished) }
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
