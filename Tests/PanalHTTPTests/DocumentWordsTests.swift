import Foundation
import HTTPTypes
import HummingbirdTesting
import PanalCore
@testable import PanalHTTP
import PanalManifest
import Testing

/// What the document explains: operations, events, states, problems, manifests.
@Suite("What the document explains") struct DocumentWordsTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    @Test func everyOperationIsExplained() async throws {
        try await Site.open { site, client in
            let document = try await client.send(.get, "/openapi.json", site.administrator.bearer).json
            for (path, operations) in document["paths"]?.members ?? [:] {
                for (method, operation) in operations.members
                where operation["operationId"]?.text?.hasPrefix("run_") == false {
                    #expect(operation["description"]?.text?.isEmpty == false, "\(method) \(path)")
                    for parameter in operation["parameters"]?.list ?? [] {
                        #expect(parameter["description"]?.text?.isEmpty == false, "\(method) \(path) \(parameter)")
                    }
                }
            }
            let silent = Set(site.web.routes.compactMap(\.operation).filter { $0.note == nil }.map(\.id))
            let needless = Set(OperationNotes.texts.keys).subtracting(silent)
            #expect(needless == [], "these say it where they are declared, or are no operations")
        }
    }

    @Test func everyWordHasAMeaning() {
        for state in JobState.allCases { #expect(JobState.meanings[state.rawValue] != nil, "\(state)") }
        for event in WebhookEvent.allCases { #expect(WebhookEvent.meanings[event.rawValue] != nil, "\(event)") }
        let kinds = Set(ProblemKinds.meanings.map(\.key))
        for code in ServiceError.Code.allCases {
            let (status, kind, _) = Problem.status(of: code)
            #expect(kinds.contains(kind), "\(kind)")
            let row = ProblemKinds.meanings.first { $0.key == kind }
            #expect(row?.value.hasPrefix("\(status.code):") == true, "\(kind)")
        }
    }

    /// Kinds that the service does not know are written where they are thrown.
    @Test func everyProblemIsListed() throws {
        let kinds = Set(ProblemKinds.meanings.map(\.key))
        let folder = Self.root.appending(path: "Sources/PanalHTTP")
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        var found = 0
        for case let file as URL in files where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(of: #/WebError\(\s*\.\w+,\s*"([a-z-]+)"/#) {
                found += 1
                #expect(kinds.contains(String(match.output.1)), "\(match.output.1) of \(file.lastPathComponent)")
            }
        }
        #expect(found > 5)
    }

    @Test func everyEventHasAMessage() async throws {
        try await Site.open { site, client in
            let document = try await client.send(.get, "/openapi.json", site.owner.bearer).json
            let check = SchemaCheck(document: document)
            let webhooks = document["webhooks"]?.members ?? [:]
            #expect(Set(webhooks.keys) == Set(WebhookEvent.allCases.map(\.rawValue)))
            for (event, webhook) in webhooks {
                let body = webhook["post"]?["requestBody"]?["content"]?["application/json"]?["schema"]
                let schema = try #require(check.resolve(body?["$ref"]?.text ?? ""), "\(event)")
                #expect(schema["properties"]?["type"]?["enum"] == [.string(event)])
                #expect(webhook["post"]?["parameters"]?.list?.count == 4)
            }
            let message: JSONValue = [
                "type": "job.finished", "timestamp": "2026-11-21T14:30:00Z",
                "data": [
                    "job": "01k8zq4m3rh7x2c5w9ta", "url": "/api/v1/jobs/01k8zq4m3rh7x2c5w9ta", "program": "filter",
                    "version": 1, "profile": "small", "submitted": "2026-11-21T14:30:00Z", "state": "finished",
                    "ended": "2026-11-21T14:30:00Z", "outcome": ["type": "exited", "code": 0],
                ],
            ]
            #expect(check.complaints(message, ["$ref": "#/components/schemas/JobFinishedMessage"]) == [])
            let wrong: JSONValue = ["type": "job.finished", "timestamp": "2026-11-21T14:30:00Z", "data": ["job": "x"]]
            #expect(check.complaints(wrong, ["$ref": "#/components/schemas/JobFinishedMessage"]) != [])
        }
    }

    // MARK: Manifests

    @Test func everyManifestOfTheRepositoryFitsItsSchema() throws {
        let check = SchemaCheck(document: [:])
        var count = 0
        for folder in ["Examples", "Demos"] {
            for name in try FileManager.default.contentsOfDirectory(
                atPath: Self.root.appending(path: folder).path())
            {
                let file = Self.root.appending(path: "\(folder)/\(name)/manifest.json")
                guard let data = try? Data(contentsOf: file) else { continue }
                count += 1
                let document = try JSONValue(parsing: data)
                #expect(check.complaints(document, Manifest.documentSchema) == [], "\(name)")
            }
        }
        #expect(count > 20)
    }

    /// Every key of the reader is in the schema with a word on it, and every key of the schema is one that the reader takes.
    @Test func theSchemaHasTheReadersKeys() throws {
        let field = #"{"name": "a", "type": "text""#
        let places: [(document: String, path: [String], pointer: String)] = [
            (#"{"name": "x", "qqqq": 1}"#, [], "/qqqq"),
            (#"{"name": "x", "inputs": [\#(field), "qqqq": 1}]}"#, ["inputs", "items"], "/inputs/0/qqqq"),
            (
                #"{"name": "x", "outputs": [{"name": "a", "path": "a", "qqqq": 1}]}"#, ["outputs", "items"],
                "/outputs/0/qqqq"
            ),
            (#"{"name": "x", "resources": {"qqqq": 1}}"#, ["resources"], "/resources/qqqq"),
            (
                #"{"name": "x", "inputs": [\#(field)}], "sections": [{"name": "s", "inputs": ["a"], "qqqq": 1}]}"#,
                ["sections", "items"], "/sections/0/qqqq"
            ),
            (
                #"{"name": "x", "inputs": [\#(field)}], "groups": [{"inputs": ["a"], "rule": "one-of", "qqqq": 1}]}"#,
                ["groups", "items"], "/groups/0/qqqq"
            ),
            (#"{"name": "x", "tests": [{"qqqq": 1}]}"#, ["tests", "items"], "/tests/0/qqqq"),
            (
                #"{"name": "x", "tests": [{"outputs": [{"path": "a", "qqqq": 1}]}]}"#,
                ["tests", "items", "properties", "outputs", "items"], "/tests/0/outputs/0/qqqq"
            ),
        ]
        for (document, path, pointer) in places {
            let error = #expect(throws: ManifestError.self) { try Manifest(parsing: Data(document.utf8)) }
            let mistake = try #require(error?.mistakes.first { $0.pointer == pointer }, "\(document)")
            var schema: JSONValue? = path.isEmpty ? Manifest.documentSchema : Manifest.documentSchema["properties"]
            for part in path { schema = schema?[part] }
            let properties = try #require(schema?["properties"]?.members, "\(pointer)")
            let list = try #require(mistake.detail.firstMatch(of: #/known are ([^;]*);/#)?.output.1, "\(pointer)")
            let told = Set(list.matches(of: #/[A-Za-z][A-Za-z0-9]*/#).map { String($0.output) })
            for (key, property) in properties {
                #expect(property != [:], "\(pointer): \(key) has no schema")
                #expect(told.contains(key), "\(pointer): \(key) is not the reader's: \(mistake.detail)")
            }
            for word in told where word != "and" && word != "or" {
                #expect(properties[word] != nil, "\(pointer): \(word) is missing in the schema")
            }
        }
    }

    @Test func aBodysSchemaIsServedBesideTheForms() async throws {
        try await Site.open { site, client in
            let uri = "/api/v1/programs/filter/schema"
            let form = try await client.send(.get, uri, site.owner.bearer).json
            #expect(try await client.send(.get, uri + "?as=form", site.owner.bearer).json == form)
            #expect(form["properties"]?["imagen_de_entrada"]?["format"] == "binary")
            let body = try await client.send(.get, uri + "?as=json", site.owner.bearer).json
            #expect(body["properties"]?["imagen_de_entrada"]?["required"] == ["upload"])
            #expect(body["properties"]?["_profile"] != nil && body["$defs"]?["Priority"]?["enum"] != nil)
            // It stands alone: what it refers to is in it.
            let places = String(decoding: try body.serialized(), as: UTF8.self).matches(of: /"\$ref":"([^"]*)"/)
            #expect(!places.isEmpty)
            for place in places {
                let name = String(place.1.dropFirst("#/$defs/".count))
                #expect(place.1.hasPrefix("#/$defs/") && body["$defs"]?[name] != nil, "\(place.1)")
            }
            #expect(try await client.send(.get, uri + "?as=xml", site.owner.bearer).status == .badRequest)
        }
    }
}
