import PanalCore
import Synchronization

/// How often somebody may ask: so many at once, and as many again in each span.
package struct RateRule: Hashable, Sendable {
    /// Requests in a span; greater than 0.
    package var quota: Int
    package var span: Duration
    /// Requests at once; greater than 0.
    package var burst: Int

    package init(quota: Int, span: Duration = .seconds(60), burst: Int) {
        self.quota = quota
        self.span = span
        self.burst = burst
    }

    /// For how much of the burst one microsecond makes up.
    fileprivate var perMicrosecond: Double { Double(quota) / max(1, span.inSeconds * 1_000_000) }
}

/// What is left to somebody after a request.
package struct RateState: Hashable, Sendable {
    package var isAllowed: Bool
    /// Requests that may follow at once.
    package var remaining: Int
    /// Until there is one more than that; what has to pass before the next one where none is left.
    package var next: Duration
}

/// Token buckets by what they are for: a key, a session's user, an address. Pure but for its lock; whoever asks says what time it is.
package final class TokenBuckets<Subject: Hashable & Sendable>: Sendable {
    private struct Bucket {
        var tokens: Double
        var at: Duration
    }

    private let buckets = Mutex<[Subject: Bucket]>([:])
    /// Beyond that many, full ones are forgotten when somebody new comes.
    private let most: Int

    package init(most: Int = 20_000) {
        self.most = most
    }

    /// Takes one token out of the bucket of `subject`. `now` is a clock that nobody sets back.
    package func take(_ subject: Subject, _ rule: RateRule, at now: Duration) -> RateState {
        buckets.withLock { buckets in
            let burst = Double(max(1, rule.burst))
            func tokens(of bucket: Bucket) -> Double {
                let passed = max(0, (now - bucket.at).inSeconds * 1_000_000)
                return min(burst, bucket.tokens + passed * rule.perMicrosecond)
            }
            if buckets[subject] == nil, buckets.count >= most {
                buckets = buckets.filter { tokens(of: $0.value) < burst }
                // A flood of new ones, each of which has just come: the oldest is as good as any other.
                if buckets.count >= most, let oldest = buckets.min(by: { $0.value.at < $1.value.at }) {
                    buckets[oldest.key] = nil
                }
            }
            var left = buckets[subject].map(tokens) ?? burst
            let isAllowed = left >= 1
            if isAllowed { left -= 1 }
            buckets[subject] = Bucket(tokens: left, at: now)
            let missing = left.rounded(.down) + 1 - left
            return RateState(
                isAllowed: isAllowed, remaining: Int(left),
                next: left >= burst ? .zero : .microseconds(Int64((missing / rule.perMicrosecond).rounded(.up))))
        }
    }

    /// Those that are remembered.
    package var count: Int { buckets.withLock(\.count) }
}
