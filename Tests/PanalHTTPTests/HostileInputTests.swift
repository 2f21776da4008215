import Foundation
import HTTPTypes
import HummingbirdTesting
import NIOCore
import PanalCore
@testable import PanalHTTP
import PanalService
import Synchronization
import Testing

/// Bodies, queries, paths and headers that nobody sends by mistake. Whatever route gets them refuses them in words, and the process that
/// serves everybody goes on: in Swift a sum that overflows or an index that is out of range would end it.
@Suite("Hostile input") struct HostileInputTests {
    /// A text again and again: lists of many such lines are quicker to compile without operators in them.
    static func many(_ text: String, _ count: Int, before: String = "", after: String = "") -> String {
        before + String(repeating: text, count: count) + after
    }

    struct Shape: Sendable {
        var name: String
        var bytes: [UInt8]

        init(_ name: String, _ text: String) { (self.name, bytes) = (name, Array(text.utf8)) }
        init(_ name: String, bytes: [UInt8]) { (self.name, self.bytes) = (name, bytes) }

        /// `{"<member>": "<bytes>"}`
        static func text(_ name: String, _ bytes: [UInt8]) -> Shape {
            var all = Array(#"{"a": ""#.utf8)
            all += bytes
            all += Array(#""}"#.utf8)
            return Shape(name, bytes: all)
        }
    }

    /// None of these is a JSON object in UTF-8.
    static let noObjects: [Shape] = [
        Shape("nothing", ""), Shape("null", "null"), Shape("a list", "[]"), Shape("a text", #""{}""#),
        Shape("lists in lists", String(repeating: "[", count: 100_000)),
        Shape("closed lists in lists", many("[", 50_000, after: many("]", 50_000))),
        Shape("objects in objects", String(repeating: #"{"a":"#, count: 100_000)),
        Shape("lists and objects", String(repeating: #"[{"a":"#, count: 50_000)),
        Shape("deep below a member", many("[", 100_000, before: #"{"a": "#)),
        Shape("twice the same key", #"{"a": 1, "a": 2}"#),
        Shape("twice the same key, one escaped", #"{"a": 1, "\u0061": 2}"#),
        Shape("a number beyond all", #"{"a": 1e999}"#), Shape("below all", #"{"a": -1e999}"#),
        Shape("a number of 400 digits", #"{"a": 1\#(String(repeating: "0", count: 400))}"#),
        Shape("a number of half a million digits", #"{"a": \#(String(repeating: "9", count: 500_000))}"#),
        Shape("an exponent without end", #"{"a": 1e\#(String(repeating: "9", count: 500_000))}"#),
        Shape("no number", #"{"a": NaN}"#), Shape("infinity", #"{"a": Infinity}"#), Shape("octal", #"{"a": 010}"#),
        Shape("hexadecimal", #"{"a": 0x10}"#), Shape("half a pair", #"{"a": "\ud800"}"#),
        Shape("the other half", #"{"a": "\udc00"}"#), Shape("halves turned round", #"{"a": "\udc00\ud800"}"#),
        Shape("half a pair as key", #"{"\ud800": 1}"#), .text("no UTF-8", [0xFF, 0xFE]),
        .text("an overlong NUL", [0xC0, 0x80]), .text("an overlong slash", [0xE0, 0x80, 0xAF]),
        .text("an overlong dot", [0xF0, 0x80, 0x80, 0xAE]), .text("a surrogate in UTF-8", [0xED, 0xA0, 0x80]),
        .text("beyond Unicode", [0xF4, 0x90, 0x80, 0x80]), .text("half a character", [0xE2, 0x82]),
        .text("a continuation alone", [0x80]), .text("a raw NUL", [0]), .text("a raw line end", [10]),
        Shape("UTF-16", bytes: [0xFF, 0xFE, 0x7B, 0, 0x7D, 0]),
        Shape("NUL behind it", bytes: [0x7B, 0x7D, 0]), Shape("two documents", "{}{}"),
        Shape("a comment", "{/* */}"), Shape("a comma too many", #"{"a": 1,}"#), Shape("single quotes", "{'a': 1}"),
    ]

    static func expectProblem(_ answer: TestResponse, _ what: String) {
        #expect((400..<500).contains(answer.status.code), "\(what): \(answer.status) \(answer.text.prefix(300))")
        #expect(answer.headers[.contentType] == "application/problem+json", "\(what)")
        #expect((try? answer.json["detail"]?.text?.isEmpty) == false, "\(what)")
        // Whoever sends a megabyte of mistakes does not get a hundred back.
        #expect(answer.body.readableBytes < 512 << 10, "\(what): \(answer.body.readableBytes)")
    }

    static func visitor(of route: Route, _ site: Site) -> Visitor {
        route.access == .administratorInterface ? site.administrator : site.owner
    }

    /// Routes that take JSON, with an address each.
    static func takers(_ site: Site) async throws -> [(route: Route, uri: String)] {
        var found: [(route: Route, uri: String)] = []
        for route in site.web.routes
        where route.operation?.body?.contains(where: { $0.type == "application/json" }) == true {
            let row = try #require(
                AuthorisationTests.rows.first { $0.route == "\(route.method.rawValue) \(route.path)" })
            found.append((route, try await row.uri(site)))
        }
        return found
    }

    @Test func whatIsNoObjectIsRefusedEverywhere() async throws {
        try await Site.open { site, client in
            let takers = try await Self.takers(site)
            #expect(takers.count >= 15)
            for (route, uri) in takers {
                var headers = Self.visitor(of: route, site).bearer
                headers[.contentType] = "application/json"
                for shape in Self.noObjects {
                    let answer = try await client.send(route.method, uri, headers, body: ByteBuffer(bytes: shape.bytes))
                    Self.expectProblem(answer, "\(route.method.rawValue) \(route.path), \(shape.name)")
                    #expect([400, 401, 403, 422].contains(answer.status.code), "\(route.path), \(shape.name)")
                }
            }
        }
    }

    /// As JSON.
    static let values: [(name: String, json: String)] = [
        ("the largest number", "9223372036854775807"), ("the smallest", "-9223372036854775808"),
        ("one more than the largest", "9223372036854775808"), ("zero", "0"), ("minus one", "-1"), ("minus zero", "-0"),
        ("a half", "0.5"), ("huge", "1e308"), ("hugely negative", "-1e308"), ("tiny", "1e-320"),
        ("one as a float", "1.0"),
        ("beyond 2⁵³", "9007199254740993"), ("a number of Int's limit as float", "9.223372036854775807e18"),
        ("an empty text", #""""#), ("blanks", #""   ""#), ("NUL", #""\u0000""#), ("line ends", #""\r\nX: y""#),
        ("turned round", #""\u202e""#), ("an address", #""../../../../etc/passwd""#), ("a template", #""{{{x}}}""#),
        ("a shell", #""$(reboot);`x`'\"--""#), ("SQL", #""' OR 1=1 --""#),
        ("a long text", many("x", 100_000, before: "\"", after: "\"")),
        ("one character of many scalars", many("\u{301}", 50_000, before: "\"e", after: "\"")),
        ("many characters", many("👩‍👩‍👧‍👦", 2_000, before: "\"", after: "\"")),
        ("an amount", #""99999999999999999999999.999999""#), ("a negative amount", #""-1""#),
        ("true", "true"), ("null", "null"), ("an object", #"{"a": {"b": []}}"#), ("an empty object", "{}"),
        ("an empty list", "[]"), ("a list of nothing", "[null]"), ("a list of everything", #"[1, "a", {}, [], null]"#),
        ("a long list", many("0,", 20_000, before: "[", after: "0]")),
        ("a long list of texts", many("\"read\",", 10_000, before: "[", after: "\"read\"]")),
        ("deep", many("[", 29, after: many("]", 29))),
    ]

    /// Each member of each body in turn: taken or refused in words, and the service goes on.
    @Test func everyMemberBearsEveryValue() async throws {
        try await Site.open { site, client in
            var asked = 0
            for (route, _) in try await Self.takers(site) {
                let row = try #require(
                    AuthorisationTests.rows.first { $0.route == "\(route.method.rawValue) \(route.path)" })
                guard case .json(let text) = row.body, case .object(let good) = try JSONValue(parsing: Data(text.utf8)),
                    let schema = route.operation?.body?.first(where: { $0.type == "application/json" })?.schema
                else { continue }
                var members = Set(good.keys)
                if case .object(let properties)? = schema.json["properties"] { members.formUnion(properties.keys) }
                var headers = Self.visitor(of: route, site).bearer
                headers[.contentType] = "application/json"
                for member in members.sorted() {
                    for value in Self.values {
                        let others = try good.filter { $0.key != member }.map {
                            "\(String(decoding: try JSONValue.string($0.key).serialized(), as: UTF8.self)): "
                                + String(decoding: try $0.value.serialized(), as: UTF8.self)
                        }
                        let body = "{" + (others + ["\"\(member)\": \(value.json)"]).joined(separator: ", ") + "}"
                        let uri = try await row.uri(site)
                        let answer = try await client.send(
                            route.method, uri, headers, body: ByteBuffer(string: body))
                        asked += 1
                        let what = "\(route.method.rawValue) \(route.path), \(member): \(value.name)"
                        #expect(answer.status.code < 500, "\(what): \(answer.text.prefix(300))")
                        if answer.status.code >= 400 { Self.expectProblem(answer, what) }
                    }
                }
            }
            #expect(asked > 1_000)
            #expect(try await client.send(.get, "/healthz").status == .ok)
        }
    }

    /// A setting that is taken is one that the service can live with.
    @Test func everySettingBearsEveryValue() async throws {
        try await Site.open { site, client in
            let settings = try site.panal.settings(try #require(site.administrator.principal)).map(\.rule.name)
            #expect(settings.count > 5)
            for name in settings {
                for value in Self.values {
                    let answer = try await client.json(
                        .patch, "/api/v1/settings", as: site.administrator, "{\"\(name)\": \(value.json)}")
                    let what = "\(name), \(value.name)"
                    #expect(answer.status.code < 500, "\(what): \(answer.text.prefix(300))")
                    guard answer.status == .ok else {
                        Self.expectProblem(answer, what)
                        continue
                    }
                    // With it, people still sign in and jobs are still taken or refused in words.
                    _ = try await site.panal.signIn(name: "ben", password: "a-long-password", from: "test \(asked())")
                    let job = try await client.json(
                        .post, "/api/v1/programs/everything-more/jobs", as: site.owner, #"{"text": "a"}"#)
                    #expect(job.status.code < 500, "\(what): \(job.text)")
                    let back = try await client.json(
                        .patch, "/api/v1/settings", as: site.administrator, "{\"\(name)\": null}")
                    #expect(back.status.code < 500)
                    _ = try await site.panal.changeSettings(
                        try #require(site.administrator.principal), [name: JSONValue?.none])
                }
            }
        }
    }

    private func asked() -> UInt64 { UInt64.random(in: 0 ... .max) }

    /// Percent-encoded, as they stand in an address.
    static let encoded: [String] = [
        "9223372036854775807", "-9223372036854775808", "9223372036854775808", "99999999999999999999", "-1", "0", "1e9",
        "%00", "%FF%FE", "%C0%80", "%C0%AE%C0%AE", "%ED%A0%80", "%F4%90%80%80", "%E2%82", "%", "%z", "%2", "%2F", "%5C",
        "..", "..%2F..%2Fetc%2Fpasswd", "....%2F%2F", "%2e%2e%2f", "%252e%252e", "a%0D%0AX%3A%20y", "%F0%9F%98%80", "+",
        "*",
        "'", "%22", "%3Cscript%3E", "null", "undefined", "true", "[]", "%7B%7D", String(repeating: "a", count: 8_000),
        String(repeating: "%C3%A9", count: 2_000), "2026-13", "0000-00", "99999999-01", "-2026-11",
    ]

    @Test func everyParameterOfAQueryBearsEveryText() async throws {
        try await Site.open { site, client in
            var asked = 0
            for route in site.web.routes where route.access.isInterface && route.method == .get {
                guard let operation = route.operation,
                    let row = AuthorisationTests.rows.first(where: { $0.route == "GET \(route.path)" })
                else { continue }
                let uri = try await row.uri(site)
                for parameter in operation.parameters where parameter.place == .query {
                    for text in Self.encoded {
                        for query in ["\(parameter.name)=\(text)", "\(parameter.name)=\(text)&\(parameter.name)=x"] {
                            let answer = try await client.send(
                                .get, "\(uri)?\(query)", Self.visitor(of: route, site).bearer)
                            asked += 1
                            let what = "\(route.path)?\(query.prefix(80))"
                            #expect(answer.status.code < 500, "\(what): \(answer.text.prefix(300))")
                            if answer.status.code >= 400 { Self.expectProblem(answer, what) }
                        }
                    }
                }
            }
            #expect(asked > 1_000)
        }
    }

    /// Also with methods that change something. What is found by such a name is nobody's file.
    @Test func everyPartOfAPathBearsEveryText() async throws {
        try await Site.open { site, client in
            for route in site.web.routes where route.access.isInterface && route.path.contains("{") {
                let rest = try await site.job(Script(files: [("a.txt", Array("x".utf8))]))
                for text in Self.encoded where text != "0" {
                    let parts = route.path.split(separator: "/").map { part -> String in
                        if part == "**" { return text }
                        guard part.hasPrefix("{") else { return String(part) }
                        return route.path.hasSuffix("**") ? rest.text : text
                    }
                    let uri = "/" + parts.joined(separator: "/")
                    var headers = site.administrator.bearer
                    headers[.contentType] = "application/json"
                    headers[.tusResumable] = "1.0.0"
                    let answer = try await client.send(
                        route.method, uri, headers, body: route.method == .get ? nil : ByteBuffer(string: "{}"))
                    #expect(
                        (400..<500).contains(answer.status.code),
                        "\(route.method.rawValue) \(uri.prefix(100)): \(answer.status) \(answer.text.prefix(200))")
                }
            }
        }
    }

    @Test func headersBearEverything() async throws {
        try await Site.open { site, client in
            let job = try await site.job(Script(output: "hello\n", files: [("a.txt", Array("0123456789".utf8))]))
            let ranges = (0..<2_000).map { "\($0)-\($0)" }.joined(separator: ",")
            let huge = String(repeating: "9", count: 400)
            let bombs: [(String, String)] = [
                ("Range", "bytes=\(ranges)"), ("Range", "bytes=0-\(huge)"), ("Range", "bytes=\(huge)-"),
                ("Range", "bytes=-\(huge)"), ("Range", "bytes=9223372036854775807-9223372036854775807"),
                ("Range", "bytes=-9223372036854775807"), ("Range", "bytes=-0"), ("Range", "bytes=5-2"),
                ("Range", "bytes=--1"), ("Range", Self.many("-", 9_000, before: "bytes=")),
                ("Range", "lines=1-2"),
                ("Accept", String(repeating: "a/b;q=0.1,", count: 1_500)),
                ("Accept", String(repeating: ";", count: 15_000)),
                ("Accept", Self.many(",*/*", 3_000, before: "text/event-stream")),
                ("Accept-Language", String(repeating: "es-MX;q=0.00001,", count: 900)),
                ("Accept-Language", "en;q=\(huge)"), ("Accept-Language", "en;q=nan"),
                ("If-None-Match", String(repeating: "\"a\",", count: 4_000)),
                ("If-Match", String(repeating: ",", count: 15_000)),
                ("If-Range", String(repeating: "\"", count: 15_000)), ("Prefer", "wait=\(huge)"), ("Prefer", "wait=-1"),
                ("Prefer", "wait=9223372036854775807"), ("Prefer", String(repeating: "wait=0,", count: 2_000)),
                ("Prefer", Self.many("a=b;", 3_000, before: "wait=0;")),
                ("Want-Repr-Digest", "sha-256=\(huge)"),
                ("traceparent", Self.many("f", 10_000, before: "00-")),
                ("traceparent", "00-\(huge)-\(huge)-01"),
                ("X-Request-Id", String(repeating: "x", count: 10_000)), ("X-Request-Id", "../../x"),
                ("Cookie", String(repeating: "a=b; ", count: 3_000)), ("Cookie", "panal_session=\(huge)"),
                ("Content-Type", String(repeating: "a/", count: 7_000)),
                ("Content-Type", Self.many("=", 9_000, before: "multipart/form-data; boundary=")),
                ("Idempotency-Key", String(repeating: "\"", count: 300)), ("Last-Event-ID", "9223372036854775807"),
                ("Upload-Length", huge), ("Upload-Offset", "-9223372036854775808"),
                ("Upload-Metadata", String(repeating: "a ,", count: 5_000)),
                ("Sec-Fetch-Site", String(repeating: "x", count: 9_000)),
                ("Expect", "200-maybe"), ("Accept-Encoding", String(repeating: "gzip;q=0,", count: 1_500)),
            ]
            for (name, value) in bombs {
                for path in [
                    "/api/v1/jobs/\(job)", "/api/v1/jobs/\(job)/stdout", "/api/v1/jobs/\(job)/files/a.txt",
                    "/api/v1/jobs", "/jobs",
                    "/openapi.json",
                ] {
                    for method in [HTTPRequest.Method.get, .head] {
                        var headers = path.hasPrefix("/api") ? site.owner.bearer : site.owner.browser
                        headers[try #require(HTTPField.Name(name))] = value
                        let answer = try await client.send(method, path, headers)
                        #expect(answer.status.code < 500, "\(method) \(path) \(name): \(value.prefix(60))")
                        // One range at most, however many are asked for.
                        #expect(answer.body.readableBytes < 2 << 20)
                    }
                }
                var headers = site.owner.bearer
                headers[.contentType] = "application/json"
                headers[.tusResumable] = "1.0.0"
                headers[try #require(HTTPField.Name(name))] = value
                for path in ["/api/v1/programs/everything-more/jobs?dryRun=true", "/api/v1/uploads"] {
                    let answer = try await client.send(
                        .post, path, headers, body: ByteBuffer(string: #"{"text": "a"}"#))
                    #expect(answer.status.code < 500, "\(path) \(name): \(answer.text.prefix(200))")
                }
            }
        }
    }

    /// A program's manifest comes as a text in a form, and a field may hold a document.
    @Test func documentsInFormsAreHeldToTheSame() async throws {
        try await Site.open { site, client in
            for shape in Self.noObjects where shape.name != "nothing" {
                var body = MultipartBody()
                body.add("manifest", fileName: "manifest.json", shape.bytes)
                body.add("program", fileName: "run.sh", Array("#!/bin/sh\n".utf8))
                var headers = site.owner.bearer
                headers[.contentType] = MultipartBody.contentType[.contentType]
                let answer = try await client.send(.post, "/api/v1/programs", headers, body: body.ended)
                Self.expectProblem(answer, "a manifest, \(shape.name)")
            }
            for deep in [String(repeating: "[", count: 100_000), #"{"a":"# + String(repeating: "[", count: 90_000)] {
                var body = MultipartBody()
                body.add("text", "a")
                body.add("data", deep)
                var headers = site.owner.bearer
                headers[.contentType] = MultipartBody.contentType[.contentType]
                let answer = try await client.send(
                    .post, "/api/v1/programs/everything-more/jobs", headers, body: body.ended)
                Self.expectProblem(answer, "a field of JSON")
            }
            // In a batch, the one that is wrong.
            let submissions =
                "{\"submissions\": [{\"text\": \"a\"}, {\"text\": \"a\", \"data\": \(String(repeating: "[", count: 100_000))"
            let batch = try await client.json(
                .post, "/api/v1/programs/everything-more/batches", as: site.owner, submissions)
            Self.expectProblem(batch, "a batch")
            #expect(site.executor.attempts.withLock { $0.isEmpty })
        }
    }

    /// More mistakes than anybody reads.
    @Test func aHundredThousandMistakesAreAnsweredShortly() async throws {
        try await Site.open { site, client in
            let members = (0..<60_000).map { "\"x\($0)\": 0" }.joined(separator: ",")
            for uri in ["/api/v1/keys", "/api/v1/programs/everything-more/jobs", "/api/v1/webhooks"] {
                let answer = try await client.json(.post, uri, as: site.owner, "{\(members)}")
                Self.expectProblem(answer, uri)
                #expect(try answer.json["errors"]?.list?.count ?? 0 <= 100)
            }
            let key = String(repeating: "k", count: 500_000)
            for body in ["{\"\(key)\": 0}", "{\"\(key)\": 0, \"\(key)\": 1}"] {
                let answer = try await client.json(.post, "/api/v1/keys", as: site.owner, body)
                Self.expectProblem(answer, "a long key")
                #expect(answer.body.readableBytes < 16_384)
            }
        }
    }
}
