import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import PanalCore
import PanalManifest
import PanalService
import Synchronization
import Testing

@testable import PanalHTTP

/// What happens to a job's results after it: one archive, a link for others, the same once more.
@Suite("Pages of results") struct ResultPageTests {
    private static let hostile = "\u{202E}gpj.exe <b>\u{7}.txt"

    private static func secret(in page: String) throws -> String {
        let link = try #require(page.split(separator: "<code class=\"secret\">").last).prefix { $0 != "<" }
        #expect(link.hasPrefix("http://"))
        let secret = try #require(link.split(separator: "/shared/").last)
        return String(secret)
    }

    private static func job(at answer: TestResponse) throws -> JobID {
        let location = try #require(answer.headers[.location])
        return try #require(JobID(String(location.dropFirst(6))))
    }

    @Test func allFilesAreInOneArchive() async throws {
        try await Site.open { site, client in
            let large = [UInt8](repeating: 7, count: 700)
            let job = try await site.job(
                Script(files: [("a/b.txt", Array("x".utf8)), ("ñ.bin", large), ("empty", [])]))
            let whole = try await client.send(.get, "/api/v1/jobs/\(job)/archive", site.owner.bearer)
            #expect(whole.status == .ok && whole.headers[.contentType] == "application/x-tar")
            #expect(whole.headers[.contentSecurityPolicy] == "sandbox; default-src 'none'")
            let bytes = Array(whole.body.readableBytesView)
            #expect(bytes.count % 512 == 0)
            let folder = NSTemporaryDirectory() + "panal-tar-" + UUID().uuidString
            defer { try? FileManager.default.removeItem(atPath: folder) }
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try Data(bytes).write(to: URL(filePath: folder + "/all.tar"))
            let tar = Process()
            tar.executableURL = URL(filePath: "/usr/bin/tar")
            tar.arguments = ["-xf", folder + "/all.tar", "-C", folder]
            try tar.run()
            tar.waitUntilExit()
            #expect(tar.terminationStatus == 0)
            let read = { (name: String) in FileManager.default.contents(atPath: "\(folder)/everything-more/\(name)") }
            #expect(read("a/b.txt") == Data("x".utf8) && read("ñ.bin") == Data(large) && read("empty") == Data())
            // It goes on where it broke off.
            var headers = site.owner.bearer
            headers[.range] = "bytes=600-"
            headers[.ifRange] = whole.headers[.eTag]
            let rest = try await client.send(.get, "/api/v1/jobs/\(job)/archive", headers)
            #expect(rest.status == .partialContent && Array(rest.body.readableBytesView) == Array(bytes[600...]))
            let none = try await site.job()
            #expect(try await client.send(.get, "/api/v1/jobs/\(none)/archive", site.owner.bearer).status == .notFound)
        }
    }

    @Test func aLinkShowsTheFilesAndNothingElse() async throws {
        try await Site.open { site, client in
            let job = try await site.job(
                Script(
                    output: "what was said",
                    files: [("r.txt", Array("the result".utf8)), (Self.hostile, Array("<b>".utf8))]))
            let made = try await client.post("/jobs/\(job)/share", as: site.owner, ["days": "2"])
            #expect(made.status == .created)
            let secret = try Self.secret(in: made.text)
            let page = try await client.send(.get, "/shared/\(secret)")
            #expect(page.status == .ok && page.text.contains("the result") && page.text.contains("ana"))
            #expect(!page.text.contains("what was said") && !page.text.contains("/jobs/\(job)"))
            #expect(!page.text.contains("\u{202E}") && !page.text.contains("<b>"))
            let file = try await client.send(.get, "/shared/\(secret)/files/r.txt")
            #expect(file.text == "the result" && file.headers[.contentSecurityPolicy] == "sandbox; default-src 'none'")
            // No other job, no other secret, and not after the files are gone.
            #expect(try await client.send(.get, "/shared/\(secret)/files/other").status == .notFound)
            let other = (secret.first == "A" ? "B" : "A") + secret.dropFirst()
            for wrong in ["x", other, secret + "AAAA", String(repeating: "A", count: 600)] {
                #expect(try await client.send(.get, "/shared/\(wrong)").status == .notFound, "\(wrong)")
                #expect(try await client.send(.get, "/shared/\(wrong)/files/r.txt").status == .notFound, "\(wrong)")
            }
            for days in ["0", "91", "x", ""] {
                let refused = try await client.post("/jobs/\(job)/share", as: site.owner, ["days": days])
                #expect([400, 422].contains(refused.status.code), "\(days)")
            }
            _ = try await client.post("/jobs/\(job)/outputs", as: site.owner)
            #expect(try await client.send(.get, "/shared/\(secret)/files/r.txt").status == .gone)
        }
    }

    /// A link ends with its giver's right.
    @Test func aLinkEndsWithItsGiver() async throws {
        try await Site.open { site, client in
            let job = try await site.job(Script(files: [("r.txt", Array("x".utf8))]))
            let root = try #require(site.administrator.principal)
            let owner = try #require(site.owner.principal)
            let secret = try await site.panal.share(owner, job, days: 1).secret
            #expect(try await client.send(.get, "/shared/\(secret)").status == .ok)
            _ = try await site.panal.setStatus(root, user: owner.user, to: .blocked)
            #expect(try await client.send(.get, "/shared/\(secret)").status == .notFound)
            #expect(try await client.send(.get, "/shared/\(secret)/archive").status == .notFound)
            // A cursor of a list is signed with the same key, and is no link.
            await #expect(throws: ServiceError.self) { _ = try await site.panal.shared("AAAA") }
        }
    }

    @Test func aJobCanBeRunAgain() async throws {
        try await Site.open { site, client in
            let owner = try #require(site.owner.principal)
            let manifest = #"""
                {"name": "again", "inputs": [
                  {"name": "file", "type": "file"}, {"name": "words", "type": "text", "list": true},
                  {"name": "long", "type": "text", "multiline": true}, {"name": "pass", "type": "secret", "optional": true},
                  {"name": "box", "type": "boolean", "default": true}]}
                """#
            _ = try await site.publish(manifest, isPublic: true, as: owner)
            site.executor.script.withLock { $0 = Script(output: "a") }
            var body = MultipartBody()
            let long = String(repeating: "line, and more\n", count: 200)
            for (name, value) in [
                ("_csrf", site.owner.csrf), ("words", "a, b\r\nc"), ("long", long), ("pass", "hush"),
                ("_profile", "small"),
            ] { body.add(name, value) }
            body.add("file", fileName: "in.txt", Array("content".utf8))
            var headers = site.owner.browser
            headers[.contentType] = MultipartBody.contentType[.contentType]
            let first = try await client.send(.post, "/programs/again", headers, body: body.ended)
            let id = try Self.job(at: first)
            _ = try await site.panal.wait(owner, job: id, atMost: .seconds(20))
            #expect(
                try await client.send(.get, "/jobs/\(id)", site.owner.browser).text.contains(
                    "/programs/again?from=\(id)"))

            let form = try await client.send(.get, "/programs/again?from=\(id)", site.owner.browser).text
            #expect(form.contains(">\na, b\nc</textarea>") && form.contains("\(long)</textarea>"))
            #expect(form.contains("name=\"_keep\" value=\"file\"") && form.contains("in.txt") && !form.contains("hush"))
            #expect(form.contains("value=\"small\" checked"))
            // Nobody else's, and no other program's.
            #expect(try await client.send(.get, "/programs/again?from=\(id)", site.other.browser).status == .notFound)
            #expect(try await client.send(.get, "/programs/filter?from=\(id)", site.owner.browser).status == .notFound)

            var again = MultipartBody()
            for (name, value) in [
                ("_csrf", site.owner.csrf), ("_from", "\(id)"), ("_keep", "file"), ("words", "other"), ("long", "x"),
            ] { again.add(name, value) }
            again.add("file", fileName: "", [])
            let second = try await client.send(.post, "/programs/again", headers, body: again.ended)
            #expect(second.status == .seeOther, "\(second.text)")
            let attempts = site.executor.attempts.withLock { $0 }
            let ended = try Self.job(at: second)
            _ = try await site.panal.wait(owner, job: ended, atMost: .seconds(20))
            let inputs = site.executor.attempts.withLock { $0 }.filter { $0.id.job == ended || $0.id.job == id }.map(
                \.inputs)
            #expect(
                attempts.count >= 1 && inputs.count == 2 && inputs[0] == inputs[1]
                    && inputs[0].map(\.name) == ["in.txt"])
            // Not kept: it is missing.
            var without = MultipartBody()
            for (name, value) in [("_csrf", site.owner.csrf), ("_from", "\(id)"), ("words", "o"), ("long", "x")] {
                without.add(name, value)
            }
            let refused = try await client.send(.post, "/programs/again", headers, body: without.ended)
            #expect(refused.status == .unprocessableContent && refused.text.contains("field-file-mistake"))
        }
    }

    @Test func programsAreFoundByWordsAndTags() async throws {
        try await Site.open { site, client in
            let owner = try #require(site.owner.principal)
            let hostile = "<b>\u{202E}&\""
            let quoted = String(decoding: try JSONValue.string(hostile).serialized(), as: UTF8.self)
            _ = try await site.publish(
                #"{"name": "Añejo", "description": "Ages a picture", "tags": ["image", \#(quoted)], "inputs": []}"#,
                isPublic: true, as: owner)
            let shown = { (query: String) -> [Bool] in
                let page = try await client.send(.get, "/programs?\(query)", site.owner.browser)
                #expect(page.status == .ok && !page.text.contains("<b>"))
                return ["anejo", "filter"].map { page.text.contains("href=\"/programs/\($0)\"") }
            }
            #expect(try await shown("") == [true, true])
            #expect(try await shown("q=PICTURE+ages") == [true, false])
            #expect(try await shown("q=a%C3%B1e") == [true, false])
            #expect(try await shown("q=blurs") == [false, true])
            #expect(try await shown("q=nothing+like+it") == [false, false])
            #expect(try await shown("tag=image") == [true, false])
            #expect(try await shown("tag=image&q=blurs") == [false, false])
            let tag = hostile.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
            #expect(try await shown("tag=\(tag)") == [true, false])
        }
    }

    /// The comb shows each core once, and whose it is.
    @Test func theMachineShowsWhoIsOnIt() async throws {
        try await Site.open { site, client in
            let free = try await client.send(.get, "/machine", site.administrator.browser).text
            #expect(free.components(separatedBy: "<polygon").count == 3 && !free.contains("core taken"))
            let job = try await site.job(Script(isEndless: true))
            var page = ""
            for _ in 0..<2_000 where !page.contains("core taken") {
                try await Task.sleep(for: .milliseconds(5))
                page = try await client.send(.get, "/machine/live", site.administrator.browser).text
            }
            #expect(page.contains("href=\"/jobs/\(job)\"") && page.contains("ana"))
            _ = try await site.panal.cancel(try #require(site.owner.principal), job)
            let audit = try await client.send(.get, "/audit", site.administrator.browser)
            #expect(audit.status == .ok)
        }
    }

    /// Whatever an author writes, no snippet ends its text.
    @Test func snippetsQuoteWhatTheyAreGiven() async throws {
        try await Site.open { site, client in
            let owner = try #require(site.owner.principal)
            let value = "'; rm -rf / \\\"\\\\(x) \u{202E}\u{0}".replacing("\u{0}", with: "")
            let quoted = String(decoding: try JSONValue.string(value).serialized(), as: UTF8.self)
            let entry = try await site.publish(
                #"{"name": "quoted", "inputs": [{"name": "a", "type": "text", "default": \#(quoted)}]}"#,
                isPublic: true,
                as: owner)
            let snippet = Snippet(entry, home: HomeAddress(isSecure: false).text(authority: "x;$(id)"))
            #expect(
                snippet.curl.contains(#"--form-string 'a='\''; rm -rf / "#)
                    && snippet.curl.contains("http://localhost/"))
            #expect(snippet.python.contains(#""'; rm -rf / \\\"\\\\(x) \u202e""#))
            #expect(snippet.swift.contains(#""'; rm -rf / \\\"\\\\(x) \u{202e}""#))
        }
    }
}
