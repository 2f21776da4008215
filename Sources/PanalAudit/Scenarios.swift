internal import Glibc
internal import PanalCore
internal import PanalLinux
internal import PanalSandbox

/// What the host itself has to do for an attack: looking while a program runs, asking for what may not be had, killing the
/// launcher.
struct Scenarios {
    struct Scenario {
        var kind: AttackClass
        var name: String
        var what: String
        var body: () async -> Observation
        var tried = 1

        func carryOut() async -> Finding {
            let seen = await body()
            guard seen.problems.isEmpty, !seen.doubts.isEmpty else {
                return Finding(kind: kind, name: name, what: what, tried: tried, problems: seen.problems)
            }
            return Finding(
                kind: kind, name: name, what: what, verdict: .undecided, tried: tried, notes: seen.doubts)
        }
    }

    /// What the host saw of it; nothing at all means that it held.
    struct Observation {
        var problems: [String] = []
        /// Why nothing can be said.
        var doubts: [String] = []

        /// An end that is not the expected one: Panal's own failure before the program ran says nothing of the attack.
        mutating func note(_ words: String, _ run: AttackRun) {
            let sentence = "\(words): \(run.result.outcome.sentence)"
            if case .systemError = run.result.outcome, !run.hasStarted {
                doubts.append(sentence)
            } else {
                problems.append(sentence)
            }
        }
    }

    let host: AuditHost
    let fillingRuns: Int

    var all: [Scenario] {
        [
            Scenario(
                kind: .descriptors, name: "outside-open",
                what: "\(host.openCount) descriptors are open outside, and the launcher has none of them",
                body: launcherDescriptors),
            Scenario(
                kind: .descriptors, name: "interpreter",
                what: "a script whose interpreter is whoever executes it (/proc/self/exe)", body: interpreter),
            Scenario(
                kind: .protections, name: "from-outside",
                what: "every protection and limit, read by the host while it runs",
                body: outside, tried: 20),
            Scenario(
                kind: .protections, name: "fail-closed",
                what: "set-up that fails: the program has not run, and the step is named", body: failClosed, tried: 4),
            Scenario(
                kind: .resources, name: "filling",
                what: "\(fillingRuns) runs that fill their scratch: memory stays flat",
                body: filling, tried: fillingRuns),
            Scenario(
                kind: .privileges, name: "beyond-the-table",
                what: "orders for more than the launcher was told it may give",
                body: beyondTheTable, tried: 8),
            Scenario(
                kind: .privileges, name: "killed-launcher", what: "a launcher that is killed takes its cells with it",
                body: killedLauncher),
            Scenario(
                kind: .threads, name: "spawns",
                what: "\(spawns) programs are started while threads of this process allocate, log and start others",
                body: spawning, tried: spawns),
            Scenario(
                kind: .threads, name: "launchers",
                what: "launchers that such a process starts: each has one thread and holds no lock",
                body: launching, tried: startedLaunchers),
            Scenario(
                kind: .rootfs, name: "writable-root",
                what:
                    "a root that a program can write, spoiled wherever it can be: the image and the next runs are as before",
                body: writableRoot, tried: 5),
        ] + uploads
    }

    /// The launcher's process: a child of this one, by its name.
    func launchers() -> [HostProcess] {
        let name = String(host.settings.launcher.split(separator: "/").last?.prefix(15) ?? "")
        return HostProcess.all().filter { $0.parent == getpid() && $0.text("comm") == name }
    }

    private func launcherDescriptors() async -> Observation {
        if HostProcess.isOrdinaryUser { return sealedLauncher() }
        guard let launcher = launchers().first,
            let folder = try? Descriptor.open("/proc/\(launcher.number)/fd", O_RDONLY | O_DIRECTORY),
            let numbers = try? Folders.names(in: folder, limit: 100_000), numbers.count > 3
        else { return Observation(doubts: ["the launcher's descriptors cannot be counted"]) }
        // Its streams, socket, locks, lines to cells that stand ready: dozens, not thousands.
        return Observation(
            problems: numbers.count < 200 ? [] : ["the launcher has \(numbers.count) descriptors open"])
    }

    /// An ordinary user's launcher lets nobody look: neither at its descriptors nor at its memory.
    private func sealedLauncher() -> Observation {
        guard let launcher = launchers().first else { return Observation(doubts: ["there is no launcher"]) }
        let places = ["fd", "mem", "environ", "maps"].filter { name in
            let file = unsafe open("/proc/\(launcher.number)/\(name)", O_RDONLY | O_CLOEXEC)
            if file >= 0 { close(file) }
            return file >= 0
        }
        return Observation(problems: places.map { "the launcher's \($0) can be opened by its own user" })
    }

    /// Executed by the kernel, `/proc/self/exe` is the launcher itself, in the cell and with the program's rights.
    private func interpreter() async -> Observation {
        var order = AuditOrder(host, [])
        order.arguments = ["/program/interpreter"]
        let run = await host.run(order)
        var seen = Observation()
        switch run.result.outcome {
        case .systemError, .exited(code: 0): seen.note("it ended unexpectedly", run)
        default: break
        }
        return seen
    }

    private func failClosed() async -> Observation {
        var orders: [(step: String, order: AuditOrder)] = []
        var blind = AuditOrder(host, ["wait"])
        blind.seccomp = AuditHost.blind
        orders.append(("seccomp.read-back", blind))
        var missing = AuditOrder(host, ["wait"])
        missing.programFolder = "no-such-folder"
        orders.append(("program.open", missing))
        var linked = AuditOrder(host, ["wait"])
        linked.programFolder = "link"
        orders.append(("program.open", linked))
        var unknown = AuditOrder(host, ["wait"])
        unknown.seccomp = "no-such-policy"
        orders.append(("plan.seccomp", unknown))
        return await refusals(of: orders)
    }

    /// Each must end as a system error of its step, without the program having run.
    private func refusals(of orders: [(step: String, order: AuditOrder)]) async -> Observation {
        var seen = Observation()
        for (step, order) in orders {
            let run = await host.run(order)
            if run.hasStarted || run.tries.isReady { seen.problems.append("\(step): the program was started") }
            if case .systemError(let error) = run.result.outcome, error.step == step { continue }
            seen.note("\(step): it ended otherwise", run)
        }
        return seen
    }

    private func beyondTheTable() async -> Observation {
        var orders: [(step: String, order: AuditOrder)] = []
        func add(_ change: (inout AuditOrder) -> Void) {
            var order = AuditOrder(host, ["wait"])
            change(&order)
            orders.append(("request.check", order))
        }
        add { $0.limits.memory = host.executor.capacity.memory * 4 }
        add { $0.limits.processes = 10_000_000 }
        add { $0.core = 60_000 }
        add { $0.programFolder = ".." }
        add { $0.programFolder = "../../etc" }
        add { $0.programFolder = "/etc" }
        add { $0.programFolder = "programs/../../../etc" }
        add { $0.limits.wallTime = .seconds(365 * 24 * 3_600) }
        return await refusals(of: orders)
    }

    /// The instance's own group counts what its cells have left, also pages of files that nobody has any more.
    private func filling() async -> Observation {
        let (answer, _) = await host.whileRunning(["wait"]) { try memoryGroup(of: $0).map { [$0] } ?? [] }
        let group = answer?.first
        let limits = CellLimits.audit
        let before = (host: HostMemory.shared, group: group.flatMap(HostMemory.of(group:)))
        var seen = Observation()
        for _ in 0..<fillingRuns {
            let run = await host.run(AuditOrder(host, ["tmpfs"], limits: limits))
            guard run.result.outcome.isSuccess else {
                seen.note("a run did not come to its end", run)
                return seen
            }
        }
        // Others use the host's memory too; what leaked here would be all that was written.
        let written = fillingRuns * limits.scratchBytes
        let grown = HostMemory.shared.flatMap { now in before.host.map { now - $0 } }
        if let grown, grown > max(written / 4, 64 << 20) {
            seen.problems.append("\(grown) bytes of \(written) that were written are still in memory")
        }
        if let group, let before = before.group, let now = HostMemory.of(group: group), now - before > 64 << 20 {
            seen.problems.append("the group of all cells grew by \(now - before) bytes")
        }
        if grown == nil { seen.doubts.append("the host's memory cannot be read") }
        return seen
    }

    private func memoryGroup(of process: HostProcess) throws -> String? {
        let groups = try process.groups()
        guard let group = groups["memory"] ?? groups[""], let slash = group.lastIndex(of: "/") else { return nil }
        return String(group[..<slash])
    }
}

/// How much memory is in use, in bytes.
enum HostMemory {
    /// The host's `tmpfs` and shared pages.
    static var shared: Int? {
        guard let text = try? KernelFile.read("/proc/meminfo") else { return nil }
        for line in text.split(separator: "\n") where line.hasPrefix("Shmem:") {
            return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1_024 }
        }
        return nil
    }

    static func of(group: String) -> Int? {
        for file in ["memory.usage_in_bytes", "memory.current"] {
            if let text = try? KernelFile.read("\(group)/\(file)") { return Int(text) }
        }
        return nil
    }
}
