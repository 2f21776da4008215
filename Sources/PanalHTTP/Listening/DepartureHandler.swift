import NIOCore
import Synchronization

/// Notices that a client has gone, or will send nothing any more. One for each connection of HTTP/1.1, and for each stream of HTTP/2.
final class DepartureHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    let departure = Departure()

    func channelInactive(context: ChannelHandlerContext) {
        departure.note()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { departure.note() }
        context.fireUserInboundEventTriggered(event)
    }
}

/// Whether a client has gone.
final class Departure: Sendable {
    private struct State {
        var isGone = false
        var next = 0
        var listeners: [Int: @Sendable () -> Void] = [:]
    }

    private let state = Mutex(State())

    var isGone: Bool { state.withLock(\.isGone) }

    func note() {
        let listeners = state.withLock { state in
            state.isGone = true
            defer { state.listeners = [:] }
            return Array(state.listeners.values)
        }
        for listener in listeners { listener() }
    }

    /// Calls `body` once when the client has gone, at once where it has. `forget` takes the answer.
    func listen(_ body: @escaping @Sendable () -> Void) -> Int? {
        let number = state.withLock { state -> Int? in
            guard !state.isGone else { return nil }
            state.next += 1
            state.listeners[state.next] = body
            return state.next
        }
        if number == nil { body() }
        return number
    }

    func forget(_ number: Int?) {
        guard let number else { return }
        state.withLock { $0.listeners[number] = nil }
    }
}

extension WebContext {
    /// Does `body`, which is cancelled when the client goes: nobody waits for what it comes to, and where it takes cores they are free
    /// for others.
    func whileConnected<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let channel = channel
        let known = channel.eventLoop.submit {
            try channel.pipeline.syncOperations.handler(type: DepartureHandler.self).departure
        }
        // There is none where requests come by no connection: nobody can go.
        let departure = try? await known.get()
        let task = Task { try await body() }
        let number = departure?.listen { task.cancel() }
        defer { departure?.forget(number) }
        return try await withTaskCancellationHandler {
            do {
                return try await task.value
            } catch is CancellationError where departure?.isGone == true {
                throw WebError.departed
            }
        } onCancel: {
            task.cancel()
        }
    }
}
