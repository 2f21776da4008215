import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import PanalCore
import PanalHTTP
import PanalService
import Synchronization
import Testing

/// What strangers put into forms, and what programs write, each danger by name.
@Suite("Dangers of forms") struct DangerTests {
    private static let hostile = "</label><script>alert(1)</script>\u{202E}\"'&"

    private static func form(_ body: MultipartBody, _ visitor: Visitor) -> HTTPFields {
        var headers = visitor.bearer
        headers[.contentType] = MultipartBody.contentType[.contentType]
        return headers
    }

    /// Every place in a manifest that people read, as text and nothing else.
    @Test func labelsAndHelpFullOfMarkup() async throws {
        let text = try String(decoding: JSONValue.string(Self.hostile).serialized(), as: UTF8.self)
        let manifest = """
            {"name": "Danger", "description": \(text), "author": \(text), "tags": [\(text)],
             "inputs": [
               {"name": \(text), "id": "a", "type": "text", "description": \(text), "default": \(text)},
               {"name": \(text), "id": "b", "type": "choice", "choices": [{"value": "x", "label": \(text)}, "y"]},
               {"name": \(text), "id": "c", "type": "file", "description": \(text), "optional": true}],
             "sections": [{"name": \(text), "inputs": ["a"]}],
             "outputs": [{"name": \(text), "path": "a.txt", "description": \(text)}],
             "exitCodes": {"3": \(text)}}
            """
        try await Site.open { site, client in
            let owner = try #require(site.owner.principal)
            _ = try await site.publish(manifest, isPublic: true, as: owner)
            site.executor.script.withLock { $0 = Script(files: [("a.txt", [65])], outcome: .exited(code: 3)) }
            let made = try await client.json(
                .post, "/api/v1/programs/danger/jobs", as: site.owner, #"{"a": \#(text), "b": "x"}"#)
            let job = try #require(try made.json["id"]?.text)
            _ = try await site.panal.wait(owner, job: try #require(JobID(job)), atMost: .seconds(20))
            for path in ["/programs", "/programs/danger", "/jobs", "/jobs/\(job)", "/programs/danger?from=\(job)"] {
                let page = try await client.send(.get, path, site.owner.browser)
                #expect(page.status == .ok, "\(path)")
                #expect(!page.text.contains("<script>alert"), "\(path)")
                #expect(!page.text.contains("</label><script"), "\(path)")
            }
            let page = try await client.send(.get, "/programs/danger", site.owner.browser)
            #expect(page.text.contains("&lt;script&gt;alert(1)"))
        }
    }

    /// A page leaves such a field out; who sends it anyway does not get it to the program.
    @Test func aHiddenFieldThatIsSentAnyway() async throws {
        let manifest = """
            {"name": "Veiled", "inputs": [
               {"name": "mode", "type": "choice", "choices": ["plain", "expert"]},
               {"name": "level", "type": "text", "showIf": {"mode": "expert"}}]}
            """
        try await Site.open { site, client in
            let owner = try #require(site.owner.principal)
            _ = try await site.publish(manifest, isPublic: true, as: owner)
            let before = site.executor.attempts.withLock(\.count)
            let answer = try await client.json(
                .post, "/api/v1/programs/veiled/jobs", as: site.owner, #"{"mode": "plain", "level": "sneaky"}"#)
            #expect(answer.status == .unprocessableContent, "\(answer.text)")
            #expect(answer.text.contains("\"/level\""))
            #expect(site.executor.attempts.withLock(\.count) == before)
        }
    }

    /// 0 bytes are a file; so is the limit; one byte more is not.
    @Test(arguments: [(0, true), (1_000, true), (1_001, false)])
    func filesAtTheirLimits(bytes: Int, isTaken: Bool) async throws {
        let manifest = #"{"name": "Sized", "inputs": [{"name": "f", "type": "file", "maxBytes": 1000}]}"#
        try await Site.open { site, client in
            let owner = try #require(site.owner.principal)
            _ = try await site.publish(manifest, isPublic: true, as: owner)
            var body = MultipartBody()
            body.add("f", fileName: "a.bin", [UInt8](repeating: 0, count: bytes))
            let answer = try await client.send(
                .post, "/api/v1/programs/sized/jobs", Self.form(body, site.owner), body: body.ended)
            #expect(answer.status == (isTaken ? .accepted : .unprocessableContent), "\(answer.text)")
            if !isTaken { #expect(answer.text.contains("\"/f\"")) }
        }
    }

    /// The operator's own limit, which is 4 MiB here.
    @Test func aFileThatIsLargerThanAnyMayBe() async throws {
        try await Site.open { site, client in
            let before = try site.stored
            for (bytes, status) in [(4 << 20, HTTPResponse.Status.accepted), (4 << 20 + 1, .contentTooLarge)] {
                var body = MultipartBody()
                body.add("imagen_de_entrada", fileName: "a.bin", [UInt8](repeating: 7, count: bytes))
                body.add("tamano_de_filtro", "3")
                let answer = try await client.send(
                    .post, "/api/v1/programs/filter/jobs", Self.form(body, site.owner), body: body.ended)
                #expect(answer.status == status, "\(answer.text)")
            }
            // The one that was taken.
            #expect(try site.stored.subtracting(before).count == 1)
        }
    }

    @Test func theSameFileFieldTwice() async throws {
        try await Site.open { site, client in
            var body = MultipartBody()
            body.add("imagen_de_entrada", fileName: "a.png", [1])
            body.add("imagen_de_entrada", fileName: "b.png", [2])
            body.add("tamano_de_filtro", "3")
            let answer = try await client.send(
                .post, "/api/v1/programs/filter/jobs", Self.form(body, site.owner), body: body.ended)
            #expect(answer.status == .unprocessableContent, "\(answer.text)")
            #expect(answer.text.contains("\"/imagen_de_entrada\""))
        }
    }

    /// A line of a megabyte, with all that a terminal or a browser would obey: the page stays small, and the line itself is text.
    @Test func aLogLineOfAMegabyte() async throws {
        let piece = "<script>alert(1)</script>\u{202E}\u{1B}[2J\u{7}"
        let line = String(repeating: piece, count: (1 << 20) / piece.utf8.count)
        try await Site.open { site, client in
            let job = try await site.job(Script(output: line, error: line))
            let page = try await client.send(.get, "/jobs/\(job)", site.owner.browser)
            #expect(page.status == .ok)
            #expect(page.body.readableBytes < 200_000)
            #expect(!page.text.contains("<script>alert"))
            #expect(!page.text.contains("\u{1B}") && !page.text.contains("\u{7}"))
            for path in ["/jobs/\(job)/stdout", "/api/v1/jobs/\(job)/stdout"] {
                let raw = try await client.send(
                    .get, path, path.hasPrefix("/api") ? site.owner.bearer : site.owner.browser)
                #expect(raw.headers[.contentType]?.hasPrefix("text/plain") == true, "\(path)")
                #expect(raw.headers[.xContentTypeOptions] == "nosniff", "\(path)")
                #expect(raw.body.readableBytes == line.utf8.count, "\(path)")
            }
        }
    }
}
