import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import PanalCore
import PanalManifest
import PanalService
import Testing

@testable import PanalHTTP

/// Pages of images: what they show, what they do, and what they refuse.
@Suite("Pages of images", .timeLimit(.minutes(5))) struct ImagePageTests {
    /// Sends the form that imports an image.
    private static func send(
        _ client: any TestClientProtocol, _ visitor: Visitor, _ fields: [String: String],
        _ archive: [UInt8]? = AuthorisationTests.smallestTree, language: String = "en", token: String? = nil
    ) async throws -> TestResponse {
        var body = MultipartBody()
        body.add("_csrf", token ?? visitor.csrf)
        for (name, value) in fields.sorted(by: { $0.key < $1.key }) { body.add(name, value) }
        if let archive { body.add("archive", fileName: "image.tar", archive) }
        var headers = visitor.browser
        headers[.contentType] = MultipartBody.contentType[.contentType]
        headers[.acceptLanguage] = language
        return try await client.send(.post, "/images", headers, body: body.ended)
    }

    /// Imports one by the page and waits until it is there.
    private static func imported(
        _ site: Site, _ client: any TestClientProtocol, _ visitor: Visitor, _ fields: [String: String],
        _ archive: [UInt8] = AuthorisationTests.smallestTree
    ) async throws -> RootfsID {
        let sent = try await send(client, visitor, fields, archive)
        try #require(sent.status == .seeOther, "\(sent.text)")
        let id = try #require(sent.headers[.location].flatMap { RootfsID(String($0.dropFirst("/images/".count))) })
        let principal = try #require(visitor.principal)
        while try await site.panal.rootfsImage(principal, id).image.state == .processing {
            try await Task.sleep(for: .milliseconds(2))
        }
        try #require(try await site.panal.rootfsImage(principal, id).image.state == .available)
        return id
    }

    @Test func anImageIsImportedAndShown() async throws {
        try await Site.open { site, client in
            let before = try site.stored
            let empty = try await client.send(.get, "/images", site.owner.browser)
            #expect(empty.text.contains("There is no image yet.") && !empty.text.contains("data-live"))
            let id = try await Self.imported(
                site, client, site.owner,
                ["name": "<b>tool</b>\u{202E}", "environment": "LANG=<C>\r\nB=2\r\n", "format": "tar"])
            let page = try await client.send(.get, "/images/\(id)", site.owner.browser)
            let image = try await site.panal.rootfsImage(try #require(site.owner.principal), id).image
            #expect(page.text.contains("&lt;b&gt;tool&lt;/b&gt;\u{FFFD}") && !page.text.contains("<b>"))
            #expect(page.text.contains("sha256:\(try #require(image.digest).hex)"))
            #expect(page.text.contains("LANG=&lt;C&gt;\nB=2"))
            #expect(page.text.contains("1 files, ") && page.text.contains("Everything was taken as it was."))
            #expect(page.text.contains("action=\"/images/\(id)/remove\"") && !page.text.contains("data-live"))
            let list = try await client.send(.get, "/images", site.owner.browser)
            #expect(list.text.contains("href=\"/images/\(id)\"") && list.text.contains("available"))
            #expect(list.text.contains("of the 1 MiB that they may have"))
            // Its archive was wanted for as long as it was being made.
            while try site.stored != before { try await Task.sleep(for: .milliseconds(2)) }
        }
    }

    @Test func whatIsWrongWithTheFormIsToldInItsLanguage() async throws {
        try await Site.open { site, client in
            let wrong: [(fields: [String: String], english: String, spanish: String)] = [
                (["name": ""], "1 to 100 bytes", "De 1 a 100 bytes"),
                (["name": "a", "environment": "X"], "NAME=value on each line", "NOMBRE=valor en cada línea"),
                (["name": "a", "tag": String(repeating: "t", count: 201)], "At most 200 bytes", "Como mucho 200"),
                (["name": "a", "alias": "host"], "neither host nor a digest", "ni host ni una huella"),
            ]
            for (fields, english, spanish) in wrong {
                for (language, text) in [("en", english), ("es", spanish)] {
                    let refused = try await Self.send(client, site.administrator, fields, language: language)
                    #expect(refused.status == .unprocessableContent, "\(fields)")
                    #expect(refused.text.contains(text), "\(fields)")
                    let entered = fields["alias"] ?? fields["tag"] ?? fields["name"] ?? ""
                    #expect(refused.text.contains("value=\"\(entered)\""), "what was entered stays: \(fields)")
                }
            }
            let none = try await Self.send(client, site.owner, ["name": "a"], nil)
            #expect(none.status == .unprocessableContent && none.text.contains("choose the file"))
            let foreign = try await Self.send(client, site.owner, ["name": "a"], token: "x")
            #expect(foreign.status == .forbidden)
            // Names of the table are for administrators.
            let named = try await Self.send(client, site.owner, ["name": "a", "alias": "tool"])
            #expect(named.status == .forbidden)
            #expect(try await site.panal.rootfsImages(try #require(site.administrator.principal)).isEmpty)
        }
    }

    @Test func whatCannotBeUnpackedIsUnavailableAndSaysWhy() async throws {
        try await Site.open { site, client in
            let sent = try await Self.send(client, site.owner, ["name": "a"], Array("no archive".utf8))
            let path = try #require(sent.headers[.location])
            let principal = try #require(site.owner.principal)
            while try await site.panal.rootfsImages(principal).first?.image.state == .processing {
                try await Task.sleep(for: .milliseconds(2))
            }
            let page = try await client.send(.get, path, site.owner.browser)
            #expect(page.text.contains("unavailable") && page.text.contains("refused: "))
            let live = try await client.send(.get, "\(path)/live", site.owner.browser)
            #expect(live.headers[.final] == "true")
            let etag = try #require(live.headers[.eTag])
            var headers = site.owner.browser
            headers[.ifNoneMatch] = etag
            #expect(try await client.send(.get, "\(path)/live", headers).status == .notModified)
            // Nothing but its end is offered.
            #expect(!page.text.contains("/state\"") && page.text.contains("/remove\""))
        }
    }

    @Test func namesAreGivenAndKeepAnImageFromBeingRemoved() async throws {
        try await Site.open { site, client in
            let root = site.administrator
            let id = try await Self.imported(site, client, root, ["name": "tool", "public": "true"])
            let given = try await client.post(
                "/images/aliases", as: root, ["alias": "tool:*", "image": id.text, "back": id.text])
            #expect(given.status == .seeOther && given.headers[.location] == "/images/\(id)")
            _ = try await client.post("/images/aliases", as: root, ["alias": "tool:1", "image": id.text])
            let page = try await client.send(.get, "/images/\(id)", root.browser)
            // What a manifest can say, and not the beginning of it.
            #expect(page.text.contains("&quot;rootfs&quot;: &quot;tool:1&quot;"))
            #expect(page.text.contains("cannot be removed while names lead to it: tool:*, tool:1"))
            #expect(!page.text.contains("action=\"/images/\(id)/remove\""))
            var headers = root.browser
            headers[.acceptLanguage] = "es"
            headers[.contentType] = "application/x-www-form-urlencoded"
            let refused = try await client.send(
                .post, "/images/\(id)/remove", headers, body: ByteBuffer(string: "_csrf=\(root.csrf)"))
            #expect(refused.status == .conflict && refused.text.contains("No se puede eliminar mientras"))
            let odd = try await client.post("/images/aliases", as: root, ["alias": "a b", "image": id.text])
            #expect(odd.status == .unprocessableContent && odd.text.contains("value=\"a b\""))
            let others = try await client.send(.get, "/images/\(id)", site.other.browser)
            #expect(others.status == .ok && !others.text.contains("<form method=\"post\" action=\"/images"))
            for alias in ["tool:*", "tool:1"] {
                #expect(try await client.post("/images/aliases", as: root, ["alias": alias]).status == .seeOther)
            }
            #expect(try await client.post("/images/\(id)/remove", as: root).status == .seeOther)
            let going = try await client.send(.get, "/images/\(id)", root.browser)
            #expect(going.text.contains("being removed") && going.text.contains("data-live"))
            let live = try await client.send(.get, "/images/\(id)/live", root.browser)
            #expect(live.headers[.final] == "false" && !live.text.contains("<html"))
            // Too late for anything else.
            let late = try await client.post("/images/\(id)/state", as: root, ["state": "disabled"])
            #expect(late.status == .conflict && late.text.contains("It is being removed by now"))
            try await site.panal.collectRootfs()
            #expect(try await client.send(.get, "/images/\(id)/live", root.browser).status == .notFound)
        }
    }

    @Test func programsAndJobsSayWhatTheyRunIn() async throws {
        try await Site.open { site, client in
            let root = site.administrator
            // Scripts are published for it, so that it needs what reads them.
            let shell = AuthorisationTests.entry("bin/sh", mode: "0000755") + AuthorisationTests.smallestTree
            let id = try await Self.imported(
                site, client, root, ["name": "Tool", "public": "true", "alias": "tool"], shell)
            let owner = try #require(site.owner.principal)
            let digest = try #require(try await site.panal.rootfsImage(owner, id).image.digest).hex
            #expect(
                try await client.send(.get, "/publish", site.owner.browser).text.contains("it may name: host, tool."))
            _ = try await site.publish(
                #"{"name": "inside", "inputs": [], "rootfs": "tool"}"#, isPublic: true, as: owner)
            let program = try await client.send(.get, "/programs/inside", site.owner.browser)
            #expect(program.text.contains("<a href=\"/images/\(id)\"><code>tool</code></a>"))
            let page = try await client.send(.get, "/programs/filter", site.owner.browser)
            #expect(page.text.contains("the host’s own files"))
            let job = try await site.panal.submit(owner, program: "inside", submission: Submission())
            _ = try await site.panal.wait(owner, job: job.id, atMost: .seconds(20))
            let document = try await client.send(.get, "/api/v1/jobs/\(job.id)", site.owner.bearer).json
            #expect(document["rootfs"]?.text == digest && job.rootfs == digest)
            let host = try await site.job()
            #expect(
                try await client.send(.get, "/api/v1/jobs/\(host)", site.owner.bearer).json["rootfs"]?.text == "host")
            let shown = try await client.send(.get, "/jobs/\(job.id)", site.owner.browser)
            #expect(
                shown.text.contains("<a href=\"/images/\(id)\">Tool</a>") && shown.text.contains("sha256:\(digest)"))
            // Who would miss it is said before it goes, and to nobody else.
            let used = try await client.send(.get, "/images/\(id)", root.browser)
            #expect(used.text.contains("href=\"/programs/inside\"") && used.text.contains("would be refused: inside"))
            #expect(used.text.contains("others that name it would be refused: 1 of them"))
            let list = try await client.send(.get, "/images", root.browser)
            #expect(list.text.contains(">1 program"))
            let seen = try await client.send(.get, "/images/\(id)", site.other.browser)
            #expect(!seen.text.contains("/programs/inside"))
            _ = try await client.post("/images/\(id)/state", as: root, ["state": "disabled"])
            let disabled = try await client.send(.get, "/programs/inside", site.owner.browser)
            #expect(disabled.text.contains("<span class=\"bad\">disabled</span>"))
            _ = try await client.post("/images/\(id)/visibility", as: root, ["public": "false"])
            #expect(try await client.send(.get, "/images/\(id)", site.owner.browser).status == .notFound)
            // The job keeps its digest, and leads nowhere any more.
            let later = try await client.send(.get, "/jobs/\(job.id)", site.owner.browser)
            #expect(later.text.contains("sha256:\(digest)") && !later.text.contains("/images/\(id)"))
            let hidden = try await client.send(.get, "/programs/inside", site.owner.browser)
            #expect(hidden.text.contains("leads to no image"))
        }
    }

    @Test func manyImagesAreFoundAndTurnedThrough() async throws {
        try await Site.open { site, client in
            let root = site.administrator
            for number in 1...51 { _ = try await Self.imported(site, client, root, ["name": "image-\(number)."]) }
            let first = try await client.send(.get, "/images", root.browser)
            #expect(first.text.contains(">image-51.<") && !first.text.contains(">image-1.<"))
            #expect(first.text.contains("/images?page=2"))
            let second = try await client.send(.get, "/images?page=2", root.browser)
            #expect(second.text.contains(">image-1.<") && !second.text.contains(">image-2.<"))
            let found = try await client.send(.get, "/images?q=IMAGE-7.", root.browser)
            #expect(found.text.contains(">image-7.<") && !found.text.contains(">image-8.<"))
            #expect(try await client.send(.get, "/images?q=%3Cb%3E", root.browser).text.contains("No image is found."))
            // Others see nothing of them.
            let others = try await client.send(.get, "/images", site.other.browser)
            #expect(!others.text.contains(">image-"))
            #expect(first.text.utf8.count < 100_000)
        }
    }
}
