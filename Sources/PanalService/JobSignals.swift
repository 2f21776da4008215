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
        /// Quick, and harmless when called again.
        var tell: @Sendable () -> Void
    }

    private struct State {
        var next = 0
        var listeners: [JobID: [Int: Listener]] = [:]
        /// Called at each step of any job; nil while nobody has webhooks.
        var onStep: (@Sendable () -> Void)?
        var hasWebhooks = false
    }

    private let state = Mutex(State())
    private let alarms = WaitAlarms()

    /// Signals of `kinds` about `job` from now on. Whoever registers looks at the job *afterwards*, so that no change falls in between. The
    /// registration ends with the stream's reader.
    func listen(to job: JobID, _ kinds: Set<Kind>) -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let number = add(Listener(kinds: kinds) { continuation.yield() }, to: job)
        continuation.onTermination = { [weak self] _ in self?.forget(number, of: job) }
        return stream
    }

    private func add(_ listener: Listener, to job: JobID) -> Int {
        state.withLock { state in
            state.next += 1
            state.listeners[job, default: [:]][state.next] = listener
            return state.next
        }
    }

    /// Has `body` wait for ends of `job` until `deadline`: its argument returns true at the next one, also one that came since it was asked
    /// before, and false when the time has passed or the task is cancelled. `body` looks at the job before it waits.
    func waiting<Value>(
        for job: JobID, until deadline: ContinuousClock.Instant,
        _ body: nonisolated(nonsending) (EndWaiter) async throws -> Value
    ) async rethrows -> Value {
        let waiter = EndWaiter()
        let number = add(Listener(kinds: [.end]) { waiter.tell() }, to: job)
        let alarm = alarms.set(waiter, at: deadline)
        defer {
            alarms.clear(waiter, alarm)
            forget(number, of: job)
        }
        return try await body(waiter)
    }

    /// Has `body` called after each step of a job, once somebody has webhooks. It must be quick.
    func onStep(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.onStep = body } }

    func note(hasWebhooks: Bool) { state.withLock { $0.hasWebhooks = hasWebhooks } }

    func post(_ kind: Kind, about job: JobID) {
        let (listeners, onStep) = state.withLock { state in
            (
                state.listeners[job]?.values.filter { $0.kinds.contains(kind) } ?? [],
                state.hasWebhooks && kind != .output ? state.onStep : nil
            )
        }
        for listener in listeners { listener.tell() }
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
