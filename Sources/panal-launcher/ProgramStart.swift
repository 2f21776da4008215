internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// The program's process between `fork` and `execve`: takes its limits and gives up its rights, reads each back, executes.
struct ProgramStart {
    let order: CellOrder
    let filter: [UInt8]
    /// Closes by itself on `execve`; a record in it says why there was none.
    let status: Int32

    func run() -> Never {
        do throws(StepFailure) {
            try takeStreams()
            try StepFailure.naming("program.oom-score") { () throws(SystemCallFailure) in
                try KernelFile.write("/proc/self/oom_score_adj", "1000")
            }
            try limit()
            try dropRights()
            try StepFailure.naming("program.work-folder") { () throws(SystemCallFailure) in
                try SystemCallFailure.checkErrno(unsafe chdir("/work"), "chdir(/work)")
            }
            umask(0o022)
            let arguments = CStrings(order.request.arguments)
            let environment = CStrings(order.request.environment)
            try StepFailure.naming("program.signals") { () throws(SystemCallFailure) in
                try SystemCallFailure.check(panal_reset_signals(), "sigaction")
            }
            try loadFilter()
            execute(arguments, environment)
        } catch {
            report(.failed(StepReport(step: error.step, errno: error.errno, detail: error.detail)))
        }
        panal_exit(127)
    }

    private func report(_ record: InitReport) {
        let pipe = Descriptor(owning: status)
        try? pipe.writeAll(record.encoded())
        _ = pipe.release()
    }

    /// Descriptors 0, 1 and 2 are the run's; nothing else stays open but the status pipe, which closes on execution.
    private func takeStreams() throws(StepFailure) {
        _ = panal_setsid()
        try StepFailure.naming("program.streams") { () throws(SystemCallFailure) in
            for (number, stream) in order.streams.enumerated() {
                try SystemCallFailure.checkErrno(dup2(stream, Int32(number)), "dup2(\(number))")
            }
            try Processes.closeAll(but: [0, 1, 2, status])
        }
    }

    private var limits: [(name: String, resource: Int32, value: UInt64)] {
        [
            ("core", panal_rlimit_core(), 0),
            ("nofile", panal_rlimit_nofile(), UInt64(order.request.openFiles)),
            ("fsize", panal_rlimit_fsize(), order.request.fileBytes),
            ("memlock", panal_rlimit_memlock(), 65_536),
            ("msgqueue", panal_rlimit_msgqueue(), 0),
            ("nice", panal_rlimit_nice(), 0),
            ("rtprio", panal_rlimit_rtprio(), 0),
        ]
    }

    private func limit() throws(StepFailure) {
        for limit in limits {
            try StepFailure.naming("rlimit.\(limit.name)") { () throws(SystemCallFailure) in
                try SystemCallFailure.check(panal_set_limit(limit.resource, limit.value), "setrlimit")
            }
            var found: [UInt64] = [0, 0]
            _ = unsafe panal_get_limit(limit.resource, &found)
            guard found == [limit.value, limit.value] else {
                throw .mismatch("rlimit.\(limit.name)", "was set to \(limit.value) and reads \(found)")
            }
        }
        let cores = try StepFailure.naming("read-back.cores") { () throws(SystemCallFailure) in
            try HostTopology.affinity()
        }
        guard cores == order.request.cores.map(Int.init) else {
            throw .mismatch("read-back.cores", "the program may run on \(cores), not on \(order.request.cores)")
        }
    }

    private func dropRights() throws(StepFailure) {
        try Privileges.drop(uid: order.programUser, gid: order.programUser)
        if let found = try Privileges.difference(uid: order.programUser, gid: order.programUser) {
            throw .mismatch("read-back.rights", found)
        }
    }

    private func loadFilter() throws(StepFailure) {
        let answer = unsafe filter.withUnsafeBytes { bytes in
            unsafe panal_load_seccomp(bytes.baseAddress, bytes.count / 8)
        }
        try StepFailure.naming("seccomp.load") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(answer, "seccomp(SET_MODE_FILTER)")
        }
        guard panal_get_seccomp() == 2 else {
            throw .mismatch("seccomp.read-back", "the filter does not read back as active; the policy must allow prctl")
        }
    }

    /// A command with a slash is executed as it stands; another is looked up in the cell's own `PATH`.
    private func execute(_ arguments: CStrings, _ environment: CStrings) {
        let command = order.request.arguments.first ?? ""
        var refused: (errno: Int32, isThere: Bool) = (ENOENT, false)
        for path in candidates(for: command) {
            let number = -(unsafe panal_exec(path, arguments.pointers, environment.pointers))
            let isThere = unsafe access(path, F_OK) == 0
            // A later folder of PATH may have it; what was found and refused counts more than what is missing.
            if isThere || !refused.isThere { refused = (number, isThere) }
            if number != ENOENT, number != ENOTDIR, number != EACCES { break }
        }
        report(.notExecuted(errno: refused.errno, isThere: refused.isThere))
    }

    private func candidates(for command: String) -> [String] {
        if command.utf8.contains(47) { return [command] }
        let path = order.request.environment.first { $0.hasPrefix("PATH=") }?.dropFirst(5) ?? "/usr/bin:/bin"
        return path.split(separator: ":").map { "\($0)/\(command)" }
    }
}
