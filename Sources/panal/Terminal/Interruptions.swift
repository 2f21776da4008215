import Dispatch
import Glibc
import Synchronization

/// Calls back each time when the terminal or somebody else asks this process to end, with how often that was. One at a time.
///
/// A handler writes into a pipe that is read elsewhere. Dispatch's own sources for signals are not used: on Linux, of two that follow
/// each other for one signal, the second misses every other one. A signal that this process was told to ignore, as `nohup` and `&` in
/// a script do it, stays ignored.
final class Interruptions {
    private struct Listener {
        var count = 0
        let body: @Sendable (Int) -> Void
    }

    private static let listener = Mutex<Listener?>(nil)
    /// The pipe's end that handlers write to; there until the process ends.
    private static let writeEnd = Atomic<Int32>(-1)
    private static let numbers = [SIGINT, SIGTERM, SIGHUP]

    /// False where there is no descriptor left for a pipe: then a signal ends the process as it always does.
    private static let isHeard: Bool = {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { return false }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        // A handler never waits, however many signals come; whoever reads does.
        _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
        let input = ends[0]
        writeEnd.store(ends[1], ordering: .relaxed)
        DispatchQueue(label: "signals").async {
            var byte: UInt8 = 0
            while true {
                let count = unsafe read(input, &byte, 1)
                if count == 1 { Interruptions.tell() }
                guard count == 1 || count < 0 && errno == EINTR else { return }
            }
        }
        return true
    }()

    private let caught: [Int32]

    init(_ body: @escaping @Sendable (Int) -> Void) {
        Self.listener.withLock { $0 = Listener(body: body) }
        caught = Self.isHeard ? Self.numbers.filter { !Self.isIgnored($0) } : []
        for number in caught {
            // Only what a handler may do: a write, and nothing of it is seen outside.
            signal(number) { _ in
                let before = errno
                var byte: UInt8 = 0
                _ = unsafe write(Interruptions.writeEnd.load(ordering: .relaxed), &byte, 1)
                errno = before
            }
        }
    }

    func end() {
        for number in caught { signal(number, SIG_DFL) }
        Self.listener.withLock { $0 = nil }
    }

    private static func tell() {
        let told = listener.withLock { listener -> (body: @Sendable (Int) -> Void, count: Int)? in
            listener?.count += 1
            return listener.map { ($0.body, $0.count) }
        }
        told?.body(told?.count ?? 0)
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard unsafe sigaction(number, nil, &action) == 0 else { return false }
        return unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
            == unsafeBitCast(SIG_IGN, to: Int.self)
    }
}
