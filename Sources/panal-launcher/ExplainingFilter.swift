internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// Loads a filter that tells somebody outside of each call that it refuses.
///
/// The descriptor for that comes into being with the filter, and the filter may forbid what handing it over needs. So a process
/// is forked before, beside the program's (a child of init's), that shares its open files and is under no filter: it is told the
/// number by a pipe, sends the descriptor to the launcher, and ends. `execve` then gives the program open files of its own,
/// without what closes on execution. That process has the program's user and no rights, and memory that the program cannot
/// open, since it is made not dumpable before it is forked.
enum ExplainingFilter {
    static func load(_ filter: [UInt8], line: borrowing Descriptor) throws(StepFailure) {
        let step = "seccomp.explain"
        // Both ends, and the descriptor itself, close on execution; to close them here would take them from the other process.
        let ends = try StepFailure.naming(step) { () throws(SystemCallFailure) in try Descriptor.pipe() }
        // The process inherits this; `execve` gives the program memory of its own, which is not concerned.
        try StepFailure.naming(step) { () throws(SystemCallFailure) in
            try SystemCallFailure.check(panal_set_dumpable(0), "prctl(PR_SET_DUMPABLE)")
        }
        var pidfd: Int32 = -1
        let process = try StepFailure.naming(step) { () throws(SystemCallFailure) in
            try SystemCallFailure.check(
                unsafe panal_fork(panal_clone_parent() | panal_clone_files(), -1, &pidfd), "clone3(CLONE_FILES)")
        }
        if process == 0 { handOver(ends.first, line) }
        let listener = unsafe filter.withUnsafeBytes { bytes in
            unsafe panal_load_seccomp_listening(bytes.baseAddress, bytes.count / 8)
        }
        try StepFailure.naming(step) { () throws(SystemCallFailure) in
            try SystemCallFailure.check(listener, "seccomp(NEW_LISTENER)")
        }
        var number = listener
        // From here on every refused call waits for an answer; writing is what each policy allows.
        guard unsafe write(ends.second, &number, 4) == 4 else {
            throw .mismatch(step, "the listener could not be handed over")
        }
    }

    private static func handOver(_ told: Int32, _ line: borrowing Descriptor) -> Never {
        var number: Int32 = -1
        if unsafe read(told, &number, 4) == 4, number >= 0 {
            _ = MessageSocket.send(line, CellReport.explaining.encoded(), descriptors: [number], waiting: true)
        }
        panal_exit(0)
    }
}
