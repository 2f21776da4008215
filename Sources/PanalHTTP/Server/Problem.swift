import HTTPTypes
import Hummingbird
import NIOCore
import PanalCore

/// What an error is to a client: RFC 9457's problem details. Made by the one table below out of whatever was thrown.
struct Problem: Sendable {
    var status: HTTPResponse.Status
    /// Stable; the last part of the problem's `type`.
    var kind: String
    var title: String
    var detail: String
    var mistakes: [Mistake] = []
    /// Members of its own.
    var numbers: [String: JSONValue] = [:]
    var headers = HTTPFields()

    /// The only table from the service's refusals to HTTP.
    static func status(of code: ServiceError.Code) -> (status: HTTPResponse.Status, kind: String, title: String) {
        switch code {
        case .unauthenticated: (.unauthorized, "unauthenticated", "Not signed in")
        case .forbidden: (.forbidden, "forbidden", "Not allowed")
        case .outOfScope: (.forbidden, "insufficient-scope", "Not with this key")
        case .notFound: (.notFound, "not-found", "Not found")
        case .gone: (.gone, "gone", "Gone")
        case .malformed: (.badRequest, "malformed", "The request cannot be understood")
        case .invalid: (.unprocessableContent, "invalid", "Fields are wrong")
        case .conflict: (.conflict, "conflict", "It clashes with what is there")
        case .changed: (.preconditionFailed, "precondition-failed", "Changed meanwhile")
        case .locked: (.locked, "locked", "In use")
        case .mismatch: (.checksumMismatch, "checksum-mismatch", "Not the bytes that were meant")
        case .tooLarge: (.contentTooLarge, "too-large", "Larger than is taken")
        case .overloaded: (.tooManyRequests, "overloaded", "Too many for now")
        case .unsupported: (.unsupportedMediaType, "unsupported", "This kind is not taken")
        case .unaffordable: (.init(code: 402, reasonPhrase: "Payment Required"), "unaffordable", "Not enough credit")
        case .internal: (.internalServerError, "internal", "Panal failed")
        }
    }

    /// Nil for what nobody outside is to be told about: it is logged, and the client gets ``internalFailure``.
    init?(_ error: any Error) {
        switch error {
        case let error as ServiceError: self.init(error)
        case let error as WebError: self = error.problem
        case let error as MultipartMistake: self.init(ServiceError(.malformed, error.detail))
        case is DiskFull:
            self.init(
                status: .init(code: 507, reasonPhrase: "Insufficient Storage"), kind: "storage-full", title: "No room",
                detail: "the disk on which this server keeps its data is full; nothing of the request was stored",
                headers: [.retryAfter: "60"])
        case BlobError.tooLarge(let limit):
            self.init(ServiceError(.tooLarge, "the file is larger than \(ByteCount.text(limit))"))
        case is NIOTooManyBytesError: self.init(ServiceError(.tooLarge, "the body is larger than is taken here"))
        case let error as HTTPError where error.status == .notFound:
            self.init(ServiceError(.notFound, "there is nothing at this address"))
        case let error as any HTTPResponseError where (400..<500).contains(error.status.code):
            self.init(
                status: error.status, kind: "request", title: error.status.reasonPhrase,
                detail: "the request cannot be taken", headers: [:])
        default: return nil
        }
    }

    static let internalFailure = Problem(
        ServiceError(.internal, "Panal failed; the log has the reason under this request's number"))

    fileprivate init(status: HTTPResponse.Status, kind: String, title: String, detail: String, headers: HTTPFields) {
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.headers = headers
    }

    init(_ error: ServiceError) {
        let (status, kind, title) = Self.status(of: error.code)
        self.init(status: status, kind: kind, title: title, detail: error.detail, headers: [:])
        mistakes = error.mistakes
        numbers = error.numbers
        if error.code == .unauthenticated { headers[.wwwAuthenticate] = "Bearer realm=\"panal\"" }
        // RFC 6750, section 3.1.
        if error.code == .outOfScope, case .string(let scope)? = numbers["scope"] {
            headers[.wwwAuthenticate] = "Bearer realm=\"panal\", error=\"insufficient_scope\", scope=\"\(scope)\""
        }
        if let pause = error.retryAfter ?? (error.code == .overloaded ? .seconds(1) : nil) {
            headers[.retryAfter] = String(max(1, Int(pause.inSeconds.rounded(.up))))
        }
    }

    /// What a client gets of it as JSON. A request of a megabyte can be wrong in a hundred thousand places: the answer names no more
    /// of them than a person reads.
    func document(instance: String?) -> JSONValue {
        var body = numbers
        let common: [String: JSONValue] = [
            "type": .string("urn:panal:problem:\(kind)"), "title": .string(title),
            "status": .integer(status.code), "detail": .string(Self.shortened(detail)),
        ]
        body.merge(common) { _, common in common }
        if let instance { body["instance"] = .string(Self.shortened(instance)) }
        if !mistakes.isEmpty {
            body["errors"] = .array(
                mistakes.prefix(Self.mostMistakes).map {
                    .object([
                        "pointer": .string(Self.shortened($0.pointer)), "detail": .string(Self.shortened($0.detail)),
                    ])
                })
        }
        return .object(body)
    }

    private static let mostMistakes = 100
    /// Bytes of one text, which may repeat what the client has sent.
    private static let longestText = 2_048

    private static func shortened(_ text: String) -> String {
        guard text.utf8.count > longestText else { return text }
        return String(decoding: text.utf8.prefix(longestText), as: UTF8.self) + "…"
    }

    /// The answer of the programming interface.
    func response(instance: String) throws -> Response {
        var response = try Response.json(document(instance: instance), status: status)
        response.headers[.contentType] = "application/problem+json"
        response.headers[.cacheControl] = "no-store"
        for field in headers { response.headers[field.name] = field.value }
        return response
    }
}

/// A refusal of HTTP's own that no verb of the service knows.
struct WebError: Error, Sendable {
    var status: HTTPResponse.Status
    var kind: String
    var title: String
    var detail: String
    var headers = HTTPFields()

    init(_ status: HTTPResponse.Status, _ kind: String, _ title: String, _ detail: String, headers: HTTPFields = [:]) {
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.headers = headers
    }

    fileprivate var problem: Problem {
        Problem(status: status, kind: kind, title: title, detail: detail, headers: headers)
    }

    static func methodNotAllowed(_ allowed: [HTTPRequest.Method]) -> WebError {
        let names = allowed.map(\.rawValue).sorted().joined(separator: ", ")
        return WebError(
            .methodNotAllowed, "method-not-allowed", "Not with this method", "this address takes \(names)",
            headers: [.allow: names])
    }

    static func rangeNotSatisfiable(size: Int) -> WebError {
        WebError(
            .rangeNotSatisfiable, "range-not-satisfiable", "No such range", "there are \(size) bytes",
            headers: [.contentRange: "bytes */\(size)"])
    }

    static func mediaType(_ given: String?, takes: String) -> WebError {
        WebError(
            .unsupportedMediaType, "unsupported", "This kind is not taken",
            "\(given.map { "‘\($0)’ is not taken" } ?? "Content-Type is missing"); send \(takes)",
            headers: [.accept: takes])
    }

    static let tooSlow = WebError(
        .requestTimeout, "too-slow", "Too slow", "the request's body came too slowly; nothing of it was taken",
        headers: [.connection: "close"])

    /// For the log, and for whoever has only closed its own side. Not with `Connection`, which HTTP/2 does not know.
    static let departed = WebError(
        .requestTimeout, "departed", "Nobody waited",
        "the client went away before the answer; what it asked for was not done")

    static let crossSite = WebError(
        .forbidden, "cross-site", "Not allowed",
        "the form is not of this session or has expired: load the page again")
}

extension Response {
    static func json(_ value: JSONValue, status: HTTPResponse.Status = .ok) throws -> Response {
        json(bytes: try value.serialized(), status: status)
    }

    static func json(bytes: some Sequence<UInt8>, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// A document with an `ETag`, or 304 where the client has it.
    static func json(_ value: JSONValue, unlessKnownTo request: Request) throws -> Response {
        json(bytes: Array(try value.serialized()), unlessKnownTo: request)
    }

    static func json(bytes: [UInt8], unlessKnownTo request: Request) -> Response {
        let etag = StoredAnswer.etag(of: bytes)
        let headers: HTTPFields = [.contentType: "application/json", .eTag: etag, .cacheControl: "private, no-cache"]
        if HeaderValues.names(etag, in: request.headers) {
            var response = Response(status: .notModified, headers: headers)
            response.headers[.contentLength] = nil
            return response
        }
        return Response(status: .ok, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// The document with its mark, after a change; or with the mark of `basis`, where not all of the document counts.
    static func marked(_ value: JSONValue, as basis: JSONValue? = nil) throws -> Response {
        let bytes = try value.serialized()
        let mark = try basis.map { StoredAnswer.etag(of: try $0.serialized()) } ?? StoredAnswer.etag(of: bytes)
        return Response(
            status: .ok,
            headers: [.contentType: "application/json", .eTag: mark, .cacheControl: "private, no-cache"],
            body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// One of several types that `Accept` chooses between at this address.
    func varied() -> Response {
        var response = self
        response.headers[.vary] = "Accept"
        return response
    }

    static func html(_ text: String, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "text/html; charset=utf-8", .cacheControl: "no-store"],
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }

    static func seeOther(_ path: String) -> Response {
        Response(status: .seeOther, headers: [.location: path, .cacheControl: "no-store"])
    }
}
