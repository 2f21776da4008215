import Foundation
import Glibc
import PanalCore
import PanalSandbox
import Synchronization
import Testing

/// Class N: a lock of the C library that another thread holds at the moment of a fork stays locked in the child for ever.
/// Not among the suites of `LiveCells`, which run in the virtual machine too: there a spawn takes thirty times as long.
@Suite(.serialized) struct SpawnTests {
    /// Runs, 100,000 for the whole proof; and a launcher of its own, which is started out of this process with all its
    /// threads, for each 100 of them.
    private static let runs = ProcessInfo.processInfo.environment["PANAL_SPAWNS"].flatMap(Int.init) ?? 500

    @Test(.timeLimit(.minutes(60))) func spawningBesideBusyThreadsNeverHangs() async throws {
        let noise = Noise(threads: 4)
        defer { noise.end() }
        try await CellHarness.with { harness in
            await withTaskGroup(of: Void.self) { group in
                for lane in 0..<2 {
                    group.addTask { await Self.runMany(lane: lane, harness) }
                }
            }
        }
        for _ in 0..<Self.runs / 100 {
            try await CellHarness.with { harness in
                #expect(await harness.run(["/bin/true"], limits: Self.limits).result.outcome == .exited(code: 0))
            }
        }
        #expect(noise.rounds > 1_000)
    }

    private static let limits = CellLimits.test.with(\.cpu, .shared(millicores: 900))

    private static func runMany(lane: Int, _ harness: CellHarness) async {
        for number in 0..<runs / 2 {
            let id = AttemptID(job: .make(at: Timestamp(microseconds: 0)), number: number + 1, nonce: UInt64(lane))
            let run = await harness.run(["/bin/true"], limits: limits, id: id)
            #expect(run.result.outcome == .exited(code: 0))
        }
    }

    /// Threads that take the C library's locks over and over: of its memory, of a log's stream, of the time zone.
    private final class Noise: Sendable {
        private let isOver = Atomic<Bool>(false)
        private let count = Atomic<Int>(0)
        private let hasEnded = DispatchSemaphore(value: 0)
        private let threads: Int

        var rounds: Int { count.load(ordering: .relaxed) }

        init(threads: Int) {
            self.threads = threads
            for number in 0..<threads { Thread.detachNewThread { [self] in make(number) } }
        }

        private func make(_ number: Int) {
            let log = fopen("/dev/null", "w")!
            while !isOver.load(ordering: .relaxed) {
                for size in 1..<50 {
                    let memory = malloc(size * 977)
                    fputs("thread \(number) has \(size) pieces of memory\n", log)
                    var now = time(nil)
                    var parts = tm()
                    localtime_r(&now, &parts)
                    free(memory)
                }
                count.add(1, ordering: .relaxed)
                usleep(500)
            }
            fclose(log)
            hasEnded.signal()
        }

        func end() {
            isOver.store(true, ordering: .relaxed)
            for _ in 0..<threads { hasEnded.wait() }
        }
    }
}
