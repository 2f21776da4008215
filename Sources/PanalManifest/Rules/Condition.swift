package import PanalCore

/// When something holds, over the values of other fields. Evaluated here for every face, and described as JSON to a
/// page's script, which says the same.
///
/// A field that was left out and has no default, and one that is not asked for, has no value: nothing but
/// `given: false` and `not` holds of it.
package indirect enum Condition: Hashable, Sendable {
    /// Values that one comparison names, and their characters together.
    static let maximumValues = 100
    static let maximumCharacters = 4_096

    /// The field has a value; a boolean one is true.
    case given(String)
    /// One of its values is one of these, in their canonical form.
    case isOneOf(String, [String])
    /// One of its values lies between these.
    case between(String, minimum: Bound?, maximum: Bound?)
    case all([Condition])
    case any([Condition])
    case not(Condition)

    /// Ids of the fields that it looks at.
    package var inputs: Set<String> {
        switch self {
        case .given(let id), .isOneOf(let id, _), .between(let id, _, _): [id]
        case .all(let parts), .any(let parts): parts.reduce(into: []) { $0.formUnion($1.inputs) }
        case .not(let part): part.inputs
        }
    }

    /// Whether it holds; `value` is what each field came to, nil for none.
    func holds(_ value: (String) -> RuleValue?) -> Bool {
        switch self {
        case .given(let id): return value(id)?.isGiven ?? false
        case .isOneOf(let id, let wanted):
            guard let canonical = value(id)?.canonical else { return false }
            // A thousand values against ten thousand.
            if canonical.count > 1, wanted.count > 8 { return !Set(wanted).isDisjoint(with: canonical) }
            return canonical.contains(where: wanted.contains)
        case .between(let id, let minimum, let maximum):
            return value(id)?.canonical.contains { text in
                (minimum?.allows(text, asMinimum: true) ?? true) && (maximum?.allows(text, asMinimum: false) ?? true)
            } ?? false
        case .all(let parts): return parts.allSatisfy { $0.holds(value) }
        case .any(let parts): return parts.contains { $0.holds(value) }
        case .not(let part): return !part.holds(value)
        }
    }

    /// As the manifest may say it, in its long form.
    package var json: JSONValue {
        switch self {
        case .given(let id): return ["input": .string(id), "given": true]
        case .isOneOf(let id, let values):
            return ["input": .string(id), "in": .array(values.map(JSONValue.string))]
        case .between(let id, let minimum, let maximum):
            var members: [String: JSONValue] = ["input": .string(id)]
            if let minimum { members[minimum.isExclusive ? "exclusiveMinimum" : "minimum"] = minimum.json }
            if let maximum { members[maximum.isExclusive ? "exclusiveMaximum" : "maximum"] = maximum.json }
            return .object(members)
        case .all(let parts): return ["all": .array(parts.map(\.json))]
        case .any(let parts): return ["any": .array(parts.map(\.json))]
        case .not(let part): return ["not": part.json]
        }
    }
}

/// What rules know of a field's value.
struct RuleValue: Hashable, Sendable {
    /// Each value in the one form that equal ones share.
    var canonical: [String]
    var isGiven: Bool
}

extension ManifestInput {
    /// What rules compare: `3`, `3.0` and `03` are the same number.
    func canonical(_ text: String) -> String {
        switch type {
        case .integer: Int(text).map(String.init) ?? text
        case .number: DecimalText.number(text).map { Bound(value: .number($0), isExclusive: false).text } ?? text
        case .colour: text.lowercased()
        default: text
        }
    }

    func ruleValue(_ value: FieldValue) -> RuleValue {
        let isFalse = type == .boolean && value.values == ["false"]
        return RuleValue(canonical: type == .file ? [] : value.values.map(canonical), isGiven: !isFalse)
    }
}

extension Bound {
    func allows(_ text: String, asMinimum: Bool) -> Bool {
        let isBefore: Bool
        let isEqual: Bool
        if let number {
            guard let value = DecimalText.number(text) else { return false }
            (isBefore, isEqual) = (value < number, value == number)
        } else {
            (isBefore, isEqual) = (text < self.text, text == self.text)
        }
        if isEqual { return !isExclusive }
        return asMinimum ? !isBefore : isBefore
    }
}

/// Fields of which so many have to be given.
package struct ManifestGroup: Hashable, Sendable {
    package enum Rule: String, Hashable, Sendable, CaseIterable {
        /// Exactly one.
        case oneOf
        case atMostOne
        case atLeastOne
        case allOrNone

        /// In any case, with hyphens or blanks.
        init?(word: String) {
            let word = word.lowercased().filter { $0 != "-" && $0 != " " && $0 != "_" }
            guard let rule = Self.allCases.first(where: { $0.rawValue.lowercased() == word }) else { return nil }
            self = rule
        }
    }

    package var name: String?
    package var description: String?
    package var inputs: [String]
    package var rule: Rule
}
