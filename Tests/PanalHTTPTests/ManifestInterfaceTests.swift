import Foundation
import HTTPTypes
import HummingbirdTesting
import NIOCore
import PanalCore
import Testing

/// What the programming interface and the pages make of manifests.
@Suite struct ManifestInterfaceTests {
    private static let descriptor = #"""
        {"name": "Count", "tool-version": "1", "description": "Counts.", "schema-version": "0.5",
         "command-line": "count [LINES] [TEXT]",
         "inputs": [{"id": "LINES", "name": "Lines", "type": "Flag", "optional": true, "value-key": "[LINES]", "command-line-flag": "-l"},
                    {"id": "text", "name": "Text", "type": "String", "value-key": "[TEXT]"}]}
        """#

    private func publish(_ manifest: String, _ site: Site, _ client: any TestClientProtocol) async throws
        -> TestResponse
    {
        var body = MultipartBody()
        body.add("manifest", fileName: "manifest.json", Array(manifest.utf8))
        body.add("program", fileName: "run.sh", Array("#!/bin/sh\n".utf8))
        var headers = site.owner.bearer
        headers[.contentType] = MultipartBody.contentType[.contentType]
        return try await client.send(.post, "/api/v1/programs", headers, body: body.ended)
    }

    @Test func aBoutiquesDescriptorIsPublishedAndComesBack() async throws {
        try await Site.open { site, client in
            let made = try await publish(Self.descriptor, site, client)
            #expect(made.status == .created, "\(made.text)")
            let taken = try await client.json(
                .post, "/api/v1/programs/count/jobs", as: site.owner, #"{"text": "a", "lines": true}"#)
            #expect(taken.status == .accepted, "\(taken.text)")
            let descriptor = try await client.send(.get, "/api/v1/programs/count/boutiques", site.owner.bearer)
            #expect(descriptor.status == .ok)
            #expect(try descriptor.json["command-line"] == "count [LINES] [TEXT]")
            #expect(try descriptor.json["schema-version"] == "0.5")
        }
    }

    @Test func aDescriptorThatNeedsAShellIsRefusedWithItsPlace() async throws {
        try await Site.open { site, client in
            let refused = try await publish(
                Self.descriptor.replacingOccurrences(of: "[TEXT]\",\n", with: "[TEXT] | wc\",\n"), site, client)
            #expect(refused.status == .unprocessableContent)
            #expect(refused.text.contains("/command-line"))
        }
    }

    @Test func aListIsADocumentToAJSONField() async throws {
        try await Site.open { site, client in
            let uri = "/api/v1/programs/everything-more/jobs"
            for data in [#"[1, {"a": []}]"#, "[]", "[3]", #"{"a": 1}"#, "7"] {
                let taken = try await client.json(.post, uri, as: site.owner, #"{"text": "a", "data": \#(data)}"#)
                #expect(taken.status == .accepted, "\(data): \(taken.text)")
            }
        }
    }

    @Test func rulesHoldForTheInterfaceAndTheForm() async throws {
        try await Site.open { site, client in
            let manifest = #"""
                {"name": "rules", "inputs": [{"name": "Kind", "type": "choice", "choices": ["a", "b"]},
                  {"name": "Detail", "type": "integer", "showIf": {"kind": "b"}}],
                 "sections": [{"name": "Más <b>", "inputs": ["detail"]}]}
                """#
            #expect(try await publish(manifest, site, client).status == .created)
            func send(_ json: String) async throws -> HTTPResponse.Status {
                try await client.json(.post, "/api/v1/programs/rules/jobs", as: site.owner, json).status
            }
            #expect(try await send(#"{"kind": "a"}"#) == .accepted)
            #expect(try await send(#"{"kind": "a", "detail": 3}"#) == .unprocessableContent)
            #expect(try await send(#"{"kind": "b"}"#) == .unprocessableContent)
            #expect(try await send(#"{"kind": "b", "detail": 3}"#) == .accepted)
            let page = try await client.send(.get, "/programs/rules", site.owner.browser)
            #expect(page.text.contains("Más &lt;b&gt;"))
            // A form says the same, in its reader's language.
            var headers = site.owner.browser
            headers[.acceptLanguage] = "es"
            headers[.contentType] = "application/x-www-form-urlencoded"
            let form = ByteBuffer(string: "kind=a&detail=3&_csrf=\(site.owner.csrf)")
            let again = try await client.send(.post, "/programs/rules", headers, body: form)
            #expect(again.status == .unprocessableContent)
            #expect(again.text.contains("no se pide con estos valores; quítalo"))
        }
    }
}
