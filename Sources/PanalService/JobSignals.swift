import PanalCore
import Synchronization

/// Tells who waits that a job moved on. A signal says only *that* something changed; whoever gets it reads the store again, so a
/// signal that is merged with the next one loses nothing.
final class JobSignals: Sendable {
    enum Kind: Sendable {
        /// The job's state changed.
        case state
        /// It may have come to its end.
        case end
        /// It wrote something.
        case output
    }

    private struct Listener {
        var kinds: Set<Kind>
        var continuation: AsyncStream<Void>.Continuation
    }

    private struct State {
        var next = 0
        var listeners: [JobID: [Int: Listener]] = [:]
        /// Called at each step of any job; nil while nobody has webhooks.
        var onStep: (@Sendable () -> Void)?
        var hasWebhooks = false
    }

    private let state = Mutex(State())

    /// Signals of `kinds` about `job` from now on. Whoever registers looks at the job *afterwards*, so that no change falls in between. The
    /// registration ends with the stream's reader.
    func listen(to job: JobID, _ kinds: Set<Kind>) -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state in
            state.next += 1
            state.listeners[job, default: [:]][state.next] = Listener(
                kinds: kinds, continuation: continuation)
            return state.next
        }
        continuation.onTermination = { [weak self] _ in self?.forget(number, of: job) }
        return stream
    }

    /// Has `body` called after each step of a job, once somebody has webhooks. It must be quick.
    func onStep(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.onStep = body } }

    func note(hasWebhooks: Bool) { state.withLock { $0.hasWebhooks = hasWebhooks } }

    func post(_ kind: Kind, about job: JobID) {
        let (continuations, onStep) = state.withLock { state in
            (
                state.listeners[job]?.values.filter { $0.kinds.contains(kind) }.map(\.continuation) ?? [],
                state.hasWebhooks && kind != .output ? state.onStep : nil
            )
        }
        for continuation in continuations { continuation.yield() }
        onStep?()
    }

    /// How many listen, for tests.
    var listenerCount: Int { state.withLock { $0.listeners.values.reduce(0) { $0 + $1.count } } }

    private func forget(_ number: Int, of job: JobID) {
        state.withLock { state in
            state.listeners[job]?[number] = nil
            if state.listeners[job]?.isEmpty == true { state.listeners[job] = nil }
        }
    }
}
