internal import CPanalSyscalls
internal import Glibc

/// A slot's group in the hybrid layout, kept from run to run with a spawner in it. Counters that cannot be set back are read
/// before a run and after it.
final class HybridGroup: CellGroup {
    private let cores: KernelHandle
    private let memoryLimit: KernelHandle
    /// Nil where this kernel does not count swap.
    private let swapLimit: KernelHandle?
    private let memory: KernelHandle
    private let memoryPeak: KernelHandle
    /// Of memory and swap together, where the kernel counts swap: a program can have its own pages swapped, and is held to both.
    private let swapPeak: KernelHandle?
    private let memoryControl: KernelHandle
    private let processesLimit: KernelHandle
    private let processes: KernelHandle
    private let processesPeak: KernelHandle?
    private let quota: KernelHandle
    /// Nil before Linux 5.14.
    private let burst: KernelHandle?
    private let gauge: PressureGauge?
    private let throttling: KernelHandle
    private let time: KernelHandle
    private let userTime: KernelHandle
    private let systemTime: KernelHandle
    private let event: Descriptor
    private let weight: GroupWeight
    /// Nil where reading from disks is not limited.
    private let reading: ReadingLimit?
    /// The group in the v2 hierarchy; nil where there is none.
    private let unified: String?
    /// Every core that cells of this instance may have.
    private let allCores: String

    /// The spawner and, at times, a cell that stands ready: its init and the process that will be the program.
    private static let atRest = 3

    private var limits = GroupLimits(memory: 0, processes: 0, quota: nil)
    private var before = Counters()
    /// Its cores are fewer than all.
    private var isPlaced = false
    /// Nothing has been set since `relax` did, and read it back.
    private var isRelaxed = false
    /// What the counters said when the last run was over. All but time, memory and kills still say so when the next begins:
    /// nothing that makes a cell is throttled, and it is few processes.
    private var between = Counters()

    private struct Counters {
        var time: Int64 = 0
        var userTime: Int64 = 0
        var systemTime: Int64 = 0
        var throttledTime: Int64 = 0
        var outOfMemoryKills: Int64 = 0
        /// Before a run alone.
        var memory: Int64 = 0
        var processes: Int64 = 0
    }

    init(
        cpu: String, accounting: String, cpuset: String, memory folder: String, processes counts: String,
        pressure: String?, allCores: String, reading: ReadingLimit?, weight: GroupWeight
    ) throws(StepFailure) {
        self.allCores = allCores
        self.reading = reading
        self.weight = weight
        unified = pressure
        func handle(_ path: String, _ flags: Int32 = O_RDONLY) throws(StepFailure) -> KernelHandle {
            try StepFailure.naming("cgroup.open") { () throws(SystemCallFailure) in try KernelHandle(path, flags) }
        }
        func isThere(_ path: String) throws(StepFailure) -> Bool {
            try StepFailure.naming("cgroup.open") { () throws(SystemCallFailure) in try Folders.isThere(path) }
        }
        cores = try handle("\(cpuset)/cpuset.cpus", O_RDWR)
        memoryLimit = try handle("\(folder)/memory.limit_in_bytes", O_RDWR)
        memory = try handle("\(folder)/memory.usage_in_bytes")
        memoryPeak = try handle("\(folder)/memory.max_usage_in_bytes", O_RDWR)
        memoryControl = try handle("\(folder)/memory.oom_control")
        let swap = "\(folder)/memory.memsw.limit_in_bytes"
        swapLimit = try isThere(swap) ? try handle(swap, O_RDWR) : nil
        swapPeak = swapLimit == nil ? nil : try handle("\(folder)/memory.memsw.max_usage_in_bytes", O_RDWR)
        processesLimit = try handle("\(counts)/pids.max", O_RDWR)
        processes = try handle("\(counts)/pids.current")
        let peak = "\(counts)/pids.peak"
        processesPeak = try isThere(peak) ? try handle(peak) : nil
        quota = try handle("\(cpu)/cpu.cfs_quota_us", O_RDWR)
        burst = try isThere("\(cpu)/cpu.cfs_burst_us") ? try handle("\(cpu)/cpu.cfs_burst_us", O_RDWR) : nil
        gauge = pressure.flatMap { PressureGauge($0) }
        throttling = try handle("\(cpu)/cpu.stat")
        time = try handle("\(accounting)/cpuacct.usage")
        userTime = try handle("\(accounting)/cpuacct.usage_user")
        systemTime = try handle("\(accounting)/cpuacct.usage_sys")
        event = try StepFailure.naming("cgroup.memory.event") { () throws(SystemCallFailure) in
            let event = try Descriptor.event()
            let control = try Descriptor.open("\(folder)/memory.oom_control", O_RDONLY)
            try KernelFile.write("\(folder)/cgroup.event_control", "\(event.raw) \(control.raw)")
            return event
        }
        between = try StepFailure.naming("cgroup.counters") { () throws(SystemCallFailure) in try counters() }
    }

    var outOfMemory: Int32 { event.raw }
    var pressure: GroupPressure? { gauge?.sinceReset }
    func noteReady() { gauge?.reset() }

    /// How far below its limit a group can be that has no room: what one charge of the kernel's for itself takes.
    private static let lastCharge: Int64 = 256 << 10

    /// Whether the group was at its own limit. There is a count of that, memory.failcnt, but on Linux 6.18 it stays 0. A run that
    /// has been at its limit, and is ended when the host runs out of memory, is taken for the cause.
    private func isOwnDoing() throws(StepFailure) -> Bool {
        try StepFailure.naming("cgroup.memory.peak") { () throws(SystemCallFailure) in
            let peak = max(try memoryPeak.number(), try swapPeak?.number() ?? 0)
            return peak >= Int64(limits.memory) - Self.lastCharge
        }
    }

    func takeOutOfMemory() throws(StepFailure) -> Bool {
        takeEvent()
        return try isOwnDoing()
    }

    private func takeEvent() {
        var count: UInt64 = 0
        _ = unsafe read(event.raw, &count, 8)
    }

    func begin() throws(StepFailure) {
        before = try StepFailure.naming("cgroup.counters") { () throws(SystemCallFailure) in
            var counters = between
            counters.time = try time.number()
            counters.memory = try memory.number()
            counters.outOfMemoryKills = try memoryControl.entry("oom_kill")
            return counters
        }
    }

    func place(on cores: [Int]) throws(StepFailure) {
        // Between runs it is all of them: to look first is worth its time only where a cell may have those too.
        let text = CoreList.text(cores)
        isRelaxed = false
        isPlaced = text != allCores
        if text == allCores {
            try self.cores.set(text, step: "cgroup.cpuset")
        } else {
            try self.cores.change(to: text, step: "cgroup.cpuset")
        }
    }

    func limit(_ limits: GroupLimits) throws(StepFailure) {
        self.limits = limits
        isRelaxed = false
        try StepFailure.naming("cgroup.counters") { () throws(SystemCallFailure) in
            // What an earlier cell's last moments added to the event's count is none of this run's.
            takeEvent()
            try memoryPeak.write("0")
            try swapPeak?.write("0")
        }
        try setMemory(limits.memory)
        // The spawner is one more, and no part of the cell.
        try processesLimit.set(String(limits.processes + 1), step: "cgroup.pids")
        try setQuota(to: limits.quota.map(String.init))
        if limits.burst > 0 {
            guard let burst else { throw .noBurst }
            try burst.set(String(limits.burst), step: "cgroup.cpu.burst")
        }
        if let rate = limits.reading {
            guard let reading else { throw .noReadingLimit(HybridCgroups.reading, in: "the cell's group") }
            try reading.set(rate)
        }
    }

    /// Between runs there is none: to look first is worth its time only where there is to be none.
    private func setQuota(to value: String?) throws(StepFailure) {
        if let value { return try quota.change(to: value, step: "cgroup.cpu") }
        try quota.set("-1", step: "cgroup.cpu")
    }

    /// The limit on memory and swap together is never below the one on memory: it goes up first and down last.
    private func setMemory(_ bytes: Int) throws(StepFailure) {
        let text = String(bytes)
        guard let swapLimit else {
            guard try !HostSwap.isOn() else {
                throw StepFailure(
                    step: "cgroup.memory.swap",
                    detail: "this kernel does not count swap and swap is on; boot with swapaccount=1 or run swapoff -a",
                    errno: 0)
            }
            return try memoryLimit.set(text, step: "cgroup.memory.limit")
        }
        let now = try StepFailure.naming("cgroup.memory.limit") { () throws(SystemCallFailure) in
            try memoryLimit.number()
        }
        if now < bytes { try swapLimit.set(text, step: "cgroup.memory.swap") }
        if now != bytes { try memoryLimit.change(to: text, step: "cgroup.memory.limit") }
        try swapLimit.set(text, step: "cgroup.memory.swap")
    }

    private func counters() throws(SystemCallFailure) -> Counters {
        Counters(
            time: try time.number(), userTime: try userTime.number(), systemTime: try systemTime.number(),
            throttledTime: try throttling.entry("throttled_time"),
            outOfMemoryKills: try memoryControl.entry("oom_kill"), processes: try processesPeak?.number() ?? 0)
    }

    func usage() throws(StepFailure) -> GroupUsage {
        let usage = try readUsage()
        if usage.outOfMemoryKills > 0, try !isOwnDoing() { throw .hostMemory }
        return usage
    }

    private func readUsage() throws(StepFailure) -> GroupUsage {
        try StepFailure.naming("cgroup.usage") { () throws(SystemCallFailure) in
            let now = try counters()
            var usage = GroupUsage()
            // `usage` is exact to the nanosecond; its parts are counted in ticks and only say how to divide it.
            let total = now.time - before.time
            let user = max(0, now.userTime - before.userTime)
            let system = max(0, now.systemTime - before.systemTime)
            usage.userTime = user + system > 0 ? Int64(Double(total) * Double(user) / Double(user + system)) : total
            usage.systemTime = total - usage.userTime
            usage.throttledTime = now.throttledTime - before.throttledTime
            usage.outOfMemoryKills = Int(now.outOfMemoryKills - before.outOfMemoryKills)
            // What was there before the run is the group's own: the spawner, and what the kernel keeps of earlier cells.
            usage.peakMemory = max(0, try memoryPeak.number() - before.memory)
            if processesPeak != nil, now.processes > before.processes || before.processes <= Self.atRest {
                usage.peakProcesses = Int(now.processes) - 1
            }
            return usage
        }
    }

    func sample() throws(StepFailure) -> GroupSample {
        try StepFailure.naming("cgroup.sample") { () throws(SystemCallFailure) in
            GroupSample(
                time: try time.number() - before.time, memory: max(0, try memory.number() - before.memory),
                // Beside the spawner and the cell's init.
                processes: max(0, try processes.number() - 2))
        }
    }

    func isEmpty() throws(StepFailure) -> Bool {
        try StepFailure.naming("cgroup.empty") { () throws(SystemCallFailure) in try processes.number() <= 1 }
    }

    func hasOnlyInit() throws(StepFailure) -> Bool {
        try StepFailure.naming("cgroup.empty") { () throws(SystemCallFailure) in try processes.number() <= 2 }
    }

    func checkWeight(isIdle: Bool) throws(StepFailure) { try weight.check(isIdle: isIdle) }

    func setUrgent(_ isUrgent: Bool) throws(StepFailure) {
        isRelaxed = false
        try weight.set(isUrgent: isUrgent)
    }

    func hasten() {
        try? quota.write("-1")
        try? reading?.lift()
    }

    func relax() throws(StepFailure) {
        if isRelaxed { return }
        try weight.set(isUrgent: false)
        if limits.burst > 0 { try burst?.set("0", step: "cgroup.cpu.burst") }
        try reading?.lift()
        if limits.quota == nil {
            try quota.set("-1", step: "cgroup.cpu")
        } else {
            try quota.change(to: "-1", step: "cgroup.cpu")
        }
        if isPlaced {
            try cores.change(to: allCores, step: "cgroup.cpuset")
        } else {
            try cores.set(allCores, step: "cgroup.cpuset")
        }
        isPlaced = false
        isRelaxed = true
    }

    /// The spawner stops too, which has nothing to do while a program runs.
    func freezer() throws(StepFailure) -> GroupFreezer {
        guard let unified else {
            throw StepFailure(
                step: "cgroup.freeze",
                detail:
                    "cells cannot be frozen here: no v2 hierarchy is mounted beside the v1 controllers, or it was not "
                    + "handed to this user", errno: 0)
        }
        return try GroupFreezer(group: unified)
    }

    func countsProcesses() -> Bool {
        guard let processesPeak else { return true }
        return (try? processesPeak.number()).map { $0 <= Self.atRest } ?? false
    }
}

/// Gives back memory that a kept group still holds though nobody uses it: pages of files that its cells were the first to read.
/// Otherwise they would count against the next cell, and tell it of the last.
package final class GroupCleaner {
    /// Fails with EBUSY where memory does not come back.
    package static let step = "cgroup.memory.clean"

    private let used: KernelHandle
    private let empty: KernelHandle

    /// What is left as it is: the spawner, and the kernel's own of cells that have ended. A run may have as little (`LauncherTable`).
    private static let tolerated: Int64 = 4 << 20
    /// For so many nanoseconds at most is waited for more than `GroupRemainder.usual`, which is a program's.
    private static let patience: Int64 = 10_000_000_000

    init(memory folder: String) throws(SystemCallFailure) {
        used = try KernelHandle("\(folder)/memory.usage_in_bytes")
        empty = try KernelHandle("\(folder)/memory.force_empty", O_WRONLY)
    }

    /// Returns when nothing of the last run's memory is left. Throws EBUSY where the kernel does not let go of it.
    package func clean() throws(StepFailure) {
        try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in
            guard try used.number() > Self.tolerated else { return }
            let until = panal_monotonic_ns() + Self.patience
            while true {
                try empty.write("0")
                if try used.number() <= GroupRemainder.usual { return }
                guard panal_monotonic_ns() < until else {
                    throw SystemCallFailure(call: "memory.force_empty", errno: EBUSY)
                }
                usleep(5_000)
            }
        }
    }
}
