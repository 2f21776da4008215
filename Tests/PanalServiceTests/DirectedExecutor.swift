import Glibc
import PanalCore
import Synchronization

/// An executor without cells, for tests: it answers at once, or holds each attempt until the test says how it ends.
final class DirectedExecutor: Executor {
    enum Mode: Sendable {
        /// Every attempt starts, writes `hello` and ends with exit code 0.
        case answers
        /// Attempts start and run until `finish` or a cancel.
        case holds
        /// Attempts are held before their program starts.
        case holdsBeforeStart
        /// Attempts end at once with this result, without having started.
        case ends(Outcome)
    }

    private struct Held {
        var attempt: AttemptSpec
        var sink: any AttemptSink
        var continuation: CheckedContinuation<Outcome, Never>
    }

    private struct State {
        var held: [AttemptID: Held] = [:]
        var order: [AttemptSpec] = []
        var cancels: [AttemptID] = []
        var running = 0
        var isLost = false
        var mostRunning = 0
        /// What an earlier process left here, and what was asked for of it.
        var kept: Set<AttemptID> = []
        var isDeaf = false
        var settled: [AttemptID] = []
        /// `freeze` and `thaw` with the job, `start` with that of an attempt, in their order.
        var log: [String] = []
        var cannotFreeze = false
        /// How often each job was looked at.
        var sampled: [JobID: Int] = [:]
        var unsampled: Set<JobID> = []
        var looks: [CheckedContinuation<Void, Never>] = []
        var wall: Int64 = 5
        var frozen: Set<AttemptID> = []
        var cannotCopy = false
        var layer: [UInt8] = []
        var isCopyHeld = false
        var isFreezeHeld = false
        var waiting: [AttemptID: CheckedContinuation<Bool, Never>] = [:]
    }

    let capacity: HostCapacity
    private let mode: Mode
    private let state = Mutex(State())

    var isUsable: Bool { state.withLock { !$0.isLost } }

    /// As when a launcher dies: what is held ends as a system error.
    func lose() {
        let held = state.withLock { state in
            state.isLost = true
            defer { state.held = [:] }
            return state.held.values.map(\.continuation)
        }
        let error = SystemError(step: "launcher.lost", detail: "the launcher ended while the program ran")
        for continuation in held { continuation.resume(returning: .systemError(error)) }
    }

    init(mode: Mode, cores: Int, keeping kept: [AttemptID] = []) {
        self.mode = mode
        state.withLock { $0.kept = Set(kept) }
        capacity = HostCapacity(cores: Array(0..<cores), memory: 8 << 30)
    }

    func run(_ attempt: AttemptSpec, sink: any AttemptSink, started: @escaping @Sendable () -> Void) async
        -> AttemptResult
    {
        state.withLock { state in
            state.order.append(attempt)
            state.log.append("start \(attempt.id.job)")
            state.running += 1
            state.mostRunning = max(state.mostRunning, state.running)
        }
        defer { state.withLock { $0.running -= 1 } }
        switch mode {
        case .ends(let outcome):
            return AttemptResult(outcome: outcome, usage: ResourceUsage(wallMicroseconds: wall))
        case .answers:
            started()
            return result(.exited(code: 0), writing: "hello\n", to: sink)
        case .holds, .holdsBeforeStart:
            if case .holds = mode { started() }
            let outcome = await withCheckedContinuation { continuation in
                state.withLock { state in
                    state.held[attempt.id] = Held(attempt: attempt, sink: sink, continuation: continuation)
                }
            }
            return result(outcome, writing: "held\n", to: sink)
        }
    }

    func held() async -> Set<AttemptID> { state.withLock(\.kept) }

    func recover(_ attempts: [AttemptID]) async -> Set<AttemptID> {
        state.withLock { state in
            state.kept.formIntersection(attempts)
            return state.kept
        }
    }

    func resume(
        _ attempt: AttemptSpec, sink: any AttemptSink, started: @escaping @Sendable (Duration) -> Void
    ) async -> AttemptResult {
        started(.seconds(3))
        let outcome = await withCheckedContinuation { continuation in
            state.withLock { state in
                state.held[attempt.id] = Held(attempt: attempt, sink: sink, continuation: continuation)
            }
        }
        return result(outcome, writing: "resumed\n", to: sink)
    }

    func settle(_ attempt: AttemptID) async { state.withLock { $0.settled.append(attempt) } }

    var canFreeze: Bool { true }

    func freeze(_ attempt: AttemptID) async throws(SystemError) {
        let fails = state.withLock { state in
            state.log.append("freeze \(attempt.job)")
            if !state.cannotFreeze { state.frozen.insert(attempt) }
            return state.cannotFreeze
        }
        if state.withLock(\.isFreezeHeld) { _ = await released(attempt) }
        if fails { throw SystemError(step: "cell.freeze", detail: "as the test wants it") }
    }

    func thaw(_ attempt: AttemptID) async throws(SystemError) {
        state.withLock { state in
            state.log.append("thaw \(attempt.job)")
            state.frozen.remove(attempt)
        }
    }

    var canCopyRoots: Bool { !cannotCopy }

    /// Writes `layer`; where copies are held once the test releases it, or with an error once the attempt is cancelled.
    func copyRoot(
        of attempt: AttemptID, into file: Int32, maximumBytes: Int
    ) async throws(SystemError) -> CopiedRoot {
        let (isFrozen, layer, isHeld) = state.withLock { state in
            state.log.append("copy \(attempt.job)")
            return (state.frozen.contains(attempt), state.layer, state.isCopyHeld)
        }
        guard isFrozen else { throw SystemError(step: "cell.copy", detail: "the program is not frozen") }
        if isHeld, await !released(attempt) { throw SystemError(step: "cell.copy", detail: "the program has ended") }
        guard layer.count <= maximumBytes else { throw SystemError(step: "cell.copy", detail: "more than it may be") }
        let written = layer.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
        guard written == layer.count else { throw SystemError(step: "cell.copy", detail: "it was not written") }
        return CopiedRoot(bytes: layer.count, skipped: ["run/x: it is a socket"])
    }

    private func released(_ attempt: AttemptID) async -> Bool {
        await withCheckedContinuation { continuation in
            state.withLock { $0.waiting[attempt] = continuation }
        }
    }

    /// Lets what is held of copies and of freezing go on.
    func releaseCopies() {
        let waiting = state.withLock { state in
            (state.isCopyHeld, state.isFreezeHeld) = (false, false)
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        for continuation in waiting { continuation.resume(returning: true) }
    }

    var frozenJobs: Set<JobID> { state.withLock { Set($0.frozen.map(\.job)) } }
    /// A job that waits in a copy or in freezing.
    var isCopying: Bool { state.withLock { !$0.waiting.isEmpty } }
    var cannotCopy: Bool {
        get { state.withLock(\.cannotCopy) }
        set { state.withLock { $0.cannotCopy = newValue } }
    }
    /// What programs have changed in their roots.
    var layer: [UInt8] {
        get { state.withLock(\.layer) }
        set { state.withLock { $0.layer = newValue } }
    }
    var isCopyHeld: Bool {
        get { state.withLock(\.isCopyHeld) }
        set { state.withLock { $0.isCopyHeld = newValue } }
    }
    var isFreezeHeld: Bool {
        get { state.withLock(\.isFreezeHeld) }
        set { state.withLock { $0.isFreezeHeld = newValue } }
    }

    func sample(_ attempt: AttemptID) async -> UsageSample? {
        await withCheckedContinuation { continuation in
            let isAnswered = state.withLock { state in
                state.sampled[attempt.job, default: 0] += 1
                guard state.unsampled.contains(attempt.job) else { return true }
                state.looks.append(continuation)
                return false
            }
            if isAnswered { continuation.resume() }
        }
        return nil
    }

    var sampled: [JobID: Int] { state.withLock(\.sampled) }
    /// Whoever looks at this job waits until `releaseSamples`.
    func withholdSamples(of job: JobID) { state.withLock { _ = $0.unsampled.insert(job) } }
    func releaseSamples() {
        let looks = state.withLock { state in
            state.unsampled = []
            defer { state.looks = [] }
            return state.looks
        }
        for look in looks { look.resume() }
    }

    /// Cancels come to nothing.
    var isDeaf: Bool {
        get { state.withLock(\.isDeaf) }
        set { state.withLock { $0.isDeaf = newValue } }
    }
    var cannotFreeze: Bool {
        get { state.withLock(\.cannotFreeze) }
        set { state.withLock { $0.cannotFreeze = newValue } }
    }
    /// What an attempt is measured to have taken, in microseconds.
    var wall: Int64 {
        get { state.withLock(\.wall) }
        set { state.withLock { $0.wall = newValue } }
    }
    var log: [String] { state.withLock(\.log) }
    var settled: [AttemptID] { state.withLock(\.settled) }

    func cancel(_ attempt: AttemptID) async {
        let (held, waiting) = state.withLock { state in
            state.cancels.append(attempt)
            state.frozen.remove(attempt)
            return (
                state.isDeaf ? nil : state.held.removeValue(forKey: attempt), state.waiting.removeValue(forKey: attempt)
            )
        }
        waiting?.resume(returning: false)
        held?.continuation.resume(returning: .cancelled)
    }

    /// Ends a held attempt.
    func finish(_ job: JobID, _ outcome: Outcome = .exited(code: 0)) {
        let held = state.withLock { state -> Held? in
            guard let id = state.held.keys.first(where: { $0.job == job }) else { return nil }
            return state.held.removeValue(forKey: id)
        }
        held?.continuation.resume(returning: outcome)
    }

    /// Writes for a held attempt.
    func write(_ text: String, for job: JobID) throws {
        let sink = state.withLock { state in state.held.first { $0.key.job == job }?.value.sink }
        let bytes = Array(text.utf8)
        try sink?.append(bytes.span.bytes, to: .output)
    }

    var heldJobs: Set<JobID> { state.withLock { Set($0.held.keys.map(\.job)) } }
    /// Attempts in the order in which they were handed over.
    var attempts: [AttemptSpec] { state.withLock { $0.order } }
    var cancels: [AttemptID] { state.withLock { $0.cancels } }
    var mostRunning: Int { state.withLock { $0.mostRunning } }

    private func result(_ outcome: Outcome, writing text: String, to sink: any AttemptSink) -> AttemptResult {
        let bytes = Array(text.utf8)
        do {
            try sink.append(bytes.span.bytes, to: .output)
        } catch {
            return AttemptResult(
                outcome: .systemError(SystemError(step: "sink", detail: "\(error)")), usage: ResourceUsage())
        }
        return AttemptResult(
            outcome: outcome, usage: ResourceUsage(wallMicroseconds: wall), skipped: ["huge.bin: over the limit"],
            output: StreamState(bytes: bytes.count, truncated: false))
    }
}
