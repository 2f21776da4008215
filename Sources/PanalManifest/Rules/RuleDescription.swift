package import PanalCore

extension Manifest {
    /// Everything that ``RuleEngine`` decides by, as data for a page's script:
    ///
    /// - `order`: ids, each after those that its `showIf` looks at.
    /// - `fields`: by id, what a value may be (`type`, `required`, `list`, `default`, `choices`, bounds, `pattern`, …)
    ///   and the rules: `showIf` (`{"input", "given" | "in" | bounds}`, `{"all"}`, `{"any"}`, `{"not"}`), `requires` and
    ///   `disables` (ids), `valueRequires` and `valueDisables` (value → ids).
    /// - `groups`: `{"inputs", "rule"}`.
    ///
    /// Values in rules are canonical: numbers as JavaScript writes them, colours in lower case. `pattern` has no anchors
    /// and is to match the whole value.
    package var ruleDescription: JSONValue {
        [
            "version": 1, "order": .array(order.map { .string(inputs[$0].id) }),
            "fields": .object(
                Dictionary(inputs.map { ($0.id, $0.ruleDescription) }, uniquingKeysWith: { first, _ in first })),
            "groups": .array(
                groups.map { group in
                    var members: [String: JSONValue] = [
                        "inputs": .array(group.inputs.map(JSONValue.string)), "rule": .string(group.rule.rawValue),
                    ]
                    if let name = group.name { members["name"] = .string(name) }
                    return .object(members)
                }),
        ]
    }
}

extension ManifestInput {
    fileprivate var ruleDescription: JSONValue {
        var members: [String: JSONValue] = [
            "name": .string(name), "type": .string(type.rawValue), "required": .boolean(isRequired),
            "default": .array(defaultTexts.map(JSONValue.string)),
        ]
        if isList {
            members["list"] = true
            members["minItems"] = .integer(minimumItems)
            members["maxItems"] = .integer(maximumItems)
        }
        if isMultiline { members["multiline"] = true }
        if let choices { members["choices"] = .array(choices.map { .string($0.value) }) }
        if let minimum { members[minimum.isExclusive ? "exclusiveMinimum" : "minimum"] = minimum.json }
        if let maximum { members[maximum.isExclusive ? "exclusiveMaximum" : "maximum"] = maximum.json }
        if let step { members["step"] = Int(exactly: step).map { .integer($0) } ?? .number(step) }
        if let minimumLength { members["minLength"] = .integer(minimumLength) }
        if let maximumLength { members["maxLength"] = .integer(maximumLength) }
        if let pattern { members["pattern"] = .string(pattern.expression) }
        if !accept.isEmpty { members["accept"] = .array(accept.map(JSONValue.string)) }
        if let maximumBytes { members["maxBytes"] = .integer(maximumBytes) }
        if let showIf { members["showIf"] = showIf.json }
        if !requires.isEmpty { members["requires"] = .array(requires.map(JSONValue.string)) }
        if !disables.isEmpty { members["disables"] = .array(disables.map(JSONValue.string)) }
        if !valueRequires.isEmpty { members["valueRequires"] = Self.lists(valueRequires) }
        if !valueDisables.isEmpty { members["valueDisables"] = Self.lists(valueDisables) }
        return .object(members)
    }

    private static func lists(_ lists: [String: [String]]) -> JSONValue {
        .object(lists.mapValues { .array($0.map(JSONValue.string)) })
    }
}
