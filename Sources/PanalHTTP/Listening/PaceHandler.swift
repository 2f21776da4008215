import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Holds clients to `Pace`: the head of a request, its body, and the reading of its answer. What the server itself takes its time for
/// does not count. One for each connection of HTTP/1.1, and for each stream of HTTP/2.
final class PaceHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let pace: Pace
    private let room: ConnectionRoom
    private var timer: Scheduled<Void>?

    /// Since when the next head is waited for; nil while a request is read or answered.
    private var waiting: ContinuousClock.Instant?
    private var isReadingBody = false
    /// Since when the server waits for bytes of the body.
    private var wanted: ContinuousClock.Instant?
    /// What the body has taken so far beyond the server's own time, and what has come of it.
    private var spent = Duration.zero
    private var received = 0
    /// Requests that are not answered.
    private var unanswered = 0
    /// Whether the room knows of a request here.
    private var isBusy = false
    /// Bytes that are written and that the client has not taken, and when it last took some.
    private var untaken = 0
    private var unfinished = 0
    private var taken = ContinuousClock.now
    /// Since when a request is answered whose body still comes.
    private var lingering: ContinuousClock.Instant?
    private var isRefused = false

    init(pace: Pace, room: ConnectionRoom) {
        self.pace = pace
        self.room = room
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { waitForHead(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        waitForHead(context)
        context.fireChannelActive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        rest(context)
    }

    func read(context: ChannelHandlerContext) {
        if wanted == nil { wanted = .now }
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            waiting = nil
            if !isBusy { room.begin(on: context.channel) }
            isBusy = true
            unanswered += 1
            isReadingBody = true
            (spent, received) = (.zero, 0)
            wanted = .now
            watch(context)
        case .body(let piece):
            if let wanted { spent += .now - wanted }
            wanted = nil
            received += piece.readableBytes
        case .end:
            isReadingBody = false
            lingering = nil
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let bytes: Int
        var isEnd = false
        switch unwrapOutboundIn(data) {
        // An interim answer ends nothing, and no client is slow over a head.
        case .head: bytes = 0
        case .body(let piece): bytes = piece.readableBytes
        case .end:
            bytes = 0
            isEnd = true
        }
        if unfinished == 0 { taken = .now }
        untaken += bytes
        unfinished += 1
        let promise = promise ?? context.eventLoop.makePromise()
        promise.futureResult.assumeIsolated().whenComplete { [self] _ in
            untaken -= bytes
            unfinished -= 1
            taken = .now
            if isEnd { answered(context) }
        }
        context.write(data, promise: promise)
        watch(context)
    }

    /// An answer has gone to its last byte.
    private func answered(_ context: ChannelHandlerContext) {
        unanswered = max(0, unanswered - 1)
        guard unanswered == 0 else { return }
        rest(context)
        guard context.channel.isActive else { return }
        if isReadingBody {
            lingering = .now
            if !isRefused {
                // Sooner than what was waited for until now.
                timer?.cancel()
                timer = nil
            }
        } else {
            waiting = .now
        }
        watch(context)
    }

    private func rest(_ context: ChannelHandlerContext) {
        if isBusy { room.end(on: context.channel) }
        isBusy = false
    }

    private func waitForHead(_ context: ChannelHandlerContext) {
        guard waiting == nil, unanswered == 0 else { return }
        waiting = .now
        watch(context)
    }

    /// Looks again when the first of what is awaited could be overdue.
    private func watch(_ context: ChannelHandlerContext) {
        guard timer == nil, context.channel.isActive, let soonest = deadlines.min() else { return }
        let pause = max(.milliseconds(1), soonest - .now)
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(min(pause, pace.grace))) { [self] in
            timer = nil
            check(context)
        }
    }

    private var deadlines: [ContinuousClock.Instant] {
        var found: [ContinuousClock.Instant] = []
        if let waiting { found.append(waiting + pace.head) }
        if let lingering { found.append(lingering + pace.linger) }
        if isReadingBody, let wanted { found.append(wanted + pace.allowance(for: received) - spent) }
        if unfinished > 0 { found.append(taken + pace.allowance(for: untaken)) }
        // A body for which nobody waits now may be waited for later.
        if isReadingBody, wanted == nil { found.append(.now + pace.grace) }
        return found
    }

    private func check(_ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        let now = ContinuousClock.now
        let isBodyOverdue =
            isReadingBody && lingering == nil
            && (wanted.map { $0 + pace.allowance(for: received) - spent <= now } ?? false)
        guard let soonest = deadlines.min(), soonest <= now else { return watch(context) }
        if isBodyOverdue, unfinished == 0, !isRefused {
            // Whoever reads the body answers with this; the connection is closed soon after it.
            isRefused = true
            context.fireErrorCaught(WebError.tooSlow)
            timer = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) { context.close(promise: nil) }
        } else {
            context.close(promise: nil)
        }
    }
}

/// Closes a connection whose handshake takes too long.
final class HandshakeHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let limit: Duration
    private let isOver: (Any) -> Bool
    private var timer: Scheduled<Void>?

    /// `isOver` tells the event with which the handshake ends.
    init(limit: Duration, isOver: @escaping (Any) -> Bool) {
        self.limit = limit
        self.isOver = isOver
    }

    func handlerAdded(context: ChannelHandlerContext) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(limit)) { context.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if isOver(event) {
            timer?.cancel()
            timer = nil
        }
        context.fireUserInboundEventTriggered(event)
    }
}
