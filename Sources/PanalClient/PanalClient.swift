package import AsyncHTTPClient
package import FoundationEssentials
import Glibc
import NIOCore
import NIOFoundationCompat
package import NIOHTTP1
import NIOPosix
package import PanalCore
import PanalManifest
import Synchronization

/// Talks to a server's programming interface. Refusals come as ``ClientFailure`` with the server's own words.
///
/// A server that has not answered yet is given up at once: most likely the address is wrong. One that has is waited for when the
/// connection is lost, as long as ``patience`` and where asking twice does no harm.
package final class PanalClient: Sendable {
    package let address: ServerAddress
    private let key: String?
    /// How long a server that is gone is asked again.
    private let patience: Duration
    private let notice: @Sendable (String) -> Void
    private let hasAnswered = Atomic(false)

    /// Answers that are read whole are small documents, and pages of lists.
    private static let largestAnswer = 64 * 1_048_576

    /// For the whole process; it is never shut down, since the process ends with its last request.
    private static let http = client(silence: .seconds(120))
    /// For what is answered when programs have run: longer than the tests of a publication may take.
    private static let patient = client(silence: .minutes(15))

    /// `silence`: longer than the server lets anybody wait, and than its live streams are silent.
    private static func client(silence: TimeAmount) -> HTTPClient {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(5)
        configuration.timeout.read = silence
        // A server that is not there is to be said at once, not after retries.
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Without `key` only what is open to everybody can be asked for. `notice` hears that a connection was lost and is made again.
    package init(
        address: ServerAddress, key: String?, patience: Duration = .seconds(120),
        notice: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.address = address
        self.key = key
        self.patience = patience
        self.notice = notice
    }

    package func get(_ path: String, headers: HTTPHeaders = [:]) async throws -> ClientAnswer {
        var request = ClientRequest(.GET, path)
        request.headers = headers
        return try await send(request)
    }

    /// The document of a list with the entries of all its pages. `path` has no query.
    package func all(_ name: String, of path: String) async throws -> JSONValue {
        var (entries, next): ([JSONValue], String?) = ([], nil)
        repeat {
            let page = try await get(path + ClientRequest.query(["limit": "200", "cursor": next])).document
            entries += try page.list(name)
            next = page["next"]?.text
        } while next != nil
        return .object([name: .array(entries)])
    }

    /// Sends a request and reads its answer whole.
    package func send(_ request: ClientRequest) async throws -> ClientAnswer {
        try await persistently(request) { [self] _ in
            let response = try await open(request)
            let body = try await lostWhere { try await response.body.collect(upTo: Self.largestAnswer) }
            return ClientAnswer(status: Int(response.status.code), headers: response.headers, body: Data(buffer: body))
        }
    }

    /// Sends a request once. Its answer is the server's consent; the body is the caller's to read. Throws ``ConnectionLost`` where nobody
    /// answered, and ``ClientFailure`` for a refusal.
    package func open(_ request: ClientRequest) async throws -> HTTPClientResponse {
        let sent = try request.http(address: address, key: key)
        let response = try await lostWhere {
            try await (request.takesLong ? Self.patient : Self.http).execute(sent, timeout: .hours(24))
        }
        hasAnswered.store(true, ordering: .relaxed)
        guard (200..<300).contains(response.status.code) else {
            let body = try? await response.body.collect(upTo: Self.largestAnswer)
            throw Refusal.failure(
                status: response.status, headers: response.headers, body: body.map { Array($0.readableBytesView) } ?? []
            )
        }
        return response
    }

    /// Does `body` again while the connection gets lost in it, as far as `request` may be repeated. Patience begins anew whenever a
    /// try has come further than the one before.
    package func persistently<Result>(
        _ request: ClientRequest, _ body: (Advance) async throws -> Result
    ) async throws -> Result {
        var pauses = Pauses(limit: patience)
        while true {
            let advance = Advance()
            do {
                return try await body(advance)
            } catch let lost as ConnectionLost {
                if advance.isMade.load(ordering: .relaxed) { pauses = Pauses(limit: patience) }
                let failure = lost.failure(address)
                guard hasAnswered.load(ordering: .relaxed) || lost.wasConnected,
                    request.isRepeatable || !lost.wasConnected,
                    let pause = pauses.next()
                else { throw failure }
                notice("\(failure); trying again")
                try await Task.sleep(for: pause)
            } catch let failure as ClientFailure {
                guard request.waitsOutOverload, case .later = failure.kind, let pause = pauses.next() else {
                    throw failure
                }
                try await Task.sleep(for: max(pause, .seconds(1)))
            }
        }
    }

    /// Gives what AsyncHTTPClient throws a name.
    package func lostWhere<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let failure as ClientFailure {
            throw failure
        } catch is CancellationError {
            throw CancellationError()
        } catch let error as HTTPClientError where error == .cancelled {
            throw CancellationError()
        } catch is NIOTooManyBytesError {
            throw ClientFailure(.misunderstood, "\(address) answers with more than any document has")
        } catch {
            throw ConnectionLost(error)
        }
    }
}

/// Whether a try that failed at last has brought something that is kept.
package final class Advance: Sendable {
    fileprivate let isMade = Atomic(false)

    package func make() { isMade.store(true, ordering: .relaxed) }
}

/// The connection could not be made, or broke off.
package struct ConnectionLost: Error {
    /// Whether the server may have seen the request.
    package let wasConnected: Bool
    private let reason: String

    init(_ error: any Error) {
        switch error {
        case let error as NIOConnectionError:
            wasConnected = false
            let first = error.connectionErrors.first.map { "\($0.error)" }
            reason = first.map(Self.short) ?? error.dnsAError.map { _ in "there is no such host" } ?? "no connection"
        case let error as HTTPClientError:
            let before: [HTTPClientError] = [
                .connectTimeout, .getConnectionFromPoolTimeout, .tlsHandshakeTimeout, .invalidURL, .emptyHost,
            ]
            wasConnected = !before.contains(error)
            reason = wasConnected ? "the connection was lost" : "no connection"
        case let error as IOError:
            wasConnected = ![ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ENETDOWN, ETIMEDOUT].contains(error.errnoCode)
            reason = Self.short("\(error)")
        default:
            // What fails below HTTP while connecting: TLS, most often.
            wasConnected = error is ChannelError
            reason = Self.short("\(error)")
        }
    }

    init(reason: String) {
        wasConnected = true
        self.reason = reason
    }

    private static func short(_ text: String) -> String {
        if text.contains("refused") { return "the connection is refused" }
        if text.contains("CERTIFICATE_VERIFY_FAILED") {
            return "its certificate is signed by nobody that this machine trusts"
        }
        if text.contains("WRONG_VERSION_NUMBER") {
            return "it does not speak TLS there; perhaps its address begins with http://"
        }
        return String(text.prefix(200))
    }

    package func failure(_ address: ServerAddress) -> ClientFailure {
        ClientFailure(.unreachable, "\(address) does not answer: \(reason)")
    }
}

/// How long to wait between tries: longer each time, up to ten seconds, and no longer than `limit` in all.
package struct Pauses {
    private var left: Duration
    private var pause = Duration.milliseconds(250)

    package init(limit: Duration) { left = limit }

    package mutating func next() -> Duration? {
        guard left > .zero else { return nil }
        let now = min(pause, left)
        left -= now
        pause = min(pause * 2, .seconds(10))
        return now
    }
}

/// An answer that was read whole.
package struct ClientAnswer: Sendable {
    package let status: Int
    package let headers: HTTPHeaders
    /// As it came.
    package let body: Data

    /// Throws `misunderstood` when it is no JSON.
    package var document: JSONValue {
        get throws(ClientFailure) {
            do throws(Mistake) {
                return try JSONReader.read(Array(body), maximumDepth: 64)
            } catch {
                throw .notUnderstood("it is not JSON (\(error.detail))")
            }
        }
    }
}
