import PanalCore
import PanalScheduler
import Synchronization

/// Runs that are no jobs: tests of a program that is not published yet. They take their turn like any other, hold their cores by a lease,
/// and are stored nowhere, so that nothing is left of them when this process ends.
extension JobRunner {
    struct PassingRun {
        var attempt: AttemptID
        /// Told once: when it may start, or why it never will.
        var turn: AsyncStream<Turn>.Continuation
        var isStarted = false
    }

    enum Turn: Sendable {
        /// Once those stand still that were on these cores.
        case start(cores: [Int], after: [Task<Void, Never>])
        case refused(Refusal)
        /// The service stops.
        case stopped
        /// It has waited for longer than it may.
        case late
    }

    enum PassingEnd: Sendable {
        case ended(AttemptResult)
        case refused(Refusal)
        case stopped
        /// It was not over in time.
        case late
        /// Its turn did not come in time.
        case waited
    }

    /// Runs one attempt when its turn has come. It is given up at `deadline`, waiting or running, and when the task is cancelled.
    func pass(
        _ attempt: AttemptSpec, _ demand: JobDemand, sink: any AttemptSink, until deadline: ContinuousClock.Instant
    ) async -> PassingEnd {
        let (turns, turn) = AsyncStream.makeStream(of: Turn.self, bufferingPolicy: .bufferingOldest(1))
        let ticket = state.withLock { state -> Ticket? in
            guard !state.isStopping else { return nil }
            state.lastTicket += 1
            let ticket = Ticket(number: state.lastTicket)
            state.passing[ticket] = PassingRun(attempt: attempt.id, turn: turn)
            return ticket
        }
        guard let ticket else { return .stopped }
        let alarm = Task { [executor] in
            guard (try? await Task.sleep(until: deadline, clock: .continuous)) != nil else { return }
            turn.yield(.late)
            await executor.cancel(attempt.id)
        }
        defer { alarm.cancel() }
        if let refusal = carryOut(await scheduler.submit(ticket, demand))[ticket] { turn.yield(.refused(refusal)) }
        var cores: [Int]?
        var end = PassingEnd.stopped
        for await told in turns {
            switch told {
            case .start(let granted, let standing):
                for task in standing { await task.value }
                cores = granted
            case .refused(let refusal): end = .refused(refusal)
            case .stopped: end = .stopped
            case .late: end = .waited
            }
            break
        }
        guard let cores else {
            await leave(ticket)
            return end
        }
        return await run(attempt, on: cores, sink, lease(ticket), ticket, until: deadline)
    }

    /// Out of the line. What the scheduler has started meanwhile, or starts in this moment, is given back.
    private func leave(_ ticket: Ticket) async {
        let run = state.withLock { $0.passing.removeValue(forKey: ticket) }
        if run?.isStarted == true {
            _ = lease(ticket)
        } else {
            carryOut(await scheduler.withdraw(ticket))
        }
    }

    private func run(
        _ given: AttemptSpec, on cores: [Int], _ sink: any AttemptSink, _ lease: consuming CoreLease, _ ticket: Ticket,
        until deadline: ContinuousClock.Instant
    ) async -> PassingEnd {
        var attempt = given
        attempt.cores = cores
        let id = attempt.id
        let isCancelled = Atomic(false)
        let result = await withTaskCancellationHandler {
            await executor.run(attempt, sink: sink) { [self] in
                // A cancel that came before the executor knew the attempt was ignored there.
                let isUnwanted = isCancelled.load(ordering: .relaxed) || isStopping || ContinuousClock.now >= deadline
                if isUnwanted { Task { await executor.cancel(id) } }
            }
        } onCancel: {
            isCancelled.store(true, ordering: .relaxed)
            Task { await executor.cancel(id) }
        }
        await executor.settle(id)
        state.withLock { $0.passing[ticket] = nil }
        Self.giveBack(lease)
        guard result.outcome == .cancelled else {
            if case .systemError = result.outcome, isStopping { return .stopped }
            return .ended(result)
        }
        return ContinuousClock.now >= deadline ? .late : .stopped
    }

    private static func giveBack(_ lease: consuming CoreLease) {}

    /// The scheduler has started a run that is no job; false where the ticket is none of theirs.
    static func begin(
        _ ticket: Ticket, _ reservations: [Reservation], after standing: [Task<Void, Never>], in state: inout State
    ) -> Bool {
        guard var run = state.passing[ticket] else { return false }
        run.isStarted = true
        run.turn.yield(.start(cores: reservations.flatMap { $0.cores + $0.sharedCores }, after: standing))
        state.passing[ticket] = run
        return true
    }
}
