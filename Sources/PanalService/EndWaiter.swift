import PanalCore
import Synchronization

/// Somebody who waits for a job's end. One task waits at a time.
///
/// A continuation and no stream in a group of tasks: hundreds of clients wait in a second, each for a moment, and this is all that they
/// need.
final class EndWaiter: Sendable {
    private struct State {
        /// Told since the last `next`.
        var isTold = false
        var isOver = false
        var continuation: CheckedContinuation<Bool, Never>?
    }

    private let state = Mutex(State())

    func tell() {
        state.withLock { state -> CheckedContinuation<Bool, Never>? in
            guard let waiting = state.continuation.take() else {
                state.isTold = true
                return nil
            }
            return waiting
        }?.resume(returning: true)
    }

    /// The time has passed.
    func expire() {
        state.withLock { state -> CheckedContinuation<Bool, Never>? in
            state.isOver = true
            return state.continuation.take()
        }?.resume(returning: false)
    }

    /// True at the next `tell`, at once where there was one since the last call; false once the time has passed or the task is cancelled.
    nonisolated(nonsending) func next() async -> Bool {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = state.withLock { state in
                    if state.isTold {
                        state.isTold = false
                        return true
                    }
                    guard !state.isOver else { return false }
                    state.continuation = continuation
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            expire()
        }
    }
}

/// Ends waits when their time has passed. Those that end within the same tenth of a second share one timer, since a task's timer cannot be taken
/// back: most waits are over long before their time. Long ones share one for a second, as each timer wakes several threads.
final class WaitAlarms: Sendable {
    private static let step = Duration.milliseconds(100)
    private static let long = Duration.seconds(10)
    /// Steps that long waits share.
    private static let stepsOfLong: Int64 = 10
    private static let began = ContinuousClock.now

    private let waiters = Mutex<[Int64: [ObjectIdentifier: EndWaiter]]>([:])

    /// Up to a tenth of a second later than `deadline`, up to a whole one where that is ten or more away. Answers what `clear` needs.
    func set(_ waiter: EndWaiter, at deadline: ContinuousClock.Instant) -> Int64 {
        let step = Self.step(of: deadline, isLong: deadline - .now >= Self.long)
        let isNew = waiters.withLock { waiters in
            let isNew = waiters[step] == nil
            waiters[step, default: [:]][ObjectIdentifier(waiter)] = waiter
            return isNew
        }
        guard isNew else { return step }
        Task { [weak self] in
            try? await Task.sleep(until: Self.began + Self.step * step, clock: .continuous)
            self?.ring(step)
        }
        return step
    }

    func clear(_ waiter: EndWaiter, _ step: Int64) {
        waiters.withLock { waiters in
            _ = waiters[step]?.removeValue(forKey: ObjectIdentifier(waiter))
        }
    }

    private func ring(_ step: Int64) {
        let late = waiters.withLock { $0.removeValue(forKey: step) }
        for waiter in (late ?? [:]).values { waiter.expire() }
    }

    private static func step(of deadline: ContinuousClock.Instant, isLong: Bool) -> Int64 {
        let next = max(0, (deadline - began).wholeMicroseconds) / step.wholeMicroseconds + 1
        return isLong ? (next + stepsOfLong - 1) / stepsOfLong * stepsOfLong : next
    }
}
