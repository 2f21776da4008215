import HTTPTypes
import NIOCore
import PanalCore
import Testing

@testable import PanalHTTP

@Suite("Kinds of values in requests") struct ValueKindInterfaceTests {
    /// In JSON kinds count, as the description has them; in a form everything is text.
    @Test func valuesInJSONAreOfTheirKind() async throws {
        try await Site.open { site, client in
            let uri = "/api/v1/programs/everything-more/jobs"
            let wrong = try await client.json(
                .post, uri, as: site.owner, #"{"text": 5, "size": "3", "ratio": "0.5", "fast": "true", "day": 2026}"#)
            #expect(wrong.status == .unprocessableContent)
            let errors = try #require(try wrong.json["errors"]?.list)
            #expect(Set(errors.compactMap { $0["pointer"]?.text }) == ["/text", "/size", "/ratio", "/fast", "/day"])
            #expect(errors.contains { $0["detail"] == "is a text, should be a whole number" })
            let batch = try await client.json(
                .post, "/api/v1/programs/everything-more/batches", as: site.owner,
                #"{"submissions": [{"text": "a"}, {"text": "a", "size": "3"}]}"#)
            #expect(try batch.json["errors"]?.list?.compactMap { $0["pointer"]?.text } == ["/submissions/1/size"])
            for (body, pointer) in [
                (#"{"submissions": {}}"#, "/submissions"), (#"{"submissions": null}"#, "/submissions"),
            ] {
                let answer = try await client.json(
                    .post, "/api/v1/programs/everything-more/batches", as: site.owner, body)
                #expect(try answer.json["errors"]?.list?.first?["pointer"]?.text == pointer)
            }
            // A range may be a text's too: the numbers are the server's.
            let swept = try await client.json(
                .post, "/api/v1/programs/everything-more/batches", as: site.owner,
                #"{"sweep": {"input": "text", "from": 1, "to": 2}}"#)
            #expect(swept.status == .accepted, "\(swept.text)")
            var headers = site.owner.bearer
            headers[.contentType] = "application/x-www-form-urlencoded"
            let form = try await client.send(
                .post, uri, headers, body: ByteBuffer(string: "text=5&size=3&ratio=0.5&fast=true"))
            #expect(form.status == .accepted, "\(form.text)")
        }
    }
}
