import PanalCore
import Synchronization

/// What running jobs use, looked at once a second, and of those that have ended lately. In memory only: a restart begins anew.
final class UsageWatch: Sendable {
    private struct State {
        var running: [JobID: UsageHistory] = [:]
        var ended: [JobID: UsageHistory] = [:]
        /// The oldest first.
        var order: [JobID] = []
        /// Those whose answer is still to come.
        var asked: Set<JobID> = []
        /// In which round each was asked last.
        var rounds: [JobID: Int] = [:]
        var round = 0
    }

    private let state = Mutex(State())
    /// Jobs that have ended and are still remembered.
    private static let mostEnded = 200
    /// Jobs that may be under question at the same time: as many as a launcher has cells.
    static let mostAsked = 64

    func note(_ sample: UsageSample, of job: JobID) {
        state.withLock { $0.running[job, default: UsageHistory()].note(sample) }
    }

    /// Those of `jobs` whose turn it is to be looked at: first who has waited longest for it. Whoever has not been answered yet is not asked
    /// again, so that one without an answer keeps no other waiting; each is to be given back by ``answered(_:of:)``.
    func turns(of jobs: [JobID]) -> [JobID] {
        state.withLock { state in
            state.round += 1
            let waiting = jobs.filter { !state.asked.contains($0) }
                .sorted { (state.rounds[$0] ?? 0, $0.text) < (state.rounds[$1] ?? 0, $1.text) }
            let turns = Array(waiting.prefix(max(0, Self.mostAsked - state.asked.count)))
            for job in turns { state.rounds[job] = state.round }
            state.asked.formUnion(turns)
            return turns
        }
    }

    /// `sample` is nil where nobody knows.
    func answered(_ sample: UsageSample?, of job: JobID) {
        state.withLock { state in
            state.asked.remove(job)
            if let sample { state.running[job, default: UsageHistory()].note(sample) }
        }
    }

    /// Only these run any more.
    func keep(_ jobs: Set<JobID>) {
        state.withLock { state in
            state.rounds = state.rounds.filter { jobs.contains($0.key) }
            for (job, history) in state.running where !jobs.contains(job) {
                state.running[job] = nil
                // A second attempt takes the place of the first.
                if state.ended.updateValue(history, forKey: job) == nil { state.order.append(job) }
            }
            while state.order.count > Self.mostEnded {
                state.ended[state.order.removeFirst()] = nil
            }
        }
    }

    subscript(job: JobID) -> UsageHistory? {
        state.withLock { $0.running[job] ?? $0.ended[job] }
    }
}

extension JobRunner {
    /// How far two looks at the same job are apart, and how long one runs before the first: the short ones, which are the most, cost
    /// nothing.
    private static let pause = Duration.seconds(1)

    /// Until the task is cancelled. A round asks and does not wait for the answers, so that it takes no longer the more jobs run.
    func watchUsage() async {
        await withDiscardingTaskGroup { looks in
            while !Task.isCancelled, !isStopping {
                try? await Task.sleep(for: Self.pause)
                let now = clock.elapsed()
                let (running, due) = state.withLock { state in
                    let running = state.live.filter { $0.value.state == .running }
                    let due = running.filter { !$0.value.isFrozen && now - $0.value.since >= Self.pause }
                    return (Set(running.keys), due.mapValues(\.attempt.id))
                }
                usage.keep(running)
                for job in usage.turns(of: Array(due.keys)) {
                    guard let attempt = due[job] else { continue }
                    looks.addTask { [executor, usage] in
                        usage.answered(await executor.sample(attempt), of: job)
                    }
                }
            }
        }
    }
}
