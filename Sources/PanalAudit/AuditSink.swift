internal import Glibc
internal import PanalCore
internal import Synchronization

/// Keeps what a hostile program writes, the beginning of everything.
final class AuditSink: AttemptSink {
    private struct State {
        var output: [UInt8] = []
        var files: [String: [UInt8]] = [:]
        var starts = 0
        var ends = 0
    }

    private static let keptOutput = 1 << 20
    private static let keptFile = 65_536
    private let state = Mutex(State())

    func append(_ bytes: borrowing RawSpan, to stream: OutputStream) throws {
        guard stream == .output else { return }
        let copy = unsafe bytes.withUnsafeBytes { unsafe [UInt8]($0) }
        state.withLock { state in
            state.output += copy.prefix(max(0, Self.keptOutput - state.output.count))
        }
    }

    func store(descriptor: Int32, limit: Int) throws -> (content: ContentHash, bytes: Int) {
        var kept: [UInt8] = []
        var total = 0
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let length = unsafe read(descriptor, &buffer, buffer.count)
            guard length > 0 else { break }
            kept += buffer[..<length].prefix(max(0, Self.keptFile - kept.count))
            total += length
            guard total <= limit else { throw FileTooLong(limit: limit) }
        }
        let name = state.withLock { state in
            let digits = String(state.files.count, radix: 16)
            let name = String(repeating: "0", count: 64 - digits.count) + digits
            state.files[name] = kept
            return name
        }
        guard let hash = ContentHash(hex: name) else { throw FileTooLong(limit: 0) }
        return (hash, total)
    }

    func noteStart() { state.withLock { $0.starts += 1 } }

    func noteEnd() { state.withLock { $0.ends += 1 } }

    var hasStarted: Bool { state.withLock { $0.starts > 0 } }
    var hasEnded: Bool { state.withLock { $0.ends > 0 } }
    var tries: Tries { state.withLock { Tries(parsing: String(decoding: $0.output, as: UTF8.self)) } }
    func file(_ hash: ContentHash) -> [UInt8] { state.withLock { $0.files[hash.hex] ?? [] } }
}
