import Foundation
import PanalCore

/// Holds documents against JSON Schemas of the OpenAPI document, as far as Panal's own schemas go. A keyword that it does not know is a
/// complaint, so that nothing passes unread; and so is a member that the schema does not name.
struct SchemaCheck {
    let document: JSONValue

    private static let silent: Set<String> = [
        "description", "title", "examples", "example", "default", "writeOnly", "contentMediaType", "x-accept",
        "x-maxBytes", "x-minimum", "x-maximum", "deprecated", "x-events", "contentSchema",
    ]
    private static let known: Set<String> = [
        "type", "properties", "required", "additionalProperties", "items", "minItems", "maxItems", "minimum", "maximum",
        "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "format", "enum",
        "anyOf", "oneOf", "allOf", "$ref", "const", "propertyNames",
        "patternProperties", "maxProperties", "not",
    ]

    /// What is wrong with `value`, each with its place.
    func complaints(_ value: JSONValue, _ schema: JSONValue, at place: String = "") -> [String] {
        guard case .object(let members) = schema else {
            return schema == .boolean(false) ? ["\(place): not allowed"] : []
        }
        var found = members.keys.filter { !Self.known.contains($0) && !Self.silent.contains($0) }
            .map { "\(place): the keyword \($0) is not checked" }
        if let reference = members["$ref"]?.text {
            guard let target = resolve(reference) else { return ["\(place): \(reference) leads nowhere"] }
            found += complaints(value, target, at: place)
        }
        if let choices = members["anyOf"]?.list {
            let each = choices.map { complaints(value, $0, at: place) }
            if !each.contains([]) { found += each.flatMap(\.self) }
        }
        if let choices = members["oneOf"]?.list {
            let each = choices.map { complaints(value, $0, at: place) }
            let fitting = each.filter { $0 == [] }.count
            if fitting == 0 { found += each.flatMap(\.self) }
            if fitting > 1 { found.append("\(place): fits \(fitting) of what it is one of") }
        }
        if let rule = members["not"], complaints(value, rule, at: place) == [] { found.append("\(place): is \(rule)") }
        if let parts = members["allOf"]?.list, members["type"] == "string" {
            found += parts.flatMap { complaints(value, $0, at: place) }
        } else if members["allOf"] != nil {
            return found + complaints(value, merged(schema), at: place)
        }
        if let only = members["const"], only != value { found.append("\(place): not \(only)") }
        if let words = members["enum"]?.list, !words.contains(value) { found.append("\(place): none of \(words)") }
        if let type = members["type"], !Self.is(value, type) { return found + ["\(place): \(value.kind), not \(type)"] }
        switch value {
        case .object(let object): found += complaints(object, members, at: place)
        case .array(let list):
            for (index, item) in list.enumerated() {
                found += complaints(item, members["items"] ?? true, at: "\(place)/\(index)")
            }
            found += bounds(Double(list.count), members["minItems"], members["maxItems"], at: place)
        case .string(let text): found += complaints(text, members, at: place)
        case .integer(let number): found += bounds(Double(number), members["minimum"], members["maximum"], at: place)
        case .number(let number): found += bounds(number, members["minimum"], members["maximum"], at: place)
        case .boolean, .null: break
        }
        return found
    }

    func resolve(_ reference: String) -> JSONValue? {
        guard reference.hasPrefix("#/") else { return nil }
        return reference.dropFirst(2).split(separator: "/").reduce(document as JSONValue?) { $0?[String($1)] }
    }

    private func complaints(
        _ object: [String: JSONValue], _ schema: [String: JSONValue], at place: String
    ) -> [String] {
        let isSilent = ["properties", "patternProperties", "additionalProperties"].allSatisfy { schema[$0] == nil }
        guard !isSilent else { return [] }
        let properties = schema["properties"] ?? [:]
        var found = bounds(Double(object.count), nil, schema["maxProperties"], at: place)
        found += (schema["required"]?.list ?? []).compactMap(\.text).filter { object[$0] == nil }
            .map { "\(place)/\($0): missing" }
        for (name, member) in object {
            if let rule = schema["propertyNames"] { found += complaints(.string(name), rule, at: "\(place)/\(name)") }
            if let property = properties[name] {
                found += complaints(member, property, at: "\(place)/\(name)")
            } else if let (_, rule) = schema["patternProperties"]?.members.first(where: {
                name.range(of: $0.key, options: .regularExpression) != nil
            }) {
                found += complaints(member, rule, at: "\(place)/\(name)")
            } else if let others = schema["additionalProperties"], others != false {
                found += complaints(member, others, at: "\(place)/\(name)")
            } else {
                found.append("\(place)/\(name): not in the document")
            }
        }
        return found
    }

    private func complaints(_ text: String, _ schema: [String: JSONValue], at place: String) -> [String] {
        var found = bounds(Double(text.unicodeScalars.count), schema["minLength"], schema["maxLength"], at: place)
        if let pattern = schema["pattern"]?.text, text.range(of: pattern, options: .regularExpression) == nil {
            found.append("\(place): ‘\(text)’ is not \(pattern)")
        }
        switch schema["format"]?.text {
        case "date-time":
            let form = #"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"#
            if text.range(of: form, options: .regularExpression) == nil {
                found.append("\(place): ‘\(text)’ is no time")
            }
        case "uri-reference" where URL(string: text) == nil: found.append("\(place): ‘\(text)’ is no address")
        default: break
        }
        return found
    }

    private func bounds(_ number: Double, _ least: JSONValue?, _ most: JSONValue?, at place: String) -> [String] {
        let isRight = number >= (least?.double ?? -.infinity) && number <= (most?.double ?? .infinity)
        return isRight ? [] : ["\(place): \(number) is out of bounds"]
    }

    /// The parts of `allOf` as one object, whose members are then known together.
    private func merged(_ schema: JSONValue) -> JSONValue {
        var properties: [String: JSONValue] = [:]
        var required: [JSONValue] = []
        for part in schema["allOf"]?.list ?? [] {
            let part = part["$ref"]?.text.flatMap(resolve) ?? part
            if case .object(let own)? = part["properties"] { properties.merge(own) { first, _ in first } }
            required += part["required"]?.list ?? []
        }
        return ["type": "object", "properties": .object(properties), "required": .array(required)]
    }

    private static func `is`(_ value: JSONValue, _ type: JSONValue) -> Bool {
        if let several = type.list { return several.contains { Self.is(value, $0) } }
        return switch (type.text, value) {
        case ("object", .object), ("array", .array), ("string", .string), ("boolean", .boolean), ("null", .null),
            ("integer", .integer), ("number", .integer), ("number", .number):
            true
        // A number without a fraction reads back as one or the other.
        case ("integer", .number(let number)): number == number.rounded()
        default: false
        }
    }
}

extension JSONValue {
    var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    var members: [String: JSONValue] { if case .object(let members) = self { members } else { [:] } }
}
