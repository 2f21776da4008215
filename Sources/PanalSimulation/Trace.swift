package import PanalCore
package import PanalScheduler

/// One job of a recorded load: what it wanted, and how long it ran.
package struct TraceJob: Hashable, Sendable {
    /// What the record calls it.
    package var name: String
    package var submitted: Timestamp
    /// How long it computed; a simulated run ends after this time, or at its limit.
    package var runTime: Duration
    /// What was asked for; `runTime` where nobody said.
    package var timeLimit: Duration
    /// Of one cell.
    package var cpu: CPUGrant
    /// Cells that run at the same time, at least 1.
    package var cells: Int
    /// Bytes for each cell; nil where the record does not say.
    package var memory: Int?
    package var user: String
    package var group: String
    package var priority: PriorityClass
    package var pool: String?

    package init(
        name: String, submitted: Timestamp, runTime: Duration, timeLimit: Duration,
        cpu: CPUGrant = .exclusive(cores: 1), cells: Int = 1, memory: Int? = nil, user: String = "", group: String = "",
        priority: PriorityClass = .normal, pool: String? = nil
    ) {
        self.name = name
        self.submitted = submitted
        self.runTime = runTime
        self.timeLimit = timeLimit
        self.cpu = cpu
        self.cells = cells
        self.memory = memory
        self.user = user
        self.group = group
        self.priority = priority
        self.pool = pool
    }

    /// Of all cells together.
    package var millicores: Int {
        switch cpu {
        case .exclusive(let cores): cores * 1_000 * cells
        case .shared(let millicores): millicores * cells
        }
    }
}

/// A line of a trace that cannot be read, and what would be right.
package struct TraceMistake: Error, Hashable, Sendable {
    /// From 1.
    package var line: Int
    package var detail: String

    package init(line: Int, detail: String) {
        self.line = line
        self.detail = detail
    }
}

/// A recorded load, and all that was not taken from the record into it.
package struct Trace: Sendable {
    /// In the order of submission.
    package var jobs: [TraceJob] = []
    /// Lines that cannot be read; their jobs are not in `jobs`.
    package var mistakes: [TraceMistake] = []
    /// Jobs that are not in `jobs`, by the reason.
    package var leftOut: [String: Int] = [:]
    /// Jobs that are in `jobs` other than as recorded, by what was changed.
    package var adjusted: [String: Int] = [:]
    /// What the record says of the machine; empty where it does not.
    package var hosts: [HostDescription] = []
    /// Whom to thank for the record, and where it comes from, as its head has it.
    package var source: [String] = []

    package init() {}

    /// What was left out and changed, a sentence each.
    package var remarks: [String] {
        func lines(_ counts: [String: Int], _ verb: String) -> [String] {
            counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { reason, count in
                "\(count) \(count == 1 ? "job" : "jobs") \(verb): \(reason)"
            }
        }
        return lines(leftOut, "left out") + lines(adjusted, "changed")
    }

    /// By submission; jobs of the same moment stay as they stand in the record.
    mutating func sort() {
        let order = jobs.indices.sorted { (jobs[$0].submitted, $0) < (jobs[$1].submitted, $1) }
        jobs = order.map { jobs[$0] }
    }
}

/// The lines of a file, without their ends; the numbers count from 1.
struct TraceLines: Sequence {
    let bytes: [UInt8]

    func makeIterator() -> AnyIterator<(number: Int, text: ArraySlice<UInt8>)> {
        var at = 0
        var number = 0
        return AnyIterator {
            guard at < bytes.count else { return nil }
            number += 1
            let end = bytes[at...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            var line = bytes[at..<end]
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            at = end + 1
            return (number, line)
        }
    }
}
