internal import Glibc
internal import PanalCore
internal import PanalLinux
internal import PanalSandbox
internal import Synchronization

/// Class N: a process that starts others while its threads hold locks of the C library leaves those locks held in the copy. The
/// launcher has one thread, and is started by `posix_spawn`; here both are tried.
extension Scenarios {
    /// Five for each run that fills its scratch: `--runs 20000` starts 100,000.
    var spawns: Int { fillingRuns * 5 }
    /// Each takes long beside so much work.
    var startedLaunchers: Int { min(10, max(2, fillingRuns / 20)) }
    /// For one start; a hang has no end.
    private static let patience = 60

    func spawning() async -> Observation {
        let noise = BusyThreads(4, starting: [host.settings.hostile, "list"])
        defer { noise.stop() }
        var seen = Observation()
        let begun = ContinuousClock.now
        for number in 0..<spawns {
            let started = ContinuousClock.now
            let run = await host.run(AuditOrder(host, ["nothing"]))
            // The run's own limit would end a program that hangs.
            guard run.result.outcome.isSuccess, run.tries.hasEnded else {
                seen.note("start \(number) of \(spawns)", run)
                return seen
            }
            guard ContinuousClock.now - started < .seconds(Self.patience) else {
                seen.problems.append("start \(number) took more than \(Self.patience) s")
                return seen
            }
        }
        // Threads that did nothing would have proved nothing.
        if noise.rounds == 0 { seen.doubts.append("the busy threads did nothing in \(ContinuousClock.now - begun)") }
        return seen
    }

    func launching() async -> Observation {
        let noise = BusyThreads(4, starting: [host.settings.hostile, "list"])
        defer { noise.stop() }
        var seen = Observation()
        for number in 0..<startedLaunchers {
            let settings = LauncherSettings(
                executable: host.settings.launcher, instance: "\(host.settings.instance)-n", dataFolder: host.data,
                seccomp: host.settings.seccomp, preparedCells: 0)
            let known = Set(launchers().map(\.number))
            let executor: LocalExecutor
            do throws(SystemError) {
                executor = try LocalExecutor.start(settings)
            } catch {
                seen.doubts.append("launcher \(number): \(error.sentence)")
                return seen
            }
            let own = launchers().filter { !known.contains($0.number) }
            if own.count != 1 || own.contains(where: { $0.status["Threads"] != "1" }) {
                let threads = own.map { $0.status["Threads"] ?? "" }
                seen.problems.append("launcher \(number) has not one thread but \(threads)")
            }
            await executor.stop()
        }
        if noise.rounds == 0 { seen.doubts.append("the busy threads did nothing") }
        return seen
    }
}

/// Threads that take the locks of the C library again and again: memory, streams, time zones, the environment; one starts processes.
final class BusyThreads: Sendable {
    private let isOver = Atomic(false)
    private let ended = Atomic(0)
    private let worked = Atomic(0)
    private let count: Int
    private let command: [String]

    /// One of the `count` threads starts `command`, again and again.
    init(_ count: Int, starting command: [String]) {
        self.count = count
        self.command = command
        for number in 0..<count {
            var thread = pthread_t()
            let argument = unsafe Unmanaged.passRetained(Work(owner: self, starts: number == 0)).toOpaque()
            let answer = unsafe pthread_create(
                &thread, nil,
                { argument in
                    guard let argument = unsafe argument else { return nil }
                    unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().run()
                    return nil
                }, argument)
            if answer == 0 {
                pthread_detach(thread)
            } else {
                ended.add(1, ordering: .relaxed)
            }
        }
    }

    /// How often they have gone around.
    var rounds: Int { worked.load(ordering: .relaxed) }

    /// Returns when no thread is at work any more.
    func stop() {
        isOver.store(true, ordering: .relaxed)
        while ended.load(ordering: .acquiring) < count { usleep(1_000) }
    }

    private final class Work {
        let owner: BusyThreads
        let starts: Bool

        init(owner: BusyThreads, starts: Bool) {
            self.owner = owner
            self.starts = starts
        }

        func run() {
            let log = unsafe fopen("/dev/null", "w")
            while !owner.isOver.load(ordering: .relaxed) {
                for size in stride(from: 16, to: 1 << 18, by: 4_099) { unsafe free(malloc(size)) }
                var now = time(nil)
                var parts = unsafe tm()
                unsafe localtime_r(&now, &parts)
                if let log = unsafe log {
                    unsafe fputs("a line of a log, written at \(parts.tm_sec)\n", log)
                    unsafe fflush(log)
                }
                if starts { _ = try? HostCommand.run(owner.command, seconds: 60) }
                owner.worked.add(1, ordering: .relaxed)
                usleep(500)
            }
            if let log = unsafe log { unsafe fclose(log) }
            owner.ended.add(1, ordering: .releasing)
        }
    }
}
