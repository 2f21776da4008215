import PanalCore
import PanalManifest
import PanalService

/// A program's own operation: the one that submits to any program, with this one's inputs.
struct ProgramOperation: Sendable {
    /// The operation that it is made of.
    static let generic = "submitJob"
    /// What the names of programs' own operations begin with.
    static let prefix = "run_"

    let program: ProgramEntry

    func operation(like generic: Operation) -> Operation {
        // The names of programs have no underscore, so no two of them come to the same.
        let id = Self.prefix + program.program.name.replacing("-", with: "_")
        var operation = Operation(id: id, tag: generic.tag, summary: "Run \(program.manifest.name)")
        operation.note = program.manifest.description
        operation.scope = generic.scope
        operation.parameters = generic.parameters.filter { $0.place != .path }
        operation.refusals = generic.refusals
        operation.answers = generic.answers
        operation.body = body
        return operation
    }

    /// The JSON body of a submission as a document of its own, which brings along what it refers to.
    var bodySchema: JSONValue {
        let schema = schema(isForm: false)
        guard case .object(var json) = Self.relocated(schema.json) else { return schema.json }
        if !schema.components.isEmpty { json["$defs"] = .object(schema.components.mapValues(Self.relocated)) }
        json["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        return .object(json)
    }

    private static func relocated(_ schema: JSONValue) -> JSONValue {
        renaming(schema) { place in
            place.hasPrefix(components) ? definitions + place.dropFirst(components.count) : place
        }
    }

    private static func renaming(_ schema: JSONValue, _ name: (String) -> String) -> JSONValue {
        switch schema {
        case .object(var members):
            if case .string(let place)? = members["$ref"] { members["$ref"] = .string(name(place)) }
            return .object(members.mapValues { renaming($0, name) })
        case .array(let elements): return .array(elements.map { renaming($0, name) })
        default: return schema
        }
    }

    private var body: [(type: String, schema: Schema)] {
        [("application/json", schema(isForm: false)), ("multipart/form-data", schema(isForm: true))]
    }

    /// The manifest's own schema, and what stands beside the fields.
    private func schema(isForm: Bool) -> Schema {
        let manifest = program.manifest
        guard case .object(var json) = manifest.jsonSchema(), case .object(var properties)? = json["properties"] else {
            return .anything
        }
        let own = isForm ? Schema.formOrderMembers : Schema.orderMembers
        if isForm {
            properties = Self.inForm(properties, manifest.inputs)
            let names = patterns
            if !names.isEmpty { json["patternProperties"] = .object(names) }
        } else {
            properties = Self.inJSON(properties, manifest.inputs)
            for block in manifest.repeats { properties[block.id] = properties[block.id].map { inJSON($0, block) } }
        }
        properties.merge(own.mapValues(\.json)) { field, _ in field }
        json["properties"] = .object(properties)
        json["$schema"] = nil
        // Generators take it for the name of a class, which may be another's.
        json["title"] = nil
        json["examples"] = [program.manifest.exampleSubmission(isForm: isForm)]
        // A document of its own would have these; here they are the description's.
        var components = own.values.reduce(into: [String: JSONValue]()) { $0.merge($1.components) { _, new in new } }
        if case .object(let definitions)? = json.removeValue(forKey: "$defs") {
            for (name, schema) in definitions { components[component(name)] = hoisted(schema) }
        }
        return Schema(hoisted(.object(json)), components: components)
    }

    /// A box is a text there, which not every client writes as JSON does.
    private static func inForm(_ properties: [String: JSONValue], _ inputs: [ManifestInput]) -> [String: JSONValue] {
        var properties = properties
        for input in inputs where input.type == .boolean && !input.isList {
            guard case .object(var property)? = properties[input.id] else { continue }
            property["type"] = "string"
            property["enum"] = ["true", "false"]
            properties[input.id] = .object(property)
        }
        return properties
    }

    /// Bytes have no place in JSON: a file is an upload there.
    private static func inJSON(_ properties: [String: JSONValue], _ inputs: [ManifestInput]) -> [String: JSONValue] {
        var properties = properties
        for input in inputs where input.type == .file {
            properties[input.id] = (input.isList ? .list(of: .uploaded) : Schema.uploaded).json
        }
        return properties
    }

    private func inJSON(_ schema: JSONValue, _ block: ManifestRepeat) -> JSONValue {
        guard case .object(var members) = schema, case .object(var item)? = members["items"],
            case .object(let own)? = item["properties"]
        else { return schema }
        item["properties"] = .object(Self.inJSON(own, block.inputs))
        members["items"] = .object(item)
        return .object(members)
    }

    /// In a form a block's fields have names of their own, files among them: `layer.0.picture`.
    private var patterns: [String: JSONValue] {
        var patterns: [String: JSONValue] = [:]
        for block in program.manifest.repeats {
            let fields = Dictionary(uniqueKeysWithValues: block.inputs.map { ($0.id, $0.jsonSchema()) })
            for (id, schema) in Self.inForm(fields, block.inputs) {
                patterns["^\(block.id)\\.[0-9]{1,6}\\.\(id)$"] = schema
            }
        }
        return patterns
    }

    private func component(_ name: String) -> String {
        "\(Self.prefix)\(program.program.name.replacing("-", with: "_")).\(name)"
    }

    private func hoisted(_ schema: JSONValue) -> JSONValue {
        Self.renaming(schema) { place in
            place.hasPrefix(Self.definitions)
                ? Self.components + component(String(place.dropFirst(Self.definitions.count))) : place
        }
    }

    private static let components = "#/components/schemas/"
    private static let definitions = "#/$defs/"
}
