import PanalCore

/// What is known of several waiting jobs together.
struct WaitingSummary: ForestSummary {
    var count: Int32 = 0
    /// Core-seconds, by their time limits.
    var work: Double = 0
    /// The least that one of them wants: thousandths of cores in all, bytes and thousandths for its largest cell, microseconds.
    var millicores = Int32.max
    var cellMillicores = Int32.max
    var cellMemory = Int.max
    var duration = Int64.max
    var pools: UInt64 = 0

    static let none = WaitingSummary()

    mutating func join(_ other: Self) {
        count += other.count
        work += other.work
        millicores = min(millicores, other.millicores)
        cellMillicores = min(cellMillicores, other.cellMillicores)
        cellMemory = min(cellMemory, other.cellMemory)
        duration = min(duration, other.duration)
        pools |= other.pools
    }

    /// What counts, but can start nothing.
    var blocked: Self {
        var summary = Self.none
        summary.count = count
        summary.work = work
        return summary
    }
}

/// A job's place in the line of its user.
struct LineKey: Comparable, Sendable {
    var rank: Int64
    var ticket: Int64
    var job: Int32

    static func < (left: Self, right: Self) -> Bool {
        left.rank != right.rank ? left.rank < right.rank : left.ticket < right.ticket
    }

    static func == (left: Self, right: Self) -> Bool { left.rank == right.rank && left.ticket == right.ticket }
}

/// Where a job stands: the line of its user in its group and class, and its key there.
struct LinePlace: Sendable {
    var line: Int32
    var key: LineKey
}

/// Everybody who waits, in order: by class, in a class by group, in a group by user, for a user by `LineKey`; groups and users by what
/// they have used. Each level is an ordered set with summaries, so that a change anywhere, the first job that could fit, and the
/// work that stands before a job all cost O(log n).
struct WaitingLine: Sendable {
    private struct AccountKey: Comparable, Sendable {
        var rank: Double
        var entry: Int32

        static func < (left: Self, right: Self) -> Bool {
            left.rank != right.rank ? left.rank < right.rank : left.entry < right.entry
        }
    }

    /// The waiting jobs of one user in one group and class.
    private struct UserLine: Sendable {
        let user: Int32
        let group: Int32
        var key: AccountKey
        var jobs = OrderedForest<LineKey, WaitingSummary>.Root()
    }

    /// The users of one group in one class.
    private struct GroupLine: Sendable {
        let account: Int32
        let priority: Int
        var key: AccountKey
        var users = OrderedForest<AccountKey, WaitingSummary>.Root()
    }

    private var jobs = OrderedForest<LineKey, WaitingSummary>()
    private var users = OrderedForest<AccountKey, WaitingSummary>()
    private var groups = OrderedForest<AccountKey, WaitingSummary>()
    private var classes = Array(repeating: OrderedForest<AccountKey, WaitingSummary>.Root(), count: 4)
    private var userLines: [UserLine] = []
    private var groupLines: [GroupLine] = []
    private var userLineNumbers: [Int64: Int32] = [:]
    private var groupLineNumbers: [Int64: Int32] = [:]
    /// Lines of each account.
    private var linesOfUser: [[Int32]] = []
    private var linesOfGroup: [[Int32]] = []

    func summary(of priority: PriorityClass) -> WaitingSummary { groups.total(classes[priority.rank]) }

    mutating func insert(
        _ key: LineKey, _ summary: WaitingSummary, priority: PriorityClass, user: Int32, group: Int32, _ book: Accounts
    ) -> LinePlace {
        let line = self.line(priority: priority.rank, user: user, group: group)
        jobs.insert(key, summary, into: &userLines[Int(line)].jobs)
        refresh(line, book)
        return LinePlace(line: line, key: key)
    }

    mutating func remove(_ place: LinePlace, _ book: Accounts) {
        jobs.remove(place.key, from: &userLines[Int(place.line)].jobs)
        refresh(place.line, book)
    }

    /// What the account of a user has used, or may still start, has changed.
    mutating func refreshUser(_ user: Int32, _ book: Accounts) {
        guard Int(user) < linesOfUser.count else { return }
        for line in linesOfUser[Int(user)] where !userLines[Int(line)].jobs.isEmpty { refresh(line, book) }
    }

    mutating func refreshGroup(_ group: Int32, _ book: Accounts) {
        guard Int(group) < linesOfGroup.count else { return }
        for line in linesOfGroup[Int(group)] where !groupLines[Int(line)].users.isEmpty { refreshGroupLine(line, book) }
    }

    /// Everybody's account has changed.
    mutating func refreshAll(_ book: Accounts) {
        for user in linesOfUser.indices { refreshUser(Int32(user), book) }
        for group in linesOfGroup.indices { refreshGroup(Int32(group), book) }
    }

    /// In the order of the line, every job of the class that `visit` is to see: see `OrderedForest.search`.
    func search<Found>(
        _ priority: PriorityClass, _ book: Accounts, budget: inout Int, may: (WaitingSummary) -> Bool,
        visit: (Int32) -> Found?
    ) -> Found? {
        groups.search(classes[priority.rank], budget: &budget, may: may) { group, budget in
            let groupLine = groupLines[Int(group.entry)]
            let ofGroup = book.startable(ofGroup: groupLine.account)
            return users.search(
                groupLine.users, budget: &budget, may: { Int($0.millicores) <= ofGroup && may($0) }
            ) { user, budget in
                let userLine = userLines[Int(user.entry)]
                let most = min(ofGroup, book.startable(ofUser: userLine.user))
                return jobs.search(
                    userLine.jobs, budget: &budget, may: { Int($0.millicores) <= most && may($0) },
                    visit: { key, _ in visit(key.job) })
            }
        }
    }

    /// Of everybody who stands before this place.
    func summary(before place: LinePlace) -> WaitingSummary {
        let userLine = userLines[Int(place.line)]
        let groupLine = groupLines[Int(userLine.group)]
        var sum = WaitingSummary.none
        for root in classes[..<groupLine.priority] { sum.join(groups.total(root)) }
        sum.join(groups.total(before: groupLine.key, classes[groupLine.priority]))
        sum.join(users.total(before: userLine.key, groupLine.users))
        sum.join(jobs.total(before: place.key, userLine.jobs))
        return sum
    }

    /// Every waiting job in order.
    func forEach(_ body: (Int32) -> Void) {
        for root in classes {
            groups.forEach(root) { group in
                users.forEach(groupLines[Int(group.entry)].users) { user in
                    jobs.forEach(userLines[Int(user.entry)].jobs) { body($0.job) }
                }
            }
        }
    }
}

/// Both books, as the line asks them.
struct Accounts: Sendable {
    var users: AccountBook
    var groups: AccountBook
    /// Whether what was used decides the order.
    var areRanked: Bool

    /// What the jobs of a line may start. Where there is one line for everybody, each job's own accounts are asked instead.
    func startable(ofUser number: Int32) -> Int { areRanked ? users[number].startable : .max }
    func startable(ofGroup number: Int32) -> Int { areRanked ? groups[number].startable : .max }

    /// By this the lines stand in order.
    func rank(ofUser number: Int32) -> Double { areRanked ? users[number].rank : 0 }
    func rank(ofGroup number: Int32) -> Double { areRanked ? groups[number].rank : 0 }
}

// MARK: - Lines of accounts

extension WaitingLine {
    private mutating func line(priority: Int, user: Int32, group: Int32) -> Int32 {
        let groupID = Int64(group) << 8 | Int64(priority)
        let groupLine: Int32
        if let number = groupLineNumbers[groupID] {
            groupLine = number
        } else {
            groupLine = Int32(groupLines.count)
            groupLines.append(
                GroupLine(account: group, priority: priority, key: AccountKey(rank: 0, entry: groupLine)))
            groupLineNumbers[groupID] = groupLine
            while linesOfGroup.count <= Int(group) { linesOfGroup.append([]) }
            linesOfGroup[Int(group)].append(groupLine)
        }
        let userID = Int64(user) << 32 | Int64(groupLine)
        if let number = userLineNumbers[userID] { return number }
        let number = Int32(userLines.count)
        userLines.append(UserLine(user: user, group: groupLine, key: AccountKey(rank: 0, entry: number)))
        userLineNumbers[userID] = number
        while linesOfUser.count <= Int(user) { linesOfUser.append([]) }
        linesOfUser[Int(user)].append(number)
        return number
    }

    /// Brings a user's line to its place in its group's, with what it now holds.
    private mutating func refresh(_ number: Int32, _ book: Accounts) {
        let line = userLines[Int(number)]
        let key = AccountKey(rank: book.rank(ofUser: line.user), entry: number)
        var summary = jobs.total(line.jobs)
        if Int(summary.millicores) > book.startable(ofUser: line.user) { summary = summary.blocked }
        let group = Int(line.group)
        users.place(key, instead: line.key, summary, isThere: summary.count > 0, in: &groupLines[group].users)
        userLines[Int(number)].key = key
        refreshGroupLine(line.group, book)
    }

    private mutating func refreshGroupLine(_ number: Int32, _ book: Accounts) {
        let line = groupLines[Int(number)]
        let key = AccountKey(rank: book.rank(ofGroup: line.account), entry: number)
        var summary = users.total(line.users)
        if Int(summary.millicores) > book.startable(ofGroup: line.account) { summary = summary.blocked }
        groups.place(key, instead: line.key, summary, isThere: summary.count > 0, in: &classes[line.priority])
        groupLines[Int(number)].key = key
    }
}

extension OrderedForest {
    /// Puts `key` where `old` was, if that was there; takes it away where there is nothing left.
    mutating func place(_ key: Key, instead old: Key, _ summary: Summary, isThere: Bool, in root: inout Root) {
        if isThere, key == old, contains(key, root) {
            update(key, to: summary, in: root)
        } else {
            remove(old, from: &root)
            if isThere { insert(key, summary, into: &root) }
        }
    }
}
