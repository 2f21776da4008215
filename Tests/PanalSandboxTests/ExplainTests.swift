import Foundation
import Glibc
import PanalCore
import PanalLauncherProtocol
import PanalLinux
import PanalSeccomp
import Testing

@testable import PanalSandbox

/// Refused system calls are told, and answered as they are without that.
extension LiveCells {
    @Suite(.serialized) struct ExplainTests {
        private static let folder = CellHarness.repository.appending(path: "Profiles/seccomp").path

        private func policy(_ name: String) throws -> SeccompPolicy {
            try SeccompPolicies.read(file: "\(Self.folder)/\(name).json", name: name)
        }

        /// Each call's errno, a line each.
        private static let calls = """
            import ctypes, socket
            libc = ctypes.CDLL(None, use_errno=True)
            for call in [(41, 2, 1, 0), (41, 17, 3, 0), (165, 0, 0, 0, 0, 0), (101, 16, 1, 0, 0), (272, 0x10000000),
                         (250, 0, 0), (425, 8, 0), (321, 0, 0, 0), (9999, 0), (435, 0, 0)]:
                ctypes.set_errno(0)
                print(call[0], libc.syscall(*call), ctypes.get_errno())
            """

        @Test func whatIsRefusedIsToldAndAnsweredTheSame() async throws {
            try await CellHarness.with(explained: [try policy("default")]) { harness in
                let command = ["/usr/bin/python3", "-c", Self.calls]
                let (plain, plainSink) = await harness.run(command)
                #expect(plain.outcome == .exited(code: 0))
                #expect(plain.explained.isEmpty)
                let (told, toldSink) = await harness.run(command, explain: true)
                #expect(told.outcome == .exited(code: 0), "\(toldSink.error)")
                #expect(toldSink.output == plainSink.output)
                #expect(
                    told.explained.contains("socket(AF_INET) was refused: the profile has no network"),
                    "\(told.explained)")
                #expect(told.explained.contains { $0.hasPrefix("ptrace was refused") }, "\(told.explained)")
                #expect(Set(told.explained).count == told.explained.count)
                // A run beside it that does not ask is not asked about, and a quiet one has nothing to tell.
                let (quiet, _) = await harness.run(["/bin/true"], explain: true)
                #expect(quiet.outcome == .exited(code: 0))
                #expect(quiet.explained.isEmpty, "\(quiet.explained)")
            }
        }

        /// Children's calls are told too, and the program is not left with one that is not its own.
        @Test func childrenAndNoChildrenBut() async throws {
            try await CellHarness.with(explained: [try policy("default")]) { harness in
                let script = """
                    import os, socket
                    try: os.waitpid(-1, 0)
                    except ChildProcessError: print("none")
                    print(sorted(os.listdir("/proc/self/fd")))
                    if os.fork() == 0:
                        try: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
                        except OSError as error: os._exit(error.errno)
                    print(os.waitstatus_to_exitcode(os.wait()[1]))
                    """
                let (result, sink) = await harness.run(["/usr/bin/python3", "-c", script], explain: true)
                #expect(sink.output == "none\n['0', '1', '2', '3']\n1\n", "\(sink.error)")
                #expect(result.explained == ["socket(AF_PACKET) was refused: the profile has no network"])
            }
        }

        /// What the policy answers by the program's end ends it, and is told.
        @Test func anEndStaysAnEnd() async throws {
            var document = try #require(
                try JSONSerialization.jsonObject(
                    with: Data(contentsOf: URL(filePath: "\(Self.folder)/default.json"))) as? [String: Any])
            let rules = try #require(document["syscalls"] as? [[String: Any]])
            document["syscalls"] =
                [["names": ["getppid"], "action": "SCMP_ACT_KILL_PROCESS"]]
                + rules.map { rule in
                    var rule = rule
                    rule["names"] = (rule["names"] as? [String])?.filter { $0 != "getppid" }
                    return rule
                }
            let policy = try SeccompPolicy(
                parsing: JSONSerialization.data(withJSONObject: document), name: "killing")
            try await CellHarness.with(filters: [try policy.compiled()], explained: [policy]) { harness in
                let command = ["/usr/bin/python3", "-c", "import os; os.getppid(); print('went on')"]
                for explain in [false, true] {
                    let (result, sink) = await harness.run(command, seccomp: "killing", explain: explain)
                    #expect(result.outcome == .syscallDenied)
                    #expect(sink.output == "")
                    #expect(result.explained.contains { $0.hasPrefix("getppid was refused") } == explain)
                }
            }
        }

        @Test func anExecutorThatWasNotStartedForItRefuses() async throws {
            try await CellHarness.with { harness in
                let (result, _) = await harness.run(["/bin/true"], explain: true)
                guard case .systemError(let error) = result.outcome else {
                    Issue.record("\(result.outcome)")
                    return
                }
                #expect(error.step == "plan.explain")
            }
        }

        /// Nobody is left who answers: refused calls fail, and none is let through.
        @Test func withoutAnAnswerCallsFail() throws {
            let launcher = try LauncherProcess.start(
                LauncherSettings(
                    executable: CellHarness.launcher, instance: "test-\(getpid())-deaf", dataFolder: nil, seccomp: [],
                    explained: [try policy("default")]))
            let process = launcher.process
            defer {
                shutdown(launcher.socket.raw, Int32(SHUT_RDWR))
                var status: Int32 = 0
                waitpid(process, &status, 0)
            }
            var request = ProtocolTests.request
            (request.id, request.cores, request.seccomp) = (1, [UInt16(launcher.capacity.cores[0])], 0)
            (request.program, request.inputs) = ("", [])
            (request.wallMicroseconds, request.cpuMicroseconds) = (60_000_000, 60_000_000)
            request.arguments = [
                "/usr/bin/python3", "-c",
                """
                import socket, sys
                try: socket.socket()
                except OSError as error: sys.exit(error.errno)
                """,
            ]
            let null = open("/dev/null", O_RDWR | O_CLOEXEC)
            defer { close(null) }
            _ = MessageSocket.send(
                launcher.socket, Command.run(request).encoded(), descriptors: [null, null, null], waiting: true)
            var listeners = 0
            while true {
                let message = try MessageSocket.wait(launcher.socket)
                try #require(!message.bytes.isEmpty)
                let report = try Report(decoding: message.bytes)
                if report == .explaining(id: 1) { listeners += message.descriptors.count }
                for number in message.descriptors { close(number) }
                if case .finished(_, let finish) = report {
                    #expect(finish.ending == .exited(ENOSYS))
                    break
                }
            }
            #expect(listeners == 1)
        }
    }
}

@Suite struct ExplanationsTests {
    @Test func eachKindOnceAndAHundredAtMost() {
        var explanations = Explanations()
        for round in 0..<3 {
            for number in 0..<80 { explanations.note("call \(number + round * 40)") }
        }
        #expect(explanations.sentences.count == Explanations.most)
        #expect(explanations.sentences == (0..<100).map { "call \($0)" })
    }
}
