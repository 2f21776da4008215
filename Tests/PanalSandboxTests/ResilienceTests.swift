import Foundation
import Glibc
import PanalCore
import PanalLinux
import PanalSandbox
import Synchronization
import Testing

/// What surrounds the cells is hostile or worn out: inherited settings, descriptors that run out, dead launchers.
extension LiveCells {
    @Suite(.serialized) struct ResilienceTests {
        private static let openFiles = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)

        /// Sets a soft limit of this process for the time of `body`; the launcher inherits it.
        private func withLimit<Value>(
            _ resource: __rlimit_resource_t, _ soft: rlim_t, _ body: () async throws -> Value
        ) async throws -> Value {
            var before = rlimit()
            getrlimit(resource, &before)
            var changed = rlimit(rlim_cur: soft, rlim_max: before.rlim_max)
            let isSet = setrlimit(resource, &changed) == 0
            try #require(isSet)
            defer { setrlimit(resource, &before) }
            return try await body()
        }

        /// As many result files as the standard profiles allow, on a host whose shells allow 1024 descriptors.
        @Test func allResultFilesArriveWhereDescriptorsAreFew() async throws {
            try await withLimit(Self.openFiles, 1_024) {
                try await CellHarness.with { harness in
                    let limits = CellLimits.test.with(\.collectedFiles, 1_000).with(\.scratchFiles, 2_000)
                    let (result, _) = await harness.shell(
                        "i=0; while [ $i -lt 1000 ]; do echo $i > f$i; i=$((i+1)); done", limits: limits)
                    #expect(result.outcome == .exited(code: 0))
                    #expect(result.files.count == 1_000, "\(result.skipped)")
                }
            }
        }

        /// Six runs at once need six slots; beyond the reserve they are given up when nothing runs.
        @Test func slotsThatABurstHasNeededAreGivenUp() async throws {
            let harness = try CellHarness(prepared: 1)
            let group = try #require(harness.groups.first)
            func slots() throws -> Int { try Folders.children(of: group).count { $0.contains("-") } }
            await withTaskGroup(of: Void.self) { runs in
                for number in 1...6 {
                    let id = AttemptID(job: .make(at: Timestamp(microseconds: 0)), number: number, nonce: 1)
                    let limits = CellLimits.test.with(\.cpu, .shared(millicores: 100))
                    runs.addTask {
                        let run = await harness.run(["/bin/sleep", "2"], limits: limits, id: id)
                        #expect(run.result.outcome == .exited(code: 0))
                    }
                }
                // They are all there at some moment, though not the first.
                let isBurst = await KeptCells.eventually { ((try? slots()) ?? 0) >= 6 }
                #expect(isBurst)
            }
            let isOver = await KeptCells.eventually { (try? slots()) == 1 }
            #expect(isOver)
            #expect(await harness.run(["/bin/true"]).result.outcome == .exited(code: 0))
            await harness.stop()
            #expect(harness.groups == [])
        }

        /// This process has no descriptor left when a result file comes: that run is a system error, and the launcher stays.
        @Test func aServerWithoutDescriptorsLosesOneRunOnly() async throws {
            try await CellHarness.with { harness in
                let sink = MemorySink()
                let script = "i=0; while [ $i -lt 200 ]; do echo x > f$i; i=$((i+1)); done; sleep 0.5"
                let limits = CellLimits.test.with(\.collectedFiles, 200)
                let run = Task { await harness.run(["/bin/sh", "-c", script], limits: limits, sink: sink) }
                while sink.starts == 0 { try await Task.sleep(for: .milliseconds(5)) }
                let result = try await withLimit(Self.openFiles, 512) {
                    let greed = Greed()
                    defer { greed.end() }
                    return await run.value.result
                }
                guard case .systemError(let error) = result.outcome else {
                    Issue.record("\(result.outcome)")
                    return
                }
                #expect(error.step == "collect.descriptor")
                #expect(harness.executor.isUsable)
                #expect(await harness.shell("exit 4").result.outcome == .exited(code: 4))
            }
        }

        /// Takes every descriptor that this process can have, also those that become free, until `end`.
        private final class Greed: Sendable {
            private let isOver = Atomic<Bool>(false)
            private let hasEnded = DispatchSemaphore(value: 0)

            init() {
                Thread.detachNewThread { [self] in
                    var taken: [Int32] = []
                    while !isOver.load(ordering: .relaxed) {
                        let number = open("/dev/null", O_RDONLY | O_CLOEXEC)
                        if number >= 0 { taken.append(number) }
                    }
                    for number in taken { close(number) }
                    hasEnded.signal()
                }
            }

            func end() {
                isOver.store(true, ordering: .relaxed)
                hasEnded.wait()
            }
        }

        /// A parent that does not wait for its children hands that on; cells have to be reaped all the same.
        @Test func anIgnoredSignalOfTheParentChangesNothing() async throws {
            signal(SIGCHLD, SIG_IGN)
            defer { signal(SIGCHLD, SIG_DFL) }
            try await CellHarness.with { harness in
                #expect(await harness.shell("(exit 3); exit $?").result.outcome == .exited(code: 3))
            }
        }

        /// Whether the program was still there when the limit was passed must not decide the outcome.
        @Test func tooMuchOutputIsNamedHoweverFastTheProgramEnds() async throws {
            try await CellHarness.with { harness in
                for _ in 0..<10 {
                    let (result, _) = await harness.run(
                        ["/usr/bin/head", "-c", "12000", "/dev/zero"], limits: .test.with(\.outputBytes, 10_000))
                    #expect(result.outcome == .outputExceeded)
                    #expect(result.output == StreamState(bytes: 10_000, truncated: true))
                }
            }
        }

        /// A cancel that overtakes its run, as it may between two threads, still ends it.
        @Test func aCancelThatComesFirstCounts() async throws {
            try await CellHarness.with { harness in
                let id = AttemptID(job: JobID.make(at: Timestamp(microseconds: 9)), number: 1, nonce: 9)
                await harness.executor.cancel(id)
                let (result, sink) = await harness.run(["/bin/sleep", "2"], id: id)
                #expect(result.outcome == .cancelled)
                #expect(sink.starts == 0)
            }
        }

        /// A launcher that is killed leaves groups behind; any later one on this host takes them away, and no lock file stays.
        @Test func anyLauncherSweepsWhatADeadOneLeft() async throws {
            let dead = try CellHarness()
            let sink = MemorySink()
            async let run = dead.run(["/bin/sleep", "30"], sink: sink)
            while sink.starts == 0 { try await Task.sleep(for: .milliseconds(5)) }
            let tasks = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")
            let children = tasks.compactMap {
                try? String(contentsOfFile: "/proc/self/task/\($0)/children", encoding: .utf8)
            }
            let launcher = try #require(
                children.joined(separator: " ").split(separator: " ").compactMap { Int32($0) }.first {
                    (try? String(contentsOfFile: "/proc/\($0)/comm", encoding: .utf8)) == "panal-launcher\n"
                })
            kill(launcher, SIGKILL)
            _ = await run
            #expect(dead.groups != [])
            try await CellHarness.with { next in
                #expect(dead.groups == [])
                #expect(CellHarness.isLocked(next.instance))
                #expect(!CellHarness.isLocked(dead.instance))
            }
            try? FileManager.default.removeItem(at: dead.folder)
        }

        /// Without the process that makes cells no run can be started: the launcher ends, and the server is told so.
        @Test func theMakersDeathEndsTheLauncher() async throws {
            let harness = try CellHarness()
            let (first, _) = await harness.shell("true")
            #expect(first.outcome == .exited(code: 0))
            let tasks = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")
            func children(_ task: String) -> [Int32] {
                (try? String(contentsOfFile: "/proc/\(task)/children", encoding: .utf8))?.split(separator: " ")
                    .compactMap { Int32($0) } ?? []
            }
            func isLauncher(_ process: Int32) -> Bool {
                (try? String(contentsOfFile: "/proc/\(process)/comm", encoding: .utf8)) == "panal-launcher\n"
            }
            let launcher = try #require(tasks.flatMap { children("self/task/\($0)") }.first(where: isLauncher))
            // The maker is the launcher's oldest child; the others are inits that stand ready.
            let maker = try #require(children("\(launcher)/task/\(launcher)").first)
            kill(maker, SIGKILL)
            let limit = ContinuousClock.now + .seconds(5)
            while harness.executor.isUsable, ContinuousClock.now < limit {
                try await Task.sleep(for: .milliseconds(10))
            }
            let (refused, _) = await harness.shell("true")
            guard case .systemError(let error) = refused.outcome else {
                Issue.record("\(refused.outcome)")
                return
            }
            #expect(error.step == "launcher.lost")
            #expect(harness.groups == [])
            try? FileManager.default.removeItem(at: harness.folder)
        }

        /// A launcher that ends in good order leaves no lock file, and one whose name is taken leaves the holder's alone.
        @Test func lockFilesGoWithTheirLaunchers() async throws {
            var name = ""
            try await CellHarness.with { harness in
                name = harness.instance
                #expect(throws: SystemError.self) { try CellHarness(instance: name) }
                #expect(CellHarness.isLocked(name))
            }
            #expect(!CellHarness.isLocked(name))
        }
    }
}
