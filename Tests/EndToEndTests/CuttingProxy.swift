import Foundation
import Synchronization

/// Stands between a client and a server and breaks connections off, each after so many bytes of the server's or of the client's.
final class CuttingProxy: Sendable {
    let address: String
    private let listener: Int32
    private let server: UInt16
    /// Bytes of the next connection's answers that are let through.
    private let limit: @Sendable (_ connection: Int) -> Int
    /// The same for its requests.
    private let requestLimit: @Sendable (_ connection: Int) -> Int
    /// What becomes of a request's bytes.
    private let rewrite: @Sendable (Data) -> Data
    private let count = Atomic(0)
    private let cuts = Atomic(0)

    /// How many connections were broken off.
    var broken: Int { cuts.load(ordering: .relaxed) }

    init(
        to server: String, limit: @escaping @Sendable (Int) -> Int = { _ in .max },
        requestLimit: @escaping @Sendable (Int) -> Int = { _ in .max },
        rewrite: @escaping @Sendable (Data) -> Data = { $0 }
    ) throws {
        guard let port = server.split(separator: ":").last.flatMap({ UInt16($0) }) else {
            throw RunningServer.Failure(reason: "no port in \(server)")
        }
        self.server = port
        self.limit = limit
        self.requestLimit = requestLimit
        self.rewrite = rewrite
        let opened = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var place = Self.place(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(opened, $0, length) == 0 && listen(opened, 16) == 0 && getsockname(opened, $0, &length) == 0
            }
        }
        guard isBound else { throw RunningServer.Failure(reason: "no proxy: errno \(errno)") }
        listener = opened
        address = "http://127.0.0.1:\(UInt16(bigEndian: place.sin_port))"
        Thread.detachNewThread { [self] in
            while case let client = accept(listener, nil, nil), client >= 0 { serve(client) }
        }
    }

    /// No further connection is taken.
    func close() { shutdown(listener, Int32(SHUT_RDWR)) }

    private static func place(port: UInt16) -> sockaddr_in {
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = port.bigEndian
        place.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return place
    }

    private func serve(_ client: Int32) {
        let upstream = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var place = Self.place(port: server)
        let isConnected = withUnsafePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(upstream, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        let number = count.add(1, ordering: .relaxed).oldValue
        let ends = DispatchGroup()
        pump(from: client, to: upstream, isConnected ? requestLimit(number) : 0, ends, rewrite)
        pump(from: upstream, to: client, isConnected ? limit(number) : 0, ends) { $0 }
        ends.notify(queue: .global()) {
            Foundation.close(client)
            Foundation.close(upstream)
        }
    }

    private func pump(
        from source: Int32, to target: Int32, _ limit: Int, _ ends: DispatchGroup,
        _ change: @escaping @Sendable (Data) -> Data
    ) {
        ends.enter()
        Thread.detachNewThread { [self] in
            var left = limit
            var piece = [UInt8](repeating: 0, count: 16_384)
            while left > 0 {
                let count = recv(source, &piece, min(piece.count, left), 0)
                guard count > 0 else { break }
                left -= count
                let bytes = Array(change(Data(piece[..<count])))
                guard send(target, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else { break }
            }
            if left == 0 { _ = cuts.add(1, ordering: .relaxed) }
            shutdown(source, Int32(SHUT_RDWR))
            shutdown(target, Int32(SHUT_RDWR))
            ends.leave()
        }
    }
}
