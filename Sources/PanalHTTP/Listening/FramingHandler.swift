import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Keeps it plain where a request ends and which answer is whose.
///
/// - The parser takes a transfer encoding that it does not know for no body, where a proxy before it may see one, and the two would then
///   disagree on where the next request begins (RFC 9112 §6.1): such requests are refused.
/// - A request whose body turns out to be no HTTP may have its answer already. A second one, which says so, could be taken for another
///   request's: the connection is closed instead.
final class FramingHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// Requests whose answers have not begun.
    private var unanswered = 0
    private var isReadingBody = false
    /// Answers that may still be sent once the bytes are no HTTP any more; nil while they are.
    private var left: Int?
    private var isRefused = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isRefused else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            guard !Self.isDoubtful(head.headerFields) else {
                // Like every other request that cannot be parsed.
                isRefused = true
                return errorCaught(context: context, error: HTTPParserError.invalidHeaderToken)
            }
            unanswered += 1
            isReadingBody = true
        case .body: break
        case .end: isReadingBody = false
        }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if left == nil { left = isReadingBody ? unanswered : unanswered + 1 }
        context.fireErrorCaught(error)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .head(let head) = unwrapOutboundIn(data), head.status.kind != .informational {
            unanswered = max(0, unanswered - 1)
            if let left {
                guard left > 0 else {
                    promise?.succeed()
                    return context.close(promise: nil)
                }
                self.left = left - 1
            }
        }
        context.write(data, promise: promise)
    }

    private static func isDoubtful(_ fields: HTTPFields) -> Bool {
        let encodings = fields[values: .transferEncoding]
        guard !encodings.isEmpty else { return false }
        return encodings.count > 1 || encodings[0].lowercased() != "chunked" || fields[.contentLength] != nil
    }
}
