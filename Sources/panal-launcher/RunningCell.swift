internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// A run in its cell from the launcher's side: its deadlines, and what is known of its end. Times in nanoseconds of the
/// monotonic clock.
final class RunningCell {
    let request: RunRequest
    let slot: Slot
    let cell: PreparedCell

    private(set) var cause = KillCause.none
    private(set) var started: Int64?
    /// What the program's process had used when it executed, and its processor time since the order.
    private var preparation: (used: [Int64], sinceOrder: Int64) = ([0, 0, 0, 0], 0)
    private(set) var ended: (status: Int32, usage: [Int64], at: Int64, cellTime: Int64)?
    private(set) var failure: FinishReport.Ending?
    /// The program's process has executed or ended: there is nothing more to wait for at `cell.start`.
    private(set) var hasStartEnded = false
    /// Nothing more comes on `cell.line`.
    private(set) var hasLineEnded = false
    /// From when on the launcher looks for the start, which only the server wants to know of: sooner, it would take the time of
    /// programs that are done by then.
    let startWatch = panal_monotonic_ns() + 2_000_000
    /// Until when the program must have been started.
    private let startDeadline = panal_monotonic_ns() + 30_000_000_000
    /// On which the program's refused calls are told, until somebody takes it.
    private var listener: Int32 = -1
    /// When the processor time can next have run out.
    private var nextTimeCheck: Int64 = .max

    init(request: RunRequest, slot: Slot, cell: PreparedCell) {
        self.request = request
        self.slot = slot
        self.cell = cell
    }

    func kill(_ cause: KillCause) {
        if self.cause == .none, ended == nil { self.cause = cause }
        Processes.kill(pidfd: cell.pidfd.raw)
    }

    /// The program's process has executed or ended; true when it has executed.
    func noteStart() -> Bool {
        hasStartEnded = true
        // Empty, or refused by an open pipe without anything in it, when nothing has been executed.
        if let record = try? cell.start.read(atMost: 256), !record.isEmpty {
            do {
                take(try CellReport(decoding: record))
            } catch {
                giveUpUnreadable(error)
            }
        }
        readReports()
        return started != nil && failure == nil
    }

    /// Takes everything that the cell has reported.
    func readReports() {
        do {
            while let message = try MessageSocket.receive(cell.line) {
                if message.bytes.isEmpty {
                    hasLineEnded = true
                    return
                }
                let report = try CellReport(decoding: message.bytes)
                if report == .explaining, listener < 0, message.descriptors.count == 1 {
                    listener = message.descriptors[0]
                } else {
                    for number in message.descriptors { close(number) }
                    take(report)
                }
            }
        } catch {
            hasLineEnded = true
            giveUpUnreadable(error)
        }
    }

    private func giveUpUnreadable(_ error: any Error) {
        give(up: StepReport(step: "cell.report", errno: 0, detail: "the cell wrote an unreadable record: \(error)"))
    }

    private func take(_ report: CellReport) {
        switch report {
        case .executing(let moment, let used, let sinceOrder):
            started = moment
            preparation = (used, sinceOrder)
            nextTimeCheck = moment + cpuLimit / Int64(request.cores.count)
        case .ended(let status, let usage, let moment, let cellTime): ended = (status, usage, moment, cellTime)
        case .notExecuted(let errno, let isThere): failure = .notExecuted(errno: errno, isThere: isThere)
        case .failed(let step): failure = failure ?? .failed(step)
        case .explaining: break
        }
    }

    deinit {
        if listener >= 0 { close(listener) }
    }

    /// The descriptor on which the program's refused calls are told, once; it becomes the caller's.
    func takeListener() -> Int32? {
        defer { listener = -1 }
        return listener < 0 ? nil : listener
    }

    private var cpuLimit: Int64 { Int64(request.cpuMicroseconds) * 1_000 }

    /// The next moment at which a limit can have run out.
    var deadline: Int64 {
        guard ended == nil, cause == .none else { return .max }
        guard let started else { return startDeadline }
        return min(started + Int64(request.wallMicroseconds) * 1_000, nextTimeCheck)
    }

    /// Ends the cell when a limit has run out at `now`.
    func checkDeadlines(now: Int64) {
        guard ended == nil, cause == .none, now >= deadline else { return }
        guard let started else {
            return give(up: StepReport(step: "cell.start", errno: 0, detail: "the program was not started within 30 s"))
        }
        guard now < started + Int64(request.wallMicroseconds) * 1_000 else { return kill(.wallTime) }
        let usage: GroupUsage
        do throws(StepFailure) {
            usage = try cell.group.usage()
        } catch {
            // A limit that cannot be watched is none.
            return give(up: StepReport(step: error.step, errno: error.errno, detail: error.detail))
        }
        let used = usage.totalTime - preparation.sinceOrder
        if used >= cpuLimit { return kill(.cpuTime) }
        // It cannot run out before all cores have worked off the rest; never sooner than a millisecond, so that the last
        // steps do not spin.
        nextTimeCheck = now + max((cpuLimit - used) / Int64(request.cores.count), 1_000_000)
    }

    /// Ends the cell for a reason that is Panal's, not the program's.
    private func give(up step: StepReport) {
        failure = failure ?? .failed(step)
        kill(.stopped)
    }

    /// The facts of the run, once its init has been reaped. `cellTime` is the processor time of everything that has ever been
    /// in the cell and was reaped, the taking down of its namespaces included.
    func finishReport(usage: GroupUsage, cellTime: Int64, now: Int64) -> FinishReport {
        let used = programTime(usage, cellTime: cellTime)
        let wallTime = started.map { (ended?.at ?? now) - $0 } ?? 0
        // Three files to read: more than a run is worth that waited for nothing.
        let pressure = wallTime < Self.shortRun ? nil : cell.group.pressure
        return FinishReport(
            ending: ending(usage), cause: cause, outOfMemoryKills: UInt32(clamping: usage.outOfMemoryKills),
            userTime: used.user, systemTime: used.system, wallTime: wallTime,
            throttledTime: usage.throttledTime, peakMemory: usage.peakMemory,
            peakProcesses: usage.peakProcesses.map { Int64(max(1, $0 - 1)) } ?? -1, voluntarySwitches: own(2),
            forcedSwitches: own(3), maxResident: ended.map { $0.usage[4] * 1_024 } ?? -1,
            pressure: pressure.map { [$0.cpu, $0.memory, $0.io] } ?? [-1, -1, -1])
    }

    private func ending(_ usage: GroupUsage) -> FinishReport.Ending {
        if let failure { return failure }
        if let status = ended?.status {
            return status & 0x7f == 0 ? .exited((status >> 8) & 0xff) : .signalled(status & 0x7f)
        }
        if started == nil, cause == .none, usage.outOfMemoryKills == 0 {
            return .failed(
                StepReport(
                    step: "cell.init", errno: 0, detail: "the cell's init ended before it had started the program"))
        }
        return .killed
    }

    /// One of the program's own figures, without what its process used before it executed.
    private func own(_ index: Int) -> Int64 {
        max(0, (ended?.usage[index] ?? 0) - preparation.used[index])
    }

    /// The program's own accounting is exact, but knows nothing of children that nobody waited for. The group's knows of them,
    /// and of what init needed to take the cell down.
    private func programTime(_ usage: GroupUsage, cellTime: Int64) -> (user: Int64, system: Int64) {
        let own = (user: own(0) * 1_000, system: own(1) * 1_000)
        let takingDown = ended.map { max(0, cellTime - $0.cellTime) } ?? 0
        let overhead = preparation.sinceOrder + takingDown
        guard ended == nil || usage.totalTime - overhead > own.user + own.system + Self.initTime else { return own }
        return (
            max(0, usage.userTime - max(0, overhead - usage.systemTime)), max(0, usage.systemTime - overhead)
        )
    }

    private static let shortRun: Int64 = 10_000_000

    /// What init may need to wake and report; more than that is a process of the program's.
    private static let initTime: Int64 = 1_000_000
}
