package import PanalCore

extension Manifest {
    /// Everything that ``RuleEngine`` decides by, as data for a page's script:
    ///
    /// - `inputs`: ids in the manifest's order; `order`: each after those that its `showIf` looks at.
    /// - `fields`: by id, what a value may be (`type`, `required`, `list`, `default`, `choices`, bounds, `pattern`, …)
    ///   and the rules: `showIf` (`{"input", "given" | "in" | bounds}`, `{"all"}`, `{"any"}`, `{"not"}`), `requires` and
    ///   `disables` (ids), `valueRequires` and `valueDisables` (value → ids).
    /// - `groups`: `{"inputs", "rule"}`.
    /// - `repeats`: blocks that are given several times: `id`, `name`, `place` (how many of `inputs` stand before it), `minItems`, `maxItems`, `showIf`, and their own `inputs`, `order` and
    ///   `groups`. Their fields stand in `fields` once, and in none of the other lists; what is given the third time for the field `text` of
    ///   the block `layer` has the id `layer.2.text`, and how often it is given the id `layer`.
    ///
    /// - `mediaTypes`: what a file's ending says of its kind, where a field has `accept`; `maxTextBytes` of one value.
    ///
    /// Values in rules are canonical: numbers as numbers are compared, colours in lower case. `pattern` has no anchors
    /// and is to match the whole value; `matcher` is the same as steps to follow all at once, so that a page's time too
    /// grows with the value only: `[0, from, to, …]` one character of these ranges, `[1, from, to, …]` one of none of
    /// them, `[2, a, b]` on at both steps, `[3, a]` on at this one, `[4]` the end.
    package var ruleDescription: JSONValue {
        var members: [String: JSONValue] = [
            "version": 1, "inputs": .array(inputs.map { .string($0.id) }),
            "order": .array(order.map { .string(inputs[$0].id) }),
            "maxTextBytes": .integer(ManifestInput.maximumTextBytes),
            "fields": .object(
                Dictionary(allInputs.map { ($0.id, $0.ruleDescription) }, uniquingKeysWith: { first, _ in first })),
            "groups": .array(groups.map(\.ruleDescription)),
        ]
        if !repeats.isEmpty { members["repeats"] = .array(repeats.map(\.ruleDescription)) }
        if allInputs.contains(where: { !$0.accept.isEmpty }) {
            members["mediaTypes"] = .object(AcceptedFile.mediaTypes.mapValues(JSONValue.string))
        }
        return .object(members)
    }
}

extension ManifestGroup {
    fileprivate var ruleDescription: JSONValue {
        var members: [String: JSONValue] = [
            "inputs": .array(inputs.map(JSONValue.string)), "rule": .string(rule.rawValue),
        ]
        if let name { members["name"] = .string(name) }
        return .object(members)
    }
}

extension ManifestRepeat {
    fileprivate var ruleDescription: JSONValue {
        var members: [String: JSONValue] = [
            "id": .string(id), "name": .string(name), "place": .integer(place),
            "minItems": .integer(minimumItems), "maxItems": .integer(maximumItems),
            "inputs": .array(inputs.map { .string($0.id) }),
            "order": .array(order.map { .string(inputs[$0].id) }), "groups": .array(groups.map(\.ruleDescription)),
        ]
        if let showIf { members["showIf"] = showIf.json }
        return .object(members)
    }
}

extension ManifestInput {
    fileprivate var ruleDescription: JSONValue {
        var members: [String: JSONValue] = [
            "name": .string(name), "type": .string(type.rawValue), "required": .boolean(isRequired),
            "optional": .boolean(isOptional),
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
        if let pattern {
            members["pattern"] = .string(pattern.expression)
            members["matcher"] = pattern.stepDescription
        }
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
