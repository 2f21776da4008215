import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import PanalCore
import PanalService
@testable import PanalHTTP
import Testing

/// Pages that say what went wrong, in both languages: each says it, has a way back and the request's number.
@Suite("Pages of what went wrong") struct ErrorPageTests {
    private static let languages = ["en": "en-GB", "es": "es-CO"]

    private func expect(
        _ answer: TestResponse, _ status: HTTPResponse.Status, _ language: String, _ words: [String],
        _ location: SourceLocation = #_sourceLocation
    ) {
        #expect(answer.status == status, sourceLocation: location)
        for word in ["<html lang=\"\(language)\">", "<code>", "class=\"button\" href=\"/\""] + words {
            #expect(answer.text.contains(word), "\(word) in \(answer.text)", sourceLocation: location)
        }
    }

    private func headers(_ visitor: Visitor, _ language: String) -> HTTPFields {
        var headers = visitor.browser
        headers[.acceptLanguage] = Self.languages[language]
        return headers
    }

    private func post(
        _ client: any TestClientProtocol, _ path: String, _ headers: HTTPFields, _ form: String
    ) async throws -> TestResponse {
        var headers = headers
        headers[.contentType] = "application/x-www-form-urlencoded"
        return try await client.send(.post, path, headers, body: ByteBuffer(string: form))
    }

    @Test(arguments: [("en", "Not found", "nothing that you may see"), ("es", "No encontrado", "nada que puedas ver")])
    func whatIsNotThere(language: String, title: String, text: String) async throws {
        try await Site.open { site, client in
            for path in ["/nowhere", "/jobs/00000000000000000000", "/programs/nothing", "/users/x"] {
                let answer = try await client.send(.get, path, headers(site.administrator, language))
                expect(answer, .notFound, language, ["<h1>\(title)</h1>", text])
                #expect(
                    answer.text.contains("href=\"/jobs\"") && answer.text.contains("action=\"/sign-out\""), "\(path)")
            }
            let stranger = try await client.send(.get, "/nowhere", headers(site.stranger, language))
            expect(stranger, .notFound, language, [text])
            #expect(!stranger.text.contains("/sign-out"))
        }
    }

    @Test(arguments: [("en", "Not allowed", "You may not do this."), ("es", "No permitido", "No puedes hacer esto.")])
    func whatIsNotAllowed(language: String, title: String, text: String) async throws {
        try await Site.open { site, client in
            let page = try await client.send(.get, "/users", headers(site.owner, language))
            expect(page, .forbidden, language, ["<h1>\(title)</h1>", text, "lang=\"en\">only administrators"])
            // Another reason is not taken for that one.
            let form = try await post(
                client, "/programs/filter/visibility", headers(site.other, language),
                "_csrf=\(site.other.csrf)&public=false")
            expect(form, .forbidden, language, [text, "only its owner"])
        }
    }

    @Test(
        arguments: [
            ("en", "Too large", "larger than this server takes"),
            ("es", "Demasiado grande", "mayor de lo que este servidor acepta"),
        ])
    func whatIsTooLarge(language: String, title: String, text: String) async throws {
        try await Site.open { site, client in
            let answer = try await post(
                client, "/sign-out", headers(site.owner, language), "_csrf=" + String(repeating: "x", count: 3 << 20))
            expect(answer, .contentTooLarge, language, ["<h1>\(title)</h1>", text])
        }
    }

    @Test(
        arguments: [
            ("en", "Too many for now", "Wait "), ("es", "Demasiadas peticiones por ahora", "vuelve a intentarlo"),
        ])
    func whatIsTooOften(language: String, title: String, text: String) async throws {
        try await Site.open { site, client in
            _ = try await site.panal.changeSettings(
                try #require(site.administrator.principal),
                ["requestsPerMinute": 1, "requestBurst": 1])
            _ = try await client.send(.get, "/jobs", headers(site.owner, language))
            let answer = try await client.send(.get, "/jobs", headers(site.owner, language))
            expect(answer, .tooManyRequests, language, ["<h1>\(title)</h1>", text])
            let wait = try #require(answer.headers[.retryAfter])
            #expect(answer.text.contains("\(wait) s"))
        }
    }

    /// Nothing of the cause is told to whoever asks.
    @Test(arguments: [
        ("en", "Panal failed", "The log has the reason"), ("es", "Panal ha fallado", "El registro tiene la causa"),
    ])
    func whatFails(language: String, title: String, text: String) async throws {
        try await Site.open { site, client in
            let job = try await site.job(Script(output: "hello", files: [("a.txt", Array("a".utf8))]))
            try site.loseFiles()
            let answer = try await client.send(.get, "/jobs/\(job)/files/a.txt", headers(site.owner, language))
            expect(answer, .internalServerError, language, ["<h1>\(title)</h1>", text])
            #expect(!answer.text.contains("blob") && !answer.text.contains("missing"))
        }
    }

    @Test(arguments: [("en", "No room"), ("es", "No hay espacio")])
    func whereTheDiskIsFull(language: String, title: String) throws {
        let problem = try #require(Problem(DiskFull()))
        #expect(problem.kind == "storage-full" && problem.status.code == 507)
        let table = Catalogue(language: try #require(Language(rawValue: language)))
        #expect(table(.noRoomTitle) == title)
    }
}
