import Dispatch
import FoundationEssentials
import Glibc
import PanalCore
import PanalProfiles
import PanalSandbox
import Synchronization

/// Runs commands in cells of one profile and waits for them, as a caller of the executor does.
struct BenchCells: Sendable {
    let executor: LocalExecutor
    let profile: Profile

    /// Runs a command that must end well, and answers what it wrote.
    @discardableResult
    func run(_ arguments: [String], worker: Int = 0) throws -> String {
        var limits = profile.limits
        limits.collectedFiles = 0
        limits.collectedBytes = 0
        let cores = executor.capacity.cores
        let attempt = AttemptSpec(
            id: AttemptID(job: .make(at: Timestamp(Date())), number: 1, nonce: 0), rootfs: "host",
            seccomp: profile.seccomp, limits: limits, cores: [cores[worker % cores.count]], program: nil,
            arguments: arguments, environment: AttemptSpec.standardEnvironment, inputs: [], standardInput: nil)
        let sink = TextSink()
        let result = Self.wait { [executor] in await executor.run(attempt, sink: sink, started: {}) }
        guard result.outcome.isSuccess else { throw BenchFailure(result.outcome.sentence) }
        return sink.text
    }

    /// Waits for asynchronous work; its cost, the waking of one thread, counts as the cell's.
    static func wait<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) -> Value {
        let box = Box<Value>()
        let done = DispatchSemaphore(value: 0)
        Task.detached {
            box.value = await body()
            done.signal()
        }
        done.wait()
        guard let value = box.value else { fatalError("the work ended without a value") }
        return value
    }

    /// Written before the semaphore is signalled, read after.
    private final class Box<Value: Sendable>: @unchecked Sendable {
        var value: Value?
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
