import PanalCore
import Synchronization

/// What running jobs use, looked at once a second, and of those that have ended lately. In memory only: a restart begins anew.
final class UsageWatch: Sendable {
    private struct State {
        var running: [JobID: UsageHistory] = [:]
        var ended: [JobID: UsageHistory] = [:]
        /// The oldest first.
        var order: [JobID] = []
    }

    private let state = Mutex(State())
    /// Jobs that have ended and are still remembered.
    private static let mostEnded = 200

    func note(_ sample: UsageSample, of job: JobID) {
        state.withLock { $0.running[job, default: UsageHistory()].note(sample) }
    }

    /// Only these run any more.
    func keep(_ jobs: Set<JobID>) {
        state.withLock { state in
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
    /// Jobs that are looked at in one second.
    private static let mostWatched = 256

    /// Until the task is cancelled.
    func watchUsage() async {
        while !Task.isCancelled, !isStopping {
            try? await Task.sleep(for: Self.pause)
            let now = clock.elapsed()
            let running = state.withLock { state in
                state.live.compactMap { job, live in
                    live.state == .running && !live.isFrozen && now - live.since >= Self.pause
                        ? (job: job, attempt: live.attempt.id) : nil
                }
            }
            usage.keep(state.withLock { Set($0.live.filter { $0.value.state == .running }.keys) })
            for (job, attempt) in running.prefix(Self.mostWatched) where !Task.isCancelled {
                if let sample = await executor.sample(attempt) { usage.note(sample, of: job) }
            }
        }
    }
}
