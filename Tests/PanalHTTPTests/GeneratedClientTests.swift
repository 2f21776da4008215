import HTTPTypes
import HummingbirdTesting
import NIOCore
import PanalCore
@testable import PanalHTTP
import Testing

/// What generators of clients need of the document, so that what they make of it works.
@Suite("The document for generators") struct GeneratedClientTests {
    /// A generated client sends a default along, and it then stands in the way of what is said elsewhere.
    @Test func nothingThatIsSentHasADefault() async throws {
        try await Site.open { site, client in
            let document = try await client.send(.get, "/openapi.json", site.owner.bearer).json
            var places: [String] = []
            func look(_ value: JSONValue, _ place: String) {
                switch value {
                case .object(let members):
                    for (name, member) in members where name != "example" && name != "examples" {
                        // A field may be called so, and an answer of any other status is.
                        let isName = place.hasSuffix("/properties") || place.hasSuffix("/responses")
                        if name == "default", !isName { places.append(place) }
                        look(member, "\(place)/\(name)")
                    }
                case .array(let list): for (index, item) in list.enumerated() { look(item, "\(place)/\(index)") }
                default: break
                }
            }
            look(document, "")
            #expect(places == [])
            let dryRun = document["paths"]?["/api/v1/programs/{name}/jobs"]?["post"]?["parameters"]?.list?
                .first { $0["name"] == "dryRun" }
            #expect(dryRun?["schema"]?["description"] == "`false` when it is missing.")
        }
    }

    /// Null means nothing where a member may as well be missing; where it means something the description says so.
    @Test func onlyMeaningfulNullsAreDescribed() async throws {
        try await Site.open { site, client in
            let document = try await client.send(.get, "/openapi.json", site.owner.bearer).json
            let schemas = document["components"]?["schemas"]?.members ?? [:]
            var nullable: Set<String> = []
            for (name, schema) in schemas where name.hasSuffix("Request") {
                for (member, property) in schema["properties"]?.members ?? [:]
                where property["anyOf"]?.list?.contains(["type": "null"]) == true {
                    nullable.insert("\(name).\(member)")
                }
            }
            #expect(
                nullable == [
                    "SetBudgetRequest.amount", "ChangeGroupRequest.runningCores", "ChangeGroupRequest.queuedJobs",
                ])
        }
    }

    @Test func documentsAreNamedOnce() async throws {
        try await Site.open { site, client in
            let document = try await client.send(.get, "/openapi.json", site.owner.bearer).json
            var components: [String: JSONValue] = [:]
            for operation in site.web.routes.compactMap(\.operation).map(\.named) {
                for schema in operation.schemas {
                    for (name, json) in schema.components {
                        #expect(components[name] == nil || components[name] == json, "\(name) names two schemas")
                        components[name] = json
                    }
                }
            }
            for (path, operations) in document["paths"]?.members ?? [:] {
                for (method, operation) in operations.members {
                    let success = operation["responses"]?.members.filter { $0.key.hasPrefix("2") }.values
                        .map(\.["content"]?["application/json"]?["schema"])
                    let body = operation["requestBody"]?["content"]?["application/json"]?["schema"]
                    for schema in (success ?? []) + [body] {
                        #expect(schema?["properties"] == nil, "\(method) \(path)")
                    }
                }
            }
            for name in ["JobList", "ProgramVersionList", "DeliveryList", "SubmitBatchRequest"] {
                #expect(document["components"]?["schemas"]?[name] != nil, "\(name)")
            }
        }
    }

    /// Clients that know nothing of tus's own media type, nor of tar's.
    @Test func plainBytesAreTakenAndAnswered() async throws {
        try await Site.open { site, client in
            var headers = site.owner.bearer
            headers[.tusResumable] = "1.0.0"
            headers[.uploadLength] = "3"
            headers[.contentType] = "application/octet-stream"
            let made = try await client.execute(
                uri: "/api/v1/uploads", method: .post, headers: headers, body: ByteBuffer(string: "abc"))
            #expect(made.status == .created && made.headers[.uploadOffset] == "3")

            let job = try await site.job(Script(files: [("a.txt", [1, 2])], outcome: .exited(code: 0)))
            let uri = "/api/v1/jobs/\(job)/archive"
            var marks: [String: Set<String>] = [:]
            for (accept, type) in [
                ("*/*", "application/x-tar"), ("application/octet-stream", "application/octet-stream"),
                ("application/x-tar, application/octet-stream", "application/x-tar"),
            ] {
                var headers = site.owner.bearer
                headers[.accept] = accept
                let answer = try await client.send(.get, uri, headers)
                #expect(answer.status == .ok && answer.headers[.contentType] == type, "\(accept)")
                // Or a cache would hand one out for the other.
                #expect(answer.headers[.vary] == "Accept", "\(accept)")
                marks[type, default: []].insert(try #require(answer.headers[.eTag]))
            }
            #expect(marks.values.allSatisfy { $0.count == 1 } && Set(marks.values.joined()).count == 2)
            for part in ["events", "stdout", "stderr"] {
                let answer = try await client.send(.get, "/api/v1/jobs/\(job)/\(part)", site.owner.bearer)
                #expect(answer.headers[.vary] == "Accept", "\(part)")
            }
        }
    }
}
