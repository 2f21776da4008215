import Foundation
import Glibc
import PanalCore
import PanalLinux
import PanalSandbox
import Testing

/// Copies, and what becomes of servers and launchers meanwhile.
extension LiveCells {
    @Suite(.serialized) struct RootCopyLifeTests {
        private static let limits = CellLimits.kept.with(\.scratchBytes, 300 << 20).with(\.memory, 400 << 20)
            .with(\.fileBytes, 250 << 20)
        private static let script = """
            echo x > /etc/x; head -c 200000000 /dev/zero > /etc/large; echo ready
            i=0; while [ $i -lt 5 ]; do sleep 0.1; i=$((i+1)); done; exit 5
            """

        private static func hash() throws -> ContentHash {
            try #require(ContentHash(hex: String(repeating: "ab", count: 32)))
        }

        private static func copy(
            _ server: KeptCells, _ name: String
        ) async throws -> (copied: CopiedRoot, path: String) {
            let path = "\(server.folder)/\(name)"
            let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            defer { close(file) }
            return (
                try await server.executor.copyRoot(of: KeptCells.id(1), into: file, maximumBytes: 1 << 30), path
            )
        }

        /// A server that goes while a copy is made leaves none behind; the next one asks again, and the run comes to its end.
        @Test func aLaterServerCanAskAgain() async throws {
            let server = try KeptCells("copied")
            let image = try TestImage(URL(filePath: server.folder), try Self.hash()) { _ in }
            guard server.executor.canCopyRoots else {
                #expect(try image.isUnfit)
                return await server.end()
            }
            let sink = try server.sink(1)
            let attempt = server.attempt(1, Self.script, limits: Self.limits, writing: image.name)
            _ = server.start(attempt, sink)
            #expect(await KeptCells.eventually { sink.text(.output) == "ready\n" }, "\(sink.text(.error))")
            try await server.executor.freeze(KeptCells.id(1))
            let first = Task { try await Self.copy(server, "first") }
            try await Task.sleep(for: .milliseconds(30))
            await server.executor.detach()
            _ = await first.result
            let next = try KeptCells("copied")
            // Of a run that nobody has taken up yet, too.
            #expect(next.executor.canCopyRoots)
            let (early, path) = try await Self.copy(next, "early")
            #expect(try Archive(path).members.map(\.name) == ["etc", "etc/large", "etc/x"])
            let again = try next.sink(1)
            let task = Task { await next.resume(attempt, again) }
            #expect(await KeptCells.eventually { !again.starts.isEmpty })
            #expect(try await Self.copy(next, "late").copied == early)
            try await next.thaw(1)
            let result = await task.value
            #expect(result.outcome == .exited(code: 5), "\(result.outcome)")
            await next.end()
        }

        /// The launcher is killed at some moment of a copy: who waits is told, and nothing is left that writes.
        @Test func aKilledLaunchersCopyEnds() async throws {
            for pause in [0, 5, 20, 60] {
                let harness = try CellHarness()
                let image = try harness.ownImage("killed")
                guard harness.executor.canCopyRoots else {
                    #expect(try image.isUnfit)
                    return await harness.stop()
                }
                let limits = CellLimits.test.with(\.scratchBytes, 300 << 20).with(\.memory, 400 << 20)
                    .with(\.fileBytes, 250 << 20)
                let run = try await WritingRun(
                    harness, image, "head -c 200000000 /dev/zero > /etc/large; echo ready; read line", limits: limits)
                try await run.freeze()
                let launchers = HostProcess(id: getpid()).children.filter { $0.link("exe") == CellHarness.built }
                let path = harness.folder.appending(path: "copy").path
                let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
                let copy = Task { try await harness.executor.copyRoot(of: run.id, into: file, maximumBytes: 1 << 30) }
                try await Task.sleep(for: .milliseconds(pause))
                for launcher in launchers { _ = launcher.end() }
                if case .failure(let error) = await copy.result {
                    #expect((error as? SystemError)?.step.isEmpty == false, "\(error)")
                }
                #expect(await run.cancelled().outcome.step == "launcher.lost")
                func size() -> Int64 {
                    var found = stat()
                    fstat(file, &found)
                    return Int64(found.st_size)
                }
                try await Task.sleep(for: .milliseconds(100))
                let before = size()
                try await Task.sleep(for: .milliseconds(100))
                #expect(size() == before)
                close(file)
                let name = harness.instance
                try? FileManager.default.removeItem(at: harness.folder)
                try await CellHarness.with(instance: name) { next in
                    #expect(await next.shell("exit 3").result.outcome == .exited(code: 3))
                }
            }
        }
    }
}
