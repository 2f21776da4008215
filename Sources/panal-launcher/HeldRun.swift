internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// What is kept of a run for a server to come, from its order until a server says that it need not be kept any more.
final class HeldRun {
    let request: RunRequest
    /// Reading ends of the program's output and error streams, beside the server's own: as long as they are open the program
    /// can write, and what it has written stays.
    private let output: Descriptor
    private let error: Descriptor
    /// Whether the server that is there wants to hear of it.
    var isAttached: Bool
    private(set) var end: RunEnd?

    init(_ request: RunRequest, output: Int32, error: Int32) {
        self.request = request
        self.output = Descriptor(owning: output)
        self.error = Descriptor(owning: error)
        isAttached = true
    }

    /// Copies of the reading ends, the caller's; empty where this process can have no more.
    var streams: [Int32] {
        guard let first = try? output.duplicate() else { return [] }
        guard let second = try? error.duplicate() else { return [] }
        return [first.release(), second.release()]
    }

    func finish(_ end: RunEnd) { self.end = end }
}

/// How a run ended, and the file system with its results as long as they may have to be read again.
final class RunEnd {
    let request: RunRequest
    let report: FinishReport
    /// When its program was started.
    let started: Int64?
    /// The cell in whose scratch results may be; nil when there are none to be told of any more.
    var results: PreparedCell?
    /// The slot in which nothing of the run is left, while its next cell has to wait for the results.
    var slot: Slot?
    /// Why its results could not be looked through; then nobody is told that there are none.
    var failure: StepFailure?
    /// Nothing of the results is needed any more that its slot would have to wait for.
    var isReleased = false

    /// Bytes that the results can take: those of the files, and what the kernel keeps for each of their names.
    static func mostBytes(of request: RunRequest) -> UInt64 {
        let names = UInt64(request.scratchFiles) * bytesForName
        // Not their sum, which may be more than a number holds.
        return request.scratchBytes >= request.memory
            ? request.memory : min(request.memory, request.scratchBytes + names)
    }

    /// An inode of a tmpfs takes 752 bytes and its name 192, in pages that hold 21 of either; a long name 512 more, and so does a link's
    /// target.
    private static let bytesForName: UInt64 = 2_048

    init(_ request: RunRequest, _ report: FinishReport, started: Int64? = nil) {
        self.request = request
        self.report = report
        self.started = started
    }
}
