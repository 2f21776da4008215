import Dispatch
import Foundation
import PanalCore
import PanalSandbox
import Synchronization
import Testing

/// A sink that searches what it stores, as those of manifests' tests do, holds up nobody else's results.
@Suite("Sinks that take their time", .serialized) struct SlowSinkTests {
    /// Stores nothing before it is let.
    private final class SlowSink: AttemptSink {
        struct NotLet: Error {}

        let memory = MemorySink()
        let isLet = DispatchSemaphore(value: 0)
        private let state = Mutex((isAsked: false, hasGivenUp: false))

        var isAsked: Bool { state.withLock(\.isAsked) }
        var hasGivenUp: Bool { state.withLock(\.hasGivenUp) }

        var takesItsTime: Bool { true }

        func append(_ bytes: borrowing RawSpan, to stream: PanalCore.OutputStream) throws {
            try memory.append(bytes, to: stream)
        }

        func store(descriptor: Int32, limit: Int) throws -> (content: ContentHash, bytes: Int) {
            state.withLock { $0.isAsked = true }
            guard isLet.wait(timeout: .now() + 180) == .success else {
                state.withLock { $0.hasGivenUp = true }
                throw NotLet()
            }
            return try memory.store(descriptor: descriptor, limit: limit)
        }
    }

    @Test func nobodyWaitsForThem() async throws {
        try await CellHarness.with { harness in
            let limits = CellLimits.test.with(\.cpu, .shared(millicores: 500))
            let slow = SlowSink()
            let attempt = AttemptSpec(
                id: AttemptID(job: JobID.make(at: Timestamp(microseconds: 1)), number: 1, nonce: 7),
                rootfs: "host",
                seccomp: "default", network: .none, limits: limits,
                cores: Array(harness.executor.capacity.cores.prefix(1)), program: nil,
                arguments: ["/bin/sh", "-c", "echo slow > /work/a.txt"],
                environment: AttemptSpec.standardEnvironment, inputs: [], standardInput: nil)
            let first = Task { await harness.executor.run(attempt, sink: slow, started: {}) }
            for _ in 0..<12_000 where !slow.isAsked {
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(slow.isAsked)
            let (quick, sink) = await harness.shell("echo quick > /work/a.txt", limits: limits)
            #expect(!slow.hasGivenUp, "it had to wait for the other's")
            #expect(quick.files.map { sink.file($0.content) } == ["quick\n"])
            slow.isLet.signal()
            let ended = await first.value
            #expect(ended.outcome == .exited(code: 0))
            #expect(ended.files.map { slow.memory.file($0.content) } == ["slow\n"])
        }
    }
}
