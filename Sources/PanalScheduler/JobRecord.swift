import PanalCore

/// A job that the schedule knows.
struct JobRecord: Sendable {
    let ticket: Ticket
    private(set) var demand: JobDemand
    let user: Int32
    private(set) var group: Int32
    private(set) var pools: UInt64
    /// Thousandths of cores of all cells.
    let millicores: Int
    /// What it counts against limits on numbers of jobs.
    var jobCount: Int { demand.jobCount }
    /// Its time limit in microseconds.
    let duration: Int64
    let submitted: Int64
    /// Rises with the time it waits.
    var priority: PriorityClass
    var inClassSince: Int64
    /// Where it stands in the line; nil when it does not wait.
    var place: LinePlace?
    var hosts: [Int32] = []
    var started: Int64 = 0
    var end: Int64 = 0
    /// What was added to its accounts when it started.
    var charge: Double = 0
    /// It was taken over, and was promised something that no host has any more.
    var isUnheld = false

    init(ticket: Ticket, demand: JobDemand, user: Int32, group: Int32, pools: UInt64, submitted: Int64) {
        self.ticket = ticket
        self.demand = demand
        self.user = user
        self.group = group
        self.pools = pools
        self.submitted = submitted
        // A demand that is taken over was not checked again.
        millicores = min(max(0, demand.millicores), 1 << 50)
        duration = min(max(0, demand.timeLimit.wholeMicroseconds), SteadyTime.farthest)
        priority = demand.priority
        inClassSince = submitted
    }

    static let none = JobRecord(
        ticket: Ticket(number: .min), demand: JobDemand(cells: [], timeLimit: .zero), user: 0, group: 0, pools: 0,
        submitted: 0)

    var isWaiting: Bool { place != nil }

    /// The same job under other terms; only while it stands nowhere.
    mutating func amend(_ terms: JobTerms, group: Int32, pools: UInt64) {
        (demand.group, demand.pools, demand.allocator) = (terms.group, terms.pools, terms.allocator)
        (self.group, self.pools) = (group, pools)
    }

    var summary: WaitingSummary {
        var summary = WaitingSummary()
        summary.count = Int32(clamping: jobCount)
        summary.work = Double(millicores) / 1_000 * Double(duration) / 1_000_000
        summary.millicores = Int32(clamping: millicores)
        summary.cellMillicores = Int32(clamping: demand.cells.reduce(0) { max($0, $1.request.millicores) })
        summary.cellMemory = demand.cells.reduce(0) { max($0, $1.request.memory) }
        summary.duration = duration
        summary.pools = pools
        return summary
    }
}

/// How much runs and waits.
struct ScheduleLoad: Sendable {
    /// Jobs, each member of a gang by itself.
    var waiting = 0
    var running = 0
    /// Opportunistic jobs that were started, frozen ones included.
    var guests = 0
    /// Thousandths of cores of all hosts.
    var millicores = 0
    /// Jobs that were taken over, still run, and were promised something that no host has any more.
    var unheld = 0
}

/// Jobs by the time since which they are in their class, for each class in the order in which they came.
struct PromotionQueue: Sendable {
    struct Entry: Sendable {
        var ticket: Ticket
        var since: Int64
    }

    private var entries: [PriorityClass: [Entry]] = [.normal: [], .low: []]
    private var firsts: [PriorityClass: Int] = [.normal: 0, .low: 0]

    mutating func note(_ record: JobRecord) {
        entries[record.priority]?.append(Entry(ticket: record.ticket, since: record.inClassSince))
    }

    /// Of those that have gone meanwhile, too.
    var count: Int {
        [PriorityClass.normal, .low].reduce(0) { $0 + (entries[$1]?.count ?? 0) - (firsts[$1] ?? 0) }
    }

    mutating func removeAll(where isGone: (Entry) -> Bool) {
        for priority in [PriorityClass.normal, .low] {
            entries[priority]?.removeFirst(firsts[priority] ?? 0)
            firsts[priority] = 0
            entries[priority]?.removeAll(where: isGone)
        }
    }

    /// The next job that is in its class since `moment` at the latest, which may have gone meanwhile.
    mutating func next(waitingSince moment: Int64) -> (Ticket, PriorityClass)? {
        for priority in [PriorityClass.normal, .low] {
            guard let first = firsts[priority], let entry = entries[priority]?[safely: first], entry.since <= moment
            else { continue }
            firsts[priority] = first + 1
            if first > 1_024, first * 2 > entries[priority]?.count ?? 0 {
                entries[priority]?.removeFirst(first + 1)
                firsts[priority] = 0
            }
            return (entry.ticket, priority)
        }
        return nil
    }

    /// Since when the one is in its class that will be promoted first, or has gone meanwhile.
    var oldest: Int64? {
        [PriorityClass.normal, .low].compactMap { entries[$0]?[safely: firsts[$0] ?? 0]?.since }.min()
    }
}

extension Array {
    subscript(safely index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}

/// The moment at which a job ends at the latest.
struct EndKey: Comparable, Sendable {
    var end: Int64
    var job: Int32

    static func < (left: Self, right: Self) -> Bool {
        left.end != right.end ? left.end < right.end : left.job < right.job
    }
}

/// Core-seconds-to-be of several running jobs: cores, and cores × end.
struct EndSummary: ForestSummary {
    var cores = 0.0
    var coreEnds = 0.0

    static let none = EndSummary()

    mutating func join(_ other: Self) {
        cores += other.cores
        coreEnds += other.coreEnds
    }
}
