import ArgumentParser
import CPanalSyscalls
import Dispatch
import FoundationEssentials
import Glibc
import PanalCore
import PanalProfiles
import PanalSandbox
import PanalSeccomp

struct CellBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cell",
        abstract: "/bin/true by itself, in bubblewrap, in crun and in a cell.",
        discussion: """
            Back to back, and once every 30 ms, when caches and the kernel's grace periods have gone cold. The kinds take \
            turns in blocks, so that a drift of the machine hits all alike.
            """)

    @OptionGroup var options: BenchOptions

    @Option(help: "Folder with the profiles.")
    var profiles: String

    @Option(help: "The launcher.")
    var launcher: String

    private struct Contestant {
        var name: String
        var run: () throws -> Void
    }

    /// All on the main thread, which gets a mount namespace of its own once the launcher has been started outside of it.
    func run() throws {
        let bundle = try OCIBundle(arguments: ["/usr/bin/true"])
        defer { bundle.remove() }
        let executor = try LocalExecutor.start(
            LauncherSettings(
                executable: launcher, instance: "bench-\(getpid())", dataFolder: nil,
                seccomp: try SeccompPolicies.load(folder: "\(profiles)/seccomp")))
        defer { Self.wait { await executor.stop() } }
        try Self.hideUnifiedHierarchy()
        let contestants = try contestants(executor: executor, bundle: bundle)
        let dense = try measure(contestants, pause: nil)
        let sparse = try measure(contestants, pause: 30_000)
        try Report.print(
            [dense, sparse].flatMap { times in times.map { $0.row(comparedWith: times.first) } }, json: options.json)
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

    /// Waits for asynchronous work; its cost, the waking of one thread, counts as the cell's.
    private static func wait<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) -> Value {
        let box = Box<Value>()
        let done = DispatchSemaphore(value: 0)
        Task.detached {
            box.value = await body()
            done.signal()
        }
        done.wait()
        guard let value = box.value else { fatalError("the work ended without a value") }
        return value
    }

    /// Written before the semaphore is signalled, read after.
    private final class Box<Value: Sendable>: @unchecked Sendable {
        var value: Value?
    }

    private func contestants(executor: LocalExecutor, bundle: OCIBundle) throws -> [Contestant] {
        let plain = PreparedCommand("/usr/bin/true")
        let bubblewrap = PreparedCommand(
            "/usr/bin/bwrap",
            [
                "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup",
                "--die-with-parent",
                "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib",
                "--symlink",
                "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/work",
                "--chdir",
                "/work", "/usr/bin/true",
            ])
        let crun = bundle.command
        guard let profile = try ProfileCatalog.load(folder: profiles)["small"] else {
            throw BenchFailure("there is no profile ‘small’")
        }
        return [
            Contestant(name: "vfork + exec") { try plain.run() },
            Contestant(name: "bubblewrap") { try bubblewrap.run() },
            Contestant(name: "crun") { try crun.run() },
            Contestant(name: "panal cell") { try Self.cell(executor, profile) },
        ]
    }

    private static func cell(_ executor: LocalExecutor, _ profile: Profile) throws {
        var limits = profile.limits
        limits.collectedFiles = 0
        limits.collectedBytes = 0
        let attempt = AttemptSpec(
            id: AttemptID(job: .make(at: Timestamp(Date())), number: 1, nonce: 0), rootfs: "host",
            seccomp: profile.seccomp, limits: limits, cores: Array(executor.capacity.cores.prefix(1)), program: nil,
            arguments: ["/usr/bin/true"], environment: AttemptSpec.standardEnvironment, inputs: [], standardInput: nil)
        let result = wait { await executor.run(attempt, sink: NoSink(), started: {}) }
        guard result.outcome.isSuccess else { throw BenchFailure(result.outcome.sentence) }
    }

    private func measure(_ contestants: [Contestant], pause: UInt32?) throws -> [Measurement] {
        var measurements = contestants.map { Measurement(pause == nil ? $0.name : "\($0.name), every 30 ms") }
        let block = 10
        for _ in 0..<(options.runs + block - 1) / block {
            for (place, contestant) in contestants.enumerated() {
                // The first of a block finds the caches of another kind.
                try contestant.run()
                for _ in 0..<block {
                    if let pause { usleep(pause) }
                    let begin = ContinuousClock.now
                    try contestant.run()
                    measurements[place].add(ContinuousClock.now - begin)
                }
            }
        }
        return measurements
    }
}

/// `/bin/true` says nothing.
private struct NoSink: AttemptSink {
    func append(_ bytes: borrowing RawSpan, to stream: OutputStream) throws {
        throw BenchFailure("the program wrote something")
    }

    func store(descriptor: Int32, limit: Int) throws -> (content: ContentHash, bytes: Int) {
        throw BenchFailure("the program left a file")
    }
}
