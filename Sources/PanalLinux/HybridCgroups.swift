internal import CPanalSyscalls
internal import Glibc

/// The hybrid layout: v1 controllers, each mounted by itself or together with another.
package struct HybridCgroups: CgroupDriver {
    private let cpu: GroupFolder
    private let accounting: GroupFolder
    private let cpuset: GroupFolder
    private let memory: GroupFolder
    private let processes: GroupFolder

    /// Nil when a controller that every cell needs is not mounted.
    init?(mounts: [CgroupMount], instance: String) {
        func folder(_ controller: String) -> GroupFolder? {
            mounts.first { !$0.isUnified && $0.controllers.contains(controller) }
                .map { GroupFolder(path: "\($0.path)/panal-\(instance)") }
        }
        guard let cpu = folder("cpu"), let accounting = folder("cpuacct"), let cpuset = folder("cpuset"),
            let memory = folder("memory"), let processes = folder("pids")
        else { return nil }
        self.cpu = cpu
        self.accounting = accounting
        self.cpuset = cpuset
        self.memory = memory
        self.processes = processes
    }

    /// Each mounted folder once: controllers that are mounted together share one.
    private var roots: [String] {
        var seen: Set<String> = []
        return [cpu, accounting, cpuset, memory, processes].map(\.path).filter { seen.insert($0).inserted }
    }

    package func prepare() throws(StepFailure) {
        for root in roots {
            try StepFailure.naming("cgroup.root") { () throws(SystemCallFailure) in
                try Folders.ensure(root, mode: 0o755)
                try sweepCells(in: root)
            }
        }
        let parent = GroupFolder(
            path: String(cpuset.path.prefix(upTo: cpuset.path.lastIndex(of: "/") ?? cpuset.path.endIndex)))
        for file in ["cpuset.cpus", "cpuset.mems"] {
            try cpuset.set(file, try parent.read(file, step: "cgroup.root"), step: "cgroup.root")
        }
    }

    package func sweep() throws(StepFailure) {
        for root in roots where Folders.exists(root) {
            try StepFailure.naming("cgroup.sweep") { () throws(SystemCallFailure) in
                try sweepCells(in: root)
                try Folders.removeSettling(root)
            }
        }
    }

    private func sweepCells(in root: String) throws(SystemCallFailure) {
        for left in try Folders.children(of: root) {
            try endProcesses(of: "\(root)/\(left)")
            try Folders.removeSettling("\(root)/\(left)", milliseconds: Folders.sweepPatience)
        }
    }

    private func endProcesses(of folder: String) throws(SystemCallFailure) {
        for line in try KernelFile.read("\(folder)/cgroup.procs").split(separator: "\n") {
            if let process = Int32(line), process > 1 { kill(process, SIGKILL) }
        }
    }

    package func create(_ name: String) throws(StepFailure) {
        do throws(StepFailure) {
            for root in roots {
                try StepFailure.naming("cgroup.create") { () throws(SystemCallFailure) in
                    try Folders.make("\(root)/\(name)", mode: 0o755)
                }
            }
            let cpuset = cell(cpuset, name)
            for file in ["cpuset.mems", "cpuset.cpus"] {
                try cpuset.set(file, try self.cpuset.read(file, step: "cgroup.cpuset"), step: "cgroup.cpuset")
            }
            try cell(memory, name).set("memory.swappiness", "0", step: "cgroup.memory.swap")
            try cell(cpu, name).set("cpu.cfs_period_us", String(GroupLimits.period), step: "cgroup.cpu")
        } catch {
            for root in roots { try? Folders.removeSettling("\(root)/\(name)") }
            throw error
        }
    }

    package func limit(_ name: String, _ limits: GroupLimits) throws(StepFailure) {
        try cell(cpuset, name).set("cpuset.cpus", CoreList.text(limits.cores), step: "cgroup.cpuset")

        let memory = cell(memory, name)
        try memory.set("memory.limit_in_bytes", String(limits.memory), step: "cgroup.memory.limit")
        if memory.exists("memory.memsw.limit_in_bytes") {
            try memory.set("memory.memsw.limit_in_bytes", String(limits.memory), step: "cgroup.memory.swap")
        } else if try HostSwap.isOn() {
            throw StepFailure(
                step: "cgroup.memory.swap",
                detail: "this kernel does not count swap and swap is on; boot with swapaccount=1 or run swapoff -a",
                errno: 0)
        }

        try cell(processes, name).set("pids.max", String(limits.processes), step: "cgroup.pids")

        try cell(cpu, name).set("cpu.cfs_quota_us", limits.quota.map(String.init) ?? "-1", step: "cgroup.cpu")
    }

    private func cell(_ root: GroupFolder, _ name: String) -> GroupFolder {
        GroupFolder(path: "\(root.path)/\(name)")
    }

    package func birthplace(_ name: String) throws(StepFailure) -> Descriptor? { nil }

    package func attach(_ name: String, process: Int32) throws(StepFailure) {
        try StepFailure.naming("cgroup.attach") { () throws(SystemCallFailure) in
            for root in roots { try KernelFile.write("\(root)/\(name)/cgroup.procs", String(process)) }
        }
        for root in roots {
            let found = try GroupFolder(path: "\(root)/\(name)").read("cgroup.procs", step: "cgroup.attach")
            guard found == String(process) else {
                throw StepFailure(
                    step: "cgroup.attach", detail: "\(root)/\(name) holds ‘\(found)’, not \(process)", errno: 0)
            }
        }
    }

    package func outOfMemoryEvent(_ name: String) throws(StepFailure) -> Descriptor? {
        let folder = cell(memory, name).path
        return try StepFailure.naming("cgroup.memory.event") { () throws(SystemCallFailure) in
            let event = try Descriptor.event()
            let control = try Descriptor.open("\(folder)/memory.oom_control", O_RDONLY)
            try KernelFile.write("\(folder)/cgroup.event_control", "\(event.raw) \(control.raw)")
            return event
        }
    }

    package func usage(_ name: String) throws(StepFailure) -> GroupUsage {
        let step = "cgroup.usage"
        var usage = GroupUsage()
        let accounting = cell(accounting, name)
        // `usage` is exact to the nanosecond; its parts are counted in ticks and only say how to divide it.
        let total = try accounting.number("cpuacct.usage", step: step)
        let user = try accounting.number("cpuacct.usage_user", step: step)
        let system = try accounting.number("cpuacct.usage_sys", step: step)
        usage.userTime = user + system > 0 ? Int64(Double(total) * Double(user) / Double(user + system)) : total
        usage.systemTime = total - usage.userTime
        usage.throttledTime = try cell(cpu, name).entry("throttled_time", of: "cpu.stat", step: step)
        let memory = cell(memory, name)
        usage.peakMemory = try memory.number("memory.max_usage_in_bytes", step: step)
        usage.outOfMemoryKills = Int(try memory.entry("oom_kill", of: "memory.oom_control", step: step))
        let processes = cell(processes, name)
        if processes.exists("pids.peak") { usage.peakProcesses = Int(try processes.number("pids.peak", step: step)) }
        return usage
    }

    package func isEmpty(_ name: String) throws(StepFailure) -> Bool {
        for root in roots {
            guard try GroupFolder(path: "\(root)/\(name)").read("cgroup.procs", step: "cgroup.empty").isEmpty else {
                return false
            }
        }
        return true
    }

    package func remove(_ name: String) throws(StepFailure) {
        for root in roots {
            try StepFailure.naming("cgroup.remove") { () throws(SystemCallFailure) in
                try Folders.removeSettling("\(root)/\(name)")
            }
        }
    }

    package func close() throws(StepFailure) {
        for root in roots {
            try StepFailure.naming("cgroup.remove") { () throws(SystemCallFailure) in try Folders.removeSettling(root) }
        }
    }
}

/// Whether the host swaps.
enum HostSwap {
    static func isOn() throws(StepFailure) -> Bool {
        let text = try StepFailure.naming("cgroup.memory.swap") { () throws(SystemCallFailure) in
            try KernelFile.read("/proc/swaps")
        }
        return text.split(separator: "\n").count > 1
    }
}
