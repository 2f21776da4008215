package import PanalCore

/// Owns the schedule. It never awaits between reading the state and writing it: each call is one step.
package actor Scheduler {
    private var state: ScheduleState
    private let clock: any WallClock
    private var log = DecisionLog()

    package init(state: ScheduleState, clock: any WallClock) {
        self.state = state
        self.clock = clock
    }

    /// Takes one event and says what follows from it.
    package func apply(_ event: ScheduleEvent) -> [ScheduleAction] {
        let now = clock.now()
        let promised = state.promised
        let began = ContinuousClock.now
        let actions = state.apply(event, at: now)
        log.note(actions, of: event, at: now, promised: promised, took: ContinuousClock.now - began)
        return actions
    }

    /// Takes a job in. The actions are its own start or refusal, and what has to freeze for it; none when it has to wait.
    package func submit(_ ticket: Ticket, _ demand: JobDemand) -> [ScheduleAction] { apply(.submit(ticket, demand)) }

    /// Takes a job in again, or several that are a gang: see ``ScheduleEvent/resubmit(_:_:)``.
    package func resubmit(_ jobs: [(ticket: Ticket, demand: JobDemand)]) -> [ScheduleAction] {
        if let (ticket, demand) = jobs.first, jobs.count == 1 { return apply(.resubmit(ticket, demand)) }
        return enter(gang: jobs, ScheduleEvent.resubmit)
    }

    /// Takes jobs in, all or none: where one is refused, all are, and the schedule stays as it was.
    package func submit(together jobs: [(ticket: Ticket, demand: JobDemand)]) -> [ScheduleAction] {
        let before = (state, log)
        var actions: [ScheduleAction] = []
        for (ticket, demand) in jobs {
            let own = submit(ticket, demand)
            for case .refuse(_, let refusal) in own {
                (state, log) = before
                return jobs.map { .refuse($0.ticket, refusal) }
            }
            actions += own
        }
        return actions
    }

    /// Takes jobs of one cell in that are to start in one step or not at all, and end each by itself.
    package func submit(gang jobs: [(ticket: Ticket, demand: JobDemand)]) -> [ScheduleAction] {
        enter(gang: jobs, ScheduleEvent.submit)
    }

    private func enter(
        gang jobs: [(ticket: Ticket, demand: JobDemand)], _ event: (Ticket, JobDemand) -> ScheduleEvent
    ) -> [ScheduleAction] {
        guard let first = jobs.first, let demand = JobDemand.gang(of: jobs) else { return [] }
        let actions = apply(event(first.ticket, demand))
        for case .refuse(first.ticket, let refusal) in actions {
            // What else this moment has decided stands: others may have been promoted, and started.
            let others = actions.filter { if case .refuse(first.ticket, _) = $0 { false } else { true } }
            return others + jobs.map { .refuse($0.ticket, refusal) }
        }
        return actions
    }

    /// Gives back what a job held, whichever way it ended. Unknown tickets are ignored, so telling it twice is
    /// harmless.
    package func finished(_ ticket: Ticket) -> [ScheduleAction] { apply(.finished(ticket)) }

    /// Takes a waiting job, and the gang that it waits in, out of the queue. A job that runs is not touched: it gives its cores back
    /// with `finished`.
    package func withdraw(_ ticket: Ticket) -> [ScheduleAction] { apply(.withdraw(state.lineTicket(of: ticket))) }

    /// Those that wait as one gang with a ticket, itself among them.
    package func together(with ticket: Ticket) -> [Ticket] { state.together(with: ticket) }

    /// Why a job would not be taken if it had to wait now; nil when it would be.
    package func refusal(of demand: JobDemand) -> Refusal? { state.refusalNow(of: demand) }

    /// What would become of a job that were submitted now. It is played on a copy; nothing is changed.
    package func forecast(of demand: JobDemand) -> Forecast {
        var copy = state
        // After everybody who is there.
        let ticket = Ticket(number: .max)
        for action in copy.apply(.submit(ticket, demand), at: clock.now()) {
            switch action {
            case .start(ticket, let reservations): return .starts(reservations)
            case .refuse(ticket, let refusal): return .refused(refusal)
            case .start, .refuse, .freeze, .thaw: continue
            }
        }
        return .waits(copy.waitingReport(ticket))
    }

    /// The same of jobs that were submitted together, all or none, or as a gang. Of those that would have to wait the last one is told.
    package func forecast(together demands: [JobDemand], isGang: Bool) -> Forecast {
        var copy = state
        let jobs = demands.enumerated().map { place, demand in
            (ticket: Ticket(number: .max - Int64(demands.count - 1 - place)), demand: demand)
        }
        var entering = jobs
        if isGang, jobs.count > 1, let gang = JobDemand.gang(of: jobs) {
            entering = [(ticket: jobs[0].ticket, demand: gang)]
        }
        let own = Set(jobs.map(\.ticket))
        var waiting = own
        var taken: [Reservation] = []
        let now = clock.now()
        for (ticket, demand) in entering {
            for action in copy.apply(.submit(ticket, demand), at: now) {
                switch action {
                case .start(let started, let reservations) where own.contains(started):
                    waiting.remove(started)
                    taken += reservations
                case .refuse(let refused, let refusal) where own.contains(refused): return .refused(refusal)
                case .start, .refuse, .freeze, .thaw: continue
                }
            }
        }
        guard let last = waiting.max() else { return .starts(taken) }
        return .waits(copy.waitingReport(entering.count == 1 ? entering[0].ticket : last))
    }

    /// Jobs that no open host could take, whatever ends.
    package func waitingWithoutHost() -> [Ticket] { state.waitingWithoutHost() }

    /// Why a job waits, in words and numbers, and for how long about; nil when it does not wait.
    package func waitingReport(_ ticket: Ticket) -> WaitingReport? { state.waitingReport(ticket) }

    /// The first `limit` of those that wait, in their order.
    package func queue(limit: Int) -> [WaitingReport] { state.queue(limit: limit) }

    /// When `ScheduleEvent.tick` is due; nil for never.
    package var nextDeadline: Timestamp? { state.nextDeadline }
    /// Jobs that wait.
    package var waiting: Int { state.waitingCount }
    /// Jobs that hold a reservation.
    package var running: Int { state.runningCount }

    /// How full the machine is, and what deciding costs.
    package var figures: ScheduleFigures {
        ScheduleFigures(
            waiting: state.waitingCount, running: state.runningCount, utilisation: state.utilisation,
            decisions: log.count, decisionTime: log.time, waits: log.waits, waitTime: log.waitTime)
    }

    /// The last decisions, the newest first.
    package func decisions(limit: Int) -> [Decision] { log.newest(limit) }
}

/// What would become of a job.
package enum Forecast: Hashable, Sendable {
    case starts([Reservation])
    case waits(WaitingReport?)
    case refused(Refusal)
}

/// How full the machine is, and what deciding costs, since the start.
package struct ScheduleFigures: Hashable, Sendable {
    package var waiting: Int
    package var running: Int
    /// Part of all cores that is given out, 0 to 1.
    package var utilisation: Double
    package var decisions: Int
    /// Of all decisions together.
    package var decisionTime: Duration
    /// Jobs that were started, and the time that they had waited together.
    package var waits: Int
    package var waitTime: Duration
}

/// One thing that the scheduler decided.
package struct Decision: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable {
        case started, refused, frozen, thawed
    }

    package var at: Timestamp
    package var ticket: Ticket
    package var kind: Kind
    /// In words and numbers.
    package var reason: String
}

/// The last decisions, and sums over all.
struct DecisionLog {
    private static let most = 512

    private var ring: [Decision] = []
    private var next = 0
    private var submitted: [Ticket: Timestamp] = [:]
    private(set) var count = 0
    private(set) var time: Duration = .zero
    private(set) var waits = 0
    private(set) var waitTime: Duration = .zero

    mutating func note(
        _ actions: [ScheduleAction], of event: ScheduleEvent, at now: Timestamp,
        promised: (ticket: Ticket, moment: Timestamp)?, took: Duration
    ) {
        count += 1
        time += took
        switch event {
        case .submit(let ticket, _), .resubmit(let ticket, _): submitted[ticket] = now
        case .withdraw(let ticket), .finished(let ticket): submitted[ticket] = nil
        default: break
        }
        for action in actions { note(action, at: now, promised: promised) }
    }

    private mutating func note(
        _ action: ScheduleAction, at now: Timestamp, promised: (ticket: Ticket, moment: Timestamp)?
    ) {
        switch action {
        case .start(let ticket, let reservations):
            var reason = "on " + Words.places(reservations)
            if let since = submitted.removeValue(forKey: ticket) {
                waits += 1
                waitTime += now - since
                reason = "after \(Words.seconds(now - since)), " + reason
            } else {
                reason = "in one step with the others of its gang, " + reason
            }
            if let promised, promised.ticket < ticket {
                reason +=
                    "; it ends before \(Words.clock(promised.moment.microseconds)), or leaves what is promised to the head then"
            }
            add(Decision(at: now, ticket: ticket, kind: .started, reason: reason))
        case .refuse(let ticket, let refusal):
            submitted[ticket] = nil
            add(Decision(at: now, ticket: ticket, kind: .refused, reason: refusal.reason))
        case .freeze(let ticket):
            add(Decision(at: now, ticket: ticket, kind: .frozen, reason: "its cores are needed"))
        case .thaw(let ticket): add(Decision(at: now, ticket: ticket, kind: .thawed, reason: "its cores are free"))
        }
    }

    private mutating func add(_ decision: Decision) {
        if ring.count < Self.most { ring.append(decision) } else { ring[next] = decision }
        next = (next + 1) % Self.most
    }

    func newest(_ limit: Int) -> [Decision] {
        let inOrder = ring.count < Self.most ? ring : Array(ring[next...] + ring[..<next])
        return Array(inOrder.suffix(max(0, limit)).reversed())
    }
}
