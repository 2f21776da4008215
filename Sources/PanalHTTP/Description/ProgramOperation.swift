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

    private var body: [(type: String, schema: Schema)] {
        [("application/json", schema(isForm: false)), ("multipart/form-data", schema(isForm: true))]
    }

    /// The manifest's own schema, and what stands beside the fields.
    private func schema(isForm: Bool) -> Schema {
        guard case .object(var json) = program.manifest.jsonSchema(),
            case .object(var properties)? = json["properties"], case .object(let own) = Schema.orderMembers
        else { return .anything }
        if !isForm {
            // Bytes have no place in JSON: a file is an upload there.
            for input in program.manifest.inputs where input.type == .file {
                properties[input.id] = (input.isList ? .list(of: .uploaded) : Schema.uploaded).json
            }
        }
        properties.merge(own) { field, _ in field }
        if !isForm {
            let required = program.manifest.inputs.filter(\.isRequired).map(\.id)
            for (name, property) in properties where !required.contains(name) {
                properties[name] = Schema(property).orNull.json
            }
        }
        json["properties"] = .object(properties)
        json["$schema"] = nil
        return Schema(.object(json))
    }
}
