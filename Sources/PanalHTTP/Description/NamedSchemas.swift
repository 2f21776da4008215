import HTTPTypes
import PanalCore

extension Operation {
    /// With a name for each JSON document that has none: generators make a class of a name, and call what has none by the status or by
    /// its place.
    var named: Operation {
        var operation = self
        // A program's own operation is `run_its_name`.
        let name = id.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
        operation.body = body.map { Self.named($0, "\(name)Request") }
        for index in answers.indices where answers[index].status.kind == .successful {
            operation.answers[index].content = Self.named(answers[index].content, Self.answerName(id))
        }
        return operation
    }

    /// `listCostItems` answers a CostItemList.
    private static func answerName(_ id: String) -> String {
        guard id.hasPrefix("list") else { return "\(id.prefix(1).uppercased())\(id.dropFirst())Result" }
        let entries = id.dropFirst(4)
        if entries.hasSuffix("ies") { return "\(entries.dropLast(3))yList" }
        if entries.hasSuffix("ches") { return "\(entries.dropLast(2))List" }
        return entries.hasSuffix("s") && !entries.hasSuffix("fs") ? "\(entries.dropLast())List" : "\(entries)List"
    }

    private static func named(
        _ content: [(type: String, schema: Schema)], _ name: String
    ) -> [(type: String, schema: Schema)] {
        content.map { type, schema in
            guard type == "application/json", case .object(let json) = schema.json, json["properties"] != nil else {
                return (type, schema)
            }
            return (type, .component(name, schema))
        }
    }
}

extension Schema {
    /// With what each member is when it is left out told in words. As `default` some generated clients send it along with every request,
    /// where it then stands in the way of what is said in another place.
    static func toldDefaults(of schema: JSONValue) -> JSONValue {
        guard case .object(var members) = schema else { return schema }
        for (keyword, value) in members {
            switch (keyword, value) {
            case ("properties", .object(let named)), ("$defs", .object(let named)):
                members[keyword] = .object(named.mapValues(toldDefaults))
            case ("anyOf", .array(let list)), ("allOf", .array(let list)), ("oneOf", .array(let list)):
                members[keyword] = .array(list.map(toldDefaults))
            case ("items", _), ("additionalProperties", _): members[keyword] = toldDefaults(of: value)
            default: break
            }
        }
        if let value = members.removeValue(forKey: "default"), let bytes = try? value.serialized() {
            let told = "`\(String(decoding: bytes, as: UTF8.self))` when it is missing."
            if case .string(let note)? = members["description"] {
                members["description"] = .string("\(note) \(told)")
            } else {
                members["description"] = .string(told)
            }
        }
        return .object(members)
    }
}
