internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// The first process of a cell: sets the cell up around itself, starts the program as its child, and reaps. It runs in the
/// copy of the launcher's memory that `clone3` made; the launcher has one thread, so ordinary Swift is safe here.
struct CellInit {
    let plan: CellPlan

    func run() -> Never {
        do throws(StepFailure) {
            try StepFailure.naming("cell.descriptors") { () throws(SystemCallFailure) in
                // 0 to 2 stay taken, so that no pipe made from here on gets a number that the program's streams replace.
                try Processes.closeAll(but: [0, 1, 2] + plan.kept)
            }
            try waitForGroup()
            try setUpNamespaces()
            try setUpRoot()
            try checkRoot()
            let program = try startProgram()
            try dropRights()
            reap(program)
        } catch {
            report(.failed(StepReport(step: error.step, errno: error.errno, detail: error.detail)))
        }
        panal_exit(0)
    }

    private func report(_ record: InitReport) {
        // The launcher is gone when this fails, and then the parent-death signal is on its way.
        let pipe = Descriptor(owning: plan.report)
        try? pipe.writeAll(record.encoded())
        _ = pipe.release()
    }

    private func waitForGroup() throws(StepFailure) {
        let start = Descriptor(owning: plan.start)
        let byte = try StepFailure.naming("cell.start") { () throws(SystemCallFailure) in try start.read(atMost: 1) }
        // The launcher gave up (or is gone): its reason is the one that counts.
        if byte.isEmpty { panal_exit(0) }
    }

    private func setUpNamespaces() throws(StepFailure) {
        try StepFailure.naming("cell.cgroup-namespace") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(panal_unshare(panal_clone_newcgroup()), "unshare(CLONE_NEWCGROUP)")
        }
        try StepFailure.naming("cell.hostname") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(unsafe panal_set_hostname("cell"), "sethostname")
        }
        _ = panal_setsid()
    }

    private func setUpRoot() throws(StepFailure) {
        try StepFailure.naming("mount.root") { () throws(SystemCallFailure) in
            try SystemCallFailure.checkErrno(unsafe chdir(plan.root), "chdir(\(plan.root))")
        }
        try StepFailure.naming("mount.scratch") { () throws(SystemCallFailure) in
            try Mounts.attach(plan.scratchTree, at: "scratch")
            try Mounts.bind("scratch/tmp", "tmp")
            try Mounts.bind("scratch/work", "work")
            try Mounts.detach("scratch")
        }
        if plan.programTree >= 0 {
            try StepFailure.naming("mount.program") { () throws(SystemCallFailure) in
                try Mounts.attach(plan.programTree, at: "program")
            }
        }
        if !plan.inputTrees.isEmpty {
            try StepFailure.naming("mount.input") { () throws(SystemCallFailure) in try attachInputs() }
        }
        try StepFailure.naming("mount.proc") { () throws(SystemCallFailure) in try Mounts.process(at: "proc") }
        try StepFailure.naming("mount.pivot") { () throws(SystemCallFailure) in try Mounts.pivotHere() }
    }

    /// `/input` is a small tmpfs with an empty file for each input, onto which the input's read-only tree is attached.
    private func attachInputs() throws(SystemCallFailure) {
        try Mounts.tmpfs(at: "input", options: "size=256k,nr_inodes=1024,mode=0755", flags: Mounts.inert)
        for (input, tree) in zip(plan.request.inputs, plan.inputTrees) {
            try Folders.ensure("input/\(input.field)", mode: 0o755)
            let place = "input/\(input.field)/\(input.name)"
            try NewFile.write(place, [], mode: 0o444)
            try Mounts.attach(tree, at: place)
        }
        try Mounts.seal("input", noDevices: true, recursive: false)
    }

    /// Holds what the kernel now says of each mount against what was asked for.
    private func checkRoot() throws(StepFailure) {
        let step = "read-back.mounts"
        func status(
            _ path: String
        ) throws(StepFailure) -> (bytes: UInt64, inodes: UInt64, flags: UInt, magic: UInt64) {
            try StepFailure.naming(step) { () throws(SystemCallFailure) in try Mounts.status(path) }
        }
        var sealed = ["/", "/usr", "/dev"]
        if plan.programTree >= 0 { sealed.append("/program") }
        for input in plan.request.inputs { sealed.append("/input/\(input.field)/\(input.name)") }
        for path in sealed {
            let flags = try status(path).flags
            guard flags & Mounts.readOnly != 0, flags & Mounts.noSetID != 0 else {
                throw .mismatch(step, "\(path) is not read-only and nosuid (flags \(flags))")
            }
        }
        for path in ["/tmp", "/work"] {
            let found = try status(path)
            guard found.magic == Mounts.tmpfsMagic, found.bytes == plan.request.scratchBytes,
                found.inodes == UInt64(plan.request.scratchFiles), found.flags & Mounts.noSetID != 0,
                found.flags & Mounts.noDevices != 0
            else {
                throw .mismatch(step, "\(path) is not the scratch of \(plan.request.scratchBytes) bytes that was made")
            }
        }
        guard try status("/proc").magic == Mounts.processMagic else { throw .mismatch(step, "/proc is not procfs") }
    }

    /// Forks the program and waits until it executes or says why not.
    private func startProgram() throws(StepFailure) -> Int32 {
        let ends = try StepFailure.naming("cell.status-pipe") { () throws(SystemCallFailure) in try Descriptor.pipe() }
        let read = Descriptor(owning: ends.first)
        let initTime = panal_process_cpu_ns()
        var pidfd: Int32 = -1
        let program = try StepFailure.naming("cell.fork") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(unsafe panal_fork(0, -1, &pidfd), "clone3")
        }
        if program == 0 { ProgramStart(plan: plan, status: ends.second).run() }
        close(pidfd)
        for number in plan.streams { close(number) }
        let started = panal_monotonic_ns()
        close(ends.second)
        var answer = try StepFailure.naming("cell.status-pipe") { () throws(SystemCallFailure) in
            try read.readAll(limit: 65_536)
        }
        // Nothing came: the pipe closed by itself when the program was executed.
        guard !answer.isEmpty else {
            report(.started(at: started, initTime: initTime))
            return program
        }
        do throws(ProtocolError) {
            if let record = try InitReport.take(from: &answer) {
                report(record)
            } else {
                throw .truncated
            }
        } catch {
            throw .mismatch("cell.status-pipe", "the program's process reported nothing readable")
        }
        panal_exit(0)
    }

    /// From here on init only waits: another uid than the program's, no capability, no way to gain one.
    private func dropRights() throws(StepFailure) {
        try Privileges.drop(uid: plan.initUser, gid: plan.initUser)
        try StepFailure.naming("cell.init-rights") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(panal_set_dumpable(0), "prctl(PR_SET_DUMPABLE)")
            // After the change of ids, which clears it.
            try SystemCallFailure.check(panal_set_parent_death_signal(SIGKILL), "prctl(PR_SET_PDEATHSIG)")
        }
        // A launcher that died before the line above sends no signal: its end of the pipe is closed then.
        var pipe = pollfd(fd: plan.report, events: 0, revents: 0)
        if unsafe poll(&pipe, 1, 0) > 0, pipe.revents & Int16(POLLERR) != 0 { panal_exit(0) }
    }

    private func reap(_ program: Int32) {
        while true {
            var status: Int32 = 0
            var usage = [Int64](repeating: 0, count: 4)
            let ended = unsafe panal_wait_with_usage(-1, &status, &usage)
            if ended < 0 { return }
            if ended == program {
                report(.ended(status: status, usage: usage, at: panal_monotonic_ns()))
                return
            }
        }
    }
}
