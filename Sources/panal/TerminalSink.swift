import Glibc
import PanalCore
import Synchronization

/// Hands a cell's streams through to this process's own.
///
/// When nobody reads them any more (`panal run … | head`), the run has no purpose: `abandoned` is called once, and what still
/// comes is dropped.
final class TerminalSink: AttemptSink {
    private let abandoned: @Sendable () -> Void
    private let isBroken = Atomic(false)

    init(abandoned: @escaping @Sendable () -> Void) {
        self.abandoned = abandoned
    }

    /// Whether a stream had no reader any more.
    var isAbandoned: Bool { isBroken.load(ordering: .sequentiallyConsistent) }

    func append(_ bytes: borrowing RawSpan, to stream: OutputStream) throws {
        guard !isAbandoned else { return }
        let descriptor: Int32 = stream == .output ? 1 : 2
        try unsafe bytes.withUnsafeBytes { buffer in
            var written = 0
            while written < buffer.count {
                let count = unsafe write(descriptor, buffer.baseAddress?.advanced(by: written), buffer.count - written)
                if count >= 0 {
                    written += count
                } else if errno == EPIPE {
                    isBroken.store(true, ordering: .sequentiallyConsistent)
                    abandoned()
                    return
                } else if errno != EINTR {
                    throw CommandFailure("\(stream.rawValue) cannot be written (errno \(errno))")
                }
            }
        }
    }

    /// `panal run` asks for no result files, so none are offered.
    func store(descriptor: Int32, limit: Int) throws -> (content: ContentHash, bytes: Int) {
        throw CommandFailure("a result file was offered though none was asked for")
    }
}
