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

    /// The JSON body of a submission as a document of its own.
    var bodySchema: JSONValue {
        let schema = schema(isForm: false)
        guard case .object(var json) = schema.json, case .object(var properties)? = json["properties"] else {
            return schema.json
        }
        for (name, component) in schema.components {
            let reference: JSONValue = ["$ref": .string("#/components/schemas/\(name)")]
            properties = properties.mapValues { $0 == reference ? component : $0 }
        }
        json["properties"] = .object(properties)
        json["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        return .object(json)
    }

    private var body: [(type: String, schema: Schema)] {
        [("application/json", schema(isForm: false)), ("multipart/form-data", schema(isForm: true))]
    }

    /// The manifest's own schema, and what stands beside the fields.
    private func schema(isForm: Bool) -> Schema {
        guard case .object(var json) = program.manifest.jsonSchema(),
            case .object(var properties)? = json["properties"]
        else { return .anything }
        let own = isForm ? Schema.formOrderMembers : Schema.orderMembers
        if isForm {
            // A text, which not every client writes as JSON does.
            for input in program.manifest.inputs where input.type == .boolean && !input.isList {
                guard case .object(var property)? = properties[input.id] else { continue }
                property["type"] = "string"
                property["enum"] = ["true", "false"]
                properties[input.id] = .object(property)
            }
        } else {
            // Bytes have no place in JSON: a file is an upload there.
            for input in program.manifest.inputs where input.type == .file {
                properties[input.id] = (input.isList ? .list(of: .uploaded) : Schema.uploaded).json
            }
        }
        properties.merge(own.mapValues(\.json)) { field, _ in field }
        json["properties"] = .object(properties)
        json["$schema"] = nil
        // Generators take it for the name of a class, which may be another's.
        json["title"] = nil
        json["examples"] = [program.manifest.exampleSubmission(isForm: isForm)]
        return Schema(
            .object(json), components: own.values.reduce(into: [:]) { $0.merge($1.components) { _, new in new } })
    }
}
