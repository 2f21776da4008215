import PanalCore
import PanalManifest

/// What a job becomes when its attempt has ended: the state, the words for people, and what is stored with it.
struct JobEnding: Hashable, Sendable {
    var state: JobState
    var message: String?
    var result: JobResult

    static let stoppedMessage = "the service was stopped while it ran"

    /// `cancelledBy` is who asked for the end, if anybody did. An attempt that ended by itself before the request reached it keeps
    /// its own outcome.
    init(of attempt: AttemptResult, cancelledBy: String?, isStopping: Bool, manifest: Manifest? = nil) {
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
            message = Self.remarks(on: attempt, manifest)
        }
    }

    /// What the author says about the exit code, announced results that are not there, and files that could not be taken.
    private static func remarks(on attempt: AttemptResult, _ manifest: Manifest?) -> String? {
        var remarks: [String] = []
        if case .exited(let code) = attempt.outcome, let manifest {
            if let meaning = manifest.exitCodes[code] { remarks.append(meaning.message) }
            for output in code == 0 ? manifest.missingOutputs(among: attempt.files.map(\.path)) : [] {
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
