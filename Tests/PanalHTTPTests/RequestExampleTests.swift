import Foundation
import HTTPTypes
import HummingbirdTesting
import NIOCore
import PanalCore
@testable import PanalHTTP
import PanalManifest
import PanalService
import Testing

/// Every example of a request is sent as it stands, but for the identifiers in it, and comes to the success that the document promises.
@Suite("Examples of requests") struct RequestExampleTests {
    private static let placeholder = "01k8zq4m3rh7x2c5w9ta"

    @Test func everyExampleIsTaken() async throws {
        try await Site.open { site, client in
            let document = try await client.send(.get, "/openapi.json", site.owner.bearer).json
            let written = Set(RequestExamples.bodies.keys).union(RequestExamples.forms.keys)
            var sent: Set<String> = []
            for route in site.web.routes {
                guard let operation = route.operation, written.contains(operation.id) else { continue }
                let described = document["paths"]?[OperationText.path(of: route)]?[route.method.rawValue.lowercased()]
                for (type, media) in described?["requestBody"]?["content"]?.members ?? [:] {
                    let several = media["examples"]?.members.values.compactMap { $0["value"] } ?? []
                    for example in several + [media["example"]].compactMap(\.self) {
                        sent.insert(operation.id)
                        let answer = try await Self.send(example, type, operation.id, route, site, client)
                        let success = operation.answers.map(\.status).filter { $0.kind == .successful }
                        #expect(
                            success.contains(answer.status),
                            "\(operation.id) \(type): \(answer.status.code) \(answer.text.prefix(400))")
                        if operation.id == "copyJob" { try await site.endJobs() }
                    }
                }
            }
            #expect(written.subtracting(sent) == [], "examples of operations that are not there")
            // Bytes have no example.
            let all = site.web.routes.compactMap(\.operation).filter { $0.body != nil }.map(\.id)
            #expect(Set(all).subtracting(sent).subtracting(["createUpload", "continueUpload"]) == [])
        }
    }

    @Test func programsExamplesAreTaken() async throws {
        try await Site.open { site, client in
            let document = try await client.send(.get, "/openapi.json", site.owner.bearer).json
            for program in ["filter", "everything-more"] {
                let path = "/api/v1/programs/\(program)/jobs"
                let content = document["paths"]?[path]?["post"]?["requestBody"]?["content"]
                for type in ["application/json", "multipart/form-data"] {
                    let example = try #require(content?[type]?["example"], "\(program) \(type)")
                    let upload = try await Self.upload(site)
                    let answer = try await Self.send(
                        try Self.placed(upload.text, in: example), type, path, .post, site.owner, client)
                    #expect(answer.status == .accepted, "\(program) \(type): \(answer.text.prefix(400))")
                }
            }
        }
    }

    // MARK: Sending

    private static func send(
        _ example: JSONValue, _ type: String, _ operation: String, _ route: Route, _ site: Site,
        _ client: any TestClientProtocol
    ) async throws -> TestResponse {
        let row = try #require(
            AuthorisationTests.rows.first { $0.route == "\(route.method.rawValue) \(route.path)" })
        let uri = try await uri(operation, row, site)
        let root = try #require(site.administrator.principal)
        var visitor = site.administrator
        var identifier = try await upload(site).text
        switch operation {
        case "submitJob", "submitBatch", "publishProgram": visitor = site.owner
        case "setRootfsAlias": identifier = try await AuthorisationTests.image(site).text
        case "makeRootfs": identifier = try await archive(site, as: root).text
        case "signUp": _ = try await site.panal.changeSettings(root, ["signUp": "open"], expecting: nil)
        case "setPayer": _ = try await AuthorisationTests.payer(site)
        case "withdrawCredit":
            _ = try await client.json(
                .post, "/api/v1/credits/grants", as: visitor, #"{"user": "ana", "amount": "100", "reason": "x"}"#)
        default: break
        }
        return try await send(try placed(identifier, in: example), type, uri, route.method, visitor, client)
    }

    /// Made anew by the table of who may what, where the example does not want something else.
    private static func uri(_ operation: String, _ row: AuthorisationTests.Row, _ site: Site) async throws -> String {
        switch operation {
        case "submitJob": return "/api/v1/programs/filter/jobs"
        case "submitBatch": return "/api/v1/programs/filter/batches"
        case "setBudget": return "/api/v1/credits/budget"
        case "setPayer": return "/api/v1/credits/payer"
        case "rotateKey":
            let root = try #require(site.administrator.principal)
            let key = try await site.panal.createKey(root, label: "x", lifetime: nil)
            return "/api/v1/keys/\(key.key.id)/rotate"
        case "copyJob":
            // Only a job that runs is copied.
            return "/api/v1/jobs/\(try await site.writableJob())/copy"
        default: return try await row.uri(site)
        }
    }

    private static func send(
        _ example: JSONValue, _ type: String, _ uri: String, _ method: HTTPRequest.Method, _ visitor: Visitor,
        _ client: any TestClientProtocol
    ) async throws -> TestResponse {
        var headers = visitor.bearer
        if type == "multipart/form-data" {
            headers[.contentType] = MultipartBody.contentType[.contentType]
            var body = MultipartBody()
            for (name, value) in example.members {
                for value in value.list ?? [value] { body.add(name, value.submittedText) }
            }
            return try await client.send(method, uri, headers, body: body.ended)
        }
        headers[.contentType] = type
        let bytes =
            type == "application/json"
            ? Array(try example.serialized())
            : Array(
                example.members.map {
                    "\(PercentCoding.encoded($0.key))=\(PercentCoding.encoded($0.value.submittedText))"
                }
                .joined(separator: "&").utf8)
        return try await client.send(method, uri, headers, body: ByteBuffer(bytes: bytes))
    }

    private static func placed(_ identifier: String, in example: JSONValue) throws -> JSONValue {
        let text = String(decoding: try example.serialized(), as: UTF8.self)
        return try JSONValue(parsing: Data(text.replacing(placeholder, with: identifier).utf8))
    }

    private static func upload(_ site: Site) async throws -> UploadID {
        let owner = try #require(site.owner.principal)
        return try await finished(Array("#!/bin/sh\necho hello\n".utf8), site, as: owner, name: "run.sh")
    }

    private static func archive(_ site: Site, as principal: Principal) async throws -> UploadID {
        try await finished(AuthorisationTests.smallestTree, site, as: principal, name: "tree.tar")
    }

    private static func finished(
        _ bytes: [UInt8], _ site: Site, as principal: Principal, name: String
    ) async throws -> UploadID {
        let metadata = "filename " + Data(name.utf8).base64EncodedString()
        let upload = try await site.panal.beginUpload(principal, length: bytes.count, metadata: metadata)
        let pieces = AsyncStream<[UInt8]> { continuation in
            continuation.yield(bytes)
            continuation.finish()
        }
        _ = try await site.panal.receive(principal, upload.id, at: 0, checksum: nil, pieces)
        return upload.id
    }
}
