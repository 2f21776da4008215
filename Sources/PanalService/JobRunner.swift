import Logging
import PanalCore
import PanalManifest
import PanalScheduler
import Synchronization

/// Carries the scheduler's actions out: takes each started job through its states, hands its attempt to the executor, stores what it
/// came to, gives its reservation back, and starts what that makes room for.
///
/// A job is *live* here from its submission to its end. Only two parties change a live job's state: whoever cancels it, from `queued`
/// alone, and this runner. Both do it by compare-and-set in the store, so exactly one of them wins. `JobRunner+Run` is one job's way
/// from its start to its end, `JobRunner+Restart` what an earlier process left, `JobRunner+Deadlines` what may not last.
final class JobRunner: Sendable {
    struct LiveJob {
        var ticket: Ticket
        var attempt: AttemptSpec
        var demand: JobDemand
        /// What the author says about exit codes and results.
        var manifest: Manifest
        /// The state that is stored, and since when (`WallClock.elapsed`), as far as deadlines need it.
        var state: JobState
        var since: Duration
        /// Where it is submitted in this moment: opened once it is stored or is not to be.
        var gate: StoreGate?
        /// Whether it was stored as one whose attempt is on its way to the executor.
        var isPrepared = false
        /// Set when the attempt was handed to the executor; from then on a cancel goes there.
        var isHandedOver = false
        var isCancelled = false
        var cancelledBy: String?
        /// The deadline that ended it, in words.
        var overdue: String?
        var task: Task<Void, Never>?
        /// Freezing and thawing, one after the other.
        var standing: Task<Void, Never>?
        /// Why it is to stand still; it goes on when there is no reason left.
        var holds: Set<Hold> = []
        var isFrozen = false
        /// The copy of its root that is being made.
        var copy: RootCopy?
        /// Who asked for its end behind its copy, once that is there.
        var endedBehindCopy: String?
        /// Its attempt is done: its state is nobody's but its end's.
        var isEnding = false
        /// It could not be frozen when its cores were needed, and has to begin again.
        var isEvicted = false
    }

    struct State {
        var live: [JobID: LiveJob] = [:]
        /// The highest ticket so far. They need not be the numbers in the store, but stand in the same order.
        var lastTicket: Int64 = 0
        var jobs: [Ticket: JobID] = [:]
        var isStopping = false
        /// What runs goes on without this process, and its jobs stay as they are stored.
        var isLeaving = false
        /// Runs that are no jobs.
        var passing: [Ticket: PassingRun] = [:]
        /// Starts that are not stored yet.
        var starts: [LateStart] = []
        var ends: [JobState: Int] = [:]
        var retries = 0
        /// Whether somebody is at this machine; nil where nobody watches.
        var isAttended: Bool?
    }

    let state = Mutex(State())
    let store: any Store
    let blobs: any BlobStore
    let executor: any Executor
    let scheduler: Scheduler
    let clock: any WallClock
    let signals: JobSignals
    /// What running jobs use.
    let usage = UsageWatch()
    let logger: Logger
    /// How long a job may be in each state; an administrator may change it.
    let deadlineBox: Mutex<StateDeadlines>
    var deadlines: StateDeadlines { deadlineBox.withLock { $0 } }
    /// Attempts at a job that fails through Panal's fault.
    let mostAttempts: Int

    init(
        store: any Store, blobs: any BlobStore, executor: any Executor, scheduler: Scheduler, clock: any WallClock,
        signals: JobSignals, deadlines: StateDeadlines, mostAttempts: Int, logger: Logger
    ) {
        self.store = store
        self.blobs = blobs
        self.executor = executor
        self.scheduler = scheduler
        self.clock = clock
        self.signals = signals
        deadlineBox = Mutex(deadlines)
        self.mostAttempts = mostAttempts
        self.logger = logger
    }

    var isStopping: Bool { state.withLock(\.isStopping) }

    /// Gives a stored job to the scheduler again, or several that are a gang. Answers why they can never run; nil when they run or wait.
    func resubmit(_ jobs: [(job: SubmittedJob, order: Int64)]) async -> Refusal? {
        let demands = jobs.map { (ticket: Ticket(number: $0.order), demand: $0.job.demand) }
        for (place, (job, _)) in zip(demands, jobs) {
            note(job.attempt, of: job.manifest, job.demand, place.ticket, .queued)
        }
        let refused = carryOut(await scheduler.resubmit(demands))
        return demands.lazy.compactMap { refused[$0.ticket] }.first
    }

    /// Gives jobs to the scheduler that are to be stored, all or none; a gang's start in one step, too. What it starts waits for `gate`.
    /// Answers why they are refused; nil when each of them is started or waits.
    func submit(_ jobs: [SubmittedJob], isGang: Bool = false, behind gate: StoreGate) async -> Refusal? {
        let first = state.withLock { state in
            defer { state.lastTicket += Int64(jobs.count) }
            return state.lastTicket + 1
        }
        let demands: [(ticket: Ticket, demand: JobDemand)] = zip(first..., jobs).map {
            (Ticket(number: $0), $1.demand)
        }
        for (place, job) in zip(demands, jobs) {
            note(job.attempt, of: job.manifest, job.demand, place.ticket, .queued, gate)
        }
        let actions: [ScheduleAction]
        if let only = demands.first, demands.count == 1 {
            actions = await scheduler.submit(only.ticket, only.demand)
        } else if isGang {
            actions = await scheduler.submit(gang: demands)
        } else {
            actions = await scheduler.submit(together: demands)
        }
        let refused = carryOut(actions)
        return demands.lazy.compactMap { refused[$0.ticket] }.first
    }

    /// The steps that a submitted job has made already, to be stored with it: those of one that was started at once. Its task does
    /// not store them any more.
    func firstSteps(of job: JobID, at moment: Timestamp) -> [JobChange] {
        let cores = state.withLock { state -> [Int]? in
            guard let live = state.live[job], live.task != nil else { return nil }
            state.live[job]?.isPrepared = true
            return live.attempt.cores
        }
        guard let cores else { return [] }
        return [JobChange(to: .configuring, at: moment, cores: cores), JobChange(to: .deploying, at: moment)]
    }

    /// Takes submitted jobs back that could not be stored.
    func abandon(_ jobs: [JobID], behind gate: StoreGate) async {
        gate.open(isStored: false)
        for job in jobs {
            guard let live = state.withLock({ $0.live[job] }), live.gate === gate else { continue }
            carryOut(await scheduler.withdraw(live.ticket))
            // One that was started gives its reservation back itself.
            state.withLock { state in
                if state.live[job]?.task == nil { Self.forget(job, in: &state) }
            }
        }
    }

    /// Makes a job live.
    func note(
        _ attempt: AttemptSpec, of manifest: Manifest, _ demand: JobDemand, _ ticket: Ticket, _ jobState: JobState,
        _ gate: StoreGate? = nil
    ) {
        let now = clock.elapsed()
        state.withLock { state in
            state.live[attempt.id.job] = LiveJob(
                ticket: ticket, attempt: attempt, demand: demand, manifest: manifest, state: jobState, since: now,
                gate: gate)
            state.lastTicket = max(state.lastTicket, ticket.number)
            state.jobs[ticket] = attempt.id.job
        }
    }

    /// Ends a waiting job, and with it the gang that it waits in, all in one step of the store. False, with nothing changed, when one of
    /// them waits no more: then none of them does, or will in a moment.
    func endWaiting(_ job: JobID, _ change: JobChange) async throws -> Bool {
        var jobs = [job]
        if let ticket = state.withLock({ $0.live[job]?.ticket }) {
            let tickets = await scheduler.together(with: ticket)
            let found = state.withLock { state in tickets.compactMap { state.jobs[$0] } }
            if found.contains(job) { jobs = found }
        }
        guard try await store.change(jobs, from: .queued, [change]) else { return false }
        for job in jobs {
            if let ticket = state.withLock({ $0.live[job]?.ticket }) { carryOut(await scheduler.withdraw(ticket)) }
            // A job that the scheduler started in this moment finds out by its compare-and-set and gives the reservation back.
            state.withLock { state in
                if state.live[job]?.task == nil { Self.forget(job, in: &state) }
                state.ends[change.state, default: 0] += 1
            }
        }
        for job in jobs { signals.post(.end, about: job) }
        return true
    }

    /// Ends a job that has left the queue; it comes to its end through `run`. Unknown and ended jobs are ignored.
    func cancel(_ job: JobID, by name: String) async {
        let attempt: AttemptID? = state.withLock { state in
            guard state.live[job] != nil else { return nil }
            state.live[job]?.isCancelled = true
            state.live[job]?.cancelledBy = name
            return state.live[job]?.isHandedOver == true ? state.live[job]?.attempt.id : nil
        }
        if let attempt { await executor.cancel(attempt) }
    }

    /// Whether a signal of the job's end is still to come.
    func isLive(_ job: JobID) -> Bool { state.withLock { $0.live[job] != nil } }

    func waitingReport(of job: JobID) async -> WaitingReport? {
        guard let ticket = state.withLock({ $0.live[job]?.ticket }) else { return nil }
        return await scheduler.waitingReport(ticket)
    }

    /// Somebody has come to the machine, or gone: opportunistic jobs stand still while somebody is there.
    func notePresence(_ isThere: Bool) async {
        state.withLock { $0.isAttended = isThere }
        carryOut(await scheduler.apply(.presence(HostID(number: 0), isThere)))
    }

    /// For whom the job stands still; nil when it does not.
    func standstill(of job: JobID) -> Standstill? {
        state.withLock { state in
            guard let live = state.live[job], live.isFrozen, live.holds.contains(.schedule) else { return nil }
            return state.isAttended == true ? .presence : .cores
        }
    }

    /// The first of those that wait, with their jobs.
    func queue(limit: Int) async -> [(job: JobID, report: WaitingReport)] {
        let reports = await scheduler.queue(limit: limit)
        return state.withLock { state in
            reports.compactMap { report in state.jobs[report.ticket].map { ($0, report) } }
        }
    }

    /// Starts nothing more, ends what runs, and returns when all of it is stored: it is queued again, and runs at the next start.
    /// What waits stays `queued` in the store. With `leavingCells` nothing is ended: `detach` has every run come back.
    func stop(leavingCells: Bool, detach: @Sendable () async -> Void) async {
        let (running, tasks) = state.withLock { state in
            state.isStopping = true
            state.isLeaving = leavingCells
            if !leavingCells {
                for job in state.live.keys { state.live[job]?.isCancelled = true }
            }
            for run in state.passing.values { run.turn.yield(.stopped) }
            let passing = state.passing.values.filter(\.isStarted).map(\.attempt)
            let handedOver = passing + state.live.values.filter(\.isHandedOver).map(\.attempt.id)
            return (leavingCells ? [] : handedOver, state.live.values.compactMap(\.task))
        }
        for attempt in running { await executor.cancel(attempt) }
        await detach()
        for task in tasks { await task.value }
    }

    /// Starts and stores nothing more; for a start that has failed.
    func leave() {
        state.withLock { state in
            state.isStopping = true
            state.isLeaving = true
        }
    }

    /// What users and groups may have has changed: it holds at once, for those that wait too. What runs goes on.
    func bind(_ terms: ServiceTerms) async {
        for (number, status) in terms.hosts.enumerated() {
            carryOut(await scheduler.apply(.host(HostID(number: number), status)))
        }
        let changed = state.withLock { state in
            var changed: [Ticket: JobTerms] = [:]
            for (job, live) in state.live {
                guard let owner = UserID(live.demand.user) else { continue }
                let terms = terms.terms(of: owner)
                // Also of one that runs, which may have to begin again.
                state.live[job]?.demand.terms = terms
                if live.task == nil { changed[live.ticket] = terms }
            }
            return changed
        }
        carryOut(await scheduler.apply(.amend(changed)))
        carryOut(await scheduler.apply(.configure(terms.schedule)))
    }

    // MARK: - Actions

    /// Answers the refusals by ticket.
    @discardableResult
    func carryOut(_ actions: [ScheduleAction]) -> [Ticket: Refusal] {
        var refused: [Ticket: Refusal] = [:]
        // Who is to stand still before anything that follows is started.
        var standing: [Task<Void, Never>] = []
        for action in actions {
            switch action {
            case .start(let ticket, let reservations): start(ticket, reservations, after: standing)
            case .refuse(let ticket, let refusal):
                refused[ticket] = refusal
                state.withLock { state in
                    if let job = state.jobs[ticket] { Self.forget(job, in: &state) }
                }
            case .freeze(let ticket): if let task = stand(ticket, isFrozen: true) { standing.append(task) }
            case .thaw(let ticket): _ = stand(ticket, isFrozen: false)
            }
        }
        return refused
    }

    private func start(_ ticket: Ticket, _ reservations: [Reservation], after standing: [Task<Void, Never>]) {
        let isWanted = state.withLock { state in
            // A stopping service, and one whose executor is gone, leaves the job queued: the next start takes it up.
            guard !state.isStopping, executor.isUsable else { return true }
            if Self.begin(ticket, reservations, after: standing, in: &state) { return true }
            guard let job = state.jobs[ticket], var live = state.live[job] else { return false }
            // A shared grant too is kept to its cores, so that it cannot take time from a job with cores of its own.
            live.attempt.cores = reservations.flatMap { $0.cores + $0.sharedCores }
            let (attempt, gate) = (live.attempt, live.gate)
            live.task = Task(executorPreference: JobHome.current) {
                let lease = self.lease(ticket)
                if let gate, await !gate.isStored() {
                    return self.state.withLock { Self.forget(job, in: &$0) }
                }
                for task in standing { await task.value }
                await self.run(attempt, lease)
            }
            state.live[job] = live
            return true
        }
        // Withdrawn while the scheduler was starting it: nobody else would give the reservation back.
        if !isWanted { _ = lease(ticket) }
    }

    func lease(_ ticket: Ticket) -> CoreLease {
        CoreLease(ticket) { [self] ticket in
            // On this job's own thread, so that none has to be woken for it. What starts in its place may be somebody else's, whose home is
            // not this job's.
            Task(executorPreference: JobHome.current) {
                await JobHome.$current.withValue(nil) { _ = self.carryOut(await self.scheduler.finished(ticket)) }
            }
        }
    }

    static func forget(_ job: JobID, in state: inout State) {
        guard let live = state.live.removeValue(forKey: job) else { return }
        state.jobs[live.ticket] = nil
    }
}

/// A job on its way to the scheduler.
struct SubmittedJob: Sendable {
    var attempt: AttemptSpec
    var manifest: Manifest
    var demand: JobDemand
}
