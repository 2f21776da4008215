import PanalCore
import PanalScheduler
import PanalService
import PanalStore
import Testing

/// Taking over, standing still, deadlines, priorities, and what is told of the queue.
@Suite struct LifecycleTests {
    /// Killed while a job runs whose cell goes on: the next server takes it up, its cores are not given to anybody meanwhile, and it
    /// ends once.
    @Test func aCellThatGoesOnIsTakenUp() async throws {
        let killed = try await ServiceFixture(cores: 1, executor: .holds)
        try await killed.publish()
        let first = try await killed.submit()
        let second = try await killed.submit(value: "two")
        try await eventually { try await killed.panal.job(killed.ana, first.id).state == .running }
        try await eventually { killed.executor.heldJobs == [first.id] }
        try killed.executor.write("so far\n", for: first.id)
        let attempt = try #require(killed.executor.attempts.first?.id)
        let stale = AttemptID(job: first.id, number: 1, nonce: attempt.nonce &+ 1)
        let executor = DirectedExecutor(mode: .holds, cores: 1, keeping: [attempt, stale])
        let next = try await ServiceFixture(afterCrashOf: killed, cores: 1, queueLimit: 9, executor: executor)
        try await eventually { try await next.panal.job(next.ana, first.id).state == .running }
        #expect(await executor.held() == [attempt])
        #expect(executor.attempts.isEmpty)
        #expect(try await next.panal.job(next.ana, second.id).state == .queued)
        executor.finish(first.id)
        let ended = try await next.end(of: first.id)
        #expect(ended.state == .finished)
        #expect(ended.attempt == 1)
        #expect(ended.output.bytes == "so far\nresumed\n".utf8.count)
        #expect(executor.settled == [attempt])
        let history = try await next.panal.history(next.ana, first.id)
        #expect(history.map(\.state).suffix(4) == [.reconnecting, .running, .finishing, .finished])
        try await eventually { executor.heldJobs == [second.id] }
        executor.finish(second.id)
        #expect(try await next.end(of: second.id).state == .finished)
        killed.executor.finish(first.id)
        await killed.panal.shutdown()
    }

    /// What an earlier server ended for a reason of its own, to make room or to stop, and could not store any more, nobody has cancelled.
    @Test func whatNobodyCancelledBeginsAgain() async throws {
        let killed = try await ServiceFixture(cores: 1, executor: .holds)
        try await killed.publish()
        let job = try await killed.submit()
        try await eventually { try await killed.panal.job(killed.ana, job.id).state == .running }
        let attempt = try #require(killed.executor.attempts.first?.id)
        let executor = DirectedExecutor(mode: .holds, cores: 1, keeping: [attempt])
        let next = try await ServiceFixture(afterCrashOf: killed, cores: 1, queueLimit: 9, executor: executor)
        try await eventually { executor.heldJobs == [job.id] }
        executor.finish(job.id, .cancelled)
        try await eventually { executor.attempts.map(\.id.job) == [job.id] && executor.heldJobs == [job.id] }
        executor.finish(job.id)
        let ended = try await next.end(of: job.id)
        #expect(ended.state == .finished && ended.attempt == 2, "\(ended)")
        killed.executor.finish(job.id)
        await killed.panal.shutdown()
    }

    /// What somebody has cancelled is, whoever comes to hear of its end.
    @Test func aCancelOutlivesTheServer() async throws {
        let killed = try await ServiceFixture(cores: 1, executor: .holds)
        try await killed.publish()
        let job = try await killed.submit()
        try await eventually { try await killed.panal.job(killed.ana, job.id).state == .running }
        let attempt = try #require(killed.executor.attempts.first?.id)
        try await killed.store.noteCancel(of: job.id, by: "ana")
        let executor = DirectedExecutor(mode: .holds, cores: 1, keeping: [attempt])
        let next = try await ServiceFixture(afterCrashOf: killed, cores: 1, queueLimit: 9, executor: executor)
        try await eventually {
            executor.finish(job.id, .cancelled)
            return try await next.panal.job(next.ana, job.id).state.isFinal
        }
        #expect(try await next.end(of: job.id).message == "cancelled by ana")
        #expect(executor.attempts.isEmpty)
        killed.executor.finish(job.id)
        await killed.panal.shutdown()
    }

    /// An opportunistic job computes while nobody else does, and stands still before another starts on its core.
    @Test func opportunisticJobsMakeRoom() async throws {
        let fixture = try await ServiceFixture(cores: 1, executor: .holds, opportunisticMemory: 1 << 30)
        try await fixture.publish()
        let guest = try await fixture.submit(priority: .opportunistic)
        try await eventually { fixture.executor.heldJobs == [guest.id] }
        let other = try await fixture.submit(profile: "small")
        try await eventually { fixture.executor.heldJobs == [guest.id, other.id] }
        let (start, freeze, thaw) = ("start \(other.id)", "freeze \(guest.id)", "thaw \(guest.id)")
        #expect(fixture.executor.log == ["start \(guest.id)", freeze, start])
        try await eventually { try await fixture.panal.job(fixture.ana, guest.id).state == .running }
        let frozen = try await fixture.panal.job(fixture.ana, guest.id)
        #expect(frozen.message == "it stands still while its cores are needed")
        fixture.executor.finish(other.id)
        try await eventually { fixture.executor.log.last == thaw }
        try await eventually { try await fixture.panal.job(fixture.ana, guest.id).message == nil }
        fixture.executor.finish(guest.id)
        #expect(try await fixture.end(of: guest.id).state == .finished)
    }

    /// One that cannot stand still is ended and begins again when there is room; no attempt is lost by that.
    @Test func whoCannotStandStillBeginsAgain() async throws {
        let fixture = try await ServiceFixture(cores: 1, executor: .holds, opportunisticMemory: 1 << 30)
        try await fixture.publish()
        let guest = try await fixture.submit(priority: .opportunistic)
        try await eventually { fixture.executor.heldJobs == [guest.id] }
        fixture.executor.cannotFreeze = true
        let other = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [other.id] }
        try await eventually { try await fixture.panal.job(fixture.ana, guest.id).state == .queued }
        fixture.executor.finish(other.id)
        try await eventually { fixture.executor.heldJobs == [guest.id] }
        #expect(try await fixture.panal.job(fixture.ana, guest.id).attempt == 2)
        fixture.executor.finish(guest.id)
        #expect(try await fixture.end(of: guest.id).state == .finished)
    }

    @Test func opportunisticJobsNeedMemorySetAside() async throws {
        let fixture = try await ServiceFixture(cores: 1)
        try await fixture.publish()
        let error = await refused(.invalid) { _ = try await fixture.submit(priority: .opportunistic) }
        #expect(error?.mistakes.first?.detail == "is opportunistic, and no memory is set aside for such jobs")
    }

    /// A cell that does not come to stand ends at its deadline, and that is not repeated for ever.
    @Test func aDeadlineEndsWhatDoesNotCome() async throws {
        let fixture = try await ServiceFixture(
            cores: 1, executor: .holdsBeforeStart, deadlines: StateDeadlines(deploying: .milliseconds(50)))
        try await fixture.publish()
        let keeper = Task { await fixture.panal.run() }
        let job = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [job.id] }
        fixture.clock.advance(.milliseconds(60))
        let ended = try await fixture.end(of: job.id)
        #expect(ended.state == .failed)
        #expect(ended.message == "it was deploying for longer than 1 s")
        keeper.cancel()
    }

    /// Somebody sets the clock while jobs are on their way: nothing has lasted longer by that, and nobody waits for ever.
    @Test(arguments: [-400 * 86_400, 400 * 86_400]) func theClockIsSet(seconds: Int) async throws {
        let fixture = try await ServiceFixture(cores: 1, executor: .holdsBeforeStart)
        try await fixture.publish()
        let keeper = Task { await fixture.panal.run() }
        let first = try await fixture.submit()
        let second = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [first.id] }
        fixture.clock.step(.seconds(seconds))
        let third = try await fixture.submit(as: fixture.ana, priority: .low)
        for job in [first, second, third] {
            try await eventually { fixture.executor.heldJobs == [job.id] }
            fixture.executor.finish(job.id)
            #expect(try await fixture.end(of: job.id).state == .finished)
        }
        #expect(fixture.executor.cancels.isEmpty)
        keeper.cancel()
    }

    /// Waiting in vain has an end too; the place in the queue goes with it.
    @Test func aTurnThatNeverComesHasAnEnd() async throws {
        let fixture = try await ServiceFixture(
            cores: 1, executor: .holds, deadlines: StateDeadlines(turn: .milliseconds(50)))
        try await fixture.publish()
        let keeper = Task { await fixture.panal.run() }
        let first = try await fixture.submit()
        let second = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [first.id] }
        fixture.clock.advance(.milliseconds(60))
        let ended = try await fixture.end(of: second.id)
        #expect(ended.state == .failed)
        #expect(await fixture.panal.health().waitingJobs == 0)
        fixture.executor.finish(first.id)
        #expect(try await fixture.end(of: first.id).state == .finished)
        keeper.cancel()
    }

    /// Fair share: whoever has used nothing comes before whoever has queued much; `high` is for administrators.
    @Test func theOrderIsThatOfTheSchedule() async throws {
        let fixture = try await ServiceFixture(cores: 1, executor: .holds)
        try await fixture.publish(isPublic: true)
        let first = try await fixture.submit()
        _ = try await fixture.submit()
        let light = try await fixture.submit(as: fixture.berta)
        await refused(.forbidden) { _ = try await fixture.submit(priority: .high) }
        let urgent = try await fixture.submit(as: fixture.admin, priority: .high)
        try await eventually { fixture.executor.heldJobs == [first.id] }
        for job in [first, urgent, light] {
            try await eventually { fixture.executor.heldJobs == [job.id] }
            fixture.clock.advance(.seconds(10))
            fixture.executor.finish(job.id)
        }
    }

    /// Everybody sees the whole queue, and of it their own jobs.
    @Test func theQueueIsExplained() async throws {
        let fixture = try await ServiceFixture(cores: 1, executor: .holds)
        try await fixture.publish(isPublic: true)
        let running = try await fixture.submit()
        let own = try await fixture.submit()
        let other = try await fixture.submit(as: fixture.berta)
        try await eventually { fixture.executor.heldJobs == [running.id] }
        let report = try await fixture.panal.queue(fixture.ana)
        #expect(report.waiting == 2 && report.running == 1 && report.utilisation == 1)
        #expect(report.entries.map(\.job) == [nil, own.id])
        #expect(report.entries.map(\.position) == [1, 2])
        #expect(report.entries[1].sentence?.contains("1 job is ahead") == true)
        #expect(report.entries[1].estimatedStart ?? fixture.clock.now() > fixture.clock.now())
        #expect(report.decisions.isEmpty)
        let whole = try await fixture.panal.queue(fixture.admin)
        #expect(whole.entries.map(\.job) == [other.id, own.id])
        #expect(whole.decisions.map(\.kind) == ["started"])
        let figures = await fixture.panal.figures()
        #expect(figures.waiting == 2 && figures.starts == 1 && figures.decisions == 3)
        fixture.executor.finish(running.id)
        #expect(try await fixture.end(of: running.id).state == .finished)
        #expect(await fixture.panal.figures().ends[.finished] == 1)
    }

    /// One user's part of the queue.
    @Test func aUsersPartOfTheQueueIsLimited() async throws {
        let limits = AccountLimits(runningJobs: 1, queuedJobs: 1)
        let fixture = try await ServiceFixture(cores: 2, executor: .holds, schedule: ScheduleSettings(users: limits))
        try await fixture.publish(isPublic: true)
        let first = try await fixture.submit()
        let second = try await fixture.submit()
        let error = await refused(.overloaded) { _ = try await fixture.submit() }
        #expect(error?.retryAfter != nil)
        let job = try await fixture.panal.job(fixture.ana, second.id)
        #expect(job.message?.contains("has 1 job running, the most that it may have") == true)
        let other = try await fixture.submit(as: fixture.berta)
        try await eventually { fixture.executor.heldJobs == [first.id, other.id] }
        for job in [first, second, other] {
            try await eventually { fixture.executor.heldJobs.contains(job.id) }
            fixture.executor.finish(job.id)
            #expect(try await fixture.end(of: job.id).state == .finished)
        }
    }
}
