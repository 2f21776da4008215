import Glibc
import PanalCore
import Synchronization

/// One line on standard error that is written over again and again; nothing at all where that is no terminal.
final class ProgressDisplay: Sendable {
    private struct State {
        var last: ContinuousClock.Instant?
        var isShown = false
        var begun: Int?
    }

    private let isOn: Bool
    private let start = ContinuousClock.now
    private let state = Mutex(State())
    /// More often nobody can read it.
    private static let pause = Duration.milliseconds(100)
    /// What is over before that needs no line.
    private static let grace = Duration.milliseconds(300)

    init(isOn: Bool) {
        self.isOn = isOn && Terminal.isTerminal(STDERR_FILENO)
    }

    /// Whether anybody sees what is told here.
    var isShowing: Bool { isOn }

    /// Bytes of a transfer.
    func transfer(_ label: String, done: Int, total: Int?) {
        guard isOn else { return }
        let begun = state.withLock { state in
            if state.begun == nil { state.begun = done }
            return state.begun ?? 0
        }
        show { width in
            let elapsed = (ContinuousClock.now - self.start).inSeconds
            return ProgressLine(label: label, done: done, total: total, elapsed: elapsed, begun: begun).text(
                width: width)
        }
    }

    /// A sentence.
    func say(_ text: String) {
        guard isOn else { return }
        show { TextWidth.cut(TextWidth.harmless(text), to: $0 - 1) }
    }

    private func show(_ line: (Int) -> String) {
        state.withLock { state in
            let now = ContinuousClock.now
            if let last = state.last, now - last < Self.pause { return }
            guard now - start >= Self.grace else { return }
            state.last = now
            state.isShown = true
            StandardError.write("\r\(line(Terminal.columns(of: STDERR_FILENO) ?? 80))\u{1b}[K")
        }
    }

    /// Takes the line away, for good or until more is to be told.
    func clear() {
        state.withLock { state in
            guard state.isShown else { return }
            StandardError.write("\r\u{1b}[K")
            state.isShown = false
            state.last = nil
        }
    }
}
