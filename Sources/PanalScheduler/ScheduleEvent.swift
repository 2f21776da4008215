package import PanalCore

/// A job's place in the order of submission: a lower number was submitted earlier.
package struct Ticket: Hashable, Comparable, Sendable {
    package var number: Int64

    package init(number: Int64) {
        self.number = number
    }

    package static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

/// A host by its place in the list that the schedule was made with, from 0.
package struct HostID: Hashable, Comparable, Sendable {
    package var number: Int

    package init(number: Int) {
        self.number = number
    }

    package static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

/// What one cell was given; its job holds it until `ScheduleEvent.finished`.
package struct Reservation: Hashable, Sendable {
    package var host: HostID
    /// Numbers of the logical processors that belong to this job alone, ascending: every thread of its whole cores; empty for a
    /// shared grant.
    package var cores: [Int]
    /// Thousandths of a core out of shared cores; 0 for an exclusive grant.
    package var millicores: Int
    /// Numbers of the shared cores that `millicores` were taken from: those that gave all of their 1,000 first, ascending, then the one that
    /// gave the rest; empty for an exclusive grant. A cell that is kept to these cores can never take time from a job with cores of
    /// its own.
    package var sharedCores: [Int]
    /// Bytes.
    package var memory: Int

    package init(
        host: HostID = HostID(number: 0), cores: [Int], millicores: Int, memory: Int, sharedCores: [Int] = []
    ) {
        self.host = host
        self.cores = cores
        self.millicores = millicores
        self.memory = memory
        self.sharedCores = sharedCores
    }
}

/// Whether a host takes jobs.
package enum HostStatus: String, Hashable, Sendable, CaseIterable {
    case open
    /// What runs goes on, nothing starts. UnaCloud's *disabled* machine, or one of a closed laboratory.
    case closed
}

/// What happens to the scheduler.
package enum ScheduleEvent: Hashable, Sendable {
    /// A job wants to run.
    case submit(Ticket, JobDemand)
    /// A job that was taken in before wants to run again: after a restart, or because an attempt came to nothing. Limits and a queue
    /// that is full make it wait; only what no host at all could ever run is refused.
    case resubmit(Ticket, JobDemand)
    /// A started job is in a final state, whichever: what it held is free again.
    case finished(Ticket)
    /// A waiting job is cancelled.
    case withdraw(Ticket)
    /// A job that an earlier scheduler started, and that still runs, holds this since then.
    case adopt(Ticket, JobDemand, [Reservation], started: Timestamp)
    /// What waiting jobs are for or may have has changed; they keep their places in the order of submission. Others are left alone.
    case amend([Ticket: JobTerms])
    case host(HostID, HostStatus)
    /// Somebody uses the machine in person, or has left: opportunistic jobs there freeze and thaw.
    case presence(HostID, Bool)
    /// The operator has changed limits, shares or the policy's figures; the policy's kind stays.
    case configure(ScheduleSettings)
    /// Time has passed: see `ScheduleState.nextDeadline`.
    case tick
}

/// What the owner of the schedule has to carry out, in this order.
package enum ScheduleAction: Hashable, Sendable {
    /// A reservation for each cell, in the order of the demand's cells.
    case start(Ticket, [Reservation])
    /// The job was not taken, and never will be started.
    case refuse(Ticket, Refusal)
    /// An opportunistic job's cores are needed: it must stand still before what follows in the list is started.
    case freeze(Ticket)
    /// It may go on.
    case thaw(Ticket)
}

/// Why a job was not taken.
package struct Refusal: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// No host of this installation could ever run it.
        case impossible
        /// The queue, or the user's or group's part of it, is full.
        case full
    }

    package var kind: Kind
    /// In words and numbers.
    package var reason: String
    /// When there may be room again, where that can be said.
    package var retryAfter: Duration?

    package init(kind: Kind, reason: String, retryAfter: Duration? = nil) {
        self.kind = kind
        self.reason = reason
        self.retryAfter = retryAfter
    }
}
