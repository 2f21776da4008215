import PanalCore

/// How the queue is ordered and what may start before its head.
package struct SchedulingPolicy: Hashable, Sendable {
    package enum Order: Hashable, Sendable {
        /// By fair share of groups, in a group by fair share of users, for a user in the order of submission.
        case fairShare
        /// As the allocator orders jobs: as submitted, shuffled, or most cores first.
        case allocators
    }

    package enum Backfill: Hashable, Sendable {
        /// Nothing starts before the head.
        case none
        /// What ends, by its time limit, before the head could start, or leaves the head what it needs then (EASY; Lifka 1995).
        case easy
        /// Whatever fits: a head that needs much may wait for ever. For comparison; UnaCloud's algorithms know no reservation.
        case greedy
    }

    package var order: Order
    package var backfill: Backfill
    package var allocator: Allocator

    package init(order: Order, backfill: Backfill, allocator: Allocator) {
        self.order = order
        self.backfill = backfill
        self.allocator = allocator
    }

    /// Fair share, backfill that never delays the head, packed hosts.
    package static let standard = Self(order: .fairShare, backfill: .easy, allocator: .packed)
    /// First come, first served.
    package static let firstCome = Self(order: .allocators, backfill: .none, allocator: .packed)
    /// First come, first served, with EASY backfill.
    package static let easy = Self(order: .allocators, backfill: .easy, allocator: .packed)

    /// By the words that `panal simulate --policy` and the setting know.
    package static let named: [(name: String, policy: SchedulingPolicy)] =
        [("panal", .standard), ("easy", .easy), ("fcfs", .firstCome)]
        + Allocator.allCases.filter { $0 != .packed }.map {
            ($0.rawValue, SchedulingPolicy(order: .allocators, backfill: .greedy, allocator: $0))
        }
}

/// What a user or a group may have at the same time; nil is no limit.
package struct AccountLimits: Hashable, Sendable {
    /// Cores of running jobs together, opportunistic ones left out.
    package var runningCores: Int?
    package var runningJobs: Int?
    package var queuedJobs: Int?
    /// Its part against others: one with 2 gets twice of what one with 1 gets. Greater than 0.
    package var share: Double

    package init(runningCores: Int? = nil, runningJobs: Int? = nil, queuedJobs: Int? = nil, share: Double = 1) {
        self.runningCores = runningCores
        self.runningJobs = runningJobs
        self.queuedJobs = queuedJobs
        self.share = share
    }
}

/// What an operator sets.
package struct ScheduleSettings: Hashable, Sendable {
    package var policy: SchedulingPolicy
    /// Jobs that may wait at the same time. A job that starts at once never waits.
    package var queueLimit: Int
    /// After this time half of what somebody has used is forgotten. At least a minute.
    package var usageHalfLife: Duration
    /// A job that has waited so long in its class goes up into the next one, so that nobody waits for ever; nil for never.
    package var promotion: Duration?
    /// For users and groups that are not named below.
    package var users: AccountLimits
    package var groups: AccountLimits
    package var namedUsers: [String: AccountLimits]
    package var namedGroups: [String: AccountLimits]

    package init(
        policy: SchedulingPolicy = .standard, queueLimit: Int = 1_000, usageHalfLife: Duration = .seconds(7 * 86_400),
        promotion: Duration? = .seconds(86_400), users: AccountLimits = AccountLimits(),
        groups: AccountLimits = AccountLimits(), namedUsers: [String: AccountLimits] = [:],
        namedGroups: [String: AccountLimits] = [:]
    ) {
        self.policy = policy
        self.queueLimit = max(0, queueLimit)
        self.usageHalfLife = max(.seconds(60), usageHalfLife)
        self.promotion = promotion
        self.users = users
        self.groups = groups
        self.namedUsers = namedUsers
        self.namedGroups = namedGroups
    }

    /// `promotion` in microseconds, so that it can be added to any moment.
    var promotionTime: Int64? { promotion.map { min(max(0, $0.wholeMicroseconds), SteadyTime.farthest) } }
}
