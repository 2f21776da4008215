import Glibc
import PanalCore

/// Hands a cell's streams through to this process's own.
struct TerminalSink: AttemptSink {
    func append(_ bytes: borrowing RawSpan, to stream: OutputStream) throws {
        let descriptor: Int32 = stream == .output ? 1 : 2
        try unsafe bytes.withUnsafeBytes { buffer in
            var written = 0
            while written < buffer.count {
                let count = unsafe write(descriptor, buffer.baseAddress?.advanced(by: written), buffer.count - written)
                if count >= 0 {
                    written += count
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
