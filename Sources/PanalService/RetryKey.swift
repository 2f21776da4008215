import Crypto
import FoundationEssentials
package import PanalCore
package import PanalManifest
import Synchronization

/// The name that a client gives a request, so that it may send it again without knowing whether it came through: `Idempotency-Key` of
/// the IETF's draft. It is its user's own, and kept for a day.
package struct RetryKey: Hashable, Sendable {
    /// Seconds.
    package static let lifetime = 86_400

    let text: String

    /// Reads the header's value: a quoted text, or one without quotes. Throws `malformed`.
    package init(_ header: String) throws {
        var text = Substring(header)
        if text.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") { text = text.dropFirst().dropLast() }
        guard (1...255).contains(text.utf8.count),
            text.utf8.allSatisfy({ (33...126).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") })
        else {
            throw ServiceError(
                .malformed, "Idempotency-Key is 1 to 255 visible ASCII characters, such as a random UUID")
        }
        self.text = String(text)
    }

    /// The mark under which the store keeps the request. What was asked for may hold secrets, so its hash is keyed with the client's
    /// name for it, which the store does not have.
    func mark(of request: JSONValue, owner: UserID, at now: Timestamp) throws -> RetryMark {
        let code = HMAC<SHA256>.authenticationCode(
            for: try request.serialized(), using: SymmetricKey(data: Array(text.utf8)))
        guard let hash = ContentHash(hex: Secrets.hexadecimal(code)) else {
            preconditionFailure("an HMAC of SHA-256 has 32 bytes")
        }
        return RetryMark(owner: owner, key: Secrets.hash(text), request: hash, at: now)
    }
}

/// Requests with a key that are being carried out. Their answers are not known yet, so nobody can be given them.
final class RetryTurns: Sendable {
    struct Turn: Hashable {
        var owner: UserID
        var key: RetryKey
    }

    private let taken = Mutex<Set<Turn>>([])

    func take(_ turn: Turn) -> Bool { taken.withLock { $0.insert(turn).inserted } }
    func end(_ turn: Turn) { taken.withLock { _ = $0.remove(turn) } }
}

/// What somebody asks to be run.
package struct JobRequest: Hashable, Sendable {
    package var program: String
    package var version: Int?
    package var profile: String?
    package var priority: PriorityClass
    package var submission: Submission
    package var callback: JobCallback?

    package init(
        program: String, version: Int? = nil, profile: String? = nil, priority: PriorityClass = .normal,
        submission: Submission, callback: JobCallback? = nil
    ) {
        self.program = program
        self.version = version
        self.profile = profile
        self.priority = priority
        self.submission = submission
        self.callback = callback
    }

    /// The same for the same request, whatever order or encoding it came in.
    var document: JSONValue {
        let values = submission.values.mapValues { values in
            JSONValue.array(
                values.map { value in
                    switch value {
                    case .text(let text): .string(text)
                    case .file(let file): ["name": .string(file.name), "content": .string(file.content.hex)]
                    }
                })
        }
        return [
            "program": .string(program), "version": version.map { .integer($0) } ?? .null,
            "profile": profile.map { .string($0) } ?? .null, "priority": .string(priority.rawValue),
            "values": .object(values),
            "callback": callback.map { callback in
                [
                    "url": .string(callback.url),
                    "events": .array(callback.events.map(\.rawValue).sorted().map { .string($0) }),
                ]
            } ?? .null,
        ]
    }
}
