internal import Glibc
internal import PanalCore
internal import PanalLinux
internal import PanalSandbox

extension Scenarios {
    /// Protections and limits of a program that runs, as the host's kernel has them.
    func outside() async -> Observation {
        let limits = CellLimits.audit(.channel)
        let (problems, run) = await host.whileRunning(["wait"]) { process in
            try rights(process) + limitsOf(process, limits) + namespaces(process) + groups(process, limits)
        }
        guard let problems else {
            return Observation(doubts: ["the program was not ready: \(run.result.outcome.sentence)"])
        }
        return Observation(problems: problems)
    }

    private func rights(_ process: HostProcess) -> [String] {
        let none = "0000000000000000"
        let status = process.status
        let expected = [
            "NoNewPrivs": "1", "Seccomp": "2", "CapInh": none, "CapPrm": none, "CapEff": none, "CapBnd": none,
            "CapAmb": none,
            // An ordinary user's launcher cannot leave that user's groups, which have no name inside.
            "Groups": HostProcess.isOrdinaryUser ? HostProcess.own.status["Groups"] ?? "" : "",
        ]
        var problems: [String] = []
        for (name, value) in expected.sorted(by: { $0.key < $1.key }) where status[name] != value {
            problems.append("\(name) is ‘\(status[name] ?? "unknown")’, not ‘\(value)’")
        }
        for name in ["Uid", "Gid"] {
            let ids = Set(status[name]?.split(separator: " ") ?? [])
            // From outside an ordinary user's cells are that user; what sets them apart is their user namespace.
            let isOwn = ids.contains(Substring(String(getuid()))) && !HostProcess.isOrdinaryUser
            if ids.count != 1 || ids.contains("0") || isOwn {
                problems.append("\(name) is ‘\(status[name] ?? "unknown")’")
            }
        }
        if process.text("oom_score_adj") != "1000" {
            problems.append("oom_score_adj is \(process.text("oom_score_adj"))")
        }
        return problems
    }

    private func limitsOf(_ process: HostProcess, _ limits: CellLimits) -> [String] {
        let expected = [
            ("Max core file size", 0), ("Max open files", limits.openFiles), ("Max file size", limits.fileBytes),
            ("Max locked memory", 65_536), ("Max realtime priority", 0), ("Max nice priority", 0),
        ]
        return expected.compactMap { name, value in
            let found = process.limit(name)
            return found == "\(value) \(value)" ? nil : "\(name) is ‘\(found ?? "unknown")’, not \(value)"
        }
    }

    private func namespaces(_ process: HostProcess) -> [String] {
        (["mnt", "pid", "net", "ipc", "uts", "cgroup"] + (HostProcess.isOrdinaryUser ? ["user"] : [])).compactMap {
            name in
            guard let own = Self.link("/proc/self/ns/\(name)"),
                let its = Self.link("/proc/\(process.number)/ns/\(name)")
            else { return "the \(name) namespace cannot be read" }
            return own == its ? "it is in the host's \(name) namespace" : nil
        }
    }

    private static func link(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 256)
        let length = unsafe readlink(path, &buffer, 255)
        return length > 0 ? String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }

    /// The same limits in either layout of control groups: controller, file, value.
    private func groups(_ process: HostProcess, _ limits: CellLimits) throws -> [String] {
        let groups = try process.groups()
        let core = process.status["Cpus_allowed_list"] ?? ""
        var files = [
            ("memory", "memory.limit_in_bytes", String(limits.memory)),
            // With v1 controllers the slot's spawner lives in the group too, and is no part of the cell.
            ("pids", "pids.max", String(limits.processes + 1)),
            ("cpuset", "cpuset.cpus", core), ("cpu", "cpu.cfs_quota_us", "100000"),
        ]
        if groups["memory"] == nil {
            files = [
                ("", "memory.max", String(limits.memory)), ("", "pids.max", String(limits.processes)),
                ("", "cpuset.cpus", core), ("", "cpu.max", "100000 100000"), ("", "memory.swap.max", "0"),
            ]
        }
        var problems: [String] = []
        if core.isEmpty || core.contains("-") || core.contains(",") { problems.append("it may run on cores \(core)") }
        for (controller, file, value) in files {
            guard let group = groups[controller] else {
                problems.append("it is in no group of the controller \(controller)")
                continue
            }
            let path = "\(group)/\(file)"
            // Kernels without swap accounting have no such file.
            if file == "memory.swap.max", !Folders.exists(path) { continue }
            let found = try KernelFile.read(path)
            if found != value { problems.append("\(file) is \(found), not \(value)") }
        }
        return problems
    }

    /// A launcher of its own is killed while a cell of it runs: nothing of the cell is left, and the next launcher takes its
    /// groups away.
    func killedLauncher() async -> Observation {
        let name = String(host.settings.launcher.split(separator: "/").last?.prefix(15) ?? "")
        func launchers() -> Set<Int32> {
            Set(HostProcess.all().filter { $0.parent == getpid() && $0.text("comm") == name }.map(\.number))
        }
        let known = launchers()
        let settings = LauncherSettings(
            executable: host.settings.launcher, instance: "\(host.settings.instance)-k", dataFolder: host.data,
            seccomp: host.settings.seccomp, preparedCells: 1)
        let victim: LocalExecutor
        do throws(SystemError) {
            victim = try LocalExecutor.start(settings)
        } catch {
            return Observation(doubts: ["no second launcher starts: \(error.sentence)"])
        }
        guard let launcher = launchers().subtracting(known).first else {
            await victim.stop()
            return Observation(doubts: ["the second launcher's process is not to be found"])
        }
        let sink = AuditSink()
        let order = AuditOrder(host, ["fork-bomb"])
        let spec = AttemptSpec(
            id: order.id, rootfs: host.rootfs, seccomp: "default", limits: order.limits, cores: [order.core],
            program: nil,
            arguments: order.arguments, environment: [], inputs: [], standardInput: nil)
        let task = Task {
            let result = await victim.run(
                spec, programFolder: "programs", input: .empty, sink: sink, started: { sink.noteStart() })
            sink.noteEnd()
            return result
        }
        while !sink.hasStarted, !sink.hasEnded { try? await Task.sleep(for: .milliseconds(2)) }
        let isRunning = sink.hasStarted
        kill(launcher, SIGKILL)
        let result = await task.value
        await victim.stop()
        guard isRunning else { return Observation(doubts: ["its run did not start: \(result.outcome.sentence)"]) }
        var problems: [String] = []
        if case .systemError(let error) = result.outcome, error.step == "launcher.lost" {
        } else {
            problems.append("the run ended as something else: \(result.outcome.sentence)")
        }
        for _ in 0..<1_000 where !HostProcess.named(host.processName).isEmpty {
            try? await Task.sleep(for: .milliseconds(10))
        }
        let left = HostProcess.named(host.processName)
        if !left.isEmpty { problems.append("\(left.count) processes are left") }
        guard let next = try? LocalExecutor.start(settings) else {
            return Observation(problems: problems + ["no launcher starts after it"])
        }
        await next.stop()
        for mount in (try? CgroupLayout.mounts(isRoot: Privileges.isRoot)) ?? []
        where Folders.exists("\(mount.path)/panal-\(settings.instance)") {
            problems.append("a group is left below \(mount.path)")
        }
        return Observation(problems: problems)
    }
}
