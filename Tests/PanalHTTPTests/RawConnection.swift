import Glibc
import Testing

/// A TCP connection as a client has it that keeps to no rules. Nothing of it holds a thread.
final class RawConnection {
    private var descriptor: Int32
    private(set) var received: [UInt8] = []
    private(set) var isClosed = false

    /// `buffer` is how much the client's kernel takes before somebody reads; with `host` it comes from 127.0.0.`host`.
    init(port: Int, buffer: Int32? = nil, from host: Int? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var size = buffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        if let host { try #require(Self.with(port: 0, host: host) { bind(descriptor, $0, $1) } == 0) }
        try #require(Self.with(port: port, host: 1) { connect(descriptor, $0, $1) } == 0)
    }

    private static func with(
        port: Int, host: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = UInt32(0x7F00_0000 + UInt32(host)).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    deinit { hangUp() }

    func hangUp() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    /// Ends the connection at once, without the usual farewell.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        hangUp()
    }

    /// Says that nothing more comes, and goes on reading.
    func halfClose() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Answers whether all of it was taken; large texts wait for the server to read.
    @discardableResult func send(_ text: String) async throws -> Bool { try await send(Array(text.utf8)) }

    @discardableResult func send(_ bytes: [UInt8]) async throws -> Bool {
        var rest = bytes[...]
        for _ in 0..<3_000 where !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                try await Task.sleep(for: .milliseconds(10))
            } else {
                return false
            }
        }
        return rest.isEmpty
    }

    var text: String { String(decoding: received, as: UTF8.self) }

    /// Reads what has come, up to `most` bytes.
    func take(most: Int = 65_536) {
        var bytes = [UInt8](repeating: 0, count: most)
        let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        if count > 0 {
            received += bytes.prefix(count)
        } else if count == 0 || errno != EAGAIN {
            isClosed = true
        }
    }

    /// Reads until `isEnough`, at most a hundred looks each second for `seconds`; answers whether it came to that.
    func read(seconds: Int = 20, until isEnough: (RawConnection) -> Bool) async throws -> Bool {
        for _ in 0..<(seconds * 100) {
            take()
            if isEnough(self) { return true }
            if isClosed { return false }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }

    /// Whether an answer with this status has begun.
    func isAnswered(_ status: Int = 200, seconds: Int = 20) async throws -> Bool {
        try await read(seconds: seconds) { $0.text.hasPrefix("HTTP/1.1 \(status)") }
    }

    /// Whether the server closes the connection.
    func isEnded(seconds: Int = 20) async throws -> Bool {
        try await read(seconds: seconds) { $0.isClosed }
    }

    /// Answers that have begun.
    var answers: Int { text.split(separator: "HTTP/1.1 ", omittingEmptySubsequences: false).count - 1 }
}
