import Glibc

/// One connection that asks and waits, on its caller's thread: what is measured is the server, not a client's own machinery. HTTP/1.1
/// with `Content-Length`, no redirects.
struct PlainClient: ~Copyable {
    private let socket: Int32
    private let head: String
    private var buffer: [UInt8] = []

    /// `server` as in `http://127.0.0.1:8080`; only an address of this machine is taken.
    init(server: String, key: String) throws {
        let (host, port) = try Self.place(server)
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw BenchFailure("no socket (errno \(errno))") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let failed = unsafe withUnsafePointer(to: address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) != 0
            }
        }
        guard !failed else {
            let failure = BenchFailure("\(server) does not answer (errno \(errno))")
            close(socket)
            throw failure
        }
        var one: Int32 = 1
        _ = unsafe setsockopt(
            socket, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        self.socket = socket
        head = "Host: \(host):\(port)\r\nAuthorization: Bearer \(key)\r\n"
    }

    deinit { close(socket) }

    private static func place(_ server: String) throws -> (host: String, port: UInt16) {
        let parts = server.split(separator: ":")
        guard parts.count == 3, parts[0] == "http", parts[1] == "//127.0.0.1", let port = UInt16(parts[2]) else {
            throw BenchFailure("the server is to be http://127.0.0.1:PORT, not ‘\(server)’")
        }
        return ("127.0.0.1", port)
    }

    /// Sends a request and answers the status and the body.
    mutating func send(
        _ method: String, _ path: String, headers: String = "", body: String = ""
    ) throws -> (status: Int, body: ArraySlice<UInt8>) {
        let length = body.isEmpty && method == "GET" ? "" : "Content-Length: \(body.utf8.count)\r\n"
        try write(Array("\(method) \(path) HTTP/1.1\r\n\(head)\(headers)\(length)\r\n\(body)".utf8))
        buffer.removeAll(keepingCapacity: true)
        while true {
            if let end = Self.headEnd(of: buffer) {
                let lines = String(decoding: buffer[..<end], as: UTF8.self).split(separator: "\r\n")
                let words = lines.first?.split(separator: " ") ?? []
                guard words.count > 1, let status = Int(words[1]),
                    let length = lines.first(where: { $0.lowercased().hasPrefix("content-length:") })
                        .flatMap({ Int($0.dropFirst(15).filter { $0 != " " }) })
                else { throw BenchFailure("this is no answer: \(lines.first ?? "")") }
                while buffer.count < end + 4 + length { try read() }
                return (status, buffer[(end + 4)...])
            }
            try read()
        }
    }

    private static func headEnd(of bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        return (0...(bytes.count - 4)).first {
            bytes[$0] == 13 && bytes[$0 + 1] == 10 && bytes[$0 + 2] == 13 && bytes[$0 + 3] == 10
        }
    }

    private func write(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes[sent...].withUnsafeBytes { rest in
                unsafe Glibc.send(socket, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw BenchFailure("the server has gone (errno \(errno))") }
            sent += count
        }
    }

    private mutating func read() throws {
        let size = 64 << 10
        var got = 0
        let piece = unsafe [UInt8](unsafeUninitializedCapacity: size) { space, filled in
            got = unsafe recv(socket, space.baseAddress, size, 0)
            filled = max(got, 0)
        }
        guard got > 0 else { throw BenchFailure("the server has closed the connection") }
        buffer += piece
    }
}
