import PanalCore
import PanalManifest

/// What a job becomes when its attempt has ended: the state, the words for people, and what is stored with it.
struct JobEnding: Hashable, Sendable {
    var state: JobState
    var message: String?
    var result: JobResult

    static let stoppedMessage = "the service was stopped while it ran"

    /// Whether the fault is Panal's, so that the job may begin again: a cell has no way out, and what it did is nowhere as long as
    /// its result has not been stored.
    var isPanals: Bool {
        if case .systemError(let error) = result.outcome { error.step != Self.overdueStep } else { false }
    }

    /// Whether the service itself took the attempt back, which is no failure that counts.
    var isTakenBack: Bool {
        if case .systemError(let error) = result.outcome { error.step == Self.stoppedStep } else { false }
    }

    private static let overdueStep = "job.deadline"
    private static let stoppedStep = "service.stopped"

    /// `cancelledBy` is who asked for the end, if anybody did; `overdue` the deadline that passed; `endedBehindCopy` who wanted its end
    /// once it was copied. An attempt that ended by itself before any of these reached it keeps its own outcome.
    init(
        of attempt: AttemptResult, cancelledBy: String?, isStopping: Bool, isEvicted: Bool = false,
        overdue: String? = nil, endedBehindCopy: String? = nil, manifest: Manifest? = nil
    ) {
        result = JobResult(
            outcome: attempt.outcome, usage: attempt.usage, output: attempt.output, error: attempt.error,
            files: attempt.files)
        switch attempt.outcome {
        case .systemError where cancelledBy != nil:
            // It is not wanted any more, whoever's fault this end is.
            self = Self.cancelledBeforeStart(by: cancelledBy)
            result.usage = attempt.usage
            result.isPanalsFault = true
            (result.output, result.error) = (attempt.output, attempt.error)
        case .systemError(let error):
            state = .failed
            message = error.sentence
        case .cancelled where cancelledBy == nil && endedBehindCopy != nil:
            // UnaCloud's way of a copy: it has done what it was to do.
            state = .finished
            message = "ended when it was copied, as \(endedBehindCopy ?? "") wanted"
        case .cancelled where cancelledBy == nil && overdue != nil:
            let cause = SystemError(step: Self.overdueStep, detail: overdue ?? "")
            state = .failed
            message = overdue
            result.outcome = .systemError(cause)
        case .cancelled where cancelledBy == nil:
            // Nobody asked for it. Where this server does not stop and made no room by it, an earlier one did, and could not say so
            // any more.
            self =
                isEvicted && !isStopping
                ? Self(.init(step: "cell.freeze", detail: "it had to make room and could not stand still"), attempt)
                : Self.stopped(output: attempt.output, error: attempt.error)
            result.usage = attempt.usage
            result.files = attempt.files
        case .cancelled:
            state = .cancelled
            message = cancelledBy.map { "cancelled by \($0)" }
        case .exited, .signalled, .notStarted, .cpuTimeExceeded, .wallTimeExceeded, .memoryExceeded, .outputExceeded,
            .syscallDenied:
            state = .finished
            message = Self.remarks(on: attempt, manifest)
        }
    }

    /// What the author says about the exit code, announced results that are not there, and files that could not be taken.
    private static func remarks(on attempt: AttemptResult, _ manifest: Manifest?) -> String? {
        var remarks: [String] = []
        if case .exited(let code) = attempt.outcome, let manifest {
            if let meaning = manifest.exitCodes[code] { remarks.append(meaning.message) }
            for output in manifest.isSuccess(code) ? manifest.missingOutputs(among: attempt.files.map(\.path)) : [] {
                remarks.append("the program left no ‘\(output.name)’ (\(output.pattern)) in its work folder")
            }
        }
        if !attempt.skipped.isEmpty {
            remarks.append("not taken from the work folder: " + attempt.skipped.joined(separator: "; "))
        }
        return remarks.isEmpty ? nil : remarks.joined(separator: "; ")
    }

    private init(state: JobState, message: String?, result: JobResult) {
        self.state = state
        self.message = message
        self.result = result
    }

    private init(_ cause: SystemError, _ attempt: AttemptResult) {
        self.init(
            state: .failed, message: cause.detail,
            result: JobResult(outcome: .systemError(cause), output: attempt.output, error: attempt.error))
    }

    /// The end of an attempt that was ended because its server is told to stop.
    static func stopped(output: StreamState, error: StreamState) -> JobEnding {
        lost(output: output, error: error, step: stoppedStep, message: stoppedMessage)
    }

    /// The end of an attempt that is nowhere any more: its server and its launcher have gone.
    static func lost(
        output: StreamState, error: StreamState, step: String = "service.lost",
        message: String = "the server and its launcher were gone while it ran"
    ) -> JobEnding {
        let cause = SystemError(step: step, detail: message)
        return JobEnding(
            state: .failed, message: message,
            result: JobResult(outcome: .systemError(cause), output: output, error: error))
    }

    /// The end of a job that is not begun again.
    func last(_ attempt: Int, of most: Int) -> JobEnding {
        guard isPanals, most > 1 else { return self }
        var ending = self
        ending.message = "\(message ?? "it failed") (attempt \(attempt) of \(most))"
        return ending
    }

    /// Back into the queue instead of the end.
    func again(_ attempt: AttemptID, at moment: Timestamp) -> JobChange {
        let reason = message.map { ": \($0)" } ?? ""
        return JobChange(to: .queued, at: moment, message: "attempt \(attempt.number)\(reason)", retry: attempt)
    }

    /// The end of a job that was cancelled before its program was started.
    static func cancelledBeforeStart(by name: String?) -> JobEnding {
        JobEnding(
            state: .cancelled, message: name.map { "cancelled by \($0)" }, result: JobResult(outcome: .cancelled))
    }

    /// The steps from the last stored state to this end.
    func changes(endedAt ended: Timestamp, now: Timestamp) -> [JobChange] {
        let last = JobChange(to: state, at: now, message: message, result: result)
        return state == .finished ? [JobChange(to: .finishing, at: ended), last] : [last]
    }
}
