internal import Glibc
internal import PanalCore
internal import PanalLinux
internal import Synchronization

/// Whether a run's bytes wait until a full disk has room again: as long as nobody wants the run to end.
final class DiskPatience: Sendable {
    private let isOver = Atomic<Bool>(false)

    static let pause: Duration = .milliseconds(250)

    func end() { isOver.store(true, ordering: .relaxed) }

    func bears(_ error: any Error) -> Bool {
        guard !isOver.load(ordering: .relaxed) else { return false }
        if error is DiskFull { return true }
        guard let failure = error as? SystemCallFailure else { return false }
        return failure.errno == ENOSPC || failure.errno == EDQUOT
    }
}
