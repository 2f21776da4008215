import Logging
import PanalCore
import Synchronization

/// A running job on its way through a copy of its root: `running` → `copyRequested` → `copying` → `running`, or to its end.
///
/// Its stored state is changed by one party at a time: by the copy, until the job's end has told it that it is over (`leaveCopy`), and by the
/// end behind that.
extension JobRunner {
    /// Why there can be no copy now.
    enum CopyRefusal: Error, Hashable {
        case notRunning, oneAtATime
    }

    /// Makes the job *copyRequested*. Throws `CopyRefusal`, with nothing changed.
    func beginCopy(of job: JobID, as image: RootfsID, for asker: String) async throws -> RootCopy {
        // What is stored may be a moment ahead of what is known here: of a start, and of the end of another copy.
        for _ in 0..<40 where state.withLock({ $0.live[job]?.isBehindStore == true }) {
            try? await Task.sleep(for: .milliseconds(5))
        }
        let copy = try take(job, image, asker)
        do {
            guard try await step(copy, .running, to: .copyRequested, "a copy was asked for by \(asker)") else {
                throw CopyRefusal.notRunning
            }
        } catch {
            forget(copy)
            throw error
        }
        return copy
    }

    private func take(_ job: JobID, _ image: RootfsID, _ asker: String) throws(CopyRefusal) -> RootCopy {
        try state.withLock { state throws(CopyRefusal) -> RootCopy in
            guard !state.isStopping, let live = state.live[job], live.state == .running, live.attempt.hasWritableRoot,
                live.isHandedOver, !live.isOver, live.endedBehindCopy == nil
            else { throw .notRunning }
            guard live.copy == nil else { throw .oneAtATime }
            let copy = RootCopy(image: image, attempt: live.attempt.id, asker: asker)
            state.live[job]?.copy = copy
            return copy
        }
    }

    /// Whether the job has ended, or is about to.
    func isOver(_ copy: RootCopy) -> Bool {
        state.withLock { state in
            state.live[copy.attempt.job].map { $0.attempt.id != copy.attempt || $0.isOver } ?? true
        }
    }

    /// Brings the job to stand still and makes it *copying*.
    func standStill(for copy: RootCopy) async throws {
        try await copy.waiting(for: Task { [self] in try await hold(copy.attempt) })
        guard try await step(copy, .copyRequested, to: .copying) else { throw RootCopy.Failure.ended }
    }

    /// The job runs again. `message` says what came of the copy where that is not what was wanted.
    func goOn(behind copy: RootCopy, _ message: String? = nil) async {
        let job = copy.attempt.job
        let before = state.withLock { state in
            // One that is late ends.
            state.live[job].flatMap { $0.copy === copy && !$0.isOver ? $0.state : nil }
        }
        switch before {
        case .copyRequested:
            // Whatever becomes of the wish that it stands still.
            _ = try? await step(copy, .copyRequested, to: .running, message)
            await release(copy.attempt)
        case .copying:
            await release(copy.attempt)
            _ = try? await step(copy, .copying, to: .running, message)
        default: break
        }
        forget(copy)
    }

    /// The job's program is ended: it is *finished* behind that.
    func end(behind copy: RootCopy) async {
        let isWanted = state.withLock { state in
            guard let live = state.live[copy.attempt.job], live.copy === copy, !live.isOver else { return false }
            state.live[copy.attempt.job]?.endedBehindCopy = copy.asker
            return true
        }
        if isWanted { await executor.cancel(copy.attempt) }
        forget(copy)
    }

    /// The job stays as it is: its end comes, or another process takes it up.
    func forget(_ copy: RootCopy) {
        state.withLock { state in
            if state.live[copy.attempt.job]?.copy === copy { state.live[copy.attempt.job]?.copy = nil }
        }
    }

    /// A job's attempt has ended. Answers the state that is stored, which no copy changes any more; nil where the job is not live.
    func leaveCopy(_ job: JobID) async -> JobState? {
        let copy = state.withLock { state in
            state.live[job]?.isEnding = true
            return state.live[job]?.copy
        }
        if let copy {
            copy.fail(.ended)
            await copy.settled()
        }
        return state.withLock { $0.live[job]?.state }
    }

    private func step(
        _ copy: RootCopy, _ before: JobState, to next: JobState, _ message: String? = nil
    ) async throws -> Bool {
        try await copy.step { [self] in
            let change = JobChange(to: next, at: clock.now(), message: message)
            let stored = try await patiently(copy.attempt.job) { [store] in
                try await store.change(copy.attempt.job, attempt: copy.attempt, from: before, [change])
            }
            guard stored == next else { return false }
            noteState(next, of: copy.attempt.job)
            return true
        }
    }
}

extension JobRunner.LiveJob {
    /// It has ended, or is to end.
    fileprivate var isOver: Bool { isEnding || isCancelled || isEvicted || overdue != nil }

    /// Stored as one that runs and is not copied, and not known as such here.
    fileprivate var isBehindStore: Bool {
        !isOver && (state == .deploying || state == .reconnecting || state == .running && copy != nil)
    }
}
