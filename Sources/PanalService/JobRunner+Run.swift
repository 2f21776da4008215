import Logging
import PanalCore
import PanalScheduler
import Synchronization

/// One job's way from its start to its end.
extension JobRunner {
    func run(_ attempt: AttemptSpec, _ lease: consuming CoreLease) async {
        let job = attempt.id.job
        var isAgain = false
        do {
            if try await prepare(attempt) { isAgain = try await carry(attempt) }
        } catch {
            // The service stops and the store still takes no changes: the next start finds the job in a state that is not final.
            logger.error("a job's state could not be stored", metadata: ["job": "\(job)", "error": "\(error)"])
        }
        await leave(job, lease, isAgain: isAgain)
    }

    /// Gives back what the job held; queued again where it has to begin again.
    func leave(_ job: JobID, _ lease: consuming CoreLease, isAgain: Bool) async {
        let live = state.withLock { state in
            let live = state.live[job]
            Self.forget(job, in: &state)
            return live
        }
        signals.post(.end, about: job)
        guard isAgain, let live else { return }
        // The scheduler forgets a ticket before it takes it again, so this end is not left to the lease's own time.
        lease.noteGivenBack()
        carryOut(await scheduler.finished(live.ticket))
        guard !isStopping else { return }
        if let name = live.cancelledBy {
            let now = clock.now()
            let changes = JobEnding.cancelledBeforeStart(by: name).changes(endedAt: now, now: now)
            if (try? await store.change(job, from: .queued, changes)) != nil { return signals.post(.end, about: job) }
        }
        let again = SubmittedJob(attempt: live.attempt, manifest: live.manifest, demand: live.demand)
        let refusal = await resubmit([(again, live.ticket.number)])
        guard let refusal else { return }
        let cause = SystemError(step: "scheduler.retry", detail: refusal.reason)
        let change = JobChange(
            to: .failed, at: clock.now(), message: refusal.reason, result: JobResult(outcome: .systemError(cause)))
        _ = try? await patiently(job) { [store] in try await store.change(job, from: .queued, [change]) }
        signals.post(.end, about: job)
    }

    /// Out of the queue, where it is not stored so yet; false when somebody cancelled the job first.
    private func prepare(_ attempt: AttemptSpec) async throws -> Bool {
        if state.withLock({ $0.live[attempt.id.job]?.isPrepared == true }) {
            noteState(.deploying, of: attempt.id.job)
            return true
        }
        let now = clock.now()
        let changes = [
            JobChange(to: .configuring, at: now, cores: attempt.cores), JobChange(to: .deploying, at: now),
        ]
        let changed = try await patiently(attempt.id.job) { [store] in
            try await store.change(attempt.id.job, from: .queued, changes) != nil
        }
        guard changed else { return false }
        noteState(.deploying, of: attempt.id.job)
        return true
    }

    /// From `deploying` to the end; true when the job is queued again.
    private func carry(_ attempt: AttemptSpec) async throws -> Bool {
        let job = attempt.id.job
        let sink: any JobSink
        do {
            sink = try await blobs.sink(for: attempt.id) { [signals] in signals.post(.output, about: job) }
        } catch {
            return try await end(attempt, from: .deploying, streamsFailure(job, error))
        }
        guard handOver(job) else {
            _ = try? await sink.close()
            return try await end(
                attempt, from: .deploying, AttemptResult(outcome: .cancelled, usage: ResourceUsage()))
        }
        let (start, home) = (StartNotice(), JobHome.current)
        let result = await executor.run(attempt, sink: sink) { [self] in
            noteStart(start, of: attempt.id, at: clock.now(), from: .deploying, home)
        }
        return try await close(attempt, sink, result, start, before: .deploying)
    }

    func streamsFailure(_ job: JobID, _ error: any Error) -> AttemptResult {
        logger.error(
            "a job's streams cannot be made", metadata: ["job": "\(job)", "error": .string(String(reflecting: error))])
        let cause = SystemError(step: "store.streams", detail: "\(error)")
        return AttemptResult(outcome: .systemError(cause), usage: ResourceUsage())
    }

    /// The executor is done with an attempt; `before` is the state that is stored while the program has not been started.
    func close(
        _ attempt: AttemptSpec, _ sink: any JobSink, _ result: AttemptResult, _ start: StartNotice,
        before: JobState
    ) async throws -> Bool {
        let ended = clock.now()
        var result = result
        do {
            let stored = try await sink.close()
            result.output.bytes = stored.output
            result.error.bytes = stored.error
        } catch {
            result.outcome = .systemError(SystemError(step: "store.streams", detail: "\(error)"))
        }
        let (noted, stored) = (await start.end(), await leaveCopy(attempt.id.job))
        return switch noted {
        // One that was being copied ends from there.
        case .stored:
            try await end(
                attempt, from: stored == .copyRequested || stored == .copying ? stored ?? .running : .running, result,
                at: ended)
        case .unstored(let moment): try await end(attempt, from: before, result, began: moment, at: ended)
        case .never: try await end(attempt, from: before, result, at: ended)
        }
    }

    /// Marks the attempt as the executor's; false when the job was cancelled before.
    func handOver(_ job: JobID) -> Bool {
        state.withLock { state in
            guard state.live[job]?.isCancelled == false else { return false }
            state.live[job]?.isHandedOver = true
            return true
        }
    }

    /// The program runs; called by the executor's thread. It is stored a moment later, with all others that began meanwhile.
    func noteStart(
        _ notice: StartNotice, of attempt: AttemptID, at moment: Timestamp, from expected: JobState,
        _ home: (any TaskExecutor)? = nil
    ) {
        notice.note(moment)
        let (isFirst, isCancelled) = state.withLock { state in
            state.starts.append(LateStart(notice: notice, attempt: attempt, expected: expected))
            return (state.starts.count == 1, state.live[attempt.job]?.isCancelled == true)
        }
        // A cancel that came before the executor knew the attempt was ignored there: repeat it.
        if isCancelled { Task { await executor.cancel(attempt) } }
        guard isFirst else { return }
        Task(executorPreference: home) {
            // The end of a short program is told in the same moment, to the same thread, and stands behind this there. A timer would wake
            // three others by then, and cost as much as the half of such a job.
            for _ in 0..<2 { await Task.yield() }
            guard !self.haveStartsEnded() else { return }
            try? await Task.sleep(for: Self.startPause)
            self.storeStarts()
        }
    }

    /// Forgets the starts of those that have ended; true when no other is left.
    private func haveStartsEnded() -> Bool {
        state.withLock { state in
            state.starts.removeAll { $0.notice.isOver }
            return state.starts.isEmpty
        }
    }

    /// How long a job may run before others see it run.
    private static let startPause = Duration.milliseconds(20)

    private func storeStarts() {
        let starts = state.withLock { state in
            let starts = state.starts
            state.starts = []
            return starts
        }
        for start in starts {
            start.notice.store { await self.storeStart(of: start.attempt, at: $0, from: start.expected) }
        }
    }

    /// False when it could not be stored, which the end makes good.
    private func storeStart(of attempt: AttemptID, at moment: Timestamp, from expected: JobState) async -> Bool {
        let change = JobChange(to: .running, at: moment, started: moment)
        let changed = try? await patiently(attempt.job) { [store] in
            try await store.change(attempt.job, from: expected, [change])
        }
        guard changed == .running else { return false }
        noteState(.running, of: attempt.job)
        return true
    }

    func noteState(_ jobState: JobState, of job: JobID) {
        let moment = clock.elapsed()
        state.withLock { state in
            state.live[job]?.state = jobState
            state.live[job]?.since = moment
        }
        signals.post(.state, about: job)
    }

    /// Stores what an attempt came to, and that it `began` where that is not stored; true when the job is queued again, because the fault
    /// was Panal's.
    func end(
        _ attempt: AttemptSpec, from expected: JobState, _ result: AttemptResult, began: Timestamp? = nil,
        at ended: Timestamp? = nil
    ) async throws -> Bool {
        let job = attempt.id.job
        let (live, isStopping, isLeaving) = state.withLock { ($0.live[job], $0.isStopping, $0.isLeaving) }
        // It goes on without this process; the next one takes it up in the state that is stored.
        if isLeaving, case .systemError(let error) = result.outcome, error.step == "launcher.detached" { return false }
        var ending = JobEnding(
            of: result, cancelledBy: live?.cancelledBy, isStopping: isStopping, isEvicted: live?.isEvicted == true,
            overdue: live?.overdue, endedBehindCopy: live?.endedBehindCopy, manifest: live?.manifest)
        let mayRepeat = ending.isPanals && (ending.isTakenBack || attempt.id.number < mostAttempts)
        let retry = mayRepeat ? nextAttempt(after: attempt.id) : nil
        if retry == nil { ending = ending.last(attempt.id.number, of: mostAttempts) }
        let isStored = try await patiently(job) { [store, clock, ending] in
            let now = clock.now()
            let start = began.map { [JobChange(to: .running, at: $0, started: $0)] } ?? []
            let changes =
                retry.map { [ending.again($0, at: now)] } ?? ending.changes(endedAt: ended ?? now, now: now)
            return try await store.change(job, attempt: attempt.id, from: expected, start + changes) != nil
        }
        // Until here an executor that outlives this process holds the result for the next one.
        await executor.settle(attempt.id)
        guard isStored else {
            logger.error("a job's state moved on without its runner", metadata: ["job": "\(job)"])
            return false
        }
        state.withLock { state in
            if let retry {
                state.retries += 1
                state.live[job]?.attempt.id = retry
                state.live[job]?.attempt.cores = []
            } else {
                state.ends[ending.state, default: 0] += 1
            }
        }
        return retry != nil
    }

    func nextAttempt(after attempt: AttemptID) -> AttemptID {
        var generator = SystemRandomNumberGenerator()
        return AttemptID(job: attempt.job, number: attempt.number + 1, nonce: generator.next())
    }

    /// Repeats what the store does not take until it does: a disk that is full is emptied some time, and until then the result is
    /// kept and the reservation with it, so that no more is started than can be stored. A service that stops gives up after a moment, and so does what no rule of
    /// the store allows.
    func patiently<Value: Sendable>(
        _ job: JobID, _ step: @Sendable () async throws -> Value
    ) async throws -> Value {
        var tries = 0
        while true {
            do {
                return try await step()
            } catch  where tries < 5 || !(isStopping || error is StoreError) {
                tries += 1
                let metadata: Logger.Metadata = ["job": "\(job)", "error": "\(error)", "tries": "\(tries)"]
                logger.warning("a job's state is not stored yet", metadata: metadata)
                try? await Task.sleep(for: .milliseconds(min(100 << min(tries, 5), 2_000)))
            }
        }
    }
}
