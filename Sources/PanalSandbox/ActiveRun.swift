internal import Glibc
internal import PanalCore
internal import PanalLauncherProtocol
internal import PanalLinux

/// A run that the launcher has: its streams, and what is known of its end. Lives on the loop's thread alone.
final class ActiveRun {
    let run: CellRun
    private(set) var output: StreamTap
    private(set) var error: StreamTap
    private var report: FinishReport?
    private var files: [JobFile] = []
    private var skipped: [String] = []
    private var filesPending = 0
    private var failure: SystemError?
    private var supervisor: CallSupervisor?
    let patience = DiskPatience()

    init(_ run: CellRun, output: Int32, error: Int32) {
        self.run = run
        self.output = StreamTap(descriptor: output, bytes: run.sink.bytes(of: .output), patience: patience)
        self.error = StreamTap(descriptor: error, bytes: run.sink.bytes(of: .error), patience: patience)
    }

    var id: UInt64 { run.id }
    var readingEnds: [Int32] { [output.descriptor, error.descriptor] }
    var waitsForDisk: Bool { output.isPaused || error.isPaused }
    private(set) var hasStarted = false

    /// The program was started at `moment` of the monotonic clock, in nanoseconds.
    func start(at moment: Int64) {
        guard !hasStarted else { return }
        hasStarted = true
        run.started(.nanoseconds(max(0, Self.now - moment)))
    }

    private static var now: Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Reads what the program has written; true when it has to be ended, because of its length or of ours to keep it.
    func drain(_ stream: OutputStream) -> KillCause? {
        let limit = run.attempt.limits.outputBytes
        do {
            switch stream {
            case .output where output.isClosed, .error where error.isClosed: return nil
            case .output: return try output.drain(limit: limit, to: run.sink, .output, isKept: run.isKept)
            case .error: return try error.drain(limit: limit, to: run.sink, .error, isKept: run.isKept)
            }
        } catch {
            failure = failure ?? SystemError(step: "output.store", detail: "output could not be stored: \(error)")
            return .cancelled
        }
    }

    /// Has the refused calls answered that are told on `listener`.
    func explain(_ listener: consuming Descriptor, end: @escaping @Sendable () -> Void) {
        guard let judge = run.judge, supervisor == nil else { return }
        do throws(SystemError) {
            supervisor = try CallSupervisor(listener: listener, judge: judge, end: end)
        } catch {
            blame(error)
        }
    }

    deinit { supervisor?.stop() }

    func fileComing() { filesPending += 1 }

    func fileStored(_ result: Result<JobFile, SystemError>) {
        filesPending -= 1
        switch result {
        case .success(let file): files.append(file)
        case .failure(let error): failure = failure ?? error
        }
    }

    func skip(_ path: String, _ reason: String) { skipped.append("\(path): \(reason)") }

    func finish(_ report: FinishReport) { self.report = report }

    /// Something of the result could not be kept: the first such thing becomes the outcome.
    func blame(_ error: SystemError) { failure = failure ?? error }

    func fail(_ error: SystemError) {
        failure = failure ?? error
        report = report ?? FinishReport(ending: .killed)
        filesPending = 0
        output.close()
        self.error.close()
    }

    /// The result, once the launcher has reported, both streams have ended and all files are stored.
    var result: AttemptResult? {
        guard let report, filesPending == 0, output.isClosed, error.isClosed else { return nil }
        let outcome = OutcomeReading.outcome(
            report, command: run.attempt.arguments.first ?? "",
            isTruncated: output.state.truncated || error.state.truncated)
        if outcome == .wallTimeExceeded, output.hasWaited || error.hasWaited {
            failure = failure ?? SystemError(step: "output.store", detail: "\(DiskFull()) while the program ran")
        }
        return AttemptResult(
            outcome: failure.map { .systemError($0) } ?? outcome,
            usage: OutcomeReading.usage(report), files: files.sorted { $0.path < $1.path }, skipped: skipped,
            explained: supervisor?.sentences ?? [],
            output: output.state, error: error.state)
    }
}
