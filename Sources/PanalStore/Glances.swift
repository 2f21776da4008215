import GRDB
import Synchronization

/// Connections for looks at a few rows. A pool's read is a transaction with two statements that are compiled anew, and asks for the
/// version of the schema; together that takes three times as long as finding a row.
final class Glances: Sendable {
    private struct State {
        var free: [DatabaseQueue]
        var isClosed = false
    }

    /// As many as threads may ask at the same time, with some to spare; who comes when all are in use waits for the last.
    private static let most = 8

    private let state: Mutex<State>
    private let last: DatabaseQueue

    init(path: String, configuration: Configuration) throws {
        var made: [DatabaseQueue] = []
        for _ in 0..<Self.most { made.append(try DatabaseQueue(path: path, configuration: configuration)) }
        last = made.removeFirst()
        state = Mutex(State(free: made))
    }

    func look<Value>(_ body: (Database) throws -> Value) throws -> Value {
        let queue = try state.withLock { state in
            guard !state.isClosed else {
                throw DatabaseError(resultCode: .SQLITE_MISUSE, message: "the store is closed")
            }
            return state.free.popLast()
        }
        guard let queue else { return try last.unsafeRead(body) }
        defer { giveBack(queue) }
        return try queue.unsafeRead(body)
    }

    private func giveBack(_ queue: DatabaseQueue) {
        let isClosed = state.withLock { state in
            if !state.isClosed { state.free.append(queue) }
            return state.isClosed
        }
        if isClosed { try? queue.close() }
    }

    /// Looks after it throw; one that is in use at this moment ends with its use.
    func close() throws {
        let idle = state.withLock { state in
            state.isClosed = true
            defer { state.free = [] }
            return state.free
        }
        for queue in idle + [last] { try queue.close() }
    }
}
