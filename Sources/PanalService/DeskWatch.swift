/// Whether somebody is at a machine that people work at, decided by what everything but Panal uses of its processors. Pure: whoever
/// samples the machine tells it, and it says when the answer changes.
///
/// Pressure (`/proc/pressure`) is not asked: an idle run that waits for the owner's work is pressure too, so that the figure says
/// more of Panal than of the owner.
package struct DeskWatch: Sendable {
    /// From so much of one core on somebody is at work: music and a clock in a corner need a twentieth, a page that is being
    /// scrolled or a compiler much more.
    package static let busy = 0.25
    /// Used for so long, since a job of the system's that wakes for a moment is nobody.
    package static let arrival = Duration.seconds(1)
    /// Nobody is there while less than this is used: below what it takes to arrive, so that the answer does not waver.
    package static let quiet = 0.1
    /// For so long, as it is without a setting: who reads a page or thinks has not gone.
    package static let standardDeparture = Duration.seconds(30)
    /// No sample counts for more: after a pause of the whole machine nothing is known of the time in between.
    package static let longest = Duration.seconds(2)

    package private(set) var isAttended = false
    /// For how long the other answer would have been right.
    private var contrary: Duration = .zero

    private let departure: Duration

    package init(departure: Duration = Self.standardDeparture) {
        self.departure = departure
    }

    /// In `span`, everything but Panal has used `time` of all cores together. Answers whether somebody is there when that has
    /// changed, else nil.
    package mutating func note(_ time: Duration, in span: Duration) -> Bool? {
        guard span > .zero else { return nil }
        let share = time / span
        let isContrary = isAttended ? share < Self.quiet : share >= Self.busy
        contrary = isContrary ? contrary + min(span, Self.longest) : .zero
        guard contrary >= (isAttended ? departure : Self.arrival) else { return nil }
        isAttended.toggle()
        contrary = .zero
        return isAttended
    }
}
