import Synchronization

/// Rows that nearly every request asks for, as they were read, each with the edition of the store that it is of: the number of
/// transactions so far that may have changed it. What is of another edition counts as unknown, so a key that was revoked is good for
/// nothing from the moment at which its revocation is answered. What another process may have written is found within a second.
final class Remembered<Name: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct State {
        var edition = 0
        /// When the oldest of them was read, or before.
        var since = ContinuousClock.now
        var values: [Name: Value] = [:]
    }

    /// When there are more, all are read anew.
    private static var most: Int { 256 }

    private let state = Mutex(State())
    private let lifetime: Duration

    init(lifetime: Duration = .seconds(1)) {
        self.lifetime = lifetime
    }

    func value(of name: Name, edition: Int) -> Value? {
        state.withLock { state in
            guard state.edition == edition, ContinuousClock.now - state.since < lifetime else { return nil }
            return state.values[name]
        }
    }

    /// `edition` as it was before `value` was read.
    func keep(_ value: Value, as name: Name, edition: Int) {
        state.withLock { state in
            // Read before what is remembered of a later one.
            guard edition >= state.edition else { return }
            let now = ContinuousClock.now
            if edition > state.edition || now - state.since >= lifetime || state.values.count >= Self.most {
                (state.edition, state.since, state.values) = (edition, now, [:])
            }
            state.values[name] = value
        }
    }
}
