import ArgumentParser

/// Measures cells and the server against what else there is. `Scripts/bench` builds it, prepares the machine and runs it.
@main
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "panal-bench", abstract: "Measure how fast cells and the server are.",
        subcommands: [
            CellBench.self, CellLoad.self, TimingBench.self, OwnerBench.self, HTTPBench.self, SchedulerBench.self,
            ManifestBench.self,
        ])
}

struct BenchFailure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}

/// What both benchmarks are asked.
struct BenchOptions: ParsableArguments {
    @Option(help: "Runs of each kind.")
    var runs = 200

    @Flag(help: "Print JSON, a row a line, rather than a table.")
    var json = false

    func validate() throws {
        guard runs >= 10 else { throw ValidationError("at least 10 runs make a median") }
    }
}
