import ArgumentParser
import CPanalSyscalls
import Dispatch
import FoundationEssentials
import Glibc
import PanalCore
import PanalProfiles
import PanalSandbox
import PanalSeccomp
import Synchronization

struct CellBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cell",
        abstract: "Programs by themselves, in bubblewrap, in crun and in a cell.",
        discussion: """
            /bin/true back to back, once every 30 ms (when caches and the kernel's grace periods have gone cold), and from two \
            workers; an interpreter's start; how fast a program runs that has started; what cells take of memory, and what is \
            left after many. The kinds take turns in blocks, so that a drift of the machine hits all alike.
            """)

    @OptionGroup var options: BenchOptions

    @Option(help: "Folder with the profiles.")
    var profiles: String

    @Option(help: "The launcher.")
    var launcher: String

    @Option(help: "Cells in a row after which what is left is looked for; 0 for none.")
    var soak = 10_000

    struct Contestant {
        var name: String
        /// The command once, by the worker of this number, which has a core of its own where that can be said.
        var run: @Sendable (_ worker: Int) throws -> Void
    }

    /// All on the main thread, which gets a mount namespace of its own once the launcher has been started outside of it.
    func run() throws {
        let bundles = try (0..<2).map { try OCIBundle(arguments: ["/usr/bin/true"], worker: $0) }
        defer { for bundle in bundles { bundle.remove() } }
        let executor = try LocalExecutor.start(
            LauncherSettings(
                executable: launcher, instance: "bench-\(getpid())", dataFolder: nil,
                seccomp: try SeccompPolicies.load(folder: "\(profiles)/seccomp")))
        defer { BenchCells.wait { await executor.stop() } }
        try Self.hideUnifiedHierarchy()
        guard let profile = try ProfileCatalog.load(folder: profiles)["small"] else {
            throw BenchFailure("there is no profile ‘small’")
        }
        let cells = BenchCells(executor: executor, profile: profile)
        let contestants = contestants(cells: cells, bundles: bundles)
        var rows: [Measurement.Row] = []
        for times in [
            try measure(contestants, pause: nil), try measure(contestants, pause: 30_000),
            try crowd(contestants), try measure(interpreters(cells), pause: nil, suffix: ", python3 -c pass"),
            try SteadyState.measure(cells),
        ] {
            rows += times.map { $0.row(comparedWith: times.first) }
        }
        try Report.print(rows, json: options.json)
        try Report.print(try Footprint.measure(cells, soak: soak), json: options.json)
    }

    /// crun refuses to run where a version 2 hierarchy with controllers stands beside the version 1 ones. It does not see
    /// that one in a mount namespace without it.
    private static func hideUnifiedHierarchy() throws {
        let path = "/sys/fs/cgroup/unified"
        guard FileManager.default.fileExists(atPath: path) else { return }
        for status in [
            panal_unshare(panal_clone_newns()), unsafe panal_mount("none", "/", nil, UInt(MS_REC | MS_PRIVATE), nil),
            unsafe panal_unmount_detached(path),
        ] where status < 0 {
            throw BenchFailure("no mount namespace without \(path) (errno \(-status))")
        }
    }

    private func contestants(cells: BenchCells, bundles: [OCIBundle]) -> [Contestant] {
        let plain = PreparedCommand("/usr/bin/true")
        let bubblewrap = PreparedCommand("/usr/bin/bwrap", Self.bubblewrap + ["/usr/bin/true"])
        let crun = bundles.map(\.command)
        return [
            Contestant(name: "vfork + exec") { _ in try plain.run() },
            Contestant(name: "bubblewrap") { _ in try bubblewrap.run() },
            Contestant(name: "crun") { try crun[$0].run() },
            Contestant(name: "panal cell") { try cells.run(["/usr/bin/true"], worker: $0) },
        ]
    }

    private func interpreters(_ cells: BenchCells) -> [Contestant] {
        let words = ["/usr/bin/python3", "-c", "pass"]
        let plain = PreparedCommand(words[0], Array(words.dropFirst()))
        let bubblewrap = PreparedCommand("/usr/bin/bwrap", Self.bubblewrap + words)
        return [
            Contestant(name: "vfork + exec") { _ in try plain.run() },
            Contestant(name: "bubblewrap") { _ in try bubblewrap.run() },
            Contestant(name: "panal cell") { try cells.run(words, worker: $0) },
        ]
    }

    static let bubblewrap = [
        "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup", "--die-with-parent",
        "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib", "--symlink",
        "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/work", "--chdir",
        "/work",
    ]

    private func measure(
        _ contestants: [Contestant], pause: UInt32?, suffix: String = ""
    ) throws -> [Measurement] {
        var measurements = contestants.map {
            Measurement($0.name + (pause == nil ? "" : ", every 30 ms") + suffix)
        }
        let block = 10
        for _ in 0..<(options.runs + block - 1) / block {
            for (place, contestant) in contestants.enumerated() {
                // The first of a block finds the caches of another kind.
                try contestant.run(0)
                for _ in 0..<block {
                    if let pause { usleep(pause) }
                    let begin = ContinuousClock.now
                    try contestant.run(0)
                    measurements[place].add(ContinuousClock.now - begin)
                }
            }
        }
        return measurements
    }

    /// Two workers at once; what counts is how many runs they get done together.
    private func crowd(_ contestants: [Contestant]) throws -> [Measurement] {
        try contestants.map { contestant in
            let share = max(5, options.runs / 2)
            let failures = Mutex<[any Error]>([])
            let samples = Mutex<[Duration]>([])
            let begin = ContinuousClock.now
            try Workers.run(2) { worker in
                do {
                    for _ in 0..<share {
                        let begin = ContinuousClock.now
                        try contestant.run(worker)
                        let time = ContinuousClock.now - begin
                        samples.withLock { $0.append(time) }
                    }
                } catch {
                    failures.withLock { $0.append(error) }
                }
            }
            let span = ContinuousClock.now - begin
            if let failure = failures.withLock({ $0.first }) { throw failure }
            var measurement = Measurement("\(contestant.name), two workers")
            for time in samples.withLock({ $0 }) { measurement.add(time) }
            measurement.span = span
            return measurement
        }
    }
}
