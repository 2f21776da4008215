import ArgumentParser
import FoundationEssentials
import Glibc
import PanalCore
import PanalProfiles
import PanalSandbox

struct TimingBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "timing",
        abstract: "How much the times of one program differ from run to run, beside a noisy neighbour.",
        discussion: """
            The same computation again and again, timed from inside, while something else keeps the last core busy: by itself, \
            pinned to the first core as isolate's users do it, in bubblewrap, and in a cell on the core that ‘panal run --quiet’ \
            chooses. The kinds take turns.
            """)

    @OptionGroup var options: BenchOptions

    @Option(help: "Folder with the profiles.")
    var profiles: String

    @Option(help: "The launcher.")
    var launcher: String

    /// Prints the nanoseconds that some 50 ms of arithmetic took.
    private static let script = """
        from time import perf_counter_ns as now
        begin = now(); total = 0
        for number in range(1000000): total += number * number
        print(now() - begin)
        """

    @MainActor
    func run() async throws {
        try await BenchExecutor.run(launcher: launcher, profiles: profiles, measure)
    }

    @MainActor
    private func measure(_ executor: LocalExecutor) async throws {
        guard let profile = try ProfileCatalog.load(folder: profiles)["small"] else {
            throw BenchFailure("there is no profile ‘small’")
        }
        let cores = executor.capacity.cores
        guard cores.count > 1, let first = cores.first, let last = cores.last else {
            throw BenchFailure("with one core there is no other for the neighbour")
        }
        let neighbour = try Neighbour(core: last)
        defer { neighbour.end() }
        let cells = BenchCells(executor: executor, profile: profile)
        let quiet = await CoreWatch.quietest(1, of: cores)
        let worker = quiet.first.flatMap { cores.firstIndex(of: $0) } ?? 0
        let python = "/usr/bin/python3 -"
        let kinds: [(name: String, run: () async throws -> String)] = [
            ("by itself", { try Self.output(of: python) }),
            ("pinned by taskset", { try Self.output(of: "taskset -c \(first) \(python)") }),
            (
                "bubblewrap",
                { try Self.output(of: "bwrap \(CellBench.bubblewrap.joined(separator: " ")) \(python)") }
            ),
            (
                "panal cell, quiet core",
                { try await cells.run(["/usr/bin/python3", "-c", Self.script], worker: worker) }
            ),
        ]
        var measurements = kinds.map { Measurement($0.name) }
        for _ in 0..<options.runs {
            for (place, kind) in kinds.enumerated() {
                let text = try await kind.run()
                guard let time = Int64(text.filter { !$0.isWhitespace }) else {
                    throw BenchFailure("\(kind.name) printed ‘\(text)’")
                }
                measurements[place].add(.nanoseconds(time))
            }
        }
        try Report.print(measurements.map(\.spread), json: options.json)
    }

    /// What a shell's command wrote that gets the script as its standard input.
    private static func output(of command: String) throws -> String {
        guard let pipe = unsafe popen("exec \(command) <<'END'\n\(script)\nEND", "r") else {
            throw BenchFailure("\(command) cannot be started (errno \(errno))")
        }
        var bytes: [UInt8] = []
        while case let byte = unsafe fgetc(pipe), byte != EOF { bytes.append(UInt8(truncatingIfNeeded: byte)) }
        guard unsafe pclose(pipe) == 0 else { throw BenchFailure("\(command) failed") }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Keeps one core busy until it is ended, or its hour is over.
private struct Neighbour {
    private let process: pid_t

    init(core: Int) throws {
        let words = [
            "/usr/bin/taskset", "-c", String(core), "/usr/bin/python3", "-c",
            "from time import time\nend = time() + 3600\nwhile time() < end: pass",
        ]
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) } + [nil]
        defer { for place in unsafe arguments.indices { unsafe free(arguments[place]) } }
        var child: pid_t = 0
        let failure = unsafe posix_spawn(&child, words[0], nil, nil, &arguments, environ)
        guard failure == 0 else { throw BenchFailure("the neighbour cannot be started (errno \(failure))") }
        process = child
    }

    func end() {
        kill(process, SIGKILL)
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
    }
}
