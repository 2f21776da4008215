internal import Glibc
package import PanalCore
internal import PanalLauncherProtocol
internal import PanalLinux
internal import PanalSeccomp
internal import Synchronization

/// What a program reads from its standard input when it is not a blob.
package enum StandardInput: Sendable {
    case empty
    /// Copied from this descriptor, which stays the caller's, until it ends or the program does.
    case descriptor(Int32)
}

/// Runs attempts in cells of this machine, through a launcher of its own.
///
/// One thread (`CellLoop`) speaks with the launcher and takes the programs' output; another (`FileKeeper`) stores result
/// files, since a slow disk must not hold up a deadline's message, and a third those of sinks that take their time. Callers wait in
/// continuations, no thread each.
package final class LocalExecutor: Executor, Sendable {
    package let capacity: HostCapacity
    private let loop: CellLoop
    private let planner: CellPlanner
    private let dataFolder: String?
    /// By the name of the policy.
    private let judges: [String: SeccompJudge]
    private let keepsCells: Bool
    package let canFreeze: Bool
    package let canCopyRoots: Bool
    /// Whether an earlier process has left something that was still held when this one came.
    package let hasInherited: Bool

    /// Starts the launcher, as the user that this process is; throws the step that failed. `givingUpPrivileges` is called once it is ready and before
    /// this process has any other thread: what a thread keeps is its own.
    package static func start(
        _ settings: LauncherSettings, givingUpPrivileges: () throws(SystemError) -> Void = {}
    ) throws(SystemError) -> LocalExecutor {
        let launcher = try LauncherProcess.start(settings)
        try givingUpPrivileges()
        return try LocalExecutor(launcher, settings)
    }

    private init(_ launcher: consuming LauncherProcess, _ settings: LauncherSettings) throws(SystemError) {
        capacity = launcher.capacity
        canFreeze = launcher.abilities.freezes
        canCopyRoots = launcher.abilities.freezes && launcher.abilities.writesRoots
        hasInherited = !launcher.held.isEmpty
        keepsCells = settings.keepsCells > .zero
        planner = CellPlanner(
            hasImages: settings.imageFolder != nil, seccomp: settings.seccomp,
            explained: settings.explained.map(\.name), limitsReading: settings.limitsReading)
        dataFolder = settings.dataFolder
        do throws(SeccompMistake) {
            var judges: [String: SeccompJudge] = [:]
            for policy in settings.explained { judges[policy.name] = try SeccompJudge(policy) }
            self.judges = judges
        } catch {
            throw SystemError(step: "executor.judge", detail: "\(error)")
        }
        loop = try CellLoop(launcher, keepsCells: keepsCells)
    }

    nonisolated(nonsending) package func run(
        _ attempt: AttemptSpec, sink: any AttemptSink, started: @escaping @Sendable () -> Void
    ) async -> AttemptResult {
        await run(
            attempt, programFolder: attempt.program.map(ContentLayout.program), input: .empty, sink: sink,
            started: started)
    }

    /// The command line's form: the program's folder is named below the data folder (`.` for all of it), and standard input
    /// may be a descriptor.
    nonisolated(nonsending) package func run(
        _ attempt: AttemptSpec, programFolder: String?, input: StandardInput, sink: any AttemptSink,
        started: @escaping @Sendable () -> Void
    ) async -> AttemptResult {
        do throws(SystemError) {
            let id = loop.nextID()
            let request = try planner.request(
                for: attempt, id: id, program: programFolder, label: keepsCells ? AttemptLabel.bytes(attempt.id) : [])
            let input = try await openInput(attempt.standardInput, input)
            let watch = attempt.graded ? CoreWatch() : nil
            var result = await withCheckedContinuation { continuation in
                loop.submit(
                    CellRun(
                        id: id, isKept: keepsCells, attempt: attempt,
                        judge: attempt.explain ? judges[attempt.seccomp] : nil, sink: sink, started: { _ in started() },
                        finished: { continuation.resume(returning: $0) }), request, input: input)
            }
            if attempt.graded {
                let used = Duration.microseconds(result.usage.cpuMicroseconds)
                result.timing = TimingGrade(
                    result.usage, surroundings: watch?.surroundings(of: attempt.cores, cpuTime: used))
            }
            return result
        } catch {
            return AttemptResult(outcome: .systemError(error), usage: ResourceUsage())
        }
    }

    private nonisolated(nonsending) func openInput(
        _ blob: ContentHash?, _ input: StandardInput
    ) async throws(SystemError) -> Int32 {
        do throws(SystemCallFailure) {
            if let blob, let dataFolder {
                // Copied, since the file itself would show its path inside, and could be locked.
                let file = try Descriptor.open("\(dataFolder)/\(ContentLayout.blob(blob))", O_RDONLY)
                // A feeder ends with this process, which a program that is kept must not take for the end of its input.
                if keepsCells { return try await InputFeeder.copy(of: file).get() }
                return try InputFeeder.start(from: file.raw).release()
            }
            switch input {
            case .empty:
                // The run's own: what all of them had open, `/dev/null` of the host, would be a place where they meet.
                let ends = try Descriptor.pipe()
                close(ends.second)
                return ends.first
            case .descriptor(let source): return try InputFeeder.start(from: source).release()
            }
        } catch {
            let detail =
                error.errno == EFBIG
                ? "a standard input has at most \(ByteCount.text(AttemptSpec.maximumStandardInput)); more goes in as a file"
                : "\(error.call): \(error.reason)"
            throw SystemError(step: "input.standard", errno: Int(error.errno), detail: detail)
        }
    }

    package func cancel(_ attempt: AttemptID) async {
        loop.cancel(attempt)
    }

    package func held() async -> Set<AttemptID> {
        await withCheckedContinuation { continuation in loop.askForHeld { continuation.resume(returning: $0) } }
    }

    package func recover(_ attempts: [AttemptID]) async -> Set<AttemptID> {
        await withCheckedContinuation { continuation in
            loop.recover(Set(attempts)) { continuation.resume(returning: $0) }
        }
    }

    package func resume(
        _ attempt: AttemptSpec, sink: any AttemptSink, started: @escaping @Sendable (Duration) -> Void
    ) async -> AttemptResult {
        var result = await withCheckedContinuation { continuation in
            loop.resume(
                CellRun(
                    id: 0, isKept: true, attempt: attempt, judge: nil, sink: sink, started: started,
                    finished: { continuation.resume(returning: $0) }))
        }
        // What surrounded it was not watched.
        if attempt.graded { result.timing = TimingGrade(result.usage, surroundings: nil) }
        return result
    }

    package func settle(_ attempt: AttemptID) async {
        if keepsCells { loop.settle(attempt) }
    }

    package func freeze(_ attempt: AttemptID) async throws(SystemError) { try await setFrozen(attempt, true) }
    package func thaw(_ attempt: AttemptID) async throws(SystemError) { try await setFrozen(attempt, false) }

    package func sample(_ attempt: AttemptID) async -> UsageSample? {
        await withCheckedContinuation { continuation in loop.sample(attempt) { continuation.resume(returning: $0) } }
    }

    /// Steps of errors: `cell.copy` where no copy can be made, or the run ended or went on meanwhile; `copy.file` for a file that is none
    /// to write to; `copy.size` and `copy.entries` for more than fits; `copy.write`, with the kernel's number, where the file could not be
    /// written; `copy.read`.
    package func copyRoot(
        of attempt: AttemptID, into file: Int32, maximumBytes: Int
    ) async throws(SystemError) -> CopiedRoot {
        let answer = await withCheckedContinuation { continuation in
            loop.copyRoot(of: attempt, into: file, maximumBytes: maximumBytes) { continuation.resume(returning: $0) }
        }
        return try answer.get()
    }

    private func setFrozen(_ attempt: AttemptID, _ wanted: Bool) async throws(SystemError) {
        let failure = await withCheckedContinuation { continuation in
            loop.setFrozen(attempt, wanted) { continuation.resume(returning: $0) }
        }
        if let failure { throw failure }
    }

    /// False once the launcher is gone; every run is then a system error.
    package var isUsable: Bool { loop.isUsable }

    /// A stream without elements that ends when the launcher is gone.
    package func lifetime() -> AsyncStream<Never> {
        let (stream, continuation) = AsyncStream<Never>.makeStream()
        loop.watch { continuation.finish() }
        return stream
    }

    /// Leaves the launcher, what runs and what has not been settled to the next process with the same settings; here every run
    /// comes back as a system error `launcher.detached`. Where cells are not kept, it ends them.
    package func detach() async {
        await withCheckedContinuation { continuation in
            loop.detach { continuation.resume() }
        }
    }

    /// Ends what runs, waits until the launcher has removed everything and has ended.
    package func stop() async {
        await withCheckedContinuation { continuation in
            loop.stop { continuation.resume() }
        }
    }
}

/// One run on its way to the loop.
struct CellRun: Sendable {
    var id: UInt64
    /// Whether the launcher holds what becomes of it until it is settled.
    var isKept: Bool
    var attempt: AttemptSpec
    /// Answers and explains the calls that its filter refuses, where the attempt asks for that.
    var judge: SeccompJudge?
    var sink: any AttemptSink
    /// How long ago.
    var started: @Sendable (Duration) -> Void
    var finished: @Sendable (AttemptResult) -> Void
}
