import ArgumentParser
import FoundationEssentials
import Glibc
import PanalCore
import PanalProfiles
import PanalSandbox
import Synchronization

struct HTTPBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "http",
        abstract: "Submit a job that runs /bin/true and wait for its result, over HTTP; or read jobs.",
        discussion: """
            Jobs: the same program in a cell alone, then through the server at concurrency 1, 2, 8 and 64 back to back, and one request \
            every 30 ms. Reads: one job, and lists, of as many as the server has. The key is read from PANAL_KEY.
            """)

    enum Part: String, ExpressibleByArgument, CaseIterable { case jobs, reads }

    @OptionGroup var options: BenchOptions

    @Option(help: "What to measure.")
    var part = Part.jobs

    @Option(help: "Address of the server: http://127.0.0.1:PORT.")
    var server: String

    @Option(help: "Process of the server, whose processor time is told.")
    var process: Int

    @Option(help: "Name of the program to run; it takes no inputs.")
    var program = "true"

    @Option(help: "Folder with the profiles, for the cell alone.")
    var profiles: String

    @Option(help: "The launcher, for the cell alone.")
    var launcher: String

    @MainActor
    func run() async throws {
        guard let key = ProcessInfo.processInfo.environment["PANAL_KEY"] else {
            throw BenchFailure("PANAL_KEY is not set")
        }
        let clock = try ProcessClock(server: process)
        let site = Site(server: server, key: key, program: program)
        switch part {
        case .jobs:
            var rows = try await cells()
            try measure("", 20, 1, clock, site.run)
            for concurrency in [1, 2, 8, 64] {
                let name = "http, \(concurrency) client\(concurrency == 1 ? "" : "s")"
                rows.append(try measure(name, options.runs, concurrency, clock, site.run))
            }
            rows.append(try measure("http, 1 client, every 30 ms", options.runs, 1, pause: 30_000, clock, site.run))
            try Report.print(rows, json: options.json)
        case .reads:
            let jobs = try site.someJobs()
            var rows: [LoadRow] = []
            for concurrency in [1, 2, 8] {
                rows.append(
                    try measure("a job, \(concurrency) at a time", options.runs, concurrency, clock) { client, number in
                        try site.read("/api/v1/jobs/\(jobs.ids[number * 7 % jobs.ids.count])", &client)
                    })
                for limit in [1, 10, 50] {
                    let name = "a list of \(limit), \(concurrency) at a time"
                    rows.append(
                        try measure(name, max(10, options.runs / limit), concurrency, clock) { client, number in
                            let cursor = jobs.cursors[number * 3 % jobs.cursors.count]
                            try site.read("/api/v1/jobs?limit=\(limit)&cursor=\(cursor)", &client)
                        })
                }
            }
            try Report.print(rows, json: options.json)
        }
    }

    /// What the same command costs in a cell without a server.
    @MainActor
    private func cells() async throws -> [LoadRow] {
        var rows: [LoadRow] = []
        try await BenchExecutor.run(launcher: launcher, profiles: profiles) { executor in
            guard let profile = try ProfileCatalog.load(folder: profiles)["small"] else {
                throw BenchFailure("there is no profile ‘small’")
            }
            let cells = BenchCells(executor: executor, profile: profile)
            for _ in 0..<20 { try await cells.run(["/usr/bin/true"]) }
            for (pause, name) in [(UInt32(0), "the cell alone"), (30_000, "the cell alone, every 30 ms")] {
                var measurement = Measurement(name)
                let before = ProcessClock.hostTime()
                for _ in 0..<options.runs {
                    if pause > 0 { usleep(pause) }
                    let begin = ContinuousClock.now
                    try await cells.run(["/usr/bin/true"])
                    measurement.add(ContinuousClock.now - begin)
                }
                rows.append(LoadRow(measurement, host: ProcessClock.hostTime() - before))
            }
        }
        return rows
    }

    /// `body` gets a connection of its own and a number that no other call has.
    @discardableResult
    private func measure(
        _ name: String, _ runs: Int, _ concurrency: Int, pause: UInt32 = 0, _ clock: ProcessClock,
        _ body: @escaping @Sendable (inout PlainClient, Int) throws -> Void
    ) throws -> LoadRow {
        let results = Mutex((samples: [Duration](), failure: (any Error)?.none))
        let (server, key) = (server, ProcessInfo.processInfo.environment["PANAL_KEY"] ?? "")
        let share = max(1, runs / concurrency)
        let (begin, before) = (ContinuousClock.now, clock.read())
        try Workers.run(concurrency) { worker in
            do {
                var client = try PlainClient(server: server, key: key)
                var samples: [Duration] = []
                for turn in 0..<share {
                    if pause > 0 { usleep(pause) }
                    let begin = ContinuousClock.now
                    try body(&client, worker * share + turn)
                    samples.append(ContinuousClock.now - begin)
                }
                results.withLock { $0.samples += samples }
            } catch {
                results.withLock { $0.failure = error }
            }
        }
        let (samples, failure) = results.withLock { $0 }
        if let failure { throw failure }
        let after = clock.read()
        var measurement = Measurement(name)
        for sample in samples { measurement.add(sample) }
        measurement.span = ContinuousClock.now - begin
        return LoadRow(
            measurement, host: after.host - before.host, server: after.server - before.server,
            launcher: after.launcher - before.launcher)
    }
}

/// What is asked of the server.
private struct Site: Sendable {
    let server: String
    let key: String
    let program: String

    /// One job from its submission to its result.
    @Sendable func run(_ client: inout PlainClient, _ number: Int) throws {
        let answer = try client.send(
            "POST", "/api/v1/programs/\(program)/jobs",
            headers: "Prefer: wait=30\r\nContent-Type: application/json\r\n",
            body: "{}")
        // Looked at as text: reading JSON would be measured too.
        let text = String(decoding: answer.body, as: UTF8.self)
        guard answer.status == 200, text.contains("\"state\":\"finished\""), text.contains("\"code\":0") else {
            throw BenchFailure("the server answered \(answer.status): \(text)")
        }
    }

    @Sendable func read(_ path: String, _ client: inout PlainClient) throws {
        let answer = try client.send("GET", path)
        guard answer.status == 200 else {
            throw BenchFailure("\(path): \(answer.status): \(String(decoding: answer.body, as: UTF8.self))")
        }
    }

    /// Jobs, and places in the list of all, as far apart as a walk of some hundred pages reaches.
    func someJobs() throws -> (ids: [String], cursors: [String]) {
        var client = try PlainClient(server: server, key: key)
        var (ids, cursors): ([String], [String]) = ([], [])
        var path = "/api/v1/jobs?limit=200"
        while ids.count < 40_000 {
            let answer = try client.send("GET", path)
            guard answer.status == 200, case .object(let page) = try JSONValue(parsing: Data(answer.body)),
                case .array(let jobs)? = page["jobs"]
            else { throw BenchFailure("\(path): \(answer.status)") }
            for case .object(let job) in jobs {
                if case .string(let id)? = job["id"] { ids.append(id) }
            }
            guard case .string(let cursor)? = page["next"] else { break }
            cursors.append(cursor)
            path = "/api/v1/jobs?limit=200&cursor=\(cursor)"
        }
        guard !cursors.isEmpty else { throw BenchFailure("the server has too few jobs to read") }
        return (ids, cursors)
    }
}

/// Times of one kind of request, and what it cost in processor time.
struct LoadRow: Encodable {
    var times: Measurement.Row
    /// Microseconds of processor time for each: of panald, of its launcher without the cells, and of everything on the host.
    var server: Double?
    var launcher: Double?
    var host: Double

    /// Nanoseconds in all.
    init(_ measurement: Measurement, host: Int64, server: Int64? = nil, launcher: Int64? = nil) {
        func each(_ time: Int64) -> Double {
            (Double(time) / Double(max(1, measurement.samples.count)) / 1_000).rounded()
        }
        times = measurement.row(comparedWith: nil)
        self.host = each(host)
        self.server = server.map(each)
        self.launcher = launcher.map(each)
    }

    enum CodingKeys: String, CodingKey {
        case server = "server_cpu_us"
        case launcher = "launcher_cpu_us"
        case host = "host_cpu_us"
    }

    func encode(to encoder: any Encoder) throws {
        try times.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(server, forKey: .server)
        try container.encodeIfPresent(launcher, forKey: .launcher)
        try container.encode(host, forKey: .host)
    }
}
