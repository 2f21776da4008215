import Foundation
import PanalCore
import PanalLinux
import PanalSandbox
import Testing

/// Each limit is reached by a program that wants more, and the outcome names it; nothing is left behind.
extension LiveCells {
    @Suite(.serialized) struct LimitTests {
        /// A program of the test's own in Python, since it reaches memory and processor directly.
        private func python(_ script: String, _ harness: CellHarness, _ limits: CellLimits) async -> AttemptResult {
            await harness.run(["/usr/bin/python3", "-c", script], limits: limits).result
        }

        @Test func wallTime() async throws {
            try await CellHarness.with { harness in
                let (result, _) = await harness.run(
                    ["/bin/sleep", "60"], limits: .test.with(\.wallTime, .milliseconds(300)))
                #expect(result.outcome == .wallTimeExceeded)
                #expect((300_000..<10_000_000).contains(result.usage.wallMicroseconds))
            }
        }

        @Test func processorTime() async throws {
            try await CellHarness.with { harness in
                let result = await python("while True: pass", harness, .test.with(\.cpuTime, .milliseconds(300)))
                #expect(result.outcome == .cpuTimeExceeded)
                #expect((290_000..<2_000_000).contains(result.usage.cpuMicroseconds), "\(result.usage)")
            }
        }

        @Test func memory() async throws {
            try await CellHarness.with { harness in
                let result = await python("b = bytearray(200 << 20)\nprint(len(b))", harness, .test)
                #expect(result.outcome == .memoryExceeded)
                #expect(result.usage.peakMemoryBytes <= 64 << 20)
            }
        }

        /// A child is the one that is killed, and its parent would go on: the whole cell ends all the same.
        @Test func memoryOfAChildEndsTheWholeCell() async throws {
            try await CellHarness.with { harness in
                let result = await python(
                    "import os, time\npid = os.fork()\nif pid == 0:\n    b = bytearray(200 << 20)\nelse:\n    os.wait(); time.sleep(50)",
                    harness, .test)
                #expect(result.outcome == .memoryExceeded)
                #expect(result.usage.wallMicroseconds < 40_000_000)
            }
        }

        /// A fork bomb cannot make more than the limit, and all of it is gone afterwards.
        @Test func processes() async throws {
            try await CellHarness.with { harness in
                let result = await python(
                    """
                    import os, time
                    made = 0
                    try:
                        while True:
                            if os.fork() == 0: time.sleep(30); os._exit(0)
                            made += 1
                    except OSError: print(made, flush=True)
                    os._exit(0)
                    """, harness, .test)
                #expect(result.outcome == .exited(code: 0))
            }
        }

        /// What a program leaves behind ends with it, also where it takes all of the turns that init would need to end it; and so does what is
        /// over its time, with hardly any time to end in.
        @Test(.timeLimit(.minutes(5))) func whatIsLeftEnds() async throws {
            let leaving = """
                import os, time
                for number in range(40):
                    if os.fork() == 0:
                        while True:
                            if number % 4: time.sleep(60e-6)
                            for _ in range(200): pass
                print("left", flush=True)
                if STAYS: time.sleep(60)
                """
            try await CellHarness.with { harness in
                var limits = CellLimits.test
                (limits.processes, limits.wallTime, limits.cpuTime) = (64, .seconds(40), .seconds(40))
                let (left, sink) = await harness.run(
                    ["/usr/bin/python3", "-c", leaving.replacing("STAYS", with: "False")], limits: limits)
                #expect(left.outcome == .exited(code: 0) && sink.output == "left\n", "\(sink.error)")
                #expect(left.usage.wallMicroseconds < 39_000_000)
                (limits.cpu, limits.wallTime) = (.shared(millicores: 50), .seconds(2))
                let late = await python(leaving.replacing("STAYS", with: "True"), harness, limits)
                #expect(late.outcome == .wallTimeExceeded)
                // And nothing of them is in the next one's way.
                let next = await harness.run(["/bin/true"], limits: .test)
                #expect(next.result.outcome == .exited(code: 0))
            }
        }

        /// Memory that the kernel gives back only after the last process is gone is none of the next run's.
        @Test(.timeLimit(.minutes(5))) func memoryThatOutlivesItsProcessesIsWaitedFor() async throws {
            try await CellHarness.with { harness in
                for _ in 0..<5 {
                    let large = await python(
                        """
                        import ctypes
                        libc = ctypes.CDLL(None); libc.shmat.restype = ctypes.c_void_p
                        part = libc.shmget(0, 500 << 20, 0o1600)
                        ctypes.memset(libc.shmat(part, None, 0), 1, 500 << 20)
                        """, harness, .test.with(\.memory, 600 << 20))
                    #expect(large.outcome == .exited(code: 0))
                    let next = await harness.run(["/bin/true"], limits: .test)
                    #expect(next.result.outcome == .exited(code: 0))
                }
            }
        }

        /// Memory that is still taken when a run is over is promised to nobody: here by a result that somebody has open. Whoever needs it
        /// waits, is refused after a while with the reason, and runs when it is back.
        @Test(.timeLimit(.minutes(5))) func memoryThatIsNotBackIsPromisedToNobody() async throws {
            try await CellHarness.with { harness in
                let holder = MemorySink(leavingOpen: true)
                let limits = CellLimits.test.with(\.memory, 128 << 20).with(\.scratchBytes, 64 << 20)
                    .with(\.fileBytes, 64 << 20).with(\.collectedBytes, 64 << 20)
                let (result, _) = await harness.run(
                    ["/bin/sh", "-c", "head -c 48M /dev/zero > result"], limits: limits, sink: holder)
                try #require(result.outcome == .exited(code: 0) && result.files.count == 1, "\(result)")
                let most = harness.executor.capacity.memory
                let large = CellLimits.test.with(\.memory, most - (24 << 20))
                let (refused, sink) = await harness.run(["/bin/true"], limits: large)
                guard case .systemError(let error) = refused.outcome else {
                    Issue.record("\(refused.outcome)")
                    return
                }
                #expect(error.step == "launcher.memory" && sink.starts == 0, "\(error)")
                // What fits beside it does not wait.
                let small = await harness.run(["/bin/true"], limits: .test)
                #expect(small.result.outcome == .exited(code: 0))
                let waiting = MemorySink()
                async let next = harness.run(["/bin/true"], limits: large, sink: waiting)
                for _ in 0..<50 where waiting.starts == 0 { try await Task.sleep(for: .milliseconds(10)) }
                #expect(waiting.starts == 0)
                holder.closeFiles()
                #expect(await next.result.outcome == .exited(code: 0))
                // All of it is there again.
                let all = await harness.run(["/bin/true"], limits: .test.with(\.memory, most))
                #expect(all.result.outcome == .exited(code: 0))
            }
        }

        @Test func scratchBytesAndFiles() async throws {
            try await CellHarness.with { harness in
                let (bytes, sink) = await harness.shell(
                    "for i in 1 2 3; do dd if=/dev/zero of=/tmp/$i bs=1M count=4 2>/dev/null && echo ok; done; df -k /work | tail -1",
                    limits: .test.with(\.memory, 128 << 20))
                #expect(bytes.outcome == .exited(code: 0))
                #expect(sink.output.hasPrefix("ok\nok\n"))
                #expect(!sink.output.hasPrefix("ok\nok\nok\n"))
                let (files, filesSink) = await harness.shell("i=0; while : > /tmp/f$i; do i=$((i+1)); done; echo $i")
                #expect(files.outcome != .exited(code: 0) || Int(filesSink.output.dropLast()).map { $0 < 256 } == true)
            }
        }

        /// One stream over its limit ends the run; what is kept is exactly the limit.
        @Test func output() async throws {
            try await CellHarness.with { harness in
                let (result, sink) = await harness.run(["/usr/bin/yes"], limits: .test.with(\.outputBytes, 10_000))
                #expect(result.outcome == .outputExceeded)
                #expect(result.output == StreamState(bytes: 10_000, truncated: true))
                #expect(sink.output.utf8.count == 10_000)
            }
        }

        @Test func oneFileAndOpenFiles() async throws {
            try await CellHarness.with { harness in
                let (file, _) = await harness.shell("exec head -c 7000000 /dev/zero > /work/big")
                // SIGXFSZ, the kernel's own answer to a file over RLIMIT_FSIZE.
                #expect(file.outcome == .signalled(signal: 25))
                let result = await python(
                    "fds = []\ntry:\n    while True: fds.append(open('/dev/null'))\nexcept OSError: raise SystemExit(len(fds) + 3)",
                    harness, .test)
                #expect(result.outcome == .exited(code: 64))
            }
        }

        @Test func aCrashIsACrash() async throws {
            try await CellHarness.with { harness in
                let crash = await python("import ctypes; ctypes.string_at(0)", harness, .test)
                #expect(crash.outcome == .signalled(signal: 11))
                let (abort, _) = await harness.shell("kill -ABRT $$")
                #expect(abort.outcome == .signalled(signal: 6))
                // A program that kills itself is not taken for one that ran out of memory or was killed by us.
                let (killed, _) = await harness.shell("kill -KILL $$")
                #expect(killed.outcome == .signalled(signal: 9))
            }
        }

        /// The outside's view of the limits while the program runs: the control group holds the numbers of the profile.
        @Test func limitsReadBackFromOutside() async throws {
            try await CellHarness.with { harness in
                let sink = MemorySink()
                async let run = harness.run(["/bin/sleep", "2"], sink: sink)
                while sink.starts == 0 { try await Task.sleep(for: .milliseconds(5)) }
                let core = String(harness.executor.capacity.cores[0])
                // One process more than the profile's: the slot's spawner, which is no part of the cell.
                let hybrid = [
                    ("memory", "memory.limit_in_bytes", "67108864"), ("pids", "pids.max", "33"),
                    ("cpuset", "cpuset.cpus", core), ("cpu", "cpu.cfs_quota_us", "-1"),
                ]
                let unified = [
                    ("memory.max", "67108864"), ("memory.swap.max", "0"), ("memory.oom.group", "1"), ("pids.max", "32"),
                    ("cpuset.cpus.effective", core), ("cpu.max", "max 100000"),
                ]
                let mounts = try CgroupMount.list()
                let isHybrid = mounts.contains { $0.controllers.contains("memory") }
                for (controller, file, value) in isHybrid ? hybrid : unified.map({ ("", $0.0, $0.1) }) {
                    let mount = try #require(
                        mounts.first { isHybrid ? $0.controllers.contains(controller) : $0.isUnified })
                    let root = harness.group(mount)
                    // The others hold a cell that stands ready.
                    let cell = try #require(
                        try Folders.children(of: root).first { group in
                            try KernelFile.read("\(root)/\(group)/cgroup.procs").split(separator: "\n").contains {
                                try KernelFile.read("/proc/\($0)/comm") == "sleep"
                            }
                        })
                    #expect(try KernelFile.read("\(root)/\(cell)/\(file)") == value, "\(file)")
                }
                #expect(await run.result.outcome == .exited(code: 0))
            }
        }

        @Test func aSharedGrantIsThrottled() async throws {
            try await CellHarness.with { harness in
                let limits = CellLimits.test.with(\.cpu, .shared(millicores: 200)).with(\.wallTime, .milliseconds(800))
                // On a host that has no fifth of a core left for it, it never comes to be throttled.
                for _ in 0..<5 {
                    let result = await python("while True: pass", harness, limits)
                    #expect(result.outcome == .wallTimeExceeded)
                    // A fifth of a core for as long as it took; a period's worth of slack.
                    #expect(
                        result.usage.cpuMicroseconds < result.usage.wallMicroseconds / 5 + 100_000, "\(result.usage)")
                    if result.usage.throttledMicroseconds > 0 { return }
                }
                Issue.record("never throttled")
            }
        }
    }
}
