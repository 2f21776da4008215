import Foundation
import PanalCore
import PanalHTTP
import Testing

/// HTTP/2 as attackers speak it. The frames are made by hand, in a process of their own: `Tests/Clients/hostile_http2.py`.
@Suite("Hostile HTTP/2") struct HostileHTTP2Tests {
    private struct Outcome: Decodable {
        /// `goaway`, `closed`, `stalled`, or `open`.
        var end: String
        var code: Int?
        var sent: Int
        var bytes: Int
        var acks: Int
        var statuses: [String: Int]
        var resets: [String: Int]

        /// The server has ended the connection.
        var isEnded: Bool { end == "goaway" || end == "closed" }
        var successes: Int { statuses.filter { $0.key.hasPrefix("2") }.values.reduce(0, +) }
    }

    private static let script = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../Clients/hostile_http2.py").standardizedFileURL.path()

    /// Attacks a server, and asks it something decent afterwards.
    private static func attack(
        _ name: String, pace: Pace = Pace(),
        on path: @escaping @Sendable (Site) async throws -> String = { _ in "/healthz" },
        _ check: @escaping @Sendable (Outcome) -> Void
    ) async throws {
        try await TLSTests.listen(pace: pace) { site, port, files, _ in
            let answer = try await Tool.run([
                "python3", script, "\(port)", files.certificate, name, try await path(site), site.owner.key,
            ])
            #expect(answer.code == 0, "\(answer.output)")
            let line = answer.output.split(separator: "\n").last.map(String.init) ?? ""
            check(try JSONDecoder().decode(Outcome.self, from: Data(line.utf8)))
            let decent = try await TLSTests.curl(
                port, "/healthz", trusting: files.certificate,
                ["--http2", "-o", "/dev/null", "-w", "%{http_version} %{http_code}"])
            #expect(decent == "2 200", "after \(name)")
        }
    }

    /// Short for a test, and long enough for whoever asks something decent while the machine is busy.
    private static let strict = Pace(
        head: .seconds(3), grace: .seconds(1), bytesEachSecond: 1 << 30, linger: .seconds(1))

    private static let bytes = 24 << 20

    @Sendable private static func largeFile(_ site: Site) async throws -> String {
        let content = [UInt8](repeating: 7, count: bytes)
        return "/api/v1/jobs/\(try await site.job(Script(files: [("large", content)])))/files/large"
    }

    /// Somebody who lets nothing come, or reads nothing of it, is not sent to for ever.
    @Test(arguments: ["window-zero", "never-reads"]) func answersThatNobodyTakesAreCutOff(name: String) async throws {
        try await Self.attack(name, pace: Self.strict, on: Self.largeFile) { outcome in
            #expect(outcome.isEnded || !outcome.resets.isEmpty, "\(outcome)")
            #expect(outcome.bytes < Self.bytes, "\(outcome)")
        }
    }

    /// Streams that are given up as soon as they are begun, headers that go on for ever, frames of nothing.
    @Test(arguments: [
        "rapid-reset", "continuation-flood", "empty-continuations", "empty-data-flood", "window-overflow",
    ])
    func floodsEndTheConnection(name: String) async throws {
        let path: @Sendable (Site) async throws -> String = { _ in
            name == "empty-data-flood" ? "/api/v1/keys" : "/healthz"
        }
        try await Self.attack(name, on: path) { outcome in
            #expect(outcome.isEnded || (name == "empty-data-flood" && !outcome.resets.isEmpty), "\(outcome)")
            #expect(outcome.sent < 19_999, "\(outcome)")
        }
    }

    /// Answers to these go nowhere as long as nobody reads: the server must not collect them without end.
    @Test(arguments: ["settings-flood", "ping-flood"]) func answersToFloodsAreNotCollected(name: String) async throws {
        try await Self.attack(name) { outcome in
            #expect(outcome.isEnded || outcome.end == "stalled", "\(outcome)")
        }
    }

    @Test(arguments: ["header-bomb", "many-headers"]) func headersThatAreTooManyAreRefused(name: String) async throws {
        try await Self.attack(name) { outcome in
            #expect(outcome.successes == 0, "\(outcome)")
            #expect(outcome.isEnded || !outcome.resets.isEmpty || !outcome.statuses.isEmpty, "\(outcome)")
        }
    }

    /// A hundred at a time; the others are refused, or the connection ends.
    @Test func streamsAreCounted() async throws {
        try await Self.attack(
            "many-streams", on: { "/api/v1/jobs/\(try await $0.job(Script(isEndless: true)))" }
        ) { outcome in
            #expect(outcome.successes <= 100, "\(outcome)")
            #expect(outcome.isEnded || outcome.resets.values.reduce(0, +) >= 300, "\(outcome)")
        }
    }

    @Test func prioritiesCostNothing() async throws {
        try await Self.attack("priority-flood") { #expect($0.isEnded || $0.acks > 1, "\($0)") }
    }

    /// Connections on which nothing is asked: silent ones, ones that are only kept awake, and half a request.
    @Test(arguments: ["idle", "pings-instead-of-requests", "half-a-head"])
    func connectionsWithoutRequestsEnd(name: String) async throws {
        try await Self.attack(name, pace: Self.strict) { outcome in
            #expect(outcome.isEnded && outcome.statuses.isEmpty, "\(outcome)")
        }
    }

    @Test func aBodyThatTricklesIsRefused() async throws {
        try await Self.attack("trickled-body", pace: Self.strict, on: { _ in "/api/v1/keys" }) {
            outcome in
            #expect(outcome.successes == 0, "\(outcome)")
            #expect(outcome.isEnded || !outcome.resets.isEmpty || outcome.statuses["408"] == 1, "\(outcome)")
        }
    }

    @Test func aGibibyteOfJSONIsRefusedEarly() async throws {
        try await Self.attack("giant-body", on: { _ in "/api/v1/keys" }) { outcome in
            #expect(outcome.statuses == ["413": 1], "\(outcome)")
            #expect(outcome.sent < 16 << 20, "\(outcome)")
        }
    }

    /// What a proxy before the server could take for something else, and what cannot be read at all.
    @Test(arguments: [
        "no-path", "two-paths", "late-pseudo", "unknown-pseudo", "upper-case", "connection-header", "transfer-encoding",
        "line-end-in-value", "line-end-in-path", "line-end-in-name", "nul-in-value", "space-in-method",
        "no-utf8-in-path",
        "two-lengths", "broken-block", "unknown-index",
    ]) func doubtfulRequestsAreRefused(name: String) async throws {
        try await Self.attack(name) { outcome in
            #expect(outcome.successes == 0, "\(outcome)")
            #expect(outcome.isEnded || !outcome.resets.isEmpty || !outcome.statuses.isEmpty, "\(outcome)")
        }
    }
}
