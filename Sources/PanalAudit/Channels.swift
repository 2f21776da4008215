internal import PanalCore
internal import PanalSeccomp

/// Class G: a sender in one cell, a receiver in another, side by side; then a receiver in a cell of its own once the sender is
/// gone. Before that, both in one cell: where nothing arrives even there, nothing would have been proved.
struct Channels {
    let host: AuditHost
    let attack: Attack

    func findings() async -> [Finding] {
        var findings = [await control()]
        for policy in ["default", "strict"] where host.settings.seccomp.contains(where: { $0.name == policy }) {
            findings += await carryOut(under: policy)
        }
        return findings
    }

    private func carryOut(under policy: String) async -> [Finding] {
        let (beside, after) = ("side by side (\(policy))", "one after the other (\(policy))")
        let token = Self.token()
        var receiver: AttackRun?
        let (problems, sender) = await host.whileRunning([attack.name, "send", token], seccomp: policy) { _ in
            receiver = await receive(token, policy)
            return []
        }
        guard problems != nil, let receiver else {
            return [undecided(beside, "the sender was not ready: \(sender.result.outcome.sentence)")]
        }
        // Often enough to come into whatever place the sender had.
        var later: [AttackRun] = []
        for _ in 0..<4 { later.append(await receive(token, policy)) }
        return [judge(beside, [receiver], policy), judge(after, later, policy)]
    }

    /// Eight hexadecimal digits: the channels make names and numbers of them.
    private static func token() -> String {
        let digits = String(UInt32.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    private func receive(_ token: String, _ policy: String) async -> AttackRun {
        var order = AuditOrder(host, [attack.name, "receive", token], limits: .audit(.channel))
        order.seccomp = policy
        return await host.run(order)
    }

    /// What carries a bit within one cell under the default policy: the same programs, the same calls.
    private static let carries = ["files", "flock", "record-lock", "futex", "futex-exit", "futex-robust", "processes"]

    private func control() async -> Finding {
        let name = "control"
        let run = await host.run(AuditOrder(host, ["\(attack.name)-control", Self.token()], limits: .audit(.channel)))
        guard run.result.outcome.isSuccess, run.tries.hasEnded else {
            return undecided(name, "it did not come to its end: \(run.result.outcome.sentence)")
        }
        let missing = Self.carries.filter { run.tries.fact($0) != "arrived" }
        guard missing.isEmpty else {
            return undecided(name, "no bit came over even within one cell by \(missing.joined(separator: ", "))")
        }
        let arrived = run.tries.facts.filter { $0.words == "arrived" }.map(\.label)
        return Finding(
            kind: attack.kind, name: name, what: "both ends in one cell, where a bit comes over", verdict: .held,
            tried: run.tries.facts.count, notes: ["it came over by \(arrived.joined(separator: ", "))"])
    }

    private func judge(_ name: String, _ runs: [AttackRun], _ policy: String) -> Finding {
        var refused = attack
        (refused.name, refused.plan) = (name, .refused)
        var finding = Finding(kind: attack.kind, name: name, what: attack.what, verdict: .held, tried: 0)
        for run in runs {
            let found = KnownChannel.finding(refused, run, policy: policy)
            finding.verdict = max(finding.verdict, found.verdict)
            finding.tried += found.tried
            finding.notes += found.notes.filter { !finding.notes.contains($0) }
        }
        return finding
    }

    private func undecided(_ name: String, _ note: String) -> Finding {
        Finding(kind: attack.kind, name: name, what: attack.what, verdict: .undecided, notes: [note])
    }
}

/// What passes between runs at the same time, and what no open interface of the kernel can keep apart: a limit that is told, not a
/// failure that somebody could mend.
package struct KnownChannel: Sendable {
    package var names: Set<String>
    /// Files by which it may come; nil where they do not matter.
    package var places: Set<String>?
    /// Under these policies.
    package var policies: Set<String>
    /// Only in cells that an ordinary user started.
    package var isOrdinaryOnly: Bool
    package var sentence: String

    package static let all = [
        KnownChannel(
            names: ["futex", "futex-exit", "futex-robust"], places: nil, policies: ["default"], isOrdinaryOnly: false,
            sentence: """
                runs at the same time can wake each other by futexes on pages of files that both map, such as those of \
                /usr: threads and shared semaphores need these calls. The policy strict has none of them.
                """),
        KnownChannel(
            names: ["flock", "record-lock"],
            places: Set(["null", "zero", "full", "random", "urandom"].map { "/dev/\($0)" }), policies: ["default"],
            isOrdinaryOnly: true,
            sentence: """
                without root all cells have the host's own device nodes, and can see each other's locks on them. Cells of \
                root have nodes of their own; the policy strict has no locks.
                """),
        KnownChannel(
            names: ["mapped-pages"], places: nil, policies: ["default"], isOrdinaryOnly: true,
            sentence: """
                without root the programs' files belong to the same user inside, who may ask which of their pages are in \
                memory (mincore). The policy strict has no such call.
                """),
    ]

    /// Whether what an attack had is this.
    func covers(_ line: Tries.Line, policy: String, isOrdinary: Bool) -> Bool {
        guard names.contains(line.label), policies.contains(policy), isOrdinary || !isOrdinaryOnly else { return false }
        guard let places else { return true }
        let found = line.words.split(separator: " ").filter { $0.hasPrefix("/") }.map(String.init)
        return !found.isEmpty && places.isSuperset(of: found)
    }

    /// As `Judge.finding`, with what is known set apart.
    package static func finding(_ attack: Attack, _ run: AttackRun, policy: String) -> Finding {
        var (rest, sentences): (AttackRun, [String]) = (run, [])
        for line in run.tries.got {
            guard let known = all.first(where: { $0.covers(line, policy: policy, isOrdinary: run.isOrdinary) }) else {
                continue
            }
            rest.tries.remove(line)
            let note = known.sentence
            if !sentences.contains(note) { sentences.append(note) }
        }
        var finding = Judge.finding(attack, rest)
        finding.tried = max(1, run.tries.held.count + run.tries.got.count)
        if !sentences.isEmpty { finding.verdict = max(finding.verdict, .limit) }
        finding.notes += sentences
        return finding
    }
}
