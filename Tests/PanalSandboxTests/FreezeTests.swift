import Foundation
import Glibc
import PanalCore
import PanalLinux
import PanalSandbox
import Testing

/// Programs that are made to stand still.
extension LiveCells {
    @Suite(.serialized) struct FreezeTests {
        private static let busy = "i=0; while :; do echo $i; i=$((i+1)); done"
        private static let whole = CellLimits.kept.with(\.cpu, .exclusive(cores: 1)).with(\.outputBytes, 1 << 40)

        private func started(
            _ server: KeptCells, _ number: UInt64, _ script: String, limits: CellLimits = .kept
        ) async throws -> (task: Task<AttemptResult, Never>, sink: FileSink) {
            let sink = try server.sink(number)
            let task = server.start(server.attempt(number, script, limits: limits), sink)
            #expect(await KeptCells.eventually { !sink.starts.isEmpty })
            return (task, sink)
        }

        /// It does nothing, its core is another's, its limits wait, and its usage says so.
        @Test func aFrozenProgramStandsStill() async throws {
            let server = try KeptCells("still")
            #expect(server.executor.canFreeze)
            let limits = Self.whole.with(\.wallTime, .seconds(2))
            let (task, sink) = try await started(server, 1, Self.busy, limits: limits)
            try await server.executor.freeze(KeptCells.id(1))
            try await server.executor.freeze(KeptCells.id(1))
            // What was written before is still on its way.
            try await Task.sleep(for: .milliseconds(300))
            let before = sink.bytes(of: .output)
            try await Task.sleep(for: .milliseconds(2_500))
            #expect(sink.bytes(of: .output) == before)
            let other = try await started(server, 2, "sleep 0.5; exit 3", limits: Self.whole)
            // Its core is in use.
            let refused = await #expect(throws: SystemError.self) { try await server.executor.thaw(KeptCells.id(1)) }
            #expect(refused?.step == "core.lock")
            #expect(await other.task.value.outcome == .exited(code: 3))
            try await server.thaw(1)
            try await server.thaw(1)
            #expect(await KeptCells.eventually { sink.bytes(of: .output) > before })
            let result = await task.value
            #expect(result.outcome == .wallTimeExceeded)
            #expect((2_000_000..<2_800_000).contains(result.usage.wallMicroseconds), "\(result.usage)")
            #expect((result.usage.frozenMicroseconds ?? 0) >= 3_000_000)
            #expect(result.usage.cpuMicroseconds <= 2_800_000)
            await server.end()
        }

        @Test func aFrozenProgramCanBeEnded() async throws {
            let server = try KeptCells("ended")
            for number: UInt64 in 1...3 {
                let (task, _) = try await started(server, number, Self.busy, limits: Self.whole)
                try await server.executor.freeze(KeptCells.id(number))
                await server.executor.cancel(KeptCells.id(number))
                let result = await task.value
                #expect(result.outcome == .cancelled)
                #expect((result.usage.frozenMicroseconds ?? 0) > 0)
                await server.executor.settle(KeptCells.id(number))
            }
            // One that ends with its launcher.
            let (task, _) = try await started(server, 4, Self.busy, limits: Self.whole)
            try await server.executor.freeze(KeptCells.id(4))
            await server.end()
            #expect(await task.value.outcome.step == "launcher.stopped")
        }

        @Test func whatDoesNotRunCannotBeFrozen() async throws {
            let server = try KeptCells("nothing")
            await #expect(throws: SystemError.self) { try await server.executor.freeze(KeptCells.id(1)) }
            let result = await server.executor.run(server.attempt(1, "true"), sink: MemorySink(), started: {})
            #expect(result.outcome == .exited(code: 0))
            #expect(result.usage.frozenMicroseconds == 0)
            await #expect(throws: SystemError.self) { try await server.executor.freeze(KeptCells.id(1)) }
            await #expect(throws: SystemError.self) { try await server.executor.thaw(KeptCells.id(1)) }
            await server.end()
        }

        /// A frozen program stays so when its server goes, and the next one can let it go on.
        @Test func aFrozenProgramOutlivesItsServer() async throws {
            let server = try KeptCells("outlives")
            let (_, sink) = try await started(
                server, 1, "i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done; sleep 0.2")
            try await server.executor.freeze(KeptCells.id(1))
            await server.executor.detach()
            let next = try KeptCells("outlives")
            let again = try next.sink(1)
            let attempt = next.attempt(1, "")
            let task = Task { await next.resume(attempt, again) }
            #expect(await KeptCells.eventually { !again.starts.isEmpty })
            try await next.thaw(1)
            let result = await task.value
            #expect(result.outcome == .exited(code: 0))
            #expect(again.text(.output) == (0..<3_000).map { "\($0)\n" }.joined())
            #expect((result.usage.frozenMicroseconds ?? 0) > 0)
            _ = sink
            await next.end()
        }

        /// To and fro without a pause.
        @Test func freezingOftenHarmsNothing() async throws {
            let server = try KeptCells("often")
            let (task, sink) = try await started(
                server, 1, "i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done; echo x | cat > r; exit 9")
            var count = 0
            while (try? await server.executor.freeze(KeptCells.id(1))) != nil {
                count += 1
                // It may have ended in the moment in which it was stopped, and then nothing is there to thaw.
                do {
                    try await server.thaw(1)
                } catch let error as SystemError where error.detail == "the program does not run" {
                    break
                }
                try await Task.sleep(for: .milliseconds(2))
            }
            let result = await task.value
            #expect(count > 3)
            #expect(result.outcome == .exited(code: 9))
            #expect(sink.text(.output) == (0..<20_000).map { "\($0)\n" }.joined())
            await server.end()
        }
    }
}
