import ArgumentParser
import FoundationEssentials
import Glibc
import PanalCore
import PanalScheduler
import PanalSimulation

struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Try scheduling policies on a recorded load.",
        discussion: """
            Replays TRACE through the scheduler's own code and prints what became of it, a line for each policy. A trace is a \
            file in Standard Workload Format (18 numbers for each job, as in the Parallel Workloads Archive) or Panal's own export \
            (JSON lines). A job ends after its recorded run time, or at its limit if that is earlier.

            Policies: panal (the default of the service: fair share, backfill that never delays the first of the queue), easy \
            (first come first served with the same backfill), fcfs (first come first served), and UnaCloud's allocators random, \
            roundRobin, firstFit, firstFitDecreasing, bestFit, sorting and singleton; ‘all’ is all of them.

            Hosts: 120x2 is 120 hosts with 2 cores each, 120x2:4GiB gives each of them 4 GiB, 120x2:4GiB@left puts them into the \
            pool ‘left’; several are separated by commas, in a file by commas, blanks or lines. Where hosts have no memory given, \
            memory is no matter. Without --hosts they are what the trace's head says (MaxNodes, MaxProcs).

            Figures: used: part of all cores that computed between the first submission and the last end. Waits: mean, median, \
            95th and 99th percentile, longest. slowdown: mean of max(1, (wait + run) / max(run, 10 s)). fairness: Jain's index over \
            the users' mean of 1 / slowdown, 1 when all users get the same. fragmented: part of all cores that was free while \
            somebody waited. cut: jobs that were ended at their limit.

            Exit codes: 0 done, 1 a trace, hosts or file that cannot be used, 64 a wrong command line.
            """)

    @Argument(help: "The recorded load.")
    var trace: String

    @Option(help: ArgumentHelp("Policies, separated by commas.", valueName: "names"))
    var policy = "panal,easy,fcfs"

    @Option(help: ArgumentHelp("The machine, or a file that describes it.", valueName: "spec"))
    var hosts: String?

    @Option(help: ArgumentHelp("After this time half of what somebody has used is forgotten.", valueName: "span"))
    var halfLife = "7d"

    @Option(help: ArgumentHelp("Write the figures as CSV; ‘-’ prints them instead of the table.", valueName: "file"))
    var csv: String?

    @Option(help: ArgumentHelp("Draw cores × time, a panel for each policy.", valueName: "file"))
    var svg: String?

    @Flag(help: "Print the figures as JSON instead of the table.")
    var json = false

    @Flag(help: "Leave out lines that cannot be read, instead of stopping.")
    var skipBadLines = false

    func validate() throws {
        guard !(json && csv == "-") else { throw ValidationError("--json and --csv - both print; choose one") }
        _ = try policies()
        _ = try settings(.standard)
    }

    private func policies() throws -> [(name: String, policy: SchedulingPolicy)] {
        let known = SchedulingPolicy.named
        if policy == "all" { return known }
        var chosen: [(name: String, policy: SchedulingPolicy)] = []
        for name in policy.split(separator: ",", omittingEmptySubsequences: false) {
            guard let found = known.first(where: { $0.name == name }) else {
                let names = known.map(\.name).joined(separator: ", ")
                throw ValidationError("there is no policy ‘\(name)’; there are \(names), and all")
            }
            if !chosen.contains(where: { $0.name == name }) { chosen.append(found) }
        }
        return chosen
    }

    private func settings(_ policy: SchedulingPolicy) throws -> ScheduleSettings {
        do {
            let span = try Quantity.duration(halfLife)
            guard span >= .seconds(60) else { throw ValidationError("--half-life is at least 1min") }
            return ScheduleSettings(policy: policy, usageHalfLife: span)
        } catch let mistake as QuantityMistake {
            throw ValidationError("--half-life: \(mistake.detail)")
        }
    }

    func run() throws {
        let trace = try readTrace()
        let hosts = try readHosts(trace)
        var panels: [SchedulePicture.Panel] = []
        let policies = try policies()
        for (place, entry) in policies.enumerated() {
            let simulation = Simulation(jobs: trace.jobs, hosts: hosts, settings: try settings(entry.policy))
            var bar = ProgressBar(total: trace.jobs.count, label: "\(entry.name) (\(place + 1) of \(policies.count))")
            let run = simulation.run { bar.show($0) }
            bar.clear()
            panels.append(
                SchedulePicture.Panel(policy: entry.name, run: run, figures: SimulationFigures(run)))
        }
        try tell(panels, trace, hosts)
    }

    private func readTrace() throws -> Trace {
        guard let data = FileManager.default.contents(atPath: trace) else {
            throw CommandFailure("\(trace) cannot be read")
        }
        let read = Trace(reading: [UInt8](data))
        for mistake in read.mistakes.prefix(20) { StandardError.line("\(trace):\(mistake.line): \(mistake.detail)") }
        if !read.mistakes.isEmpty {
            let count = read.mistakes.count
            let lines = count == 1 ? "1 line" : "\(count) lines"
            guard skipBadLines else {
                throw CommandFailure("\(lines) cannot be read; mend them, or leave them out with --skip-bad-lines")
            }
            StandardError.line("\(lines) left out: cannot be read")
        }
        for remark in read.remarks { StandardError.line(remark) }
        guard !read.jobs.isEmpty else { throw CommandFailure("\(trace) has no job that could be replayed") }
        return read
    }

    private func readHosts(_ trace: Trace) throws -> [HostDescription] {
        guard let hosts else {
            guard !trace.hosts.isEmpty else {
                throw CommandFailure(
                    "\(self.trace) does not say how many hosts there were; give --hosts, such as 120x2")
            }
            return trace.hosts
        }
        do {
            guard FileManager.default.fileExists(atPath: hosts) else {
                return try HostSpecification.hosts(parsing: hosts)
            }
            guard let data = FileManager.default.contents(atPath: hosts) else {
                throw CommandFailure("\(hosts) cannot be read")
            }
            return try HostSpecification.hosts(parsing: String(decoding: data, as: UTF8.self))
        } catch let mistake as HostSpecification.Mistake {
            throw CommandFailure("--hosts: \(mistake.detail)")
        }
    }

    private func tell(_ panels: [SchedulePicture.Panel], _ trace: Trace, _ hosts: [HostDescription]) throws {
        let report = PolicyReport(panels.map { PolicyReport.Entry(policy: $0.policy, figures: $0.figures) })
        let cores = hosts.reduce(0) { $0 + $1.cores.count }
        for panel in panels {
            for (reason, count) in panel.run.refusals {
                StandardError.line("\(panel.policy): \(count) jobs refused: \(reason)")
            }
        }
        if json {
            print(try report.json(trace, hosts: hosts.count, cores: cores), terminator: "")
        } else if csv == "-" {
            print(report.csv, terminator: "")
        } else {
            print("jobs: \(trace.jobs.count), hosts: \(hosts.count), cores: \(cores)")
            print(report.table, terminator: "")
        }
        if let csv, csv != "-" { try write(report.csv, to: csv) }
        guard let svg else { return }
        let name = trace.source.isEmpty ? "" : trace.source.joined(separator: " · ")
        let file = self.trace.split(separator: "/").last.map(String.init) ?? self.trace
        let picture = SchedulePicture(
            title: "\(file): \(trace.jobs.count) jobs on \(hosts.count) hosts with \(cores) cores", subtitle: name,
            panels: panels)
        try write(picture.svg, to: svg)
    }

    private func write(_ text: String, to file: String) throws {
        do {
            try Data(text.utf8).write(to: URL(filePath: file))
        } catch {
            // Foundation's own words are not for people.
            throw CommandFailure("\(file) cannot be written; its folder must be there, and writable")
        }
    }
}

/// How far something is, on a terminal's standard error; nothing where that is none.
struct ProgressBar {
    private let total: Int
    private let label: String
    private let isTerminal = isatty(2) == 1
    private var next = ContinuousClock.now
    private var isShown = false
    private static let width = 32

    init(total: Int, label: String) {
        self.total = max(1, total)
        self.label = label
    }

    /// Draws at most ten times a second.
    mutating func show(_ done: Int) {
        guard isTerminal else { return }
        let now = ContinuousClock.now
        guard now >= next else { return }
        next = now + .milliseconds(100)
        isShown = true
        let part = min(1, Double(done) / Double(total))
        let full = Int(part * Double(Self.width))
        let bar = String(repeating: "█", count: full) + String(repeating: "░", count: Self.width - full)
        StandardError.write("\r\(bar) \(Int(part * 100))% \(label)\u{1b}[K")
    }

    mutating func clear() {
        if isShown { StandardError.write("\r\u{1b}[K") }
        isShown = false
    }
}
