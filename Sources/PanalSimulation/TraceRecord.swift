import FoundationEssentials
package import PanalCore
import PanalScheduler

/// Panal's own export of a load: JSON, one object on each line (what `panal trace export` writes).
///
/// The first line is the head:
///
///     {"format":"panal-trace","version":1,"hosts":[{"name":"local","pool":"local","cores":16,"memoryBytes":68719476736}]}
///
/// Every other line is a job, whether it ran or not:
///
///     {"job":"0193…","submitted":"2026-11-21T06:31:29.125Z","started":"…","ended":"…","cores":2,"cells":1,
///      "memoryBytes":1073741824,"timeLimitSeconds":600,"user":"ada","group":"physics","priority":"normal","pool":"local",
///      "state":"finished"}
///
/// Times are RFC 3339 in UTC with milliseconds. A job has either `cores` (whole ones) or `millicores` (thousandths of shared cores), for each
/// of its `cells` (1 when left out). `frozenSeconds` is the part between start and end in which an opportunistic job stood still.
/// `user`, `group`, `pool` and `memoryBytes` may be left out, `priority` is `normal` when it is. Other names are for later versions
/// and are passed over.
package struct TraceRecord: Hashable, Sendable, Codable {
    package var job: String
    package var submitted: Timestamp
    /// Nil when it never started.
    package var started: Timestamp?
    /// Nil when it had not ended at the time of the export.
    package var ended: Timestamp?
    package var frozenSeconds: Double?
    package var cores: Int?
    package var millicores: Int?
    package var cells: Int?
    package var memoryBytes: Int?
    package var timeLimitSeconds: Double
    package var user: String?
    package var group: String?
    package var priority: PriorityClass?
    package var pool: String?
    /// The job's state at the time of the export, as the API names it.
    package var state: String

    package init(
        job: String, submitted: Timestamp, started: Timestamp? = nil, ended: Timestamp? = nil,
        frozen: Duration? = nil, cpu: CPUGrant, cells: Int = 1, memory: Int? = nil, timeLimit: Duration,
        user: String? = nil, group: String? = nil, priority: PriorityClass = .normal, pool: String? = nil,
        state: String
    ) {
        self.job = job
        self.submitted = submitted
        self.started = started
        self.ended = ended
        frozenSeconds = frozen?.inSeconds
        switch cpu {
        case .exclusive(let count): cores = count
        case .shared(let thousandths): millicores = thousandths
        }
        self.cells = cells
        memoryBytes = memory
        timeLimitSeconds = timeLimit.inSeconds
        self.user = user
        self.group = group
        self.priority = priority
        self.pool = pool
        self.state = state
    }

    /// The head of an export.
    package struct Head: Hashable, Sendable, Codable {
        package struct Host: Hashable, Sendable, Codable {
            package var name: String
            package var pool: String
            /// Whole cores for cells.
            package var cores: Int
            package var memoryBytes: Int

            package init(name: String, pool: String, cores: Int, memoryBytes: Int) {
                self.name = name
                self.pool = pool
                self.cores = cores
                self.memoryBytes = memoryBytes
            }
        }

        package static let format = "panal-trace"
        package static let version = 1

        package var format: String
        package var version: Int
        /// In the order of the schedule; empty when the export does not say.
        package var hosts: [Host]?

        package init(hosts: [Host]) {
            format = Self.format
            version = Self.version
            self.hosts = hosts
        }
    }
}

/// Writes an export line by line, so that one of any length needs no memory for the whole.
package struct TraceWriter {
    private let encoder = JSONEncoder()

    package init() {
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    }

    /// The first line, with its line end. Throws `EncodingError` for what JSON cannot hold.
    package func line(_ head: TraceRecord.Head) throws -> String { try text(head) }
    package func line(_ record: TraceRecord) throws -> String { try text(record) }

    private func text(_ value: some Encodable) throws -> String {
        String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
    }
}

/// Reads an export.
package enum TraceReader {
    package static func read(_ bytes: [UInt8]) -> Trace {
        var trace = Trace()
        let decoder = JSONDecoder()
        var isHeadRead = false
        for (number, line) in TraceLines(bytes: bytes) {
            guard line.contains(where: { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }) else { continue }
            do throws(TraceMistake) {
                if isHeadRead {
                    let record: TraceRecord = try decode(line, number, decoder)
                    if let job = try job(record, number, &trace) { trace.jobs.append(job) }
                } else {
                    isHeadRead = true
                    trace.hosts = try hosts(try decode(line, number, decoder), number)
                }
            } catch {
                trace.mistakes.append(error)
            }
        }
        if !isHeadRead {
            trace.mistakes.append(TraceMistake(line: 1, detail: "is missing; the first line is the head"))
        }
        trace.sort()
        return trace
    }

    private static func decode<Value: Decodable>(
        _ line: ArraySlice<UInt8>, _ number: Int, _ decoder: JSONDecoder
    ) throws(TraceMistake) -> Value {
        do {
            return try decoder.decode(Value.self, from: Data(line))
        } catch let error as DecodingError {
            throw TraceMistake(line: number, detail: words(error))
        } catch {
            throw TraceMistake(line: number, detail: "is no JSON object: \(error)")
        }
    }

    private static func words(_ error: DecodingError) -> String {
        func place(_ context: DecodingError.Context) -> String {
            context.codingPath.map(\.stringValue).joined(separator: ".")
        }
        return switch error {
        case .keyNotFound(let key, let context):
            "\((context.codingPath + [key]).map(\.stringValue).joined(separator: ".")) is missing"
        case .typeMismatch(let type, let context): "\(place(context)) must be a \(type)"
        case .valueNotFound(let type, let context): "\(place(context)) is null; it must be a \(type)"
        case .dataCorrupted(let context) where context.codingPath.isEmpty:
            "is no JSON object; each line of an export is one"
        case .dataCorrupted(let context): "\(place(context)): \(context.debugDescription)"
        @unknown default: "cannot be read: \(error)"
        }
    }

    private static func hosts(_ head: TraceRecord.Head, _ line: Int) throws(TraceMistake) -> [HostDescription] {
        guard head.format == TraceRecord.Head.format else {
            throw TraceMistake(
                line: line, detail: "format is ‘\(head.format)’; it must be ‘\(TraceRecord.Head.format)’")
        }
        guard head.version == TraceRecord.Head.version else {
            throw TraceMistake(
                line: line, detail: "version is \(head.version); this Panal reads version \(TraceRecord.Head.version)")
        }
        var hosts: [HostDescription] = []
        for host in head.hosts ?? [] {
            guard (1...4_096).contains(host.cores), host.memoryBytes >= 1 else {
                throw TraceMistake(
                    line: line, detail: "host ‘\(host.name)’ must have 1 to 4096 cores and at least 1 byte of memory")
            }
            hosts.append(
                HostDescription(
                    name: host.name, pool: host.pool, cores: (0..<host.cores).map { CoreDescription(threads: [$0]) },
                    memory: host.memoryBytes, opportunisticMemory: host.memoryBytes))
        }
        return hosts
    }

    private static let longest = 1e10

    /// Nil for a job that did not run; it is counted in `trace`.
    private static func job(
        _ record: TraceRecord, _ line: Int, _ trace: inout Trace
    ) throws(TraceMistake) -> TraceJob? {
        let cpu: CPUGrant
        switch (record.cores, record.millicores) {
        case (let cores?, nil) where (1...4_096).contains(cores): cpu = .exclusive(cores: cores)
        case (nil, let millicores?) where (1...4_096_000).contains(millicores): cpu = .shared(millicores: millicores)
        case (_?, _?), (nil, nil):
            throw TraceMistake(line: line, detail: "must have either cores or millicores")
        default: throw TraceMistake(line: line, detail: "cores must be 1 to 4096, millicores 1 to 4096000")
        }
        guard (1...1_000_000).contains(record.cells ?? 1) else {
            throw TraceMistake(line: line, detail: "cells is \(record.cells ?? 1); it must be 1 to 1000000")
        }
        guard record.memoryBytes ?? 1 >= 1 else {
            throw TraceMistake(line: line, detail: "memoryBytes is \(record.memoryBytes ?? 1); it must be at least 1")
        }
        guard record.timeLimitSeconds > 0, record.timeLimitSeconds <= longest else {
            throw TraceMistake(
                line: line, detail: "timeLimitSeconds is \(record.timeLimitSeconds); it must be greater than 0")
        }
        let frozen = record.frozenSeconds ?? 0
        guard frozen >= 0, frozen <= longest else {
            throw TraceMistake(line: line, detail: "frozenSeconds is \(frozen); it must not be negative")
        }
        guard let started = record.started else {
            trace.leftOut["never started (\(record.state))", default: 0] += 1
            return nil
        }
        guard let ended = record.ended else {
            trace.leftOut["had not ended (\(record.state))", default: 0] += 1
            return nil
        }
        guard started >= record.submitted, ended >= started else {
            throw TraceMistake(line: line, detail: "submitted, started and ended must be in this order")
        }
        let runTime = ended - started - .microseconds(Int64(frozen * 1_000_000))
        guard runTime >= .zero else {
            throw TraceMistake(line: line, detail: "frozenSeconds is more than the time from start to end")
        }
        let limit = Duration.microseconds(Int64((record.timeLimitSeconds * 1_000_000).rounded()))
        if runTime > limit {
            trace.adjusted["ran for longer than its limit; a replay ends it there", default: 0] += 1
        }
        return TraceJob(
            name: record.job, submitted: record.submitted, runTime: runTime, timeLimit: limit, cpu: cpu,
            cells: record.cells ?? 1, memory: record.memoryBytes, user: record.user ?? "", group: record.group ?? "",
            priority: record.priority ?? .normal, pool: record.pool)
    }
}

extension Trace {
    /// Reads a record in either format: an export begins with a brace.
    package init(reading bytes: [UInt8]) {
        let first = bytes.first { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        self = first == UInt8(ascii: "{") ? TraceReader.read(bytes) : StandardWorkloadFormat.read(bytes)
    }
}
