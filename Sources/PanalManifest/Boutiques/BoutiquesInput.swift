import PanalCore

/// One input of a descriptor.
struct BoutiquesInput {
    var originalID: String
    /// In small letters, as ours are.
    var id: String
    var valueKey: String?
    var flag: String?
    var isOptional: Bool
    var isList: Bool
    var listSeparator: String?

    private static let known = [
        "id", "name", "type", "description", "value-key", "list", "list-separator", "optional", "command-line-flag",
        "requires-inputs", "disables-inputs", "command-line-flag-separator", "default-value", "value-choices",
        "value-requires", "value-disables", "integer", "minimum", "maximum", "exclusive-minimum", "exclusive-maximum",
        "min-list-entries", "max-list-entries", "uses-absolute-path",
    ]

    init?(_ reader: DocumentReader, index: Int) {
        reader.reportUnknownKeys(known: Self.known)
        guard let id = reader.text("id", maximum: 100) else {
            if !reader.has("id") { reader.report(nil, .fieldListMissing, "id", "an_id") }
            return nil
        }
        originalID = id
        self.id = id.lowercased().replacing(",", with: "_")
        // An empty key would stand everywhere.
        valueKey = reader.members["value-key"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        flag = reader.members["command-line-flag"]?.string
        isOptional = reader.members["optional"] == .boolean(true)
        isList = reader.members["list"] == .boolean(true)
        listSeparator = reader.members["list-separator"]?.string
        if isList, listSeparator == nil, flag != nil,
            let separator = reader.members["command-line-flag-separator"]?.string, separator != " "
        {
            // One flag before all values, joined to the first of them.
            reader.report("command-line-flag-separator", .boutiquesNothingLikeIt)
        }
    }

    /// The members that are the same under another name.
    private static let renamed = [
        "name": "name", "description": "description", "optional": "optional", "list": "list",
        "default-value": "default", "value-choices": "choices", "minimum": "minimum", "maximum": "maximum",
        "exclusive-minimum": "exclusiveMinimum", "exclusive-maximum": "exclusiveMaximum",
        "min-list-entries": "minItems", "max-list-entries": "maxItems", "command-line-flag": "flag",
    ]

    /// The field of the manifest. `variable` is the one of the environment that is this input.
    static func members(
        _ reader: DocumentReader, id: String, ids: [String: String], variable: String?
    ) -> JSONValue {
        var members: [String: JSONValue] = ["id": .string(id)]
        for (theirs, ours) in renamed { members[ours] = reader.members[theirs] }
        if members["description"] == .string("") { members["description"] = nil }
        let word = reader.members["type"]?.string ?? ""
        switch word.lowercased() {
        case "number": members["type"] = reader.members["integer"] == .boolean(true) ? "integer" : "number"
        case "flag": members["type"] = "boolean"
        case "file": members["type"] = "file"
        default: members["type"] = .string(word.lowercased() == "string" ? "text" : word)
        }
        if members["type"] == "boolean" {
            members["separator"] = nil
        } else if members["flag"] != nil {
            members["separator"] = reader.members["command-line-flag-separator"]
        }
        if reader.members["list"] == .boolean(true) {
            members["listSeparator"] = reader.members["list-separator"]
            if members["listSeparator"] == .string(" ") { members["listSeparator"] = nil }
        } else {
            members["list"] = nil
        }
        if reader.members["type"]?.string == "File" { members["default"] = nil }
        members["requires"] = list(reader.members["requires-inputs"], ids)
        members["disables"] = list(reader.members["disables-inputs"], ids)
        members["valueRequires"] = lists(reader.members["value-requires"], ids)
        members["valueDisables"] = lists(reader.members["value-disables"], ids)
        if let variable {
            members["via"] = "environment"
            members["variable"] = .string(variable)
            members["flag"] = nil
            members["separator"] = nil
        }
        if reader.has("default-value"), members["type"] == "file" {
            reader.report("default-value", .boutiquesNothingLikeIt)
        }
        return .object(members)
    }

    private static func list(_ value: JSONValue?, _ ids: [String: String]) -> JSONValue? {
        guard case .array(let elements)? = value, !elements.isEmpty else { return nil }
        return .array(elements.map { .string(ids[$0.string ?? ""] ?? $0.string ?? "") })
    }

    private static func lists(_ value: JSONValue?, _ ids: [String: String]) -> JSONValue? {
        guard case .object(let members)? = value else { return nil }
        let kept = members.compactMapValues { list($0, ids) }
        return kept.isEmpty ? nil : .object(kept)
    }
}
