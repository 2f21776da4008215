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
                "tamano_de_filtro": [
                    "title": "tamaño de filtro", "type": "string", "minLength": 1,
                    "allOf": [["not": ["pattern": "[\\n\\r]"]]],
                ],
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
        // A step from another place than 0 has no keyword; few values are named.
        (#""type": "integer", "minimum": 1, "step": 2"#, #"{"minimum":1,"type":"integer","x-step":2}"#),
        (
            #""type": "integer", "minimum": 1, "maximum": 6, "step": 2"#,
            #"{"enum":[1,3,5],"maximum":6,"minimum":1,"type":"integer"}"#
        ),
        (#""type": "integer", "minimum": 4, "step": 2"#, #"{"minimum":4,"multipleOf":2,"type":"integer"}"#),
        (#""type": "boolean""#, #"{"type":"boolean"}"#),
        (#""type": "choice", "choices": ["a", {"value": "b", "label": "B"}]"#, #"{"enum":["a","b"],"type":"string"}"#),
        (#""type": "integer", "choices": [1, 2]"#, #"{"enum":[1,2],"type":"integer"}"#),
        (
            #""type": "text", "minLength": 1, "maxLength": 5, "description": "d""#,
            #"{"allOf":[{"not":{"pattern":"[\\n\\r]"}}],"description":"d","maxLength":5,"minLength":1,"type":"string"}"#
        ),
        (
            #""type": "text", "list": true, "maxItems": 3"#,
            #"{"items":{"allOf":[{"not":{"pattern":"[\\n\\r]"}}],"minLength":1,"type":"string"},"maxItems":3,"minItems":1,"type":"array"}"#
        ),
        (#""type": "email""#, #"{"format":"email","type":"string"}"#),
        (#""type": "json""#, #"{}"#),
        (
            #""type": "secret", "pattern": "a|b", "optional": true"#,
            #"{"allOf":[{"not":{"pattern":"[\\n\\r]"}}],"maxLength":4096,"pattern":"^(?:a|b)$","type":"string","writeOnly":true}"#
        ),
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

    /// Dates have no keyword for a range; the patterns are held against the engine.
    @Test(arguments: [
        (
            #""type": "date", "minimum": "2026-02-28", "exclusiveMaximum": "2027-01-01""#,
            [
                "2026-02-27", "2026-02-28", "2026-03-01", "2026-12-31", "2027-01-01", "2030-01-01", "2026-02-30",
                "1999-12-31",
                "2026-02-2", "0000-01-01",
            ]
        ),
        (
            #""type": "time", "exclusiveMinimum": "09:30", "maximum": "14:30:15""#,
            [
                "09:29", "09:30", "09:30:00", "09:30:01", "10:00", "14:30", "14:30:15", "14:30:16", "14:31", "24:00",
                "23:59",
            ]
        ),
        (
            #""type": "date""#,
            ["2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29", "2026-04-31", "2026-12-31", "0004-02-29"]
        ),
        (
            #""type": "url""#,
            ["https://a.b/c", "http://x", "HTTP://x", "http://", "ftp://x", "https://a b", "https:///x"]
        ),
    ]) func patternsSayWhatTheEngineSays(field: String, texts: [String]) throws {
        let read = try manifest(inputs: #"{"name": "f", \#(field)}"#)
        guard case .object(let schema) = read.inputs[0].jsonSchema(), case .string(let first)? = schema["pattern"]
        else {
            Issue.record("no pattern")
            return
        }
        var patterns = [first]
        if case .array(let more)? = schema["allOf"] {
            for case .object(let part) in more {
                if case .string(let pattern)? = part["pattern"] { patterns.append(pattern) }
            }
        }
        for text in texts {
            let isRight = try patterns.allSatisfy { pattern in
                try NSRegularExpression(pattern: pattern)
                    .firstMatch(in: text, range: NSRange(text.startIndex..., in: text)) != nil
            }
            #expect(isRight == mistakes(read, ["f": [.text(text)]]).isEmpty, "\(text)")
        }
    }

    @Test func rulesAreInTheSchema() throws {
        let read = try manifest(
            inputs: #"""
                {"name": "a", "type": "text", "optional": true, "requires": ["b"]}, {"name": "b", "type": "integer", "optional": true},
                {"name": "c", "type": "integer", "requires": ["b"]}, {"name": "d", "type": "integer", "showIf": {"c": 1}}
                """#)
        guard case .object(let schema) = read.jsonSchema() else { return }
        #expect(schema["required"] == ["c"])
        #expect(schema["dependentRequired"] == ["c": ["b"]])
        let rule: JSONValue = [
            "if": ["$ref": "#/$defs/asked-d"], "then": ["required": ["d"]], "else": ["properties": ["d": false]],
        ]
        guard case .array(let rules)? = schema["allOf"] else {
            Issue.record("no rules")
            return
        }
        #expect(rules.contains(rule))
    }
}
