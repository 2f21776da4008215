import FoundationEssentials

/// Several policies over one load, side by side.
package struct PolicyReport: Sendable {
    package struct Entry: Sendable {
        package var policy: String
        package var figures: SimulationFigures

        package init(policy: String, figures: SimulationFigures) {
            self.policy = policy
            self.figures = figures
        }
    }

    package var entries: [Entry]

    package init(_ entries: [Entry]) {
        self.entries = entries
    }

    /// What each figure is called, for people and for machines, and how it is written.
    private struct Column {
        var title: String
        var name: String
        var text: (SimulationFigures) -> String
        var value: (SimulationFigures) -> String
    }

    private static var columns: [Column] {
        func count(_ title: String, _ name: String, _ path: KeyPath<SimulationFigures, Int>) -> Column {
            Column(title: title, name: name) {
                String($0[keyPath: path])
            } value: {
                String($0[keyPath: path])
            }
        }
        func span(_ title: String, _ name: String, _ path: KeyPath<SimulationFigures, Double>) -> Column {
            Column(title: title, name: name) {
                Decimals.span($0[keyPath: path])
            } value: {
                Decimals.text($0[keyPath: path], 3)
            }
        }
        func percent(_ title: String, _ name: String, _ path: KeyPath<SimulationFigures, Double>) -> Column {
            Column(title: title, name: name) {
                Decimals.text($0[keyPath: path] * 100, 1) + "%"
            } value: {
                Decimals.text($0[keyPath: path], 6)
            }
        }
        func number(_ title: String, _ name: String, _ path: KeyPath<SimulationFigures, Double>) -> Column {
            Column(title: title, name: name) {
                Decimals.text($0[keyPath: path], 2)
            } value: {
                Decimals.text($0[keyPath: path], 6)
            }
        }
        return [
            count("jobs", "jobs", \.jobs), count("cut", "cut", \.cut), count("refused", "refused", \.refused),
            count("stuck", "never_started", \.neverStarted), span("makespan", "makespan_seconds", \.makespan),
            percent("used", "utilisation", \.utilisation), span("mean wait", "mean_wait_seconds", \.meanWait),
            span("median", "median_wait_seconds", \.medianWait), span("p95", "p95_wait_seconds", \.wait95),
            span("p99", "p99_wait_seconds", \.wait99), span("longest", "longest_wait_seconds", \.longestWait),
            number("slowdown", "mean_bounded_slowdown", \.meanSlowdown),
            number("fairness", "fairness_jain", \.fairness),
            percent("fragmented", "fragmentation", \.fragmentation),
        ]
    }

    /// A table for people. Counts of what did not run as recorded are shown where there are any.
    package var table: String {
        let columns = Self.columns.filter { column in
            !["cut", "refused", "never_started"].contains(column.name)
                || entries.contains { column.value($0.figures) != "0" }
        }
        var rows = [["policy"] + columns.map(\.title)]
        for entry in entries { rows.append([entry.policy] + columns.map { $0.text(entry.figures) }) }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = row.enumerated().map { place, text in
                let space = String(repeating: " ", count: widths[place] - text.count)
                return place == 0 ? text + space : space + text
            }
            return cells.joined(separator: "  ") + "\n"
        }.joined()
    }

    /// RFC 4180 but for the line ends: a head, and a line for each policy. Times are seconds, parts 0 to 1.
    package var csv: String {
        let head = (["policy"] + Self.columns.map(\.name)).joined(separator: ",")
        let rows = entries.map { entry in
            ([entry.policy] + Self.columns.map { $0.value(entry.figures) }).joined(separator: ",")
        }
        return ([head] + rows).joined(separator: "\n") + "\n"
    }

    /// One document: what was replayed on what, and the figures of each policy.
    package func json(_ trace: Trace, hosts: Int, cores: Int) throws -> String {
        struct Policy: Encodable {
            var policy: String
            var figures: SimulationFigures
        }
        struct Document: Encodable {
            var jobs: Int
            var leftOut: [String: Int]
            var changed: [String: Int]
            var hosts: Int
            var cores: Int
            var policies: [Policy]
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let document = Document(
            jobs: trace.jobs.count, leftOut: trace.leftOut, changed: trace.adjusted, hosts: hosts, cores: cores,
            policies: entries.map { Policy(policy: $0.policy, figures: $0.figures) })
        return String(decoding: try encoder.encode(document), as: UTF8.self) + "\n"
    }
}

/// Numbers as text, without the C library's formats.
enum Decimals {
    /// With so many digits behind the point, rounded half away from zero.
    static func text(_ value: Double, _ digits: Int) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
        let factor = (0..<digits).reduce(1) { product, _ in product * 10 }
        let scaled = Int64((abs(value) * Double(factor)).rounded())
        let (whole, rest) = scaled.quotientAndRemainder(dividingBy: Int64(factor))
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(whole)" }
        let fraction = String(rest)
        return "\(sign)\(whole)." + String(repeating: "0", count: digits - fraction.count) + fraction
    }

    /// Seconds in the unit that a person would choose: `0s`, `4.2s`, `12min`, `3.5h`, `61.1d`.
    static func span(_ seconds: Double) -> String {
        switch seconds {
        case ..<0.05: "0s"
        case ..<99.95: text(seconds, 1) + "s"
        case ..<5_970: text(seconds / 60, 1) + "min"
        case ..<172_800: text(seconds / 3_600, 1) + "h"
        default: text(seconds / 86_400, 1) + "d"
        }
    }
}
