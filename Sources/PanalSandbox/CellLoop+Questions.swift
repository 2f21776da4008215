internal import PanalCore
internal import PanalLauncherProtocol

/// What is asked of the launcher about a run while it goes on. On the loop's thread.
extension CellLoop {
    /// The number of a run that is here, or that an earlier process left and nobody has taken up yet.
    private func number(of attempt: AttemptID, _ state: borrowing LoopState) -> UInt64? {
        state.runs.values.first { $0.run.attempt.id == attempt }?.id ?? state.earlier.id(of: attempt)
    }

    func setFrozen(
        _ attempt: AttemptID, _ wanted: Bool, _ done: @escaping @Sendable (SystemError?) -> Void,
        _ state: inout LoopState
    ) {
        guard let id = number(of: attempt, state) else { return done(FreezeQuestions.notRunning) }
        state.freezing.ask(id, wanted, done)
        send(wanted ? .freeze(id: id) : .thaw(id: id))
    }

    func sample(
        _ attempt: AttemptID, _ done: @escaping @Sendable (UsageSample?) -> Void, _ state: inout LoopState
    ) {
        guard let id = state.runs.values.first(where: { $0.run.attempt.id == attempt })?.id else { return done(nil) }
        state.sampling.ask(id, done)
        send(.sample(id: id))
    }

    func copyRoot(
        of attempt: AttemptID, into file: Int32, maximumBytes: Int, _ done: @escaping CopyQuestions.Done,
        _ state: inout LoopState
    ) {
        guard let id = number(of: attempt, state) else { return done(.failure(CopyQuestions.notRunning)) }
        guard state.copying.ask(id, done) else { return done(.failure(CopyQuestions.twice)) }
        send(.copyChanges(id: id, maximumBytes: UInt64(clamping: maximumBytes)), [file])
    }
}

/// Who waits for a copy of what a program has changed: one for each run at a time.
struct CopyQuestions {
    typealias Done = @Sendable (Result<CopiedRoot, SystemError>) -> Void

    private var waiting: [UInt64: Done] = [:]

    /// False where somebody waits already.
    mutating func ask(_ id: UInt64, _ done: @escaping Done) -> Bool {
        guard waiting[id] == nil else { return false }
        waiting[id] = done
        return true
    }

    mutating func answer(_ id: UInt64, _ report: CopyReport) {
        guard let done = waiting.removeValue(forKey: id) else { return }
        switch report {
        case .done(let bytes, let skipped):
            done(.success(CopiedRoot(bytes: Int(clamping: bytes), skipped: skipped)))
        case .failed(let step):
            done(.failure(SystemError(step: step.step, errno: Int(step.errno), detail: step.detail)))
        }
    }

    /// The run is over.
    mutating func end(_ id: UInt64) {
        waiting.removeValue(forKey: id)?(.failure(Self.notRunning))
    }

    mutating func endAll() {
        for id in Array(waiting.keys) { end(id) }
    }

    static let twice = SystemError(step: "cell.copy", detail: "a copy of it is being made already")
    static let notRunning = SystemError(step: "cell.copy", detail: "the program does not run")
}
