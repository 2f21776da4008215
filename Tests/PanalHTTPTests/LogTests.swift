import Foundation
import HTTPTypes
import HummingbirdTesting
import Logging
import NIOCore
import PanalCore
import PanalHTTP
import PanalService
import Synchronization
import Testing

/// Keeps everything that the sites of this suite log, at every level.
struct LogKeeper: LogHandler {
    static let lines = Mutex<[String]>([])
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    static let logger = Logger(label: "test") { _ in LogKeeper() }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        Self.lines.withLock { lines in
            if lines.count < 500_000 { lines.append("\(event.message) \(all)") }
        }
    }
}

@Suite("Logs") struct LogTests {
    /// Whatever the tests before this one did is searched too.
    @Test func noSecretIsLogged() async throws {
        var secrets = ["a-long-password", "whsec_", "a-very-secret-value", "another-password", "nonsense-key"]
        try await Site.open { site, client in
            _ = try await client.send(.get, "/api/v1/account", [.authorization: "Bearer pnl_nonsense-key"])
            _ = try await client.json(.post, "/api/v1/keys", as: site.owner, #"{"label": "x"}"#)
            _ = try await client.json(.post, "/api/v1/webhooks", as: site.owner, #"{"url": "https://a.example/"}"#)
            _ = try await client.json(.post, "/api/v1/webhooks/callback-secret", as: site.owner, "{}")
            _ = try await client.json(
                .post, "/api/v1/programs/everything-more/jobs", as: site.owner,
                #"{"text": "a", "token": "a-very-secret-value"}"#)
            let page = try await client.send(.get, "/sign-in")
            let token = try #require(
                page.text.split(separator: "name=\"_csrf\" value=\"").dropFirst().first?.prefix { $0 != "\"" })
            let cookie = try #require(page.headers[.setCookie]?.prefix { $0 != ";" })
            let form = "name=ana&password=another-password&_csrf=\(token)"
            _ = try await client.send(
                .post, "/sign-in",
                [.contentType: "application/x-www-form-urlencoded", .cookie: String(cookie)],
                body: ByteBuffer(string: form))
            _ = try await client.send(.get, "/jobs", site.owner.browser)
        }
        let site = try await Site()
        for visitor in [site.administrator, site.owner, site.other] {
            secrets += [visitor.key, visitor.cookie, visitor.csrf].filter { !$0.isEmpty }
        }
        await site.close()
        let lines = LogKeeper.lines.withLock { $0 }
        #expect(lines.count > 10)
        #expect(lines.contains { $0.contains("/api/v1/webhooks") })
        let key = /pnl_[0-9a-z]{20}_[0-9a-z]+/
        for line in lines {
            for secret in secrets where line.contains(secret) { Issue.record("\(secret) is in the log: \(line)") }
            #expect(line.firstMatch(of: key) == nil, "\(line)")
        }
    }
}
