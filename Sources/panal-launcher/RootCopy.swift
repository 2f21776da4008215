internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// A copy of what a frozen program has changed in its root, made in a process of its own beside the launcher: a disk may take as long
/// as it likes. The process has nothing but the run's scratch, the file that the copy goes to, and a line to the launcher; it ends with this.
final class RootCopy {
    let id: UInt64
    let line: Descriptor
    private let process: Int32

    static let step = "cell.copy"

    /// `file` is copied to the process, and stays the caller's.
    init(
        _ id: UInt64, _ scratch: borrowing Descriptor, file: Int32, maximumBytes: UInt64, isOrdinary: Bool
    ) throws(StepFailure) {
        self.id = id
        let ends = try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in
            try Descriptor.messageSockets()
        }
        line = Descriptor(owning: ends.first)
        let theirs = Descriptor(owning: ends.second)
        let launcher = getpid()
        var pidfd: Int32 = -1
        process = try StepFailure.naming(Self.step) { () throws(SystemCallFailure) in
            try SystemCallFailure.check(unsafe panal_fork(0, -1, &pidfd), "clone3")
        }
        if process == 0 {
            _ = panal_set_parent_death_signal(SIGKILL)
            guard getppid() == launcher else { panal_exit(1) }
            Self.serve(theirs.release(), scratch, file, maximumBytes, isOrdinary: isOrdinary)
        }
        close(pidfd)
        close(theirs.release())
    }

    /// Why a file that a server has sent is not written to. The kernel's own files, of `/proc` and the like, look at who writes: for this
    /// process they would do what they do not for the server. They take no room anywhere, by which they are known.
    static func refusal(of file: Int32) -> String? {
        var found = stat()
        guard unsafe fstat(file, &found) == 0, found.st_mode & S_IFMT == S_IFREG else { return "it is no regular file" }
        guard found.st_mode & (S_ISUID | S_ISGID) == 0 else { return "it has a set-id bit" }
        let flags = fcntl(file, F_GETFL)
        guard flags >= 0, flags & Descriptor.pathOnly == 0, [O_WRONLY, O_RDWR].contains(flags & O_ACCMODE) else {
            return "it is not open for writing"
        }
        var system = [UInt64](repeating: 0, count: 4)
        guard unsafe panal_fstatfs(file, &system) == 0, system[0] > 0 || system[3] == Mounts.tmpfsMagic else {
            return "it lies in no file system that holds files"
        }
        return nil
    }

    // MARK: The launcher's side

    /// What became of it; nil while it goes on.
    func take() -> CopyReport? {
        do throws(SystemCallFailure) {
            guard let message = try MessageSocket.receive(line) else { return nil }
            for number in message.descriptors { close(number) }
            return (try? CopyReport(decoding: message.bytes))
                ?? Self.failed(.mismatch(Self.step, "the process that makes the copy has ended before it was done"))
        } catch {
            return Self.failed(
                StepFailure(step: Self.step, detail: "\(error.call): \(error.reason)", errno: error.errno))
        }
    }

    static func failed(_ failure: StepFailure) -> CopyReport {
        .failed(StepReport(step: failure.step, errno: failure.errno, detail: failure.detail))
    }

    /// Nobody wants it any more. The process may be at the disk, for which nobody waits.
    func end() { kill(process, SIGKILL) }

    /// Whether the process has ended; it is then reaped.
    var isOver: Bool {
        var status: Int32 = 0
        return unsafe waitpid(process, &status, WNOHANG) != 0
    }

    // MARK: The process

    private static func serve(
        _ number: Int32, _ scratch: borrowing Descriptor, _ file: Int32, _ maximumBytes: UInt64, isOrdinary: Bool
    ) -> Never {
        let line = Descriptor(owning: number)
        guard (try? Processes.closeAll(but: [0, 1, 2, number, scratch.raw, file])) != nil else { panal_exit(1) }
        let report: CopyReport
        do throws(StepFailure) {
            var copier = ChangesCopier(file: file, maximumBytes: maximumBytes, isOrdinary: isOrdinary)
            report = try copier.copy(scratch: scratch)
        } catch {
            report = failed(error)
        }
        _ = MessageSocket.send(line, report.encoded(), descriptors: [], waiting: true)
        panal_exit(0)
    }
}
