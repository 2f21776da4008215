import PanalCore

/// What `panal run` ends with: the program's own code, or one that says what kept it from one.
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
        153 too much output, 159 a forbidden system call, 126 not executable, 130 interrupted, 125 Panal's own failure. A \
        sentence on standard error says which.
        """
}
