import ArgumentParser
import FoundationEssentials
import Glibc
import PanalCore
import PanalProfiles
import PanalSandbox
import PanalSeccomp

/// For whoever works on the launcher: what one cell costs of the host's processor time, everything counted that takes part. Wall
/// time says little beside other work; this says nearly the same.
struct CellLoad: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load", abstract: "Cells alone: their rate, and the processor time that each costs.")

    @OptionGroup var options: BenchOptions

    @Option(help: "Folder with the profiles.")
    var profiles: String

    @Option(help: "The launcher.")
    var launcher: String

    @Option(help: "How many runs there are at any moment.")
    var workers = 2

    @Option(help: "Milliseconds between the runs of a worker.")
    var pause: UInt32 = 0

    @MainActor
    func run() async throws {
        let executor = try LocalExecutor.start(
            LauncherSettings(
                executable: launcher, instance: "load-\(getpid())", dataFolder: nil,
                seccomp: try SeccompPolicies.load(folder: "\(profiles)/seccomp")))
        guard let profile = try ProfileCatalog.load(folder: profiles)["small"] else {
            throw BenchFailure("there is no profile ‘small’")
        }
        let cells = BenchCells(executor: executor, profile: profile)
        do {
            _ = try await measure(cells, runs: 20)
            usleep(300_000)
            try Report.print([try await measure(cells, runs: options.runs)], json: options.json)
        } catch {
            await executor.stop()
            throw error
        }
        await executor.stop()
    }

    private func measure(_ cells: BenchCells, runs: Int) async throws -> Row {
        let share = max(1, runs / workers)
        var measurement = Measurement("")
        let (begin, before) = (ContinuousClock.now, ProcessClock.hostTime())
        let samples = try await withThrowingTaskGroup(of: [Duration].self) { [pause, workers] group in
            for worker in 0..<workers {
                group.addTask {
                    var samples: [Duration] = []
                    for _ in 0..<share {
                        if pause > 0 { usleep(pause * 1_000) }
                        let begin = ContinuousClock.now
                        try await cells.run(["/usr/bin/true"], worker: worker)
                        samples.append(ContinuousClock.now - begin)
                    }
                    return samples
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        measurement.span = ContinuousClock.now - begin
        let used = ProcessClock.hostTime() - before
        for sample in samples { measurement.add(sample) }
        let row = measurement.row(comparedWith: nil)
        return Row(
            median: row.median, slowest: row.slowest, perSecond: row.perSecond,
            processorTime: (Double(used) / Double(samples.count) / 1_000).rounded())
    }

    struct Row: Encodable {
        var median: Double
        var slowest: Double
        var perSecond: Double
        var processorTime: Double

        enum CodingKeys: String, CodingKey {
            case median = "p50_us"
            case slowest = "p99_us"
            case perSecond = "per_second"
            case processorTime = "processor_us"
        }
    }
}
