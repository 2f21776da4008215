import Foundation
import PanalCore
import PanalManifest
import Testing

@Suite struct JSONSchemaTests {
    @Test func theSeedsSchema() throws {
        let expected: JSONValue = [
            "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "filter", "type": "object",
            "additionalProperties": false, "required": ["imagen_de_entrada", "tamano_de_filtro"],
            "properties": [
                "imagen_de_entrada": ["title": "imagen de entrada", "type": "string", "format": "binary"],
                "tamano_de_filtro": ["title": "tamaño de filtro", "type": "string"],
            ],
        ]
        #expect(try manifest(seed).jsonSchema() == expected)
    }

    /// A field → its schema as JSON, without `title`.
    static let fields: [(String, String)] = [
        (
            #""type": "number", "minimum": 0.5, "exclusiveMaximum": 2"#,
            #"{"exclusiveMaximum":2,"minimum":0.5,"type":"number"}"#
        ),
        (
            #""type": "integer", "minimum": 0, "step": 2, "default": 4"#,
            #"{"default":4,"minimum":0,"multipleOf":2,"type":"integer"}"#
        ),
        // A step from another place than 0 has no keyword.
        (#""type": "integer", "minimum": 1, "step": 2"#, #"{"minimum":1,"type":"integer"}"#),
        (#""type": "boolean""#, #"{"type":"boolean"}"#),
        (#""type": "choice", "choices": ["a", {"value": "b", "label": "B"}]"#, #"{"enum":["a","b"],"type":"string"}"#),
        (#""type": "integer", "choices": [1, 2]"#, #"{"enum":[1,2],"type":"integer"}"#),
        (
            #""type": "text", "minLength": 1, "maxLength": 5, "description": "d""#,
            #"{"description":"d","maxLength":5,"minLength":1,"type":"string"}"#
        ),
        (
            #""type": "text", "list": true, "maxItems": 3"#,
            #"{"items":{"type":"string"},"maxItems":3,"minItems":1,"type":"array"}"#
        ),
        (#""type": "date", "minimum": "2026-01-01""#, #"{"format":"date","type":"string","x-minimum":"2026-01-01"}"#),
        (#""type": "email""#, #"{"format":"email","type":"string"}"#),
        (#""type": "url""#, #"{"format":"uri","type":"string"}"#),
        (#""type": "json""#, #"{}"#),
        (#""type": "secret""#, #"{"type":"string","writeOnly":true}"#),
        (
            #""type": "file", "accept": ["image/png"], "maxBytes": 9"#,
            #"{"contentMediaType":"image/png","format":"binary","type":"string","x-accept":["image/png"],"x-maxBytes":9}"#
        ),
        (
            #""type": "file", "via": "stdin""#, #"{"format":"binary","type":"string","x-maxBytes":67108864}"#
        ),
    ]

    @Test(arguments: fields) func describesEachType(field: String, expected: String) throws {
        guard case .object(var schema) = try manifest(inputs: #"{"name": "f", \#(field)}"#).inputs[0].jsonSchema()
        else {
            Issue.record("no object")
            return
        }
        #expect(schema.removeValue(forKey: "title") == "f")
        #expect(String(decoding: try JSONValue.object(schema).serialized(), as: UTF8.self) == expected)
    }

    @Test func onlyWhatMustBeThereIsRequired() throws {
        let read = try manifest(
            inputs: #"""
                {"name": "a", "type": "text"}, {"name": "b", "type": "text", "optional": true},
                {"name": "c", "type": "text", "default": "x"}, {"name": "d", "type": "flag"}
                """#)
        guard case .object(let schema) = read.jsonSchema() else { return }
        #expect(schema["required"] == ["a"])
    }
}
