import Dispatch
import Glibc
import Synchronization

/// Calls back each time when the terminal or somebody else asks this process to end, with how often that was.
final class Interruptions {
    private let sources: [any DispatchSourceSignal]

    init(_ body: @escaping @Sendable (Int) -> Void) {
        let count = Counter()
        sources = [SIGINT, SIGTERM, SIGHUP].map { number in
            // A handler that does nothing rather than SIG_IGN, which processes started later would inherit.
            signal(number) { _ in }
            let source = DispatchSource.makeSignalSource(signal: number)
            source.setEventHandler { body(count.next()) }
            source.resume()
            return source
        }
    }

    func end() {
        for source in sources { source.cancel() }
        for number in [SIGINT, SIGTERM, SIGHUP] { signal(number, SIG_DFL) }
    }

    private final class Counter: Sendable {
        private let count = Atomic(0)
        func next() -> Int { count.add(1, ordering: .relaxed).newValue }
    }
}
