internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// A cell from the launcher's side: its init, its deadlines, and what is known of its end. Times in nanoseconds of the
/// monotonic clock.
final class RunningCell {
    let request: RunRequest
    let prepared: PreparedCell
    let slot: Int
    /// The scratch file system, which outlives the cell's namespace for as long as this is open.
    let scratch: Descriptor
    /// Locks on exclusive cores, given back when the cell is forgotten.
    let cores: CoreLocks

    private(set) var cause = KillCause.none
    private var pending: [UInt8] = []
    private(set) var started: Int64?
    private var initTime: Int64 = 0
    private(set) var ended: (status: Int32, usage: [Int64], at: Int64)?
    private(set) var failure: FinishReport.Ending?
    /// Init has closed its end: nothing more comes, and there is nothing to wait for at this descriptor.
    private(set) var hasHungUp = false
    /// Until when the program must have been started.
    private let startDeadline = panal_monotonic_ns() + 30_000_000_000
    /// When the processor time can next have run out.
    private var nextTimeCheck: Int64 = .max

    init(
        request: RunRequest, prepared: PreparedCell, slot: Int, scratch: consuming Descriptor, cores: CoreLocks
    ) {
        self.request = request
        self.prepared = prepared
        self.slot = slot
        self.scratch = scratch
        self.cores = cores
    }

    var group: String { prepared.group }

    func kill(_ cause: KillCause) {
        if self.cause == .none, ended == nil { self.cause = cause }
        Processes.kill(pidfd: prepared.pidfd.raw)
    }

    /// Reads everything that init has written; true when the program has just started.
    func readReports() -> Bool {
        while let bytes = try? prepared.reports.read(atMost: 4_096) {
            pending += bytes
            if bytes.isEmpty {
                hasHungUp = true
                break
            }
        }
        var hasStarted = false
        do throws(ProtocolError) {
            while let record = try InitReport.take(from: &pending) {
                switch record {
                case .started(let moment, let used):
                    started = moment
                    initTime = used
                    nextTimeCheck = moment + cpuLimit / Int64(request.cores.count)
                    hasStarted = true
                case .ended(let status, let usage, let moment): ended = (status, usage, moment)
                case .notExecuted(let errno, let isThere): failure = .notExecuted(errno: errno, isThere: isThere)
                case .failed(let step): failure = .failed(step)
                }
            }
        } catch {
            give(up: StepReport(step: "cell.report", errno: 0, detail: "init wrote an unreadable record"))
        }
        return hasStarted
    }

    private var cpuLimit: Int64 { Int64(request.cpuMicroseconds) * 1_000 }

    /// The next moment at which a limit can have run out.
    var deadline: Int64 {
        guard ended == nil, cause == .none else { return .max }
        guard let started else { return startDeadline }
        return min(started + Int64(request.wallMicroseconds) * 1_000, nextTimeCheck)
    }

    /// Ends the cell when a limit has run out at `now`.
    func checkDeadlines(now: Int64, groups: any CgroupDriver) {
        guard ended == nil, cause == .none, now >= deadline else { return }
        guard let started else {
            return give(up: StepReport(step: "cell.start", errno: 0, detail: "the program was not started within 30 s"))
        }
        guard now < started + Int64(request.wallMicroseconds) * 1_000 else { return kill(.wallTime) }
        let usage: GroupUsage
        do throws(StepFailure) {
            usage = try groups.usage(group)
        } catch {
            // A limit that cannot be watched is none.
            return give(up: StepReport(step: error.step, errno: error.errno, detail: error.detail))
        }
        let used = usage.userTime + usage.systemTime - initTime
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

    /// The facts of the run, once its init has been reaped.
    func finishReport(usage: GroupUsage, now: Int64) -> FinishReport {
        let ending: FinishReport.Ending
        if let failure {
            ending = failure
        } else if let ended {
            let status = ended.status
            ending = status & 0x7f == 0 ? .exited((status >> 8) & 0xff) : .signalled(status & 0x7f)
        } else if started == nil, cause == .none, usage.outOfMemoryKills == 0 {
            ending = .failed(
                StepReport(
                    step: "cell.init", errno: 0, detail: "the cell's init ended before it had started the program"))
        } else {
            ending = .killed
        }
        // The program's own accounting is exact to the microsecond; the group's also counts children that it never waited for.
        let own = ended?.usage ?? [0, 0, 0, 0]
        let group = usage.userTime + usage.systemTime - initTime
        let isWhole = ended != nil && (own[0] + own[1]) * 1_000 >= group
        return FinishReport(
            ending: ending, cause: cause, outOfMemoryKills: UInt32(clamping: usage.outOfMemoryKills),
            userTime: isWhole ? own[0] * 1_000 : max(0, usage.userTime - max(0, initTime - usage.systemTime)),
            systemTime: isWhole ? own[1] * 1_000 : max(0, usage.systemTime - initTime),
            wallTime: started.map { (ended?.at ?? now) - $0 } ?? 0, throttledTime: usage.throttledTime,
            peakMemory: usage.peakMemory, peakProcesses: Int64(usage.peakProcesses ?? -1), voluntarySwitches: own[2],
            forcedSwitches: own[3])
    }
}

/// The locks on one cell's cores.
final class CoreLocks {
    static let step = "core.lock"
    private var numbers: [Int32] = []

    deinit {
        for number in numbers { close(number) }
    }

    /// Locks each core, alone or together with other shared grants; throws when another cell, of this or another Panal on
    /// this host, excludes it.
    static func take(_ request: RunRequest, locks: HostLocks) throws(StepFailure) -> CoreLocks {
        let taken = CoreLocks()
        for core in request.cores {
            let lock = try StepFailure.naming(step) { () throws(SystemCallFailure) in
                try locks.take("core-\(core)", exclusively: request.exclusive)
            }
            guard let lock else {
                throw StepFailure(
                    step: step, detail: "core \(core) is in use by another cell or another Panal on this host",
                    errno: EBUSY)
            }
            taken.numbers.append(lock.release())
        }
        return taken
    }
}
