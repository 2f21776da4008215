internal import PanalCore
internal import PanalLauncherProtocol

/// Makes the outcome and the usage of a run out of the launcher's facts. Pure.
enum OutcomeReading {
    /// What ended the run. A limit that Panal enforced comes before the signal that it used; an out-of-memory kill is never
    /// taken for a signal, since the kernel counted it. A program that wrote too much and ended before it could be killed
    /// (`isTruncated`) ends like one that was killed: its speed must not decide.
    static func outcome(_ report: FinishReport, command: String, isTruncated: Bool = false) -> Outcome {
        if case .failed(let step) = report.ending {
            return .systemError(SystemError(step: step.step, errno: Int(step.errno), detail: step.detail))
        }
        if case .notExecuted(let number, let isThere) = report.ending {
            return .notStarted(reason: StartFailure.reason(errno: number, isThere: isThere, command: command))
        }
        switch report.cause {
        case .memory: return .memoryExceeded
        case .output: return .outputExceeded
        case .wallTime: return .wallTimeExceeded
        case .cpuTime: return .cpuTimeExceeded
        case .cancelled: return .cancelled
        case .deniedCall: return .syscallDenied
        case .stopped:
            return .systemError(
                SystemError(step: "launcher.stopped", detail: "Panal was stopped while the program ran"))
        case .none: break
        }
        if report.outOfMemoryKills > 0 { return .memoryExceeded }
        if isTruncated { return .outputExceeded }
        switch report.ending {
        case .exited(let code): return .exited(code: Int(code))
        case .signalled(31): return .syscallDenied
        case .signalled(let signal): return .signalled(signal: Int(signal))
        case .killed, .failed, .notExecuted:
            return .systemError(SystemError(step: "cell.init", detail: "the cell's init was ended from outside"))
        }
    }

    static func usage(_ report: FinishReport) -> ResourceUsage {
        func known(_ value: Int64) -> Int64? { value < 0 ? nil : value }
        let pressure = report.pressure.allSatisfy { $0 >= 0 } ? report.pressure.map { $0 / 1_000 } : nil
        return ResourceUsage(
            cpuUserMicroseconds: report.userTime / 1_000, cpuSystemMicroseconds: report.systemTime / 1_000,
            wallMicroseconds: report.wallTime / 1_000, peakMemoryBytes: report.peakMemory,
            peakProcesses: report.peakProcesses < 0 ? nil : Int(report.peakProcesses),
            voluntaryContextSwitches: report.voluntarySwitches, forcedContextSwitches: report.forcedSwitches,
            throttledMicroseconds: report.throttledTime / 1_000, bytesRead: known(report.bytesRead),
            bytesWritten: known(report.bytesWritten), maxResidentBytes: known(report.maxResident),
            outOfMemoryKills: Int(report.outOfMemoryKills), frozenMicroseconds: report.frozenTime / 1_000,
            pressure: pressure.map {
                .init(cpuMicroseconds: $0[0], memoryMicroseconds: $0[1], ioMicroseconds: $0[2])
            })
    }
}

/// Why the kernel would not execute a program, in words that its author can act on.
enum StartFailure {
    static func reason(errno: Int32, isThere: Bool, command: String) -> String {
        switch errno {
        case 2 where isThere, 20 where isThere:
            "‘\(command)’ is there, but the interpreter that it names (its #! line, or the loader of its ELF header) is not"
        case 2, 20: "there is no ‘\(command)’ in the cell"
        case 8:
            "‘\(command)’ is neither a program for this machine's architecture nor a script that begins with a #! line"
        case 13: "‘\(command)’ is not executable"
        case 7: "its arguments and environment are longer than the kernel takes"
        case 12: "there is not enough memory in the profile to load it"
        case 21: "‘\(command)’ is a folder"
        case 40: "‘\(command)’ is a symbolic link that leads nowhere"
        default: "the kernel refused to execute ‘\(command)’ (errno \(errno))"
        }
    }
}
