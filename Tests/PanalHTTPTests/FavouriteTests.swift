import Foundation
import HTTPTypes
import HummingbirdTesting
import PanalCore
import PanalService
import Testing

@testable import PanalHTTP

/// What users mark for themselves, and links that they end.
@Suite("Favourites and links") struct FavouriteTests {
    @Test func favouritesComeFirstAndAreOnesOwn() async throws {
        try await Site.open { site, client in
            let hostile = "/programs?q=%22%3E%3Cb%3E"
            let before = try await client.send(.get, "/programs", site.owner.browser).text
            #expect(!before.contains("aria-pressed=\"true\""))
            let marked = try await client.post(
                "/programs/secreto/favourite", as: site.owner, ["favourite": "true", "return": hostile])
            #expect(marked.status == .seeOther && marked.headers[.location] == hostile)
            let page = try await client.send(.get, "/programs", site.owner.browser).text
            let places = try ["secreto", "everything-more", "filter"].map {
                try #require(page.firstRange(of: "<h2><a href=\"/programs/\($0)\"")?.lowerBound)
            }
            #expect(places == places.sorted() && page.components(separatedBy: "aria-pressed=\"true\"").count == 2)
            #expect(
                try await client.send(.get, "/programs/secreto", site.owner.browser).text.contains(
                    "aria-pressed=\"true\""))
            #expect(!(try await client.send(.get, hostile, site.owner.browser).text.contains("<b>")))
            // Nobody else's list changes, not even the administrator's.
            for visitor in [site.other, site.administrator] {
                #expect(!(try await client.send(.get, "/programs", visitor.browser).text.contains("\"true\" aria")))
                let list = try await client.send(.get, "/api/v1/favourites", visitor.bearer)
                #expect(try list.json["programs"]?.list?.isEmpty == true)
            }
            // Elsewhere one is not sent.
            let away = try await client.post(
                "/programs/secreto/favourite", as: site.owner, ["favourite": "true", "return": "//elsewhere"])
            #expect(away.headers[.location] == "/")
            let unsaid = try await client.post("/programs/secreto/favourite", as: site.owner)
            #expect(unsaid.status == .badRequest)
        }
    }

    @Test func favouritesByTheInterface() async throws {
        try await Site.open { site, client in
            let names = { () -> [String?] in
                let list = try await client.send(.get, "/api/v1/favourites", site.other.bearer).json["programs"]?.list
                return try #require(list).map { $0["name"]?.text }
            }
            for _ in 0..<2 {
                let put = try await client.send(.put, "/api/v1/programs/filter/favourite", site.other.bearer)
                #expect(put.status == .noContent)
            }
            #expect(try await names() == ["filter"])
            // What others keep for themselves is not there for them, marked or not.
            #expect(
                try await client.send(.put, "/api/v1/programs/secreto/favourite", site.other.bearer).status == .notFound
            )
            let owner = try #require(site.owner.principal)
            _ = try await site.panal.setPublic(owner, name: "filter", to: false)
            #expect(try await names() == [])
            _ = try await site.panal.setPublic(owner, name: "filter", to: true)
            for _ in 0..<2 {
                let deleted = try await client.send(.delete, "/api/v1/programs/filter/favourite", site.other.bearer)
                #expect(deleted.status == .noContent)
            }
            #expect(try await names() == [])
        }
    }

    /// Each link by itself: the others go on.
    @Test func linksEndOneByOne() async throws {
        try await Site.open { site, client in
            let job = try await AuthorisationTests.withFile(site)
            let list = "/api/v1/jobs/\(job)/shares"
            var made: [JSONValue] = []
            for days in [1, 90] {
                let answer = try await client.json(.post, list, as: site.owner, "{\"days\": \(days)}")
                #expect(answer.status == .created)
                made.append(try answer.json)
            }
            let links = try made.map { try #require($0["url"]?.text) }
            let ids = try made.map { try #require($0["id"]?.text) }
            for link in links { #expect(try await client.send(.get, link).status == .ok) }
            let page = try await client.send(.get, "/jobs/\(job)", site.owner.browser).text
            #expect(ids.allSatisfy { page.contains("/jobs/\(job)/shares/\($0)/end") })
            // Another job's address ends nothing.
            let other = try await AuthorisationTests.withFile(site)
            let wrong = try await client.send(.delete, "/api/v1/jobs/\(other)/shares/\(ids[0])", site.owner.bearer)
            #expect(wrong.status == .notFound)
            #expect(try await client.send(.get, links[0]).status == .ok)
            let ended = try await client.post("/jobs/\(job)/shares/\(ids[0])/end", as: site.owner)
            #expect(ended.status == .seeOther)
            #expect(try await client.send(.get, links[0]).status == .notFound)
            #expect(try await client.send(.get, links[0] + "/archive").status == .notFound)
            #expect(try await client.send(.get, links[1]).status == .ok)
            #expect(
                try await client.send(.delete, "\(list)/\(ids[0])", site.owner.bearer).status == .notFound)
            let rest = try await client.send(.get, list, site.administrator.bearer).json["shares"]?.list
            #expect(rest?.map { $0["id"]?.text } == [ids[1]])
            for days in ["0", "91", "1.5", "\"1\"", "null"] {
                let refused = try await client.json(.post, list, as: site.owner, "{\"days\": \(days)}")
                #expect([400, 422].contains(refused.status.code), "\(days)")
            }
            for _ in 1..<Panal.mostShares {
                #expect(try await client.json(.post, list, as: site.owner, "{\"days\": 1}").status == .created)
            }
            #expect(try await client.json(.post, list, as: site.owner, "{\"days\": 1}").status == .conflict)
        }
    }

    /// Behind TLS what is copied out of a page names it.
    @Test(arguments: [(true, "https://"), (false, "http://")])
    func addressesToCopyAreThoseThatBrowsersUse(isSecure: Bool, scheme: String) async throws {
        try await Site.open(WebConfiguration(secureCookies: isSecure)) { site, client in
            var visitor = site.owner
            if isSecure { visitor.cookie = "x; __Host-panal_session=\(visitor.cookie)" }
            let page = try await client.send(.get, "/programs/filter", visitor.browser).text
            #expect(page.components(separatedBy: "\(scheme)localhost/api/v1/programs/filter/jobs").count == 4)
        }
    }
}
