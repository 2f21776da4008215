import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import PanalCore
@testable import PanalHTTP
import Synchronization
import Testing

@Suite("The programming interface") struct InterfaceTests {
    static let prefer = HTTPField.Name("Prefer")!

    // MARK: Errors

    private static let nested = Array(
        repeating: String(repeating: "[", count: 400) + String(repeating: "]", count: 400), count: 100
    ).joined(separator: ",")

    /// Requests that are wrong, and what they are answered: always problem details, never a page.
    @Test func errorsAreProblemDetails() async throws {
        try await Site.open { site, client in
            let bearer = site.owner.bearer
            var json = bearer
            json[.contentType] = "application/json"
            var form = bearer
            form[.contentType] = "text/plain"
            let rows: [(HTTPRequest.Method, String, HTTPFields, String?, Int)] = [
                // Nothing there: unknown address, unknown thing, something that is no identifier, a broken escape.
                (.get, "/api/v1/nothing", bearer, nil, 404),
                (.get, "/api/v2/jobs", bearer, nil, 404),
                (.get, "/api/v1/jobs/00000000000000000000", bearer, nil, 404),
                (.get, "/api/v1/jobs/x", bearer, nil, 404),
                (.get, "/api/v1/jobs/%zz", bearer, nil, 404),
                (.get, "/api/v1/jobs/%00", bearer, nil, 404),
                (.get, "/api/v1/programs/filter?version=9", bearer, nil, 404),
                // Not with this method.
                (.put, "/api/v1/jobs", bearer, nil, 405),
                (.post, "/healthz", [:], nil, 405),
                // A query that cannot be understood.
                (.get, "/api/v1/jobs?limit=0", bearer, nil, 400),
                (.get, "/api/v1/jobs?limit=1&limit=2", bearer, nil, 400),
                (.get, "/api/v1/jobs?state=asleep", bearer, nil, 400),
                (.get, "/api/v1/jobs?cursor=x", bearer, nil, 400),
                (.get, "/api/v1/jobs?state=%ff", bearer, nil, 400),
                (.get, "/api/v1/jobs?everyone=true", bearer, nil, 403),
                // A body that is no JSON, no object, of another kind, with unknown members, too large.
                (.post, "/api/v1/keys", json, "{", 400),
                (.post, "/api/v1/keys", json, "[]", 400),
                // Deeper than any document of Panal's, and often enough to hold a thread for minutes.
                (.post, "/api/v1/keys", json, "{\"label\": [\(Self.nested)]}", 400),
                (.post, "/api/v1/keys", json, #"{"label": "x", "lifetime": 60.5}"#, 422),
                (.post, "/api/v1/keys", form, "{}", 415),
                (.post, "/api/v1/keys", bearer, "{}", 415),
                (.post, "/api/v1/keys", json, #"{"label": 1}"#, 422),
                (.post, "/api/v1/keys", json, #"{"label": "x", "colour": "red"}"#, 422),
                (.post, "/api/v1/keys", json, #"{"label": "x", "lifetime": 0}"#, 422),
                (.post, "/api/v1/keys", json, #"{}"#, 422),
                (.post, "/api/v1/keys", json, "\"" + String(repeating: "x", count: 1 << 20) + "\"", 413),
                (.patch, "/api/v1/programs/filter", json, #"{"public": "yes"}"#, 422),
                // A submission with mistakes.
                (.post, "/api/v1/programs/everything-more/jobs", json, #"{"size": 77}"#, 422),
                (.post, "/api/v1/programs/everything-more/jobs", json, #"{"text": "a", "nonsense": 1}"#, 422),
                (.post, "/api/v1/programs/everything-more/jobs", json, #"{"text": "a", "_nonsense": 1}"#, 422),
                (.post, "/api/v1/programs/everything-more/jobs?profile=huge", json, #"{"text": "a"}"#, 422),
                (.post, "/api/v1/programs/everything-more/jobs?profile=xlarge", json, #"{"text": "a"}"#, 422),
            ]
            for (method, uri, headers, body, status) in rows {
                let answer = try await client.send(
                    method, uri, headers, body: body.map { ByteBuffer(string: $0) })
                let row = "\(method) \(uri) \((body ?? "").prefix(40))"
                #expect(answer.status.code == status, "\(row): \(answer.text.prefix(300))")
                #expect(answer.headers[.contentType] == "application/problem+json", "\(row)")
                let problem = try answer.json
                #expect(problem["status"] == .integer(status), "\(row)")
                for member in ["type", "title", "detail", "instance"] {
                    #expect(problem[member]?.text?.isEmpty == false, "\(row): \(member)")
                }
                if status == 422 { #expect(problem["errors"]?.list?.isEmpty == false, "\(row): \(answer.text)") }
                if status == 405 { #expect(answer.headers[.allow]?.isEmpty == false, "\(row)") }
            }
        }
    }

    @Test func mistakesNameTheirFields() async throws {
        try await Site.open { site, client in
            let answer = try await client.json(
                .post, "/api/v1/programs/everything-more/jobs", as: site.owner,
                #"{"size": 77, "ratio": "x", "tint": "red", "day": "yesterday"}"#)
            let pointers = try #require(try answer.json["errors"]?.list).compactMap { $0["pointer"]?.text }
            #expect(Set(pointers) == ["/text", "/size", "/ratio", "/tint", "/day"])
        }
    }

    // MARK: Jobs

    @Test func submittingAnswersWhereTheJobIs() async throws {
        try await Site.open { site, client in
            let answer = try await client.json(
                .post, "/api/v1/programs/everything-more/jobs", as: site.owner, #"{"text": "a"}"#)
            #expect(answer.status == .accepted)
            #expect(answer.headers[.retryAfter] == "1")
            let location = try #require(answer.headers[.location])
            #expect(try await client.send(.get, location, site.owner.bearer).status == .ok)
            // The manifest's suggestion.
            #expect(try answer.json["profile"]?.text == "medium")
        }
    }

    @Test func preferWaitAnswersInline() async throws {
        try await Site.open { site, client in
            site.executor.script.withLock { $0 = Script(output: "done\n") }
            let answer = try await client.json(
                .post, "/api/v1/programs/everything-more/jobs?profile=small", as: site.owner,
                #"{"text": "a", "size": 5}"#,
                [Self.prefer: "respond-async, wait=20"])
            #expect(answer.status == .ok)
            #expect(answer.headers[HTTPField.Name("Preference-Applied")!] == "wait=20")
            let job = try answer.json
            #expect(job["state"]?.text == "finished" && job["profile"]?.text == "small")
            #expect(job["outcome"]?["type"]?.text == "exited" && job["outcome"]?["code"] == .integer(0))
            #expect(job["stdout"]?["bytes"] == .integer(5))
            #expect(job["usage"]?["cpuUserSeconds"] == .number(1.5))
            let arguments = try #require(site.executor.attempts.withLock { $0.last?.arguments })
            #expect(arguments.contains("5") && arguments.contains("a"))
        }
    }

    @Test func aJobThatDoesNotEndInTimeIsAccepted() async throws {
        try await Site.open { site, client in
            site.executor.script.withLock { $0 = Script(isEndless: true) }
            let answer = try await client.json(
                .post, "/api/v1/programs/everything-more/jobs", as: site.owner, #"{"text": "a"}"#,
                [Self.prefer: "wait=0"])
            #expect(answer.status == .accepted)
            let location = try #require(answer.headers[.location])
            let cancelled = try await client.send(.delete, location, site.owner.bearer)
            #expect([200, 202].contains(cancelled.status.code))
            var headers = site.owner.bearer
            headers[Self.prefer] = "wait=20"
            let ended = try await client.send(.get, location, headers)
            #expect(try ended.json["state"]?.text == "cancelled")
        }
    }

    @Test func listsHaveCursors() async throws {
        try await Site.open { site, client in
            var all: [String] = []
            for _ in 0..<5 { all.insert(try await site.job().text, at: 0) }
            var found: [String] = []
            var next: String? = "/api/v1/jobs?limit=2&program=everything-more"
            var pages = 0
            while let uri = next {
                let answer = try await client.send(.get, uri, site.owner.bearer)
                found += try #require(try answer.json["jobs"]?.list).compactMap { $0["id"]?.text }
                let link = answer.headers[HTTPField.Name("Link")!]
                next = link.map { String($0.dropFirst().prefix { $0 != ">" }) }
                if let link { #expect(link.hasSuffix("; rel=\"next\"")) }
                pages += 1
            }
            #expect(found == all)
            #expect(pages == 3)
        }
    }

    // MARK: Outputs and files

    @Test func outputsHaveRanges() async throws {
        try await Site.open { site, client in
            let job = try await site.job(Script(output: "0123456789"))
            // Range, status, content, Content-Range.
            let rows: [(String?, Int, String, String?)] = [
                (nil, 200, "0123456789", nil),
                ("bytes=0-3", 206, "0123", "bytes 0-3/10"),
                ("bytes=4-", 206, "456789", "bytes 4-9/10"),
                ("bytes=-2", 206, "89", "bytes 8-9/10"),
                ("bytes=8-100", 206, "89", "bytes 8-9/10"),
                ("bytes=-100", 206, "0123456789", "bytes 0-9/10"),
                ("bytes=0-99999999999999999999999", 206, "0123456789", "bytes 0-9/10"),
                // Nothing of it is there.
                ("bytes=10-", 416, "", "bytes */10"),
                ("bytes=-0", 416, "", "bytes */10"),
                ("bytes=99999999999999999999999-", 416, "", "bytes */10"),
                // What is not understood is not applied.
                ("bytes=3-1", 200, "0123456789", nil),
                ("bytes=0-1,3-4", 200, "0123456789", nil),
                ("lines=0-1", 200, "0123456789", nil),
                ("bytes=a-b", 200, "0123456789", nil),
                ("bytes=-", 200, "0123456789", nil),
            ]
            for (range, status, content, contentRange) in rows {
                var headers = site.owner.bearer
                headers[.range] = range
                let answer = try await client.send(.get, "/api/v1/jobs/\(job)/stdout", headers)
                #expect(answer.status.code == status, "\(range ?? "none")")
                #expect(answer.headers[.contentRange] == contentRange, "\(range ?? "none")")
                if status < 300 { #expect(answer.text == content, "\(range ?? "none")") }
            }
        }
    }

    @Test func filesAreStreamedWithTheirDigest() async throws {
        try await Site.open { site, client in
            // More than one piece of 64 KiB.
            let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let job = try await site.job(Script(files: [("deep/ä b%.bin", bytes)]))
            let uri = "/api/v1/jobs/\(job)/files/deep/%C3%A4%20b%25.bin"
            let list = try await client.send(.get, "/api/v1/jobs/\(job)/files", site.owner.bearer)
            #expect(try list.json["files"]?.list?.first?["url"]?.text == uri)
            let answer = try await client.send(.get, uri, site.owner.bearer)
            #expect(Array(answer.body.readableBytesView) == bytes)
            #expect(answer.headers[.contentLength] == "200000")
            #expect(answer.headers[HTTPField.Name("Repr-Digest")!]?.hasPrefix("sha-256=:") == true)
            let etag = try #require(answer.headers[.eTag])
            var headers = site.owner.bearer
            headers[.ifNoneMatch] = etag
            #expect(try await client.send(.get, uri, headers).status == .notModified)
            headers = site.owner.bearer
            headers[.range] = "bytes=65530-65545"
            #expect(
                Array(try await client.send(.get, uri, headers).body.readableBytesView) == Array(bytes[65_530...65_545])
            )
            // Another content than the one the client has: all of it.
            headers[.ifRange] = "\"other\""
            #expect(try await client.send(.get, uri, headers).status == .ok)
            // HEAD has the headers and no body.
            let head = try await client.send(.head, uri, site.owner.bearer)
            #expect(head.status == .ok && head.body.readableBytes == 0)
            #expect(head.headers[.contentLength] == "200000")
            // Paths that lead elsewhere lead nowhere.
            for path in [
                "deep", "deep/..", "../stdout", "..%2f..%2fpanal.sqlite", "%2e%2e/x", "deep/%C3%A4 b%25.bin%00",
            ] {
                let lost = try await client.send(.get, "/api/v1/jobs/\(job)/files/\(path)", site.owner.bearer)
                #expect(lost.status == .notFound, "\(path)")
            }
        }
    }

    /// Names and contents that would run script in a browser do not.
    @Test func resultFilesCannotHarm() async throws {
        let rows: [(name: String, content: String, isInline: Bool, type: String)] = [
            ("a.html", "<script>alert(1)</script>", false, "application/octet-stream"),
            ("a.svg", "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", false, "image/svg+xml"),
            ("a.xml", "<x/>", false, "application/octet-stream"),
            ("a.js", "alert(1)", false, "application/octet-stream"),
            ("a.pdf", "%PDF-1.4", false, "application/pdf"),
            ("a.json", "{}", false, "application/json"),
            ("a.txt", "<script>alert(1)</script>", true, "text/plain; charset=utf-8"),
            ("a.csv", "a,b", true, "text/plain; charset=utf-8"),
            ("noending", "plain text", true, "text/plain; charset=utf-8"),
            ("a.png", "<script>alert(1)</script>", true, "image/png"),
            // Header injection by file name.
            ("x\r\nSet-Cookie: a=b\r\n.bin", "\u{1}", false, "application/octet-stream"),
            ("q\"; filename=\"evil.exe", "\u{1}", false, "application/octet-stream"),
        ]
        try await Site.open { site, client in
            let job = try await site.job(Script(files: rows.map { ($0.name, Array($0.content.utf8)) }))
            let urls = try #require(
                try await client.send(.get, "/api/v1/jobs/\(job)/files", site.owner.bearer).json["files"]?.list)
            for row in rows {
                let url = try #require(urls.first { $0["path"]?.text == row.name }?["url"]?.text)
                let page = url.replacing("/api/v1", with: "")
                for (uri, headers) in [(url, site.owner.bearer), (page, site.owner.browser)] {
                    let answer = try await client.send(.get, uri, headers)
                    let name = "\(row.name.debugDescription) at \(uri)"
                    #expect(answer.status == .ok, "\(name)")
                    #expect(answer.headers[.contentType] == row.type, "\(name)")
                    #expect(answer.headers[.xContentTypeOptions] == "nosniff", "\(name)")
                    #expect(
                        answer.headers[.contentSecurityPolicy]?.hasPrefix("sandbox; default-src 'none'") == true,
                        "\(name)")
                    let disposition = try #require(answer.headers[.contentDisposition])
                    #expect(disposition.hasPrefix(row.isInline ? "inline" : "attachment"), "\(name): \(disposition)")
                    #expect(answer.headers[.setCookie] == nil, "\(name)")
                    #expect(disposition.utf8.allSatisfy { (32...126).contains($0) }, "\(name): \(disposition)")
                    #expect(disposition.split(separator: "\"").count <= 3, "\(name): \(disposition)")
                }
                if row.isInline {
                    let kept = try await client.send(.get, page + "?download=true", site.owner.browser)
                    #expect(kept.headers[.contentDisposition]?.hasPrefix("attachment") == true)
                }
            }
        }
    }

    // MARK: Publishing and forms

    @Test func publishingTakesAManifestAndAProgram() async throws {
        try await Site.open { site, client in
            var body = MultipartBody()
            // As `curl -F manifest=@manifest.json` sends it.
            body.add("manifest", fileName: "manifest.json", Array(#"{"name": "Nuevo filtro", "inputs": []}"#.utf8))
            body.add("public", "true")
            body.add("program", fileName: "C:\\x\\run.sh", Array("#!/bin/sh\n".utf8))
            var headers = site.owner.bearer
            headers[.contentType] = MultipartBody.contentType[.contentType]
            let made = try await client.send(.post, "/api/v1/programs", headers, body: body.ended)
            #expect(made.status == .created, "\(made.text)")
            #expect(made.headers[.location] == "/api/v1/programs/nuevo-filtro")
            #expect(try made.json["public"] == .boolean(true))
            // The same again is the same version.
            let again = try await client.send(.post, "/api/v1/programs", headers, body: body.ended)
            #expect(again.status == .ok)
            #expect(try again.json["version"] == .integer(1))
            let schema = try await client.send(.get, "/api/v1/programs/nuevo-filtro/schema", site.other.bearer)
            #expect(schema.headers[.contentType] == "application/schema+json")
            #expect(try schema.json["$schema"]?.text?.contains("2020-12") == true)
        }
    }

    @Test func formsWithFilesReachTheProgram() async throws {
        try await Site.open { site, client in
            var body = MultipartBody()
            body.add("imagen_de_entrada", fileName: "foto ñ.png", [UInt8](repeating: 7, count: 100_000))
            body.add("tamano_de_filtro", "3")
            body.add("_profile", "small")
            var headers = site.other.bearer
            headers[.contentType] = MultipartBody.contentType[.contentType]
            headers[Self.prefer] = "wait=20"
            let answer = try await client.send(.post, "/api/v1/programs/filter/jobs", headers, body: body.ended)
            #expect(answer.status == .ok, "\(answer.text)")
            let attempt = try #require(site.executor.attempts.withLock { $0.last })
            #expect(attempt.inputs.count == 1 && attempt.inputs[0].field == "imagen_de_entrada")
            #expect(attempt.arguments.last == "3")
        }
    }

    /// Bodies that lie or go too far are refused with a clear word, and leave nothing behind.
    @Test func brokenFormsAreRefused() async throws {
        let boundary = MultipartBody.boundary
        let head = "--\(boundary)\r\nContent-Disposition: form-data; name="
        let rows: [(body: String, type: String, status: Int, word: String)] = [
            // No boundary, a wrong one, another one.
            ("", "multipart/form-data", 400, "boundary"),
            ("", "multipart/form-data; boundary=\"a\u{201}\"", 400, "boundary"),
            ("\(head)\"x\"\r\n\r\n1\r\n--\(boundary)--", "multipart/form-data; boundary=other", 400, "boundary"),
            // Cut off inside a file.
            ("\(head)\"imagen_de_entrada\"; filename=\"a\"\r\n\r\nabc", "", 400, "cut off"),
            // A part of parts.
            (
                "\(head)\"x\"\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y--\r\n--\(boundary)--", "", 400,
                "parts of its own"
            ),
            // A file without a name, a text that is not one.
            ("\(head)\"imagen_de_entrada\"; filename=\"\"\r\n\r\nabc\r\n--\(boundary)--", "", 400, "no name"),
            // Panal's own field twice.
            (
                "\(head)\"_profile\"\r\n\r\nsmall\r\n\(head)\"_profile\"\r\n\r\nsmall\r\n--\(boundary)--", "", 400,
                "2 times"
            ),
            ("\(head)\"_version\"\r\n\r\nnewest\r\n--\(boundary)--", "", 422, "version"),
            // A field of the program's twice.
            (
                "\(head)\"tamano_de_filtro\"\r\n\r\n1\r\n\(head)\"tamano_de_filtro\"\r\n\r\n2\r\n--\(boundary)--", "",
                422,
                "tamano_de_filtro"
            ),
            // Another kind of body.
            ("{}", "text/plain", 415, "multipart/form-data"),
            ("a=%zz", "application/x-www-form-urlencoded", 400, "UTF-8"),
            // Texts that are too large.
            ("\(head)\"x\"\r\n\r\n\(String(repeating: "x", count: 1_100_000))\r\n--\(boundary)--", "", 413, "1 MiB"),
        ]
        try await Site.open { site, client in
            for row in rows {
                var headers = site.owner.bearer
                headers[.contentType] = row.type.isEmpty ? MultipartBody.contentType[.contentType] : row.type
                let answer = try await client.send(
                    .post, "/api/v1/programs/filter/jobs", headers, body: ByteBuffer(string: row.body))
                #expect(answer.status.code == row.status, "\(row.body.prefix(80).debugDescription): \(answer.text)")
                #expect(answer.text.contains(row.word), "\(row.body.prefix(80).debugDescription): \(answer.text)")
            }
            var body = MultipartBody()
            body.add("imagen_de_entrada", fileName: "big", [UInt8](repeating: 0, count: (4 << 20) + 1))
            var headers = site.owner.bearer
            headers[.contentType] = MultipartBody.contentType[.contentType]
            let answer = try await client.send(.post, "/api/v1/programs/filter/jobs", headers, body: body.ended)
            #expect(answer.status == .contentTooLarge)
            #expect(answer.text.contains("4 MiB"))
        }
    }

    // MARK: Headers

    @Test func requestsHaveNumbers() async throws {
        let name = HTTPField.Name("X-Request-Id")!
        try await Site.open { site, client in
            #expect(try await client.send(.get, "/healthz", [name: "abc-1"]).headers[name] == "abc-1")
            // Numbers that could disturb the log are replaced.
            for bad in ["a b", "a\"b", String(repeating: "x", count: 65)] {
                let answered = try #require(try await client.send(.get, "/healthz", [name: bad]).headers[name])
                #expect(answered != bad && !answered.isEmpty)
            }
            let answer = try await client.send(.get, "/api/v1/nothing")
            #expect(answer.headers[name]?.isEmpty == false)
        }
    }

    @Test func headIsAnsweredWhereGetIs() async throws {
        try await Site.open { site, client in
            for uri in ["/healthz", "/sign-in", "/assets/panal.css"] {
                let get = try await client.send(.get, uri)
                let head = try await client.send(.head, uri)
                #expect(head.status == get.status && head.body.readableBytes == 0)
                #expect(head.headers[.contentType] == get.headers[.contentType])
            }
        }
    }

    @Test func documentsHaveMarks() async throws {
        try await Site.open { site, client in
            let job = try await site.job()
            for uri in ["/api/v1/jobs/\(job)", "/api/v1/programs", "/api/v1/profiles"] {
                let etag = try #require(try await client.send(.get, uri, site.owner.bearer).headers[.eTag])
                var headers = site.owner.bearer
                headers[.ifNoneMatch] = "\"x\", W/\(etag)"
                #expect(try await client.send(.get, uri, headers).status == .notModified)
                headers[.ifNoneMatch] = "\"x\""
                #expect(try await client.send(.get, uri, headers).status == .ok)
            }
        }
    }

    @Test func profilesThatDoNotFitSayWhy() async throws {
        try await Site.open { site, client in
            let answer = try await client.send(.get, "/api/v1/profiles", site.owner.bearer)
            let profiles = try #require(try answer.json["profiles"]?.list)
            #expect(profiles.map { $0["available"] } == [.boolean(true), .boolean(true), .boolean(false)])
            #expect(profiles[2]["reason"]?.text?.contains("6 cores") == true)
        }
    }
}
