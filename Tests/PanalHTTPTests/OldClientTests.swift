import Foundation
import PanalHTTP
import Testing

/// Clients of HTTP/1.0, such as ApacheBench.
@Suite("Old clients") struct OldClientTests {
    @Test(arguments: ["", "Connection: close\r\n", "Connection: keepalive\r\n"])
    func theConnectionEndsWithTheAnswer(_ header: String) async throws {
        try await Site.listen(ConnectionTests.listener()) { _, port in
            let client = try RawConnection(port: port)
            try await client.send("GET /healthz HTTP/1.0\r\n\(header)\r\n")
            #expect(try await client.isEnded())
            #expect(client.oldAnswers == 1)
            #expect(client.text.lowercased().contains("connection: close\r\n"))
        }
    }

    @Test func whoAsksKeepsIt() async throws {
        try await Site.listen(ConnectionTests.listener()) { site, port in
            let client = try RawConnection(port: port)
            for turn in 1...3 {
                try await client.send(
                    "GET /api/v1/programs HTTP/1.0\r\nAuthorization: Bearer \(site.owner.key)\r\nConnection: Keep-Alive\r\n\r\n"
                )
                #expect(try await client.read { $0.oldAnswers == turn || $0.isClosed })
            }
            #expect(client.oldAnswers == 3 && !client.isClosed)
            #expect(client.text.components(separatedBy: "\r\nConnection: keep-alive\r\n").count == 4)
        }
    }

    /// An answer without a length: no chunks, its end is the connection's.
    @Test func aLiveAnswerEndsWithTheConnection() async throws {
        try await Site.listen(ConnectionTests.listener()) { site, port in
            let job = try await site.job(Script())
            let client = try RawConnection(port: port)
            try await client.send(
                "GET /api/v1/jobs/\(job)/events HTTP/1.0\r\nAuthorization: Bearer \(site.owner.key)\r\n"
                    + "Accept: text/event-stream\r\nConnection: keep-alive\r\n\r\n")
            #expect(try await client.isEnded())
            #expect(client.text.contains("\r\n\r\nretry: 1000\n\n"))
            #expect(client.text.contains("event: end\n"))
            #expect(!client.text.lowercased().contains("chunked"))
        }
    }

    /// Whoever stands in between may not know chunks in this version, and see the request's end elsewhere.
    @Test func chunksAreRefused() async throws {
        try await Site.listen(ConnectionTests.listener()) { _, port in
            let client = try RawConnection(port: port)
            try await client.send(
                "POST /sign-in HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                    + SmugglingTests.hidden)
            #expect(try await client.isEnded())
            #expect(client.text.hasPrefix("HTTP/1.0 400") || client.text.hasPrefix("HTTP/1.1 400"), "\(client.text)")
            #expect(!client.text.contains(" 200 "), "\(client.text)")
        }
    }

    /// They would take an interim answer for the answer.
    @Test func theyGetNoInterimAnswer() async throws {
        try await Site.listen(ConnectionTests.listener()) { _, port in
            let client = try RawConnection(port: port)
            try await client.send("GET /healthz HTTP/1.0\r\nExpect: 100-continue\r\n\r\n")
            #expect(try await client.isEnded())
            #expect(!client.text.contains(" 100 ") && client.oldAnswers == 1)
        }
    }

    /// Each of several requests on one connection is answered by its own version.
    @Test func versionsTakeTurns() async throws {
        try await Site.listen(ConnectionTests.listener()) { _, port in
            let client = try RawConnection(port: port)
            try await client.send(
                "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
                    + "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.0\r\n\r\n")
            #expect(try await client.isEnded())
            #expect(client.oldAnswers == 4)
            #expect(client.text.components(separatedBy: "HTTP/1.0 200").count == 3)
            #expect(client.text.components(separatedBy: "HTTP/1.1 200").count == 3)
        }
    }
}

extension RawConnection {
    /// Answers of either version that have begun.
    fileprivate var oldAnswers: Int { text.components(separatedBy: "HTTP/1.").count - 1 }
}
