import Foundation
import Glibc
import PanalCore
import PanalLauncherProtocol
import PanalLinux
import Testing

@testable import PanalSandbox

/// The launcher outlives its server: what runs goes on, and what has ended is kept until a server has stored it.
extension LiveCells {
    @Suite(.serialized) struct TakeoverTests {
        /// Writes to both streams for at least two seconds, leaves a file, and ends.
        private static let slow = """
            i=0; while [ $i -lt 60 ]; do echo "out $i"; echo "err $i" >&2; i=$((i+1)); sleep 0.04; done
            echo result > r; exit 3
            """
        private static func lines(_ word: String, _ count: Int) -> String {
            (0..<count).map { "\(word) \($0)\n" }.joined()
        }

        /// Writes more than a pipe holds, and ends before its server looks.
        private static let short = "seq 1 200; echo e >&2; mkdir d; echo one > d/a; echo two > b; ln -s b c; exit 5"

        @Test func aKilledServersRunsComeToTheirEndsWithTheNext() async throws {
            // The server is a process of its own: it starts a run, has the end of another one, and is killed.
            await #expect(processExitsWith: .signal(SIGKILL)) {
                let server = try KeptCells("killed", owner: getppid())
                let ended = await server.executor.run(
                    server.attempt(1, Self.short), sink: try server.sink(1), started: {})
                guard ended.outcome == .exited(code: 5) else { exit(1) }
                let sink = try server.sink(2)
                _ = server.start(server.attempt(2, Self.slow), sink)
                while sink.bytes(of: .error) < 60 { usleep(1_000) }
                kill(getpid(), SIGKILL)
            }
            let server = try KeptCells("killed")
            #expect(await server.executor.held() == [KeptCells.id(1), KeptCells.id(2)])
            let asked = [KeptCells.id(1), KeptCells.id(2), KeptCells.id(3)]
            #expect(await server.executor.recover(asked) == [KeptCells.id(1), KeptCells.id(2)])

            let first = try server.sink(1)
            let ended = await server.resume(server.attempt(1, Self.short), first)
            #expect(ended.outcome == .exited(code: 5))
            #expect(first.text(.output) == (1...200).map { "\($0)\n" }.joined())
            #expect(first.text(.error) == "e\n")
            #expect(ended.output == StreamState(bytes: first.text(.output).utf8.count))
            #expect(ended.files.map(\.path) == ["b", "d/a"])
            #expect(ended.files.map { first.result($0.content) } == ["two\n", "one\n"])
            #expect(ended.skipped == ["c: it is a symbolic link"])
            #expect(first.starts.count == 1)
            #expect(ended.usage.wallMicroseconds > 0 && ended.usage.peakMemoryBytes > 0)

            let second = try server.sink(2)
            let run = await server.resume(server.attempt(2, Self.slow), second)
            #expect(run.outcome == .exited(code: 3))
            #expect(second.text(.output) == Self.lines("out", 60))
            #expect(second.text(.error) == Self.lines("err", 60))
            #expect(run.files.map { second.result($0.content) } == ["result\n"])
            #expect(run.usage.wallMicroseconds >= 2_000_000)
            #expect(second.starts.count == 1 && second.starts[0] > .milliseconds(50))

            // What is not held is lost, and what has been stored is not held any more.
            let absent = await server.resume(server.attempt(3, "true"), try server.sink(3))
            #expect(absent.outcome.step == "launcher.lost")
            await server.executor.settle(KeptCells.id(1))
            await server.executor.detach()
            let last = try KeptCells("killed")
            #expect(await last.executor.held() == [KeptCells.id(2)])
            await last.executor.settle(KeptCells.id(2))
            #expect(await last.executor.recover([KeptCells.id(2)]) == [])
            await last.end()
        }

        /// Numbered lines, faster than anybody takes them, so that they stop wherever a server does.
        private static let whole = CellLimits.kept.with(\.cpu, .exclusive(cores: 1))
        private static let flood = "i=0; while [ $i -lt 300000 ]; do echo \"out $i\"; i=$((i+1)); done; exit 7"

        /// Each server is killed at some instant: on its way to the launcher, while it moves bytes, while it takes the result.
        @Test func serversThatAreKilledAtAnyInstantLoseNothing() async throws {
            let place = KeptCells.place("instants", owner: getpid())
            for round in 0..<30 {
                try FileManager.default.createDirectory(atPath: place.folder, withIntermediateDirectories: true)
                try Data("\(round * 7_919 % 40_000)".utf8).write(to: URL(filePath: "\(place.folder)/pause"))
                await #expect(processExitsWith: .signal(SIGKILL)) {
                    let place = KeptCells.place("instants", owner: getppid())
                    let text = try String(contentsOfFile: "\(place.folder)/pause", encoding: .utf8)
                    let pause = UInt32(text) ?? 0
                    let server = try KeptCells("instants", owner: getppid()) {
                        Thread.detachNewThread {
                            usleep(pause)
                            kill(getpid(), SIGKILL)
                        }
                    }
                    let sink = try server.sink(1)
                    let attempt = server.attempt(1, Self.flood, limits: Self.whole)
                    if await server.executor.recover([attempt.id]) == [attempt.id] {
                        _ = await server.resume(attempt, sink)
                    } else if !FileManager.default.fileExists(atPath: "\(place.folder)/begun") {
                        // Once it has been ordered it may be there, and must never be ordered again.
                        let run = server.start(attempt, sink)
                        while sink.starts.isEmpty { usleep(500) }
                        try Data().write(to: URL(filePath: "\(place.folder)/begun"))
                        _ = await run.value
                    }
                    while true { sleep(1) }
                }
                let traces = ["begun", "1/stdout"].filter {
                    FileManager.default.fileExists(atPath: "\(place.folder)/\($0)")
                }
                if round == 4, traces.isEmpty { try await begin(place.folder) }
            }
            let server = try KeptCells("instants")
            #expect(await server.executor.recover([KeptCells.id(1)]) == [KeptCells.id(1)])
            let sink = try server.sink(1)
            let result = await server.resume(server.attempt(1, Self.flood, limits: Self.whole), sink)
            #expect(result.outcome == .exited(code: 7))
            #expect(sink.text(.output) == Self.lines("out", 300_000))
            #expect(result.output == StreamState(bytes: Self.lines("out", 300_000).utf8.count))
            await server.end()
        }

        /// On a slow host no killed server comes so far as to begin the run.
        private func begin(_ folder: String) async throws {
            let server = try KeptCells("instants")
            _ = await server.executor.recover([])
            try? FileManager.default.removeItem(atPath: "\(folder)/1")
            let sink = try server.sink(1)
            _ = server.start(server.attempt(1, Self.flood, limits: Self.whole), sink)
            #expect(await KeptCells.eventually { !sink.starts.isEmpty })
            await server.executor.detach()
            try Data().write(to: URL(filePath: "\(folder)/begun"))
        }

        @Test func oneCellGoesThroughTenServers() async throws {
            var server = try KeptCells("ten")
            let script = "i=0; while [ $i -lt 60 ]; do echo \"out $i\"; i=$((i+1)); sleep 0.05; done"
            let attempt = server.attempt(1, script)
            let first = try server.sink(1)
            _ = server.start(attempt, first)
            #expect(await KeptCells.eventually { !first.starts.isEmpty })
            var gone: [Duration] = []
            for _ in 0..<10 {
                await server.executor.detach()
                server = try KeptCells("ten")
                #expect(await server.executor.recover([attempt.id]) == [attempt.id])
                let sink = try server.sink(1)
                let next = server
                Task { await next.resume(attempt, sink) }
                #expect(await KeptCells.eventually { !sink.starts.isEmpty })
                gone += sink.starts
                // A run that comes later has a number of its own.
                let result = await server.executor.run(
                    server.attempt(9, "echo other"), sink: MemorySink(), started: {})
                #expect(result.outcome == .exited(code: 0))
                await server.executor.settle(KeptCells.id(9))
            }
            #expect(gone == gone.sorted())
            await server.executor.detach()
            server = try KeptCells("ten")
            let sink = try server.sink(1)
            #expect(await server.executor.held() == [attempt.id])
            let result = await server.resume(attempt, sink)
            #expect(result.outcome == .exited(code: 0))
            #expect(sink.text(.output) == Self.lines("out", 60))
            await server.end()
        }

        @Test func aSecondServerIsRefusedWhileTheFirstLives() async throws {
            let server = try KeptCells("second")
            let error = #expect(throws: SystemError.self) { try KeptCells("second") }
            #expect(error?.step == "launcher.lock")
            #expect(error?.detail.contains("‘\(server.instance)’") == true, "\(error?.detail ?? "")")
            let result = await server.executor.run(server.attempt(1, "exit 2"), sink: MemorySink(), started: {})
            #expect(result.outcome == .exited(code: 2))
            await server.end()
        }

        /// The folder keeps strangers away; with it open, the kernel still says who they are.
        @Test func strangersAreHungUpOn() async throws {
            let server = try KeptCells("stranger")
            await server.executor.detach()
            let folder = LockFolder.path(user: 0)
            let socket = LockFolder.launcher(server.instance, folder: folder)
            let status = try FileManager.default.attributesOfItem(atPath: socket)
            #expect(status[.posixPermissions] as? Int == 0o600)
            let folderStatus = try FileManager.default.attributesOfItem(atPath: LockFolder.launchers(folder))
            #expect(folderStatus[.posixPermissions] as? Int == 0o700)
            #expect(try stranger(connectsTo: socket) == "no way: Permission denied")
            // Another name of the socket, where anybody can go.
            let open = "/run/panal-open-\(getpid())"
            link(socket, open)
            chmod(open, 0o666)
            defer { unlink(open) }
            #expect(try stranger(connectsTo: open) == "hung up")
            // Who is let in and says nothing, or nonsense, changes nothing for the next.
            for bytes in [[], [3], [4], [1, 2, 3]] as [[UInt8]] {
                guard let line = try Rendezvous.connect(to: socket) else {
                    Issue.record("nobody listens")
                    return
                }
                if !bytes.isEmpty { _ = MessageSocket.send(line, bytes, descriptors: [], waiting: true) }
                close(line.release())
            }
            let next = try KeptCells("stranger")
            await next.end()
        }

        private func stranger(connectsTo path: String) throws -> String {
            let script = """
                use Socket; use Errno; socket(S, PF_UNIX, SOCK_SEQPACKET, 0) or die;
                connect(S, sockaddr_un($ARGV[0])) or do { print "no way: $!"; exit };
                alarm 10; recv(S, my $word, 100, 0); print length($word) ? "answered" : "hung up";
                """
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/setpriv")
            process.arguments = [
                "--reuid=64999", "--regid=64999", "--clear-groups", "/usr/bin/perl", "-e", script, path,
            ]
            process.environment = ["LC_ALL": "C"]
            let pipe = Pipe()
            process.standardOutput = pipe
            try process.run()
            let said = pipe.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            return String(decoding: said, as: UTF8.self)
        }

        /// What the next server does not know of is ended, and its results are thrown away.
        @Test func staleAttemptsAreEnded() async throws {
            let server = try KeptCells("stale")
            let whole = CellLimits.kept.with(\.cpu, .exclusive(cores: 1))
            let ended = try server.sink(1)
            let done = await server.executor.run(server.attempt(1, Self.short), sink: ended, started: {})
            #expect(done.outcome == .exited(code: 5))
            let sink = try server.sink(2)
            _ = server.start(server.attempt(2, "sleep 50", limits: whole), sink)
            #expect(await KeptCells.eventually { !sink.starts.isEmpty })
            await server.executor.detach()
            let next = try KeptCells("stale")
            #expect(await next.executor.recover([KeptCells.id(7)]) == [])
            // Its core is free again.
            let attempt = next.attempt(3, "exit 4", limits: whole)
            #expect(
                await KeptCells.eventually {
                    let result = await next.executor.run(attempt, sink: MemorySink(), started: {})
                    await next.executor.settle(attempt.id)
                    return result.outcome == .exited(code: 4)
                })
            await next.executor.detach()
            let last = try KeptCells("stale")
            #expect(await last.executor.held() == [])
            await last.end()
        }

        @Test func aRunOfAnotherTableIsEndedAndNamed() async throws {
            let server = try KeptCells("table")
            let sink = try server.sink(1)
            _ = server.start(server.attempt(1, "sleep 50"), sink)
            #expect(await KeptCells.eventually { !sink.starts.isEmpty })
            await server.executor.detach()
            let next = try KeptCells("table", keeping: .seconds(601))
            #expect(await next.executor.recover([KeptCells.id(1)]) == [KeptCells.id(1)])
            let result = await next.resume(next.attempt(1, "sleep 50"), try next.sink(1))
            #expect(result.outcome.step == "launcher.replaced")
            #expect(await next.resume(next.attempt(1, ""), try next.sink(1)).outcome.step == "launcher.lost")
            let other = await next.executor.run(next.attempt(2, "exit 6"), sink: MemorySink(), started: {})
            #expect(other.outcome == .exited(code: 6))
            await next.end()
        }

        @Test func nothingIsLeftWhenNobodyComes() async throws {
            let server = try KeptCells("nobody", keeping: .seconds(1))
            let sink = try server.sink(1)
            _ = server.start(server.attempt(1, "sleep 50"), sink)
            #expect(await KeptCells.eventually { !sink.starts.isEmpty })
            await server.executor.detach()
            #expect(!KeptCells.remains(server.instance).isEmpty)
            #expect(await KeptCells.eventually { KeptCells.remains(server.instance).isEmpty })
            let next = try KeptCells("nobody", keeping: .seconds(1))
            #expect(await next.executor.held() == [])
            await next.end()
        }

        /// A server that comes and never asks for what is held loses it after the same time.
        @Test func whatNobodyAsksForIsForgotten() async throws {
            let server = try KeptCells("unasked", keeping: .seconds(1))
            let sink = try server.sink(1)
            _ = server.start(server.attempt(1, "sleep 50"), sink)
            #expect(await KeptCells.eventually { !sink.starts.isEmpty })
            await server.executor.detach()
            let next = try KeptCells("unasked", keeping: .seconds(1))
            func cells() -> Int {
                // A launcher has its maker, a spawner for each slot, and cells; a run's program is its cell's.
                (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.count {
                    (try? String(contentsOfFile: "/proc/\($0)/cmdline", encoding: .utf8)) == "sleep\u{0}50\u{0}"
                } ?? 0
            }
            #expect(await KeptCells.eventually { cells() == 0 })
            await next.end()
        }

        /// A deadline passes while there is no server, and a limit is passed with one that is killed before it can tell.
        @Test func limitsHoldAcrossServers() async throws {
            let server = try KeptCells("limits")
            let short = CellLimits.kept.with(\.wallTime, .milliseconds(700))
            let narrow = CellLimits.kept.with(\.outputBytes, 100_000)
            let slow = "while :; do printf %05000d 7; sleep 0.05; done"
            let sinks = [try server.sink(1), try server.sink(2), try server.sink(3)]
            _ = server.start(server.attempt(1, "sleep 50", limits: short), sinks[0])
            _ = server.start(server.attempt(2, slow, limits: narrow), sinks[1])
            let passed = await server.executor.run(
                server.attempt(3, "head -c 150000 /dev/zero", limits: narrow), sink: sinks[2], started: {})
            #expect(passed.outcome == .outputExceeded)
            #expect(await KeptCells.eventually { !sinks[0].starts.isEmpty && sinks[1].bytes(of: .output) > 0 })
            await server.executor.detach()
            #expect(sinks[1].bytes(of: .output) < 100_000)
            try await Task.sleep(for: .milliseconds(1_000))
            let next = try KeptCells("limits")
            let first = await next.resume(next.attempt(1, "sleep 50", limits: short), try next.sink(1))
            #expect(first.outcome == .wallTimeExceeded)
            for number: UInt64 in [2, 3] {
                let sink = try next.sink(number)
                let result = await next.resume(next.attempt(number, slow, limits: narrow), sink)
                #expect(result.outcome == .outputExceeded)
                #expect(result.output == StreamState(bytes: 100_000, truncated: true))
                #expect(sink.bytes(of: .output) == 100_000)
            }
            await next.end()
        }

        /// Nobody may take the end of a server for the end of the input.
        @Test func inputIsWholeWithoutAServer() async throws {
            let server = try KeptCells("input")
            let content = try #require(ContentHash(hex: String(repeating: "a", count: 64)))
            let path = "\(server.folder)/\(ContentLayout.blob(content))"
            try FileManager.default.createDirectory(
                atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try Data(repeating: 97, count: 1_000_000).write(to: URL(filePath: path))
            var attempt = server.attempt(1, "sleep 1; wc -c; echo x > /dev/stdin; readlink /proc/self/fd/0")
            attempt.standardInput = content
            let sink = try server.sink(1)
            _ = server.start(attempt, sink)
            #expect(await KeptCells.eventually { !sink.starts.isEmpty })
            await server.executor.detach()
            try await Task.sleep(for: .milliseconds(1_500))
            let next = try KeptCells("input")
            let again = try next.sink(1)
            #expect(await next.resume(attempt, again).outcome == .exited(code: 0))
            #expect(again.text(.output) == "1000000\n/memfd:input (deleted)\n")
            #expect(again.text(.error).contains("Permission denied"), "\(again.text(.error))")
            await next.end()
        }

        /// It is copied into memory, which no limit of the cell's counts.
        @Test func inputIsBounded() async throws {
            let server = try KeptCells("largest")
            let content = try #require(ContentHash(hex: String(repeating: "b", count: 64)))
            let path = "\(server.folder)/\(ContentLayout.blob(content))"
            try FileManager.default.createDirectory(
                atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            #expect(FileManager.default.createFile(atPath: path, contents: nil))
            for (number, extra): (UInt64, Int) in [(1, 0), (2, 1)] {
                #expect(truncate(path, AttemptSpec.maximumStandardInput + extra) == 0)
                var attempt = server.attempt(number, "wc -c")
                attempt.standardInput = content
                let sink = try server.sink(number)
                let result = await server.executor.run(attempt, sink: sink, started: {})
                if extra == 0 {
                    #expect(result.outcome == .exited(code: 0))
                    #expect(sink.text(.output) == "\(AttemptSpec.maximumStandardInput)\n")
                } else if case .systemError(let error) = result.outcome {
                    #expect(error.step == "input.standard" && error.errno == Int(EFBIG))
                    #expect(error.detail == "a standard input has at most 64 MiB; more goes in as a file")
                } else {
                    Issue.record("\(result.outcome)")
                }
            }
            await server.end()
        }

        /// A server that never says that it has stored results gets no memory by that.
        @Test func resultsThatAreNotStoredCountAsMemory() async throws {
            let server = try KeptCells("unsettled")
            let large = server.executor.capacity.memory / 5 * 3 / 4_096 * 4_096
            let limits = CellLimits.kept.with(\.memory, large).with(\.scratchBytes, large)
            let first = try server.sink(1)
            let kept = await server.executor.run(
                server.attempt(1, "echo result > r", limits: limits), sink: first, started: {})
            #expect(kept.files.map(\.path) == ["r"])
            let second = try server.sink(2)
            let waiting = server.start(server.attempt(2, "echo ran", limits: limits), second)
            // Long enough for one that does not wait, on a host that is not busy.
            try await Task.sleep(for: .milliseconds(300))
            #expect(second.starts.isEmpty)
            await server.executor.settle(KeptCells.id(1))
            #expect(await waiting.value.outcome == .exited(code: 0))
            #expect(second.text(.output) == "ran\n")
            await server.end()
        }

        /// Cancelled between two servers.
        @Test func aCancelledOneComesBackAsCancelled() async throws {
            let server = try KeptCells("cancel")
            let sink = try server.sink(1)
            _ = server.start(server.attempt(1, "sleep 50"), sink)
            #expect(await KeptCells.eventually { !sink.starts.isEmpty })
            await server.executor.detach()
            let next = try KeptCells("cancel")
            await next.executor.cancel(KeptCells.id(1))
            #expect(await next.resume(next.attempt(1, "sleep 50"), try next.sink(1)).outcome == .cancelled)
            await next.end()
        }

        /// A launcher that is killed while it has no server is swept by the next, and nothing of it is held.
        @Test func aLauncherThatIsKilledMeanwhileIsSwept() async throws {
            let server = try KeptCells("swept")
            let sink = try server.sink(1)
            _ = server.start(server.attempt(1, "sleep 50"), sink)
            #expect(await KeptCells.eventually { !sink.starts.isEmpty })
            let tasks = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")
            let children = tasks.compactMap {
                try? String(contentsOfFile: "/proc/self/task/\($0)/children", encoding: .utf8)
            }
            let launchers = children.joined(separator: " ").split(separator: " ").compactMap { Int32($0) }.filter {
                (try? String(contentsOfFile: "/proc/\($0)/comm", encoding: .utf8)) == "panal-launcher\n"
            }
            try #require(launchers.count == 1)
            await server.executor.detach()
            kill(launchers[0], SIGKILL)
            #expect(await KeptCells.eventually { kill(launchers[0], 0) != 0 })
            #expect(!KeptCells.remains(server.instance).isEmpty)
            // By one of another name, which takes nothing over.
            let other = try KeptCells("sweeper")
            #expect(KeptCells.remains(server.instance).isEmpty, "\(KeptCells.remains(server.instance))")
            #expect(await other.executor.held() == [])
            await other.end()
            let next = try KeptCells("swept")
            #expect(await next.executor.recover([KeptCells.id(1)]) == [])
            #expect(await next.resume(next.attempt(1, ""), try next.sink(1)).outcome.step == "launcher.lost")
            await next.end()
        }
    }
}

extension Outcome {
    /// The step of a system error.
    var step: String? { if case .systemError(let error) = self { error.step } else { nil } }
}
