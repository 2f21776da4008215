import Foundation
import Glibc
import PanalCore
import PanalLauncherProtocol
import PanalLinux
import Testing

@testable import PanalSandbox

/// What is told of a run besides its outcome, and limits that show in it.
extension LiveCells {
    @Suite(.serialized) struct UsageTests {
        /// Bytes that a child of the program's read past the host's cache are counted; nothing was written to storage.
        @Test func storageBytesOfEveryProcess() async throws {
            try await CellHarness.with { harness in
                let text = String(repeating: "0123456789abcdef", count: 1 << 18)
                let input = InputFile(field: "data", name: "big", content: try harness.blob(text))
                let (result, sink) = await harness.run(
                    [
                        "/bin/sh", "-c",
                        "dd if=/input/data/big iflag=direct bs=1M of=/dev/null; echo x > /work/y; true",
                    ], inputs: [input])
                #expect(result.outcome == .exited(code: 0), "\(sink.error)")
                var found = stat()
                #expect(stat(harness.folder.path, &found) == 0)
                // Devices of major number 0 are the kernel's own: a temporary folder in memory, or another machine's.
                let isOnStorage = found.st_dev >> 8 & 0xfff != 0
                let read = try #require(result.usage.bytesRead)
                #expect(!isOnStorage || read >= text.utf8.count, "\(read)")
                #expect(result.usage.bytesWritten == 0)
            }
        }

        @Test func residentMemoryAndPressure() async throws {
            try await CellHarness.with { harness in
                let script = """
                    import os, time
                    block = bytearray(30 << 20)
                    children = []
                    for _ in range(2):
                        child = os.fork()
                        if child == 0:
                            end = time.process_time() + 0.2
                            while time.process_time() < end: pass
                            os._exit(0)
                        children.append(child)
                    for child in children: os.waitpid(child, 0)
                    """
                let (result, sink) = await harness.run(["/usr/bin/python3", "-c", script])
                #expect(result.outcome == .exited(code: 0), "\(sink.error)")
                let resident = try #require(result.usage.maxResidentBytes)
                #expect((30 << 20..<64 << 20).contains(resident), "\(resident)")
                #expect(result.usage.outOfMemoryKills == 0)
                // Two wanted one core for 400 ms together: one of them always waited.
                if FileManager.default.fileExists(atPath: "/proc/pressure/cpu") {
                    let pressure = try #require(result.usage.pressure)
                    #expect(pressure.cpuMicroseconds > 150_000, "\(pressure)")
                    #expect(pressure.cpuMicroseconds <= result.usage.wallMicroseconds, "\(result.usage)")
                }
                let (short, _) = await harness.run(["/bin/true"])
                #expect(short.usage.wallMicroseconds >= 10_000 || short.usage.pressure == nil)
            }
        }

        /// Whatever the launcher was started with, the program finds these.
        @Test func inheritedLimitsAreFixed() async throws {
            var before = rlimit()
            let stack = __rlimit_resource_t(RLIMIT_STACK.rawValue)
            getrlimit(stack, &before)
            var changed = rlimit(rlim_cur: 16 << 20, rlim_max: before.rlim_max)
            #expect(setrlimit(stack, &changed) == 0)
            defer { setrlimit(stack, &before) }
            try await CellHarness.with { harness in
                let script = """
                    import resource
                    for name in "STACK NPROC SIGPENDING AS DATA CPU CORE MEMLOCK MSGQUEUE NICE RTPRIO NOFILE FSIZE".split():
                        print(name, *resource.getrlimit(getattr(resource, "RLIMIT_" + name)))
                    """
                let (_, sink) = await harness.run(["/usr/bin/python3", "-c", script])
                #expect(
                    sink.output == """
                        STACK 8388608 -1
                        NPROC 4096 4096
                        SIGPENDING 1024 1024
                        AS -1 -1
                        DATA -1 -1
                        CPU -1 -1
                        CORE 0 0
                        MEMLOCK 65536 65536
                        MSGQUEUE 0 0
                        NICE 0 0
                        RTPRIO 0 0
                        NOFILE 64 64
                        FSIZE 6291456 6291456

                        """, "\(sink.error)")
            }
        }

        /// Read back from outside while the run lasts, and gone with it.
        @Test func aSharedGrantMaySaveUp() async throws {
            try await CellHarness.with { harness in
                func bursts() throws -> [String] {
                    var found: [String] = []
                    for mount in try CgroupMount.list() {
                        let root = "\(mount.path)/panal-\(harness.instance)"
                        guard FileManager.default.fileExists(atPath: root) else { continue }
                        for group in try Folders.children(of: root) {
                            for file in ["cpu.cfs_burst_us", "cpu.max.burst"] {
                                if let value = try? KernelFile.read("\(root)/\(group)/\(file)") { found.append(value) }
                            }
                        }
                    }
                    return found
                }
                let limits = CellLimits.test.with(\.cpu, .shared(millicores: 200)).with(
                    \.cpuBurst, .milliseconds(15))
                let sink = MemorySink()
                async let run = harness.run(["/bin/sleep", "1"], limits: limits, sink: sink)
                while sink.starts == 0 { try await Task.sleep(for: .milliseconds(5)) }
                #expect(try bursts().filter { $0 != "0" } == ["15000"])
                #expect(await run.result.outcome == .exited(code: 0))
                let (next, _) = await harness.run(["/bin/true"])
                #expect(next.outcome == .exited(code: 0))
                #expect(try bursts().allSatisfy { $0 == "0" })
            }
        }

        /// The launcher sleeps until the next moment at which a limit can have run out: two seconds of computing must not wake
        /// it by a clock. What does wake it is the run's start and end, and cells that are made.
        @Test func deadlinesAreComputed() async throws {
            try await CellHarness.with { harness in
                _ = await harness.shell("true")
                let sink = MemorySink()
                let spin = "import time\nend = time.process_time() + 2\nwhile time.process_time() < end: pass"
                async let run = harness.run(["/usr/bin/python3", "-c", spin], sink: sink)
                while sink.starts == 0 { try await Task.sleep(for: .milliseconds(5)) }
                // Cells that were being made when it started.
                try await Task.sleep(for: .milliseconds(300))
                let before = try launcherWakeUps()
                try await Task.sleep(for: .milliseconds(1_500))
                #expect(try launcherWakeUps() - before <= 5)
                #expect(await run.result.outcome == .exited(code: 0))
            }
        }

        private func launcherWakeUps() throws -> Int {
            for process in try Folders.children(of: "/proc") where Int(process) != nil {
                guard let status = try? KernelFile.read("/proc/\(process)/status"),
                    status.contains("Name:\tpanal-launcher\n"), status.contains("PPid:\t\(getpid())\n")
                else { continue }
                let line = try #require(
                    status.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt_switches:") })
                return try #require(Int(line.drop { !$0.isNumber }))
            }
            throw SystemError(step: "test.launcher", detail: "there is no launcher")
        }
    }
}

@Suite struct UsageReadingTests {
    @Test func unknownFiguresAreNil() {
        let unknown = OutcomeReading.usage(FinishReport(ending: .exited(0)))
        #expect(unknown.bytesRead == nil && unknown.maxResidentBytes == nil && unknown.pressure == nil)
        let known = OutcomeReading.usage(
            FinishReport(
                ending: .exited(0), outOfMemoryKills: 2, maxResident: 5, bytesRead: 0, bytesWritten: 7,
                pressure: [1_000, 0, 3_999]))
        #expect(known.bytesRead == 0 && known.bytesWritten == 7 && known.maxResidentBytes == 5)
        #expect(known.outOfMemoryKills == 2)
        #expect(known.pressure == .init(cpuMicroseconds: 1, memoryMicroseconds: 0, ioMicroseconds: 3))
    }

    /// Records of before the newer figures were measured are still read.
    @Test func olderRecordsAreRead() throws {
        let text = """
            {"cpuUserMicroseconds": 1, "cpuSystemMicroseconds": 2, "wallMicroseconds": 3, "peakMemoryBytes": 4,
             "voluntaryContextSwitches": 5, "forcedContextSwitches": 6, "throttledMicroseconds": 7}
            """
        let usage = try JSONDecoder().decode(ResourceUsage.self, from: Data(text.utf8))
        #expect(usage.forcedContextSwitches == 6 && usage.maxResidentBytes == nil && usage.pressure == nil)
        #expect(try JSONDecoder().decode(ResourceUsage.self, from: JSONEncoder().encode(usage)) == usage)
    }
}
