import AsyncHTTPClient
import Dispatch
import Glibc
import NIOCore
import NIOHTTP1
package import PanalService

/// Sends webhooks through AsyncHTTPClient, each by a client of its own that can reach one address only.
package struct ClientTransport: WebhookTransport {
    /// Looking a name up holds a thread, for as long as a name server takes.
    private let lookups = DispatchQueue(label: "panal.webhooks.lookup", attributes: .concurrent)
    private let deadline: Duration

    /// Bytes of an answer that are read at most: enough for a decent one, so that its connection ends well.
    static let answerBytes = 16_384

    /// An attempt takes `deadline` at most, whatever the receiver does.
    package init(deadline: Duration = .seconds(15)) {
        self.deadline = deadline
    }

    package func addresses(of host: String) async throws(WebhookFailure) -> [NetworkAddress] {
        let found = await withCheckedContinuation { continuation in
            lookups.async { continuation.resume(returning: Self.lookUp(host)) }
        }
        return try found.get()
    }

    private static func lookUp(_ host: String) -> Result<[NetworkAddress], WebhookFailure> {
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = AF_UNSPEC
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, nil, &hints, &list)
        guard code == 0 else {
            let reason = unsafe gai_strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
            return .failure(WebhookFailure("‘\(host)’ cannot be looked up: \(reason)"))
        }
        defer { unsafe freeaddrinfo(list) }
        var found: [NetworkAddress] = []
        var place = unsafe list
        while let entry = unsafe place {
            unsafe place = entry.pointee.ai_next
            guard let address = unsafe Self.address(entry.pointee), !found.contains(address) else { continue }
            found.append(address)
        }
        return .success(found)
    }

    private static func address(_ entry: addrinfo) -> NetworkAddress? {
        guard let socket = unsafe entry.ai_addr else { return nil }
        switch unsafe entry.ai_family {
        case AF_INET:
            var four = unsafe UnsafeRawPointer(socket).loadUnaligned(as: sockaddr_in.self).sin_addr
            return NetworkAddress(bytes: unsafe withUnsafeBytes(of: &four) { unsafe Array($0) })
        case AF_INET6:
            var six = unsafe UnsafeRawPointer(socket).loadUnaligned(as: sockaddr_in6.self).sin6_addr
            return NetworkAddress(bytes: unsafe withUnsafeBytes(of: &six) { unsafe Array($0) })
        default: return nil
        }
    }

    /// In words that the receiver's owner understands.
    private static func sentence(_ error: any Error) -> String {
        let text = "\(error)"
        return text.contains("Connection refused") ? "the connection is refused" : String(text.prefix(200))
    }

    package func post(
        _ target: WebhookTarget, to address: NetworkAddress, headers: [(name: String, value: String)], body: [UInt8]
    ) async throws(WebhookFailure) -> Int {
        let limit = TimeAmount(deadline)
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: min(limit, .seconds(5)), read: limit),
            decompression: .disabled)
        // The host's name stays in the request and in TLS; the connection goes to the address that was checked.
        configuration.dnsOverride = [target.host: address.description]
        configuration.httpVersion = .http1Only
        // Where nobody listens, this try is over at once: it would hold up others to that host until the time to connect is used up.
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let outcome: Result<Int, WebhookFailure>
        do {
            var request = HTTPClientRequest(url: target.url)
            request.method = .POST
            request.headers = HTTPHeaders(headers.map { ($0.name, $0.value) })
            request.headers.add(name: "content-type", value: "application/json")
            request.headers.add(name: "user-agent", value: "Panal-Webhooks/1")
            request.body = .bytes(ByteBuffer(bytes: body))
            let response = try await client.execute(request, deadline: .now() + limit)
            var read = 0
            for try await piece in response.body {
                read += piece.readableBytes
                if read > Self.answerBytes { break }
            }
            outcome = .success(Int(response.status.code))
        } catch let error as HTTPClientError {
            outcome = .failure(WebhookFailure("no answer: \(error.shortDescription)"))
        } catch {
            outcome = .failure(WebhookFailure("no answer: \(Self.sentence(error))"))
        }
        try? await client.shutdown()
        return try outcome.get()
    }
}
