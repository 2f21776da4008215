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

extension Site {
    /// A job of the owner's that runs in an image of everybody's, until it is cancelled, and may write there.
    func writableJob() async throws -> JobID {
        let (root, principal) = (try #require(administrator.principal), try #require(owner.principal))
        let archive =
            AuthorisationTests.entry("bin/sh", mode: "0000755")
            + AuthorisationTests.entry("etc/passwd", mode: "0000644")
            + [UInt8](repeating: 0, count: 1_024)
        let upload = try await panal.beginUpload(root, length: archive.count, metadata: "")
        let pieces = AsyncStream<[UInt8]> { continuation in
            continuation.yield(archive)
            continuation.finish()
        }
        _ = try await panal.receive(root, upload.id, at: 0, checksum: nil, pieces)
        let image = try await panal.makeRootfs(
            root, RootfsRequest(name: "base", upload: upload.id, isPublic: true, alias: "base")
        ).image.id
        while try await panal.rootfsImage(root, image).image.state == .processing {
            try await Task.sleep(for: .milliseconds(2))
        }
        _ = try await publish(
            #"{"name": "writer", "rootfs": "base", "writable": true, "inputs": []}"#, isPublic: true, as: principal)
        executor.script.withLock { $0 = Script(isEndless: true) }
        executor.layer.withLock {
            $0 = AuthorisationTests.entry("opt/new", mode: "0000644") + [UInt8](repeating: 0, count: 1_024)
        }
        let job = try await panal.submit(principal, program: "writer", submission: Submission())
        while try await panal.job(principal, job.id).state != .running { try await Task.sleep(for: .milliseconds(2)) }
        return job.id
    }

    /// Ends what of the owner's runs, so that others have its cores.
    func endJobs() async throws {
        let principal = try #require(owner.principal)
        for job in try await panal.jobs(principal) where !job.state.isFinal {
            _ = try await panal.cancel(principal, job.id)
            _ = try await panal.wait(principal, job: job.id, atMost: .seconds(20))
        }
    }

    /// The image when it is not being made any more.
    func made(_ image: RootfsID) async throws -> RootfsImage {
        let principal = try #require(owner.principal)
        while try await panal.rootfsImage(principal, image).image.state == .copying {
            try await Task.sleep(for: .milliseconds(2))
        }
        return try await panal.rootfsImage(principal, image).image
    }
}

/// Copies of running jobs over HTTP: by programs, and by the page.
@Suite("Copies of jobs", .timeLimit(.minutes(5))) struct CopyInterfaceTests {
    private static func json(_ visitor: Visitor) -> HTTPFields {
        var headers = visitor.bearer
        headers[.contentType] = "application/json"
        return headers
    }

    @Test func aCopyIsAnsweredWithItsImage() async throws {
        try await Site.open { site, client in
            let job = try await site.writableJob()
            var headers = Self.json(site.owner)
            headers[.idempotencyKey] = "\"a-copy\""
            let body = ByteBuffer(string: #"{"name": "mine"}"#)
            let answer = try await client.send(.post, "/api/v1/jobs/\(job)/copy", headers, body: body)
            #expect(answer.status == .accepted, "\(answer.text)")
            let image = try #require(try answer.json["id"]?.text.flatMap { RootfsID($0) })
            #expect(answer.headers[.location] == "/api/v1/rootfs/\(image)")
            #expect(try answer.json["state"]?.text == "copying" && answer.json["job"]?.text == job.text)
            #expect(try answer.json["owner"]?.text == "ana" && answer.json["public"] == .boolean(false))
            #expect(try await site.made(image).state == .available)
            // The same once more is the same; another one with its key is none.
            let again = try await client.send(.post, "/api/v1/jobs/\(job)/copy", headers, body: body)
            #expect(again.status == .accepted && again.headers[.idempotencyReplayed] == "true")
            #expect(try again.json["id"]?.text == image.text)
            let other = ByteBuffer(string: #"{"name": "mine", "then": "end"}"#)
            let refused = try await client.send(.post, "/api/v1/jobs/\(job)/copy", headers, body: other)
            #expect(refused.status == .unprocessableContent)
            let shown = try await client.send(.get, "/api/v1/jobs/\(job)", site.owner.bearer).json
            #expect(shown["writable"] == .boolean(true) && shown["copies"] == .array([.string(image.text)]))
            let events = try await client.send(.get, "/api/v1/jobs/\(job)/events", site.owner.bearer).json
            let states = events["events"]?.list?.compactMap { $0["state"]?.text } ?? []
            #expect(states.contains("copyRequested") && states.contains("copying"))
        }
    }

    @Test func aJobEndsBehindItsCopy() async throws {
        try await Site.open { site, client in
            let job = try await site.writableJob()
            let body = ByteBuffer(string: #"{"name": "mine", "then": "end"}"#)
            let answer = try await client.send(.post, "/api/v1/jobs/\(job)/copy", Self.json(site.owner), body: body)
            #expect(answer.status == .accepted)
            let ended = try await site.panal.wait(try #require(site.owner.principal), job: job, atMost: .seconds(20))
            #expect(ended.state == .finished && ended.outcome == .cancelled)
        }
    }

    @Test func whatIsWrongIsSaid() async throws {
        try await Site.open { site, client in
            let job = try await site.writableJob()
            for (body, pointer) in [
                ("{}", "/name"), (#"{"name": ""}"#, "/name"), (#"{"name": "x", "then": "stop"}"#, "/then"),
                (#"{"name": "x", "public": true}"#, "/public"), (#"{"name": 3}"#, "/name"),
            ] {
                let answer = try await client.send(
                    .post, "/api/v1/jobs/\(job)/copy", Self.json(site.owner), body: ByteBuffer(string: body))
                #expect(answer.status == .unprocessableContent, "\(body)")
                #expect(try answer.json["errors"]?.list?.first?["pointer"]?.text == pointer, "\(answer.text)")
            }
            #expect(try await site.panal.rootfsImages(try #require(site.owner.principal)).count == 1)
        }
    }

    // MARK: Pages

    @Test func aJobIsCopiedByItsPage() async throws {
        try await Site.open { site, client in
            let job = try await site.writableJob()
            let page = try await client.send(.get, "/jobs/\(job)", site.owner.browser)
            #expect(page.text.contains("href=\"/jobs/\(job)/copy\"") && page.text.contains("Copy into an image"))
            let form = try await client.send(.get, "/jobs/\(job)/copy", site.owner.browser)
            #expect(form.text.contains("action=\"/jobs/\(job)/copy\"") && form.text.contains("value=\"writer\""))
            let wrong = try await client.post("/jobs/\(job)/copy", as: site.owner, ["name": " "])
            #expect(wrong.status == .unprocessableContent && wrong.text.contains("role=\"alert\""))
            let sent = try await client.post("/jobs/\(job)/copy", as: site.owner, ["name": "<b>mine</b>"])
            #expect(sent.status == .seeOther)
            let image = try #require(
                sent.headers[.location].flatMap { RootfsID(String($0.dropFirst("/images/".count))) })
            #expect(try await site.made(image).name == "<b>mine</b>")
            let shown = try await client.send(.get, "/images/\(image)", site.owner.browser)
            #expect(shown.text.contains("Copied from job") && shown.text.contains(job.text))
            let after = try await client.send(.get, "/jobs/\(job)", site.owner.browser)
            #expect(after.text.contains("href=\"/images/\(image)\">&lt;b&gt;mine&lt;/b&gt;</a>"))
            // Without the form's token nothing happens.
            let forged = try await client.post("/jobs/\(job)/copy", as: site.owner, ["name": "x"], token: "no")
            #expect(forged.status == .forbidden)
        }
    }

    @Test func aJobThatCannotBeCopiedSaysSo() async throws {
        try await Site.open { site, client in
            let ended = try await site.job()
            let page = try await client.send(.get, "/jobs/\(ended)", site.owner.browser)
            #expect(!page.text.contains("/copy\""))
            #expect(try await client.send(.get, "/jobs/\(ended)/copy", site.owner.browser).status == .seeOther)
            var headers = site.owner.browser
            headers[.acceptLanguage] = "es"
            headers[.contentType] = "application/x-www-form-urlencoded"
            let sent = try await client.send(
                .post, "/jobs/\(ended)/copy", headers, body: ByteBuffer(string: "name=x&_csrf=\(site.owner.csrf)"))
            #expect(sent.status == .conflict && sent.text.contains("Ahora no se puede copiar"), "\(sent.text)")
        }
    }
}
