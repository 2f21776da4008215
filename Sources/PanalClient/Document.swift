package import PanalCore

/// A server's JSON answer, member by member. What is missing or of another kind is nil: documents grow.
extension JSONValue {
    package subscript(name: String) -> JSONValue? {
        if case .object(let members) = self { members[name] } else { nil }
    }

    package var text: String? {
        if case .string(let text) = self { text } else { nil }
    }

    package var integer: Int? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int(exactly: value)
        default: nil
        }
    }

    /// A number, whole or not.
    package var decimal: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    package var flag: Bool? {
        if case .boolean(let value) = self { value } else { nil }
    }

    package var list: [JSONValue]? {
        if case .array(let values) = self { values } else { nil }
    }

    package var moment: Timestamp? { text.flatMap(Timestamp.init(rfc3339:)) }

    /// The list under `name`. Throws `misunderstood` without one.
    package func list(_ name: String) throws(ClientFailure) -> [JSONValue] {
        guard let list = self[name]?.list else { throw .notUnderstood("it has no list ‘\(name)’") }
        return list
    }

    /// The text under `name`. Throws `misunderstood` without one.
    package func text(_ name: String) throws(ClientFailure) -> String {
        guard let text = self[name]?.text else { throw .notUnderstood("it has no text ‘\(name)’") }
        return text
    }
}
