import PanalCore

/// Time as the schedule counts it, in microseconds since 1970 by the clock as it went at first. A clock that is set forward makes it
/// jump; one that is set back does not: time goes on from where it was, so that spans between two moments stay true.
struct SteadyTime: Sendable {
    /// Moments and spans beyond 36,000 years are cut, so that sums of some of them are numbers still.
    static let farthest: Int64 = 1 << 60

    private(set) var now: Int64 = -Self.farthest
    /// How far it is ahead of the clock.
    private var lead: Int64 = 0

    mutating func advance(to moment: Timestamp) -> Int64 {
        let seen = inside(moment)
        if seen < now { lead = min(lead + now - seen, Self.farthest) } else { now = seen }
        return now
    }

    /// The clock's moment as the schedule counts.
    func inside(_ moment: Timestamp) -> Int64 {
        min(max(min(max(moment.microseconds, -Self.farthest), Self.farthest) + lead, -Self.farthest), Self.farthest)
    }

    /// A moment of the schedule as the clock tells it.
    func outside(_ moment: Int64) -> Timestamp { Timestamp(microseconds: moment - lead) }
}
