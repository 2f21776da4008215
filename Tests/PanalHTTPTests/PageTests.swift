import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import PanalCore
import PanalManifest
import PanalService
import Synchronization
import Testing

@testable import PanalHTTP

@Suite("The pages") struct PageTests {
    static func multipart(_ visitor: Visitor, _ fields: [(String, String)]) -> (HTTPFields, ByteBuffer) {
        var body = MultipartBody()
        body.add("_csrf", visitor.csrf)
        for (name, value) in fields { body.add(name, value) }
        var headers = visitor.browser
        headers[.contentType] = MultipartBody.contentType[.contentType]
        return (headers, body.ended)
    }

    // MARK: Signing in

    /// The hidden token of a page's first form.
    static func token(of page: String) -> String {
        let rest = page.split(separator: "name=\"_csrf\" value=\"", maxSplits: 1).last ?? ""
        return String(rest.prefix { $0 != "\"" })
    }

    static func signIn(
        _ client: any TestClientProtocol, name: String, password: String, back: String = "/jobs"
    ) async throws -> TestResponse {
        let page = try await client.send(.get, "/sign-in")
        let cookie = try #require(page.headers[.setCookie]?.split(separator: ";").first)
        let form = "_csrf=\(token(of: page.text))&name=\(name)&password=\(password)&return=\(back)"
        return try await client.send(
            .post, "/sign-in", [.cookie: String(cookie), .contentType: "application/x-www-form-urlencoded"],
            body: ByteBuffer(string: form))
    }

    @Test func signingInLeadsBackWithASession() async throws {
        try await Site.open { site, client in
            let answer = try await Self.signIn(client, name: "ana", password: "a-long-password")
            #expect(answer.status == .seeOther && answer.headers[.location] == "/jobs")
            let cookie = try #require(answer.headers[.setCookie])
            for word in ["HttpOnly", "SameSite=Lax", "Path=/"] { #expect(cookie.contains(word)) }
            let session = String(cookie.prefix { $0 != ";" })
            #expect(try await client.send(.get, "/jobs", [.cookie: session]).status == .ok)
        }
    }

    @Test func wrongPasswordsAreToldWithoutSayingWhich() async throws {
        try await Site.open { site, client in
            let wrong = try await Self.signIn(client, name: "ana", password: "wrong")
            let nobody = try await Self.signIn(client, name: "nobody", password: "wrong")
            #expect(wrong.status == .unauthorized && nobody.status == .unauthorized)
            #expect(wrong.headers[.setCookie]?.contains("panal_session") == false)
            let text = { (page: String) in page.split(separator: "role=\"alert\">").last?.prefix { $0 != "<" } }
            #expect(text(wrong.text) == text(nobody.text))
        }
    }

    @Test func cookiesAreSecureBehindTLS() async throws {
        try await Site.open { site, _ in
            let web = try Web(panal: site.panal, configuration: WebConfiguration(secureCookies: true))
            try await web.application(Listener(host: "127.0.0.1", port: 0), logger: .init(label: "test")).test(.router)
            {
                client in
                let answer = try await client.send(.get, "/sign-in")
                #expect(answer.headers[.setCookie]?.hasPrefix("__Host-panal_form=") == true)
                #expect(answer.headers[.setCookie]?.contains("Secure") == true)
                #expect(answer.headers[.strictTransportSecurity] != nil)
            }
        }
    }

    /// The way back after signing in stays on this server, whatever the spelling.
    @Test(arguments: [
        ("/jobs?state=queued", "/jobs?state=queued"), ("https://evil.example/", "/"), ("//evil.example", "/"),
        ("/\\evil.example", "/"), ("\\\\evil.example", "/"), ("/%09/evil.example", "/%09/evil.example"),
        ("/\t/evil.example", "/"), ("javascript:alert(1)", "/"), ("/sign-out", "/"), ("", "/"), ("jobs", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"), ("/ñ", "/"),
    ]) func theWayBackStaysHere(given: String, expected: String) async throws {
        #expect(HeaderValues.localPath(given) == expected)
        try await Site.open { site, client in
            let back = given.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
            let answer = try await Self.signIn(client, name: "ana", password: "a-long-password", back: back)
            #expect(answer.headers[.location] == expected)
        }
    }

    @Test func strangersAreSentToSignInAndBack() async throws {
        try await Site.open { site, client in
            let answer = try await client.send(.get, "/jobs?state=queued")
            #expect(answer.headers[.location] == "/sign-in?return=/jobs%3Fstate%3Dqueued")
            let page = try await client.send(.get, try #require(answer.headers[.location]))
            #expect(page.text.contains("name=\"return\" value=\"/jobs?state=queued\""))
        }
    }

    // MARK: The generated form

    @Test func everyKindOfInputHasItsControl() async throws {
        try await Site.open { site, client in
            let page = try await client.send(.get, "/programs/everything-more", site.owner.browser).text
            for part in [
                "type=\"text\" required maxlength=\"20\"", "type=\"number\" value=\"3\" min=\"1\" max=\"9\" step=\"1\"",
                "step=\"any\"", "type=\"checkbox\" value=\"true\"", "<option value=\"soft\" selected>",
                "type=\"date\"", "type=\"time\"", "type=\"email\"", "type=\"url\"", "type=\"color\" value=\"#1e90ff\"",
                "<textarea id=\"field-data\" name=\"data\"", "type=\"password\"",
                "Everything &amp; &lt;more&gt;",
            ] { #expect(page.contains(part), "\(part)") }
            // The profile that does not fit cannot be chosen, and says why; the manifest's is chosen.
            #expect(page.contains("value=\"xlarge\" disabled"))
            #expect(page.contains("Needs 6 cores; this machine has 2."))
            #expect(page.contains("value=\"medium\" checked"))
            // The seed's labels stand as they are.
            let filter = try await client.send(.get, "/programs/filter", site.other.browser).text
            #expect(filter.contains(">imagen de entrada") && filter.contains(">tamaño de filtro"))
            #expect(filter.contains("enctype=\"multipart/form-data\"") && filter.contains("name=\"tamano_de_filtro\""))
        }
    }

    @Test func mistakesStandAtTheirFieldsAndValuesAreKept() async throws {
        try await Site.open { site, client in
            let (headers, body) = Self.multipart(
                site.owner,
                [
                    ("text", "kept \"text\""), ("size", "77"), ("ratio", "x"), ("fast", "true"), ("mode", "hard"),
                    ("token", "hush"), ("_profile", "small"),
                ])
            let answer = try await client.send(.post, "/programs/everything-more", headers, body: body)
            #expect(answer.status == .unprocessableContent)
            let page = answer.text
            #expect(page.contains("value=\"kept &quot;text&quot;\""))
            #expect(page.contains("value=\"77\"") && page.contains("id=\"field-size-mistake\""))
            #expect(page.contains("aria-invalid=\"true\""))
            #expect(page.contains("<option value=\"hard\" selected>"))
            #expect(page.contains("value=\"true\" checked"))
            #expect(page.contains("value=\"small\" checked"))
            #expect(page.contains("href=\"#field-ratio\""))
            // A secret is never sent back.
            #expect(!page.contains("hush"))
        }
    }

    @Test func aRightFormRunsTheProgram() async throws {
        try await Site.open { site, client in
            let (headers, body) = Self.multipart(
                site.owner,
                [
                    ("text", "a"), ("size", ""), ("ratio", ""), ("mode", "hard"), ("day", ""), ("data", "{\r\n}"),
                    ("_profile", "small"), ("_version", "1"),
                ])
            let answer = try await client.send(.post, "/programs/everything-more", headers, body: body)
            #expect(answer.status == .seeOther, "\(answer.text)")
            let location = try #require(answer.headers[.location])
            #expect(location.hasPrefix("/jobs/"))
            let id = try #require(JobID(String(location.dropFirst(6))))
            let job = try await site.panal.wait(
                try #require(site.owner.principal), job: id, atMost: .seconds(20))
            #expect(job.profile == "small" && job.state == .finished)
        }
    }

    /// What a browser's form means, field by field.
    @Test func emptyFieldsAreLeftOut() throws {
        let manifest = try Manifest(
            parsing: Data(
                #"""
                {"name": "m", "inputs": [
                  {"name": "a", "type": "text", "optional": true}, {"name": "b", "type": "text", "default": "x"},
                  {"name": "c", "type": "boolean", "default": true}, {"name": "d", "type": "text", "list": true},
                  {"name": "e", "type": "integer", "default": 2}, {"name": "f", "type": "text"}]}
                """#.utf8))
        let meant = manifest.meant(
            by: Submission(values: [
                "a": [.text("")], "b": [.text("")], "d": [.text("1\r\n\r\n2\r\n")], "e": [.text("")],
                "f": [.text("x\r\ny")],
            ])
        ).values
        #expect(meant["a"] == nil)
        // Somebody emptied a text that had a default: empty is what they mean.
        #expect(meant["b"] == [.text("")])
        // A box that is not ticked is sent as nothing, and means no.
        #expect(meant["c"] == [.text("false")])
        #expect(meant["d"] == [.text("1"), .text("2")])
        #expect(meant["e"] == nil)
        #expect(meant["f"] == [.text("x\ny")])
    }

    @Test func publishingFromThePageKeepsTheManifest() async throws {
        try await Site.open { site, client in
            var body = MultipartBody()
            body.add("_csrf", site.owner.csrf)
            body.add("manifest", #"{"name": "x", "inputs": [{"name": "a", "type": "pear"}]}"#)
            body.add("program", fileName: "run.sh", Array("#!/bin/sh\n".utf8))
            var headers = site.owner.browser
            headers[.contentType] = MultipartBody.contentType[.contentType]
            let refused = try await client.send(.post, "/publish", headers, body: body.ended)
            #expect(refused.status == .unprocessableContent, "\(refused.text)")
            #expect(refused.text.contains("&quot;pear&quot;") && refused.text.contains("/inputs/0/type"))
            // No file is taken from a form without the session's token.
            var forged = MultipartBody()
            forged.add("program", fileName: "run.sh", Array("#!/bin/sh\n".utf8))
            forged.add("_csrf", site.owner.csrf)
            #expect(try await client.send(.post, "/publish", headers, body: forged.ended).status == .forbidden)
        }
    }

    // MARK: Hostile words

    static let hostile = "\"><script>alert(1)</script><b onx='\u{301}"

    @Test func labelsAndOutputsAreEscaped() async throws {
        try await Site.open { site, client in
            // A combining mark after a quotation mark makes one character of both.
            let label = "\"\u{301} autofocus onfocus=alert(1) x=\"'><script>alert(1)</script>"
            let quoted = String(
                decoding: try JSONValue.string(label).serialized(), as: UTF8.self)
            let manifest = """
                {"name": \(quoted), "description": \(quoted),
                 "inputs": [{"name": \(quoted), "id": "a", "type": "text", "default": \(quoted),
                             "description": \(quoted)}]}
                """
            let owner = try #require(site.owner.principal)
            let entry = try await site.publish(manifest, isPublic: true, as: owner)
            site.executor.script.withLock {
                $0 = Script(
                    output: Self.hostile, error: Self.hostile,
                    files: [
                        ("\(Self.hostile.replacing("/", with: "_")).txt", Array(Self.hostile.utf8)),
                        ("t.csv", Array("a,\(Self.hostile)\n".utf8)),
                    ])
            }
            let job = try await site.panal.submit(
                owner, program: entry.program.name, submission: Submission(values: ["a": [.text(label)]]))
            _ = try await site.panal.wait(owner, job: job.id, atMost: .seconds(20))
            for uri in [
                "/programs", "/programs/\(entry.program.name)", "/jobs", "/jobs/\(job.id)", "/jobs/\(job.id)/live",
                "/jobs?program=\(Self.hostile.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")",
            ] {
                let page = try await client.send(.get, uri, site.owner.browser)
                #expect(page.status == .ok)
                let scalars = Array(page.text.unicodeScalars)
                #expect(!page.text.contains("<script>alert"), "\(uri)")
                #expect(!page.text.contains("<b onx"), "\(uri)")
                // No quotation mark with a combining mark is left in any attribute or text.
                for (left, right) in zip(scalars, scalars.dropFirst()) where right == "\u{301}" {
                    #expect(left != "\"" && left != "'" && left != "<", "\(uri)")
                }
            }
        }
    }

    @Test func pagesAllowNothingButTheirOwn() async throws {
        try await Site.open { site, client in
            for uri in ["/sign-in", "/programs", "/programs/filter", "/jobs", "/account"] {
                let page = try await client.send(.get, uri, site.owner.browser)
                let policy = try #require(page.headers[.contentSecurityPolicy])
                #expect(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"))
                #expect(!policy.contains("unsafe"))
                #expect(page.headers[.xContentTypeOptions] == "nosniff")
                #expect(page.headers[.cacheControl] == "no-store")
                for inline in [" style=", "<style", "<script>", " onclick=", "http://", "https://"] {
                    // The snippet names this server, as text.
                    let text = page.text.replacing("http://localhost/api", with: "")
                    #expect(!text.contains(inline), "\(uri) \(inline)")
                }
            }
        }
    }

    // MARK: Jobs

    @Test func aFinishedJobShowsWhatItMade() async throws {
        try await Site.open { site, client in
            let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0]
            let job = try await site.job(
                Script(
                    output: "the output", error: "the error",
                    files: [
                        ("out.png", png), ("noname", png), ("v.svg", Array("<svg/>".utf8)),
                        ("s.wav", Array("RIFF".utf8)),
                        ("n.txt", Array("note".utf8)), ("t.csv", Array("h;\"x;y\"\n1;2\n".utf8)), ("b.bin", [0, 1, 2]),
                    ]))
            let page = try await client.send(.get, "/jobs/\(job)", site.owner.browser).text
            for part in [
                "<img src=\"/jobs/\(job)/files/out.png\"", "<img src=\"/jobs/\(job)/files/noname\"",
                "<img src=\"/jobs/\(job)/files/v.svg\"",
                "<audio controls preload=\"metadata\" src=\"/jobs/\(job)/files/s.wav\"",
                "<code>note</code>", "<td>x;y</td>", "b.bin", "the output", "the error", "The program ended well.",
                "1.5 s", "/jobs/\(job)/files/b.bin?download=true",
            ] { #expect(page.contains(part), "\(part)") }
            // Nothing changes any more, so nothing asks again.
            #expect(!page.contains("job.js") && !page.contains("http-equiv"))
        }
    }

    @Test func aRunningJobKeepsItselfCurrent() async throws {
        try await Site.open { site, client in
            let job = try await site.job(Script(isEndless: true))
            let page = try await client.send(.get, "/jobs/\(job)", site.owner.browser).text
            #expect(page.contains("/assets/job.js") && page.contains("data-live=\"/jobs/\(job)/live\""))
            #expect(page.contains("<noscript><meta http-equiv=\"refresh\""))
            #expect(page.contains("action=\"/jobs/\(job)/cancel\""))
            let live = try await client.send(.get, "/jobs/\(job)/live", site.owner.browser)
            #expect(live.headers[HTTPField.Name("X-Panal-Final")!] == "false")
            var headers = site.owner.browser
            headers[.ifNoneMatch] = live.headers[.eTag]
            let again = try await client.send(.get, "/jobs/\(job)/live", headers)
            #expect([200, 304].contains(again.status.code))
            #expect(try await client.post("/jobs/\(job)/cancel", as: site.owner).status == .seeOther)
            let principal = try #require(site.owner.principal)
            #expect(try await site.panal.wait(principal, job: job, atMost: .seconds(20)).state == .cancelled)
        }
    }

    @Test func keysAreShownOnce() async throws {
        try await Site.open { site, client in
            let made = try await client.post(
                "/account/keys", as: site.owner, ["label": "my laptop", "days": "30", "scope": "read jobs"])
            #expect(made.status == .created)
            let key = try #require(made.text.split(separator: "<code class=\"secret\">").last?.prefix { $0 != "<" })
            #expect(key.hasPrefix("pnl_"))
            let account = try await client.send(.get, "/api/v1/account", [.authorization: "Bearer \(key)"])
            #expect(try account.json["name"]?.text == "ana")
            let later = try await client.send(.get, "/account", site.owner.browser).text
            #expect(later.contains("my laptop") && !later.contains(key))
        }
    }

    @Test func changingThePasswordEndsTheSession() async throws {
        try await Site.open { site, client in
            let fields = ["old": "a-long-password", "new": "a-new-long-password", "again": "a-new-long-password"]
            let answer = try await client.post("/account/password", as: site.owner, fields)
            #expect(answer.headers[.location] == "/sign-in")
            #expect(try await client.send(.get, "/jobs", site.owner.browser).status == .seeOther)
            let entered = try await Self.signIn(client, name: "ana", password: "a-new-long-password")
            #expect(entered.status == .seeOther)
        }
    }

    // MARK: Languages

    @Test(arguments: [
        ("es", Language.spanish), ("es-CO,es;q=0.9,en;q=0.8", .spanish), ("en-GB,es;q=0.9", .english),
        ("fr,es;q=0.5", .spanish),
        ("fr", .english), ("", .english), ("en;q=0.1, es;q=0.2", .spanish), ("es;q=0", .english), ("*", .english),
        ("ES", .spanish), (";;;q=,,", .english),
    ]) func theBrowsersLanguageIsSpoken(header: String, expected: Language) {
        #expect(Language(accepting: header) == expected)
    }

    @Test func pagesSpeakBothLanguages() async throws {
        try await Site.open { site, client in
            let spanish = try await client.send(.get, "/sign-in", [.acceptLanguage: "es-CO"])
            #expect(spanish.text.contains("<html lang=\"es\">") && spanish.text.contains("Contraseña"))
            let english = try await client.send(.get, "/sign-in", [.acceptLanguage: "en"])
            #expect(english.text.contains("<html lang=\"en\">") && english.text.contains("Password"))
        }
    }

    @Test func bothTablesHaveEveryPhrase() {
        for phrase in Phrase.allCases {
            for (table, language) in [(spanishPhrases, "Spanish"), (englishPhrases, "English")] {
                #expect(table[phrase]?.isEmpty == false, "\(phrase) in \(language)")
            }
            let holes = { (text: String?) in ["%1", "%2"].map { text?.contains($0) } }
            #expect(holes(spanishPhrases[phrase]) == holes(englishPhrases[phrase]), "\(phrase)")
        }
    }

    @Test func templatesNameOnlyPhrasesThatThereAre() {
        for (name, text) in Templates.texts {
            for part in text.split(separator: "{{t.").dropFirst() {
                let phrase = String(part.prefix { $0 != "}" })
                #expect(Phrase(rawValue: phrase) != nil, "\(phrase) in \(name)")
            }
        }
    }
}
