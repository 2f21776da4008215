internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// The first process of a cell: sets the cell up around itself, makes the process that will be the program, and reaps. It
/// runs in the copy of the spawner's memory that `clone3` made; the spawner has one thread, so ordinary Swift is safe here.
struct CellInit {
    /// What it is made for, before there is a run.
    struct Plan {
        var scratchBytes: UInt64
        var scratchFiles: UInt32
        /// The filter that the program's process loads before it has its order; nil: the order says which.
        var ahead: UInt16?
        /// The image that is its root; nil for the host's.
        var image: ImageTree?
        /// Whether that root is one of the cell's own, which it can write to.
        var hasWritableRoot = false
    }
    let plan: Plan
    /// See `CellRoot.prepare`.
    let folder: String?
    /// Whether the cell has a group of its own, and so wants a namespace with that as its root; otherwise it has the slot's.
    let ownsGroupNamespace: Bool
    let filters: [LauncherTable.Filter]
    let users: UserBlock
    let slot: Int
    /// The line to the launcher: the program's process takes its order from it, and both report on it.
    let line: Int32
    /// On this the program's process gets its trees from the spawner.
    let trees: Int32
    /// Held by the program's process until it executes: its other end tells the launcher of that.
    let start: Int32
    /// The detached tmpfs that becomes the cell's scratch; -1 where the spawner has put it into the root already.
    let scratch: Int32

    func run() -> Never {
        let line = Descriptor(owning: line)
        do throws(StepFailure) {
            try StepFailure.naming("cell.descriptors") { () throws(SystemCallFailure) in
                // 0 to 2 stay taken, so that nothing made from here on gets a number that the program's streams replace.
                try Processes.closeAll(but: [0, 1, 2, line.raw, trees, start, scratch])
            }
            if ownsGroupNamespace { try enterGroupNamespace() }
            try CellRoot.prepare(inside: folder, scratch: scratch, plan)
            if ownsGroupNamespace { try Self.readBackGroupNamespace(step: Self.groupNamespace) }
            // The program's process inherits it, and reads it back.
            if !users.isOrdinary { try SpareTime.leave() }
            let program = try startProgram(line)
            try dropRights()
            if let shared = program.shared { try takeOrder(shared, program, line) }
            reap(program, line)
        } catch {
            CellReport(error).send(to: line)
        }
        panal_exit(0)
    }

    private static let groupNamespace = "cell.cgroup-namespace"

    private func enterGroupNamespace() throws(StepFailure) {
        try StepFailure.naming(Self.groupNamespace) { () throws(SystemCallFailure) in
            try SystemCallFailure.check(panal_unshare(panal_clone_newcgroup()), "unshare(CLONE_NEWCGROUP)")
        }
    }

    /// The caller was born in the group, or moved into it, so a control group namespace of its own has that as its root.
    static func readBackGroupNamespace(step: String) throws(StepFailure) {
        let groups = try StepFailure.naming(step) { () throws(SystemCallFailure) in
            try KernelFile.read("/proc/self/cgroup")
        }
        for line in groups.split(separator: "\n") where !line.hasSuffix(":/") {
            throw .mismatch(step, "the cell would see where its group is: \(line)")
        }
    }

    /// The process that will be the program, as init sees it.
    private struct Program {
        var process: Int32
        /// Lets it go on.
        var gate: Int32
        /// From this comes init's turn.
        var turn: Int32 = -1
        var pidfd: Int32 = -1
        /// What both of them see, where they share their memory and the filter is loaded ahead.
        var shared: ProgramStart.Shared?
    }

    /// Makes the process that will be the program. It waits at a gate until init has given up its rights and has nothing left to
    /// do but to wait. It shares init's memory until it executes: then there is no address space to copy now, and none to take
    /// down in the middle of its start. Two processes cannot run Swift in one memory: from the gate on only one of them runs. An
    /// ordinary user's process cannot share: it enters a user namespace, which the kernel refuses to those that do.
    private func startProgram(_ line: borrowing Descriptor) throws(StepFailure) -> Program {
        let (gate, turn) = try StepFailure.naming("cell.gate") { () throws(SystemCallFailure) in
            (try Descriptor.pipe(), try Descriptor.pipe())
        }
        let start = ProgramStart(
            filters: filters, user: users.program(slot), isOrdinary: users.isOrdinary, line: line.raw, trees: trees,
            start: start, gate: gate.first, ahead: plan.ahead.map(Int.init), turn: turn.second)
        close(scratch)
        guard users.isOrdinary else {
            let shared = ProgramStart.Shared(start)
            let (process, pidfd) = try start.cloneSharing(shared)
            guard plan.ahead == nil else {
                return Program(process: process, gate: gate.second, turn: turn.first, pidfd: pidfd, shared: shared)
            }
            try leaveFiles(but: [line.raw, gate.second])
            return Program(process: process, gate: gate.second)
        }
        let process = try start.fork()
        for number in [trees, self.start, gate.first, turn.first, turn.second] { close(number) }
        return Program(process: process, gate: gate.second)
    }

    /// From here on the program's process has its open files for itself, and init these.
    private func leaveFiles(but kept: [Int32]) throws(StepFailure) {
        try StepFailure.naming("cell.descriptors") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(panal_unshare(panal_clone_files()), "unshare(CLONE_FILES)")
            try Processes.closeAll(but: kept)
        }
    }

    /// Lets the program's process go as far as it can without an order: it has then no rights any more, and its filter. What the
    /// filter does not let it do, init does for it: takes the order and puts the run's streams among the files that both have.
    /// What needs rights the spawner does.
    private func takeOrder(
        _ shared: ProgramStart.Shared, _ program: Program, _ line: borrowing Descriptor
    ) throws(StepFailure) {
        try StepFailure.naming("cell.gate") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(panal_pass_turn(program.gate, program.turn, program.pidfd), "poll(turn)")
        }
        guard shared.isSealed else {
            throw .mismatch("cell.gate", "the program's process has neither given up its rights nor loaded its filter")
        }
        // What neither of them needs any more; later it would take the run's time.
        for number in [program.turn, shared.start.turn, program.pidfd] { close(number) }
        guard let order = try CellOrder.receive(from: line) else { panal_exit(0) }
        let begun = panal_process_cpu_ns()
        guard plan.ahead == order.request.seccomp else {
            throw .mismatch("cell.order", "the filter that is loaded is not the run's")
        }
        let contents = CellContents(order.request)
        if !contents.isThere(in: plan) {
            let trees = Descriptor(owning: trees)
            try CellRoot.awaitCompletion(contents, on: trees)
        }
        try CellRoot.readBackScratch(contents)
        try ProgramStart.takeStreams(order.streams, keeping: [line.raw, start, shared.start.gate, program.gate])
        // A copy of the run's streams here would keep their other ends waiting.
        try leaveFiles(but: [line.raw, program.gate])
        shared.order = order.request
        shared.initTime = panal_process_cpu_ns() - begun
    }

    /// From here on init only waits: another uid than the program's, or where there is only one, another namespace; no
    /// capability, no way to gain one.
    private func dropRights() throws(StepFailure) {
        let user = users.initUser(slot)
        ShortSlice.take(isOwn: false)
        try Privileges.dropOwn(uid: user, gid: user)
        // The spawner has seen to what could be regained.
        if let found = try Privileges.difference(uid: user, gid: user, leavingGroups: !users.isOrdinary) {
            throw .mismatch("cell.init-rights", found)
        }
        try StepFailure.naming("cell.init-rights") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(panal_set_dumpable(0), "prctl(PR_SET_DUMPABLE)")
            // After the change of ids, which clears it.
            try SystemCallFailure.check(panal_set_parent_death_signal(SIGKILL), "prctl(PR_SET_PDEATHSIG)")
        }
        guard panal_get_dumpable() == 0, panal_get_parent_death_signal() == SIGKILL else {
            throw .mismatch("cell.init-rights", "init could be looked into, or would outlive the launcher")
        }
        // A launcher that died before the line above sends no signal: its end of the line is closed then.
        var polled = pollfd(fd: line, events: 0, revents: 0)
        if unsafe poll(&polled, 1, 0) > 0, polled.revents & Int16(POLLHUP) != 0 { panal_exit(0) }
    }

    /// Lets the program's process go on, and reaps until it has ended: in one call, since other children can end
    /// (`ExplainingFilter`) while it is still at work in this memory.
    private func reap(_ program: Program, _ line: borrowing Descriptor) {
        var status: Int32 = 0
        var usage = [Int64](repeating: 0, count: 7)
        guard unsafe panal_release_and_reap(program.gate, program.process, &status, &usage) == program.process else {
            return
        }
        let moment = panal_monotonic_ns()
        var reaped = [Int64](repeating: 0, count: 7)
        _ = unsafe panal_usage_of_children(&reaped)
        usage[5...6] = reaped[5...6]
        // What makes no sense is refused by who reads the report; here it must not be the end of init.
        let cellTime = panal_process_cpu_ns() &+ (reaped[0] &+ reaped[1]) &* 1_000
        CellReport.ended(status: status, usage: usage, at: moment, cellTime: cellTime).send(to: line)
        // With its own end the kernel ends what the program has left. Until the launcher sees that there is nothing, it has to get its
        // turn among those: only then is its end for time that no cell wants (`Slot.rest`).
    }
}
