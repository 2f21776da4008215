import Foundation
import PanalCore
import PanalSandbox
import Testing

/// What running programs use, asked while they run.
extension LiveCells {
    @Suite(.serialized) struct SampleTests {
        private static let hungry = """
            python3 -c 'import sys
            held = bytearray(b"x" * (64 << 20))
            while True: pass'
            """

        @Test func samplesFollowTheProgram() async throws {
            let server = try KeptCells("sampled")
            let limits = CellLimits.kept.with(\.cpu, .exclusive(cores: 1)).with(\.memory, 256 << 20)
                .with(\.wallTime, .seconds(120)).with(\.cpuTime, .seconds(120))
            // Nobody, and one that has not begun.
            #expect(await server.executor.sample(KeptCells.id(9)) == nil)
            let sink = try server.sink(1)
            let task = server.start(server.attempt(1, Self.hungry, limits: limits), sink)
            var seen: [UsageSample] = []
            #expect(
                await KeptCells.eventually {
                    guard let sample = await server.executor.sample(KeptCells.id(1)) else { return false }
                    seen.append(sample)
                    return sample.memoryBytes > 64 << 20 && sample.cpuMicroseconds > 200_000
                })
            let last = try #require(seen.last)
            #expect(last.memoryBytes < 256 << 20 && (1...3).contains(last.processes), "\(last)")
            #expect(last.cpuMicroseconds <= last.wallMicroseconds + 100_000, "\(last)")
            for (earlier, later) in zip(seen, seen.dropFirst()) {
                #expect(earlier.wallMicroseconds < later.wallMicroseconds)
                #expect(earlier.cpuMicroseconds <= later.cpuMicroseconds)
            }
            if server.executor.canFreeze {
                try await server.executor.freeze(KeptCells.id(1))
                #expect(await server.executor.sample(KeptCells.id(1)) == nil)
                try await server.thaw(1)
            }
            await server.executor.cancel(KeptCells.id(1))
            let result = await task.value
            #expect(result.outcome == .cancelled)
            #expect(result.usage.cpuMicroseconds >= last.cpuMicroseconds)
            #expect(await server.executor.sample(KeptCells.id(1)) == nil)
            await server.end()
            // The launcher is gone: nobody waits for ever.
            #expect(await server.executor.sample(KeptCells.id(1)) == nil)
        }
    }
}
