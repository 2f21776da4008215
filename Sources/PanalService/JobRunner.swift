import Logging
import PanalCore
import PanalManifest
import PanalScheduler
import Synchronization

/// Carries the scheduler's actions out: takes each started job through its states, hands its attempt to the executor, stores what it
/// came to, gives its reservation back, and starts what that makes room for.
///
/// A job is *live* here from its submission to its end. Only two parties change a live job's state: whoever cancels it, from `queued`
/// alone, and this runner. Both do it by compare-and-set in the store, so exactly one of them wins.
final class JobRunner: Sendable {
    private struct LiveJob {
        var ticket: Ticket
        var attempt: AttemptSpec
        /// What the author says about exit codes and results.
        var manifest: Manifest
        /// Set when the attempt was handed to the executor; from then on a cancel goes there.
        var isHandedOver = false
        var isCancelled = false
        var cancelledBy: String?
        var task: Task<Void, Never>?
    }

    private struct State {
        var live: [JobID: LiveJob] = [:]
        var jobs: [Ticket: JobID] = [:]
        var isStopping = false
    }

    private let state = Mutex(State())
    private let store: any Store
    private let blobs: any BlobStore
    private let executor: any Executor
    private let scheduler: Scheduler
    private let clock: any WallClock
    private let signals: JobSignals
    private let logger: Logger

    init(
        store: any Store, blobs: any BlobStore, executor: any Executor, scheduler: Scheduler, clock: any WallClock,
        signals: JobSignals, logger: Logger
    ) {
        self.store = store
        self.blobs = blobs
        self.executor = executor
        self.scheduler = scheduler
        self.clock = clock
        self.signals = signals
        self.logger = logger
    }

    var isStopping: Bool { state.withLock(\.isStopping) }
    var waitingCount: Int { get async { await scheduler.waiting } }
    var runningCount: Int { get async { await scheduler.running } }

    /// Gives a stored job to the scheduler. Answers why it is refused; nil when it runs or waits.
    func submit(_ attempt: AttemptSpec, of manifest: Manifest, order: Int64) async -> String? {
        let ticket = Ticket(number: order)
        state.withLock { state in
            state.live[attempt.id.job] = LiveJob(ticket: ticket, attempt: attempt, manifest: manifest)
            state.jobs[ticket] = attempt.id.job
        }
        let actions = await scheduler.submit(ticket, JobDemand(attempt.limits))
        return carryOut(actions)[ticket]
    }

    /// Takes a job out of the queue whose state is already `cancelled`.
    func withdraw(_ job: JobID) async {
        guard let ticket = state.withLock({ $0.live[job]?.ticket }) else { return }
        carryOut(await scheduler.withdraw(ticket))
        // A job that the scheduler started in this moment finds out by its compare-and-set and gives the reservation back.
        state.withLock { state in
            if state.live[job]?.task == nil { Self.forget(job, in: &state) }
        }
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

    func waitingReason(of job: JobID) async -> String? {
        guard let ticket = state.withLock({ $0.live[job]?.ticket }) else { return nil }
        return await scheduler.waitingReport(ticket)?.reason
    }

    /// Starts nothing more, ends what runs, and returns when all of it is stored. What waits stays `queued` in the store.
    func stop() async {
        let (running, tasks) = state.withLock { state in
            state.isStopping = true
            for job in state.live.keys { state.live[job]?.isCancelled = true }
            let handedOver = state.live.values.filter(\.isHandedOver).map(\.attempt.id)
            return (handedOver, state.live.values.compactMap(\.task))
        }
        for attempt in running { await executor.cancel(attempt) }
        for task in tasks { await task.value }
    }

    // MARK: - Actions

    /// Answers the refusals by ticket.
    @discardableResult
    private func carryOut(_ actions: [ScheduleAction]) -> [Ticket: String] {
        var refused: [Ticket: String] = [:]
        for action in actions {
            switch action {
            case .start(let ticket, let reservations): start(ticket, reservations)
            case .refuse(let ticket, let refusal):
                refused[ticket] = refusal.reason
                state.withLock { state in
                    if let job = state.jobs[ticket] { Self.forget(job, in: &state) }
                }
            // No profile is opportunistic, and nobody else freezes.
            case .freeze, .thaw: break
            }
        }
        return refused
    }

    private func start(_ ticket: Ticket, _ reservations: [Reservation]) {
        let isWanted = state.withLock { state in
            // A stopping service, and one whose executor is gone, leaves the job queued: the next start takes it up.
            guard !state.isStopping, executor.isUsable else { return true }
            guard let job = state.jobs[ticket], var live = state.live[job] else { return false }
            // A shared grant too is kept to its cores, so that it cannot take time from a job with cores of its own.
            live.attempt.cores = reservations.flatMap { $0.cores + $0.sharedCores }.sorted()
            let attempt = live.attempt
            live.task = Task { await self.run(attempt, ticket) }
            state.live[job] = live
            return true
        }
        // Withdrawn while the scheduler was starting it: nobody else would give the reservation back.
        if !isWanted { Task { carryOut(await scheduler.finished(ticket)) } }
    }

    private static func forget(_ job: JobID, in state: inout State) {
        guard let live = state.live.removeValue(forKey: job) else { return }
        state.jobs[live.ticket] = nil
    }

    // MARK: - One job

    private func run(_ attempt: AttemptSpec, _ ticket: Ticket) async {
        let job = attempt.id.job
        do {
            if try await prepare(attempt) { try await carry(attempt) }
        } catch {
            // The service stops and the store still takes no changes: the next start finds the job in a state that is not final.
            logger.error("a job's state could not be stored", metadata: ["job": "\(job)", "error": "\(error)"])
        }
        state.withLock { Self.forget(job, in: &$0) }
        signals.post(.state, about: job)
        carryOut(await scheduler.finished(ticket))
    }

    /// Out of the queue; false when somebody cancelled the job first.
    private func prepare(_ attempt: AttemptSpec) async throws -> Bool {
        let now = clock.now()
        let changes = [
            JobChange(to: .configuring, at: now, cores: attempt.cores), JobChange(to: .deploying, at: now),
        ]
        let changed = try await patiently(attempt.id.job) { [store] in
            try await store.change(attempt.id.job, from: .queued, changes) != nil
        }
        guard changed else { return false }
        signals.post(.state, about: attempt.id.job)
        return true
    }

    /// From `deploying` to the end.
    private func carry(_ attempt: AttemptSpec) async throws {
        let job = attempt.id.job
        let sink: any JobSink
        do {
            sink = try await blobs.sink(for: attempt.id) { [signals] in signals.post(.output, about: job) }
        } catch {
            logger.error(
                "a job's streams cannot be made",
                metadata: ["job": "\(job)", "error": .string(String(reflecting: error))])
            let cause = SystemError(step: "store.streams", detail: "\(error)")
            let result = AttemptResult(outcome: .systemError(cause), usage: ResourceUsage())
            return try await end(
                attempt.id, from: .deploying, JobEnding(of: result, cancelledBy: nil, isStopping: false))
        }
        guard handOver(job) else {
            _ = try? await sink.close()
            let (name, isStopping) = state.withLock { ($0.live[job]?.cancelledBy, $0.isStopping) }
            let ending =
                name == nil && isStopping
                ? JobEnding.stopped(output: StreamState(), error: StreamState())
                : JobEnding.cancelledBeforeStart(by: name)
            return try await end(attempt.id, from: .deploying, ending)
        }
        let start = StartNotice()
        var result = await executor.run(attempt, sink: sink) { [self] in
            let moment = clock.now()
            start.set(Task { await self.noteStart(of: attempt.id, at: moment) })
        }
        let ended = clock.now()
        do {
            let stored = try await sink.close()
            result.output.bytes = stored.output
            result.error.bytes = stored.error
        } catch {
            result.outcome = .systemError(SystemError(step: "store.streams", detail: "\(error)"))
        }
        let isStored = await start.isStored()
        let (live, isStopping) = state.withLock { ($0.live[job], $0.isStopping) }
        let ending = JobEnding(
            of: result, cancelledBy: live?.cancelledBy, isStopping: isStopping, manifest: live?.manifest)
        try await end(attempt.id, from: isStored ? .running : .deploying, ending, at: ended)
    }

    /// Marks the attempt as the executor's; false when the job was cancelled before.
    private func handOver(_ job: JobID) -> Bool {
        state.withLock { state in
            guard state.live[job]?.isCancelled == false else { return false }
            state.live[job]?.isHandedOver = true
            return true
        }
    }

    /// Stores that the program runs; false when that could not be stored, which the end makes good.
    private func noteStart(of attempt: AttemptID, at moment: Timestamp) async -> Bool {
        // A cancel that came before the executor knew the attempt was ignored there: repeat it.
        if state.withLock({ $0.live[attempt.job]?.isCancelled == true }) { await executor.cancel(attempt) }
        let change = JobChange(to: .running, at: moment, started: moment)
        let isStored = (try? await store.change(attempt.job, from: .deploying, [change])) != nil
        signals.post(.state, about: attempt.job)
        return isStored
    }

    private func end(
        _ attempt: AttemptID, from expected: JobState, _ ending: JobEnding, at ended: Timestamp? = nil
    ) async throws {
        let job = attempt.job
        let isStored = try await patiently(job) { [store, clock] in
            let now = clock.now()
            return try await store.change(job, from: expected, ending.changes(endedAt: ended ?? now, now: now)) != nil
        }
        // Until here an executor that outlives this process holds the result for the next one.
        await executor.settle(attempt)
        if !isStored { logger.error("a job's state moved on without its runner", metadata: ["job": "\(job)"]) }
    }

    /// Repeats what the store does not take until it does: a disk that is full is emptied some time, and until then the result is
    /// kept and the reservation with it, so that no more is started than can be stored. A service that stops gives up after a moment, and so does what no rule of
    /// the store allows.
    private func patiently<Value: Sendable>(
        _ job: JobID, _ step: @Sendable () async throws -> Value
    ) async throws -> Value {
        var tries = 0
        while true {
            do {
                return try await step()
            } catch  where tries < 5 || !(isStopping || error is StoreError) {
                tries += 1
                let metadata: Logger.Metadata = ["job": "\(job)", "error": "\(error)", "tries": "\(tries)"]
                logger.warning("a job's state is not stored yet", metadata: metadata)
                try? await Task.sleep(for: .milliseconds(min(100 << min(tries, 5), 2_000)))
            }
        }
    }
}

/// The moment at which an attempt's program began, told by the executor's thread and stored on the side.
private final class StartNotice: Sendable {
    private let task = Mutex<Task<Bool, Never>?>(nil)

    func set(_ task: Task<Bool, Never>) {
        self.task.withLock { $0 = task }
    }

    /// Whether `running` was stored; false when the program was never started.
    func isStored() async -> Bool {
        await task.withLock { $0 }?.value ?? false
    }
}
