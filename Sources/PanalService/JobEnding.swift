import PanalCore

/// What a job becomes when its attempt has ended: the state, the words for people, and what is stored with it.
struct JobEnding: Hashable, Sendable {
    var state: JobState
    var message: String?
    var result: JobResult

    static let stoppedMessage = "the service was stopped while it ran"

    /// `cancelledBy` is who asked for the end, if anybody did. An attempt that ended by itself before the request reached it keeps
    /// its own outcome.
    init(of attempt: AttemptResult, cancelledBy: String?, isStopping: Bool) {
        result = JobResult(
            outcome: attempt.outcome, usage: attempt.usage, output: attempt.output, error: attempt.error,
            files: attempt.files)
        switch attempt.outcome {
        case .systemError(let error):
            state = .failed
            message = error.sentence
        case .cancelled where cancelledBy == nil && isStopping:
            self = Self.stopped(output: attempt.output, error: attempt.error)
            result.usage = attempt.usage
            result.files = attempt.files
        case .cancelled:
            state = .cancelled
            message = cancelledBy.map { "cancelled by \($0)" }
        case .exited, .signalled, .notStarted, .cpuTimeExceeded, .wallTimeExceeded, .memoryExceeded, .outputExceeded,
            .syscallDenied:
            state = .finished
            message =
                attempt.skipped.isEmpty
                ? nil : "not taken from the work folder: " + attempt.skipped.joined(separator: "; ")
        }
    }

    private init(state: JobState, message: String?, result: JobResult) {
        self.state = state
        self.message = message
        self.result = result
    }

    /// The end of a job that ran when its server went away.
    static func stopped(output: StreamState, error: StreamState) -> JobEnding {
        let cause = SystemError(step: "service.stopped", detail: stoppedMessage)
        return JobEnding(
            state: .failed, message: stoppedMessage,
            result: JobResult(outcome: .systemError(cause), output: output, error: error))
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
