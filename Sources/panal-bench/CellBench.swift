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

struct CellBench: AsyncParsableCommand {
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

    @Option(
        help: "The digest of an image with /usr/bin/true: then cells of it take turns with those of the host's root.")
    var rootfs: String?

    @Option(help: "Folder whose ‘rootfs’ holds the image.")
    var images: String?

    struct Contestant {
        enum Kind {
            /// A command that a thread starts and waits for; one for each worker.
            case command([PreparedCommand])
            /// A command in a cell, which a task waits for.
            case cell([String], rootfs: String = AttemptSpec.hostRootfs)
        }

        var name: String
        var kind: Kind
    }

    /// All on the main thread, which gets a mount namespace of its own once the launcher has been started outside of it.
    @MainActor
    func run() async throws {
        let bundles = try (0..<2).map { try OCIBundle(arguments: ["/usr/bin/true"], worker: $0) }
        defer { for bundle in bundles { bundle.remove() } }
        let executor = try LocalExecutor.start(
            LauncherSettings(
                executable: launcher, instance: "bench-\(getpid())", dataFolder: nil,
                seccomp: try SeccompPolicies.load(folder: "\(profiles)/seccomp"), imageFolder: images))
        guard let profile = try ProfileCatalog.load(folder: profiles)["small"] else {
            throw BenchFailure("there is no profile ‘small’")
        }
        do {
            try await measure(BenchCells(executor: executor, profile: profile), bundles)
        } catch {
            await executor.stop()
            throw error
        }
        await executor.stop()
    }

    @MainActor
    private func measure(_ cells: BenchCells, _ bundles: [OCIBundle]) async throws {
        try Self.hideUnifiedHierarchy()
        let contestants = contestants(bundles)
        var rows: [Measurement.Row] = []
        for times in [
            try await measure(contestants, cells, pause: nil), try await measure(contestants, cells, pause: 30_000),
            try await crowd(contestants, cells),
            try await measure(interpreters(), cells, pause: nil, suffix: ", python3 -c pass"),
            try await SteadyState.measure(cells),
        ] {
            rows += times.map { $0.row(comparedWith: times.first) }
        }
        try Report.print(rows, json: options.json)
        try Report.print(try await Footprint.measure(cells, soak: soak), json: options.json)
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

    private func contestants(_ bundles: [OCIBundle]) -> [Contestant] {
        let words = ["/usr/bin/true"]
        let image = rootfs.map { Contestant(name: "panal cell, image", kind: .cell(words, rootfs: $0)) }
        return kinds(words, crun: bundles.map(\.command)) + [image].compactMap(\.self)
    }

    private func interpreters() -> [Contestant] {
        kinds(["/usr/bin/python3", "-c", "pass"], crun: [])
    }

    private func kinds(_ words: [String], crun: [PreparedCommand]) -> [Contestant] {
        let plain = PreparedCommand(words[0], Array(words.dropFirst()))
        let bubblewrap = PreparedCommand("/usr/bin/bwrap", Self.bubblewrap + words)
        return [
            Contestant(name: "vfork + exec", kind: .command([plain, plain])),
            Contestant(name: "bubblewrap", kind: .command([bubblewrap, bubblewrap])),
        ] + (crun.isEmpty ? [] : [Contestant(name: "crun", kind: .command(crun))]) + [
            Contestant(name: "panal cell", kind: .cell(words))
        ]
    }

    static let bubblewrap = [
        "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup", "--die-with-parent",
        "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib", "--symlink",
        "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/work", "--chdir",
        "/work",
    ]

    @MainActor
    private func measure(
        _ contestants: [Contestant], _ cells: BenchCells, pause: UInt32?, suffix: String = ""
    ) async throws -> [Measurement] {
        var measurements = contestants.map {
            Measurement($0.name + (pause == nil ? "" : ", every 30 ms") + suffix)
        }
        func run(_ contestant: Contestant) async throws {
            switch contestant.kind {
            case .command(let commands): try commands[0].run()
            case .cell(let words, let rootfs): try await cells.run(words, rootfs: rootfs)
            }
        }
        let block = 10
        for _ in 0..<(options.runs + block - 1) / block {
            for (place, contestant) in contestants.enumerated() {
                // The first of a block find the caches of another kind, and slots with another root.
                for _ in 0..<(rootfs == nil ? 1 : block) { try await run(contestant) }
                for _ in 0..<block {
                    if let pause { usleep(pause) }
                    let begin = ContinuousClock.now
                    try await run(contestant)
                    measurements[place].add(ContinuousClock.now - begin)
                }
            }
        }
        return measurements
    }

    /// Two workers at once; what counts is how many runs they get done together.
    @MainActor
    private func crowd(_ contestants: [Contestant], _ cells: BenchCells) async throws -> [Measurement] {
        let share = max(5, options.runs / 2)
        var measurements: [Measurement] = []
        for contestant in contestants {
            var measurement = Measurement("\(contestant.name), two workers")
            let begin = ContinuousClock.now
            let samples =
                switch contestant.kind {
                case .command(let commands): try Self.threads(commands, share: share)
                case .cell(let words, let rootfs):
                    try await Self.tasks(cells, words, rootfs: rootfs, share: share)
                }
            measurement.span = ContinuousClock.now - begin
            for time in samples { measurement.add(time) }
            measurements.append(measurement)
        }
        return measurements
    }

    private static func threads(_ commands: [PreparedCommand], share: Int) throws -> [Duration] {
        let failures = Mutex<[any Error]>([])
        let samples = Mutex<[Duration]>([])
        try Workers.run(2) { worker in
            do {
                for _ in 0..<share {
                    let begin = ContinuousClock.now
                    try commands[worker].run()
                    let time = ContinuousClock.now - begin
                    samples.withLock { $0.append(time) }
                }
            } catch {
                failures.withLock { $0.append(error) }
            }
        }
        if let failure = failures.withLock({ $0.first }) { throw failure }
        return samples.withLock { $0 }
    }

    private static func tasks(
        _ cells: BenchCells, _ words: [String], rootfs: String, share: Int
    ) async throws -> [Duration] {
        try await withThrowingTaskGroup(of: [Duration].self) { group in
            for worker in 0..<2 {
                group.addTask {
                    var samples: [Duration] = []
                    for _ in 0..<share {
                        let begin = ContinuousClock.now
                        try await cells.run(words, worker: worker, rootfs: rootfs)
                        samples.append(ContinuousClock.now - begin)
                    }
                    return samples
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }
}
