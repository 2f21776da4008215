/// How a run ended. Exactly one of these, for every run.
package enum Outcome: Hashable, Sendable {
    /// The program ended by itself with this code, 0 to 255.
    case exited(code: Int)
    /// A signal that was not Panal's ended the program: a crash (SIGSEGV is 11), an abort (6).
    case signalled(signal: Int)
    /// The kernel would not execute the program: wrong architecture, missing interpreter, not executable. The reason says which.
    case notStarted(reason: String)
    case cpuTimeExceeded
    case wallTimeExceeded
    case memoryExceeded
    case outputExceeded
    /// The seccomp policy ended the program (SIGSYS).
    case syscallDenied
    case cancelled
    /// Panal's fault, never the program's: the step that failed, and how. Not billed.
    case systemError(SystemError)

    /// The design's word for it, the `type` of the JSON form.
    package var word: String {
        switch self {
        case .exited: "exited"
        case .signalled: "signalled"
        case .notStarted: "notStarted"
        case .cpuTimeExceeded: "cpuTimeExceeded"
        case .wallTimeExceeded: "wallTimeExceeded"
        case .memoryExceeded: "memoryExceeded"
        case .outputExceeded: "outputExceeded"
        case .syscallDenied: "syscallDenied"
        case .cancelled: "cancelled"
        case .systemError: "systemError"
        }
    }

    package var isSuccess: Bool { self == .exited(code: 0) }

    /// One sentence for people.
    package var sentence: String {
        switch self {
        case .exited(let code): code == 0 ? "The program ended well." : "The program ended with exit code \(code)."
        case .signalled(let signal): "The program was ended by signal \(SignalName.text(signal))."
        case .notStarted(let reason): "The program could not be started: \(reason)."
        case .cpuTimeExceeded: "The program used up its processor time."
        case .wallTimeExceeded: "The program used up its time."
        case .memoryExceeded: "The program needed more memory than its profile gives."
        case .outputExceeded: "The program wrote more output than its profile allows."
        case .syscallDenied: "The program made a system call that its policy forbids."
        case .cancelled: "The run was cancelled."
        case .systemError(let error): "Panal could not carry out the run: \(error.sentence)."
        }
    }
}

/// A failure of Panal's own, with the step that failed.
package struct SystemError: Error, Hashable, Sendable {
    /// Name of the step, stable: `cgroup.memory.limit`, `mount.pivot`, `launcher.lost`.
    package var step: String
    /// The kernel's `errno`, 0 when the kernel did not say.
    package var errno: Int
    /// What was found, and where it helps, what would be right.
    package var detail: String

    package init(step: String, errno: Int = 0, detail: String) {
        self.step = step
        self.errno = errno
        self.detail = detail
    }

    package var sentence: String {
        errno == 0 ? "\(step): \(detail)" : "\(step): \(detail) (errno \(errno))"
    }
}

/// Names of Linux's signals.
package enum SignalName {
    private static let names: [Int: String] = [
        1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE",
        9: "SIGKILL", 10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM",
        24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS",
    ]

    /// `SIGSEGV (11)`, or the bare number of a signal without a name here.
    package static func text(_ signal: Int) -> String {
        names[signal].map { "\($0) (\(signal))" } ?? String(signal)
    }
}

extension Outcome: Codable {
    private enum Key: String, CodingKey {
        case type, code, signal, reason, step, errno, detail
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(word, forKey: .type)
        switch self {
        case .exited(let code): try container.encode(code, forKey: .code)
        case .signalled(let signal): try container.encode(signal, forKey: .signal)
        case .notStarted(let reason): try container.encode(reason, forKey: .reason)
        case .systemError(let error):
            try container.encode(error.step, forKey: .step)
            try container.encode(error.errno, forKey: .errno)
            try container.encode(error.detail, forKey: .detail)
        case .cpuTimeExceeded, .wallTimeExceeded, .memoryExceeded, .outputExceeded, .syscallDenied, .cancelled: break
        }
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        let type = try container.decode(String.self, forKey: .type)
        switch type {
        case "exited": self = .exited(code: try container.decode(Int.self, forKey: .code))
        case "signalled": self = .signalled(signal: try container.decode(Int.self, forKey: .signal))
        case "notStarted": self = .notStarted(reason: try container.decode(String.self, forKey: .reason))
        case "cpuTimeExceeded": self = .cpuTimeExceeded
        case "wallTimeExceeded": self = .wallTimeExceeded
        case "memoryExceeded": self = .memoryExceeded
        case "outputExceeded": self = .outputExceeded
        case "syscallDenied": self = .syscallDenied
        case "cancelled": self = .cancelled
        case "systemError":
            self = .systemError(
                SystemError(
                    step: try container.decode(String.self, forKey: .step),
                    errno: try container.decode(Int.self, forKey: .errno),
                    detail: try container.decode(String.self, forKey: .detail)))
        default:
            throw DecodingError.dataCorruptedError(
                forKey: .type, in: container, debugDescription: "‘\(type)’ is not an outcome")
        }
    }
}
