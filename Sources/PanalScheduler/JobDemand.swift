package import PanalCore

/// What one cell wants while it runs.
package struct ResourceRequest: Hashable, Sendable {
    package var cpu: CPUGrant
    /// Bytes; at least 1.
    package var memory: Int

    package init(cpu: CPUGrant, memory: Int) {
        self.cpu = cpu
        self.memory = memory
    }

    package init(_ limits: CellLimits) {
        self.init(cpu: limits.cpu, memory: limits.memory)
    }

    /// Thousandths of cores.
    var millicores: Int {
        switch cpu {
        case .exclusive(let cores): cores.times(1_000)
        case .shared(let millicores): millicores
        }
    }
}

/// Cells of one kind that a job wants at the same time.
package struct CellDemand: Hashable, Sendable {
    package var request: ResourceRequest
    /// At least 1.
    package var count: Int

    package init(_ request: ResourceRequest, count: Int = 1) {
        self.request = request
        self.count = count
    }
}

/// A job as the scheduler sees it: what it wants, for how long at most, for whom, and how urgently.
package struct JobDemand: Hashable, Sendable {
    /// Never empty. More than one cell is a gang: all of them start in one step, or none does. UnaCloud's *Deployment* of a
    /// *Cluster*.
    package var cells: [CellDemand]
    /// A ticket for each cell of a gang whose cells end one by one; empty where all of them end together. See `ScheduleState+Gangs`.
    package var members: [Ticket] = []
    /// From the start to the end at the latest; backfill and estimates rely on it.
    package var timeLimit: Duration
    /// Who is charged with it, by name; `""` for nobody in particular.
    package var user: String
    package var group: String
    package var priority: PriorityClass
    /// Names of the pools that it may run in; nil for any.
    package var pools: Set<String>?
    /// Which host takes it; nil for the policy's own way.
    package var allocator: Allocator?

    package init(
        cells: [CellDemand], timeLimit: Duration, user: String = "", group: String = "",
        priority: PriorityClass = .normal, pools: Set<String>? = nil, allocator: Allocator? = nil
    ) {
        self.cells = cells
        self.timeLimit = timeLimit
        self.user = user
        self.group = group
        self.priority = priority
        self.pools = pools
        self.allocator = allocator
    }

    /// One cell.
    package init(
        _ request: ResourceRequest, timeLimit: Duration, user: String = "", group: String = "",
        priority: PriorityClass = .normal
    ) {
        self.init(
            cells: [CellDemand(request)], timeLimit: timeLimit, user: user, group: group, priority: priority)
    }

    package init(_ limits: CellLimits, user: String = "", group: String = "", priority: PriorityClass = .normal) {
        self.init(
            ResourceRequest(limits), timeLimit: limits.wallTime, user: user, group: group, priority: priority)
    }

    /// Of all cells together, in thousandths of a core.
    package var millicores: Int { cells.reduce(0) { $0.plus($1.request.millicores.times($1.count)) } }
    /// Cells of all kinds together.
    var cellCount: Int { cells.reduce(0) { $0.plus($1.count) } }
    /// What limits on numbers of jobs count: a gang whose members are jobs of their own is as many.
    var jobCount: Int { max(1, members.count) }
    var isOpportunistic: Bool { priority == .opportunistic }
}

/// What of a job's demand follows from who it is for, and may change while it waits.
package struct JobTerms: Hashable, Sendable {
    package var group: String
    package var pools: Set<String>?
    package var allocator: Allocator?

    package init(group: String = "", pools: Set<String>? = nil, allocator: Allocator? = nil) {
        self.group = group
        self.pools = pools
        self.allocator = allocator
    }
}

extension JobDemand {
    package var terms: JobTerms {
        get { JobTerms(group: group, pools: pools, allocator: allocator) }
        set { (group, pools, allocator) = (newValue.group, newValue.pools, newValue.allocator) }
    }
}

/// What people ask for is not checked before it is added up.
extension Int {
    /// The sum, or the largest (least) number where that is out of reach.
    func plus(_ other: Int) -> Int {
        let (sum, isOver) = addingReportingOverflow(other)
        return isOver ? (other < 0 ? .min : .max) : sum
    }

    /// The product, or the largest (least) number where that is out of reach.
    func times(_ other: Int) -> Int {
        let (product, isOver) = multipliedReportingOverflow(by: other)
        return isOver ? ((self < 0) != (other < 0) ? .min : .max) : product
    }
}
