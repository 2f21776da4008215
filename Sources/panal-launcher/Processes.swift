internal import CPanalSyscalls
internal import Glibc
internal import PanalLinux

/// Calls on the launcher's own process and its children.
enum Processes {
    static func closeAll(from first: UInt32) throws(SystemCallFailure) {
        try SystemCallFailure.check(panal_close_range(first, .max), "close_range")
    }

    /// Closes every descriptor that is not in `kept`.
    static func closeAll(but kept: [Int32]) throws(SystemCallFailure) {
        var next: UInt32 = 0
        for number in kept.filter({ $0 >= 0 }).map({ UInt32($0) }).sorted() where number >= next {
            if number > next { try SystemCallFailure.check(panal_close_range(next, number - 1), "close_range") }
            next = number + 1
        }
        try closeAll(from: next)
    }

    /// A session of its own, deaf to the terminal's signals, with nothing of the environment and of the parent's settings.
    static func standAlone() throws(SystemCallFailure) {
        // Fails when the process leads a group already, and then nothing has to be done.
        _ = panal_setsid()
        // A parent that ignores SIGCHLD would leave nothing to wait for.
        try SystemCallFailure.check(panal_reset_signals(), "sigaction")
        for signal in [SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            try SystemCallFailure.check(panal_ignore_signal(signal), "sigaction")
        }
        try SystemCallFailure.check(panal_set_dumpable(0), "prctl(PR_SET_DUMPABLE)")
        clearenv()
        umask(0)
        // Each call answers what the one before has set. With another mask a cell's `/tmp` would not be everybody's.
        guard umask(0) == 0 else { throw SystemCallFailure(call: "umask", errno: EBADMSG) }
        try SystemCallFailure.checkErrno(unsafe chdir("/"), "chdir(/)")
        // 0 and 1 are open. A parent whose error stream is closed hands on a hole that the next file opened would fill.
        if fcntl(2, F_GETFD) < 0 { _ = try Descriptor.open("/dev/null", O_WRONLY).release() }
        try OpenFiles.allowMost()
    }

    /// Runs a program of the host's with an empty environment and nothing open but its own error stream, and waits for its
    /// end. Only used at start, before anything of a tenant is near.
    static func runToEnd(_ command: [String]) throws(SystemCallFailure) {
        var pidfd: Int32 = -1
        let child = try SystemCallFailure.check(unsafe panal_fork(0, -1, &pidfd), "clone3")
        if child == 0 {
            panal_reset_signals()
            try? closeAll(but: [0, 1, 2])
            let arguments = CStrings(command)
            let environment = CStrings([])
            _ = unsafe panal_exec(command[0], arguments.pointers, environment.pointers)
            panal_exit(127)
        }
        close(pidfd)
        var status: Int32 = 0
        try SystemCallFailure.check(unsafe panal_wait(child, &status), "waitpid")
        guard status == 0 else { throw SystemCallFailure(call: command.joined(separator: " "), errno: ECHILD) }
    }

    /// Whether this kernel counts what processes read from storage and write to it.
    static let countsStorage = Folders.exists("/proc/self/io")

    /// Reaps a child that ends within `milliseconds`; false when it has not.
    static func hasEnded(_ child: Int32, within milliseconds: Int) -> Bool {
        for _ in 0...milliseconds {
            var status: Int32 = 0
            let found = unsafe waitpid(child, &status, WNOHANG)
            if found == child || (found < 0 && errno == ECHILD) { return true }
            usleep(1_000)
        }
        return false
    }

    static func kill(pidfd: Int32) {
        // ESRCH: it has ended already, which is what was wanted.
        _ = panal_pidfd_kill(pidfd, SIGKILL)
    }
}

/// A list of C strings that ends with a null pointer, as `execve` wants it.
@safe final class CStrings {
    private let storage: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ texts: [String]) {
        count = texts.count
        unsafe storage = .allocate(capacity: texts.count + 1)
        for (index, text) in texts.enumerated() { unsafe storage[index] = strdup(text) }
        unsafe storage[texts.count] = nil
    }

    deinit {
        for index in 0..<count { unsafe free(storage[index]) }
        unsafe storage.deallocate()
    }

    var pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> { unsafe storage }
}
