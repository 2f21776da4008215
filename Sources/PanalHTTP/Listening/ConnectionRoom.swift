import HummingbirdCore
import NIOCore
import Synchronization

/// The connections of one listener. When it is full, those that wait for nothing give their places up, the longest silent first:
/// otherwise a few thousand idle connections of one stranger would keep everybody else out.
final class ConnectionRoom: Sendable {
    private struct Connection {
        /// Requests that are not answered, or streams that are open.
        var busy = 0
        /// Its place among the idle; nil while it is busy, and when it was told to go.
        var ticket: UInt64?
        var isLeaving = false
    }

    private struct State {
        var count = 0
        /// Of these, those that were told to go.
        var leaving = 0
        var connections: [ObjectIdentifier: Connection] = [:]
        var idle: [UInt64: any Channel] = [:]
        /// Every ticket below is used up.
        var oldest: UInt64 = 0
        var next: UInt64 = 0
    }

    let maximum: Int
    /// Places that are kept free while somebody is idle: to close a connection takes a moment, in which others come.
    private let margin: Int
    private let state = Mutex(State())

    init(maximum: Int) {
        self.maximum = max(1, maximum)
        margin = maximum / 16
    }

    /// Connections that are open now.
    var count: Int { state.withLock(\.count) }

    /// A new connection, idle until its first request.
    func enter(_ channel: any Channel) {
        let silent = state.withLock { state -> (any Channel)? in
            state.connections[ObjectIdentifier(channel)] = Connection()
            let silent = makeRoom(&state)
            Self.rest(channel, &state)
            return silent
        }
        silent?.close(promise: nil)
        channel.closeFuture.whenComplete { [self] _ in
            state.withLock { state in
                let gone = state.connections.removeValue(forKey: ObjectIdentifier(channel))
                if let ticket = gone?.ticket { state.idle[ticket] = nil }
                if gone?.isLeaving == true { state.leaving -= 1 }
            }
        }
    }

    /// A request has come on `channel`, which is a connection or a stream of one.
    func begin(on channel: any Channel) {
        state.withLock { state in
            guard let key = Self.key(of: channel, state).map({ ObjectIdentifier($0) }) else { return }
            state.connections[key]?.busy += 1
            if let ticket = state.connections[key]?.ticket {
                state.idle[ticket] = nil
                state.connections[key]?.ticket = nil
            }
        }
    }

    /// Its answer is with the client.
    func end(on channel: any Channel) {
        let silent = state.withLock { state -> (any Channel)? in
            guard let connection = Self.key(of: channel, state) else { return nil }
            let key = ObjectIdentifier(connection)
            let busy = max(0, (state.connections[key]?.busy ?? 0) - 1)
            state.connections[key]?.busy = busy
            guard busy == 0 else { return nil }
            Self.rest(connection, &state)
            return makeRoom(&state)
        }
        silent?.close(promise: nil)
    }

    fileprivate func arrived() {
        let silent = state.withLock { state -> (any Channel)? in
            state.count += 1
            return makeRoom(&state)
        }
        silent?.close(promise: nil)
    }

    fileprivate func left() { state.withLock { $0.count -= 1 } }

    private static func key(of channel: any Channel, _ state: State) -> (any Channel)? {
        if state.connections[ObjectIdentifier(channel)] != nil { return channel }
        guard let parent = channel.parent, state.connections[ObjectIdentifier(parent)] != nil else { return nil }
        return parent
    }

    private static func rest(_ channel: any Channel, _ state: inout State) {
        let key = ObjectIdentifier(channel)
        guard let connection = state.connections[key], connection.ticket == nil, !connection.isLeaving else { return }
        state.connections[key]?.ticket = state.next
        state.idle[state.next] = channel
        state.next += 1
    }

    /// Whom to close: where the room is full, the one that has been idle for the longest time.
    private func makeRoom(_ state: inout State) -> (any Channel)? {
        guard state.count - state.leaving >= maximum - margin else { return nil }
        while state.oldest < state.next {
            let ticket = state.oldest
            state.oldest += 1
            guard let channel = state.idle.removeValue(forKey: ticket) else { continue }
            state.connections[ObjectIdentifier(channel)]?.ticket = nil
            state.connections[ObjectIdentifier(channel)]?.isLeaving = true
            state.leaving += 1
            return channel
        }
        return nil
    }
}

/// Counts the connections of a listener for Hummingbird, which accepts none beyond the maximum.
struct RoomDelegate: AvailableConnectionsDelegate {
    let room: ConnectionRoom

    mutating func connectionOpened() { room.arrived() }
    mutating func connectionClosed() { room.left() }
    func isAcceptingNewConnections() -> Bool { room.count < room.maximum }
}
