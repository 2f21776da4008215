import FoundationEssentials
import Glibc
import PanalCore
import PanalSandbox
import Synchronization

/// Loops on every core, which begin and end again.
protocol Rival: Sendable {
    func begin() async throws
    func end() async
}

struct NoRival: Rival {
    func begin() async throws {}
    func end() async {}
}

/// Each of them in a cell.
final class CellRival: Rival {
    private let executor: LocalExecutor
    private let limits: CellLimits
    private let isIdle: Bool
    private let isFrozen: Bool
    private let tasks = Mutex<[Task<AttemptResult, Never>]>([])
    private let ids = Mutex<[AttemptID]>([])

    init(executor: LocalExecutor, limits: CellLimits, isIdle: Bool, isFrozen: Bool = false) {
        self.executor = executor
        self.isIdle = isIdle
        self.isFrozen = isFrozen
        var limits = limits
        limits.cpu = .shared(millicores: 1_000)
        limits.wallTime = .seconds(600)
        limits.cpuTime = .seconds(600)
        self.limits = limits
    }

    private static func id(_ core: Int) -> AttemptID {
        AttemptID(job: .make(at: Timestamp(microseconds: Int64(core))), number: 1, nonce: UInt64(core))
    }

    func begin() async throws {
        for core in executor.capacity.cores {
            let id = Self.id(core)
            let attempt = AttemptSpec(
                id: id, rootfs: "host", seccomp: "default", limits: limits, cores: [core], program: nil,
                arguments: ["/bin/sh", "-c", "while :; do :; done"], environment: AttemptSpec.standardEnvironment,
                inputs: [], standardInput: nil, isIdle: isIdle)
            ids.withLock { $0.append(id) }
            let hasBegun = await withCheckedContinuation { (begun: CheckedContinuation<Bool, Never>) in
                let notice = Notice(begun)
                let task = Task { [executor] in
                    let result = await executor.run(attempt, sink: NoSink(), started: { notice.tell(true) })
                    notice.tell(false)
                    return result
                }
                tasks.withLock { $0.append(task) }
            }
            guard hasBegun else {
                // Another Panal of this host may have its core.
                let reason = await tasks.withLock({ $0.last })?.value.outcome.sentence ?? "nobody knows why"
                throw BenchFailure("a cell did not begin: \(reason)")
            }
        }
        if isFrozen { try await freeze() }
    }

    func end() async {
        for id in ids.withLock({ $0 }) { await executor.cancel(id) }
        for task in tasks.withLock({ $0 }) { _ = await task.value }
        tasks.withLock { $0 = [] }
        ids.withLock { $0 = [] }
    }

    /// All at once; returns when nothing of any of them runs.
    func freeze() async throws {
        let ids = ids.withLock { $0 }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for id in ids { group.addTask { [executor] in try await executor.freeze(id) } }
            try await group.waitForAll()
        }
    }

    func thaw() async throws {
        for id in ids.withLock({ $0 }) {
            // Another Panal on this host may have its core for a while.
            while true {
                do throws(SystemError) {
                    try await executor.thaw(id)
                    break
                } catch {
                    guard error.step == "core.lock" else { throw error }
                    try await Task.sleep(for: .milliseconds(10))
                }
            }
        }
    }
}

/// Goes on with whoever waits for a program's start, once.
private final class Notice: Sendable {
    private let waiting: Mutex<CheckedContinuation<Bool, Never>?>

    init(_ continuation: CheckedContinuation<Bool, Never>) {
        waiting = Mutex(continuation)
    }

    func tell(_ hasBegun: Bool) {
        waiting.withLock { $0.take() }?.resume(returning: hasBegun)
    }
}

private struct NoSink: AttemptSink {
    func append(_ new: borrowing RawSpan, to stream: OutputStream) throws {}

    func store(descriptor: Int32, limit: Int) throws -> (content: ContentHash, bytes: Int) {
        throw BenchFailure("the program left a file")
    }
}

/// Each of them a process like any other; `command` are words before it.
final class ProcessRival: Rival {
    private let cores: [Int]
    private let command: [String]
    private let processes = Mutex<[pid_t]>([])

    init(cores: [Int], command: [String]) {
        self.cores = cores
        self.command = command
    }

    func begin() async throws {
        for core in cores {
            // Not for ever, should nobody end it.
            let words =
                ["taskset", "-c", String(core)] + command + ["/bin/sh", "-c", "ulimit -t 120; while :; do :; done"]
            var arguments: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) } + [nil]
            defer { for place in unsafe arguments.indices { unsafe free(arguments[place]) } }
            var child: pid_t = 0
            let failure = unsafe posix_spawnp(&child, words[0], nil, nil, &arguments, environ)
            guard failure == 0 else { throw BenchFailure("a process cannot be started (errno \(failure))") }
            processes.withLock { $0.append(child) }
        }
        // Until all of them compute.
        try await Task.sleep(for: .milliseconds(20))
    }

    func end() async {
        for process in processes.withLock({ $0 }) {
            kill(process, SIGKILL)
            var status: Int32 = 0
            while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
        }
        processes.withLock { $0 = [] }
    }
}
