internal import PanalCore
internal import PanalLauncherProtocol

/// Who waits to hear that a program stands still, or goes on. Answers come in the order of the questions, but for one that is overtaken
/// by its opposite.
struct FreezeQuestions {
    private var waiting: [UInt64: [(wanted: Bool, done: @Sendable (SystemError?) -> Void)]] = [:]

    mutating func ask(_ id: UInt64, _ wanted: Bool, _ done: @escaping @Sendable (SystemError?) -> Void) {
        waiting[id, default: []].append((wanted, done))
    }

    mutating func answer(_ id: UInt64, _ isFrozen: Bool, _ failure: StepReport?) {
        guard var asked = waiting[id], let first = asked.first else { return }
        let error = failure.map { SystemError(step: $0.step, errno: Int($0.errno), detail: $0.detail) }
        if error == nil, let last = asked.lastIndex(where: { $0.wanted == isFrozen }) {
            for question in asked[...last] { question.done(question.wanted == isFrozen ? nil : Self.overtaken) }
            asked.removeFirst(last + 1)
        } else {
            asked.removeFirst()
            first.done(error ?? Self.overtaken)
        }
        waiting[id] = asked.isEmpty ? nil : asked
    }

    /// The run is over.
    mutating func end(_ id: UInt64) {
        for question in waiting.removeValue(forKey: id) ?? [] { question.done(Self.notRunning) }
    }

    mutating func endAll() {
        for id in Array(waiting.keys) { end(id) }
    }

    static let notRunning = SystemError(step: "cell.freeze", detail: "the program does not run")
    private static let overtaken = SystemError(step: "cell.freeze", detail: "the opposite was asked for meanwhile")
}

/// Who waits to hear what a program uses.
struct SampleQuestions {
    private var waiting: [UInt64: [@Sendable (UsageSample?) -> Void]] = [:]

    mutating func ask(_ id: UInt64, _ done: @escaping @Sendable (UsageSample?) -> Void) {
        waiting[id, default: []].append(done)
    }

    mutating func answer(_ id: UInt64, _ report: SampleReport?) {
        guard var asked = waiting[id], !asked.isEmpty else { return }
        let first = asked.removeFirst()
        waiting[id] = asked.isEmpty ? nil : asked
        first(
            report.map {
                UsageSample(
                    wallMicroseconds: $0.wallTime / 1_000, cpuMicroseconds: $0.cpuTime / 1_000,
                    memoryBytes: $0.memory, processes: $0.processes)
            })
    }

    mutating func end(_ id: UInt64) {
        for done in waiting.removeValue(forKey: id) ?? [] { done(nil) }
    }

    mutating func endAll() {
        for id in Array(waiting.keys) { end(id) }
    }
}
