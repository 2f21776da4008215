import Foundation
import HTTPTypes
import HummingbirdTesting
import PanalCore
import PanalService
import Synchronization
import Testing

@testable import PanalHTTP

/// Blocks of fields that are given several times, through the form, the interface and the description.
@Suite("Blocks of fields") struct BlockPageTests {
    private static let manifest = #"""
        {"name": "blocks", "inputs": [
          {"name": "Title", "type": "text", "optional": true}, {"name": "Word <b>", "id": "word", "type": "text", "maxLength": 5},
          {"name": "Size", "type": "integer", "default": 7}, {"name": "Bold", "type": "boolean", "default": true},
          {"name": "File", "type": "file", "optional": true}, {"name": "Only bold", "id": "only", "type": "text", "optional": true, "showIf": "bold"}],
         "repeats": [{"name": "Layer <i>", "id": "layer", "inputs": ["word", "size", "bold", "file", "only"], "maxItems": 3}]}
        """#

    private static func publish(_ site: Site) async throws {
        _ = try await site.publish(manifest, isPublic: true, as: try #require(site.owner.principal))
        site.executor.script.withLock { $0 = Script(output: "a") }
    }

    private static func values(_ page: String, of name: String) -> String? {
        page.firstMatch(of: try! Regex("name=\"\(name)\"[^>]* value=\"([^\"]*)\"")).flatMap { $0.output[1].substring }
            .map(String.init)
    }

    @Test func buttonsAskForOneMoreAndOneLess() async throws {
        try await Site.open { site, client in
            try await Self.publish(site)
            let submit = { (fields: [String: String]) in
                try await client.post("/programs/blocks", as: site.owner, fields)
            }
            let first = try await client.send(.get, "/programs/blocks", site.owner.browser).text
            #expect(first.contains("name=\"layer.0.word\"") && !first.contains("name=\"layer.1.word\""))
            #expect(first.contains("name=\"layer.N.word\"") && !first.contains("<i>") && !first.contains("<b>"))
            let filled = ["layer": "1", "layer.0.word": "too long", "layer.0.size": "9"]
            let more = try await submit(filled.merging(["_more": "layer"]) { $1 })
            #expect(more.status == .ok && Self.values(more.text, of: "layer.0.word") == "too long")
            // What was not ticked stays so; the new one has its defaults.
            #expect(Self.values(more.text, of: "layer.1.size") == "7" && Self.values(more.text, of: "layer") == "2")
            #expect(more.text.contains("name=\"layer.1.bold\" type=\"checkbox\" value=\"true\" checked"))
            #expect(!more.text.contains("name=\"layer.0.bold\" type=\"checkbox\" value=\"true\" checked"))
            let three = [
                "layer": "3", "layer.0.word": "a", "layer.1.word": "b", "layer.2.word": "c", "layer.2.bold": "true",
            ]
            #expect(Self.values(try await submit(three.merging(["_more": "layer"]) { $1 }).text, of: "layer") == "3")
            let less = try await submit(three.merging(["_less": "layer.1"]) { $1 }).text
            #expect(Self.values(less, of: "layer") == "2" && Self.values(less, of: "layer.1.word") == "c")
            #expect(less.contains("name=\"layer.1.bold\" type=\"checkbox\" value=\"true\" checked"))
            for odd in ["layer.7", "layer.-1", "layer", "layer.99999999999999999999", "nothing.0"] {
                let answer = try await submit(three.merging(["_less": odd]) { $1 })
                #expect(answer.status == .ok || answer.status == .seeOther, "\(odd)")
            }
        }
    }

    @Test func mistakesComeBackAtTheirFields() async throws {
        try await Site.open { site, client in
            try await Self.publish(site)
            let submit = { (fields: [String: String]) in
                try await client.post("/programs/blocks", as: site.owner, fields)
            }
            let wrong = try await submit(
                ["layer": "2", "layer.0.word": "a", "layer.1.word": "too long", "layer.1.size": "3"])
            #expect(wrong.status == .unprocessableContent)
            #expect(wrong.text.contains("id=\"field-layer.1.word-mistake\""))
            #expect(!wrong.text.contains("id=\"field-layer.0.word-mistake\""))
            #expect(wrong.text.contains("href=\"#field-layer.1.word\">Layer &lt;i&gt; 2: Word &lt;b&gt;"))
            #expect(Self.values(wrong.text, of: "layer.1.size") == "3")
            let many = try await submit(["layer": "4", "layer.0.word": "a"])
            #expect(many.status == .unprocessableContent && many.text.contains("id=\"field-layer-mistake\""))
            let odd = try await submit(["layer": "many"])
            #expect(odd.status == .unprocessableContent && odd.text.contains("id=\"field-layer-mistake\""))
        }
    }

    @Test func theInterfaceTakesThemAndAJobIsRunAgain() async throws {
        try await Site.open { site, client in
            try await Self.publish(site)
            let made = try await client.json(
                .post, "/api/v1/programs/blocks/jobs", as: site.owner,
                #"{"title": "t", "layer": [{"word": "a"}, {"word": "b", "size": 3, "bold": false}]}"#,
                [InterfaceTests.prefer: "wait=20"])
            #expect(made.status == .ok, "\(made.text)")
            let id = try #require(try made.json["id"]?.text)
            let again = try await client.send(.get, "/programs/blocks?from=\(id)", site.owner.browser).text
            #expect(Self.values(again, of: "layer.1.word") == "b" && Self.values(again, of: "layer.1.size") == "3")
            #expect(Self.values(again, of: "_from") == id && Self.values(again, of: "layer") == "2")
            let wrong = try await client.json(
                .post, "/api/v1/programs/blocks/jobs", as: site.owner, #"{"layer": [{"word": "a"}, {"size": "x"}]}"#)
            #expect(wrong.status == .unprocessableContent)
            #expect(
                Set((try wrong.json["errors"]?.list ?? []).compactMap { $0["pointer"]?.text })
                    == ["/layer/1/word", "/layer/1/size"])
            // Ten thousand of them are refused by their number.
            let many = Array(repeating: #"{"word": "a"}"#, count: 10_000).joined(separator: ",")
            let refused = try await client.json(
                .post, "/api/v1/programs/blocks/jobs", as: site.owner, #"{"layer": [\#(many)]}"#)
            #expect(refused.status == .unprocessableContent)
            #expect(try refused.json["errors"]?.list?.count == 1)
            // A sweep over a field of one of them.
            let swept = try await client.json(
                .post, "/api/v1/programs/blocks/batches", as: site.owner,
                #"{"sweep": {"input": "layer.0.size", "values": [1, 2]}, "submission": {"layer": [{"word": "a"}]}}"#,
                [InterfaceTests.prefer: "wait=20"])
            #expect(swept.status == .ok, "\(swept.text)")
            let inside = try await client.json(
                .post, "/api/v1/programs/blocks/batches", as: site.owner,
                #"{"sweep": {"input": "size", "values": [1]}}"#)
            #expect(inside.text.contains("is a field of the block ‘layer’"), "\(inside.text)")
        }
    }

    /// What a schema refers to is where the description has it.
    @Test func theDescriptionHasAllThatItRefersTo() async throws {
        try await Site.open { site, client in
            try await Self.publish(site)
            let document = try await client.send(.get, "/openapi.json", site.owner.bearer).json
            let body = document["paths"]?["/api/v1/programs/blocks/jobs"]?["post"]?["requestBody"]?["content"]
            let named = body?["application/json"]?["schema"]?["$ref"]?.text?.split(separator: "/").last ?? ""
            let json = document["components"]?["schemas"]?[String(named)]
            #expect(json?["properties"]?["layer"]?["items"]?["required"] == ["word"])
            let file = json?["properties"]?["layer"]?["items"]?["properties"]?["file"]
            #expect(String(describing: file).contains("upload"))
            let form = body?["multipart/form-data"]?["schema"]
            #expect(form?["patternProperties"]?["^layer\\.[0-9]{1,6}\\.file$"]?["format"] == "binary")
            var dangling: [String] = []
            func look(_ value: JSONValue?) {
                switch value {
                case .object(let members)?:
                    if case .string(let place)? = members["$ref"] {
                        let found = place.dropFirst(2).split(separator: "/").reduce(document as JSONValue?) {
                            $0?[String($1)]
                        }
                        if found == nil { dangling.append(place) }
                    }
                    for member in members.values { look(member) }
                case .array(let list)?: for element in list { look(element) }
                default: break
                }
            }
            look(document)
            #expect(dangling == [])
        }
    }
}
