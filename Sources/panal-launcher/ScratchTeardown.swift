internal import CPanalSyscalls
internal import Glibc
internal import PanalLinux

/// Takes down what lies in a run's scratch, where that is much, in a process of its own: the kernel does it for whoever closes the
/// scratch last, and for gigabytes or hundreds of thousands of files that takes time in which no deadline may wait.
final class ScratchTeardown {
    private let process: Int32
    /// As long as this is open the process keeps its hand on the scratch.
    private var hold: Descriptor?

    /// More files, or bytes, are not taken down by the launcher itself: they take about a millisecond.
    private static let manyFiles: Int64 = 1_024
    private static let manyBytes: UInt64 = 16 << 20

    static func isWanted(for scratch: borrowing Descriptor) -> Bool {
        var found = statvfs()
        guard unsafe fstatvfs(scratch.raw, &found) == 0 else { return false }
        let bytes = UInt64(found.f_blocks - found.f_bfree) * UInt64(found.f_frsize)
        return bytes > manyBytes || panal_used_inodes(scratch.raw) > manyFiles
    }

    init(_ scratch: borrowing Descriptor) throws(StepFailure) {
        let ends = try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in try Descriptor.pipe() }
        let waiting = Descriptor(owning: ends.first)
        let held = Descriptor(owning: ends.second)
        var pidfd: Int32 = -1
        process = try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in
            try SystemCallFailure.check(unsafe panal_fork(0, -1, &pidfd), "clone3")
        }
        if process == 0 {
            guard (try? Processes.closeAll(but: [waiting.raw, scratch.raw])) != nil else { panal_exit(1) }
            var end: UInt8 = 0
            while unsafe read(waiting.raw, &end, 1) < 0, errno == EINTR {}
            panal_exit(0)
        }
        close(pidfd)
        hold = consume held
    }

    private static let step = "scratch.teardown"

    /// The launcher has let go of the scratch.
    func begin() { hold = nil }

    /// Whether the process has ended; it is then reaped.
    var isOver: Bool {
        var status: Int32 = 0
        return unsafe waitpid(process, &status, WNOHANG) != 0
    }
}
