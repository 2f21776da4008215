import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import PanalCore
@testable import PanalHTTP
import PanalService
import Testing

@Suite("The OpenAPI document") struct DescriptionTests {
    private static func document(_ client: any TestClientProtocol, as visitor: Visitor) async throws -> JSONValue {
        let answer = try await client.send(.get, "/openapi.json", visitor.bearer)
        #expect(answer.status == .ok)
        return try answer.json
    }

    /// The operation of a route in `document`.
    private static func operation(_ route: Route, _ document: JSONValue) -> JSONValue? {
        document["paths"]?[OperationText.path(of: route)]?[route.method.rawValue.lowercased()]
    }

    @Test func everyRouteOfTheInterfaceIsDescribed() async throws {
        try await Site.open { site, client in
            let document = try await Self.document(client, as: site.stranger)
            for route in site.web.routes where RequestScope.isInterface(route.path) {
                let operation = Self.operation(route, document)
                let name = "\(route.method.rawValue) \(route.path)"
                #expect(operation?["summary"]?.text?.isEmpty == false, "\(name)")
                let tags = try #require(operation?["tags"]?.list, "\(name)")
                #expect(tags.count == 1)
                // A key must be good for something wherever one is needed.
                #expect((route.scope != nil) == (route.access == .interface || route.access == .administratorInterface))
                if let scope = route.scope {
                    #expect(operation?["security"]?.list?.first?["key"] == [.string(scope.rawValue)], "\(name)")
                }
                let statuses = Set(operation?["responses"]?.members.keys ?? [:].keys)
                #expect(statuses.contains { $0.hasPrefix("2") }, "\(name)")
                #expect(statuses.contains("500"), "\(name)")
            }
            let described = document["paths"]?.members.values.reduce(0) { $0 + $1.members.count }
            #expect(described == site.web.routes.filter { $0.operation != nil }.count)
        }
    }

    @Test func operationsHaveNamesOfTheirOwn() async throws {
        try await Site.open { site, client in
            let document = try await Self.document(client, as: site.administrator)
            let operations = (document["paths"]?.members.values).map { $0.flatMap(\.members.values) } ?? []
            let names = operations.compactMap { $0["operationId"]?.text }
            #expect(names.count == operations.count && Set(names).count == names.count)
            for name in names { #expect(name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }) }
        }
    }

    @Test func everyRefusalIsAProblemDocument() async throws {
        try await Site.open { site, client in
            let document = try await Self.document(client, as: site.owner)
            let check = SchemaCheck(document: document)
            let responses = try #require(document["components"]?["responses"]?.members)
            for (name, response) in responses {
                let problem = try #require(response["content"]?["application/problem+json"], "\(name)")
                let example = try #require(problem["example"], "\(name)")
                #expect(check.complaints(example, problem["schema"] ?? false) == [], "\(name)")
            }
            for (path, operations) in document["paths"]?.members ?? [:] {
                for (method, operation) in operations.members {
                    for (status, response) in operation["responses"]?.members ?? [:] where status.hasPrefix("4") {
                        let name = response["$ref"]?.text?.split(separator: "/").last.map(String.init)
                        #expect(responses[name ?? ""] != nil, "\(method) \(path) \(status)")
                    }
                }
            }
        }
    }

    @Test func examplesFitTheirSchemas() async throws {
        try await Site.open { site, client in
            let document = try await Self.document(client, as: site.owner)
            let check = SchemaCheck(document: document)
            var examples = 0
            for (path, operations) in document["paths"]?.members ?? [:] {
                for (method, operation) in operations.members {
                    let answers = operation["responses"]?.members.values.map(\.["content"]) ?? []
                    for content in answers + [operation["requestBody"]?["content"]] {
                        for (type, media) in content?.members ?? [:] {
                            let several = media["examples"]?.members.values.compactMap { $0["value"] } ?? []
                            for example in several + [media["example"]].compactMap(\.self) {
                                examples += 1
                                let complaints = check.complaints(example, media["schema"] ?? false)
                                #expect(complaints == [], "\(method) \(path) \(type)")
                            }
                        }
                    }
                }
            }
            #expect(examples > 30)
        }
    }

    /// What every route really answers, to everybody, stands in the document: status, media type, members, headers.
    @Test func realAnswersAreAsDescribed() async throws {
        try await Site.open { site, client in
            let document = try await Self.document(client, as: site.stranger)
            for row in AuthorisationTests.rows where RequestScope.isInterface(row.path) {
                let route = try #require(site.web.routes.first { "\($0.method.rawValue) \($0.path)" == row.route })
                for visitor in [site.stranger, site.other, site.administrator, site.owner] {
                    let answer = try await AuthorisationTests.ask(row, site, client, as: visitor)
                    let complaints = Self.complaints(answer, Self.operation(route, document), document)
                    #expect(complaints == [], "\(row.route) as \(visitor.name): \(answer.text.prefix(500))")
                }
            }
        }
    }

    /// Jobs of every kind: waiting, running, ended well and badly, cancelled.
    @Test func jobsAreAsDescribed() async throws {
        try await Site.open { site, client in
            let document = try await Self.document(client, as: site.stranger)
            let outcomes: [Outcome] = [
                .exited(code: 0), .exited(code: 3), .signalled(signal: 11), .notStarted(reason: "no such file"),
                .cpuTimeExceeded, .wallTimeExceeded, .memoryExceeded, .outputExceeded, .syscallDenied,
            ]
            var jobs: [JobID] = []
            for outcome in outcomes {
                jobs.append(
                    try await site.job(
                        Script(output: "o", error: "e", files: [("ä/b c.txt", [1, 2])], outcome: outcome)))
            }
            jobs.append(try await site.job(Script(isEndless: true)))
            jobs.append(try await site.job(Script(isEndless: true)))
            let show = try #require(document["paths"]?["/api/v1/jobs/{id}"]?["get"])
            for job in jobs {
                let answer = try await client.send(.get, "/api/v1/jobs/\(job)", site.owner.bearer)
                #expect(Self.complaints(answer, show, document) == [], "\(answer.text)")
            }
            let queue = try await client.send(.get, "/api/v1/queue", site.administrator.bearer)
            #expect(try queue.json["waiting"] == .integer(1))
            #expect(Self.complaints(queue, document["paths"]?["/api/v1/queue"]?["get"], document) == [])
            for job in jobs.suffix(2) { _ = try await client.send(.delete, "/api/v1/jobs/\(job)", site.owner.bearer) }
            let list = try await client.send(.get, "/api/v1/jobs?limit=3", site.owner.bearer)
            #expect(Self.complaints(list, document["paths"]?["/api/v1/jobs"]?["get"], document) == [])
        }
    }

    /// What is wrong with an answer by its operation.
    static func complaints(_ answer: TestResponse, _ operation: JSONValue?, _ document: JSONValue) -> [String] {
        let check = SchemaCheck(document: document)
        guard var response = operation?["responses"]?["\(answer.status.code)"] else {
            return ["\(answer.status.code) is not described"]
        }
        if let reference = response["$ref"]?.text { response = check.resolve(reference) ?? [:] }
        for (name, _) in response["headers"]?.members ?? [:] {
            // What says more than the common case is there when it has something to say.
            if ["Link", "Preference-Applied", "Retry-After", "Idempotency-Replayed"].contains(name) { continue }
            let isRefusal = answer.status.code >= 400
            if isRefusal, ["Accept", "RateLimit", "RateLimit-Policy"].contains(name) { continue }
            if answer.status == .forbidden, name == "WWW-Authenticate" { continue }
            // An estimate has made nothing.
            if name == "Location", (try? answer.json)?["dryRun"] == true { continue }
            if let field = HTTPField.Name(name), answer.headers[field] == nil { return ["\(name) is missing"] }
        }
        // The answer to HEAD has the headers alone.
        if operation?["operationId"] == "getUploadOffset" { return [] }
        let type = HeaderValues.mediaType(answer.headers[.contentType])
        guard let content = response["content"]?.members else {
            return answer.body.readableBytes == 0 ? [] : ["a body where none is described"]
        }
        guard let media = content[type ?? ""] ?? content["*/*"] else {
            return ["\(type ?? "nothing") is not described"]
        }
        guard type?.hasSuffix("json") == true, let schema = media["schema"] else { return [] }
        guard let json = try? answer.json else { return ["no JSON"] }
        return check.complaints(json, schema)
    }

    // MARK: Programs

    @Test func programsHaveOperationsOfTheirOwn() async throws {
        try await Site.open { site, client in
            let stranger = try await Self.document(client, as: site.stranger)
            let other = try await Self.document(client, as: site.other)
            let owner = try await Self.document(client, as: site.owner)
            for path in ["/api/v1/programs/filter/jobs", "/api/v1/programs/everything-more/jobs"] {
                #expect(stranger["paths"]?[path] == nil)
                #expect(other["paths"]?[path]?["post"] != nil)
            }
            #expect(other["paths"]?["/api/v1/programs/secreto/jobs"] == nil)
            #expect(owner["paths"]?["/api/v1/programs/secreto/jobs"] != nil)

            let run = try #require(other["paths"]?["/api/v1/programs/everything-more/jobs"]?["post"])
            #expect(run["operationId"] == "run_everything_more")
            let check = SchemaCheck(document: other)
            let body = run["requestBody"]?["content"]?["application/json"]?["schema"]?["$ref"]?.text
            let schema = try #require(body.flatMap(check.resolve))
            #expect(schema["properties"]?["size"]?["maximum"] == 9)
            #expect(schema["properties"]?["_profile"] != nil && schema["required"] == ["text"])
            #expect(run["parameters"]?.list?.contains { $0["in"] == "path" } == false)
            // A file comes by a form, or as an upload.
            let filter = try #require(
                other["paths"]?["/api/v1/programs/filter/jobs"]?["post"]?["requestBody"]?["content"])
            let form = filter["multipart/form-data"]?["schema"]
            let json = filter["application/json"]?["schema"]?["$ref"]?.text.flatMap(check.resolve)
            #expect(form?["properties"]?["imagen_de_entrada"]?["format"] == "binary")
            #expect(json?["properties"]?["imagen_de_entrada"]?["required"] == ["upload"])

            let answer = try await client.json(
                .post, "/api/v1/programs/everything-more/jobs", as: site.other, #"{"text": "a"}"#)
            #expect(Self.complaints(answer, run, other) == [])
        }
    }

    @Test func aWrongKeyIsRefusedEvenWhereNoneIsNeeded() async throws {
        try await Site.open { site, client in
            let answer = try await client.send(.get, "/openapi.json", [.authorization: "Bearer pnl_x"])
            #expect(answer.status == .unauthorized)
        }
    }
}
