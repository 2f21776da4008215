import PanalAudit
import PanalCore
import Testing

/// What is said of a run, by what came back of it.
@Suite struct JudgeTests {
    private func attack(_ plan: AttackPlan) -> Attack {
        Attack(kind: .calls, name: "it", plan: plan, what: "something")
    }

    private func run(
        _ outcome: Outcome, _ text: String, hasStarted: Bool = true, peak: Int64 = 0, output: Int = 0,
        files: [(path: String, bytes: [UInt8])] = []
    ) -> AttackRun {
        var usage = ResourceUsage()
        usage.peakMemoryBytes = peak
        return AttackRun(
            limits: .audit, cores: [1],
            result: AttemptResult(outcome: outcome, usage: usage, output: StreamState(bytes: output)),
            tries: Tries(parsing: text), hasStarted: hasStarted, files: files)
    }

    private static let end = "end\t\t\n"
    private static let held = "held\tmount\tEPERM\n"
    private static let fine = Outcome.exited(code: 0)

    /// Plan, end, what it printed, verdict.
    @Test(
        arguments: [
            (.refused, fine, held + end, .held),
            (.refused, fine, held + "got\tmount\tit worked\n" + end, .broken),
            (.refused, fine, held, .undecided),
            (.refused, fine, end, .undecided),
            (.refused, .signalled(signal: 11), held, .undecided),
            (.refused, .signalled(signal: 11), "got\tmount\tit worked\n", .broken),
            (.refused, .notStarted(reason: "no"), "", .undecided),
            (.charged, .memoryExceeded, "", .held),
            (.charged, fine, held + end, .broken),
            (.charged, .wallTimeExceeded, "", .broken),
            (.bounded, .memoryExceeded, "", .held),
            (.bounded, fine, held + end, .held),
            (.bounded, fine, "got\tlocks\ttwenty million\n" + end, .broken),
            (.bounded, .signalled(signal: 11), "", .undecided),
            (.stopped, .wallTimeExceeded, "", .held),
            (.stopped, fine, "", .broken),
            (.killed, .signalled(signal: 9), "", .held),
            (.flood, .outputExceeded, "", .held),
            (.flood, .wallTimeExceeded, "", .broken),
        ] as [(AttackPlan, Outcome, String, Verdict)])
    func verdicts(plan: AttackPlan, outcome: Outcome, text: String, verdict: Verdict) {
        #expect(Judge.finding(attack(plan), run(outcome, text)).verdict == verdict)
    }

    /// Panal's own failure decides nothing, unless it is what the program brought about.
    @Test func systemErrors() {
        let lost = Outcome.systemError(SystemError(step: "launcher.lost", detail: "it is gone"))
        #expect(Judge.finding(attack(.refused), run(lost, "", hasStarted: false)).verdict == .undecided)
        #expect(Judge.finding(attack(.refused), run(lost, Self.held)).verdict == .broken)
    }

    @Test func moreMemoryOrOutputThanItsLimitIsFound() {
        let limit = CellLimits.audit
        let memory = run(.memoryExceeded, "", peak: Int64(limit.memory) + 4_096)
        #expect(Judge.finding(attack(.charged), memory).verdict == .broken)
        let output = run(.outputExceeded, "", output: limit.outputBytes + 1)
        #expect(Judge.finding(attack(.flood), output).verdict == .broken)
    }

    /// Result files, and what is wrong with them.
    @Test(
        arguments: [
            ([("honest", "honest\n")], true),
            ([("honest", "honest\n"), ("growing", "more and more\nmore a"), ("zeros", "\0\0\0")], true),
            ([("other", "honest\n")], false),
            ([("honest", "honest\n"), ("link", "root:x:0:0:root:/root:/bin/bash\n")], false),
            ([("honest", "honest\n"), ("../up", "x\n")], false),
            ([("honest", "honest\n"), ("/etc/passwd", "x\n")], false),
        ] as [([(String, String)], Bool)])
    func results(files: [(String, String)], isFine: Bool) {
        let run = run(Self.fine, Self.held + Self.end, files: files.map { ($0.0, Array($0.1.utf8)) })
        #expect(Judge.finding(attack(.results), run).verdict == (isFine ? .held : .broken))
    }

    /// Each fact that is missing or other than ordered is named.
    @Test func factsAreHeldAgainstTheOrder() {
        let finding = Judge.finding(attack(.facts), run(Self.fine, "fact\tNoNewPrivs\t0\nfact\tuid\t0\n" + Self.end))
        #expect(finding.verdict == .broken)
        for word in ["NoNewPrivs reads ‘0’", "Seccomp reads ‘nothing’", "uid is 0", "rlimit.nofile", "bytes /tmp"] {
            #expect(finding.notes.contains { $0.contains(word) }, "\(word) is missing in \(finding.notes)")
        }
    }

    @Test func reportsSayWhatMonitoringNeeds() {
        let held = Finding(kind: .outputs, name: "a", what: "b", verdict: .held, tried: 3)
        let broken = Finding(kind: .calls, name: "c", what: "d", verdict: .broken, tried: 2, notes: ["it worked"])
        let doubtful = Finding(kind: .outputs, name: "e", what: "f", verdict: .undecided, notes: ["no core"])
        let known = Finding(kind: .channels, name: "f", what: "g", verdict: .limit, notes: ["a known one"])
        #expect(AuditReport([held]).exitCode == 0)
        #expect(AuditReport([held, known]).exitCode == 0)
        #expect(AuditReport([known, doubtful]).exitCode == 2)
        #expect(AuditReport([held, doubtful]).exitCode == 2)
        #expect(AuditReport([held, doubtful, broken]).exitCode == 1)
        #expect(AuditReport([]).exitCode == 2)
        let text = AuditReport([held, broken]).text(verbose: false)
        #expect(
            text == """
                A     3 tried  PASS  host paths out of results: a
                H     2 tried  FAIL  gaps of the system call filter: c
                            c: it worked

                """)
        #expect(
            AuditReport([known]).text(verbose: false) == """
                G     1 tried  LIMIT channels between runs: f
                            f: a known one

                """)
    }

    /// Policy, whether an ordinary user's, what got through, verdict.
    @Test(
        arguments: [
            ("default", false, "got\tfutex\ta bit of another run arrived by /usr/bin/env\n", .limit),
            ("default", true, "got\tfutex-exit\ta bit of another run arrived\n", .limit),
            ("strict", false, "got\tfutex\ta bit of another run arrived by /usr/bin/env\n", .broken),
            ("default", false, "got\tflock\ta bit of another run arrived by /dev/null\n", .broken),
            ("default", true, "got\tflock\ta bit of another run arrived by /dev/null /dev/zero\n", .limit),
            ("default", true, "got\tflock\ta bit of another run arrived by /dev/null /program\n", .broken),
            ("default", true, "got\tflock\ta bit of another run arrived\n", .broken),
            ("default", false, "got\tfutex\tx\ngot\tkeyring\ta bit of another run arrived\n", .broken),
            ("default", false, "", .held),
        ] as [(String, Bool, String, Verdict)])
    func knownChannels(policy: String, isOrdinary: Bool, text: String, verdict: Verdict) {
        var run = run(Self.fine, text + Self.held + Self.end)
        run.isOrdinary = isOrdinary
        let finding = KnownChannel.finding(attack(.refused), run, policy: policy)
        #expect(finding.verdict == verdict)
        #expect(finding.tried == text.split(separator: "\n").count + 1)
        #expect(finding.notes.isEmpty == (verdict == .held))
    }

    /// What was said of an archive, and what its process ended with.
    @Test func uploadsThatWereNotRefusedAsTheyMustBe() throws {
        let hostile = try #require(HostileUpload.bombs.first)
        let honest = try #require(HostileUpload.honest.first)
        let words = hostile.refusal ?? ""
        for (archive, code, said, isFine) in [
            (hostile, 1, "it holds \(words)", true), (hostile, 1, "something else", false), (hostile, 0, "", false),
            (hostile, nil, "", false), (hostile, 2, words, false), (honest, 0, "", true), (honest, 1, "no", false),
            (honest, nil, "", false),
        ] as [(HostileUpload, Int32?, String, Bool)] {
            #expect(UploadJudge.problems(archive, code: code, said: said).isEmpty == isFine)
        }
    }

    @Test func tablesThatAreNotReadable() {
        #expect(Attack.list(parsing: "A\tlinks\tresults\twhat it is\n")?.count == 1)
        for text in ["A\tlinks\tresults\n", "Z\tlinks\tresults\twhat\n", "A\tlinks\tnever\twhat\n"] {
            #expect(Attack.list(parsing: text) == nil)
        }
    }
}
