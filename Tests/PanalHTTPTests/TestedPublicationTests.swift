import HTTPTypes
import Hummingbird
import HummingbirdTesting
import PanalCore
@testable import PanalHTTP
@testable import PanalService
import Synchronization
import Testing

/// Tests of a manifest as authors meet them: by the interface and on the page.
@Suite struct TestedPublicationTests {
    private static let manifest = """
        {"name": "Probado", "inputs": [], "tests": [{"name": "saluda", "exitCode": 0, "stdout": "hola",
            "outputs": [{"path": "a.txt", "contains": "b"}]}]}
        """

    private static func body(_ token: String? = nil) -> MultipartBody {
        var body = MultipartBody()
        if let token { body.add("_csrf", token) }
        body.add("manifest", manifest)
        body.add("program", fileName: "run.sh", Array("#!/bin/sh\n".utf8))
        return body
    }

    private static func headers(_ headers: HTTPFields) -> HTTPFields {
        var headers = headers
        headers[.contentType] = MultipartBody.contentType[.contentType]
        return headers
    }

    @Test func whatFailsIsTold() async throws {
        try await Site.open { site, client in
            site.executor.script.withLock { $0 = Script(error: "<b>no</b> \u{202E}file\n", outcome: .exited(code: 2)) }
            let answer = try await client.send(
                .post, "/api/v1/programs", Self.headers(site.owner.bearer), body: Self.body().ended)
            #expect(answer.status == .unprocessableContent)
            let problem = try answer.json
            #expect(problem["detail"] == "1 of 1 tests failed; nothing was published")
            #expect(
                problem["errors"] == [
                    [
                        "pointer": "/tests/0/exitCode",
                        "detail":
                            "test ‘saluda’ expected exit code 0, but it ended with exit code 2; its error output ended with: <b>no</b>  file",
                    ]
                ])
            var browser = Self.headers(site.owner.browser)
            browser[.acceptLanguage] = "es"
            let page = try await client.send(
                .post, "/publish", browser, body: Self.body(site.owner.csrf).ended)
            #expect(page.status == .unprocessableContent)
            #expect(page.text.contains("/tests/0/exitCode"))
            #expect(page.text.contains("la prueba ‘saluda’ esperaba el código de salida 0"))
            #expect(page.text.contains("&lt;b&gt;no&lt;/b&gt;") && !page.text.contains("<b>no</b>"))
            let list = try await client.send(.get, "/api/v1/programs", site.owner.bearer)
            #expect(!list.text.contains("probado"))
        }
    }

    @Test func whatPassesSaysSo() async throws {
        try await Site.open { site, client in
            site.executor.script.withLock {
                $0 = Script(output: "hola\n", files: [("a.txt", Array("abc".utf8))])
            }
            let answer = try await client.send(
                .post, "/api/v1/programs", Self.headers(site.owner.bearer), body: Self.body().ended)
            #expect(answer.status == .created, "\(answer.text)")
            #expect(try answer.json["tests"]?["passed"] == .boolean(true))
            let shown = try await client.send(.get, "/api/v1/programs/probado", site.owner.bearer)
            #expect(try shown.json["tests"] == answer.json["tests"])
            #expect(try await client.send(.get, "/programs/probado", site.owner.browser).status == .ok)
        }
    }

    /// What its tests came to later stands on the program's page, in the reader's language and without effect on it.
    @Test func whatFailsLaterIsMarked() async throws {
        try await Site.open { site, client in
            site.executor.script.withLock {
                $0 = Script(output: "hola\n", files: [("a.txt", Array("abc".utf8))])
            }
            let made = try await client.send(
                .post, "/api/v1/programs", Self.headers(site.owner.bearer), body: Self.body().ended)
            let content = try #require(try made.json["sha256"]?.text.flatMap { ContentHash(hex: $0) })
            let failure = Mistake(pointer: "/tests/0", detail: "<i>gone</i>", spanish: "<i>ya no</i>")
            try await site.panal.store.note(
                TestRecord(conditions: content, at: Timestamp(microseconds: 0), failures: [failure]), of: content)
            let shown = try await client.send(.get, "/api/v1/programs/probado", site.owner.bearer)
            #expect(try shown.json["tests"]?["passed"] == .boolean(false))
            #expect(try shown.json["tests"]?["failures"]?.list?.first?["detail"] == "<i>gone</i>")
            var browser = site.owner.browser
            browser[.acceptLanguage] = "es"
            let page = try await client.send(.get, "/programs/probado", browser)
            #expect(page.text.contains("ya no pasa sus propias pruebas"))
            #expect(page.text.contains("&lt;i&gt;ya no&lt;/i&gt;"))
        }
    }

    /// The same part twice is no publication of either.
    @Test(arguments: ["program", "manifest"]) func partsStandOnce(name: String) async throws {
        try await Site.open { site, client in
            let before = site.executor.attempts.withLock(\.count)
            var body = Self.body()
            body.add(name, fileName: "other.sh", Array("#!/bin/sh\necho\n".utf8))
            let answer = try await client.send(
                .post, "/api/v1/programs", Self.headers(site.owner.bearer), body: body.ended)
            #expect([.unprocessableContent, .badRequest].contains(answer.status), "\(answer.text)")
            #expect(answer.text.contains(name))
            #expect(site.executor.attempts.withLock(\.count) == before)
        }
    }
}
