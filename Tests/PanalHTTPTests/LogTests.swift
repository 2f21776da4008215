import Foundation
import HTTPTypes
import HummingbirdTesting
import Logging
import NIOCore
import PanalCore
import PanalHTTP
@testable import PanalService
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

/// The log at its most talkative level, after everything that hands a secret out or takes one in.
@Suite("Logs") struct LogTests {
    /// Secrets as the service makes them and as somebody chooses them.
    private struct Secrets {
        var texts: Set<String> = [
            "a-long-password", "a-very-secret-value", "another-password", "nonsense-key", "s3cret-of-a-user",
            "chosen-by-sign-up", "wrong-old-password", "a-new-long-password",
        ]

        mutating func add(_ text: String?) throws { texts.insert(try #require(text)) }
    }

    /// By the interface, over the router.
    private static func useInterface(_ site: Site, _ client: any TestClientProtocol, _ secrets: inout Secrets)
        async throws
    {
        let (owner, root) = (site.owner, site.administrator)
        _ = try await client.send(.get, "/api/v1/account", [.authorization: "Bearer pnl_nonsense-key"])
        _ = try await client.send(.get, "/api/v1/account", [.authorization: "Basic nonsense-key"])
        let made = try await client.json(.post, "/api/v1/keys", as: owner, #"{"label": "x"}"#).json
        try secrets.add(made["secret"]?.text?.split(separator: "_").last.map(String.init))
        let id = try #require(made["id"]?.text)
        let turned = try await client.json(.post, "/api/v1/keys/\(id)/rotate", as: owner, "{}").json
        try secrets.add(turned["secret"]?.text?.split(separator: "_").last.map(String.init))
        for path in ["/api/v1/webhooks", "/api/v1/webhooks/callback-secret"] {
            let hook = try await client.json(
                .post, path, as: owner, path.hasSuffix("s") ? #"{"url": "https://a.example/"}"# : "{}")
            try secrets.add(try hook.json["secret"]?.text)
        }
        _ = try await client.json(
            .post, "/api/v1/programs/everything-more/jobs", as: owner, #"{"text": "a", "token": "a-very-secret-value"}"#
        )
        // Refused, with the secret beside what is wrong.
        _ = try await client.json(
            .post, "/api/v1/programs/everything-more/jobs", as: owner,
            #"{"text": 1e999, "token": "a-very-secret-value"}"#)
        _ = try await client.json(
            .post, "/api/v1/programs/everything-more/jobs", as: owner, #"{"size": "x", "token": "a-very-secret-value"}"#
        )
        let signedIn = try await client.json(
            .post, "/api/v1/sign-in", as: site.stranger,
            #"{"name": "ana", "password": "a-long-password", "label": "x"}"#)
        try secrets.add(try signedIn.json["secret"]?.text ?? signedIn.json["key"]?.text)
        _ = try await client.json(
            .post, "/api/v1/sign-in", as: site.stranger,
            #"{"name": "ana", "password": "another-password", "label": "x"}"#)
        let user = try await client.json(
            .post, "/api/v1/users", as: root, #"{"name": "eva", "password": "s3cret-of-a-user"}"#
        ).json
        let number = try #require(user["id"]?.text)
        try secrets.add(
            try await client.json(.post, "/api/v1/users/\(number)/password", as: root, "{}").json["password"]?.text)
        try secrets.add(
            try await client.json(.post, "/api/v1/users", as: root, #"{"name": "eve"}"#).json["password"]?.text)
        let invitation = try await client.json(.post, "/api/v1/invitations", as: root, #"{"label": "x"}"#).json
        let token = try #require(invitation["token"]?.text)
        try secrets.add(token)
        for secret in [token, "nonsense-key"] {
            _ = try await client.json(
                .post, "/api/v1/sign-up", as: site.stranger,
                "{\"name\": \"zoe\", \"password\": \"chosen-by-sign-up\", \"invitation\": \"\(secret)\"}")
        }
        for _ in 0..<3 { _ = try await site.job() }
        let cursor = try await client.send(.get, "/api/v1/jobs?limit=2", owner.bearer).json["next"]?.text
        _ = try await client.send(.get, "/api/v1/jobs?limit=2&cursor=\(try #require(cursor))", owner.bearer)
    }

    /// As a browser does it.
    private static func usePages(_ site: Site, _ client: any TestClientProtocol, _ secrets: inout Secrets) async throws
    {
        let page = try await client.send(.get, "/sign-in")
        let token = try #require(
            page.text.split(separator: "name=\"_csrf\" value=\"").dropFirst().first?.prefix { $0 != "\"" })
        let cookie = try #require(page.headers[.setCookie]?.prefix { $0 != ";" })
        for password in ["another-password", "a-long-password"] {
            let answer = try await client.send(
                .post, "/sign-in", [.contentType: "application/x-www-form-urlencoded", .cookie: String(cookie)],
                body: ByteBuffer(string: "name=ben&password=\(password)&_csrf=\(token)"))
            for field in answer.headers[values: .setCookie] where field.contains("panal_session=") {
                try secrets.add(field.split(separator: "=").dropFirst().first?.prefix { $0 != ";" }.description)
            }
        }
        try secrets.add(String(token))
        _ = try await client.send(.get, "/jobs", site.owner.browser)
        _ = try await client.post(
            "/account/password", as: site.owner,
            ["old": "wrong-old-password", "new": "a-new-long-password", "again": "a-new-long-password"])
        _ = try await client.post("/account/keys", as: site.owner, ["label": "x", "scope": "read"])
    }

    /// Whatever the tests before this one did is searched too.
    @Test func noSecretIsLogged() async throws {
        var secrets = Secrets()
        let keeper = Mutex(Secrets())
        try await Site.open { site, client in
            var found = Secrets()
            for visitor in [site.administrator, site.owner, site.other] {
                for secret in [visitor.key, visitor.cookie, visitor.csrf] { try found.add(secret) }
            }
            _ = try await site.panal.changeSettings(
                try #require(site.administrator.principal), ["signUp": "invitation"])
            try await Self.useInterface(site, client, &found)
            try await Self.usePages(site, client, &found)
            // What cursors are signed with, in any form that a log could have it.
            let key = try await site.panal.store.signingKey()
            try found.add(Data(key).base64EncodedString())
            try found.add(key.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined())
            try found.add(key.prefix(8).map(String.init).joined(separator: ", "))
            let all = found
            keeper.withLock { $0 = all }
        }
        secrets.texts.formUnion(keeper.withLock(\.texts))
        // The same over a real connection, where the server's own parts speak too.
        try await Site.listen { site, port in
            for request in [
                "GET /api/v1/account HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(site.owner.key)\r\n\r\n",
                "GET /jobs HTTP/1.1\r\nHost: x\r\nCookie: panal_session=\(site.owner.cookie)\r\n\r\n",
                "GET /api/v1/account HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(site.owner.key)\r\nbroken header\r\n\r\n",
                "POST /api/v1/keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(site.owner.key)\r\n"
                    + "Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{\"label\": \"a-very-secret-value\"",
            ] {
                let connection = try RawConnection(port: port)
                try await connection.send(request)
                connection.halfClose()
                #expect(try await connection.isEnded())
            }
            keeper.withLock { $0.texts.formUnion([site.owner.key, site.owner.cookie, site.owner.csrf]) }
        }
        secrets.texts.formUnion(keeper.withLock(\.texts))
        let lines = LogKeeper.lines.withLock { $0 }
        #expect(lines.count > 10)
        #expect(lines.contains { $0.contains("/api/v1/webhooks") })
        #expect(secrets.texts.count > 25 && secrets.texts.allSatisfy { $0.utf8.count >= 10 }, "\(secrets.texts)")
        let whole = Data(lines.joined(separator: "\n").utf8)
        for secret in secrets.texts.union(["whsec_"]) where Self.places(of: secret, in: whole).first != nil {
            Issue.record("\(secret) is in the log: \(lines.first { $0.contains(secret) } ?? "")")
        }
        // Keys of other tests too, whatever their secrets are.
        for place in Self.places(of: "pnl_", in: whole) {
            let text = String(decoding: whole[place...].prefix(60), as: UTF8.self)
            #expect(text.prefixMatch(of: /pnl_[0-9a-z]{20}_[0-9a-z]+/) == nil, "\(text)")
        }
    }

    private static func places(of text: String, in bytes: Data) -> [Int] {
        var found: [Int] = []
        var rest = bytes.startIndex..<bytes.endIndex
        while let place = bytes.range(of: Data(text.utf8), in: rest) {
            found.append(place.lowerBound)
            rest = place.upperBound..<bytes.endIndex
        }
        return found
    }
}
