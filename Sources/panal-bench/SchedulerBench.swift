import ArgumentParser
import FoundationEssentials
import PanalScheduler

/// How long a decision takes, at so many jobs that wait and so many hosts, beside a plain array that is looked through.
struct SchedulerBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scheduler", abstract: "Measure microseconds for each event of the scheduler.",
        discussion: """
            An event is the end of a job with all that starts then, or a submission. Hosts have 16 cores and are full all the time; for each \
            job that ends one comes. ‘ratio’ is the median over that of a plain array in the order of submission that is looked \
            through for the first host with room; where that takes too long it is left out.
            """)

    @Option(help: "Events of each kind.")
    var runs = 20_000

    @Option(help: "Numbers of hosts, with commas.")
    var hosts = "1,100,10000"

    @Option(help: "Numbers of jobs that wait, with commas.")
    var queued = "1000,10000,100000,1000000"

    @Flag(help: "Print JSON, a row a line, rather than a table.")
    var json = false

    private func numbers(_ text: String) throws -> [Int] {
        let numbers = text.split(separator: ",").compactMap { Int($0) }
        guard !numbers.isEmpty, numbers.allSatisfy({ $0 >= 1 }) else {
            throw ValidationError("‘\(text)’: numbers of 1 and more, with commas between them")
        }
        return numbers
    }

    func run() throws {
        guard runs >= 100 else { throw ValidationError("at least 100 events make a percentile") }
        let (hosts, queued) = (try numbers(hosts), try numbers(queued).sorted())
        var rows: [Measurement.Row] = []
        var growth: [Growth] = []
        for count in hosts {
            var earlier: (queued: Int, median: Double)?
            for waiting in queued {
                let name = "\(count) hosts, \(waiting) queued"
                let plain = plain(hosts: count, queued: waiting)
                let resident = Self.residentBytes()
                var load = SchedulerLoad(seed: 1)
                var panal = PanalScheduling(hosts: count)
                let samples = panal.measure(queued: waiting, events: runs, atMost: .seconds(60), &load)
                let row = Self.row("\(name): end", samples.ends, plain?.ends)
                rows.append(row)
                rows.append(Self.row("\(name): submission", samples.submissions, plain?.submissions))
                if let plain {
                    rows.append(Self.row("\(name): end, plain array", plain.ends, nil))
                    rows.append(Self.row("\(name): submission, plain array", plain.submissions, nil))
                }
                if let earlier {
                    growth.append(
                        Growth(
                            name: "\(count) hosts, \(earlier.queued) to \(waiting) queued",
                            median: Self.rounded(row.median / earlier.median),
                            logarithm: Self.rounded(Self.logarithm(waiting) / Self.logarithm(earlier.queued))))
                }
                earlier = (waiting, row.median)
                if waiting >= 1_000_000, let before = resident, let now = Self.residentBytes() {
                    let bytes = max(0, now - before) / waiting
                    growth.append(Growth(name: "\(name): bytes of memory a job", bytes: bytes))
                }
            }
        }
        try Report.print(rows, json: json)
        try Growth.print(growth, json: json)
    }

    private func plain(hosts: Int, queued: Int) -> EventTimes? {
        // The first round alone would take minutes.
        guard hosts * queued <= 100_000_000 else { return nil }
        var load = SchedulerLoad(seed: 1)
        var plain = PlainScheduling(hosts: hosts)
        return plain.measure(queued: queued, events: runs, atMost: .seconds(2), &load)
    }

    private static func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }

    /// To the base of 2, near enough for a comparison.
    private static func logarithm(_ number: Int) -> Double {
        let bits = Double(Int.bitWidth - 1 - number.leadingZeroBitCount)
        return bits + Double(number) / Double(1 << Int(bits)) - 1
    }

    private static func row(_ name: String, _ samples: [Duration], _ baseline: [Duration]?) -> Measurement.Row {
        var measurement = Measurement(name)
        for sample in samples { measurement.add(sample) }
        var row = measurement.row(comparedWith: nil)
        (row.median, row.slowest) = (rounded(measurement.percentile(0.5)), rounded(measurement.percentile(0.99)))
        if let baseline {
            var other = Measurement("")
            for sample in baseline { other.add(sample) }
            row.ratio = rounded(measurement.percentile(0.5) / other.percentile(0.5))
        }
        return row
    }

    /// What this process has in memory; nil where the kernel does not say.
    private static func residentBytes() -> Int? {
        guard let data = FileManager.default.contents(atPath: "/proc/self/statm") else { return nil }
        let fields = String(decoding: data, as: UTF8.self).split(separator: " ")
        return fields.count > 1 ? Int(fields[1]).map { $0 * 4_096 } : nil
    }

    /// How much longer an event takes with more jobs that wait, beside how much the logarithm of their number grows.
    struct Growth: Encodable {
        var name: String
        var median: Double?
        var logarithm: Double?
        var bytes: Int?

        enum CodingKeys: String, CodingKey {
            case name
            case median = "p50_growth"
            case logarithm = "log_growth"
            case bytes = "bytes_per_job"
        }

        static func print(_ rows: [Growth], json: Bool) throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            for row in rows {
                if json {
                    Swift.print(String(decoding: try encoder.encode(row), as: UTF8.self))
                } else if let bytes = row.bytes {
                    Swift.print("\(row.name): \(bytes)")
                } else if let median = row.median, let logarithm = row.logarithm {
                    Swift.print("\(row.name): × \(median), the logarithm × \(logarithm)")
                }
            }
        }
    }
}
