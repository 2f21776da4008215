import PanalCore

/// Figures as Prometheus reads them: the text format, version 0.0.4.
struct MetricsText {
    enum Kind: String {
        case gauge, counter, histogram
    }

    typealias Labels = [(name: String, value: String)]

    private(set) var text = ""

    mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: Double) {
        add(name, kind, help, [([], value)])
    }

    mutating func add(_ name: String, _ kind: Kind, _ help: String, label: String, _ values: [(String, Double)]) {
        add(name, kind, help, values.map { ([(label, $0.0)], $0.1) })
    }

    mutating func add(_ name: String, _ kind: Kind, _ help: String, _ values: [(labels: Labels, value: Double)]) {
        begin(name, kind, help)
        for (labels, value) in values { line(name, labels, value) }
    }

    mutating func add(_ name: String, _ help: String, _ values: [(labels: Labels, times: Histogram)]) {
        begin(name, .histogram, help)
        for (labels, times) in values {
            var below = 0
            for (bound, count) in zip(Histogram.bounds, times.counts) {
                below += count
                line("\(name)_bucket", labels + [("le", "\(bound)")], Double(below))
            }
            line("\(name)_bucket", labels + [("le", "+Inf")], Double(times.count))
            line("\(name)_sum", labels, times.sum.inSeconds)
            line("\(name)_count", labels, Double(times.count))
        }
    }

    private mutating func begin(_ name: String, _ kind: Kind, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    }

    private mutating func line(_ name: String, _ labels: Labels, _ value: Double) {
        let shown = labels.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
        text += labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(shown)} \(value)\n"
    }

    private static func escaped(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
