import PanalClient
import PanalCore

/// What `panal` ends with: the program's own code, or one that says what kept it from one; the verbs that talk to a server have those of
/// `sysexits.h`.
enum ExitStatus {
    /// The program's processor or wall time was used up, as `timeout` has it.
    static let timeExceeded: Int32 = 124
    /// Panal could not carry the run out.
    static let systemError: Int32 = 125
    /// The program is there, but the kernel would not execute it.
    static let notStarted: Int32 = 126
    /// Memory used up: what a shell says of a program that was ended by SIGKILL.
    static let memoryExceeded: Int32 = 137
    /// Too much output: as for SIGXFSZ.
    static let outputExceeded: Int32 = 153
    /// A forbidden call: as for SIGSYS.
    static let syscallDenied: Int32 = 159
    /// Interrupted: as for SIGINT.
    static let cancelled: Int32 = 130
    /// Nobody reads the output any more: as for SIGPIPE.
    static let abandoned: Int32 = 141

    static func of(_ outcome: Outcome) -> Int32 {
        switch outcome {
        case .exited(let code): Int32(truncatingIfNeeded: code)
        case .signalled(let signal): 128 + Int32(truncatingIfNeeded: signal)
        case .notStarted: notStarted
        case .cpuTimeExceeded, .wallTimeExceeded: timeExceeded
        case .memoryExceeded: memoryExceeded
        case .outputExceeded: outputExceeded
        case .syscallDenied: syscallDenied
        case .cancelled: cancelled
        case .systemError: systemError
        }
    }

    /// For `--help` and the README.
    static let explanation = """
        Exit codes: the program's own; 128 and the signal's number when a crash ended it; 124 time used up, 137 memory used up, \
        153 too much output, 159 a forbidden system call, 126 not executable, 130 interrupted, 141 nobody reads the output any more, \
        125 Panal's own failure. A sentence on standard error says which.
        """

    // Verbs that talk to a server.
    /// Nobody answers (EX_UNAVAILABLE).
    static let unreachable: Int32 = 69
    /// It could go well later: too many requests, a full disk, still not ended (EX_TEMPFAIL).
    static let later: Int32 = 75
    /// What answers is not understood (EX_PROTOCOL).
    static let misunderstood: Int32 = 76
    /// The server said no (EX_NOPERM).
    static let refused: Int32 = 77

    static func of(_ failure: ClientFailure) -> Int32 {
        switch failure.kind {
        case .refused: refused
        case .later: later
        case .unreachable: unreachable
        case .misunderstood: misunderstood
        case .local: 1
        }
    }

    /// Of a job as the server shows it, when that has ended: as ``of(_:)`` has it of the outcome.
    static func of(job: JSONValue) -> Int32 {
        let outcome = job["outcome"]
        switch outcome?["type"]?.text {
        case "exited": return Int32(truncatingIfNeeded: outcome?["code"]?.integer ?? 0)
        case "signalled": return 128 + Int32(truncatingIfNeeded: outcome?["signal"]?.integer ?? 0)
        case "notStarted": return notStarted
        case "cpuTimeExceeded", "wallTimeExceeded": return timeExceeded
        case "memoryExceeded": return memoryExceeded
        case "outputExceeded": return outputExceeded
        case "syscallDenied": return syscallDenied
        case "cancelled": return cancelled
        default: return job["state"]?.text == "cancelled" ? cancelled : systemError
        }
    }

    static let clientExplanation = """
        Exit codes of the verbs that talk to a server: 64 the command is wrong, 69 the server does not answer, 75 not now but perhaps \
        later, 76 the answer is not understood, 77 the server refuses, 1 anything on this side. With --wait the job's own, as ‘panal run’ has \
        them.
        """
}
