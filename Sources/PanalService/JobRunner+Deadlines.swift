import Logging
import PanalCore
import PanalScheduler
import Synchronization

/// Every state that is not final has a deadline (`JobState.rule`). The time that a program may run is the executor's to keep; this is
/// for what should never last and for what waits in vain.
extension JobRunner {
    /// Until the task is cancelled. Looks again when the next deadline passes; one that comes up meanwhile is not earlier than the
    /// shortest of all.
    func watchDeadlines() async {
        while !Task.isCancelled, !isStopping {
            let now = clock.elapsed()
            for (job, state) in overdue(now) { await pass(job, state) }
            await passQueue(now)
            carryOut(await scheduler.apply(.tick))
            var pause = shortest
            for live in state.withLock({ Array($0.live.values) }) {
                guard let limit = limit(of: live) else { continue }
                pause = min(pause, max(.milliseconds(10), live.since + limit - now))
            }
            if let next = await scheduler.nextDeadline {
                pause = min(pause, max(.milliseconds(10), next - clock.now()))
            }
            try? await Task.sleep(for: pause)
        }
    }

    private var shortest: Duration {
        min(StateDeadlines.Kind.allCases.map { deadlines[$0] }.min() ?? .seconds(60), deadlines.turn)
    }

    /// How long the job may be in the state in which it is, beside `queued`.
    private func limit(of live: LiveJob) -> Duration? {
        switch live.state.rule.deadline {
        case .setting(.queued), .none: nil
        case .setting(let kind): deadlines[kind]
        // The executor ends it in time; only one that does not answer any more is late. Standing still is no running.
        case .timeLimit:
            live.demand.priority == .opportunistic ? nil : live.attempt.limits.wallTime + deadlines.finishing
        }
    }

    private func overdue(_ now: Duration) -> [(JobID, JobState)] {
        state.withLock { state in
            state.live.compactMap { job, live in
                guard live.overdue == nil, let limit = limit(of: live), now - live.since >= limit else { return nil }
                return (job, live.state)
            }
        }
    }

    /// Ends a job at the executor, or the wish for its copy; its run then stores what the state's rule says.
    private func pass(_ job: JobID, _ jobState: JobState) async {
        let found = state.withLock { state -> (attempt: AttemptID, late: String, copy: RootCopy?)? in
            guard let live = state.live[job], live.state == jobState, let limit = limit(of: live) else { return nil }
            let late = "it was \(jobState.rawValue) for longer than \(Int(limit.inSeconds.rounded(.up))) s"
            // It goes on: the wish for a copy is all that ends.
            if jobState != .copyRequested { state.live[job]?.overdue = late }
            return (live.attempt.id, late, live.copy)
        }
        guard let (attempt, late, copy) = found else { return }
        copy?.fail(.late(late))
        guard jobState != .copyRequested else { return }
        logger.warning("a job's deadline has passed", metadata: ["job": "\(job)", "state": "\(jobState.rawValue)"])
        await executor.cancel(attempt)
    }

    /// Jobs that no open host could take, and those that have waited for their turn for too long.
    private func passQueue(_ now: Duration) async {
        let hostless = Set(await scheduler.waitingWithoutHost())
        let late = state.withLock { state in
            state.live.compactMap { job, live -> (JobID, Duration)? in
                guard live.state == .queued, live.task == nil else { return nil }
                let limit = hostless.contains(live.ticket) ? deadlines.queued : deadlines.turn
                return now - live.since >= limit ? (job, limit) : nil
            }
        }
        for (job, limit) in late {
            let message = "it waited for longer than \(Int(limit.inSeconds.rounded(.up))) s"
            let cause = SystemError(step: "scheduler.deadline", detail: message)
            let change = JobChange(
                to: .failed, at: clock.now(), message: message, result: JobResult(outcome: .systemError(cause)))
            // What cannot be stored now is late the next time, too.
            _ = try? await endWaiting(job, change)
        }
    }
}
