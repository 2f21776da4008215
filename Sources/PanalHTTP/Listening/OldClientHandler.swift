import NIOCore
import NIOHTTP1

/// Serves clients of HTTP/1.0 (RFC 9112 §9.3, appendix C.2), ApacheBench among them: their connection ends with the answer unless they ask
/// for `keep-alive` and are told that they have it; they know neither chunks nor interim answers. Hummingbird, which does not see the
/// version, would leave them waiting for an end that does not come.
final class OldClientHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private enum Client {
        case present
        /// Of HTTP/1.0, and whether it wants to keep the connection.
        case old(keeps: Bool)
    }

    /// Whose answers have not ended, in the order of their requests.
    private var clients: [Client] = []

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
        guard (head.version.major, head.version.minor) < (1, 1) else {
            clients.append(.present)
            return context.fireChannelRead(data)
        }
        // A body in chunks is none of this version's (RFC 9112 §6.1): whoever stands in between may see its end elsewhere.
        // `FramingHandler`, which does not see the version, refuses what is no known encoding.
        if head.headers.contains(name: "Transfer-Encoding") {
            head.headers.replaceOrAdd(name: "Transfer-Encoding", value: "http-1.0")
        }
        let keeps = head.headers[canonicalForm: "connection"].contains { $0.lowercased() == "keep-alive" }
        clients.append(.old(keeps: keeps))
        if !keeps { head.headers.replaceOrAdd(name: "Connection", value: "close") }
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .old(let keeps) = clients.first else {
            if case .end = unwrapOutboundIn(data), !clients.isEmpty { clients.removeFirst() }
            return context.write(data, promise: promise)
        }
        switch unwrapOutboundIn(data) {
        case .head(var head):
            guard head.status.code >= 200 else {
                promise?.succeed()
                return
            }
            // Without a length only the connection's end tells where the body ends.
            let isBounded = head.headers.contains(name: "Content-Length") || !head.status.mayHaveResponseBody
            clients[0] = .old(keeps: keeps && isBounded)
            head.version = .http1_0
            head.headers.replaceOrAdd(name: "Connection", value: keeps && isBounded ? "keep-alive" : "close")
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body: context.write(data, promise: promise)
        case .end:
            clients.removeFirst()
            guard !keeps else { return context.write(data, promise: promise) }
            let promise = promise ?? context.eventLoop.makePromise()
            promise.futureResult.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
            context.write(data, promise: promise)
        }
    }
}

/// Puts an `OldClientHandler` where a request's version is still to be seen, once it is known that the connection speaks HTTP/1.
final class OldClientPlacer: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    func handlerAdded(context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        guard let parser = try? pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self) else { return }
        do {
            try pipeline.addHandler(OldClientHandler(), position: .after(parser))
        } catch {
            context.fireErrorCaught(error)
        }
    }
}
