internal import FoundationEssentials
internal import Glibc
package import PanalCore
internal import PanalLinux
internal import PanalSandbox
package import PanalSeccomp
internal import Synchronization

/// What an audit is carried out with.
package struct AuditSettings: Sendable {
    /// Path of `panal-launcher`, and of the hostile programs' executable.
    package var launcher: String
    package var hostile: String
    /// Path of `panal-unpack`.
    package var unpack: String
    /// The policies, one of them called `default`.
    package var seccomp: [SeccompProgram]
    /// Name of the instance, and of a folder in `folder`; of this audit alone.
    package var instance: String
    /// Where the audit may make a folder of its own.
    package var folder: String
    /// Whether the cells' root is an image of the audit's own, hostile where it can be, instead of the host's.
    package var isInImage: Bool

    package init(
        launcher: String, hostile: String, unpack: String, seccomp: [SeccompProgram], instance: String,
        folder: String = "/tmp", isInImage: Bool = false
    ) {
        self.launcher = launcher
        self.hostile = hostile
        self.unpack = unpack
        self.seccomp = seccomp
        self.instance = instance
        self.folder = folder
        self.isInImage = isInImage
    }
}

/// The ground for hostile programs: an executor of its own, the programs in its data folder, and a secret beside them that no
/// program may ever have. Five thousand descriptors stay open in this process the whole time.
package final class AuditHost: Sendable {
    let settings: AuditSettings
    let executor: LocalExecutor
    /// Only its owner can look into it.
    let folder: String
    let data: String
    /// What the hostile programs' processes are called on the host.
    let processName: String
    let attacks: [Attack]
    private let open: [Int32]
    private let state = Mutex(0)

    var secret: String { "\(folder)/secret" }
    /// What the cells have as their root.
    var rootfs: String { settings.isInImage ? HostileImage.digest : AttemptSpec.hostRootfs }
    static let secretText = "a secret of the host\n"
    private static let openFiles = 5_000
    private static let spareFiles = 200

    package static func start(_ settings: AuditSettings) throws(SystemError) -> AuditHost {
        let folder = "\(settings.folder)/panal-\(settings.instance)"
        do throws(StepFailure) {
            let name = "ph-\(settings.instance.suffix(8))"
            return try AuditHost(settings, folder: folder, processName: name)
        } catch {
            remove(folder)
            throw SystemError(step: error.step, errno: Int(error.errno), detail: error.detail)
        }
    }

    private init(_ settings: AuditSettings, folder: String, processName: String) throws(StepFailure) {
        self.settings = settings
        self.folder = folder
        self.processName = processName
        data = "\(folder)/data"
        try Self.prepare(settings, folder: folder, processName: processName)
        attacks = try Self.list(settings.hostile)
        let descriptors = try Self.openMany()
        open = descriptors
        do {
            executor = try LocalExecutor.start(
                LauncherSettings(
                    executable: settings.launcher, instance: settings.instance, dataFolder: "\(folder)/data",
                    seccomp: settings.seccomp + [try Self.blindFilter()], preparedCells: 3))
        } catch {
            for number in descriptors { close(number) }
            throw StepFailure(step: error.step, detail: error.detail, errno: Int32(error.errno))
        }
    }

    /// The data folder with the programs: one name of their own, a script whose interpreter is whoever executes it, and a link
    /// that leads out.
    private static func prepare(_ settings: AuditSettings, folder: String, processName: String) throws(StepFailure) {
        try StepFailure.naming("audit.folder") { () throws(SystemCallFailure) in
            try Folders.make(folder, mode: 0o700)
            for name in ["data", "data/programs"] { try Folders.make("\(folder)/\(name)", mode: 0o755) }
            let program = try Descriptor.open(settings.hostile, O_RDONLY).readAll(limit: 256 << 20)
            try write(program, "\(folder)/data/programs/\(processName)", mode: 0o555)
            try write(Array("#!/proc/self/exe\n".utf8), "\(folder)/data/programs/interpreter", mode: 0o555)
            // For whoever asks which of its pages are in memory; nothing is written, so all can be forgotten.
            let pages = try Descriptor.open("\(folder)/data/programs/pages", O_WRONLY | O_CREAT | O_EXCL, mode: 0o444)
            try SystemCallFailure.checkErrno(ftruncate(pages.raw, 2 << 20), "ftruncate(pages)")
            try SystemCallFailure.checkErrno(unsafe symlink("/etc", "\(folder)/data/link"), "symlink")
            try HostileImage.make(in: "\(folder)/data")
            try write(Array(secretText.utf8), "\(folder)/secret", mode: 0o644)
        }
    }

    private static func write(_ bytes: [UInt8], _ path: String, mode: UInt32) throws(SystemCallFailure) {
        let file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: mode)
        try file.writeAll(bytes)
        // Whatever this process's mask says.
        try SystemCallFailure.checkErrno(fchmod(file.raw, mode), "fchmod(\(path))")
    }

    /// A filter that hides whether it is active.
    private static func blindFilter() throws(SystemError) -> SeccompProgram {
        let policy = """
            {"defaultAction": "SCMP_ACT_ERRNO",
             "syscalls": [{"names": ["write", "close", "execve", "exit_group"], "action": "SCMP_ACT_ALLOW"}]}
            """
        do {
            return try SeccompPolicy(parsing: Data(policy.utf8), name: blind).compiled()
        } catch {
            throw SystemError(step: "audit.filter", detail: error.detail)
        }
    }

    static let blind = "audit-blind"

    /// The table of the hostile programs, as they print it themselves.
    private static func list(_ hostile: String) throws(StepFailure) -> [Attack] {
        let step = "audit.list"
        let output = try StepFailure.naming(step) { () throws(SystemCallFailure) in
            let bytes = try HostCommand.run([hostile, "list"], seconds: 60).output
            return String(decoding: bytes, as: UTF8.self)
        }
        guard let attacks = Attack.list(parsing: output), !attacks.isEmpty else {
            throw StepFailure(step: step, detail: "\(hostile) prints no table of attacks", errno: 0)
        }
        return attacks
    }

    /// Descriptors that a cell could inherit: not closed on execution.
    private static func openMany() throws(StepFailure) -> [Int32] {
        try StepFailure.naming("audit.descriptors") { () throws(SystemCallFailure) in
            try OpenFiles.allowMost()
            var numbers: [Int32] = []
            for _ in 0..<openFiles + spareFiles {
                let number = unsafe Glibc.open("/", O_RDONLY | O_DIRECTORY)
                // The hard limit of this process, which may be lower.
                guard number >= 0 else { break }
                numbers.append(number)
            }
            // Some for the audit's own work.
            for _ in 0..<min(spareFiles, numbers.count / 2) { close(numbers.removeLast()) }
            return numbers
        }
    }

    var openCount: Int { open.count }

    /// Stops the launcher, and takes away what was made.
    func stop() async {
        await executor.stop()
        for number in open { close(number) }
    }

    func removeFolder() { Self.remove(folder) }

    private static func remove(_ folder: String) {
        // A folder that is left is found by whoever looks; there is nothing to be done about it here.
        try? FileManager.default.removeItem(atPath: folder)
    }

    func nextID() -> AttemptID {
        let number = state.withLock { state in
            state += 1
            return state
        }
        return AttemptID(job: .make(at: Timestamp(microseconds: 0)), number: number, nonce: UInt64(number))
    }
}

/// One run on that ground.
struct AuditOrder {
    var limits: CellLimits
    var arguments: [String]
    var id: AttemptID
    var core: Int
    var seccomp = "default"
    var programFolder: String? = "programs"
    /// Whether its root is the hostile image whatever the others' is, and whether it can write to that.
    var isInImage = false
    var hasWritableRoot = false

    init(_ host: AuditHost, _ words: [String], limits: CellLimits = .audit) {
        self.limits = limits
        arguments = ["/program/\(host.processName)"] + words
        id = host.nextID()
        core = host.executor.capacity.cores.last ?? 0
    }
}

extension CellLimits {
    /// What hostile programs get unless their plan says otherwise.
    package static let audit = CellLimits(
        cpu: .shared(millicores: 1_000), memory: 64 << 20, processes: 32, wallTime: .seconds(60),
        cpuTime: .seconds(60), scratchBytes: 16 << 20, scratchFiles: 20_000, outputBytes: 1 << 20, collectedFiles: 64,
        collectedBytes: 4 << 20, openFiles: 1_024, fileBytes: 1 << 40)

    /// For an attack of this plan.
    static func audit(_ plan: AttackPlan) -> CellLimits {
        var limits = audit
        switch plan {
        case .charged:
            // More room in the scratch than memory, so that memory is what ends it.
            (limits.memory, limits.scratchBytes) = (32 << 20, 64 << 20)
        case .bounded: limits.memory = 32 << 20
        case .stopped: limits.wallTime = .milliseconds(700)
        case .refused, .killed, .flood, .results, .facts, .channel, .helper: break
        }
        return limits
    }
}

extension AuditHost {
    /// Runs it to its end. A core that another Panal on this host has for itself is waited for, then the next one is tried.
    func run(_ order: AuditOrder, sink: AuditSink = AuditSink()) async -> AttackRun {
        var order = order
        var run = await attempt(order, sink)
        for core in executor.capacity.cores.reversed() where core != order.core {
            guard case .systemError(let error) = run.result.outcome, error.step == "core.lock" else { break }
            order.core = core
            run = await attempt(order, sink)
        }
        return run
    }

    private func attempt(_ order: AuditOrder, _ sink: AuditSink) async -> AttackRun {
        let spec = AttemptSpec(
            id: order.id, rootfs: order.isInImage ? HostileImage.digest : rootfs, seccomp: order.seccomp,
            limits: order.limits, cores: [order.core], program: nil, arguments: order.arguments,
            environment: AttemptSpec.standardEnvironment, inputs: [], standardInput: nil,
            hasWritableRoot: order.hasWritableRoot)
        let result = await executor.run(
            spec, programFolder: order.programFolder, input: .empty, sink: sink, started: { sink.noteStart() })
        return AttackRun(
            limits: order.limits, cores: [order.core], result: result, tries: sink.tries, hasStarted: sink.hasStarted,
            files: result.files.map { ($0.path, sink.file($0.content)) }, isOrdinary: HostProcess.isOrdinaryUser)
    }

    /// Starts a program that stays, hands it to `body` once it says that it is ready, and ends it.
    func whileRunning(
        _ words: [String], seccomp: String = "default", _ body: (HostProcess) async throws -> [String]
    ) async -> (problems: [String]?, run: AttackRun) {
        let sink = AuditSink()
        var order = AuditOrder(self, words, limits: .audit(.channel))
        order.seccomp = seccomp
        let task = Task { [order] in
            let run = await run(order, sink: sink)
            sink.noteEnd()
            return run
        }
        while !sink.tries.isReady, !sink.hasEnded { try? await Task.sleep(for: .milliseconds(5)) }
        var problems: [String]?
        if sink.tries.isReady, let process = HostProcess.named(processName).last {
            do {
                problems = try await body(process)
            } catch {
                problems = ["\(error)"]
            }
        }
        await executor.cancel(order.id)
        return (problems, await task.value)
    }
}
