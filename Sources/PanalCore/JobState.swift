/// Where a job is on its way. Changes are compare-and-set on the expected state; the table below is the only place that says
/// which are allowed.
package enum JobState: String, Hashable, Sendable, Codable, CaseIterable {
    /// Accepted and stored; waits for cores and memory.
    case queued
    /// Cores and memory are reserved; files are brought together.
    case configuring
    /// Handed to the executor; the cell is being set up.
    case deploying
    /// The program runs; the time that is metered starts here.
    case running
    /// The program has ended; results are collected.
    case finishing
    /// Final: the program ran, whatever it answered.
    case finished
    /// Final: Panal could not run it, or a deadline passed.
    case failed
    /// Final: on request.
    case cancelled

    package var isFinal: Bool { next.isEmpty }

    /// The states that may follow this one.
    package var next: Set<JobState> {
        switch self {
        case .queued: [.configuring, .failed, .cancelled]
        case .configuring: [.deploying, .failed, .cancelled]
        case .deploying: [.running, .finishing, .failed, .cancelled]
        case .running: [.finishing, .failed, .cancelled]
        case .finishing: [.finished, .failed, .cancelled]
        case .finished, .failed, .cancelled: []
        }
    }
}
