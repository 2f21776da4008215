import PanalCore
import PanalManifest
import PanalService

/// What a form says of many runs at once: which field changes, and over what. The values come of ``Sweep``, as for programs.
struct SweepForm: Sendable {
    /// The field's id; empty for a single run.
    var input = ""
    /// One on each line.
    var values = ""
    var from = ""
    var to = ""
    var step = ""

    /// What mistakes are told of; no field's id begins so.
    static let id = "_sweep"
    static let keys: Set<String> = ["_sweep", "_sweep_values", "_sweep_from", "_sweep_to", "_sweep_step"]

    init() {}

    init(_ form: Form) throws {
        input = try form.text("_sweep") ?? ""
        values = try form.text("_sweep_values") ?? ""
        from = try form.text("_sweep_from") ?? ""
        to = try form.text("_sweep_to") ?? ""
        step = try form.text("_sweep_step") ?? ""
    }

    var isWanted: Bool { !input.isEmpty }

    /// Whether many values for the field can be written into a form: one line each, and nothing that is not to be shown.
    static func takes(_ input: ManifestInput) -> Bool {
        !input.isList && input.type != .file && input.type != .secret && !input.isMultiline && input.type != .json
    }

    /// The submission once for each value. Throws `invalid`, with pointers below `/sweep`.
    func submissions(over submission: Submission, of manifest: Manifest) throws -> [Submission] {
        guard let field = manifest.input(id: input), Self.takes(field) else {
            throw Self.wrong(
                "/input", "‘\(input)’ is no field that can change from run to run",
                "‘\(input)’ no es un campo que pueda cambiar de una ejecución a otra")
        }
        let runs = try Sweep.submissions(try document, over: nil)
        let common = submission.values.values.joined().reduce(0) { bytes, value in
            if case .text(let text) = value { bytes + text.utf8.count } else { bytes }
        }
        try Sweep.checkSize(of: common, times: runs.count)
        return try runs.map { value in
            guard case .object(let members) = value, let value = members[input] else {
                throw ServiceError(.internal, "a sweep has a value for another field")
            }
            var submission = submission
            submission.values[input] = [.text(value.submittedText)]
            submission.documents[input] = nil
            return submission
        }
    }

    /// As the programming interface takes it.
    private var document: JSONValue {
        get throws {
            let lines = values.replacing("\r\n", with: "\n").split(separator: "\n").map(String.init)
                .filter { !$0.allSatisfy(\.isWhitespace) }
            var members: [String: JSONValue] = ["input": .string(input)]
            let range = [("from", from), ("to", to), ("step", step)].filter { !$0.1.isEmpty }
            if !lines.isEmpty || range.isEmpty {
                members["values"] = .array(lines.map(JSONValue.string))
            }
            for (name, text) in range {
                guard let number = Int(text).map(JSONValue.integer) ?? Double(text).map(JSONValue.number) else {
                    throw Self.wrong("/\(name)", "‘\(text)’ is no number", "‘\(text)’ no es un número")
                }
                members[name] = number
            }
            return .object(members)
        }
    }

    private static func wrong(_ pointer: String, _ detail: String, _ spanish: String) -> ServiceError {
        ServiceError(
            .invalid, "the sweep is wrong",
            mistakes: [Mistake(pointer: "/sweep\(pointer)", detail: detail, spanish: spanish)])
    }

    /// A refusal of many submissions as one form shows it: once for each field, and at the sweep what only some of its values have.
    func told(_ error: ServiceError, _ submissions: [Submission]) -> ServiceError {
        guard isWanted, !error.mistakes.isEmpty else { return error }
        var told: [Mistake] = []
        for mistake in error.mistakes {
            var mistake = mistake
            let parts = mistake.pointer.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
            if parts.count >= 2, parts[0] == "submissions", let place = Int(parts[1]) {
                let field = parts.dropFirst(2)
                mistake.pointer = field.isEmpty ? "" : "/" + field.joined(separator: "/")
                if field.first == input, submissions.indices.contains(place),
                    case .text(let value)? = submissions[place].values[input]?.first
                {
                    mistake.pointer = "/\(Self.id)/values"
                    mistake.detail = "‘\(value)’: \(mistake.detail)"
                    mistake.spanish = mistake.spanish.map { "«\(value)»: \($0)" }
                }
            } else if parts.first == "sweep" {
                mistake.pointer = "/\(Self.id)"
            }
            if !told.contains(mistake) { told.append(mistake) }
        }
        return ServiceError(error.code, error.detail, mistakes: Array(told.prefix(Self.mostMistakes)))
    }

    private static let mostMistakes = 20

    /// What the template shows; false where the program has no field for it.
    func shown(_ manifest: Manifest, mistake: String?, _ t: Catalogue) -> Any {
        let fields = manifest.inputs.filter(Self.takes)
        guard !fields.isEmpty else { return false }
        return [
            "isOpen": isWanted, "values": values, "from": from, "to": to, "step": step,
            "mistake": PageFrame.optional(mistake),
            "most": t(.sweepMost, String(Panal.largestBatch)),
            "fields": fields.map {
                ["id": $0.id, "label": $0.name, "isChosen": $0.id == input] as Templates.Values
            },
        ] as Templates.Values
    }
}
