import HTTPTypes
import HummingbirdTesting
import NIOCore
import PanalCore
@testable import PanalHTTP
import PanalService
import Testing

/// Every change is in the log with who, what, whence and how it ended, and no secret is.
@Suite("The audit log") struct AuditTests {
    private static func entries(_ site: Site, _ client: any TestClientProtocol) async throws -> [JSONValue] {
        let answer = try await client.send(.get, "/api/v1/audit?limit=200", site.administrator.bearer)
        return try #require(try answer.json["audit"]?.list)
    }

    @Test func changesAndAttemptsAreNoted() async throws {
        try await Site.open { site, client in
            let before = try await Self.entries(site, client).count
            #expect(before == 0)
            _ = try await client.json(.post, "/api/v1/keys", as: site.owner, #"{"label": "x"}"#, [.requestID: "abc"])
            _ = try await client.json(.post, "/api/v1/groups", as: site.other, #"{"name": "mine"}"#)
            _ = try await client.json(.patch, "/api/v1/settings", as: site.administrator, #"{"queueLimit": 9}"#)
            _ = try await client.send(.get, "/api/v1/jobs", site.owner.bearer)
            _ = try await client.json(.post, "/api/v1/keys", as: site.stranger, #"{"label": "x"}"#)
            _ = try await client.json(.post, "/api/v1/programs/everything-more/jobs", as: site.owner, #"{"text": "a"}"#)
            let entries = try await Self.entries(site, client)
            let lines = entries.map { entry in
                [entry["name"]?.text, entry["action"]?.text, entry["target"]?.text].map { $0 ?? "-" }
                    .joined(separator: " ")
                    + " \(entry["status"] == .integer(202) ? "202" : entry["done"] == true ? "done" : "refused")"
            }
            #expect(
                Set(lines) == [
                    "ana createKey /api/v1/keys done", "ben createGroup /api/v1/groups refused",
                    "admin changeSettings /api/v1/settings done",
                    "ana submitJob /api/v1/programs/everything-more/jobs 202",
                ])
            let key = try #require(entries.first { $0["action"] == "createKey" })
            #expect(key["request"] == "abc")
            #expect(key["key"]?.text.map { site.owner.key.contains($0) } == true)
            #expect(entries.first { $0["action"] == "changeSettings" }?["detail"] == "queueLimit=9")
        }
    }

    /// Sign-ins, with the name only where it is somebody's, since people type passwords into the wrong field.
    @Test func signInsAreNoted() async throws {
        try await Site.open { site, client in
            func enter(_ name: String, _ password: String) async throws {
                let form = try await client.send(.get, "/sign-in")
                let cookie = try #require(form.headers[.setCookie]?.split(separator: ";").first.map(String.init))
                let token = try #require(cookie.split(separator: "=").last.map(String.init))
                _ = try await client.send(
                    .post, "/sign-in",
                    [.cookie: cookie, .contentType: "application/x-www-form-urlencoded"],
                    body: ByteBuffer(string: "_csrf=\(token)&name=\(name)&password=\(password)"))
            }
            try await enter("ana", "a-long-password")
            try await enter("ana", "wrong-password-1")
            try await enter("my-password-in-the-name-field", "x")
            let entries = try await Self.entries(site, client)
            #expect(entries.map { $0["name"]?.text ?? "-" } == ["-", "ana", "ana"])
            #expect(entries.map { $0["done"] == true } == [false, false, true])
            let text = try JSONValue.array(entries).serialized()
            let whole = String(decoding: text, as: UTF8.self)
            for secret in ["password", site.owner.cookie, site.owner.csrf] { #expect(!whole.contains(secret)) }
        }
    }

    /// Everything that is secret is sent once, and stands nowhere in the log.
    @Test func secretsAreNotInIt() async throws {
        try await Site.open { site, client in
            var secrets = ["s3cret-of-a-field", "s3cret-of-a-user"]
            let made = try await client.json(.post, "/api/v1/keys", as: site.owner, #"{"label": "x"}"#).json
            let id = try #require(made["id"]?.text)
            secrets.append(try #require(made["secret"]?.text?.split(separator: "_").last.map(String.init)))
            let turned = try await client.json(.post, "/api/v1/keys/\(id)/rotate", as: site.owner, "{}").json
            secrets.append(try #require(turned["secret"]?.text?.split(separator: "_").last.map(String.init)))
            _ = try await client.json(
                .post, "/api/v1/programs/everything-more/jobs", as: site.owner,
                #"{"text": "a", "token": "s3cret-of-a-field"}"#)
            let user = try await client.json(
                .post, "/api/v1/users", as: site.administrator, #"{"name": "eva", "password": "s3cret-of-a-user"}"#
            ).json
            let number = try #require(user["id"]?.text)
            let reset = try await client.json(
                .post, "/api/v1/users/\(number)/password", as: site.administrator, "{}"
            ).json
            secrets.append(try #require(reset["password"]?.text))
            let answer = try await client.send(.get, "/api/v1/audit?limit=200", site.administrator.bearer)
            #expect(try answer.json["audit"]?.list?.count == 5)
            for secret in secrets { #expect(!answer.text.contains(secret)) }
        }
    }
}
