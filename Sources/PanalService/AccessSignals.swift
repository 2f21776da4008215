package import PanalCore
import Synchronization

/// Tells answers that go on for long that their reader's access may have ended. As with ``JobSignals``, a signal says only *that*
/// something changed: whoever gets it looks again.
final class AccessSignals: Sendable {
    private struct State {
        var next = 0
        var listeners: [UserID: [Int: AsyncStream<Void>.Continuation]] = [:]
    }

    private let state = Mutex(State())

    /// Signals about `user` from now on. Whoever registers looks *afterwards*. The registration ends with the stream's reader.
    func listen(to user: UserID) -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state in
            state.next += 1
            state.listeners[user, default: [:]][state.next] = continuation
            return state.next
        }
        continuation.onTermination = { [weak self] _ in self?.forget(number, of: user) }
        return stream
    }

    /// After the change is stored.
    func post(about user: UserID) {
        let continuations = state.withLock { state in state.listeners[user].map { Array($0.values) } ?? [] }
        for continuation in continuations { continuation.yield() }
    }

    private func forget(_ number: Int, of user: UserID) {
        state.withLock { state in
            state.listeners[user]?[number] = nil
            if state.listeners[user]?.isEmpty == true { state.listeners[user] = nil }
        }
    }
}

extension Panal {
    /// Has an element whenever a key, a session, the status or the role of `user` may have changed. Ends never by itself.
    package func accessChanges(of user: UserID) -> AsyncStream<Void> { accessSignals.listen(to: user) }
}
