import HTTPTypes
import Hummingbird
import HummingbirdTesting
import PanalCore
import PanalService
import Testing

@testable import PanalHTTP

/// What becomes of outputs, over HTTP.
@Suite("Retention over HTTP") struct RetentionInterfaceTests {
    @Test func whatIsRemovedIsGoneAndTheRecordSaysSo() async throws {
        try await Site.open { site, client in
            let job = try await site.job(
                Script(output: "hello\n", files: [("a/b.txt", Array("x".utf8))]))
            let path = "/api/v1/jobs/\(job)"
            let before = try await client.send(.get, path, site.owner.bearer).json
            #expect(before["kept"] == false && before["outputsExpireAt"] == nil && before["outputsRemoved"] == nil)
            let removed = try await client.send(.delete, "\(path)/outputs", site.owner.bearer)
            #expect(removed.status == .ok)
            let record = try removed.json["outputsRemoved"]
            #expect(record?["cause"] == "request" && record?["bytes"] == 7 && record?["files"] == 1)
            #expect(try removed.json["files"]?.list?.first?["path"] == "a/b.txt")
            for place in ["stdout", "stderr", "files/a/b.txt"] {
                let answer = try await client.send(.get, "\(path)/\(place)", site.owner.bearer)
                #expect(answer.status == .gone, "\(place)")
                #expect(answer.headers[.contentType] == "application/problem+json")
                #expect(try answer.json["type"] == "urn:panal:problem:gone")
            }
            var wish = site.owner.bearer
            wish[.accept] = "text/event-stream"
            let live = try await client.send(.get, "\(path)/stdout", wish)
            #expect(live.status == .gone)
            #expect(try await client.send(.get, "\(path)/files/none", site.owner.bearer).status == .notFound)
            #expect(try await client.json(.patch, path, as: site.owner, #"{"kept": true}"#).status == .gone)
            let page = try await client.send(.get, "/jobs/\(job)", site.owner.browser)
            #expect(page.status == .ok && page.text.contains("were removed on"))
            #expect(!page.text.contains("action=\"/jobs/\(job)/kept\""))
            let metrics = try await client.send(.get, "/metrics", site.administrator.bearer).text
            #expect(metrics.contains("panal_job_output_removed_bytes_total{cause=\"request\"} 7"))
        }
    }

    @Test func whatIsKeptSaysSoOnItsPage() async throws {
        try await Site.open { site, client in
            let root = try #require(site.administrator.principal)
            _ = try await site.panal.changeSettings(root, ["outputRetentionDays": 30])
            let job = try await site.job()
            let ended = try #require(try await site.panal.job(root, job).ended)
            let answer = try await client.send(.get, "/api/v1/jobs/\(job)", site.owner.bearer)
            let expiry = ended + .seconds(30 * 86_400)
            #expect(try answer.json["outputsExpireAt"] == .string(expiry.rfc3339))
            let page = try await client.send(.get, "/jobs/\(job)", site.owner.browser)
            #expect(page.text.contains("Kept until \(Wording.moment(expiry)) at least"))
            #expect(try await client.post("/jobs/\(job)/kept", as: site.owner, ["kept": "true"]).status == .seeOther)
            let kept = try await client.send(.get, "/api/v1/jobs/\(job)", site.owner.bearer)
            #expect(try kept.json["kept"] == true && kept.json["outputsExpireAt"] == nil)
            #expect(try await client.send(.get, "/jobs/\(job)", site.owner.browser).text.contains("whatever their age"))
            let odd = try await client.post("/jobs/\(job)/kept", as: site.owner, ["kept": "perhaps"])
            #expect(odd.status == .badRequest)
            #expect(
                try await client.post("/jobs/\(job)/outputs", as: site.owner, token: "wrong").status == .forbidden)
            #expect(try await client.post("/jobs/\(job)/outputs", as: site.owner).status == .seeOther)
            let stream = try await client.send(.get, "/jobs/\(job)/stdout", site.owner.browser)
            #expect(stream.status == .gone)
        }
    }
}
