import HTTPTypes
import HummingbirdTesting
import PanalCore
import PanalHTTP
import PanalService
import Testing

@Suite("How often somebody may ask") struct RateLimitTests {
    private static let limit = HTTPField.Name("RateLimit")
    private static let policy = HTTPField.Name("RateLimit-Policy")

    private static func set(_ site: Site, _ settings: [String: JSONValue?]) async throws {
        _ = try await site.panal.changeSettings(try #require(site.administrator.principal), settings)
    }

    @Test func keysAreHeldToTheirOwn() async throws {
        let (limit, policy) = (try #require(Self.limit), try #require(Self.policy))
        try await Site.open { site, client in
            let free = try await client.send(.get, "/api/v1/jobs", site.owner.bearer)
            #expect(free.headers[limit] == nil)
            try await Self.set(site, ["requestsPerMinute": 1, "requestBurst": 2])
            let first = try await client.send(.get, "/api/v1/jobs", site.owner.bearer)
            #expect(first.headers[policy] == "\"key\";q=1;w=60")
            #expect(first.headers[limit]?.hasPrefix("\"key\";r=1;t=") == true)
            _ = try await client.send(.get, "/api/v1/jobs", site.owner.bearer)
            let third = try await client.send(.get, "/api/v1/jobs", site.owner.bearer)
            #expect(third.status == .tooManyRequests)
            #expect(third.headers[limit]?.hasPrefix("\"key\";r=0;t=") == true)
            #expect(third.headers[.retryAfter].flatMap(Int.init).map { (1...60).contains($0) } == true)
            #expect(try third.json["type"] == "urn:panal:problem:rate-limited")
            // Another key, a session and other users have buckets of their own.
            #expect(try await client.send(.get, "/api/v1/jobs", site.other.bearer).status == .ok)
            let session = try await client.send(.get, "/api/v1/jobs", site.owner.browser)
            #expect(session.status == .ok && session.headers[policy] == "\"session\";q=1;w=60")
        }
    }

    /// Who guesses at keys or signs in again and again is an address among others.
    @Test func strangersAreHeldByTheirAddress() async throws {
        try await Site.open { site, client in
            try await Self.set(site, ["strangerRequestsPerMinute": 1, "strangerRequestBurst": 3])
            #expect(try await client.send(.get, "/sign-in").status == .ok)
            #expect(try await client.send(.get, "/api/v1/jobs").status == .unauthorized)
            let guess: HTTPFields = [.authorization: "Bearer pnl_x_y"]
            #expect(try await client.send(.get, "/api/v1/jobs", guess).status == .unauthorized)
            #expect(try await client.send(.get, "/api/v1/jobs", guess).status == .tooManyRequests)
            #expect(try await client.send(.get, "/sign-in").status == .tooManyRequests)
            for path in ["/healthz", "/readyz", "/assets/panal.css"] {
                #expect(try await client.send(.get, path).status == .ok)
            }
            #expect(try await client.send(.get, "/api/v1/jobs", site.owner.bearer).status == .ok)
        }
    }
}
