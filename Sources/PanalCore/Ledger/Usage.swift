/// A calendar month in UTC. Written `2026-11`.
package struct Month: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let year: Int
    /// 1 to 12.
    package let number: Int

    /// Nil when `text` is no month from 1970 to 9999.
    package init?(_ text: String) {
        let halves = text.split(separator: "-", omittingEmptySubsequences: false)
        guard halves.count == 2, halves[0].utf8.count == 4, halves[1].utf8.count == 2,
            halves.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let year = Int(halves[0]), let number = Int(halves[1])
        else { return nil }
        self.init(year: year, number: number)
    }

    package init?(year: Int, number: Int) {
        guard (1970...9999).contains(year), (1...12).contains(number) else { return nil }
        self.year = year
        self.number = number
    }

    /// The month of a moment; moments before 1970 belong to its first month, those after 9999 to its last.
    package init(of moment: Timestamp) {
        // Days to civil: Howard Hinnant's algorithm, with the year beginning in March.
        let most: Int64 = 2_932_896
        let days = min(max(0, moment.microseconds / 86_400_000_000), most) + 719_468
        let era = days / 146_097
        let day = days % 146_097
        let yearOfEra = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365
        let dayOfYear = day - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        number = Int(shifted < 10 ? shifted + 3 : shifted - 9)
        year = Int(yearOfEra + era * 400) + (number <= 2 ? 1 : 0)
    }

    /// `202611`, as it is stored.
    package var code: Int { year * 100 + number }

    package init?(code: Int) { self.init(year: code / 100, number: code % 100) }

    package static func < (left: Self, right: Self) -> Bool { left.code < right.code }

    package var description: String { "\(year)-\(number < 10 ? "0" : "")\(number)" }

    package var days: Int {
        switch number {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }
}

/// What usage is grouped by.
package enum UsageKey: String, Hashable, Sendable, CaseIterable {
    case month, user, group, program, profile
}

/// Which use to sum up. Nil asks for all.
package struct UsageQuery: Hashable, Sendable {
    /// In this order; none for one sum over all.
    package var by: [UsageKey]
    package var user: UserID?
    /// The group that paid.
    package var group: String?
    package var program: String?
    package var profile: String?
    /// Both of them meant.
    package var from: Month?
    package var to: Month?
    /// At most that many rows.
    package var limit: Int

    package init(
        by: [UsageKey], user: UserID? = nil, group: String? = nil, program: String? = nil, profile: String? = nil,
        from: Month? = nil, to: Month? = nil, limit: Int = 10_000
    ) {
        self.by = by
        self.user = user
        self.group = group
        self.program = program
        self.profile = profile
        self.from = from
        self.to = to
        self.limit = limit
    }
}

/// What some jobs used and cost together.
package struct UsageRow: Hashable, Sendable {
    package var month: Month?
    package var user: UserID?
    package var userName: String?
    package var group: String?
    package var program: String?
    package var profile: String?
    package var sum: UsageSum

    package init(
        month: Month? = nil, user: UserID? = nil, userName: String? = nil, group: String? = nil, program: String? = nil,
        profile: String? = nil, sum: UsageSum = UsageSum()
    ) {
        self.month = month
        self.user = user
        self.userName = userName
        self.group = group
        self.program = program
        self.profile = profile
        self.sum = sum
    }
}

package struct UsageSum: Hashable, Sendable {
    /// Jobs that have ended, and those of them that Panal itself failed at.
    package var jobs: Int
    package var systemErrors: Int
    /// What the cells had; the time of system errors too.
    package var use: MeteredUse
    /// Microseconds in which the programs used a processor.
    package var cpuMicroseconds: Int64
    /// What that costs at the jobs' prices.
    package var cost: Credits
    /// What was paid of it: all, where credits were switched on.
    package var paid: Credits

    package init(
        jobs: Int = 0, systemErrors: Int = 0, use: MeteredUse = MeteredUse(), cpuMicroseconds: Int64 = 0,
        cost: Credits = .zero, paid: Credits = .zero
    ) {
        self.jobs = jobs
        self.systemErrors = systemErrors
        self.use = use
        self.cpuMicroseconds = cpuMicroseconds
        self.cost = cost
        self.paid = paid
    }

    package static func + (left: Self, right: Self) -> Self {
        Self(
            jobs: left.jobs + right.jobs, systemErrors: left.systemErrors + right.systemErrors,
            use: MeteredUse(
                coreMicroseconds: left.use.coreMicroseconds + right.use.coreMicroseconds,
                memoryMicroseconds: left.use.memoryMicroseconds + right.use.memoryMicroseconds),
            cpuMicroseconds: left.cpuMicroseconds + right.cpuMicroseconds, cost: left.cost + right.cost,
            paid: left.paid + right.paid)
    }
}
