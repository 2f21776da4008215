package import Hummingbird
import Logging
import NIOCore
import PanalCore
import PanalService
import Synchronization

/// What is known of a request beside its bytes.
package struct WebContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// Where the connection comes from; an address without a port.
    var address: String
    /// The connection, or a stream of one.
    let channel: any Channel
    /// What runs tasks on the connection's own thread.
    let home: LoopExecutor
    /// The number under which the log has this request; the client's own when it sent a decent one.
    var requestID = ""
    var language = Language.english
    private let knownCaller = CallerBox()
    /// Whether the caller's access goes on; for answers that take their time.
    var access: LiveAccess? {
        get { knownAccess.value.withLock { $0 } }
        nonmutating set { knownAccess.value.withLock { $0 = newValue } }
    }
    private let knownAccess = AccessBox()
    private let notes = AuditBox()
    private let knownRate = RateBox()
    /// What is left to whoever asks, for the answer's header; nil where there is no limit.
    var rate: RateLimits.Verdict? {
        get { knownRate.value.withLock { $0 } }
        nonmutating set { knownRate.value.withLock { $0 = newValue } }
    }
    /// What the audit log is to say of this request, beside what it sees.
    var auditNote: AuditNote {
        get { notes.value.withLock { $0 } }
        nonmutating set { notes.value.withLock { $0 = newValue } }
    }
    /// Who asks; set before a route that is not open is entered, and then known to the whole way of the request, so
    /// that a page that says what went wrong is still theirs.
    var caller: Caller? {
        get { knownCaller.value.withLock { $0 } }
        nonmutating set { knownCaller.value.withLock { $0 = newValue } }
    }

    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
        home = .of(source.channel.eventLoop)
        address = source.channel.remoteAddress?.ipAddress ?? "unknown"
    }

    /// The principal of a route that is not open.
    var principal: Principal {
        get throws {
            guard let caller else { throw ServiceError(.unauthenticated, "sign in, or send an API key") }
            return caller.principal
        }
    }

    /// A path parameter, percent-decoded: Hummingbird hands them over as they were sent.
    func parameter(_ name: String) throws -> String {
        guard let raw = parameters.get(name), let text = PercentCoding.decoded(raw), !text.utf8.contains(0) else {
            throw ServiceError(.notFound, "there is nothing at this address")
        }
        return text
    }

    /// What `**` stands for, each part decoded.
    func restOfPath() throws -> String {
        let parts = try parameters.getCatchAll().map { part in
            guard let text = PercentCoding.decoded(part), !text.utf8.contains(0) else {
                throw ServiceError(.notFound, "there is nothing at this address")
            }
            return text
        }
        return parts.joined(separator: "/")
    }

    func identifier<Subject>(_ name: String, of kind: Subject.Type) throws -> Identifier<Subject> {
        guard let identifier = Identifier<Subject>(try parameter(name)) else {
            throw ServiceError(.notFound, "there is nothing at this address")
        }
        return identifier
    }
}

private final class RateBox: Sendable {
    let value = Mutex<RateLimits.Verdict?>(nil)
}

private final class AccessBox: Sendable {
    let value = Mutex<LiveAccess?>(nil)
}

private final class CallerBox: Sendable {
    let value = Mutex<Caller?>(nil)
}

/// Who asks, and how they said so.
struct Caller: Sendable {
    enum Means: Sendable {
        case key
        /// With the token of the session's forms.
        case session(csrf: String)
    }

    var principal: Principal
    var means: Means
    /// When the key or the session ends by itself; nil for a key without an end.
    var ends: Timestamp?

    var csrf: String? {
        if case .session(let csrf) = means { csrf } else { nil }
    }
}

/// The languages of the pages.
package enum Language: String, Hashable, Sendable, CaseIterable {
    case spanish = "es"
    case english = "en"

    /// The best of the client's `Accept-Language` (RFC 9110 §12.5.4); English when none of them is spoken here.
    init(accepting header: String?) {
        var best: (language: Language, weight: Double)?
        for wish in (header ?? "").split(separator: ",").prefix(32) {
            let parts = wish.split(separator: ";").map { $0.filter { $0 != " " }.lowercased() }
            guard let range = parts.first, let language = Language(rawValue: String(range.prefix { $0 != "-" })) else {
                continue
            }
            let quality = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
            if quality > (best?.weight ?? 0) { best = (language, quality) }
        }
        self = best?.language ?? .english
    }
}
