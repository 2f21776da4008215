import PanalCore
import PanalScheduler
import PanalSimulation
import Testing

@Suite struct StandardWorkloadFormatTests {
    /// Job 7: submitted at 100 s, ran 50 s on 4 processors with a limit of 60 s.
    private static let fields = [
        "7", "100", "5", "50", "4", "49.5", "2048", "4", "60", "-1", "1", "3", "2", "-1", "1", "-1", "-1", "-1",
    ]

    private static func line(_ changed: [Int: String] = [:]) -> String {
        fields.enumerated().map { changed[$0.offset + 1] ?? $0.element }.joined(separator: " ")
    }

    private static func read(_ text: String) -> Trace { Trace(reading: Array(text.utf8)) }

    @Test func aLineIsAJob() throws {
        let trace = Self.read("; UnixStartTime: 1000\n" + Self.line() + "\n")
        let job = try #require(trace.jobs.first)
        #expect(trace.jobs.count == 1 && trace.mistakes.isEmpty && trace.remarks.isEmpty)
        #expect(job.name == "7" && job.user == "3" && job.group == "2" && job.priority == .normal)
        #expect(job.submitted.microseconds == 1_100_000_000)
        #expect(job.runTime == .seconds(50) && job.timeLimit == .seconds(60))
        #expect(job.cpu == .exclusive(cores: 1) && job.cells == 4 && job.memory == 2_048 * 1_024)
    }

    /// By the changed fields: processors, limit in seconds, bytes of memory, and remarks.
    static let goodLines: [(changed: [Int: String], cells: Int, limit: Double, memory: Int?, remarks: Int)] = [
        ([8: "-1"], 4, 60, 2_097_152, 0), ([8: "0"], 4, 60, 2_097_152, 0), ([5: "-1", 8: "9"], 9, 60, 2_097_152, 0),
        ([9: "-1"], 4, 50, 2_097_152, 1), ([9: "0"], 4, 50, 2_097_152, 1), ([4: "70"], 4, 60, 2_097_152, 1),
        ([7: "-1"], 4, 60, nil, 0), ([10: "1"], 4, 60, 1_024, 0), ([4: "0"], 4, 60, 2_097_152, 0),
        ([4: "0.5", 9: "1.25"], 4, 1.25, 2_097_152, 0), ([11: "0"], 4, 60, 2_097_152, 0),
        ([11: "5"], 4, 60, 2_097_152, 0), ([12: "-1"], 4, 60, 2_097_152, 0),
    ]

    @Test(arguments: goodLines)
    func whatIsNotKnownIsTakenFromElsewhere(
        changed: [Int: String], cells: Int, limit: Double, memory: Int?, remarks: Int
    ) throws {
        let trace = Self.read(Self.line(changed))
        let job = try #require(trace.jobs.first)
        #expect(job.cells == cells && job.timeLimit.inSeconds == limit && job.memory == memory)
        #expect(trace.remarks.count == remarks && trace.mistakes.isEmpty)
    }

    static let lost: [(changed: [Int: String], reason: String)] = [
        ([4: "-1"], "run time is not known"), ([4: "-1", 11: "5"], "cancelled before it started"),
        ([5: "-1", 8: "-1"], "number of processors"), ([5: "0", 8: "0"], "number of processors"),
        ([11: "2"], "a part of a job"), ([11: "4"], "a part of a job"),
    ]

    @Test(arguments: lost)
    func whatCannotBeReplayedIsCounted(changed: [Int: String], reason: String) {
        let trace = Self.read(Self.line(changed) + "\n" + Self.line([1: "8"]))
        #expect(trace.jobs.map(\.name) == ["8"] && trace.mistakes.isEmpty)
        #expect(trace.leftOut.values.reduce(0, +) == 1)
        #expect(trace.remarks.count == 1 && trace.remarks[0].contains(reason), "\(trace.remarks)")
    }

    static let badLines: [(bad: String, detail: String)] = [
        (line([4: "x"]), "field 4 (run time) is ‘x’; it must be a number"), (line([2: "-1"]), "field 2 (submit time)"),
        (line([2: "-7"]), "only -1"), (line([9: "-2"]), "field 9 (requested time) is -2; only -1"),
        (line([4: "nan"]), "must be a number"), (line([4: "inf"]), "must be a number"),
        (line([4: "1e300"]), "too large"), (line([2: "99999999999"]), "too large"), (line([8: "1e12"]), "too many"),
        (line([8: "2.5"]), "must be a whole number"), (line([12: "3.1"]), "must be a whole number"),
        (line([4: "0x10"]), "must be a number"),
        (line([11: "9"]), "field 11 (status) is 9"), (line() + " 1", "has 19 fields"), ("1 2 3", "has 3 fields"),
        ("hello", "has 1 field;"), (line([4: "5\u{0}"]), "must be a number"), (line([18: "٣"]), "must be a number"),
        ("; MaxNodes: many", "MaxNodes is ‘many’"), ("; MaxProcs: 0", "MaxProcs"),
        ("; UnixStartTime: -5", "UnixStartTime"), (line([1: "1"]), "job 1 is in line 1 already"),
    ]

    @Test(arguments: badLines)
    func aBadLineIsNamedWithItsNumber(bad: String, detail: String) {
        // It stands in line 3, and costs nobody else anything.
        let trace = Self.read(Self.line([1: "1"]) + "\n\n" + bad + "\n" + Self.line([1: "2"]))
        #expect(trace.jobs.map(\.name) == ["1", "2"])
        #expect(trace.mistakes.count == 1 && trace.mistakes.first?.line == 3)
        #expect(trace.mistakes.first?.detail.contains(detail) == true, "\(trace.mistakes)")
    }

    /// Whatever stands in a file, every line of it is a job, left out, wrong, blank or a comment.
    @Test func nothingIsLostOfAnyBytes() {
        var generator = SeededGenerator(seed: 4)
        let pieces = ["1", "-1", " ", "\t", "\n", "\r\n", ";", "MaxNodes:", "x", "1e9", "0", ".", "-", "\u{fffd}", "é"]
        for _ in 0..<500 {
            var text = ""
            for _ in 0..<Int.random(in: 0...120, using: &generator) {
                let number = Int.random(in: 0..<36, using: &generator)
                text += number < 9 ? Self.line([1: "\(number)"]) + "\n" : pieces[number % pieces.count]
            }
            let trace = Self.read(";\n" + text)
            let lines = text.utf8.split(separator: UInt8(ascii: "\n")).map { String($0) ?? "?" }
            let wanted = lines.count { line in
                let first = line.unicodeScalars.first { $0 != " " && $0 != "\t" && $0 != "\r" }
                return first.map { $0 != ";" } ?? false
            }
            let ofHead = trace.mistakes.count { $0.detail.hasPrefix("MaxNodes") }
            let found = trace.jobs.count + trace.leftOut.values.reduce(0, +) + trace.mistakes.count - ofHead
            #expect(found == wanted, "\(text)")
        }
    }

    @Test func theHeadDescribesTheMachine() {
        let hosts = Self.read("; MaxNodes: 120\n; MaxProcs: 240\n").hosts
        #expect(hosts.map(\.cores.count) == Array(repeating: 2, count: 120))
        #expect(Self.read("; MaxProcs: 3").hosts.map(\.cores.count) == [1, 1, 1])
        #expect(Self.read("; MaxNodes: 3 (large)").hosts.map(\.cores.count) == [1, 1, 1])
        #expect(Self.read("; MaxNodes: 2\n; MaxProcs: 5").hosts.map(\.cores.count) == [3, 3])
        #expect(Self.read(Self.line()).hosts.isEmpty)
    }

    @Test func laterLinesThatWereSubmittedEarlierAreSorted() {
        let lines = [Self.line([1: "1", 2: "9"]), Self.line([1: "2", 2: "3"]), Self.line([1: "3", 2: "9"])]
        let trace = Self.read(lines.joined(separator: "\r\n"))
        #expect(trace.jobs.map(\.name) == ["2", "1", "3"])
        #expect(trace.remarks.count == 1 && trace.remarks[0].contains("sorted"))
    }

    @Test func aRealTraceIsReadWhole() throws {
        let trace = try cutOfHPC2N()
        #expect(trace.mistakes.isEmpty)
        #expect(trace.jobs.count + trace.leftOut.values.reduce(0, +) == 620)
        #expect(trace.hosts.count == 240)
        #expect(trace.source.contains("Acknowledge: Ake Sandgren"))
        // 28 July 2002 and 48 days.
        #expect(trace.jobs[0].submitted.rfc3339 == "2002-09-14T10:42:05.000Z")
    }
}

@Suite struct TraceRecordTests {
    private static let start = Timestamp(microseconds: 1_790_000_000_125_000)

    private static let records: [TraceRecord] = [
        TraceRecord(
            job: "a", submitted: start, started: start + .seconds(3), ended: start + .milliseconds(10_500),
            cpu: .exclusive(cores: 2), cells: 3, memory: 1 << 30, timeLimit: .seconds(600), user: "ada ‘\"\\\n",
            group: "g", priority: .high, pool: "left", state: "finished"),
        TraceRecord(
            job: "b", submitted: start + .seconds(1), started: start + .seconds(20), ended: start + .seconds(50),
            frozen: .seconds(10), cpu: .shared(millicores: 500), timeLimit: .seconds(60), priority: .opportunistic,
            state: "failed"),
        TraceRecord(
            job: "c", submitted: start + .seconds(2), cpu: .exclusive(cores: 1), timeLimit: .seconds(1),
            state: "cancelled"),
        TraceRecord(
            job: "d", submitted: start + .seconds(2), started: start + .seconds(3), cpu: .exclusive(cores: 1),
            timeLimit: .seconds(1), state: "running"),
    ]

    private static let head = TraceRecord.Head(hosts: [
        TraceRecord.Head.Host(name: "one", pool: "left", cores: 4, memoryBytes: 8 << 30)
    ])

    private static func written(_ records: [TraceRecord]) throws -> String {
        let writer = TraceWriter()
        return try writer.line(head) + records.map { try writer.line($0) }.joined()
    }

    @Test func whatIsWrittenIsReadBack() throws {
        let text = try Self.written(Self.records)
        #expect(text.split(separator: "\n").count == 5)
        let trace = Trace(reading: Array(text.utf8))
        #expect(trace.mistakes.isEmpty)
        #expect(trace.leftOut == ["never started (cancelled)": 1, "had not ended (running)": 1])
        #expect(
            trace.jobs == [
                TraceJob(
                    name: "a", submitted: Self.start, runTime: .milliseconds(7_500), timeLimit: .seconds(600),
                    cpu: .exclusive(cores: 2), cells: 3, memory: 1 << 30, user: "ada ‘\"\\\n", group: "g",
                    priority: .high, pool: "left"),
                TraceJob(
                    name: "b", submitted: Self.start + .seconds(1), runTime: .seconds(20), timeLimit: .seconds(60),
                    cpu: .shared(millicores: 500), priority: .opportunistic),
            ])
        let host = try #require(trace.hosts.first)
        #expect(trace.hosts.count == 1 && host.name == "one" && host.pool == "left")
        #expect(host.cores.count == 4 && host.memory == 8 << 30)
    }

    @Test func aReplayedExportRuns() throws {
        let trace = Trace(reading: Array(try Self.written(Self.records).utf8))
        var settings = ScheduleSettings()
        settings.queueLimit = 0
        // Three cells of two cores do not fit on one host with four.
        let run = Simulation(jobs: trace.jobs, hosts: trace.hosts, settings: settings).run()
        #expect(run.results[0].refusal != nil)
        #expect(run.results[1].ended == trace.jobs[1].submitted.microseconds + 20_000_000)
        #expect(run.refusals.map(\.count) == [1])
    }

    private static let good =
        #""job":"a","submitted":"2026-11-21T06:31:29Z","started":"2026-11-21T06:31:30Z","#
        + #""ended":"2026-11-21T06:31:40Z","state":"finished""#
    private static let limited = good + #","timeLimitSeconds":5"#

    @Test func whatMayBeLeftOutMayBe() {
        let head = #"{"format":"panal-trace","version":1}"#
        let text = "\n\(head)\n{\(Self.limited),\"cores\":1,\"later\":1}\n"
        let trace = Trace(reading: Array(text.utf8))
        #expect(trace.mistakes.isEmpty && trace.hosts.isEmpty && trace.jobs.count == 1)
        #expect(trace.adjusted.values.reduce(0, +) == 1, "ran for longer than its limit")
        #expect(trace.jobs.first?.cells == 1 && trace.jobs.first?.priority == .normal)
    }

    static let badLines: [(bad: String, detail: String)] = [
        ("nonsense", "no JSON object"), ("[]", "must be"), ("{}", "is missing"),
        ("{\(good),\"cores\":1}", "timeLimitSeconds"), ("{\(limited)}", "either cores or millicores"),
        ("{\(limited),\"cores\":1,\"millicores\":5}", "either cores or millicores"),
        ("{\(limited),\"cores\":0}", "cores must be"), ("{\(limited),\"cores\":\"1\"}", "cores must be"),
        ("{\(good),\"timeLimitSeconds\":0,\"cores\":1}", "timeLimitSeconds is 0"),
        ("{\(limited),\"cores\":1,\"cells\":0}", "cells is 0"),
        ("{\(limited),\"cores\":1,\"memoryBytes\":0}", "memoryBytes is 0"),
        ("{\(limited),\"cores\":1,\"frozenSeconds\":60}", "frozenSeconds"),
        ("{\(limited),\"cores\":1,\"priority\":\"urgent\"}", "priority"),
        ("{\(limited.replacing("06:31:40", with: "05:00:00")),\"cores\":1}", "in this order"),
        ("{\(limited.replacing("2026-11-21T06:31:40Z", with: "noon")),\"cores\":1}", "RFC 3339"),
    ]

    @Test(arguments: badLines)
    func aBadLineIsNamedWithItsNumber(bad: String, detail: String) throws {
        let trace = Trace(reading: Array((try Self.written([Self.records[0]]) + bad + "\n").utf8))
        #expect(trace.jobs.count == 1)
        #expect(trace.mistakes.count == 1 && trace.mistakes.first?.line == 3)
        #expect(trace.mistakes.first?.detail.contains(detail) == true, "\(trace.mistakes)")
    }

    static let badHeads: [(head: String, detail: String)] = [
        (#"{"format":"other","version":1}"#, "format is ‘other’"),
        (#"{"format":"panal-trace","version":2}"#, "version is 2"),
        (#"{"format":"panal-trace"}"#, "version is missing"), ("{", "no JSON object"),
    ]

    @Test(arguments: badHeads)
    func aBadHeadIsNamed(head: String, detail: String) {
        let trace = Trace(reading: Array((head + "\n").utf8))
        #expect(trace.mistakes.count == 1 && trace.mistakes.first?.line == 1)
        #expect(trace.mistakes.first?.detail.contains(detail) == true, "\(trace.mistakes)")
    }
}

@Suite struct HostSpecificationTests {
    @Test func aTextIsHosts() throws {
        let hosts = try HostSpecification.hosts(parsing: "# two racks\n2x2:4GiB@left, 1x16:64GiB # the large one\n")
        #expect(hosts.map(\.cores.count) == [2, 2, 16])
        #expect(hosts.map(\.memory) == [4 << 30, 4 << 30, 64 << 30])
        #expect(hosts.map(\.pool) == ["left", "left", "local"])
        #expect(Set(hosts.map(\.name)).count == 3 && hosts.map(\.name) == hosts.map(\.name).sorted())
    }

    static let mistakes: [(text: String, detail: String)] = [
        ("", "there are no hosts"), ("# none", "there are no hosts"), ("2", "names no hosts"), ("2x", "names no hosts"),
        ("2x2x2", "names no hosts"), ("ax2", "names no hosts"), ("0x2", "from 1 to"), ("2x0", "from 1 to"),
        ("-1x2", "from 1 to"), ("1000000x4096", "at most"), ("2x2:lots", "‘2x2:lots’"), ("2x2:0", "needs memory"),
        ("2x2@", "no name"), ("2x2,2x2:4GiB", "of all hosts, or of none"),
    ]

    @Test(arguments: mistakes)
    func aMistakeSaysWhatWouldBeRight(text: String, detail: String) {
        let error = #expect(throws: HostSpecification.Mistake.self) { try HostSpecification.hosts(parsing: text) }
        #expect(error?.detail.contains(detail) == true, "\(String(describing: error))")
    }
}
