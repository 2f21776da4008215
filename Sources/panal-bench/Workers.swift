import Glibc

/// Threads that the calling thread starts itself, so that they share its mount namespace, as no pool's threads would.
enum Workers {
    private final class Work: Sendable {
        let number: Int
        let body: @Sendable (Int) -> Void

        init(_ number: Int, _ body: @escaping @Sendable (Int) -> Void) {
            self.number = number
            self.body = body
        }
    }

    /// Runs `body` in `count` threads at once, each with its number, and waits for all.
    static func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) throws {
        var threads: [pthread_t] = []
        for number in 0..<count {
            var thread = pthread_t()
            let work = unsafe Unmanaged.passRetained(Work(number, body)).toOpaque()
            let failure = unsafe pthread_create(
                &thread, nil,
                { pointer in
                    guard let pointer = unsafe pointer else { return nil }
                    let work = unsafe Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue()
                    work.body(work.number)
                    return nil
                }, work)
            guard failure == 0 else { throw BenchFailure("no thread could be started (errno \(failure))") }
            threads.append(thread)
        }
        for thread in threads { pthread_join(thread, nil) }
    }
}
