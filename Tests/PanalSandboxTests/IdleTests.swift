import Foundation
import Glibc
import PanalCore
import PanalLinux
import PanalSandbox
import Testing

/// Runs that get what nobody else wants, and nothing more.
extension LiveCells {
    @Suite(.serialized) struct IdleTests {
        private static let whole = CellLimits.test.with(\.cpu, .exclusive(cores: 1)).with(\.wallTime, .seconds(900))
            .with(\.cpuTime, .seconds(900))

        /// Computes on a core; not for ever, should nobody end it.
        private static let busy = """
            import os, sys, time
            os.sched_setaffinity(0, {int(sys.argv[1])})
            while time.process_time() < 120: pass
            """

        /// Where the kernel keeps what one cell's group has used and how heavy it is.
        struct HostGroup {
            let folder: String
            let usage: String

            func text(_ file: String) throws -> String { try KernelFile.read("\(folder)/\(file)") }

            /// Nanoseconds of processor time.
            func used() throws -> Int64 {
                let text = try KernelFile.read(usage)
                if let number = Int64(text) { return number }
                let words = text.split { $0 == "\n" || $0 == " " }
                return try #require(Int64(words[1])) * 1_000
            }
        }

        /// The group of the process whose last argument is `seconds`, as the host sees it.
        private func group(of harness: CellHarness, seconds: String) async throws -> HostGroup {
            var found: HostProcess?
            let isThere = await KeptCells.eventually {
                found = HostProcess.all.first { $0.text("cmdline").hasSuffix("\0\(seconds)\0") }
                return found != nil
            }
            try #require(isThere)
            return try group(of: try #require(found), harness)
        }

        private func group(of process: HostProcess, _ harness: CellHarness) throws -> HostGroup {
            let mounts = try CgroupMount.list()
            func path(_ controller: String) throws -> String {
                let lines = process.text("cgroup").split(separator: "\n").map { $0.split(separator: ":", maxSplits: 2) }
                let hybrid = lines.first {
                    $0.count == 3 && $0[1].split(separator: ",").contains(Substring(controller))
                }
                let line = try #require(hybrid ?? lines.first { $0[0] == "0" })
                let mount = try #require(
                    mounts.first { hybrid == nil ? $0.isUnified : $0.controllers.contains(controller) })
                return mount.path + (line.last ?? "")
            }
            let accounting = try path("cpuacct")
            let hybrid = "\(accounting)/cpuacct.usage"
            return HostGroup(
                folder: try path("cpu"), usage: Folders.exists(hybrid) ? hybrid : "\(accounting)/cpu.stat")
        }

        /// Starts a program, hands its sink to `body`, and ends it.
        private func withRun(
            _ harness: CellHarness, _ number: UInt64, _ arguments: [String], isIdle: Bool,
            _ body: (MemorySink) async throws -> Void
        ) async throws {
            let sink = MemorySink()
            let id = KeptCells.id(number)
            let task = Task {
                await harness.run(arguments, limits: Self.whole, isIdle: isIdle, sink: sink, id: id).result
            }
            #expect(await KeptCells.eventually { sink.starts > 0 })
            do {
                try await body(sink)
            } catch {
                await harness.executor.cancel(id)
                _ = await task.value
                throw error
            }
            await harness.executor.cancel(id)
            #expect(await task.value.outcome == .cancelled)
        }

        /// One after the other on one launcher: each is in a group of its kind, whatever ran before.
        @Test func idleRunsAndOthersNeverGetEachOthersGroups() async throws {
            try await CellHarness.with { harness in
                for number: UInt64 in 1...6 {
                    let isIdle = number % 2 == 0
                    let seconds = "\(getpid())\(number)"
                    try await withRun(harness, number, ["sleep", seconds], isIdle: isIdle) { _ in
                        let group = try await group(of: harness, seconds: seconds)
                        #expect(try group.text("cpu.idle") == (isIdle ? "1" : "0"))
                        // Beside the instance's group, and so against everything on the host.
                        #expect(group.folder.contains("panal-\(harness.instance).") == isIdle)
                        #expect(group.folder.contains("panal-\(harness.instance)/") != isIdle)
                    }
                }
            }
        }

        /// Each has to wait until its slot is made, beside those that run.
        @Test func idleRunsBeginBesideOthers() async throws {
            try await CellHarness.with { harness in
                let limits = Self.whole.with(\.cpu, .shared(millicores: 300))
                let ids = (1...4).map { KeptCells.id($0) }
                var runs: [(sink: MemorySink, task: Task<AttemptResult, Never>)] = []
                for (index, id) in ids.enumerated() {
                    let sink = MemorySink()
                    let task = Task {
                        await harness.run(
                            ["sleep", "600"], limits: limits, isIdle: index != 1, sink: sink, id: id
                        ).result
                    }
                    runs.append((sink, task))
                    #expect(await KeptCells.eventually { sink.starts > 0 }, "run \(index)")
                }
                for id in ids { await harness.executor.cancel(id) }
                for run in runs { #expect(await run.task.value.outcome == .cancelled) }
            }
        }

        /// Neither the program nor its children can get more than the idle policy gives.
        @Test func anIdleProgramCannotRaiseItself() async throws {
            let script = """
                import ctypes, os
                c = ctypes.CDLL(None, use_errno=True)
                def told(f):
                    try: f()
                    except OSError as e: return 'refused'
                    return 'done'
                def ask():
                    print(os.sched_getscheduler(0),
                          told(lambda: os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))),
                          told(lambda: os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))),
                          told(lambda: os.setpriority(os.PRIO_PROCESS, 0, -1)),
                          c.syscall(251, 1, 0, 2 << 13), os.sched_getscheduler(0), flush=True)
                ask()
                if os.fork() == 0:
                    ask()
                    os._exit(0)
                os.wait()
                """
            try await CellHarness.with { harness in
                let limits = Self.whole
                let idle = await harness.run(["python3", "-c", script], limits: limits, isIdle: true)
                #expect(idle.result.outcome == .exited(code: 0))
                let line = "5 refused refused refused -1 5\n"
                #expect(idle.sink.output == line + line, "\(idle.sink.error)")
                let other = await harness.run(["python3", "-c", script], limits: limits)
                #expect(other.sink.output.hasPrefix("0 done done refused -1 "))
            }
        }

        /// Somebody computes on its core: what both have used is counted while they want it.
        @Test func whoeverElseWantsTheCoreHasIt() async throws {
            let owner = """
                import os, sys, time
                def used():
                    words = open(sys.argv[2]).read().split()
                    return int(words[0]) if len(words) == 1 else int(words[1]) * 1000
                os.sched_setaffinity(0, {int(sys.argv[1])})
                while time.process_time() < 0.2: pass
                begin, before = time.process_time(), used()
                while time.process_time() < begin + 1: pass
                print((time.process_time() - begin) * 1e9 / max(1, used() - before))
                """
            try await CellHarness.with { harness in
                let core = try #require(harness.executor.capacity.cores.first)
                let script = "while :; do :; done"
                try await withRun(harness, 1, ["/bin/sh", "-c", script, "\(getpid())0"], isIdle: true) { _ in
                    let group = try await group(of: harness, seconds: "\(getpid())0")
                    let process = Process()
                    let pipe = Pipe()
                    process.executableURL = URL(filePath: "/usr/bin/python3")
                    process.arguments = ["-c", owner, "\(core)", group.usage]
                    process.standardOutput = pipe
                    try process.run()
                    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
                    process.waitUntilExit()
                    let share = try #require(Double(text.trimmingCharacters(in: .whitespacesAndNewlines)))
                    #expect(share > 20, "the owner had \(share) times as much")
                    // It wanted to run all the time.
                    let before = try group.used()
                    #expect(try await KeptCells.eventually { try group.used() > before })
                }
            }
        }

        /// Beside somebody who leaves it no time it still stands still at once, and is idle again afterwards.
        @Test func aStarvedProgramCanBeFrozenAndEnded() async throws {
            try await CellHarness.with { harness in
                let core = try #require(harness.executor.capacity.cores.first)
                let script = "while :; do :; done"
                try await withRun(harness, 2, ["/bin/sh", "-c", script, "\(getpid())1"], isIdle: true) { _ in
                    let group = try await group(of: harness, seconds: "\(getpid())1")
                    let owner = Process()
                    owner.executableURL = URL(filePath: "/usr/bin/python3")
                    owner.arguments = ["-c", Self.busy, "\(core)"]
                    try owner.run()
                    defer { kill(owner.processIdentifier, SIGKILL) }
                    for _ in 0..<5 {
                        try await harness.executor.freeze(KeptCells.id(2))
                        // Another test's cell may have its core meanwhile.
                        let isThawed = await KeptCells.eventually {
                            (try? await harness.executor.thaw(KeptCells.id(2))) != nil
                        }
                        #expect(isThawed)
                        #expect(try group.text("cpu.idle") == "1")
                    }
                    try await harness.executor.freeze(KeptCells.id(2))
                }
            }
        }

        /// What the kernel says, not what was once written to it, decides whether a run begins.
        @Test func aGroupThatIsNotWhatItShouldBe() async throws {
            let instance = "test-\(getpid())-weight"
            let driver = try CgroupLayout.driver(instance: instance, mounts: try CgroupMount.list())
            let mount = try #require(
                try CgroupMount.list().first {
                    driver.keepsGroups ? $0.controllers.contains("cpu") : $0.isUnified
                })
            try driver.prepare()
            defer {
                #expect(throws: Never.self) { try driver.sweep() }
                #expect(!Folders.exists("\(mount.path)/panal-\(instance).a"))
            }
            for isIdle in [true, false] {
                let name = GroupName("a", isIdle: isIdle)
                let file = "\(mount.path)/panal-\(instance)\(isIdle ? "." : "/")a/cpu.idle"
                try driver.create(name)
                let group = try driver.open(name)
                try group.checkWeight(isIdle: isIdle)
                #expect(throws: StepFailure.self) { try group.checkWeight(isIdle: !isIdle) }
                try KernelFile.write(file, isIdle ? "0" : "1")
                let failure = try #require(throws: StepFailure.self) { try group.checkWeight(isIdle: isIdle) }
                #expect(failure.step == "cgroup.cpu.idle")
                // Between runs it becomes again what it is.
                if isIdle, driver.keepsGroups {
                    try group.relax()
                    try group.checkWeight(isIdle: true)
                }
            }
        }

        /// A run whose group has been changed is refused, its slot is made anew, and the next run has what it should.
        @Test func aRunIsRefusedWhereItsGroupIsNotIdle() async throws {
            try await CellHarness.with { harness in
                #expect(
                    await harness.run(["true"], limits: Self.whole, isIdle: true).result.outcome == .exited(code: 0))
                // A slot that has just been used is made idle again, and with v2 controllers each cell has a group of its own: so it
                // may need another try.
                let isRefused = try await KeptCells.eventually {
                    let groups = try CgroupMount.list().flatMap { harness.idleGroups(beside: harness.group($0)) }
                    for group in groups { try? KernelFile.write("\(group)/cpu.idle", "0") }
                    let refused = await harness.run(["true"], limits: Self.whole, isIdle: true).result
                    return refused.outcome.step == "cgroup.cpu.idle"
                }
                #expect(isRefused)
                // Another slot may have been changed too, and is given up in its turn.
                let isMended = await KeptCells.eventually {
                    await harness.run(["true"], limits: Self.whole, isIdle: true).result.outcome == .exited(code: 0)
                }
                #expect(isMended)
            }
        }
    }
}
