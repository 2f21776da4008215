import PanalCore
import Testing

/// Until when outputs are kept: pure, with every moment given.
@Suite struct RetentionRuleTests {
    private static let start = Timestamp(microseconds: 1_800_000_000_000_000)
    private static let day = 86_400

    private static func days(_ count: Int) -> Duration { .seconds(count * day) }

    @Test func withoutALifetimeNothingGoes() {
        let rule = RetentionRule(warning: Self.days(7))
        #expect(rule.tells(at: Self.start) == nil)
        #expect(rule.expiry(ended: Self.start, promised: Self.start, now: Self.start + Self.days(9_000)) == nil)
    }

    /// Who was told in time keeps the outputs for exactly their lifetime; who was told late, for as long as was promised.
    @Test func whatWasPromisedIsKept() {
        let rule = RetentionRule(lifetime: Self.days(30), warning: Self.days(7))
        let age = Self.start + Self.days(30)
        for now in [Self.start, Self.start + Self.days(23) + .microseconds(-1)] {
            #expect(rule.expiry(ended: Self.start, promised: nil, now: now) == age)
        }
        let told = Self.start + Self.days(23)
        #expect(rule.expiry(ended: Self.start, promised: told + Self.days(7), now: told) == age)
        let late = Self.start + Self.days(500)
        #expect(rule.expiry(ended: Self.start, promised: late, now: late) == late)
        // A longer lifetime reaches what was announced already, a shorter one does not.
        let longer = RetentionRule(lifetime: Self.days(60), warning: Self.days(7))
        #expect(longer.expiry(ended: Self.start, promised: age, now: told) == Self.start + Self.days(60))
        let shorter = RetentionRule(lifetime: Self.days(1), warning: Self.days(7))
        #expect(shorter.expiry(ended: Self.start, promised: age, now: told) == age)
    }

    /// To the microsecond: at exactly the lifetime less the warning owners are told.
    @Test func tellingBeginsAtExactlyItsMoment() {
        let rule = RetentionRule(lifetime: Self.days(30), warning: Self.days(7))
        let due = Self.start + Self.days(23)
        #expect(rule.tells(at: due) == Self.start)
        #expect(rule.tells(at: due + .microseconds(-1)) == Self.start + .microseconds(-1))
    }

    /// Before an overdue owner is told, the same is answered for a whole hour, and never less than what will be promised in it.
    @Test func whatIsSaidBeforeTheTellingHoldsForAnHour() throws {
        let rule = RetentionRule(lifetime: Self.days(30), warning: Self.days(7))
        let hour = Timestamp(microseconds: 1_800_000_000_000_000 / 3_600_000_000 * 3_600_000_000) + Self.days(100)
        let said = try #require(rule.expiry(ended: Self.start, promised: nil, now: hour))
        for minute in [1, 59] {
            let now = hour + .seconds(minute * 60)
            #expect(rule.expiry(ended: Self.start, promised: nil, now: now) == said)
            #expect(now + rule.warning <= said)
        }
    }

    @Test func somebodysOwnRuleReplacesTheCommonOne() {
        let (ana, berta) = (UserID.make(at: Self.start), UserID.make(at: Self.start))
        let common = RetentionRule(lifetime: nil, warning: Self.days(1))
        let own = RetentionRule(lifetime: Self.days(3), warning: Self.days(1))
        let plan = RetentionPlan(common: common, own: [ana: own])
        #expect(plan.rule(of: ana) == own && plan.rule(of: berta) == common && plan.removesAnything)
        #expect(!RetentionPlan(common: common).removesAnything)
    }
}
