internal import CPanalSyscalls

/// The processor time that everything on this machine has used but one instance of Panal: its cells, and the process that asks.
package struct ForeignTime: Sendable {
    private let instance: String
    private let accounting: CgroupMount
    private var last: [String: Int64]?
    private var total: Int64 = 0

    /// Nil where no mounted hierarchy counts processor time.
    package init?(instance: String, mounts: [CgroupMount]) {
        let hybrid = mounts.first { !$0.isUnified && $0.controllers.contains("cpuacct") }
        guard let accounting = hybrid ?? mounts.first(where: \.isUnified) else { return nil }
        self.instance = instance
        self.accounting = accounting
    }

    /// Nanoseconds since the last question, never negative; nil for the first one. Exact to some hundredths of a second, since
    /// the kernel counts the whole in ticks. What an idle cell has used that has ended since is counted as foreign with v2
    /// controllers, where its group goes with it.
    package mutating func next() throws(SystemCallFailure) -> Int64? {
        let ticks = try CoreTimes.read().values.reduce(0) { $0 + $1.busy }
        let all = ticks * (1_000_000_000 / Int64(CoreTimes.ticksPerSecond))
        let own = try used()
        defer { (last, total) = (own, all) }
        guard let last else { return nil }
        // A group that is new began at nothing.
        let panal = own.reduce(0) { $0 + max(0, $1.value - (last[$1.key] ?? 0)) }
        return max(0, all - total - panal)
    }

    /// Of the instance's group, of those of idle cells beside it where they are accounted there, and of this process.
    private func used() throws(SystemCallFailure) -> [String: Int64] {
        let root = "\(accounting.path)/panal-\(instance)"
        var used = ["": panal_process_cpu_ns()]
        let isBeside = accounting.isUnified || accounting.controllers.contains("cpu")
        for folder in [root] + (isBeside ? try IdleGroups.folders(beside: root) : []) {
            // One that has just gone.
            guard let time = try? time(of: folder) else { continue }
            used[folder] = time
        }
        return used
    }

    private func time(of folder: String) throws(SystemCallFailure) -> Int64 {
        accounting.isUnified
            ? try KernelHandle("\(folder)/cpu.stat").entry("usage_usec") * 1_000
            : try KernelHandle("\(folder)/cpuacct.usage").number()
    }
}
