import PanalCore
import PanalScheduler

/// Reads the Standard Workload Format, version 2.2 (Chapin, Feitelson and others 1999, and the Parallel Workloads Archive's
/// definition): a head of comments that begin with `;`, then a line of 18 numbers for each job, -1 for what is not known.
///
/// A job of n processors becomes a gang of n cells of one core each, because the record does not say how they lay. What the format
/// tells and a replay has no use for: the recorded wait, the state of the queue, the program's number, think times (a job is submitted
/// when the record says, whatever happened to the one before it).
package enum StandardWorkloadFormat {
    /// The fields, in their order.
    static let fields = [
        "job number", "submit time", "wait time", "run time", "allocated processors", "average processor time",
        "used memory", "requested processors", "requested time", "requested memory", "status", "user", "group",
        "program", "queue", "partition", "preceding job", "think time",
    ]
    /// Fields that may have a fraction, by their place from 0; the archive's files have them in these.
    private static let fractional: Set<Int> = [1, 2, 3, 5, 6, 8, 9, 17]
    /// Beyond this a time in seconds is a mistake: some 300 years.
    private static let longest = 1e10
    private static let most = 1_000_000_000_000_000.0

    package static func read(_ bytes: [UInt8]) -> Trace {
        var reader = Reader()
        for (number, line) in TraceLines(bytes: bytes) { reader.take(line, number) }
        return reader.finish()
    }

    private struct Reader {
        var trace = Trace()
        var header = Header()
        /// Line of each job number.
        var seen: [Int: Int] = [:]
        var last = -1.0
        var isUnordered = 0

        mutating func take(_ line: ArraySlice<UInt8>, _ number: Int) {
            guard let first = line.first(where: { !$0.isBlank }) else { return }
            do throws(TraceMistake) {
                if first == UInt8(ascii: ";") {
                    try header.take(String(decoding: line, as: UTF8.self), number)
                } else {
                    try job(try numbers(line, number), number)
                }
            } catch {
                trace.mistakes.append(error)
            }
        }

        private func numbers(_ line: ArraySlice<UInt8>, _ number: Int) throws(TraceMistake) -> [Double] {
            let words = line.split(whereSeparator: \.isBlank)
            guard words.count == fields.count else {
                throw TraceMistake(
                    line: number,
                    detail: "has \(words.count) field\(words.count == 1 ? "" : "s"); a job has \(fields.count), "
                        + "with -1 for what is not known")
            }
            var values: [Double] = []
            for (place, word) in words.enumerated() {
                let text = String(decoding: word, as: UTF8.self)
                let name = "field \(place + 1) (\(fields[place]))"
                // Swift's own reading would also take hexadecimal numbers, and a zero byte at the end.
                guard word.allSatisfy(\.isOfNumber), let value = Double(text), value.isFinite else {
                    throw TraceMistake(
                        line: number, detail: "\(name) is ‘\(text)’; it must be a number, or -1 when it is not known")
                }
                guard value >= 0 || value == -1 else {
                    throw TraceMistake(
                        line: number, detail: "\(name) is \(text); only -1, for not known, may be negative")
                }
                guard fractional.contains(place) || value == value.rounded() else {
                    throw TraceMistake(line: number, detail: "\(name) is \(text); it must be a whole number")
                }
                guard value <= ([1, 2, 3, 8, 17].contains(place) ? longest : most) else {
                    throw TraceMistake(line: number, detail: "\(name) is \(text), which is too large to be true")
                }
                values.append(value)
            }
            return values
        }

        private mutating func job(_ values: [Double], _ number: Int) throws(TraceMistake) {
            func value(_ field: Int) -> Double? { values[field - 1] < 0 ? nil : values[field - 1] }
            func name(_ field: Int) -> String { value(field).map { String(Int($0)) } ?? "" }
            guard let submitted = value(2) else {
                throw TraceMistake(
                    line: number, detail: "field 2 (submit time) is -1; a job cannot be replayed without it")
            }
            let status = Int(values[10])
            guard (-1...5).contains(status) else {
                throw TraceMistake(line: number, detail: "field 11 (status) is \(status); it is -1 or 0 to 5")
            }
            if (2...4).contains(status) {
                return leaveOut("a part of a job that has a line for the whole of it (status 2 to 4)")
            }
            if let earlier = seen.updateValue(number, forKey: Int(values[0])), values[0] >= 0 {
                throw TraceMistake(
                    line: number, detail: "job \(Int(values[0])) is in line \(earlier) already; each has one line")
            }
            if submitted < last { isUnordered += 1 }
            last = max(last, submitted)
            guard let runTime = value(4) else {
                return leaveOut(status == 5 ? "cancelled before it started" : "its run time is not known")
            }
            guard let processors = value(8).flatMap({ $0 > 0 ? $0 : nil }) ?? value(5).flatMap({ $0 > 0 ? $0 : nil })
            else { return leaveOut("its number of processors is not known, or 0") }
            guard processors <= 10_000_000 else {
                throw TraceMistake(line: number, detail: "\(Int(processors)) processors are too many to be true")
            }
            var limit = value(9) ?? 0
            if limit <= 0 {
                limit = runTime
                adjust("without a requested time; its run time is taken for it")
            } else if runTime > limit {
                adjust("ran for longer than it had asked for; a replay ends it at its limit")
            }
            let memory = value(10).flatMap { $0 > 0 ? $0 : nil } ?? value(7).flatMap { $0 > 0 ? $0 : nil }
            trace.jobs.append(
                TraceJob(
                    name: name(1), submitted: Timestamp(microseconds: microseconds(submitted)),
                    runTime: .microseconds(microseconds(runTime)), timeLimit: .microseconds(microseconds(limit)),
                    cells: Int(processors), memory: memory.map { max(1, Int($0 * 1_024)) }, user: name(12),
                    group: name(13)))
        }

        private func microseconds(_ seconds: Double) -> Int64 { Int64((seconds * 1_000_000).rounded()) }

        private mutating func leaveOut(_ reason: String) { trace.leftOut[reason, default: 0] += 1 }
        private mutating func adjust(_ reason: String) { trace.adjusted[reason, default: 0] += 1 }

        mutating func finish() -> Trace {
            let start = header.start * 1_000_000
            for index in trace.jobs.indices { trace.jobs[index].submitted.microseconds += start }
            if isUnordered > 0 { trace.adjusted["stands after a later one; sorted by submission"] = isUnordered }
            trace.sort()
            trace.hosts = header.hosts
            trace.source = header.source
            return trace
        }
    }

    /// What the comments say: `; MaxNodes: 120`.
    private struct Header {
        var nodes: Int?
        var processors: Int?
        /// Seconds since 1970 of time 0.
        var start: Int64 = 0
        var source: [String] = []

        mutating func take(_ line: String, _ number: Int) throws(TraceMistake) {
            let text = line.drop { $0 == ";" || $0 == " " || $0 == "\t" }
            guard let colon = text.firstIndex(of: ":") else { return }
            let value = text[text.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            func whole(_ range: ClosedRange<Int>) throws(TraceMistake) -> Int {
                guard let count = Int(value.prefix { $0.isASCII && $0.isNumber }), range.contains(count) else {
                    throw TraceMistake(
                        line: number,
                        detail:
                            "\(text[..<colon]) is ‘\(value)’; it must be a whole number from \(range.lowerBound) to \(range.upperBound)"
                    )
                }
                return count
            }
            switch text[..<colon] {
            case "MaxNodes": nodes = try whole(1...1_000_000)
            case "MaxProcs": processors = try whole(1...10_000_000)
            case "UnixStartTime": start = Int64(try whole(0...10_000_000_000))
            case "Computer", "Installation", "Acknowledge":
                source.append("\(text[..<colon]): \(value)")
            default: break
            }
        }

        /// MaxProcs processors on MaxNodes hosts; one for each host where only one of the two is there.
        var hosts: [HostDescription] {
            guard let count = nodes ?? processors else { return [] }
            let cores = max(1, ((processors ?? count) + count - 1) / count)
            return HostSpecification(count: count, cores: cores).hosts(from: 0)
        }
    }
}

extension UInt8 {
    fileprivate var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }
    fileprivate var isOfNumber: Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) || "+-.eE".utf8.contains(self)
    }
}
