import HTTPTypes
import PanalCore
import PanalService
import Testing

@testable import PanalHTTP

/// Programs that their owner takes away, by the page and by the interface.
@Suite("Withdrawing programs") struct WithdrawalPageTests {
    private static func publish(_ site: Site, _ label: String) async throws -> Int {
        try await site.publish(
            "{\"name\": \"doomed\", \"description\": \"\(label)\", \"inputs\": []}", isPublic: true,
            as: try #require(site.owner.principal)
        ).version.number
    }

    @Test func thePageAsksOnceMore() async throws {
        try await Site.open { site, client in
            #expect(try await Self.publish(site, "one") == 1)
            #expect(try await Self.publish(site, "two") == 2)
            let uri = "/programs/doomed/withdraw"
            let page = try await client.send(.get, "/programs/doomed", site.owner.browser).text
            #expect(page.contains("action=\"\(uri)\"") && page.contains("Version 2 only"))
            var headers = site.owner.browser
            headers[.acceptLanguage] = "es"
            #expect(try await client.send(.get, "/programs/doomed", headers).text.contains("Solo la versión 2"))
            #expect(!(try await client.send(.get, "/programs/doomed", site.other.browser).text.contains(uri)))
            // Without the tick nothing happens, and others may not at all.
            let unsure = try await client.post(uri, as: site.owner, ["version": "2"])
            #expect(unsure.status == .unprocessableContent)
            let other = try await client.post(uri, as: site.other, ["version": "2", "sure": "true"])
            #expect(other.status == .forbidden)
            let one = try await client.post(uri, as: site.owner, ["version": "2", "sure": "true"])
            #expect(one.status == .seeOther && one.headers[.location] == "/programs/doomed")
            #expect(try await client.send(.get, "/programs/doomed", site.owner.browser).text.contains("Version 1 only"))
            let all = try await client.post(uri, as: site.owner, ["version": "", "sure": "true"])
            #expect(all.status == .seeOther && all.headers[.location] == "/programs")
            #expect(try await client.send(.get, "/programs/doomed", site.owner.browser).status == .notFound)
        }
    }

    @Test func theInterfaceComparesWhatWasRead() async throws {
        try await Site.open { site, client in
            #expect(try await Self.publish(site, "one") == 1)
            let uri = "/api/v1/programs/doomed"
            let mark = try #require(try await client.send(.get, uri, site.owner.bearer).headers[.eTag])
            #expect(try await Self.publish(site, "two") == 2)
            var headers = site.owner.bearer
            headers[.ifMatch] = mark
            #expect(try await client.send(.delete, uri, headers).status == .preconditionFailed)
            let job = try await site.panal.submit(
                try #require(site.owner.principal), program: "doomed", submission: .init())
            #expect(try await client.send(.delete, "\(uri)/versions/2", site.owner.bearer).status == .noContent)
            #expect(try await client.send(.get, "\(uri)/versions/2", site.owner.bearer).status == .notFound)
            #expect(try await client.send(.get, uri, site.owner.bearer).json["latest"] == 1)
            #expect(try await client.send(.delete, "\(uri)/versions/0", site.owner.bearer).status == .notFound)
            #expect(try await client.send(.delete, uri, site.other.bearer).status == .forbidden)
            #expect(try await client.send(.delete, uri, site.owner.bearer).status == .noContent)
            #expect(try await client.send(.delete, uri, site.owner.bearer).status == .notFound)
            let run = try await client.json(.post, "\(uri)/jobs", as: site.owner, "{}")
            #expect(run.status == .notFound)
            // The history is there, and its page.
            let history = try await client.send(.get, "/api/v1/jobs/\(job.id)", site.owner.bearer)
            #expect(try history.status == .ok && history.json["version"] == 2)
            #expect(try await client.send(.get, "/jobs/\(job.id)", site.owner.browser).status == .ok)
        }
    }
}
