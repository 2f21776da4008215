internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// The process that becomes the program. It is cloned ahead and waits for its order with as much done as no run can change; then it
/// takes the run's streams, trees and limits, gives up its rights, reads each back, and executes. Where the run's filter is known
/// ahead, it has given up its rights and loaded that one before there is an order, and init takes the streams for it.
struct ProgramStart {
    let filters: [LauncherTable.Filter]
    let user: UInt32
    /// Whether the launcher is an ordinary user's, and this process its user namespace's root.
    let isOrdinary: Bool
    /// Brings the order and takes the reports; closes by itself on `execve`.
    let line: Int32
    let trees: Int32
    /// Held until execution; takes the moment of it.
    let start: Int32
    /// A byte comes from it when init has begun to wait.
    let gate: Int32
    /// The filter that is loaded before there is an order; nil where the order names it. It must permit what comes after.
    let ahead: Int?
    /// A byte to it gives the turn to init.
    let turn: Int32

    /// Starts this in a process of its own.
    func fork() throws(StepFailure) -> Int32 {
        var pidfd: Int32 = -1
        let process = try StepFailure.naming("cell.fork") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(unsafe panal_fork(0, -1, &pidfd), "clone3")
        }
        if process == 0 { run(nil) }
        close(pidfd)
        return process
    }

    /// Starts this in a process of its own that shares the caller's memory and open files, and stays at the gate.
    func cloneSharing(_ shared: Shared) throws(StepFailure) -> (process: Int32, pidfd: Int32) {
        let size = 1 << 20
        let argument = unsafe Unmanaged.passRetained(shared).toOpaque()
        return try StepFailure.naming("cell.fork") { () throws(SystemCallFailure) in
            guard
                let stack = unsafe mmap(
                    nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0),
                unsafe stack != MAP_FAILED
            else { throw SystemCallFailure(call: "mmap(stack)", errno: errno) }
            var pidfd: Int32 = -1
            let process = unsafe panal_fork_sharing(
                { argument in
                    guard let argument = unsafe argument else { return 127 }
                    let shared = unsafe Unmanaged<Shared>.fromOpaque(argument).takeUnretainedValue()
                    shared.start.run(shared)
                }, argument, stack.advanced(by: size), &pidfd)
            return (try SystemCallFailure.check(process, "clone(CLONE_VM)"), pidfd)
        }
    }

    /// What lies in the memory that this process and init have together. They take turns.
    final class Shared {
        let start: ProgramStart
        /// Rights are given up and the filter is loaded, each read back.
        var isSealed = false
        var order: RunRequest?
        /// Nanoseconds of processor time that init has used for the order.
        var initTime: Int64 = 0

        init(_ start: ProgramStart) {
            self.start = start
        }
    }

    private func run(_ shared: Shared?) -> Never {
        // By the system call alone: init may still be at work in this memory.
        var byte: UInt8 = 0
        if unsafe read(gate, &byte, 1) != 1 { panal_exit(127) }

        let line = Descriptor(owning: line)
        do throws(StepFailure) {
            try prepare()
            if let ahead, let shared {
                try runAhead(filters[ahead], shared, line)
            } else {
                try run(line)
            }
        } catch {
            CellReport(error).send(to: line)
        }
        panal_exit(127)
    }

    /// Everything after the order: what needs rights first, and the filter at last.
    private func run(_ line: borrowing Descriptor) throws(StepFailure) {
        guard let order = try CellOrder.receive(from: line) else { panal_exit(0) }
        let begun = panal_process_cpu_ns()
        let request = order.request
        try Self.takeStreams(order.streams, keeping: [line.raw, trees, start])
        let trees = Descriptor(owning: trees)
        try CellRoot.complete(CellContents(request)) { () throws(StepFailure) in try CellRoot.receiveTree(trees) }
        try limit(request)
        if request.isIdle { try SpareTime.enterForGood() }
        let filter = filters[Int(request.seccomp)]
        try CellNetwork.enter(request.network, makesSockets: filter.makesSockets)
        try giveUpRights()
        try finish(request, line, begun: begun) { () throws(StepFailure) in try load(filter, line) }
    }

    /// The rights and the filter before the order, for runs that need nothing here that only the rights or other calls could do.
    /// Init takes the order, and the spawner does what needs rights.
    private func runAhead(
        _ filter: LauncherTable.Filter, _ shared: Shared, _ line: borrowing Descriptor
    ) throws(StepFailure) {
        allowLimits()
        try giveUpRights()
        try load(filter, line)
        shared.isSealed = true
        // Without a turn nothing may be done in this memory: init, which waits for this process too, tells of its end.
        if panal_pass_turn(turn, gate, -1) != 0 { panal_exit(127) }
        guard let request = shared.order else { panal_exit(0) }
        let begun = panal_process_cpu_ns() - shared.initTime
        try limit(request)
        try finish(request, line, begun: begun) {}
    }

    /// The last steps, from the word to go on: `seal` loads the filter where that has not been done.
    private func finish(
        _ request: RunRequest, _ line: borrowing Descriptor, begun: Int64, seal: () throws(StepFailure) -> Void
    ) throws(StepFailure) {
        let arguments = CStrings(request.arguments)
        let environment = CStrings(request.environment)
        guard try CellOrder.awaitWord(from: line) else { panal_exit(0) }
        try checkCores(request)
        var used = [Int64](repeating: 0, count: 7)
        _ = unsafe panal_usage_of_self(&used)
        let start = Descriptor(owning: start)
        let report = CellReport.executing(
            at: panal_monotonic_ns(), used: Array(used[0..<4]), sinceOrder: panal_process_cpu_ns() - begun)
        // Also shows that the open files are this process's alone: init has closed its own of this.
        try StepFailure.naming("program.streams") { () throws(SystemCallFailure) in
            try start.writeAll(report.encoded())
        }
        // It ends by execution.
        _ = start.release()
        try seal()
        execute(request, arguments, environment).send(to: line)
    }

    /// What needs no order. The spawner has seen to signals, to limits that are the same for all, and to what could be regained.
    private func prepare() throws(StepFailure) {
        try StepFailure.naming("program.session") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(panal_setsid(), "setsid")
        }
        if !isOrdinary { try SpareTime.readBackLeft() }
        umask(0o022)
        // Each call answers what the one before has set.
        guard umask(0o022) == 0o022, getsid(0) == getpid() else {
            throw .mismatch("program.session", "neither the session nor the mask for new files is the program's own")
        }
        if isOrdinary {
            // Otherwise its own files in `/proc` are the real root's. Nobody else in the cell could use that.
            try StepFailure.naming("program.oom-score") { () throws(SystemCallFailure) in
                try SystemCallFailure.check(panal_set_dumpable(1), "prctl(PR_SET_DUMPABLE)")
            }
            try KernelFile.set("/proc/self/oom_score_adj", "1000", step: "program.oom-score")
        }
    }

    /// Descriptors 0, 1 and 2 are the run's; nothing else stays open but the lines, which close on execution.
    static func takeStreams(_ streams: [Int32], keeping kept: [Int32]) throws(StepFailure) {
        try StepFailure.naming("program.streams") { () throws(SystemCallFailure) in
            for (number, stream) in streams.enumerated() {
                try SystemCallFailure.checkErrno(dup2(stream, Int32(number)), "dup2(\(number))")
            }
            try Processes.closeAll(but: [0, 1, 2] + kept)
        }
    }

    struct Limit {
        var name: String
        var resource: Int32
        var soft: UInt64
        var hard: UInt64

        init(_ name: String, _ resource: Int32, _ soft: UInt64, hard: UInt64? = nil) {
            self.name = name
            self.resource = resource
            self.soft = soft
            self.hard = hard ?? soft
        }

        static let none = UInt64.max
    }

    /// What is the same for every run, whatever the launcher was started with: no core files, no queues, no priorities;
    /// memory and processor time are the control group's, the stack may grow into all of it when the program asks.
    static let fixedLimits = [
        Limit("core", panal_rlimit_core(), 0), Limit("memlock", panal_rlimit_memlock(), 65_536),
        Limit("msgqueue", panal_rlimit_msgqueue(), 0), Limit("nice", panal_rlimit_nice(), 0),
        Limit("rtprio", panal_rlimit_rtprio(), 0), Limit("sigpending", panal_rlimit_sigpending(), 1_024),
        Limit("stack", panal_rlimit_stack(), 8 << 20, hard: Limit.none), Limit("as", panal_rlimit_as(), Limit.none),
        Limit("data", panal_rlimit_data(), Limit.none), Limit("cpu", panal_rlimit_cpu(), Limit.none),
    ]

    static func set(_ limits: [Limit]) throws(StepFailure) {
        for limit in limits {
            try StepFailure.naming("rlimit.\(limit.name)") { () throws(SystemCallFailure) in
                try SystemCallFailure.check(panal_set_limit(limit.resource, limit.soft, limit.hard), "setrlimit")
            }
            // No limit is both 1 and 0.
            var found: [UInt64] = [1, 0]
            _ = unsafe panal_get_limit(limit.resource, &found)
            guard found == [limit.soft, limit.hard] else {
                throw .mismatch("rlimit.\(limit.name)", "was set to \(limit.soft), \(limit.hard) and reads \(found)")
            }
        }
    }

    private func limit(_ request: RunRequest) throws(StepFailure) {
        try Self.set(
            Self.limits(
                openFiles: UInt64(request.openFiles), fileBytes: request.fileBytes,
                processes: UInt64(request.processes)))
    }

    private static func limits(openFiles: UInt64, fileBytes: UInt64, processes: UInt64) -> [Limit] {
        [
            Limit("nofile", panal_rlimit_nofile(), openFiles), Limit("fsize", panal_rlimit_fsize(), fileBytes),
            // Of the slot's user, whom another slot may have to share: the control group is the one that counts.
            Limit("nproc", panal_rlimit_nproc(), max(4_096, processes)),
        ]
    }

    /// Where the launcher itself was given less than a run may ask for, this process has more as long as it has the right to that.
    /// Refused to a root without it; then a run that asks for more is not started, as without all this.
    private func allowLimits() {
        for limit in Self.limits(openFiles: 65_536, fileBytes: Limit.none, processes: Limit.none) {
            var found: [UInt64] = [0, 0]
            guard unsafe panal_get_limit(limit.resource, &found) == 0, found[1] < limit.hard else { continue }
            _ = panal_set_limit(limit.resource, found[0], limit.hard)
        }
    }

    private func checkCores(_ request: RunRequest) throws(StepFailure) {
        let cores = try StepFailure.naming("read-back.cores") { () throws(SystemCallFailure) in
            try HostTopology.affinity()
        }
        guard cores == request.cores.map(Int.init) else {
            throw .mismatch("read-back.cores", "the program may run on \(cores), not on \(request.cores)")
        }
    }

    private func giveUpRights() throws(StepFailure) {
        guard isOrdinary else {
            try Privileges.dropOwn(uid: user, gid: user)
            if let found = try Privileges.difference(uid: user, gid: user) {
                throw .mismatch("read-back.rights", found)
            }
            return
        }
        try UserNamespace.seclude(as: user)
        // A new namespace begins with every capability, for those who execute something too.
        try Privileges.dropInheritance(leavingGroups: false)
        try Privileges.dropOwn(uid: user, gid: user)
        if let found = try Privileges.remainder(uid: user, gid: user, leavingGroups: false) {
            throw .mismatch("read-back.rights", found)
        }
    }

    private func load(_ filter: LauncherTable.Filter, _ line: borrowing Descriptor) throws(StepFailure) {
        // One filter, since it shows only whether there is any.
        let instructions = isOrdinary ? InitGuard.instructions + filter.instructions : filter.instructions
        if filter.explains {
            try ExplainingFilter.load(instructions, line: line)
        } else {
            try load(instructions)
        }
        guard panal_get_seccomp() == 2 else {
            throw .mismatch("seccomp.read-back", "the filter does not read back as active; the policy must allow prctl")
        }
    }

    private func load(_ filter: [UInt8]) throws(StepFailure) {
        let answer = unsafe filter.withUnsafeBytes { bytes in
            unsafe panal_load_seccomp(bytes.baseAddress, bytes.count / 8)
        }
        try StepFailure.naming("seccomp.load") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(answer, "seccomp(SET_MODE_FILTER)")
        }
    }

    /// A command with a slash is executed as it stands; another is looked up in the cell's own `PATH`. Returns only when the
    /// kernel refused.
    private func execute(_ request: RunRequest, _ arguments: CStrings, _ environment: CStrings) -> CellReport {
        var refused: (errno: Int32, isThere: Bool) = (ENOENT, false)
        for path in candidates(request) {
            let number = -(unsafe panal_exec(path, arguments.pointers, environment.pointers))
            let isThere = unsafe access(path, F_OK) == 0
            // A later folder of PATH may have it; what was found and refused counts more than what is missing.
            if isThere || !refused.isThere { refused = (number, isThere) }
            if number != ENOENT, number != ENOTDIR, number != EACCES { break }
        }
        return .notExecuted(errno: refused.errno, isThere: refused.isThere)
    }

    private func candidates(_ request: RunRequest) -> [String] {
        let command = request.arguments.first ?? ""
        if command.utf8.contains(47) { return [command] }
        let path = request.environment.first { $0.hasPrefix("PATH=") }?.dropFirst(5) ?? "/usr/bin:/bin"
        return path.split(separator: ":").map { "\($0)/\(command)" }
    }
}
