package import PanalCore

extension Manifest {
    /// JSON Schema (draft 2020-12) of a submission: an object with a member for each field, by id, and the rules between
    /// them. A file is a text of bytes (`"format": "binary"`), as form data carries it.
    ///
    /// It takes what the rule engine takes of values that came as JSON; what a file has to be it leaves unsaid. In forms, where
    /// everything is text, `3` is a number. A block is a list of objects; what its fields say of fields outside of it
    /// is left unsaid too.
    package func jsonSchema() -> JSONValue {
        var properties: [String: JSONValue] = [:]
        for input in inputs { properties[input.id] = input.jsonSchema() }
        var schema: [String: JSONValue] = [
            "$schema": "https://json-schema.org/draft/2020-12/schema", "title": .string(name), "type": "object",
            "additionalProperties": false,
        ]
        if let description { schema["description"] = .string(description) }
        for block in repeats { properties[block.id] = block.jsonSchema(of: self) }
        schema["properties"] = .object(properties)
        let required =
            inputs.filter { $0.isRequired && $0.showIf == nil }.map { JSONValue.string($0.id) }
            + repeats.filter { $0.minimumItems > 0 && $0.showIf == nil }.map { JSONValue.string($0.id) }
        if !required.isEmpty { schema["required"] = .array(required) }
        let rules = RuleSchema(self)
        let definitions = repeats.reduce(into: rules.definitions) { definitions, block in
            definitions.merge(RuleSchema(block.alone(in: self)).definitions) { own, _ in own }
        }
        if !definitions.isEmpty { schema["$defs"] = .object(definitions) }
        guard hasRules else { return .object(schema) }
        if !rules.dependentRequired.isEmpty { schema["dependentRequired"] = .object(rules.dependentRequired) }
        if !rules.rules.isEmpty { schema["allOf"] = .array(rules.rules) }
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
        var patterns: [String] = []
        switch type {
        case .date:
            schema["format"] = "date"
            patterns.append(Self.datePattern)
        case .time: patterns.append("^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$")
        case .email: schema["format"] = "email"
        case .url:
            schema["format"] = "uri"
            let never = "\\u0000-\\u0020\\u007f<>\"\\\\^`{|}"
            patterns.append("^[hH][tT][tT][pP][sS]?://[^/?#\(never)][^\(never)]*$")
        case .colour: patterns.append("^#[0-9A-Fa-f]{6}$")
        case .file: addFile(to: &schema)
        default: break
        }
        if let pattern { patterns.append("^(?:\(pattern.expression))$") }
        for (key, value) in rangeSchema() {
            if key == "pattern", case .string(let pattern) = value {
                patterns.append(pattern)
            } else {
                schema[key] = value
            }
        }
        // `multipleOf` counts from 0; a step counts from the minimum.
        if let step {
            if isMultiple(step) {
                schema["multipleOf"] = Int(exactly: step).map { .integer($0) } ?? .number(step)
            } else if let values = steppedValues(step) {
                schema["enum"] = .array(values)
            } else {
                schema["x-step"] = Int(exactly: step).map { .integer($0) } ?? .number(step)
            }
        }
        // An empty text is a field that was left out.
        if let least = (type == .text || type == .secret) && isRequired ? max(1, minimumLength ?? 0) : minimumLength {
            schema["minLength"] = .integer(least)
        }
        if let maximumLength { schema["maxLength"] = .integer(maximumLength) }
        if let choices { schema["enum"] = .array(choices.map { choiceSchema($0.value) }) }
        if let first = patterns.first { schema["pattern"] = .string(first) }
        var more = patterns.dropFirst().map { JSONValue.object(["pattern": .string($0)]) }
        if type == .text || type == .secret, !isMultiline { more.append(["not": ["pattern": "[\\n\\r]"]]) }
        if !more.isEmpty { schema["allOf"] = .array(more) }
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

    private func isMultiple(_ step: Double) -> Bool {
        let base = minimum?.number ?? 0
        return base == 0 || (base / step == (base / step).rounded() && step == step.rounded())
    }

    /// The values themselves, where they are few.
    private func steppedValues(_ step: Double) -> [JSONValue]? {
        guard type == .integer, let width = Int(exactly: step), case .integer(let low)? = minimum?.value,
            case .integer(let high)? = maximum?.value, choices == nil
        else { return nil }
        let (distance, overflow) = high.subtractingReportingOverflow(low)
        guard !overflow, distance >= 0, distance / width <= 1_000 else { return nil }
        return (0...distance / width).map { .integer(low + $0 * width) }
    }

    func choiceSchema(_ text: String) -> JSONValue {
        switch type {
        case .integer: Int(text).map { .integer($0) } ?? .string(text)
        case .number: Int(text).map { .integer($0) } ?? Double(text).map { .number($0) } ?? .string(text)
        default: .string(text)
        }
    }
}

// MARK: - Ranges

extension ManifestInput {
    /// The bounds alone. Dates and times have no keyword for theirs; they become a pattern.
    func rangeSchema() -> [String: JSONValue] {
        var schema: [String: JSONValue] = [:]
        var patterns: [String] = []
        if let minimum {
            if case .text(let text) = minimum.value {
                schema["x-minimum"] = .string(text)
                patterns.append(Self.textPattern(text, isMinimum: true, isExclusive: minimum.isExclusive))
            } else {
                schema[minimum.isExclusive ? "exclusiveMinimum" : "minimum"] = minimum.json
            }
        }
        if let maximum {
            if case .text(let text) = maximum.value {
                schema["x-maximum"] = .string(text)
                patterns.append(Self.textPattern(text, isMinimum: false, isExclusive: maximum.isExclusive))
            } else {
                schema[maximum.isExclusive ? "exclusiveMaximum" : "maximum"] = maximum.json
            }
        }
        if patterns.count == 1 { schema["pattern"] = .string(patterns[0]) }
        if patterns.count == 2 { schema["pattern"] = .string("(?=\(patterns[0]))\(patterns[1])") }
        return schema
    }

    /// Texts that sort behind, or before, one of digits, `-` and `:`, such as dates are.
    private static func textPattern(_ bound: String, isMinimum: Bool, isExclusive: Bool) -> String {
        var ways: [String] = []
        var prefix = ""
        for character in bound {
            if let digit = character.wholeNumberValue {
                let others = isMinimum ? digit + 1..<10 : 0..<digit
                if let low = others.first, let high = others.last { ways.append("\(prefix)[\(low)-\(high)]") }
            }
            prefix.append(character)
        }
        // A longer text sorts behind its own beginning.
        if isMinimum {
            ways.append(isExclusive ? "\(bound)." : bound)
        } else if !isExclusive {
            ways.append("\(bound)$")
        }
        if !isMinimum, bound.utf8.count == 8 { ways.append("\(bound.prefix(5))$") }
        return ways.isEmpty ? "(?!)" : "^(?:\(ways.joined(separator: "|")))"
    }

    /// Years 0001 to 9999, with as many days as their months have.
    private static let datePattern =
        "^(?:(?!0000)[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
        + "|02-(?:0[1-9]|1[0-9]|2[0-8]))|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])"
        + "|(?:0[48]|[2468][048]|[13579][26])00)-02-29)$"
}

extension Bound {
    var json: JSONValue {
        switch value {
        case .integer(let value): .integer(value)
        case .number(let value): .number(value)
        case .text(let value): .string(value)
        }
    }
}
