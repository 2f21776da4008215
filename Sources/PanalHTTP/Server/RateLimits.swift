import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// Holds each key, each session's user and each address to what the settings allow, and tells them what is left (IETF
/// draft-ietf-httpapi-ratelimit-headers).
struct RateLimits: Sendable {
    enum Subject: Hashable, Sendable {
        case key(APIKeyID)
        case user(UserID)
        case address(String)

        var policy: String {
            switch self {
            case .key: "key"
            case .user: "session"
            case .address: "address"
            }
        }
    }

    /// What the answer says of it.
    struct Verdict: Sendable {
        var policy: String
        var rule: RateRule
        var state: RateState

        func tell(_ headers: inout HTTPFields) {
            let span = Int(rule.span.inSeconds)
            headers[.rateLimitPolicy] = "\"\(policy)\";q=\(rule.quota);w=\(span)"
            headers[.rateLimit] = "\"\(policy)\";r=\(state.remaining);t=\(Int(state.next.inSeconds.rounded(.up)))"
        }
    }

    let panal: Panal
    private let buckets = TokenBuckets<Subject>()

    init(panal: Panal) {
        self.panal = panal
    }

    /// Counts the request of somebody who is known, or of an address. Nil where there is no limit. Throws `overloaded` with the fields
    /// of `tell` in the problem when there were too many.
    func count(_ caller: Caller?, address: String) throws -> Verdict? {
        let settings = panal.settings
        let quota = caller == nil ? settings.strangerRequestsPerMinute : settings.requestsPerMinute
        guard quota > 0 else { return nil }
        let rule = RateRule(
            quota: quota, burst: caller == nil ? settings.strangerRequestBurst : settings.requestBurst)
        let subject: Subject =
            if let caller { caller.principal.key.map { .key($0.id) } ?? .user(caller.principal.user) } else {
                .address(address)
            }
        let state = buckets.take(subject, rule, at: panal.elapsed)
        let verdict = Verdict(policy: subject.policy, rule: rule, state: state)
        guard state.isAllowed else { throw WebError.tooMany(verdict) }
        return verdict
    }
}

extension HTTPField.Name {
    static let rateLimit = HTTPField.Name("RateLimit") ?? .eTag
    static let rateLimitPolicy = HTTPField.Name("RateLimit-Policy") ?? .eTag
}

extension WebError {
    fileprivate static func tooMany(_ verdict: RateLimits.Verdict) -> WebError {
        let seconds = max(1, Int(verdict.state.next.inSeconds.rounded(.up)))
        var headers: HTTPFields = [.retryAfter: String(seconds)]
        verdict.tell(&headers)
        return WebError(
            .tooManyRequests, "rate-limited", "Too many for now",
            "this \(verdict.policy) may ask \(verdict.rule.quota) times in \(Int(verdict.rule.span.inSeconds)) s and "
                + "\(verdict.rule.burst) times at once; come back in \(seconds) s", headers: headers)
    }
}
