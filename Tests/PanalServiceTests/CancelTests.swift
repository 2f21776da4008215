import PanalCore
import PanalService
import PanalStore
import Testing

@Suite struct CancelTests {
    @Test func aWaitingJobIsCancelledAtOnce() async throws {
        let fixture = try await ServiceFixture(cores: 1, executor: .holds)
        try await fixture.publish()
        let first = try await fixture.submit()
        let second = try await fixture.submit()
        let third = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [first.id] }
        let cancelled = try await fixture.panal.cancel(fixture.ana, second.id)
        #expect(cancelled.state == .cancelled)
        #expect(cancelled.outcome == .cancelled)
        #expect(cancelled.message == "cancelled by ana")
        #expect(try await fixture.panal.cancel(fixture.ana, second.id) == cancelled)
        fixture.executor.finish(first.id)
        try await eventually { fixture.executor.heldJobs == [third.id] }
        fixture.executor.finish(third.id)
        #expect(try await fixture.end(of: third.id).state == .finished)
        #expect(fixture.executor.attempts.map(\.id.job) == [first.id, third.id])
        #expect(try await fixture.panal.history(fixture.ana, second.id).map(\.state) == [.queued, .cancelled])
    }

    /// While the cell is set up, and while the program runs.
    @Test(arguments: [false, true])
    func aStartedJobIsCancelledByTheExecutor(isRunning: Bool) async throws {
        let fixture = try await ServiceFixture(executor: isRunning ? .holds : .holdsBeforeStart)
        try await fixture.publish()
        let job = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [job.id] }
        if isRunning { try await eventually { try await fixture.panal.job(fixture.ana, job.id).state == .running } }
        _ = try await fixture.panal.cancel(fixture.admin, job.id)
        let ended = try await fixture.end(of: job.id)
        #expect(ended.state == .cancelled)
        #expect(ended.message == "cancelled by admin")
        #expect(ended.output.bytes == 5)
        #expect((ended.started != nil) == isRunning)
        let before: [JobState] = isRunning ? [.deploying, .running] : [.deploying]
        let states = try await fixture.panal.history(fixture.ana, job.id).map(\.state)
        #expect(states == [.queued, .configuring] + before + [.cancelled])
        try await eventually { await fixture.panal.health().runningJobs == 0 }
    }

    /// Acknowledged while the program ran, and then the server was killed, with its launcher or without: it is not made again, nor
    /// does what goes on come to another end.
    @Test(arguments: [false, true])
    func anAcknowledgedCancelOutlivesTheServer(isHeld: Bool) async throws {
        let killed = try await ServiceFixture(cores: 1, executor: .holds)
        try await killed.publish()
        let job = try await killed.submit()
        try await eventually { try await killed.panal.job(killed.ana, job.id).state == .running }
        try await killed.store.noteCancel(of: job.id, by: "ana")
        let kept = isHeld ? killed.executor.attempts.map(\.id) : []
        let next = try await ServiceFixture(
            afterCrashOf: killed, cores: 1, queueLimit: 1,
            executor: DirectedExecutor(mode: .holds, cores: 1, keeping: kept))
        if isHeld {
            #expect(next.executor.cancels.contains(kept[0]))
            // The executor may have been asked before it had taken the attempt up.
            try await eventually {
                next.executor.finish(job.id, .cancelled)
                return try await next.panal.job(next.ana, job.id).state.isFinal
            }
        }
        let ended = try await next.end(of: job.id)
        #expect(ended.state == .cancelled)
        #expect(ended.message == "cancelled by ana")
        #expect(ended.attempt == 1)
        killed.executor.finish(job.id)
        await killed.panal.shutdown()
    }

    /// Its launcher dies before the end that was asked for has come: nobody wants it to begin again.
    @Test func whatWasCancelledIsNotRepeated() async throws {
        let fixture = try await ServiceFixture(cores: 1, executor: .holds)
        try await fixture.publish()
        let job = try await fixture.submit()
        try await eventually { try await fixture.panal.job(fixture.ana, job.id).state == .running }
        fixture.executor.isDeaf = true
        _ = try await fixture.panal.cancel(fixture.ana, job.id)
        fixture.executor.lose()
        let ended = try await fixture.end(of: job.id)
        #expect(ended.state == .cancelled)
        #expect(ended.attempt == 1)
    }

    @Test func anEndedJobStaysAsItIs() async throws {
        let fixture = try await ServiceFixture()
        try await fixture.publish()
        let job = try await fixture.end(of: try await fixture.submit().id)
        #expect(try await fixture.panal.cancel(fixture.ana, job.id) == job)
        #expect(fixture.executor.cancels.isEmpty)
    }

    /// Cancels at any moment of a job's life: it comes to exactly one end, and its cores come back.
    @Test func cancelsRaceWithEverything() async throws {
        let fixture = try await ServiceFixture(cores: 2)
        try await fixture.publish()
        let jobs = try await withThrowingTaskGroup(of: JobID.self) { group in
            for number in 0..<60 {
                group.addTask {
                    let job = try await fixture.submit()
                    try await Task.sleep(for: .microseconds(number * 150))
                    _ = try await fixture.panal.cancel(fixture.ana, job.id)
                    return job.id
                }
            }
            return try await group.reduce(into: [JobID]()) { $0.append($1) }
        }
        for id in jobs {
            let job = try await fixture.end(of: id)
            #expect(job.state == .finished || job.state == .cancelled)
            let states = try await fixture.panal.history(fixture.ana, id).map(\.state)
            #expect(states.filter(\.isFinal) == [job.state])
        }
        try await eventually {
            let health = await fixture.panal.health()
            return health.runningJobs == 0 && health.waitingJobs == 0
        }
        _ = try await fixture.end(of: try await fixture.submit().id)
    }
}
