import AsyncHTTPClient
import FoundationEssentials
import NIOCore
import NIOFoundationCompat
package import NIOHTTP1
package import PanalCore

/// What is asked of a server.
package struct ClientRequest: Sendable {
    package enum Body: Sendable {
        case none
        case json(JSONValue)
        case form(MultipartForm)
        /// With a Content-Type of the request's own.
        case file(FileBytes)
    }

    package var method: HTTPMethod
    /// From `/api` on, with the query.
    package var path: String
    package var headers: HTTPHeaders = [:]
    package var body = Body.none
    /// Whether asking twice does no harm: the answer to the first may have been lost.
    package var isRepeatable: Bool
    /// Whether ‘later’ is waited for rather than said.
    package var waitsOutOverload = false
    /// Whether the answer comes when programs have run.
    package var takesLong = false

    package init(_ method: HTTPMethod, _ path: String, body: Body = .none) {
        self.method = method
        self.path = path
        self.body = body
        isRepeatable = method == .GET || method == .HEAD || method == .DELETE
    }

    /// Has the server answer the same when it is asked again: it knows the request by `key`.
    package mutating func repeatSafely(key: String) {
        headers.replaceOrAdd(name: "Idempotency-Key", value: "\"\(key)\"")
        isRepeatable = true
    }

    func http(address: ServerAddress, key: String?) throws -> HTTPClientRequest {
        var request = HTTPClientRequest(url: address.text + path)
        request.method = method
        request.headers = headers
        request.headers.replaceOrAdd(name: "User-Agent", value: "panal")
        if let key { request.headers.replaceOrAdd(name: "Authorization", value: "Bearer \(key)") }
        if !headers.contains(name: "Accept") { request.headers.add(name: "Accept", value: "application/json") }
        switch body {
        case .none: break
        case .json(let document):
            request.headers.replaceOrAdd(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(data: try document.serialized()))
        case .form(let form):
            request.headers.replaceOrAdd(
                name: "Content-Type", value: "multipart/form-data; boundary=\(form.boundary)")
            request.body = .stream(form, length: .known(form.length))
        case .file(let bytes): request.body = .stream(bytes, length: .known(bytes.length))
        }
        return request
    }

    /// `?a=1&b=2` of what is not nil; nothing when all is.
    package static func query(_ pairs: KeyValuePairs<String, String?>) -> String { query(Array(pairs)) }

    package static func query(_ pairs: [(key: String, value: String?)]) -> String {
        let words = pairs.compactMap { name, value in value.map { "\(name)=\(PercentCoding.encoded($0))" } }
        return words.isEmpty ? "" : "?" + words.joined(separator: "&")
    }
}
