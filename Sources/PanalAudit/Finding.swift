/// What came of one attack.
package enum Verdict: String, Hashable, Sendable, Codable, Comparable {
    case held
    /// All that got through is known, named, and not to be kept apart by any open interface of the kernel.
    case limit
    /// Panal or the host could not carry the attack out, so nothing is known.
    case undecided
    case broken

    private var weight: Int {
        switch self {
        case .held: 0
        case .limit: 1
        case .undecided: 2
        case .broken: 3
        }
    }

    package static func < (left: Self, right: Self) -> Bool { left.weight < right.weight }
}

/// One attack with what was tried and how it ended.
package struct Finding: Hashable, Sendable, Codable {
    package var kind: AttackClass
    package var name: String
    package var what: String
    package var verdict: Verdict
    /// How many things were tried.
    package var tried: Int
    /// What broke, could not be decided or is a known limit, a sentence each; for a class that held, what may be worth knowing.
    package var notes: [String]

    package init(
        kind: AttackClass, name: String, what: String, verdict: Verdict, tried: Int = 1, notes: [String] = []
    ) {
        self.kind = kind
        self.name = name
        self.what = what
        self.verdict = verdict
        self.tried = tried
        self.notes = notes
    }

    /// Held when `problems` is empty.
    package init(kind: AttackClass, name: String, what: String, tried: Int = 1, problems: [String]) {
        self.init(
            kind: kind, name: name, what: what, verdict: problems.isEmpty ? .held : .broken, tried: tried,
            notes: problems)
    }

    enum CodingKeys: String, CodingKey {
        case kind = "class"
        case name, what, verdict, tried, notes
    }
}

/// All findings, and what they come to for each class.
package struct AuditReport: Hashable, Sendable, Encodable {
    package var findings: [Finding]

    package init(_ findings: [Finding]) {
        self.findings = findings
    }

    package struct ClassLine: Hashable, Sendable, Encodable {
        package var kind: AttackClass
        package var title: String
        package var verdict: Verdict
        package var tried: Int
        package var attacks: [String]

        enum CodingKeys: String, CodingKey {
            case kind = "class"
            case title, verdict, tried, attacks
        }
    }

    package var lines: [ClassLine] {
        AttackClass.allCases.sorted().compactMap { kind in
            let own = findings.filter { $0.kind == kind }
            guard let worst = own.map(\.verdict).max() else { return nil }
            return ClassLine(
                kind: kind, title: kind.title, verdict: worst, tried: own.reduce(0) { $0 + $1.tried },
                attacks: own.map(\.name))
        }
    }

    /// For monitoring: 0 all held but for known limits, 1 one did not, 2 one could not be carried out.
    package var exitCode: Int32 {
        switch findings.map(\.verdict).max() {
        case .held, .limit: 0
        case .broken: 1
        case .undecided, nil: 2
        }
    }

    /// One line for each class; what did not hold below it; with `verbose` each attack.
    package func text(verbose: Bool) -> String {
        var text = ""
        for line in lines {
            let count = String(line.tried)
            let padding = String(repeating: " ", count: max(0, 5 - count.count))
            text += "\(line.kind.rawValue) \(padding)\(count) tried  \(Self.word(line.verdict)) \(line.title): "
            text += "\(line.attacks.joined(separator: ", "))\n"
            for finding in findings where finding.kind == line.kind {
                if verbose {
                    text += "      \(Self.word(finding.verdict)) \(finding.name): \(finding.what) (\(finding.tried))\n"
                } else if finding.verdict == .held {
                    continue
                }
                for note in finding.notes { text += "            \(finding.name): \(note)\n" }
            }
        }
        return text
    }

    private static func word(_ verdict: Verdict) -> String {
        switch verdict {
        case .held: "PASS "
        case .limit: "LIMIT"
        case .broken: "FAIL "
        case .undecided: "???? "
        }
    }

    private enum CodingKeys: String, CodingKey {
        case passed, classes, findings
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(exitCode == 0, forKey: .passed)
        try container.encode(lines, forKey: .classes)
        try container.encode(findings, forKey: .findings)
    }
}
