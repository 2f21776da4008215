import Foundation
import Glibc
import PanalCore
import PanalSandbox
import Testing

/// What a program can see and reach from inside.
extension LiveCells {
    @Suite(.serialized) struct IsolationTests {
        @Test func rightsReadBackFromInside() async throws {
            try await CellHarness.with { harness in
                let (_, sink) = await harness.shell("cat /proc/self/status; id -u; id -G; ulimit -c")
                let status = sink.output
                for line in [
                    "NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000",
                    "SigIgn:\t0000000000000000", "SigBlk:\t0000000000000000", "CapBnd:\t0000000000000000",
                    "CapInh:\t0000000000000000", "CapAmb:\t0000000000000000",
                    "Groups:\t \n",
                ] {
                    #expect(status.contains(line), "\(line) is missing in \(status)")
                }
                #expect(!status.contains("\nUid:\t0"))
            }
        }

        /// Nothing of the host's files, processes, names or network shows.
        @Test func nothingOfTheHostShows() async throws {
            try await CellHarness.with { harness in
                let (_, sink) = await harness.shell(
                    """
                    ls -A / | tr '\\n' ' '; echo; ls /proc | tr '\\n' ' '; echo; hostname; cat /proc/self/cgroup | grep -c panal
                    cat /proc/net/dev 2>/dev/null | grep -c :; ls -A /var /etc | tr '\\n' ' '; echo; ls -A /home /root 2>&1 | wc -l
                    """)
                let lines = sink.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
                #expect(!lines[0].contains("home") && !lines[0].contains("root") && !lines[0].contains("sys"))
                // Only processes of its own pid namespace; init belongs to somebody else and is hidden.
                #expect(
                    lines[1].split(separator: " ").allSatisfy {
                        $0 == "self" || $0 == "thread-self" || (Int($0) ?? 99) < 20
                    })
                #expect(lines[2] == "cell")
                #expect(lines[3] == "0", "the cell sees its place in the host's groups")
                #expect(!sink.output.contains("shadow"))
            }
        }

        /// Descriptors 0, 1 and 2 are open and nothing else, even though the test's own process has many open.
        @Test func noDescriptorLeaks() async throws {
            var open: [Int32] = []
            defer { for number in open { close(number) } }
            for _ in 0..<500 { open.append(Glibc.open("/dev/null", O_RDONLY)) }
            try await CellHarness.with { harness in
                let (_, sink) = await harness.run(
                    ["/usr/bin/python3", "-c", "import os; print(sorted(os.listdir('/proc/self/fd')))"])
                // 3 is the folder that the listing itself has open.
                #expect(sink.output == "['0', '1', '2', '3']\n")
            }
        }

        @Test func theEnvironmentIsAnExactList() async throws {
            setenv("PANAL_TEST_SECRET", "leaked", 1)
            try await CellHarness.with { harness in
                let (_, sink) = await harness.run(["/usr/bin/env"])
                #expect(
                    Set(sink.output.split(separator: "\n").map(String.init)) == Set(AttemptSpec.standardEnvironment))
            }
        }

        /// Each of these must be refused to the program, by the policy or by its missing rights: expression of Python that must
        /// raise OSError.
        static let refused = [
            "os.chroot('/tmp')", "os.setuid(0)", "os.mknod('/tmp/d', 0o60666, 0x100)", "open('/usr/x', 'w')",
            "open('/etc/passwd', 'a')", "open('/dev/sda', 'rb')", "open('/program/x', 'w')", "os.kill(1, 9)",
            "os.unshare(0x10000000)", "os.sethostname('x')",
            "socket.socket(socket.AF_INET, socket.SOCK_STREAM).connect(('127.0.0.1', 80))",
            "libc_call('mount', b'x', b'/tmp', b'tmpfs', 0, 0)", "libc_call('ptrace', 16, 1, 0, 0)",
            "libc_call('keyctl', 0, 0)", "libc_call('syscall', 425, 8, 0)", "libc_call('syscall', 321, 0, 0, 0)",
            "libc_call('syscall', 323, 0)", "fcntl.ioctl(0, 0x5412, b'x')",
            "libc_call('recvmmsg', socket.socket(socket.AF_UNIX).fileno(), 0, 0, 1, 0)",
        ]

        @Test(arguments: refused)
        func isRefused(expression: String) async throws {
            try await CellHarness.with { harness in
                let script = """
                    import os, socket, ctypes, fcntl
                    os.unshare = lambda flags: libc_call('unshare', flags)
                    os.sethostname = lambda name: libc_call('sethostname', name.encode(), len(name))
                    def libc_call(name, *args):
                        libc = ctypes.CDLL(None, use_errno=True)
                        if name == 'keyctl': name, args = 'syscall', (250,) + args
                        if getattr(libc, name)(*args) < 0: raise OSError(ctypes.get_errno(), name)
                    try:
                        \(expression)
                    except OSError as error: raise SystemExit(42)
                    """
                let (result, sink) = await harness.run(["/usr/bin/python3", "-c", script])
                #expect(
                    result.outcome == .exited(code: 42) || result.outcome == .syscallDenied,
                    "\(result.outcome) \(sink.error)")
            }
        }

        /// A second run finds nothing of the first: files, processes, shared memory.
        @Test func aRunLeavesNothingForTheNext() async throws {
            try await CellHarness.with { harness in
                let (first, _) = await harness.shell(
                    "echo secret > /tmp/a; echo secret > /work/b; echo secret > /dev/shm/c; sleep 100 & exit 0")
                #expect(first.outcome == .exited(code: 0))
                let (_, sink) = await harness.shell("find /tmp /work /dev/shm -mindepth 1; ls /proc | grep -c '^[0-9]'")
                #expect(Int(sink.output.dropLast()).map { $0 <= 4 } == true, "\(sink.output)")
            }
        }

        /// The launcher's death ends its cells, and the next one of the instance starts clean.
        @Test func theLaunchersDeathTakesItsCells() async throws {
            let harness = try CellHarness()
            let sink = MemorySink()
            async let run = harness.run(["/bin/sleep", "30"], sink: sink)
            while sink.starts == 0 { try await Task.sleep(for: .milliseconds(5)) }
            let launchers = try processes { $0.contains("panal-launcher") && $1 == getpid() }
            for process in launchers { kill(process, SIGKILL) }
            guard case .systemError(let error) = await run.result.outcome else {
                Issue.record("a lost launcher must be a system error")
                return
            }
            #expect(error.step == "launcher.lost")
            #expect(!harness.executor.isUsable)
            let (refused, _) = await harness.shell("true")
            #expect(
                refused.outcome
                    == .systemError(
                        SystemError(
                            step: "launcher.lost", detail: "the launcher is gone; Panal has to be started again")))
            try await Task.sleep(for: .milliseconds(100))
            #expect(try processes { name, _ in name.hasPrefix("/bin/sleep\u{0}30") } == [])
            try await CellHarness.with(instance: harness.instance) { next in
                let (result, _) = await next.shell("true")
                #expect(result.outcome == .exited(code: 0))
            }
        }

        /// Processes whose command line and parent satisfy `matches`.
        private func processes(_ matches: (String, Int32) -> Bool) throws -> [Int32] {
            try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap(Int32.init).filter { process in
                guard let command = try? String(contentsOfFile: "/proc/\(process)/cmdline", encoding: .utf8),
                    let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
                else { return false }
                let parent = status.split(separator: ")").last?.split(separator: " ").dropFirst().first.flatMap {
                    Int32($0)
                }
                return matches(command, parent ?? 0)
            }
        }
    }
}
