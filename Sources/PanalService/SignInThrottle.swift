import PanalCore
import Synchronization

/// Slows guessing down. Failures are counted for a name from an address, for the address, and for the name; an attempt is counted as
/// a failure before the password is looked at and forgiven when it was right, so that attempts side by side gain nothing.
///
/// A name alone has a high threshold: somebody who guesses at a name must not lock its owner out at once.
final class SignInThrottle: Sendable {
    private struct Record {
        var failures = 0
        var last: Timestamp
        var blockedUntil: Timestamp
    }

    private enum Subject: Hashable {
        case pair(name: String, address: String)
        case address(String)
        case name(String)
    }

    private let rule: ThrottleRule
    private let records = Mutex<[Subject: Record]>([:])
    /// Beyond that many, forgotten ones are looked for at each attempt.
    private static let sweepSize = 10_000

    init(rule: ThrottleRule) {
        self.rule = rule
    }

    /// Counts an attempt. Answers how long to wait before the next one, when this one comes too early; then it does not count.
    func begin(name: String, address: String, at now: Timestamp) -> Duration? {
        let subjects = subjects(name, address)
        return records.withLock { records in
            if records.count > Self.sweepSize {
                records = records.filter { now - $0.value.last < rule.memory }
            }
            for subject in subjects {
                // A clock that was set back must not lock anybody out until it is there again.
                if let record = records[subject], now - record.last >= rule.memory || record.last > now {
                    records[subject] = nil
                }
            }
            let wait = subjects.compactMap { records[$0] }.map { $0.blockedUntil - now }.max() ?? .zero
            guard wait <= .zero else { return wait }
            for subject in subjects {
                var record = records[subject] ?? Record(last: now, blockedUntil: now)
                record.failures += 1
                record.last = now
                record.blockedUntil = now + delay(after: record.failures, tries: tries(of: subject))
                records[subject] = record
            }
            return nil
        }
    }

    /// Forgives what `begin` counted: the password was right, or it was never looked at.
    func forgive(name: String, address: String, at now: Timestamp) {
        let subjects = subjects(name, address)
        records.withLock { records in
            for subject in subjects {
                if case .pair = subject {
                    records[subject] = nil
                } else if var record = records[subject] {
                    record.failures = max(0, record.failures - 1)
                    record.blockedUntil = now
                    records[subject] = record.failures == 0 ? nil : record
                }
            }
        }
    }

    private func subjects(_ name: String, _ address: String) -> [Subject] {
        [.pair(name: name, address: address), .address(address), .name(name)]
    }

    private func tries(of subject: Subject) -> Int {
        if case .pair = subject { rule.tries } else { rule.triesAltogether }
    }

    private func delay(after failures: Int, tries: Int) -> Duration {
        guard failures >= tries else { return .zero }
        let exponent = min(failures - tries, 30)
        return min(.seconds(1 << exponent), rule.longest)
    }
}
