import PanalCore

/// The rules of a manifest as JSON Schema: which fields are asked for, and which go together. Says what ``RuleEngine``
/// decides.
///
/// Each predicate over an instance is a schema. Fields with a `showIf` have theirs under `$defs`, so that a long chain of
/// conditions stays as long as it is.
struct RuleSchema {
    let manifest: Manifest
    private let inputs: [String: ManifestInput]

    init(_ manifest: Manifest) {
        self.manifest = manifest
        inputs = Dictionary(manifest.inputs.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// `$defs`, and what goes into `allOf`.
    var definitions: [String: JSONValue] {
        var definitions: [String: JSONValue] = [:]
        for input in manifest.inputs {
            if let condition = input.showIf { definitions["asked-\(input.id)"] = holds(condition) }
        }
        for block in manifest.repeats {
            if let condition = block.showIf { definitions["asked-\(block.id)"] = holds(condition) }
        }
        return definitions
    }

    var rules: [JSONValue] {
        manifest.inputs.flatMap { showing($0) } + manifest.repeats.flatMap { showing($0) }
            + manifest.inputs.flatMap { relations($0) } + manifest.groups.flatMap { group($0) }
    }

    /// `dependentRequired`, for what it can say.
    var dependentRequired: [String: JSONValue] {
        var dependent: [String: JSONValue] = [:]
        for input in manifest.inputs where isPlain(input) {
            let plain = input.requires.filter { inputs[$0].map(isPlain) ?? false }
            if !plain.isEmpty { dependent[input.id] = .array(plain.map(JSONValue.string)) }
        }
        return dependent
    }

    /// Whether being in the instance is all that being given means.
    private func isPlain(_ input: ManifestInput) -> Bool {
        input.showIf == nil && input.defaultValue == nil && input.type != .boolean && !input.takesEmptyText
    }

    // MARK: Predicates

    private static let never: JSONValue = ["not": [:]]

    private func not(_ schema: JSONValue) -> JSONValue { ["not": schema] }

    private func both(_ schemas: JSONValue...) -> JSONValue { .object(["allOf": .array(schemas)]) }

    private func either(_ schemas: [JSONValue]) -> JSONValue { .object(["anyOf": .array(schemas)]) }

    private func asked(_ input: ManifestInput) -> JSONValue? {
        input.showIf == nil ? nil : ["$ref": .string("#/$defs/asked-\(input.id)")]
    }

    /// The field is in the instance, with a value as `schema` says.
    private func present(_ input: ManifestInput, _ schema: JSONValue?) -> JSONValue {
        var members: [String: JSONValue] = ["required": [.string(input.id)]]
        if let schema { members["properties"] = .object([input.id: schema]) }
        return .object(members)
    }

    /// One of the field's values satisfies `schema`; its default where it is left out.
    private func value(_ input: ManifestInput, _ schema: JSONValue, _ holdsForDefault: Bool) -> JSONValue {
        var found = present(input, input.isList ? ["contains": schema] : schema)
        if holdsForDefault {
            var absent = not(present(input, input.takesEmptyText ? not(["const": ""]) : nil))
            if input.isList { absent = not(present(input, nil)) }
            found = either([found, absent])
        }
        guard let asked = asked(input) else { return found }
        return both(asked, found)
    }

    private func isGiven(_ input: ManifestInput) -> JSONValue {
        if input.type == .boolean { return value(input, ["const": true], input.defaultValue == .boolean(true)) }
        if input.defaultValue != nil { return asked(input) ?? [:] }
        let found = present(input, input.takesEmptyText ? not(["const": ""]) : nil)
        guard let asked = asked(input) else { return found }
        return both(asked, found)
    }

    private func isGiven(_ id: String) -> JSONValue { inputs[id].map { isGiven($0) } ?? Self.never }

    func holds(_ condition: Condition) -> JSONValue {
        switch condition {
        case .given(let id): return isGiven(id)
        case .isOneOf(let id, let wanted):
            guard let input = inputs[id] else { return Self.never }
            let defaults = input.ruleDefaults
            return value(input, input.schema(of: wanted), defaults.contains(where: wanted.contains))
        case .between(let id, let minimum, let maximum):
            guard let input = inputs[id] else { return Self.never }
            var bounded = input
            (bounded.minimum, bounded.maximum) = (minimum, maximum)
            let fits = input.ruleDefaults.contains { text in
                (minimum?.allows(text, asMinimum: true) ?? true) && (maximum?.allows(text, asMinimum: false) ?? true)
            }
            return value(input, .object(bounded.rangeSchema()), fits)
        case .all(let parts): return .object(["allOf": .array(parts.map { holds($0) })])
        case .any(let parts): return either(parts.map { holds($0) })
        case .not(let part): return not(holds(part))
        }
    }

    // MARK: Rules

    /// Asked for: needed if it is; else nothing but the default may be there.
    private func showing(_ input: ManifestInput) -> [JSONValue] {
        guard let asked = asked(input) else { return [] }
        var rule: [String: JSONValue] = [
            "if": asked, "else": ["properties": .object([input.id: input.untouchedSchema])],
        ]
        if input.isRequired { rule["then"] = ["required": [.string(input.id)]] }
        return [.object(rule)]
    }

    /// Asked for: as often as it has to be; else with nothing in it but defaults.
    private func showing(_ block: ManifestRepeat) -> [JSONValue] {
        guard block.showIf != nil else { return [] }
        let untouched = Dictionary(
            block.inputs.map { ($0.id, $0.untouchedSchema) }, uniquingKeysWith: { first, _ in first })
        let left: JSONValue = ["items": ["properties": .object(untouched), "additionalProperties": false]]
        var then: [String: JSONValue] = ["properties": .object([block.id: block.itemSchema(of: manifest)])]
        if block.minimumItems > 0 { then["required"] = [.string(block.id)] }
        return [
            .object([
                "if": ["$ref": .string("#/$defs/asked-\(block.id)")], "then": .object(then),
                "else": ["properties": .object([block.id: left])],
            ])
        ]
    }

    private func relations(_ input: ManifestInput) -> [JSONValue] {
        let plain = isPlain(input)
        let required = input.requires.filter { !(plain && (inputs[$0].map(isPlain) ?? false)) }
        var rules: [JSONValue] = []
        if !required.isEmpty { rules.append(implies(isGiven(input), required.map { isGiven($0) })) }
        if !input.disables.isEmpty { rules.append(implies(isGiven(input), input.disables.map { not(isGiven($0)) })) }
        for (text, others) in input.valueRequires.sorted(by: { $0.key < $1.key }) {
            rules.append(implies(holds(.isOneOf(input.id, [text])), others.map { isGiven($0) }))
        }
        for (text, others) in input.valueDisables.sorted(by: { $0.key < $1.key }) {
            rules.append(implies(holds(.isOneOf(input.id, [text])), others.map { not(isGiven($0)) }))
        }
        return rules
    }

    private func implies(_ condition: JSONValue, _ consequences: [JSONValue]) -> JSONValue {
        let then: JSONValue = consequences.count == 1 ? consequences[0] : .object(["allOf": .array(consequences)])
        return .object(["if": condition, "then": then])
    }

    /// As long as the group: each pair on its own would make a megabyte of a large one.
    private func group(_ group: ManifestGroup) -> [JSONValue] {
        let members = group.inputs.compactMap { inputs[$0] }
        let given = members.map { isGiven($0) }
        let none = not(either(given))
        let atMostOne: JSONValue = ["oneOf": .array(given + [none])]
        switch group.rule {
        case .atMostOne: return [atMostOne]
        case .oneOf, .atLeastOne:
            if members.allSatisfy({ $0.showIf == nil }) {
                let one: JSONValue = ["oneOf": .array(given)]
                return [group.rule == .oneOf ? one : either(given)]
            }
            let some = implies(either(members.map { asked($0) ?? [:] }), [either(given)])
            return group.rule == .oneOf ? [some, atMostOne] : [some]
        case .allOrNone:
            let all = zip(members, given).map { member, given in asked(member).map { implies($0, [given]) } ?? given }
            return [either([none, .object(["allOf": .array(all)])])]
        }
    }
}

extension ManifestInput {
    /// Whether an empty text is a legal way to leave the field out.
    fileprivate var takesEmptyText: Bool {
        (type == .text || type == .secret) && !isList && choices == nil
    }

    /// What may be there of a field that is not asked for.
    fileprivate var untouchedSchema: JSONValue {
        var untouched: [JSONValue] = defaultValue.map { [$0] } ?? []
        if takesEmptyText { untouched.append("") }
        if type == .boolean { untouched.append(false) }
        return untouched.isEmpty ? .boolean(false) : ["enum": .array(untouched)]
    }

    fileprivate var ruleDefaults: [String] {
        if type == .boolean, defaultValue == nil { return isOptional ? [] : ["false"] }
        return defaultTexts.map(canonical)
    }

    /// What an instance may say for a canonical value.
    /// Any of these canonical values, as they may be written.
    fileprivate func schema(of wanted: some Collection<String>) -> JSONValue {
        guard type == .colour else { return ["enum": .array(wanted.flatMap { instances($0) })] }
        // Colours are equal in either case.
        let words = wanted.map { word in
            word.map { $0.isLetter ? "[\($0.lowercased())\($0.uppercased())]" : String($0) }.joined()
        }
        return ["pattern": .string("^(?:\(words.joined(separator: "|")))$")]
    }

    fileprivate func instances(_ canonical: String) -> [JSONValue] {
        switch type {
        case .boolean: [.boolean(canonical == "true")]
        case .integer, .number: [choiceSchema(canonical)]
        default: [.string(canonical)]
        }
    }
}
