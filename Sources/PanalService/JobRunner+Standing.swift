import Logging
import PanalCore
import PanalScheduler
import Synchronization

/// Jobs that stand still, for whom ever: the scheduler's wish and a copy's do not undo each other.
extension JobRunner {
    /// Why a job is to stand still.
    enum Hold: Hashable, Sendable {
        /// The scheduler wants its cores.
        case schedule
        /// Its files are being copied.
        case copy
    }

    /// How long a job that was copied waits for its cores, which another Panal on this host may have taken meanwhile.
    private static let thawPatience = Duration.seconds(60)

    /// Has a job stand still, or go on, as the scheduler wants it, after what was asked of it before. One that cannot is ended, to begin
    /// again.
    func stand(_ ticket: Ticket, isFrozen: Bool) -> Task<Void, Never>? {
        state.withLock { state -> Task<Void, Never>? in
            guard let job = state.jobs[ticket], let live = state.live[job] else { return nil }
            let attempt = live.attempt.id
            if isFrozen {
                state.live[job]?.holds.insert(.schedule)
            } else {
                state.live[job]?.holds.remove(.schedule)
            }
            let task = Task { [self] in
                await live.standing?.value
                do throws(SystemError) {
                    try await settle(attempt)
                } catch {
                    await evict(attempt, error)
                }
                signals.post(.state, about: job)
            }
            state.live[job]?.standing = task
            return task
        }
    }

    /// Brings a job to stand still for its copy; throws where it cannot, and leaves it as it was.
    func hold(_ attempt: AttemptID) async throws(SystemError) {
        let job = attempt.job
        let task = state.withLock { state -> Task<SystemError?, Never>? in
            guard let live = state.live[job], live.attempt.id == attempt, !live.isEnding else { return nil }
            state.live[job]?.holds.insert(.copy)
            let task = Task { [self] () -> SystemError? in
                await live.standing?.value
                do throws(SystemError) {
                    try await settle(attempt)
                    return nil
                } catch {
                    _ = self.state.withLock { $0.live[job]?.holds.remove(.copy) }
                    return error
                }
            }
            state.live[job]?.standing = Task { _ = await task.value }
            return task
        }
        guard let task else { throw SystemError(step: "cell.freeze", detail: "the program does not run") }
        if let error = await task.value { throw error }
    }

    /// Lets a job go on that stood still for its copy alone. One that cannot go on for long is ended, to begin again.
    func release(_ attempt: AttemptID) async {
        let job = attempt.job
        let task = state.withLock { state -> Task<Void, Never>? in
            guard let live = state.live[job], live.attempt.id == attempt, live.holds.contains(.copy) else { return nil }
            state.live[job]?.holds.remove(.copy)
            let task = Task { [self] in
                await live.standing?.value
                await goOn(attempt)
            }
            state.live[job]?.standing = task
            return task
        }
        await task?.value
    }

    /// What an earlier process froze for a copy goes on; nothing where it runs.
    func releaseLeft(_ attempt: AttemptID) {
        state.withLock { state in
            guard let live = state.live[attempt.job] else { return }
            state.live[attempt.job]?.standing = Task { [self] in
                await live.standing?.value
                await goOn(attempt)
            }
        }
    }

    private func goOn(_ attempt: AttemptID) async {
        let deadline = clock.elapsed() + Self.thawPatience
        while true {
            do throws(SystemError) {
                return try await settle(attempt)
            } catch {
                // One that has ended does not go on, either.
                let isWanted = state.withLock { state in
                    state.live[attempt.job].map { $0.attempt.id == attempt && !$0.isEnding && !$0.isCancelled } ?? false
                }
                guard isWanted, !isStopping else { return }
                guard clock.elapsed() < deadline else { return await evict(attempt, error) }
            }
            try? await Task.sleep(for: .milliseconds(250))
        }
    }

    /// Makes it so as it is wanted now.
    private func settle(_ attempt: AttemptID) async throws(SystemError) {
        let (isWanted, isFrozen) = state.withLock { state in
            let live = state.live[attempt.job]
            return (live?.holds.isEmpty == false, live?.isFrozen == true)
        }
        if isWanted {
            if !isFrozen { try await executor.freeze(attempt) }
        } else {
            // Also where it is not frozen as far as is known here: an earlier process may have done it.
            try await executor.thaw(attempt)
        }
        state.withLock { $0.live[attempt.job]?.isFrozen = isWanted }
    }

    private func evict(_ attempt: AttemptID, _ error: SystemError) async {
        logger.warning(
            "a job that cannot stand still or go on is ended, to begin again",
            metadata: ["job": "\(attempt.job)", "reason": .string(error.sentence)])
        state.withLock { $0.live[attempt.job]?.isEvicted = true }
        await executor.cancel(attempt)
    }
}
