package import PanalCore

extension Manifest {
    /// JSON Schema (draft 2020-12) of a submission: an object with a member for each field, by id. A file is a text of
    /// bytes (`"format": "binary"`), as form data carries it.
    package func jsonSchema() -> JSONValue {
        var properties: [String: JSONValue] = [:]
        for input in inputs { properties[input.id] = input.jsonSchema() }
        var schema: [String: JSONValue] = [
            "$schema": "https://json-schema.org/draft/2020-12/schema", "title": .string(name), "type": "object",
            "properties": .object(properties), "additionalProperties": false,
        ]
        if let description { schema["description"] = .string(description) }
        let required = inputs.filter(\.isRequired).map { JSONValue.string($0.id) }
        if !required.isEmpty { schema["required"] = .array(required) }
        return .object(schema)
    }
}

extension ManifestInput {
    package func jsonSchema() -> JSONValue {
        var value = valueSchema()
        if isList {
            value = [
                "type": "array", "items": .object(value), "minItems": .integer(minimumItems),
                "maxItems": .integer(maximumItems),
            ]
        }
        value["title"] = .string(name)
        if let description { value["description"] = .string(description) }
        if let defaultValue { value["default"] = defaultValue }
        if type == .secret { value["writeOnly"] = true }
        return .object(value)
    }

    private func valueSchema() -> [String: JSONValue] {
        var schema: [String: JSONValue] = [:]
        switch type {
        case .number: schema["type"] = "number"
        case .integer: schema["type"] = "integer"
        case .boolean: schema["type"] = "boolean"
        case .json: break
        default: schema["type"] = "string"
        }
        switch type {
        case .date: schema["format"] = "date"
        case .time: schema["pattern"] = "^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"
        case .email: schema["format"] = "email"
        case .url: schema["format"] = "uri"
        case .colour: schema["pattern"] = "^#[0-9A-Fa-f]{6}$"
        case .file: addFile(to: &schema)
        default: break
        }
        addRange(to: &schema)
        if let minimumLength { schema["minLength"] = .integer(minimumLength) }
        if let maximumLength { schema["maxLength"] = .integer(maximumLength) }
        if let choices { schema["enum"] = .array(choices.map { choice($0.value) }) }
        return schema
    }

    private func addFile(to schema: inout [String: JSONValue]) {
        schema["format"] = "binary"
        let types = accept.filter { !$0.hasPrefix(".") }
        if types.count == 1, accept.count == 1, !types[0].hasSuffix("/*") {
            schema["contentMediaType"] = .string(types[0])
        }
        if !accept.isEmpty { schema["x-accept"] = .array(accept.map { .string($0) }) }
        if let maximumBytes { schema["x-maxBytes"] = .integer(maximumBytes) }
    }

    /// Bounds of dates and times have no keyword; they go under a key of our own.
    private func addRange(to schema: inout [String: JSONValue]) {
        if let minimum {
            let key = minimum.number == nil ? "x-minimum" : minimum.isExclusive ? "exclusiveMinimum" : "minimum"
            schema[key] = minimum.json
        }
        if let maximum {
            let key = maximum.number == nil ? "x-maximum" : maximum.isExclusive ? "exclusiveMaximum" : "maximum"
            schema[key] = maximum.json
        }
        // `multipleOf` counts from 0; a step counts from the minimum.
        if let step, minimum?.number ?? 0 == 0 {
            schema["multipleOf"] = Int(exactly: step).map { .integer($0) } ?? .number(step)
        }
    }

    private func choice(_ text: String) -> JSONValue {
        switch type {
        case .integer: Int(text).map { .integer($0) } ?? .string(text)
        case .number: Int(text).map { .integer($0) } ?? Double(text).map { .number($0) } ?? .string(text)
        default: .string(text)
        }
    }
}

extension Bound {
    fileprivate var json: JSONValue {
        switch value {
        case .integer(let value): .integer(value)
        case .number(let value): .number(value)
        case .text(let value): .string(value)
        }
    }
}
