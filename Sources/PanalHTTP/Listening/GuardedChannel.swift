import HummingbirdCore
import HummingbirdHTTP2
import Logging
import NIOCore
import NIOSSL
import NIOTLS
import Synchronization

/// A connection that counts in its listener's room, and whose handshake does not take for ever.
struct GuardedChannel<Base: ServerChildChannel>: ServerChildChannel {
    let base: Base
    let room: ConnectionRoom
    let pace: Pace

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<TakenConnection<Base>> {
        room.enter(channel)
        return base.setup(channel: channel, logger: logger).flatMapThrowing { value in
            let connection = TakenConnection(value: value, base: base, logger: logger)
            let pipeline = channel.pipeline.syncOperations
            if let handshake = try? pipeline.handler(type: NIOSSLServerHandler.self) {
                let guardian = HandshakeHandler(limit: pace.handshake) { event in
                    if case .handshakeCompleted = event as? TLSUserEvent { true } else { false }
                }
                try pipeline.addHandler(guardian, position: .after(handshake))
            }
            return connection
        }
    }

    func handle(value: TakenConnection<Base>, logger: Logger) async {
        await value.handle()
    }
}

/// A connection that was set up and waits for its turn to be read. A server that ends meanwhile drops it, and what NIO made for it must
/// not be dropped unclosed: the process would end at once, with the answers of all others.
final class TakenConnection<Base: ServerChildChannel>: ServerChildChannelValue {
    private let value: Base.Value
    private let base: Base
    private let logger: Logger
    private let isHandled = Atomic(false)

    var channel: any Channel { value.channel }

    init(value: Base.Value, base: Base, logger: Logger) {
        self.value = value
        self.base = base
        self.logger = logger
    }

    func handle() async {
        isHandled.store(true, ordering: .relaxed)
        await base.handle(value: value, logger: logger)
    }

    deinit {
        guard !isHandled.load(ordering: .relaxed) else { return }
        let (value, base, logger) = (value, base, logger)
        value.channel.close(promise: nil)
        // Of a closed connection there is nothing to read; it gives back what belongs to it.
        Task { await base.handle(value: value, logger: logger) }
    }
}

extension Listener {
    /// What Hummingbird makes of each connection.
    func builder(_ room: ConnectionRoom) -> HTTPServerBuilder {
        HTTPServerBuilder { [self] responder in
            let pace = pace
            let stream = HTTP1Channel.Configuration(
                additionalChannelHandlers: [
                    OldClientPlacer(), PaceHandler(pace: pace, room: room), FramingHandler(), ContinueHandler(),
                    DepartureHandler(),
                ],
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: 16_384, maxHeaderListSize: 32_768, maxHeaderFieldCount: 100))
            guard let certificate else {
                return GuardedChannel(
                    base: HTTP1Channel(responder: responder, configuration: stream), room: room, pace: pace)
            }
            let channel = try HTTP2UpgradeChannel(
                tlsConfiguration: certificate.configuration(),
                configuration: .init(
                    idleTimeout: pace.head, gracefulCloseTimeout: .seconds(10), streamConfiguration: stream),
                responder: responder)
            return GuardedChannel(base: channel, room: room, pace: pace)
        }
    }
}
