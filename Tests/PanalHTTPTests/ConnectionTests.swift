import Foundation
import PanalHTTP
import Synchronization
import Testing

/// Clients that are slow, silent, or too many.
@Suite("Connections") struct ConnectionTests {
    static let ask = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    /// Fast enough for a test, and no test needs a client that keeps to it.
    static let impatient = Pace(
        head: .milliseconds(300), grace: .milliseconds(300), bytesEachSecond: 1 << 20, linger: .milliseconds(300))

    static func listener(places: Int = 64, pace: Pace = Pace()) -> Listener {
        Listener(host: "127.0.0.1", port: 0, maximumConnections: places, pace: pace)
    }

    /// While everybody's request is being answered, one too many waits outside until another one goes.
    @Test func oneTooManyWaits() async throws {
        try await Site.listen(Self.listener(places: 2)) { site, port in
            let job = try await site.job(Script(isEndless: true))
            let wait =
                "GET /api/v1/jobs/\(job) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(site.owner.key)\r\n"
                + "Expect: 100-continue\r\nPrefer: wait=60\r\n\r\n"
            // The go-ahead tells that the server has the request: neither gives its place up then.
            let first = try RawConnection(port: port)
            try await first.send(wait)
            #expect(try await first.isAnswered(100))
            let second = try RawConnection(port: port)
            try await second.send(wait)
            #expect(try await second.isAnswered(100))
            let third = try RawConnection(port: port)
            try await third.send(Self.ask)
            #expect(try await !third.read(seconds: 1) { $0.answers > 0 || $0.isClosed })
            second.reset()
            #expect(try await third.isAnswered())
            #expect(first.answers == 1 && !first.isClosed)
        }
    }

    /// Whoever only holds a connection makes room for those that ask.
    @Test func theSilentMakeRoom() async throws {
        try await Site.listen(Self.listener(places: 8)) { _, port in
            let silent = try (0..<40).map { _ in try RawConnection(port: port) }
            for _ in 0..<20 {
                let connection = try RawConnection(port: port)
                try await connection.send(Self.ask)
                #expect(try await connection.isAnswered())
            }
            #expect(try await silent[0].isEnded())
        }
    }

    /// Also those that have asked before, and one that trickles the head of a request.
    @Test func theAnsweredMakeRoom() async throws {
        try await Site.listen(Self.listener(places: 4)) { _, port in
            var held: [RawConnection] = []
            for turn in 0..<12 {
                let connection = try RawConnection(port: port)
                try await connection.send(Self.ask)
                #expect(try await connection.isAnswered(), "turn \(turn)")
                try await connection.send("GET /")
                held.append(connection)
            }
            #expect(try await held[0].isEnded())
        }
    }

    @Test func aHeadThatTricklesIsCutOff() async throws {
        try await Site.listen(Self.listener(pace: Self.impatient)) { _, port in
            let connection = try RawConnection(port: port)
            var isOpen = true
            for byte in ("GET /healthz HTTP/1.1\r\nX: " + String(repeating: "a", count: 1_000)).utf8 where isOpen {
                try await Task.sleep(for: .milliseconds(20))
                connection.take()
                isOpen = try await connection.send([byte]) && !connection.isClosed
            }
            #expect(!isOpen)
            // A silent one ends too, and one after its answer.
            let silent = try RawConnection(port: port)
            #expect(try await silent.isEnded())
            let answered = try RawConnection(port: port)
            try await answered.send(Self.ask)
            #expect(try await answered.isAnswered())
            #expect(try await answered.isEnded())
        }
    }

    /// The client is told why, and nothing of what it sent was taken.
    @Test func aBodyThatTricklesIsRefused() async throws {
        try await Site.listen(Self.listener(pace: Self.impatient)) { site, port in
            let connection = try RawConnection(port: port)
            try await connection.send(
                "POST /api/v1/programs/everything-more/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n"
                    + "Content-Type: application/json\r\nAuthorization: Bearer \(site.owner.key)\r\n\r\n{")
            for _ in 0..<1_000 where !connection.isClosed {
                try await Task.sleep(for: .milliseconds(20))
                connection.take()
                try await connection.send(" ")
            }
            #expect(connection.isClosed)
            #expect(connection.text.hasPrefix("HTTP/1.1 408 "), "\(connection.text)")
            #expect(connection.text.contains("urn:panal:problem:too-slow") && connection.answers == 1)
            #expect(site.executor.attempts.withLock { $0.isEmpty })
        }
    }

    /// A refusal does not wait for the body that it refuses.
    @Test func aRefusedBodyIsNotReadForEver() async throws {
        try await Site.listen(Self.listener(pace: Self.impatient)) { _, port in
            let connection = try RawConnection(port: port)
            try await connection.send(
                "POST /api/v1/programs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
            for _ in 0..<1_000 where !connection.isClosed {
                try await Task.sleep(for: .milliseconds(20))
                connection.take()
                try await connection.send(String(repeating: "a", count: 100_000))
            }
            #expect(connection.text.hasPrefix("HTTP/1.1 401 ") && connection.isClosed)
        }
    }

    /// Somebody who takes an answer in drops holds no thread and no descriptor for long.
    @Test func anAnswerThatNobodyReadsIsCutOff() async throws {
        try await Site.listen(Self.listener(pace: Self.impatient)) { site, port in
            let bytes = [UInt8](repeating: 7, count: 24 << 20)
            let job = try await site.job(Script(files: [("large", bytes)]))
            let request =
                "GET /api/v1/jobs/\(job)/files/large HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(site.owner.key)\r\n\r\n"
            let stalled = try RawConnection(port: port, buffer: 4_096)
            try await stalled.send(request)
            try await Task.sleep(for: .seconds(3))
            // What has been sent is still there to be read; the end comes before all of it.
            #expect(try await stalled.isEnded(seconds: 120))
            #expect(stalled.text.hasPrefix("HTTP/1.1 200") && stalled.received.count < bytes.count)
        }
    }

    /// A client that has said everything may close its side and still reads its answer.
    @Test func halfClosedConnectionsAreAnswered() async throws {
        try await Site.listen(Self.listener()) { _, port in
            let connection = try RawConnection(port: port)
            try await connection.send(Self.ask)
            connection.halfClose()
            #expect(try await connection.isAnswered())
            #expect(try await connection.isEnded())
        }
    }

    /// What breaks off in the middle is not taken for the whole.
    @Test(arguments: [
        "Content-Length: 1000\r\nContent-Type: application/json\r\n\r\n{\"text\": \"a\"}",
        "Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\nd\r\n{\"text\": \"a\"}\r\n",
    ]) func aBodyThatBreaksOffIsNotTaken(rest: String) async throws {
        try await Site.listen(Self.listener()) { site, port in
            let connection = try RawConnection(port: port)
            try await connection.send(
                "POST /api/v1/programs/everything-more/jobs HTTP/1.1\r\nHost: x\r\n"
                    + "Authorization: Bearer \(site.owner.key)\r\n\(rest)")
            connection.halfClose()
            #expect(try await connection.isEnded())
            #expect(!connection.text.contains(" 20"), "\(connection.text)")
            #expect(site.executor.attempts.withLock { $0.isEmpty })
        }
    }
}
