package import PanalCore

/// A job's place in the order of submission: a lower number was submitted earlier.
package struct Ticket: Hashable, Comparable, Sendable {
    package var number: Int64

    package init(number: Int64) {
        self.number = number
    }

    package static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

/// What a job wants while it runs.
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
}

/// What a job was given; it holds it until `ScheduleEvent.finished`.
package struct Reservation: Hashable, Sendable {
    /// Numbers of the cores that belong to this job alone, ascending; empty for a shared grant.
    package var cores: [Int]
    /// Thousandths of a core out of shared cores; 0 for an exclusive grant.
    package var millicores: Int
    /// Numbers of the shared cores that `millicores` were taken from, ascending; empty for an exclusive grant. A cell
    /// that is kept to these cores can never take time from a job with cores of its own.
    package var sharedCores: [Int]
    /// Bytes.
    package var memory: Int

    package init(cores: [Int], millicores: Int, memory: Int, sharedCores: [Int] = []) {
        self.cores = cores
        self.millicores = millicores
        self.memory = memory
        self.sharedCores = sharedCores
    }
}

/// What happens to the scheduler.
package enum ScheduleEvent: Hashable, Sendable {
    /// A job wants to run.
    case submit(Ticket, ResourceRequest)
    /// A started job is in a final state, whichever: what it held is free again.
    case finished(Ticket)
    /// A waiting job is cancelled.
    case withdraw(Ticket)
}

/// What the owner of the schedule has to carry out, in this order.
package enum ScheduleAction: Hashable, Sendable {
    case start(Ticket, Reservation)
    /// The job was not taken, and never will be started.
    case refuse(Ticket, reason: String)
}
