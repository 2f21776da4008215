import PanalCore
package import PanalScheduler

/// Replays a load through the scheduler.
///
/// The code that decides is the service's own, `ScheduleState`; here only time and the ends of jobs are made up. Events of one moment come
/// in this order: what ends, what is submitted (in the order of the record), what is due by time alone. The same input gives the
/// same run to the last core.
package struct Simulation: Sendable {
    package let jobs: [TraceJob]
    package let hosts: [HostDescription]
    package let settings: ScheduleSettings
    private let isMemoryKnown: Bool
    private let pools: Set<String>

    /// `jobs` in the order of submission. No job is refused for the length of the queue.
    package init(jobs: [TraceJob], hosts: [HostDescription], settings: ScheduleSettings) {
        self.jobs = jobs
        self.hosts = hosts
        self.settings = settings
        isMemoryKnown = hosts.allSatisfy { $0.memory != HostSpecification.boundless }
        pools = Set(hosts.map(\.pool))
    }

    /// `progress` is told now and then how many jobs have ended.
    package func run(progress: (Int) -> Void = { _ in }) -> SimulatedRun {
        var settings = settings
        settings.queueLimit = .max
        var replay = Replay(
            run: SimulatedRun(jobs: jobs, hosts: hosts), state: ScheduleState(hosts: hosts, settings: settings))
        var next = 0
        while let moment = replay.nextMoment(submission: jobs[safely: next]?.submitted.microseconds) {
            replay.advance(to: moment)
            var isQuiet = true
            while let job = replay.takeEnd(at: moment) {
                replay.end(job)
                isQuiet = false
                if replay.ended % 64 == 0 { progress(replay.ended) }
            }
            while let job = jobs[safely: next], job.submitted.microseconds == moment {
                replay.submit(next, demand(job))
                next += 1
                isQuiet = false
            }
            if isQuiet { replay.apply(.tick) }
        }
        progress(replay.ended)
        return replay.run
    }

    private func demand(_ job: TraceJob) -> JobDemand {
        JobDemand(
            cells: [
                CellDemand(
                    ResourceRequest(cpu: job.cpu, memory: isMemoryKnown ? job.memory ?? 1 : 1), count: job.cells)
            ],
            timeLimit: job.timeLimit, user: job.user, group: job.group, priority: job.priority,
            pools: job.pool.flatMap { pools.contains($0) ? [$0] : nil })
    }
}

/// What is under way.
private struct Replay {
    private struct End: Comparable {
        var moment: Int64
        var job: Int
        /// A job that was frozen meanwhile has a later end with a higher number.
        var version: Int

        static func < (left: Self, right: Self) -> Bool {
            left.moment != right.moment ? left.moment < right.moment : left.job < right.job
        }
    }

    var run: SimulatedRun
    var state: ScheduleState
    var ended = 0
    private var ends = MinimumHeap<End>()
    private var now: Int64 = .min
    private var busyMillicores = 0
    /// By the job's number, of those that run: the time that is left to compute, as it was at `since`; nil while frozen.
    private var left: [Int: (left: Int64, since: Int64?, version: Int)] = [:]

    init(run: SimulatedRun, state: ScheduleState) {
        self.run = run
        self.state = state
    }

    /// When something happens next; nil when nothing will any more.
    mutating func nextMoment(submission: Int64?) -> Int64? {
        while let end = ends.first, left[end.job]?.version != end.version { ends.removeFirst() }
        let known = [ends.first?.moment, submission].compactMap { $0 }.min()
        guard state.waitingCount > 0, let due = state.nextDeadline?.microseconds, due > now else { return known }
        return min(known ?? due, due)
    }

    /// Adds up what was busy and what was free until `moment`.
    mutating func advance(to moment: Int64) {
        if now != .min {
            let seconds = Double(moment - now) / 1_000_000
            run.busyCoreSeconds += seconds * Double(busyMillicores) / 1_000
            if state.waitingCount > 0 {
                run.waitedSeconds += seconds
                run.freeWhileWaiting += seconds * (Double(run.cores) - Double(busyMillicores) / 1_000)
            }
        }
        now = moment
    }

    /// The next job that ends now.
    mutating func takeEnd(at moment: Int64) -> Int? {
        while let end = ends.first, end.moment <= moment {
            ends.removeFirst()
            if left[end.job]?.version == end.version { return end.job }
        }
        return nil
    }

    mutating func submit(_ job: Int, _ demand: JobDemand) {
        apply(.submit(Ticket(number: Int64(job)), demand))
    }

    mutating func end(_ job: Int) {
        busyMillicores -= run.jobs[job].millicores
        left[job] = nil
        ended += 1
        run.results[job].ended = now
        apply(.finished(Ticket(number: Int64(job))))
    }

    mutating func apply(_ event: ScheduleEvent) {
        run.events += 1
        for action in state.apply(event, at: Timestamp(microseconds: now)) {
            switch action {
            case .start(let ticket, let reservations):
                let job = Int(ticket.number)
                let record = run.jobs[job]
                run.results[job].started = now
                run.results[job].isCut = record.runTime > record.timeLimit
                run.results[job].cores = run.cores(of: reservations)
                left[job] = (min(record.runTime, record.timeLimit).wholeMicroseconds, nil, 0)
                resume(job)
            case .refuse(let ticket, let refusal):
                run.results[Int(ticket.number)].refusal = refusal.reason
                ended += 1
            case .freeze(let ticket): freeze(Int(ticket.number))
            case .thaw(let ticket): resume(Int(ticket.number))
            }
        }
    }

    private mutating func resume(_ job: Int) {
        guard let running = left[job], running.since == nil else { return }
        busyMillicores += run.jobs[job].millicores
        left[job] = (running.left, now, running.version + 1)
        ends.insert(End(moment: now + running.left, job: job, version: running.version + 1))
    }

    private mutating func freeze(_ job: Int) {
        guard let running = left[job], let since = running.since else { return }
        busyMillicores -= run.jobs[job].millicores
        left[job] = (max(0, running.left - (now - since)), nil, running.version + 1)
    }
}

/// What became of a job.
package struct SimulatedJob: Hashable, Sendable {
    /// Microseconds since 1970; nil when it never started.
    package var started: Int64?
    package var ended: Int64?
    /// Ended at its limit.
    package var isCut = false
    /// Why it was not taken.
    package var refusal: String?
    /// Runs of cores, counted over all hosts in their order.
    package var cores: [Range<Int32>] = []
}

/// A load as one policy ran it.
package struct SimulatedRun: Sendable {
    package let jobs: [TraceJob]
    /// For each job in its order.
    package var results: [SimulatedJob]
    /// Of all hosts.
    package let cores: Int
    /// Events that the scheduler was told.
    package var events = 0
    /// Cores × seconds that computed.
    var busyCoreSeconds = 0.0
    /// Seconds in which somebody waited, and the cores × seconds that were free then.
    var waitedSeconds = 0.0
    var freeWhileWaiting = 0.0
    /// The number of each host's first core.
    private let firstCores: [Int32]

    /// How many jobs were refused, by the reason.
    package var refusals: [(reason: String, count: Int)] {
        var counts: [String: Int] = [:]
        for case let reason? in results.map(\.refusal) { counts[reason, default: 0] += 1 }
        return counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { ($0.key, $0.value) }
    }

    init(jobs: [TraceJob], hosts: [HostDescription]) {
        self.jobs = jobs
        results = Array(repeating: SimulatedJob(), count: jobs.count)
        var firsts: [Int32] = []
        var count = 0
        for host in hosts {
            firsts.append(Int32(count))
            count += host.cores.count
        }
        firstCores = firsts
        cores = count
    }

    /// Runs of neighbouring cores; those of shared grants too.
    fileprivate func cores(of reservations: [Reservation]) -> [Range<Int32>] {
        let numbers = reservations.flatMap { reservation in
            (reservation.cores + reservation.sharedCores).map { firstCores[reservation.host.number] + Int32($0) }
        }.sorted()
        var runs: [Range<Int32>] = []
        for number in numbers {
            if let last = runs.last, last.upperBound >= number {
                runs[runs.count - 1] = last.lowerBound..<max(last.upperBound, number + 1)
            } else {
                runs.append(number..<(number + 1))
            }
        }
        return runs
    }
}

extension Array {
    fileprivate subscript(safely index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
