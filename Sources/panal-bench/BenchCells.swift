import FoundationEssentials
import PanalCore
import PanalProfiles
import PanalSandbox
import Synchronization

/// Runs commands in cells of one profile and waits for them, as a caller of the executor does.
struct BenchCells: Sendable {
    let executor: LocalExecutor
    let profile: Profile
    /// Made once: making it is the caller's work.
    private let id = AttemptID(job: .make(at: Timestamp(Date())), number: 1, nonce: 0)

    init(executor: LocalExecutor, profile: Profile) {
        self.executor = executor
        self.profile = profile
    }

    /// Runs a command that must end well, and answers what it wrote.
    @discardableResult
    nonisolated(nonsending) func run(
        _ arguments: [String], worker: Int = 0, rootfs: String = AttemptSpec.hostRootfs
    ) async throws -> String {
        var limits = profile.limits
        limits.collectedFiles = 0
        limits.collectedBytes = 0
        let cores = executor.capacity.cores
        let attempt = AttemptSpec(
            id: id, rootfs: rootfs,
            seccomp: profile.seccomp, limits: limits, cores: [cores[worker % cores.count]], program: nil,
            arguments: arguments, environment: AttemptSpec.standardEnvironment, inputs: [], standardInput: nil)
        let sink = TextSink()
        let result = await executor.run(attempt, sink: sink, started: {})
        guard result.outcome.isSuccess else { throw BenchFailure(result.outcome.sentence) }
        return sink.text
    }
}

/// Keeps what a program writes; the benchmarks' programs leave no files.
private final class TextSink: AttemptSink {
    private let bytes = Mutex<[UInt8]>([])

    var text: String { String(decoding: bytes.withLock { $0 }, as: UTF8.self) }

    func append(_ new: borrowing RawSpan, to stream: OutputStream) throws {
        let copy = unsafe new.withUnsafeBytes { unsafe Array($0) }
        bytes.withLock { $0 += copy }
    }

    func store(descriptor: Int32, limit: Int) throws -> (content: ContentHash, bytes: Int) {
        throw BenchFailure("the program left a file")
    }
}
