import Foundation
import PanalHTTP
import Testing

/// Bytes on which two readers of HTTP could disagree. Each must be refused, or mean one thing; what is hidden behind a request must
/// never be answered as a request of its own.
@Suite("Request smuggling") struct SmugglingTests {
    static let hidden = "GET /api/v1/states HTTP/1.1\r\nHost: x\r\n\r\n"

    struct Shape: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: String
        var testDescription: String { name }
    }

    static func post(_ headers: String, _ body: String) -> String {
        "POST /sign-in HTTP/1.1\r\nHost: x\r\n\(headers)\r\n\r\n\(body)"
    }

    static let refused: [Shape] = [
        Shape(
            name: "length and chunks",
            bytes: post("Content-Length: 4\r\nTransfer-Encoding: chunked", "0\r\n\r\n" + hidden)),
        Shape(
            name: "chunks and length",
            bytes: post("Transfer-Encoding: chunked\r\nContent-Length: 4", "0\r\n\r\n" + hidden)),
        Shape(name: "two lengths", bytes: post("Content-Length: 0\r\nContent-Length: \(hidden.utf8.count)", hidden)),
        Shape(name: "a list of lengths", bytes: post("Content-Length: 0, \(hidden.utf8.count)", hidden)),
        Shape(name: "a signed length", bytes: post("Content-Length: +0", hidden)),
        Shape(name: "a length in hexadecimal", bytes: post("Content-Length: 0x0", hidden)),
        Shape(name: "a negative length", bytes: post("Content-Length: -1", hidden)),
        Shape(name: "a length beyond all numbers", bytes: post("Content-Length: 18446744073709551616", hidden)),
        Shape(name: "a folded header", bytes: post("X: a\r\n b\r\nContent-Length: 0", hidden)),
        Shape(name: "a folded transfer encoding", bytes: post("Transfer-Encoding:\r\n chunked", "0\r\n\r\n" + hidden)),
        Shape(name: "space before the colon", bytes: post("Content-Length : 0", hidden)),
        Shape(name: "an unknown encoding", bytes: post("Transfer-Encoding: xchunked", "0\r\n\r\n" + hidden)),
        Shape(name: "chunked twice", bytes: post("Transfer-Encoding: chunked, chunked", "0\r\n\r\n" + hidden)),
        Shape(name: "chunked before another", bytes: post("Transfer-Encoding: chunked, gzip", "0\r\n\r\n" + hidden)),
        Shape(name: "a chunk without a size", bytes: post("Transfer-Encoding: chunked", "\r\n\r\n" + hidden)),
        Shape(name: "a chunk with a sign", bytes: post("Transfer-Encoding: chunked", "-1\r\n\r\n" + hidden)),
        Shape(
            name: "a chunk beyond all numbers",
            bytes: post("Transfer-Encoding: chunked", "fffffffffffffffff\r\n" + hidden)),
        Shape(name: "a chunk longer than it says", bytes: post("Transfer-Encoding: chunked", "1\r\nab\r\n0\r\n\r\n")),
        Shape(name: "NUL in a header", bytes: "GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\u{0}b\r\n\r\n"),
        Shape(name: "a bare CR in a header", bytes: "GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\rY: b\r\n\r\n"),
        Shape(name: "space in the target", bytes: "GET /healthz x HTTP/1.1\r\nHost: x\r\n\r\n"),
        Shape(name: "version 2.0 in the line", bytes: "GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n"),
        Shape(name: "HTTP 0.9", bytes: "GET /healthz\r\n"),
        Shape(name: "no name of a header", bytes: "GET /healthz HTTP/1.1\r\n: x\r\n\r\n"),
        Shape(name: "no method at all", bytes: "\u{1}\u{2}\u{3}\r\n\r\n"),
        Shape(
            name: "a huge header",
            bytes: "GET /healthz HTTP/1.1\r\nHost: x\r\nX: \(String(repeating: "a", count: 40_000))\r\n\r\n"),
        Shape(
            name: "very many headers",
            bytes: "GET /healthz HTTP/1.1\r\nHost: x\r\n"
                + (0..<500).map { "X\($0): a\r\n" }.joined() + "\r\n"),
        Shape(
            name: "a huge target",
            bytes: "GET /\(String(repeating: "a", count: 100_000)) HTTP/1.1\r\nHost: x\r\n\r\n"),
        Shape(
            name: "huge trailers",
            bytes: post(
                "Transfer-Encoding: chunked",
                "0\r\nX: \(String(repeating: "a", count: 100_000))\r\n\r\n" + hidden)),
    ]

    @Test(arguments: refused) func itIsRefused(shape: Shape) async throws {
        try await Site.listen { _, port in
            let connection = try RawConnection(port: port)
            try await connection.send(shape.bytes)
            connection.halfClose()
            #expect(try await connection.isEnded(), "\(connection.text)")
            let statuses = connection.text.split(separator: "HTTP/1.1 ").map { $0.prefix(3) }
            // Nothing, or one refusal: never an answer to what was hidden, and never a success.
            #expect(connection.answers <= 1, "\(statuses)")
            #expect(!connection.text.contains("HTTP/1.1 2"), "\(connection.text)")
        }
    }

    static let harmless: [(shape: Shape, answers: Int)] = [
        (Shape(name: "chunk extensions", bytes: post("Transfer-Encoding: chunked", "0;a=b\r\n\r\n")), 1),
        (Shape(name: "a chunk in capital letters", bytes: post("Transfer-Encoding: CHUNKED", "0\r\n\r\n")), 1),
        (Shape(name: "a length with zeros before it", bytes: post("Content-Length: 0003", "a=b")), 1),
        (Shape(name: "empty lines before the request", bytes: "\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"), 1),
        (Shape(name: "two requests in a row", bytes: ConnectionTests.ask + ConnectionTests.ask), 2),
    ]

    /// What has one meaning is answered as often as there are requests, and the connection goes on.
    @Test(arguments: harmless) func itMeansOneThing(shape: Shape, answers: Int) async throws {
        try await Site.listen { _, port in
            let connection = try RawConnection(port: port)
            try await connection.send(shape.bytes)
            #expect(try await connection.read { $0.answers == answers }, "\(connection.text)")
            try await connection.send(ConnectionTests.ask)
            #expect(try await connection.read { $0.answers == answers + 1 }, "\(connection.text)")
        }
    }

    /// A line that ends with LF alone: taken by some readers, so it must not split what others take for one request.
    @Test func aBareLineFeedHidesNothing() async throws {
        try await Site.listen { _, port in
            let connection = try RawConnection(port: port)
            try await connection.send(
                "GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\nContent-Length: \(Self.hidden.utf8.count)\r\n\r\n"
                    + Self.hidden)
            connection.halfClose()
            #expect(try await connection.isEnded())
            #expect(connection.answers == 1, "\(connection.text)")
        }
    }
}
