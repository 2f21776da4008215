import Foundation
import NIOCore
import PanalCore
import PanalHTTP
import Synchronization
import Testing

/// What only a real connection can do: bodies without end, bytes that no client library sends, ten thousand connections at once.
@Suite("Hostile connections") struct HostileConnectionTests {
    /// A body of a gibibyte: told beforehand, in chunks, and where nobody waits for one.
    enum Giant: String, Sendable, CaseIterable {
        case announced, chunked, expected, nested
    }

    private static let gibibyte = 1 << 30

    private static func head(_ giant: Giant, _ path: String, _ key: String) -> String {
        let framing =
            giant == .chunked ? "Transfer-Encoding: chunked" : "Content-Length: \(gibibyte)"
        let expect = giant == .expected ? "Expect: 100-continue\r\n" : ""
        return "POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\(expect)\(framing)\r\n"
            + "Authorization: Bearer \(key)\r\n\r\n"
    }

    /// It is refused when the first mebibyte has come, not the last.
    @Test(
        arguments: Giant.allCases,
        [
            "/api/v1/keys", "/api/v1/programs/everything-more/jobs", "/api/v1/programs/everything-more/batches",
            "/api/v1/webhooks",
        ]) func aGibibyteOfJSONIsRefusedEarly(giant: Giant, path: String) async throws
    {
        let pace = Pace(linger: .milliseconds(300))
        try await Site.listen(Listener(host: "127.0.0.1", port: 0, pace: pace)) { site, port in
            let connection = try RawConnection(port: port)
            try await connection.send(Self.head(giant, path, site.owner.key))
            if giant == .expected { #expect(try await connection.isAnswered(100)) }
            let text = giant == .nested ? "[" : " "
            var piece = Array(String(repeating: text, count: 65_536).utf8)
            if giant == .chunked { piece = Array("10000\r\n".utf8) + piece + [13, 10] }
            var sent = 0
            while sent < Self.gibibyte, !connection.text.contains("HTTP/1.1 4"), !connection.isClosed {
                guard try await connection.send(piece) else { break }
                sent += piece.count
                connection.take()
            }
            // What stands in the buffers of two kernels on the way is not the server's.
            #expect(sent < 64 << 20, "\(sent >> 20) MiB were taken")
            #expect(try await connection.read { $0.text.contains("HTTP/1.1 413") }, "\(connection.text)")
            #expect(connection.text.contains("urn:panal:problem:too-large"))
            // Nobody reads the rest for ever.
            for _ in 0..<20_000 where !connection.isClosed {
                guard try await connection.send(piece) else { break }
                connection.take()
            }
            #expect(try await connection.isEnded())
            #expect(try await Self.isServing(port))
        }
    }

    static func isServing(_ port: Int) async throws -> Bool {
        let connection = try RawConnection(port: port)
        try await connection.send(ConnectionTests.ask)
        return try await connection.isAnswered()
    }

    /// The line of a request, and what stands behind it.
    struct Bytes: Sendable, CustomTestStringConvertible {
        var name: String
        var all: [UInt8]
        var testDescription: String { name }

        init(_ name: String, _ before: String, _ bytes: [UInt8] = [], _ after: String = "") {
            self.name = name
            all = Array(before.utf8)
            all += bytes
            all += Array(after.utf8)
        }

        /// `GET <target>`, whole.
        static func get(_ name: String, _ target: String, _ headers: String = "") -> Bytes {
            Bytes(name, "GET \(target) HTTP/1.1\r\nHost: x\r\n\(headers)\r\n")
        }
    }

    private static let rest = " HTTP/1.1\r\nHost: x\r\n\r\n"

    /// Bytes that stand for no text, where text is read.
    static let lines: [Bytes] = [
        Bytes("no UTF-8 in the path", "GET /api/v1/jobs/", [0xFF, 0xFE], rest),
        Bytes("an overlong slash in the path", "GET /api/v1/jobs", [0xC0, 0xAF], rest),
        Bytes("NUL in the path", "GET /api/v1/jobs/a", [0], rest),
        Bytes("no UTF-8 in the query", "GET /api/v1/jobs?program=", [0xFF], rest),
        Bytes(
            "no UTF-8 in a key", "GET /api/v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer pnl_",
            [0xFF, 0xC0, 0x80],
            "\r\n\r\n"),
        Bytes(
            "a surrogate in a cookie", "GET /jobs HTTP/1.1\r\nHost: x\r\nCookie: panal_session=", [0xED, 0xA0, 0x80],
            "\r\n\r\n"),
        Bytes("no ASCII in a name", "GET /jobs HTTP/1.1\r\nHost: x\r\nX", [0xE9], ": y\r\n\r\n"),
        .get("a control character in a header", "/jobs", "X-Request-Id: a\u{1b}[2Jb\r\n"),
        .get("an absolute address of another", "http://other.example/api/v1/jobs"),
        .get("an absolute address with a name and password", "http://a:b@x/healthz%2F.."),
        .get("no path", "*"), Bytes("an authority", "CONNECT x:80", [], rest), .get("a path without slash", "healthz"),
        .get("only slashes", "//////////%2f%2f"), .get("dots", "/../../../etc/passwd"),
        .get("encoded dots", "/assets/%2e%2e/%2e%2e/etc/passwd"),
        .get("encoded dots as one", "/assets/..%2f..%2fetc%2fpasswd"),
        .get("a path of thousands of parts", String(repeating: "/a", count: 5_000)),
        .get("a query of thousands of parts", "/api/v1/jobs?\(String(repeating: "a&", count: 6_000))"),
        .get("a fragment", "/api/v1/jobs#a"), Bytes("a method of its own", "BREW /api/v1/jobs", [], rest),
        .get(
            "an upgrade to HTTP/2", "/healthz",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA\r\n"),
        Bytes("HTTP/2 where none is spoken", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        Bytes(
            "TLS where none is spoken", "", [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3], String(repeating: "x", count: 512)),
    ]

    /// Each is refused or answered as what it plainly asks for; none ends the server, and none is answered with somebody's data.
    @Test(arguments: lines) func bytesThatAreNoTextHarmNobody(bytes: Bytes) async throws {
        try await Site.listen { _, port in
            let connection = try RawConnection(port: port)
            try await connection.send(bytes.all)
            connection.halfClose()
            #expect(try await connection.isEnded(), "\(bytes.name): \(connection.text)")
            #expect(connection.answers <= 1, "\(bytes.name): \(connection.text)")
            #expect(
                !connection.text.contains("HTTP/1.1 5") && !connection.text.contains("root:"),
                "\(bytes.name): \(connection.text)")
            #expect(!connection.text.contains("\u{1b}"), "\(bytes.name)")
            #expect(try await Self.isServing(port), "\(bytes.name)")
        }
    }

    /// What breaks off at any byte leaves nothing, and nobody waits for it.
    @Test func connectionsThatBreakOffAnywhereLeaveNothing() async throws {
        let pace = Pace(head: .seconds(20), grace: .seconds(20))
        try await Site.listen(Listener(host: "127.0.0.1", port: 0, pace: pace)) { site, port in
            var body = MultipartBody()
            body.add("imagen_de_entrada", fileName: "a.png", [UInt8](repeating: 7, count: 3_000))
            body.add("tamano_de_filtro", "3")
            let content = Array(body.ended.readableBytesView)
            let whole =
                Array(
                    ("POST /api/v1/programs/filter/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(site.owner.key)\r\n"
                        + "Content-Type: multipart/form-data; boundary=\(MultipartBody.boundary)\r\n"
                        + "Content-Length: \(content.count)\r\n\r\n").utf8) + content
            for (turn, length) in stride(from: 1, to: whole.count, by: 37).enumerated() {
                let connection = try RawConnection(port: port)
                try await connection.send(Array(whole.prefix(length)))
                switch turn % 3 {
                case 0: connection.reset()
                case 1: connection.hangUp()
                default:
                    connection.halfClose()
                    #expect(try await connection.isEnded())
                    #expect(!connection.text.contains("HTTP/1.1 2"), "\(length): \(connection.text)")
                }
            }
            #expect(try await Self.isServing(port))
            #expect(site.executor.attempts.withLock { $0.isEmpty })
            // All of it is a job.
            let connection = try RawConnection(port: port)
            try await connection.send(whole)
            #expect(try await connection.isAnswered(202), "\(connection.text)")
        }
    }

    /// Ten thousand that say nothing, from several addresses, and others are answered meanwhile and afterwards. The other ends are
    /// another process's, since one is seldom allowed twenty thousand files.
    @Test func tenThousandIdleConnectionsKeepNobodyOut() async throws {
        let count = 10_000
        try await Descriptors.with(count + 2_000) {
            try await Site.listen(
                ConnectionTests.listener(places: count + 2_000, pace: Pace(head: .seconds(3_600)))
            ) { site, port in
                let script = URL(filePath: #filePath).deletingLastPathComponent()
                    .appending(path: "../Clients/hostile_idle.py").standardizedFileURL.path()
                let holder = try Holder(["python3", script, "\(port)", "\(count)"])
                #expect(try await holder.line() == "held \(count)")
                let job = try await site.job(Script(output: "hello\n"))
                for _ in 0..<20 {
                    let connection = try RawConnection(port: port)
                    try await connection.send(
                        "GET /api/v1/jobs/\(job) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(site.owner.key)\r\n\r\n"
                    )
                    #expect(try await connection.isAnswered())
                }
                // There was room for them: none was closed for another, and each is still heard.
                try holder.goOn()
                let answers = try await holder.line()
                #expect(answers == "answered 25")
                #expect(try await Self.isServing(port))
            }
        }
    }

    /// More than there is room for, all at once, each with half a request: whoever asks a whole one is answered.
    @Test func aStormOfHalfRequestsKeepsNobodyOut() async throws {
        try await Descriptors.with(8_192) {
            try await Site.listen(ConnectionTests.listener(places: 256)) { _, port in
                var held: [RawConnection] = []
                for number in 0..<1_500 {
                    let connection = try RawConnection(port: port, from: 2 + number % 8)
                    try await connection.send("POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Le")
                    held.append(connection)
                    if number % 250 == 249 { #expect(try await Self.isServing(port), "beside \(number + 1)") }
                }
            }
        }
    }
}

/// A process that says something, waits for a line, and says something again. It ends with this.
private final class Holder {
    private let process: Process
    private let entry: FileHandle
    private let lines: AsyncStream<String>

    init(_ command: [String]) throws {
        let (input, output) = (Pipe(), Pipe())
        process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command
        process.standardInput = input
        process.standardOutput = output
        entry = input.fileHandleForWriting
        let (lines, continuation) = AsyncStream.makeStream(of: String.self)
        self.lines = lines
        let reader = output.fileHandleForReading
        try process.run()
        // It waits for a process: on a thread of its own.
        Thread.detachNewThread {
            // What is read at once need not be a line, nor one only.
            var read = Data()
            while case let bytes = reader.availableData, !bytes.isEmpty {
                read.append(bytes)
                while let end = read.firstIndex(of: 10) {
                    continuation.yield(String(decoding: read[..<end], as: UTF8.self))
                    read = Data(read[(end + 1)...])
                }
            }
            continuation.finish()
        }
    }

    deinit { process.terminate() }

    /// Its next line; nil when it has ended.
    func line() async throws -> String? {
        for await line in lines { return line }
        return nil
    }

    func goOn() throws { try entry.write(contentsOf: Data("\n".utf8)) }
}

/// Lets this process have more files open for a while: both ends of each connection are its own.
private enum Descriptors {
    private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)

    /// Root may raise the upper limit too; whoever may not and has too few fails with the number.
    static func with(_ wanted: Int, _ body: () async throws -> Void) async throws {
        var before = rlimit()
        try #require(getrlimit(resource, &before) == 0)
        let isEnough = before.rlim_cur >= rlim_t(wanted)
        var raised = rlimit(
            rlim_cur: isEnough ? before.rlim_cur : rlim_t(wanted), rlim_max: max(before.rlim_max, rlim_t(wanted)))
        let isRaised = isEnough || setrlimit(resource, &raised) == 0
        try #require(isRaised, "\(wanted) open files are needed, and at most \(before.rlim_max) are allowed")
        defer { setrlimit(resource, &before) }
        try await body()
    }
}
