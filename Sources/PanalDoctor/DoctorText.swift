/// A diagnosis as a person reads it.
package struct DoctorText {
    /// Colours, for a terminal.
    private let isColoured: Bool
    /// Columns; lines are broken before it, commands are not.
    private let width: Int
    /// Width of what stands before a finding's further lines: `WARN  `.
    private static let indent = String(repeating: " ", count: 6)

    package init(isColoured: Bool, width: Int) {
        self.isColoured = isColoured
        self.width = max(60, width)
    }

    package func lines(_ diagnosis: Diagnosis) -> [String] {
        let identifiers = diagnosis.findings.map(\.id.count).max() ?? 0
        var lines: [String] = []
        for finding in diagnosis.findings {
            let mode = finding.concerns.count == 1 ? finding.concerns[0].rawValue : "both"
            lines.append(
                coloured(finding.verdict) + "  " + finding.id.padded(identifiers) + "  " + mode.padded(8) + "  "
                    + finding.found)
            guard finding.verdict != .pass else { continue }
            lines += wrapped(finding.meaning).map { Self.indent + $0 }
            if let fix = finding.fix { lines += self.lines(fix, asRoot: diagnosis.isRoot) }
        }
        return lines + ["", summary(diagnosis)]
    }

    private func lines(_ fix: Fix, asRoot: Bool) -> [String] {
        let command = fix.command(asRoot: asRoot)
        var lines: [String] = []
        if let risk = fix.risk {
            let who = fix.needsRoot && !asRoot ? "by hand, as root: " : "by hand: "
            lines.append(Self.indent + who + command)
            lines += wrapped("(\(risk))").map { Self.indent + "         " + $0 }
        } else {
            lines.append("\(Self.indent)fix:     \(command)")
        }
        // What a person decides first need not be told how to keep it.
        if let lasting = fix.lasting, fix.isSafe { lines.append("\(Self.indent)to keep: \(lasting)") }
        return lines
    }

    private func summary(_ diagnosis: Diagnosis) -> String {
        let modes = diagnosis.modes.count == 1 ? "\(diagnosis.modes[0].rawValue) mode" : "both modes"
        var text =
            "\(modes): \(diagnosis.count(.pass)) pass, \(diagnosis.count(.warn)) warn, \(diagnosis.count(.fail)) fail"
        let safe = diagnosis.findings.filter { $0.verdict != .pass && $0.fix?.isSafe == true }.count
        if safe > 0 { text += "; \(diagnosis.isRoot ? "" : "sudo ")panal doctor --fix mends \(safe)" }
        return text
    }

    /// What became of one fix, behind its command.
    package func line(_ repair: Repair) -> String {
        let end = repair.failure ?? repair.found
        return coloured(repair.after) + "  " + repair.id + ": " + end
    }

    private func coloured(_ verdict: Verdict) -> String {
        let word = verdict.rawValue.uppercased()
        guard isColoured else { return word }
        let colour =
            switch verdict {
            case .pass: 32
            case .warn: 33
            case .fail: 31
            }
        return "\u{1b}[\(colour)m\(word)\u{1b}[0m"
    }

    private func wrapped(_ text: String) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let last = lines.last, last.count + 1 + word.count <= width - Self.indent.count - 9 {
                lines[lines.count - 1] = last + " " + word
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }
}

extension String {
    fileprivate func padded(_ width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
