import Glibc

/// Says on standard error how far a long benchmark has come: over and over on one line of a terminal, else a line now and then.
struct BenchProgress {
    private let what: String
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var said = ContinuousClock.now

    /// Where nobody watches, a line for each of these is enough.
    private static let pause = Duration.seconds(10)

    init(_ what: String) {
        self.what = what
    }

    mutating func note(_ done: Int, _ rest: String) {
        let now = ContinuousClock.now
        guard isTerminal || now - said >= Self.pause else { return }
        said = now
        say(isTerminal ? "\r\(done) \(what) \(rest)\u{1B}[K" : "\(done) \(what) \(rest)\n")
    }

    /// What comes next begins on a line of its own.
    func end() { if isTerminal { say("\n") } }

    private func say(_ text: String) {
        let bytes = Array(text.utf8)
        _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
    }
}
