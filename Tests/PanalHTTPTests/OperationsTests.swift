import Foundation
import HTTPTypes
import HummingbirdTesting
import PanalCore
import PanalHTTP
import PanalService
import Testing

@Suite("Operations") struct OperationsTests {
    /// Requests stand under their route, not under their address, and a histogram's parts add up.
    @Test func requestsAreCountedByRoute() async throws {
        try await Site.open { site, client in
            let job = try await site.job()
            for _ in 0..<3 { _ = try await client.send(.get, "/api/v1/jobs/\(job)", site.owner.bearer) }
            _ = try await client.send(.get, "/api/v1/jobs/\(job)", site.other.bearer)
            _ = try await client.send(.get, "/there/is/nothing\u{7f}")
            _ = try await client.send(.init("BREW") ?? .get, "/api/v1/jobs")
            let text = try await client.send(.get, "/metrics", site.administrator.bearer).text
            let route = #"method="GET",route="/api/v1/jobs/{id}""#
            for line in [
                #"panal_http_requests_total{\#(route),status="200"} 3.0"#,
                #"panal_http_requests_total{\#(route),status="404"} 1.0"#,
                #"panal_http_request_seconds_bucket{\#(route),le="+Inf"} 4.0"#,
                #"panal_http_request_seconds_count{\#(route)} 4.0"#, "panal_http_requests_open 1.0",
                "# TYPE panal_http_request_seconds histogram", "# TYPE panal_store_transaction_seconds histogram",
            ] {
                #expect(text.contains(line), "\(line)")
            }
            #expect(!text.contains(job.text) && !text.contains("BREW") && !text.contains("/there/is"))
            // Each line is a comment or a name with a number, and nothing is given twice.
            var seen: Set<Substring> = []
            for line in text.split(separator: "\n") where !line.hasPrefix("#") {
                let halves = line.split(separator: " ")
                #expect(halves.count >= 2 && Double(halves[halves.count - 1]) != nil, "\(line)")
                let name = line.dropLast((halves.last?.count ?? 0) + 1)
                #expect(seen.insert(name).inserted, "\(line)")
            }
        }
    }

    @Test func theStoreTellsItsSizeAndTimes() async throws {
        try await Site.open { site, client in
            _ = try await site.job()
            let text = try await client.send(.get, "/metrics", site.administrator.bearer).text
            func value(_ name: String) -> Double {
                let line = text.split(separator: "\n").first { $0.hasPrefix("\(name) ") }
                return line.flatMap { Double($0.dropFirst(name.count + 1)) } ?? -1
            }
            #expect(value("panal_store_bytes") > 10_000)
            #expect(value("panal_store_transaction_seconds_count") > 3)
            #expect(value("panal_store_transaction_seconds_sum") > 0)
            #expect(value("panal_store_failures_total") == 0 && value("panal_webhooks_waiting") == 0)
        }
    }

    /// The trace of the client goes on under a span of this server's; what is no trace begins a new one.
    @Test func tracesGoOn() async throws {
        try await Site.open { _, client in
            let name = try #require(HTTPField.Name("traceparent"))
            let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            let answered = try #require(try await client.send(.get, "/healthz", [name: given]).headers[name])
            #expect(answered.hasPrefix("00-4bf92f3577b34da6a3ce929d0e0e4736-") && answered.hasSuffix("-01"))
            #expect(answered != given)
            var seen: Set<String> = []
            for wrong in [
                "", "00", "00-0-0-0", "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", given.uppercased(),
                "ff" + given.dropFirst(2),
                given + "-more", String(repeating: "a", count: 5_000),
            ] {
                let made = try #require(try await client.send(.get, "/healthz", [name: wrong]).headers[name])
                #expect(made.utf8.count == 55 && !made.contains("4bf92f3577b34da6") && seen.insert(made).inserted)
            }
        }
    }
}
