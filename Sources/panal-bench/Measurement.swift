import FoundationEssentials

/// Times of one kind of run.
struct Measurement {
    let name: String
    private(set) var samples: [Duration] = []
    /// From the first run to the last; set where runs overlap, else their sum.
    var span: Duration?

    init(_ name: String) {
        self.name = name
    }

    mutating func add(_ sample: Duration) {
        samples.append(sample)
    }

    private static func microseconds(_ duration: Duration) -> Double {
        let (seconds, attoseconds) = duration.components
        return Double(seconds) * 1e6 + Double(attoseconds) / 1e12
    }

    /// The nearest-rank percentile in microseconds.
    func percentile(_ share: Double) -> Double {
        let sorted = samples.sorted()
        guard !sorted.isEmpty else { return 0 }
        let rank = Int((share * Double(sorted.count)).rounded(.up)) - 1
        return Self.microseconds(sorted[min(max(rank, 0), sorted.count - 1)])
    }

    func row(comparedWith baseline: Measurement?) -> Row {
        let median = percentile(0.5)
        let time = Self.microseconds(span ?? samples.reduce(.zero, +))
        return Row(
            name: name, median: median.rounded(), slowest: percentile(0.99).rounded(),
            perSecond: time > 0 ? (Double(samples.count) * 1e7 / time).rounded() / 10 : 0,
            ratio: baseline.map { (median / $0.percentile(0.5) * 100).rounded() / 100 })
    }

    /// How far the samples lie apart.
    var spread: Spread {
        let median = percentile(0.5)
        func share(_ time: Double) -> Double { median > 0 ? (time / median * 10_000).rounded() / 100 : 0 }
        return Spread(
            name: name, median: median.rounded(), middle: share(percentile(0.9) - percentile(0.1)),
            slowest: share(percentile(0.99)) - 100)
    }

    struct Spread: Encodable {
        var name: String
        var median: Double
        /// Hundredths of the median between the 10th and the 90th percentile.
        var middle: Double
        /// Hundredths of the median that the 99th percentile is above it.
        var slowest: Double

        enum CodingKeys: String, CodingKey {
            case name
            case median = "p50_us"
            case middle = "p10_to_p90_percent"
            case slowest = "p99_above_p50_percent"
        }
    }

    struct Row: Encodable {
        var name: String
        var median: Double
        var slowest: Double
        var perSecond: Double
        /// Median over the median of the plain run.
        var ratio: Double?

        enum CodingKeys: String, CodingKey {
            case name
            case median = "p50_us"
            case slowest = "p99_us"
            case perSecond = "per_second"
            case ratio
        }
    }
}

enum Report {
    static func print(_ rows: [Measurement.Row], json: Bool) throws {
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            for row in rows { Swift.print(String(decoding: try encoder.encode(row), as: UTF8.self)) }
            return
        }
        Swift.print(line("", "p50 µs", "p99 µs", "per second", "ratio"))
        for row in rows {
            Swift.print(
                line(
                    row.name, number(row.median), number(row.slowest), String(row.perSecond),
                    row.ratio.map { String($0) } ?? ""))
        }
    }

    static func print(_ rows: [Measurement.Spread], json: Bool) throws {
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            for row in rows { Swift.print(String(decoding: try encoder.encode(row), as: UTF8.self)) }
            return
        }
        Swift.print(line("", "p50 µs", "p10–p90 %", "p99 +%"))
        for row in rows {
            let slowest = (row.slowest * 100).rounded() / 100
            Swift.print(line(row.name, String(Int(row.median)), String(row.middle), String(slowest)))
        }
    }

    static func print(_ rows: [OwnerRow], json: Bool) throws {
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            for row in rows { Swift.print(String(decoding: try encoder.encode(row), as: UTF8.self)) }
            return
        }
        Swift.print(line("", "loss %", "p50 µs", "p99 µs"))
        for row in rows {
            Swift.print(line(row.name, String(row.loss), String(Int(row.median)), String(Int(row.slowest))))
        }
    }

    static func print(_ rows: [CellLoad.Row], json: Bool) throws {
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            for row in rows { Swift.print(String(decoding: try encoder.encode(row), as: UTF8.self)) }
            return
        }
        Swift.print(line("", "p50 µs", "p99 µs", "per second", "processor µs"))
        for row in rows {
            Swift.print(
                line(
                    "panal cell", number(row.median), number(row.slowest), String(row.perSecond),
                    number(row.processorTime)))
        }
    }

    static func print(_ rows: [LoadRow], json: Bool) throws {
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            for row in rows { Swift.print(String(decoding: try encoder.encode(row), as: UTF8.self)) }
            return
        }
        Swift.print(line("", "p50 µs", "p99 µs", "per second", "panald µs", "launcher µs", "host µs"))
        for row in rows {
            Swift.print(
                line(
                    row.times.name, number(row.times.median), number(row.times.slowest), String(row.times.perSecond),
                    row.server.map(number) ?? "", row.launcher.map(number) ?? "", number(row.host)))
        }
    }

    static func print(_ rows: [Footprint.Row], json: Bool) throws {
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            for row in rows { Swift.print(String(decoding: try encoder.encode(row), as: UTF8.self)) }
            return
        }
        Swift.print(line("", "before", "now"))
        for row in rows { Swift.print(line(row.name, row.before.map { String($0) } ?? "", String(row.value))) }
    }

    /// Whole where it is whole.
    private static func number(_ value: Double) -> String {
        value == value.rounded() ? String(Int(value)) : String(value)
    }

    private static func line(_ name: String, _ values: String...) -> String {
        let padded = values.map { String(repeating: " ", count: max(0, 12 - $0.count)) + $0 }
        return name + String(repeating: " ", count: max(0, 50 - name.count)) + padded.joined()
    }
}
