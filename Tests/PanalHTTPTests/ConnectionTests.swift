import Glibc
import Testing

@Suite("Connections") struct ConnectionTests {
    /// A connection as a client has it.
    private struct Connection: ~Copyable {
        private let descriptor: Int32

        init(port: Int) throws {
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(UInt16(port).bigEndian)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            let answer = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            try #require(answer == 0)
        }

        deinit { close(descriptor) }

        func ask() {
            let request = Array("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
            _ = send(descriptor, request, request.count, Int32(MSG_NOSIGNAL))
        }

        /// Whether an answer has come; looked for without holding a thread.
        func isAnswered(within tries: Int) async throws -> Bool {
            var bytes = [UInt8](repeating: 0, count: 12)
            for _ in 0..<tries {
                let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
                if count > 0 { return String(decoding: bytes, as: UTF8.self) == "HTTP/1.1 200" }
                try await Task.sleep(for: .milliseconds(10))
            }
            return false
        }
    }

    /// Idle strangers take no descriptor that a job needs: one too many waits outside until another one goes.
    @Test func oneTooManyWaits() async throws {
        try await Site.listen(maximumConnections: 2) { port in
            let first = try Connection(port: port)
            let third: Connection
            do {
                let second = try Connection(port: port)
                first.ask()
                second.ask()
                #expect(try await first.isAnswered(within: 500))
                #expect(try await second.isAnswered(within: 500))
                third = try Connection(port: port)
                third.ask()
                #expect(try await !third.isAnswered(within: 30))
            }
            #expect(try await third.isAnswered(within: 500))
        }
    }
}
