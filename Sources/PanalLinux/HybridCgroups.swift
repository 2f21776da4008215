internal import CPanalSyscalls
internal import Glibc

/// The hybrid layout: v1 controllers, each mounted by itself or together with another.
package struct HybridCgroups: CgroupDriver {
    package let keepsGroups = true
    package var freezes: Bool { pressure != nil }
    static let controllers = ["cpu", "cpuacct", "cpuset", "memory", "pids"]
    /// What limits reading from disks; used where a profile wants that.
    static let reading = "blkio"
    private let cpu: GroupFolder
    private let accounting: GroupFolder
    private let cpuset: GroupFolder
    private let memory: GroupFolder
    private let processes: GroupFolder
    /// Below the v2 hierarchy without controllers, which tells of pressure; nil where there is none to be written to.
    private let pressure: GroupFolder?
    /// Nil where the controller is not mounted, or was not handed over.
    private let disks: GroupFolder?
    private let limitsReading: Bool

    /// Nil when a controller that every cell needs is not mounted.
    init?(mounts: [CgroupMount], instance: String, limitsReading: Bool) {
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
        disks = folder(Self.reading)
        self.limitsReading = limitsReading
        pressure = mounts.first { unsafe $0.isUnified && access($0.path, W_OK) == 0 }
            .map { GroupFolder(path: "\($0.path)/panal-\(instance)") }
    }

    /// Each mounted folder once: controllers that are mounted together share one.
    private var roots: [String] {
        var seen: Set<String> = []
        let optional = [pressure, limitsReading ? disks : nil].compactMap { $0 }
        return ([cpu, accounting, cpuset, memory, processes] + optional).map(\.path).filter {
            seen.insert($0).inserted
        }
    }

    package var readingRefusal: StepFailure? {
        guard limitsReading, let disks, Folders.exists("\(disks.path)/\(ReadingLimit.Form.hybrid.file)") else {
            return .noReadingLimit(Self.reading, in: cpu.path)
        }
        return nil
    }

    package func prepare() throws(StepFailure) {
        try StepFailure.naming("cgroup.root") { () throws(SystemCallFailure) in
            for root in roots {
                try Folders.ensure(root, mode: 0o755)
                try sweepCells(in: root)
            }
            try sweepIdleCells()
            if let other = unusedReading { try remove(other) }
        }
        let parent = GroupFolder(
            path: String(cpuset.path.prefix(upTo: cpuset.path.lastIndex(of: "/") ?? cpuset.path.endIndex)))
        for file in ["cpuset.cpus", "cpuset.mems"] {
            try cpuset.set(file, try parent.read(file, step: "cgroup.root"), step: "cgroup.root")
        }
    }

    package func sweep() throws(StepFailure) {
        try StepFailure.naming("cgroup.sweep") { () throws(SystemCallFailure) in try sweepIdleCells() }
        for root in roots + [unusedReading].compactMap({ $0 }) {
            try StepFailure.naming("cgroup.sweep") { () throws(SystemCallFailure) in try remove(root) }
        }
    }

    private func remove(_ root: String) throws(SystemCallFailure) {
        guard try Folders.isThere(root) else { return }
        try sweepCells(in: root)
        try Folders.removeSettling(root)
    }

    /// Where an earlier process of this instance may have limited reading, which this one does not.
    private var unusedReading: String? {
        guard !limitsReading, let disks, !roots.contains(disks.path) else { return nil }
        return disks.path
    }

    private func sweepIdleCells() throws(SystemCallFailure) {
        for left in try IdleGroups.folders(beside: cpu.path) { try sweep(left) }
    }

    private func sweepCells(in root: String) throws(SystemCallFailure) {
        for left in try Folders.children(of: root) { try sweep("\(root)/\(left)") }
    }

    private func sweep(_ folder: String) throws(SystemCallFailure) {
        try endProcesses(of: folder)
        try Folders.removeSettling(folder, milliseconds: Folders.sweepPatience)
    }

    private func endProcesses(of folder: String) throws(SystemCallFailure) {
        for line in try KernelFile.read("\(folder)/cgroup.procs").split(separator: "\n") {
            if let process = Int32(line), process > 1 { kill(process, SIGKILL) }
        }
    }

    package func create(_ name: GroupName) throws(StepFailure) {
        let folders = folders(of: name)
        do throws(StepFailure) {
            for folder in folders {
                try StepFailure.naming("cgroup.create") { () throws(SystemCallFailure) in
                    // One that could not be removed when its slot was given up.
                    if try Folders.isThere(folder) { try sweep(folder) }
                    try Folders.make(folder, mode: 0o755)
                }
            }
            let cpuset = cell(cpuset, name)
            for file in ["cpuset.mems", "cpuset.cpus"] {
                try cpuset.set(file, try self.cpuset.read(file, step: "cgroup.cpuset"), step: "cgroup.cpuset")
            }
            // Otherwise each change of its cores makes the kernel build the scheduler's domains anew.
            try cpuset.set("cpuset.sched_load_balance", "0", step: "cgroup.cpuset")
            try cell(memory, name).set("memory.swappiness", "0", step: "cgroup.memory.swap")
            try cell(cpu, name).set("cpu.cfs_period_us", String(GroupLimits.period), step: "cgroup.cpu")
        } catch {
            for folder in folders { try? Folders.removeSettling(folder) }
            throw error
        }
    }

    package func open(_ name: GroupName) throws(StepFailure) -> any CellGroup {
        let cores = try cpuset.read("cpuset.cpus", step: "cgroup.cpuset")
        return try HybridGroup(
            cpu: cell(cpu, name).path, accounting: cell(accounting, name).path, cpuset: cell(cpuset, name).path,
            memory: cell(memory, name).path, processes: cell(processes, name).path,
            pressure: pressure.map { cell($0, name).path }, allCores: cores,
            reading: try ReadingLimit(limitsReading ? disks.map { cell($0, name).path } : nil, .hybrid),
            weight: try GroupWeight(cell(cpu, name).path, isIdle: name.isIdle, .hybrid))
    }

    /// In the hierarchy of processor time an idle group is beside the instance's.
    private func cell(_ root: GroupFolder, _ name: GroupName) -> GroupFolder {
        if name.isIdle, root.path == cpu.path { return IdleGroups.folder(name, beside: root) }
        return GroupFolder(path: "\(root.path)/\(name.text)")
    }

    private func folders(of name: GroupName) -> [String] {
        roots.map { cell(GroupFolder(path: $0), name).path }
    }

    package func birthplace(_ name: GroupName) throws(StepFailure) -> Descriptor? { nil }

    package func attach(_ name: GroupName, process: Int32) throws(StepFailure) {
        let folders = folders(of: name)
        try StepFailure.naming("cgroup.attach") { () throws(SystemCallFailure) in
            for folder in folders { try KernelFile.write("\(folder)/cgroup.procs", String(process)) }
        }
        for folder in folders {
            let found = try GroupFolder(path: folder).read("cgroup.procs", step: "cgroup.attach")
            guard found == String(process) else {
                throw StepFailure(
                    step: "cgroup.attach", detail: "\(folder) holds ‘\(found)’, not \(process)", errno: 0)
            }
        }
    }

    package func cleaner(_ name: GroupName) throws(StepFailure) -> GroupCleaner? {
        try StepFailure.naming("cgroup.memory.clean") { () throws(SystemCallFailure) in
            try GroupCleaner(memory: cell(memory, name).path)
        }
    }

    package func remainder(_ name: GroupName) throws(StepFailure) -> UInt64 {
        try StepFailure.naming("cgroup.memory.remainder") { () throws(SystemCallFailure) in
            try GroupRemainder.bytes(cell(memory, name).path, counter: "memory.usage_in_bytes")
        }
    }

    package func remove(_ name: GroupName) throws(StepFailure) {
        for folder in folders(of: name) {
            try StepFailure.naming("cgroup.remove") { () throws(SystemCallFailure) in
                try Folders.removeSettling(folder)
            }
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
