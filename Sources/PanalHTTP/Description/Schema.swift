import PanalCore

/// A JSON Schema (draft 2020-12, which OpenAPI 3.1 is made of) with the named schemas that it refers to.
struct Schema: Sendable {
    let json: JSONValue
    /// By name, as `#/components/schemas` of the document has them.
    let components: [String: JSONValue]

    init(_ json: JSONValue, components: [String: JSONValue] = [:]) {
        self.json = json
        self.components = components
    }

    /// One with a name of its own, which others refer to.
    static func component(_ name: String, _ schema: Schema) -> Schema {
        Schema(
            ["$ref": .string("#/components/schemas/\(name)")],
            components: schema.components.merging([name: schema.json]) { _, new in new })
    }

    /// An object. Members whose name ends in `?` may be missing. A closed one has no other members: what comes in. What goes out may get
    /// more with time.
    static func object(_ members: KeyValuePairs<String, Schema>, isClosed: Bool = false) -> Schema {
        var properties: [String: JSONValue] = [:]
        var required: [JSONValue] = []
        var components: [String: JSONValue] = [:]
        for (written, schema) in members {
            let name = written.hasSuffix("?") ? String(written.dropLast()) : written
            properties[name] = schema.json
            if name == written { required.append(.string(name)) }
            components.merge(schema.components) { _, new in new }
        }
        var json: [String: JSONValue] = ["type": "object", "properties": .object(properties)]
        if !required.isEmpty { json["required"] = .array(required) }
        if isClosed { json["additionalProperties"] = false }
        return Schema(.object(json), components: components)
    }

    static func list(of items: Schema, _ counts: ClosedRange<Int>? = nil) -> Schema {
        var json: [String: JSONValue] = ["type": "array", "items": items.json]
        if let counts {
            json["minItems"] = .integer(counts.lowerBound)
            if counts.upperBound != .max { json["maxItems"] = .integer(counts.upperBound) }
        }
        return Schema(.object(json), components: items.components)
    }

    /// Exactly one of several.
    static func one(of choices: [Schema]) -> Schema { any(of: choices).renamed("anyOf", "oneOf") }

    /// Any of several.
    static func any(of choices: [Schema]) -> Schema {
        Schema(
            ["anyOf": .array(choices.map(\.json))],
            components: choices.reduce(into: [:]) { $0.merge($1.components) { _, new in new } })
    }

    static let anything = Schema(true)
    static let text = Schema(["type": "string"])
    static let number = Schema(["type": "number"])
    static let boolean = Schema(["type": "boolean"])
    static let null = Schema(["type": "null"])
    /// RFC 3339, UTC.
    static let time = Schema(["type": "string", "format": "date-time"]).example("2026-11-21T14:30:00.000000Z")
    /// A path of this server.
    static let reference = Schema(["type": "string", "format": "uri-reference"])
    static let bytes = Schema(["type": "string", "format": "binary"])
    static let count = Schema(["type": "integer", "minimum": 0])
    static let seconds = Schema(["type": "number", "minimum": 0])
    static let identifier = Schema(["type": "string", "pattern": "^[0-9a-hjkmnp-tv-z]{20}$"])
        .example("01k8zq4m3rh7x2c5w9ta")
    static let digest = Schema(["type": "string", "pattern": "^[0-9a-f]{64}$"])
        .example("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")
    static let programName = Schema([
        "type": "string", "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", "maxLength": 63,
    ]).example("filter")

    /// Server-sent events: the schema of what stands behind `data:`, by the event's name. JSON Schema has no word for it.
    static func events(_ kinds: KeyValuePairs<String, Schema>) -> Schema {
        var json: [String: JSONValue] = [:]
        for (name, schema) in kinds { json[name] = schema.json }
        return Schema(
            [
                "type": "string", "x-events": .object(json),
                "description": "Server-sent events; `x-events` has the schema of each one's data, by its name.",
            ], components: kinds.reduce(into: [:]) { $0.merge($1.value.components) { _, new in new } })
    }

    /// A text of that many characters.
    static func text(_ lengths: ClosedRange<Int>) -> Schema {
        let json: JSONValue = ["type": "string", "minLength": .integer(lengths.lowerBound)]
        return lengths.upperBound == .max ? Schema(json) : Schema(json).with("maxLength", .integer(lengths.upperBound))
    }

    static func text(pattern: String, example: String) -> Schema {
        Schema(["type": "string", "pattern": .string(pattern)]).example(.string(example))
    }

    static func integer(_ range: ClosedRange<Int>) -> Schema {
        // Without a bound of its own, the largest number that every reader of JSON holds exactly.
        let most = range.upperBound == .max ? 9_007_199_254_740_991 : range.upperBound
        return Schema([
            "type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(most),
        ])
    }

    static func words(_ words: [String]) -> Schema {
        Schema(["type": "string", "enum": .array(words.map(JSONValue.string))])
    }

    static func words<Word: RawRepresentable<String> & CaseIterable>(_ kind: Word.Type) -> Schema {
        words(Word.allCases.map(\.rawValue))
    }

    /// With what it means, in words.
    func note(_ text: String) -> Schema { with("description", .string(text)) }

    func example(_ value: JSONValue) -> Schema { with("examples", [value]) }

    /// With what it is when it is left out.
    func unset(_ value: JSONValue) -> Schema { with("default", value) }

    private func renamed(_ old: String, _ new: String) -> Schema {
        guard case .object(var members) = json else { return self }
        members[new] = members.removeValue(forKey: old)
        return Schema(.object(members), components: components)
    }

    func with(_ keyword: String, _ value: JSONValue) -> Schema {
        guard case .object(var members) = json else { return self }
        members[keyword] = value
        return Schema(.object(members), components: components)
    }
}

/// Makes an example of a schema out of the examples, choices and bounds of its parts.
struct ExampleMaker {
    let components: [String: JSONValue]

    func example(of schema: JSONValue, depth: Int = 0) -> JSONValue? {
        guard case .object(let members) = schema, depth < 16 else { return nil }
        if case .array(let examples)? = members["examples"], let first = examples.first { return first }
        if case .string(let reference)? = members["$ref"] {
            let name = String(reference.split(separator: "/").last ?? "")
            return components[name].flatMap { example(of: $0, depth: depth + 1) }
        }
        if let value = members["default"] ?? members["const"] { return value }
        if case .array(let words)? = members["enum"], let first = words.first { return first }
        if case .array(let parts)? = members["allOf"] {
            var whole: [String: JSONValue] = [:]
            for part in parts {
                guard case .object(let members)? = example(of: part, depth: depth + 1) else { continue }
                whole.merge(members) { first, _ in first }
            }
            return .object(whole)
        }
        if case .array(let choices)? = members["anyOf"] ?? members["oneOf"], let first = choices.first {
            return example(of: first, depth: depth + 1)
        }
        switch members["type"] {
        case "object":
            guard case .object(let properties)? = members["properties"] else { return [:] }
            return .object(properties.compactMapValues { example(of: $0, depth: depth + 1) })
        case "array":
            guard let items = members["items"].flatMap({ example(of: $0, depth: depth + 1) }) else { return [] }
            return [items]
        case "string": return text(members)
        case "integer", "number": return members["minimum"] ?? 1
        case "boolean": return true
        default: return nil
        }
    }

    private func text(_ members: [String: JSONValue]) -> JSONValue? {
        // Bytes, and forms that only their own examples could hit.
        guard members["pattern"] == nil else { return nil }
        switch members["format"] {
        case "binary": return nil
        case "date": return "2026-11-21"
        case "email": return "ana@example.org"
        case "uri": return "https://example.org/"
        case "uri-reference": return "/api/v1/account"
        default: break
        }
        guard case .integer(let least)? = members["minLength"], least > 4 else { return "text" }
        return .string(String(repeating: "x", count: least))
    }
}
