internal import Glibc

/// A cell's group in the v2 layout, made for it alone.
final class UnifiedGroup: CellGroup {
    private let cores: KernelHandle
    private let effectiveCores: KernelHandle
    private let memoryLimit: KernelHandle
    private let memoryPeak: KernelHandle
    private let memoryEvents: KernelHandle
    private let processesLimit: KernelHandle
    private let processes: KernelHandle
    private let processesPeak: KernelHandle?
    private let processorLimit: KernelHandle
    /// Nil before Linux 5.14.
    private let burst: KernelHandle?
    private let gauge: PressureGauge?
    private let time: KernelHandle
    private let events: KernelHandle
    /// Nil before Linux 5.14.
    private let killing: KernelHandle?
    private let weight: GroupWeight
    /// Nil where reading from disks is not limited.
    private let reading: ReadingLimit?
    private var before = GroupUsage()
    private let path: String

    init(path: String, isIdle: Bool, limitsReading: Bool) throws(StepFailure) {
        self.path = path
        reading = try ReadingLimit(limitsReading ? path : nil, .unified)
        weight = try GroupWeight(path, isIdle: isIdle, .unified)
        func handle(_ file: String, _ flags: Int32 = O_RDONLY) throws(StepFailure) -> KernelHandle {
            try StepFailure.naming("cgroup.open") { () throws(SystemCallFailure) in
                try KernelHandle("\(path)/\(file)", flags)
            }
        }
        cores = try handle("cpuset.cpus", O_RDWR)
        effectiveCores = try handle("cpuset.cpus.effective")
        memoryLimit = try handle("memory.max", O_RDWR)
        memoryPeak = try handle("memory.peak")
        memoryEvents = try handle("memory.events")
        processesLimit = try handle("pids.max", O_RDWR)
        processes = try handle("pids.current")
        func isThere(_ file: String) throws(StepFailure) -> Bool {
            try GroupFolder(path: path).isThere(file, step: "cgroup.open")
        }
        processesPeak = try isThere("pids.peak") ? try handle("pids.peak") : nil
        processorLimit = try handle("cpu.max", O_RDWR)
        burst = try isThere("cpu.max.burst") ? try handle("cpu.max.burst", O_RDWR) : nil
        gauge = PressureGauge(path)
        time = try handle("cpu.stat")
        events = try handle("cgroup.events")
        killing = try isThere("cgroup.kill") ? try handle("cgroup.kill", O_WRONLY) : nil
    }

    var outOfMemory: Int32 { -1 }
    /// Never asked: the kernel kills the group.
    func takeOutOfMemory() throws(StepFailure) -> Bool { false }
    var pressure: GroupPressure? { gauge?.sinceReset }
    func noteReady() { gauge?.reset() }

    func begin() throws(StepFailure) {
        // A cell that was born elsewhere would run without any of the limits.
        guard try !isEmpty() else { throw StepFailure(step: "cgroup.attach", detail: "the group is empty", errno: 0) }
        before = try usage()
    }

    func limit(_ limits: GroupLimits) throws(StepFailure) {
        try memoryLimit.set(String(limits.memory), step: "cgroup.memory.limit")
        try processesLimit.set(String(limits.processes), step: "cgroup.pids")
        let quota = limits.quota.map(String.init) ?? "max"
        try processorLimit.set("\(quota) \(GroupLimits.period)", step: "cgroup.cpu")
        if limits.burst > 0 {
            guard let burst else { throw .noBurst }
            try burst.set(String(limits.burst), step: "cgroup.cpu.burst")
        }
        if let rate = limits.reading {
            guard let reading else { throw .noReadingLimit(UnifiedCgroups.reading, in: path) }
            try reading.set(rate)
        }
    }

    /// The file says what was written to it, even where a group above does not have these cores and others are used instead.
    func place(on cores: [Int]) throws(StepFailure) {
        let (step, wanted) = ("cgroup.cpuset", CoreList.text(cores))
        try self.cores.set(wanted, step: step)
        let found = try StepFailure.naming(step) { () throws(SystemCallFailure) in try effectiveCores.text() }
        guard found == wanted else {
            throw StepFailure(step: step, detail: "of the cores \(wanted) a group above leaves \(found)", errno: 0)
        }
    }

    func usage() throws(StepFailure) -> GroupUsage {
        let (usage, outOfMemory) = try counters()
        // It is the program's doing only where the group's own limit was reached.
        guard usage.outOfMemoryKills == 0 || outOfMemory > 0 else { throw .hostMemory }
        return usage
    }

    /// With how often the group's own limit was reached and nothing could be given back.
    private func counters() throws(StepFailure) -> (usage: GroupUsage, outOfMemory: Int64) {
        try StepFailure.naming("cgroup.usage") { () throws(SystemCallFailure) in
            var usage = GroupUsage()
            usage.userTime = try time.entry("user_usec") * 1_000 - before.userTime
            usage.systemTime = try time.entry("system_usec") * 1_000 - before.systemTime
            usage.throttledTime = try time.entry("throttled_usec") * 1_000 - before.throttledTime
            usage.peakMemory = try memoryPeak.number()
            usage.outOfMemoryKills = Int(try memoryEvents.entry("oom_kill"))
            if let processesPeak { usage.peakProcesses = Int(try processesPeak.number()) }
            return (usage, try memoryEvents.entry("oom"))
        }
    }

    func sample() throws(StepFailure) -> GroupSample {
        try StepFailure.naming("cgroup.sample") { () throws(SystemCallFailure) in
            GroupSample(
                time: try time.entry("usage_usec") * 1_000 - before.totalTime,
                // Not kept open: few runs are ever asked.
                memory: try KernelHandle("\(path)/memory.current").number(),
                processes: max(0, try processes.number() - 1))
        }
    }

    func isEmpty() throws(StepFailure) -> Bool {
        try StepFailure.naming("cgroup.empty") { () throws(SystemCallFailure) in try events.entry("populated") == 0 }
    }

    func hasOnlyInit() throws(StepFailure) -> Bool {
        try StepFailure.naming("cgroup.empty") { () throws(SystemCallFailure) in try processes.number() <= 1 }
    }

    func checkWeight(isIdle: Bool) throws(StepFailure) { try weight.check(isIdle: isIdle) }

    func setUrgent(_ isUrgent: Bool) throws(StepFailure) { try weight.set(isUrgent: isUrgent) }

    func hasten() {
        try? processorLimit.write("max \(GroupLimits.period)")
        try? reading?.lift()
        try? killing?.write("1")
    }

    func relax() throws(StepFailure) { try reading?.lift() }

    func freezer() throws(StepFailure) -> GroupFreezer { try GroupFreezer(group: path) }

    func countsProcesses() -> Bool { true }
}
