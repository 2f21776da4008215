import HummingbirdCore
import HummingbirdHTTP2
import Logging
import NIOCore
import NIOSSL
import NIOTLS

/// A connection that counts in its listener's room, and whose handshake does not take for ever.
struct GuardedChannel<Base: ServerChildChannel>: ServerChildChannel {
    let base: Base
    let room: ConnectionRoom
    let pace: Pace

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        room.enter(channel)
        return base.setup(channel: channel, logger: logger).flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            if let handshake = try? pipeline.handler(type: NIOSSLServerHandler.self) {
                let guardian = HandshakeHandler(limit: pace.handshake) { event in
                    if case .handshakeCompleted = event as? TLSUserEvent { true } else { false }
                }
                try pipeline.addHandler(guardian, position: .after(handshake))
            }
            return value
        }
    }

    func handle(value: Base.Value, logger: Logger) async {
        await base.handle(value: value, logger: logger)
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
