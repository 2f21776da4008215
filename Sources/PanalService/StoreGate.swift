import Synchronization

/// Holds the tasks of jobs that the scheduler has started until it is known whether the jobs are stored. It is opened once.
final class StoreGate: Sendable {
    private enum State {
        case closed([CheckedContinuation<Bool, Never>])
        case open(isStored: Bool)
    }

    private let state = Mutex(State.closed([]))

    func open(isStored: Bool) {
        let waiting = state.withLock { state -> [CheckedContinuation<Bool, Never>] in
            guard case .closed(let waiting) = state else { return [] }
            state = .open(isStored: isStored)
            return waiting
        }
        for continuation in waiting { continuation.resume(returning: isStored) }
    }

    /// Whether the jobs are stored, once that is known.
    func isStored() async -> Bool {
        await withCheckedContinuation { continuation in
            let answer: Bool? = state.withLock { state in
                switch state {
                case .open(let isStored): return isStored
                case .closed(let waiting):
                    state = .closed(waiting + [continuation])
                    return nil
                }
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }
}
