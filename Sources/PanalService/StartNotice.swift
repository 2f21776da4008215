import PanalCore
import Synchronization

/// That an attempt's program began: told by the executor's thread, and stored a moment later or together with the end, whichever comes
/// first. Most programs of a busy service take less time than a transaction of its own for that would.
final class StartNotice: Sendable {
    private enum State {
        case none
        case noted(Timestamp)
        case storing(Timestamp, Task<Bool, Never>)
        case over
    }

    /// What the store knows of a start when the attempt has ended.
    enum Start {
        case never, stored
        case unstored(Timestamp)
    }

    private let state = Mutex(State.none)

    /// The program began at `moment`.
    func note(_ moment: Timestamp) {
        state.withLock { if case .none = $0 { $0 = .noted(moment) } }
    }

    /// Whether the attempt has ended.
    var isOver: Bool { state.withLock { if case .over = $0 { true } else { false } } }

    /// Has the start stored by `body`, whose answer is whether it is; nothing where the end came before.
    func store(_ body: @escaping @Sendable (Timestamp) async -> Bool) {
        state.withLock { state in
            guard case .noted(let moment) = state else { return }
            state = .storing(moment, Task { await body(moment) })
        }
    }

    /// How the start stands now that the attempt has ended; it is not stored any more after this.
    func end() async -> Start {
        let last = state.withLock { state in
            let last = state
            state = .over
            return last
        }
        switch last {
        case .none, .over: return .never
        case .noted(let moment): return .unstored(moment)
        case .storing(let moment, let task): return await task.value ? .stored : .unstored(moment)
        }
    }
}

/// A start that is to be stored.
struct LateStart {
    var notice: StartNotice
    var attempt: AttemptID
    /// The state that is stored so far.
    var expected: JobState
}
