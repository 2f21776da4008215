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
    /// For how many seconds the program may take to start; in an idle cell everything takes its time.
    private let startPatience: Int64
    private let startDeadline: Int64
    /// On which the program's refused calls are told, until somebody takes it.
    private var listener: Int32 = -1
    /// When what has been ended is ended again; `Int64.max` before.
    private var nextKill = Int64.max
    /// When the processor time can next have run out.
    private var nextTimeCheck: Int64 = .max
    /// Whether the program stands still, is being brought to that, or neither.
    private var motion = Motion.running
    /// For how long it has stood still, up to its last thaw.
    private var frozenTime: Int64 = 0

    private enum Motion {
        case running
        case stopping(GroupFreezer, until: Int64)
        case frozen(GroupFreezer, since: Int64)
    }

    /// How long everything in a cell may take to stand still.
    private static let freezeTime: Int64 = 5_000_000_000

    init(request: RunRequest, slot: Slot, cell: PreparedCell) {
        self.request = request
        startPatience = request.isIdle ? 600 : 30
        startDeadline = panal_monotonic_ns() + startPatience * 1_000_000_000
        self.slot = slot
        self.cell = cell
    }

    func kill(_ cause: KillCause) {
        if self.cause == .none, ended == nil { self.cause = cause }
        endRest()
        // Afterwards, so that nothing of the program runs again.
        noteEnd()
    }

    /// The cell's group, or one above it, has run out of memory. At its own limit the whole cell ends, which the kernel does not see
    /// to here. Otherwise the program may go on if the kernel spared it; if not, its end tells (`CellGroup.usage`).
    func noteOutOfMemory() {
        do throws(StepFailure) {
            if try cell.group.takeOutOfMemory() { kill(.memory) }
        } catch {
            give(up: StepReport(step: error.step, errno: error.errno, detail: error.detail))
        }
    }

    /// Ends everything in the cell, with its init; again each second until nothing is left. Init has to get a turn for that among
    /// whatever the program has started: it is like them, and their quota is not what it waits for.
    func endRest() {
        nextKill = panal_monotonic_ns() + Self.killPause
        try? cell.group.setUrgent(true)
        cell.group.hasten()
        SpareTime.set(cell.process, false)
        Processes.kill(pidfd: cell.pidfd.raw)
    }

    private static let killPause: Int64 = 1_000_000_000

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
        // A program that has ended may have left others, whose end nobody has seen to yet.
        guard ended == nil, cause == .none else { return nextKill == .max ? 0 : nextKill }
        guard let started else { return startDeadline }
        if isFrozen { return .max }
        return min(wallDeadline(started), nextTimeCheck)
    }

    /// Ends the cell when a limit has run out at `now`.
    func checkDeadlines(now: Int64) {
        guard now >= deadline else { return }
        guard ended == nil, cause == .none else { return endRest() }
        guard let started else {
            return give(
                up: StepReport(
                    step: "cell.start", errno: 0, detail: "the program was not started within \(startPatience) s"))
        }
        guard now < wallDeadline(started) else { return kill(.wallTime) }
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

    /// Nothing runs out while the program stands still.
    private func wallDeadline(_ started: Int64) -> Int64 {
        started + Int64(request.wallMicroseconds) * 1_000 + frozenTime
    }

    /// Ends the cell for a reason that is Panal's, not the program's.
    private func give(up step: StepReport) {
        failure = failure ?? .failed(step)
        kill(.stopped)
    }

    /// What the program has used so far; nil where it does not run, stands still, or its group does not say.
    func sample(now: Int64) -> SampleReport? {
        guard case .running = motion, let started = programStart, ended == nil, cause == .none,
            let sample = try? cell.group.sample()
        else { return nil }
        return SampleReport(
            wallTime: now - started - frozenTime, cpuTime: max(0, sample.time - preparation.sinceOrder),
            memory: sample.memory, processes: sample.processes)
    }

    // MARK: Standing still

    /// False while it stands still: others may have them then.
    var hasCores = true

    var isFrozen: Bool { if case .frozen = motion { true } else { false } }
    /// Whether it is being brought to stand still, and has to be looked after.
    var isStopping: Bool { if case .stopping = motion { true } else { false } }
    /// When its program was started, if it was.
    var programStart: Int64? { failure == nil ? started : nil }

    /// Begins to stop the program where it is; `checkStopping` says when it is so.
    func freeze(now: Int64) throws(StepFailure) {
        guard case .running = motion else { return }
        guard hasStartEnded, programStart != nil, ended == nil, cause == .none else {
            throw .mismatch("cell.freeze", "the program does not run")
        }
        let freezer = try cell.group.freezer()
        try cell.group.setUrgent(true)
        try freezer.set(true)
        motion = .stopping(freezer, until: now + Self.freezeTime)
    }

    /// True once everything stands still. What does not come to that in its time is let go on.
    func checkStopping(now: Int64) throws(StepFailure) -> Bool {
        guard case .stopping(let freezer, let until) = motion else { return isFrozen }
        if try freezer.isFrozen() {
            motion = .frozen(freezer, since: now)
            return true
        }
        guard now < until else {
            try thaw(now: now)
            throw .mismatch("cell.freeze", "the program did not come to stand still within 5 s")
        }
        return false
    }

    func thaw(now: Int64) throws(StepFailure) {
        if case .running = motion { return }
        try cell.group.setUrgent(false)
        switch motion {
        case .running: return
        case .stopping(let freezer, _): try freezer.set(false)
        case .frozen(let freezer, let since):
            try freezer.set(false)
            frozenTime += now - since
        }
        motion = .running
    }

    /// It has ended or is about to: a group that is kept must not be left frozen.
    func noteEnd() {
        if case .frozen(_, let since) = motion { frozenTime += panal_monotonic_ns() - since }
        switch motion {
        case .running: return
        case .stopping(let freezer, _), .frozen(let freezer, _):
            try? freezer.set(false)
            motion = .running
        }
    }

    // MARK: The end

    /// The facts of the run, once its init has been reaped. `cellTime` is the processor time of everything that has ever been
    /// in the cell and was reaped, the taking down of its namespaces included.
    func finishReport(usage: GroupUsage, cellTime: Int64, now: Int64) -> FinishReport {
        let used = programTime(usage, cellTime: cellTime)
        let wallTime = started.map { max(0, (ended?.at ?? now) - $0 - frozenTime) } ?? 0
        // Three files to read: more than a run is worth that waited for nothing. They count from the moment at which the cell stood
        // ready, and the program's own waiting is never longer than its run.
        let pressure = wallTime < Self.shortRun ? nil : cell.group.pressure
        return FinishReport(
            ending: ending(usage), cause: cause, outOfMemoryKills: UInt32(clamping: usage.outOfMemoryKills),
            userTime: used.user, systemTime: used.system, wallTime: wallTime,
            throttledTime: usage.throttledTime, peakMemory: usage.peakMemory,
            peakProcesses: usage.peakProcesses.map { Int64(max(1, $0 - 1)) } ?? -1, voluntarySwitches: own(2),
            forcedSwitches: own(3), maxResident: ended.map { $0.usage[4] * 1_024 } ?? -1,
            pressure: pressure.map { [$0.cpu, $0.memory, $0.io].map { min($0, wallTime) } } ?? [-1, -1, -1],
            frozenTime: frozenTime)
    }

    private func ending(_ usage: GroupUsage) -> FinishReport.Ending {
        if let failure { return failure }
        // Something has ended, but no program: it was never executed.
        if started == nil, ended != nil, cause == .none, usage.outOfMemoryKills == 0 {
            return .failed(
                StepReport(
                    step: "program.start", errno: 0,
                    detail: "the process that was to be the program ended before it had executed it"))
        }
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
