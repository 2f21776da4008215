import FoundationEssentials
import Glibc
import NIOCore
import PanalClient

/// Standard output, unbuffered: what was written is out.
enum StandardOutput {
    static func write(_ text: String) { write(Data(text.utf8)) }

    static func write(_ data: Data) {
        // A reader that is gone ends the process by SIGPIPE, as it does every filter.
        var rest = data[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            guard count >= 0 || errno == EINTR else { return }
            rest = rest.dropFirst(max(0, count))
        }
    }

    /// To standard output or standard error. Throws `local` when it cannot be written.
    static func write(_ piece: ByteBuffer, to descriptor: Int32) throws {
        try unsafe piece.withUnsafeReadableBytes { bytes in
            var written = 0
            while written < bytes.count {
                let count = unsafe Glibc.write(
                    descriptor, bytes.baseAddress?.advanced(by: written), bytes.count - written)
                guard count >= 0 || errno == EINTR else {
                    throw ClientFailure(.local, "the output cannot be written (errno \(errno))")
                }
                written += max(0, count)
            }
        }
    }
}
