import PanalCore
import Synchronization

/// The copy of a running job's root, as long as the job has to do with it.
final class RootCopy: Sendable {
    let image: RootfsID
    let attempt: AttemptID
    /// Who asked for it.
    let asker: String

    /// Why a copy comes to nothing.
    enum Failure: Error, Hashable {
        /// The job has ended, or is about to.
        case ended
        /// It lasted for longer than it may, in words.
        case late(String)
        /// The service stops.
        case stopped
    }

    private struct Work {
        var cancel: @Sendable () -> Void
        /// Ends the wait for it.
        var fail: @Sendable (Failure) -> Void
    }

    private struct State {
        var failure: Failure?
        /// What is under way for it.
        var work: Work?
        /// The change of the job's state that is being stored.
        var step: Task<Bool, any Error>?
    }

    private let state = Mutex(State())

    init(image: RootfsID, attempt: AttemptID, asker: String) {
        self.image = image
        self.attempt = attempt
        self.asker = asker
    }

    var failure: Failure? { state.withLock(\.failure) }

    /// The first reason counts. What is under way is given up.
    func fail(_ failure: Failure) {
        let work = state.withLock { state -> Work? in
            guard state.failure == nil else { return nil }
            state.failure = failure
            return state.work
        }
        work?.cancel()
        work?.fail(failure)
    }

    /// Waits for `work` until the copy fails: then that is cancelled and this throws at once, whatever the work still does. Cancelling the
    /// task that waits is the service's end.
    func waiting<Value: Sendable>(for work: Task<Value, any Error>) async throws -> Value {
        let (results, continuation) = AsyncThrowingStream.makeStream(of: Value.self)
        Task {
            do {
                continuation.yield(try await work.value)
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        let failed = state.withLock { state in
            state.work = Work(cancel: { work.cancel() }, fail: { continuation.finish(throwing: $0) })
            return state.failure
        }
        if let failed {
            work.cancel()
            continuation.finish(throwing: failed)
        }
        defer { state.withLock { $0.work = nil } }
        return try await withTaskCancellationHandler {
            for try await value in results { return value }
            // The stream of a cancelled task ends without a word.
            throw failure ?? Failure.stopped
        } onCancel: {
            fail(.stopped)
        }
    }

    /// Has one change of the job's state stored; false where it is not to be any more.
    func step(_ body: @escaping @Sendable () async throws -> Bool) async throws -> Bool {
        let task = state.withLock { state -> Task<Bool, any Error>? in
            if state.failure == .ended { return nil }
            let task = Task { try await body() }
            state.step = task
            return task
        }
        return try await task?.value ?? false
    }

    /// Returns when no change of the state is being stored any more; none is begun behind this where the copy has ended.
    func settled() async { _ = try? await state.withLock(\.step)?.value }
}
