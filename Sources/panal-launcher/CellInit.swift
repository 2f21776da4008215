internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// The first process of a cell: sets the cell up around itself, starts the program as its child, and reaps. It runs in the
/// copy of the maker's memory that `clone3` made; the maker has one thread, so ordinary Swift is safe here.
struct CellInit {
    let roots: [String]
    let table: LauncherTable
    let dataFolder: String?
    /// Written here, read by the launcher.
    let reports: Int32
    /// The line on which the order comes.
    let orders: Int32

    func run() -> Never {
        do throws(StepFailure) {
            try StepFailure.naming("cell.descriptors") { () throws(SystemCallFailure) in
                // 0 to 2 stay taken, so that no pipe made from here on gets a number that the program's streams replace.
                try Processes.closeAll(but: [0, 1, 2, reports, orders])
            }
            let line = Descriptor(owning: orders)
            // Nil: the launcher has let this cell go, or is gone.
            guard let order = try CellOrder.receive(from: line) else { panal_exit(0) }
            close(line.release())
            try setUpNamespaces()
            try CellRoot(order: order, root: roots[Int(order.request.rootfs)], dataFolder: dataFolder).setUp()
            let program = try startProgram(order)
            try dropRights(order)
            reap(program)
        } catch {
            report(.failed(StepReport(step: error.step, errno: error.errno, detail: error.detail)))
        }
        panal_exit(0)
    }

    private func report(_ record: InitReport) {
        // The launcher is gone when this fails, and then the parent-death signal is on its way.
        let pipe = Descriptor(owning: reports)
        try? pipe.writeAll(record.encoded())
        _ = pipe.release()
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

    /// Forks the program and waits until it executes or says why not.
    private func startProgram(_ order: CellOrder) throws(StepFailure) -> Int32 {
        let ends = try StepFailure.naming("cell.status-pipe") { () throws(SystemCallFailure) in try Descriptor.pipe() }
        let read = Descriptor(owning: ends.first)
        let initTime = panal_process_cpu_ns()
        var pidfd: Int32 = -1
        let program = try StepFailure.naming("cell.fork") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(unsafe panal_fork(0, -1, &pidfd), "clone3")
        }
        if program == 0 {
            ProgramStart(
                order: order, filter: table.seccomp[Int(order.request.seccomp)], status: ends.second
            ).run()
        }
        close(pidfd)
        for number in order.streams { close(number) }
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
    private func dropRights(_ order: CellOrder) throws(StepFailure) {
        try Privileges.drop(uid: order.initUser, gid: order.initUser)
        try StepFailure.naming("cell.init-rights") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(panal_set_dumpable(0), "prctl(PR_SET_DUMPABLE)")
            // After the change of ids, which clears it.
            try SystemCallFailure.check(panal_set_parent_death_signal(SIGKILL), "prctl(PR_SET_PDEATHSIG)")
        }
        // A launcher that died before the line above sends no signal: its end of the pipe is closed then.
        var pipe = pollfd(fd: reports, events: 0, revents: 0)
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
