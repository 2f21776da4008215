package import PanalCore

/// What came back of one run of a hostile program.
package struct AttackRun: Sendable {
    package var limits: CellLimits
    package var cores: [Int]
    package var result: AttemptResult
    package var tries: Tries
    /// Whether the program was started at all.
    package var hasStarted: Bool
    /// Result files: path and bytes, the first 64 KiB.
    package var files: [(path: String, bytes: [UInt8])]
    /// Whether an ordinary user started the cell, whose groups cannot be left.
    package var isOrdinary: Bool

    package init(
        limits: CellLimits, cores: [Int], result: AttemptResult, tries: Tries, hasStarted: Bool,
        files: [(path: String, bytes: [UInt8])], isOrdinary: Bool = false
    ) {
        self.limits = limits
        self.cores = cores
        self.result = result
        self.tries = tries
        self.hasStarted = hasStarted
        self.files = files
        self.isOrdinary = isOrdinary
    }
}

/// Says of one run whether it held. Pure.
package enum Judge {
    package static func finding(_ attack: Attack, _ run: AttackRun) -> Finding {
        var finding = Finding(kind: attack.kind, name: attack.name, what: attack.what, verdict: .held)
        finding.tried = max(1, run.tries.held.count + run.tries.got.count)
        if case .systemError(let error) = run.result.outcome {
            // A program that ran and brought Panal itself into trouble has achieved something.
            finding.verdict = run.hasStarted ? .broken : .undecided
            finding.notes = ["Panal could not carry it out: \(error.sentence)"]
            return finding
        }
        let problems = problems(attack, run)
        if !problems.isEmpty {
            (finding.verdict, finding.notes) = (.broken, problems)
        } else if let doubt = doubt(attack, run) {
            (finding.verdict, finding.notes) = (.undecided, [doubt])
        }
        switch attack.plan {
        case .facts: finding.tried = run.tries.facts.count
        case .results: finding.tried += run.files.count + run.result.skipped.count
        default: break
        }
        return finding
    }

    /// What it had that it must not have.
    private static func problems(_ attack: Attack, _ run: AttackRun) -> [String] {
        var problems = run.tries.got.map { "\($0.label): \($0.words)" }
        let outcome = run.result.outcome
        if run.result.usage.peakMemoryBytes > run.limits.memory {
            problems.append("it had \(run.result.usage.peakMemoryBytes) bytes of memory, more than its limit")
        }
        switch attack.plan {
        case .charged where outcome != .memoryExceeded:
            problems.append("it took what it wanted and was not stopped for its memory: \(outcome.sentence)")
        case .flood where outcome != .outputExceeded || run.result.output.bytes > run.limits.outputBytes:
            problems.append("\(run.result.output.bytes) bytes of output were kept: \(outcome.sentence)")
        case .stopped where outcome.isSuccess: problems.append("it was to be stopped and ended by itself")
        case .facts: problems += Facts.problems(run)
        case .results: problems += Results.problems(run)
        default: break
        }
        return problems
    }

    /// Why nothing can be said, where the program did not come to its end.
    private static func doubt(_ attack: Attack, _ run: AttackRun) -> String? {
        let outcome = run.result.outcome
        if case .notStarted = outcome { return outcome.sentence }
        switch attack.plan {
        case .refused, .results, .facts:
            guard outcome.isSuccess, run.tries.hasEnded else {
                return "it did not come to its end: \(outcome.sentence)"
            }
            return run.tries.held.isEmpty && attack.plan != .facts ? "it tried nothing" : nil
        case .bounded:
            let isLimit = [.memoryExceeded, .wallTimeExceeded, .cpuTimeExceeded].contains(outcome)
            return isLimit || (outcome.isSuccess && run.tries.hasEnded) ? nil : "an unexpected end: \(outcome.sentence)"
        case .charged, .stopped, .killed, .flood, .channel, .helper: return nil
        }
    }
}

/// Class A: what was taken out of a hostile work folder.
enum Results {
    /// All that the hostile programs write into files: whatever else comes back is of somewhere else.
    private static let vocabulary: Set<String> = [
        "honest", "inner", "twice", "x", "locked", "unreadable", "set-id", "bottom", "more and more", "",
    ]

    static func problems(_ run: AttackRun) -> [String] {
        var problems: [String] = []
        if !run.files.contains(where: { $0.path == "honest" }) {
            problems.append("the honest file did not come back")
        }
        if run.files.count > run.limits.collectedFiles { problems.append("\(run.files.count) files came back") }
        let total = run.result.files.reduce(0) { $0 + $1.bytes }
        if total > run.limits.collectedBytes { problems.append("\(total) bytes came back") }
        for file in run.files {
            if file.path.hasPrefix("/") || file.path.split(separator: "/").contains("..") {
                problems.append("‘\(file.path)’ is a path that leads elsewhere")
            }
            if !isOwn(file.bytes) { problems.append("‘\(file.path)’ holds what the program did not write") }
        }
        return problems
    }

    private static func isOwn(_ bytes: [UInt8]) -> Bool {
        if bytes.allSatisfy({ $0 == 0 }) { return true }
        // The last line may have been cut off by the program's end.
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            .allSatisfy {
                line in vocabulary.contains { $0 == line || (line.count < $0.count && $0.hasPrefix(line)) }
            }
    }
}

/// Class E: protections and limits as the program reads them, against what was ordered.
enum Facts {
    static func problems(_ run: AttackRun) -> [String] {
        let none = "0000000000000000"
        let limits = run.limits
        func both(_ value: Int) -> String { "\(value) \(value)" }
        var expected = [
            "NoNewPrivs": "1", "Seccomp": "2", "CapInh": none, "CapPrm": none, "CapEff": none, "CapBnd": none,
            "CapAmb": none, "SigIgn": none, "SigBlk": none, "Groups": "", "prctl.no-new-privs": "1",
            "prctl.seccomp": "2", "cores": String(run.cores.count),
            "Cpus_allowed_list": run.cores.map(String.init).joined(separator: ","), "rlimit.core": both(0),
            "rlimit.nofile": both(limits.openFiles), "rlimit.fsize": both(limits.fileBytes),
            "rlimit.memlock": both(65_536), "rlimit.nice": both(0), "rlimit.rtprio": both(0),
            "rlimit.msgqueue": both(0), "oom_score_adj": "1000",
            "environment.count": String(AttemptSpec.standardEnvironment.count),
        ]
        for folder in ["/tmp", "/work"] {
            expected["bytes \(folder)"] = String(limits.scratchBytes)
            expected["files \(folder)"] = String(limits.scratchFiles)
        }
        var problems: [String] = []
        if run.isOrdinary {
            // Groups that have no name inside show as 65534.
            expected["Groups"] = nil
            let groups = run.tries.fact("Groups")?.split(separator: " ").map(String.init) ?? ["none are told"]
            let foreign = Set(groups).subtracting(["65534", run.tries.fact("gid") ?? ""])
            if !foreign.isEmpty { problems.append("Groups reads \(groups)") }
        }
        for (name, value) in expected.sorted(by: { $0.key < $1.key }) {
            let found = run.tries.fact(name)?.trimmed
            if found != value { problems.append("\(name) reads ‘\(found ?? "nothing")’, not ‘\(value)’") }
        }
        for name in ["uid", "gid"] where run.tries.fact(name).flatMap(UInt32.init) ?? 0 == 0 {
            problems.append("\(name) is \(run.tries.fact(name) ?? "unknown")")
        }
        let variables = run.tries.facts.filter { $0.label == "environment" }.map(\.words)
        if Set(variables) != Set(AttemptSpec.standardEnvironment) {
            problems.append("the environment is \(variables), not the exact list")
        }
        return problems
    }
}

extension String {
    /// Without spaces at either end.
    var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
