internal import FoundationEssentials

/// All findings on a host, for the ways of starting cells that were asked for.
package struct Diagnosis: Hashable, Sendable {
    package var modes: [Mode]
    package var findings: [Finding]
    /// Whether commands are for root's shell or for a user's.
    package var isRoot: Bool
    package var release: String
    package var userID: UInt32

    package init(_ facts: HostFacts, modes: [Mode], checks: [Check] = Check.all) {
        self.modes = modes
        isRoot = facts.user.isRoot
        release = facts[.release] ?? "unknown"
        userID = facts.user.id
        findings = checks.filter { check in check.concerns.contains(where: modes.contains) }.map { $0.finding(facts) }
    }

    package func count(_ verdict: Verdict) -> Int {
        findings.filter { $0.verdict == verdict }.count
    }

    /// The worst of all.
    package var verdict: Verdict {
        count(.fail) > 0 ? .fail : count(.warn) > 0 ? .warn : .pass
    }

    /// 0 when all pass or warn, 1 when one fails.
    package var exitCode: Int32 { verdict == .fail ? 1 : 0 }

    /// What `--fix` carries out: safe, and within what the caller may do.
    package var mendable: [Finding] {
        findings.filter { $0.verdict != .pass && $0.fix?.isSafe == true && (isRoot || $0.fix?.needsRoot == false) }
    }
}

/// The JSON of `panal doctor --json`. Names stay as long as `version` does; new ones may be added. What is nil is left out.
package struct DiagnosisDocument: Encodable {
    struct Entry: Encodable {
        /// Stable; see ``Check``.
        var id: String
        var title: String
        var verdict: Verdict
        var concerns: [Mode]
        var found: String
        var meaning: String
        var fix: FixEntry?
    }

    struct FixEntry: Encodable {
        /// For the shell of whoever asked: with `sudo` where a user did.
        var command: String
        /// A further command, as root, after which it holds over a restart too.
        var lasting: String?
        /// Whether `--fix` carries it out.
        var safe: Bool
        /// Why it does not.
        var risk: String?
        /// Whether it takes root.
        var root: Bool
    }

    struct Counts: Encodable {
        var pass: Int
        var warn: Int
        var fail: Int
    }

    var version = 1
    var kernel: String
    var user: UInt32
    var modes: [Mode]
    /// The worst of all.
    var verdict: Verdict
    var counts: Counts
    var findings: [Entry]
    var repairs: [Repair]?

    /// `repairs`: what `--fix` did; nil when it was not asked for.
    package init(_ diagnosis: Diagnosis, repairs: [Repair]? = nil) {
        kernel = diagnosis.release
        user = diagnosis.userID
        modes = diagnosis.modes
        verdict = diagnosis.verdict
        counts = Counts(
            pass: diagnosis.count(.pass), warn: diagnosis.count(.warn), fail: diagnosis.count(.fail))
        findings = diagnosis.findings.map { finding in
            Entry(
                id: finding.id, title: finding.title, verdict: finding.verdict, concerns: finding.concerns,
                found: finding.found, meaning: finding.meaning,
                fix: finding.fix.map {
                    FixEntry(
                        command: $0.command(asRoot: diagnosis.isRoot), lasting: $0.lasting, safe: $0.isSafe,
                        risk: $0.risk, root: $0.needsRoot)
                })
        }
        self.repairs = repairs
    }

    package func text() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
