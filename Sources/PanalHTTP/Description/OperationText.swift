import HTTPTypes
import PanalCore

/// One operation as the document writes it.
struct OperationText: Sendable {
    let examples: ExampleMaker

    /// The address as OpenAPI writes it, which has no word for the rest of a path.
    static func path(of route: Route) -> String { route.path.replacing("/**", with: "/{path}") }

    /// What the names of addresses stand for where a route does not say it.
    private static let wellKnown: [String: (Schema, String)] = [
        "id": (.identifier, "Its identifier."), "user": (.userName, "The user's name or identifier."),
        "name": (.programName, "The program's name in addresses."),
    ]

    /// Every parameter of the operation, those of the path too.
    static func parameters(of route: Route, _ operation: Operation) -> [Operation.Parameter] {
        var all = operation.parameters
        for part in path(of: route).split(separator: "/") where part.hasPrefix("{") {
            let name = String(part.dropFirst().dropLast())
            guard !all.contains(where: { $0.name == name && $0.place == .path }) else { continue }
            var (schema, note) = wellKnown[name] ?? (.text(1...1_024), "")
            if name == "id" {
                note = OperationNotes.identifier(in: route.path)
                if OperationNotes.isNamed(in: route.path) { schema = .userName }
            }
            all.append(Operation.Parameter(name: name, place: .path, schema: schema, note: note, isRequired: true))
        }
        return all
    }

    /// What follows from the route: who may come here, what it takes.
    static func refusals(of route: Route, _ operation: Operation) -> [Refusal] {
        let parameters = parameters(of: route, operation)
        var statuses: Set<Int> = [500]
        if route.access.isInterface { statuses.formUnion([401, 429]) }
        if route.access.isForAdministrators || route.access == .interface { statuses.insert(403) }
        // A program's own operation has its program's name instead of the parameter.
        if parameters.contains(where: { $0.place == .path }) || operation.id.hasPrefix(ProgramOperation.prefix) {
            statuses.insert(404)
        }
        if parameters.contains(where: { $0.place == .query }) { statuses.insert(400) }
        if operation.body != nil { statuses.formUnion([400, 413, 415, 422]) }
        if !Gate.isSafe(route.method) { statuses.insert(507) }
        statuses.formUnion(operation.refusals.map(\.code))
        return statuses.subtracting(operation.answers.map(\.status.code)).sorted().compactMap { Refusal($0) }
    }

    func json(of operation: Operation, _ route: Route) -> JSONValue {
        var responses: [String: JSONValue] = [:]
        for answer in operation.answers { responses["\(answer.status.code)"] = json(of: answer) }
        for refusal in Self.refusals(of: route, operation) {
            responses["\(refusal.status)"] = ["$ref": .string("#/components/responses/\(refusal.name)")]
        }
        var json: [String: JSONValue?] = [
            "operationId": .string(operation.id), "summary": .string(operation.summary),
            "tags": [.string(operation.tag.rawValue)], "responses": .object(responses),
            "description": Self.note(of: route, operation).map(JSONValue.string),
            "security": security(of: route),
        ]
        let parameters = Self.parameters(of: route, operation)
        if !parameters.isEmpty { json["parameters"] = .array(parameters.map(self.json)) }
        if let body = operation.body {
            json["requestBody"] = [
                "required": .boolean(operation.isBodyRequired), "content": content(body, of: operation.id),
            ]
        }
        return Documents.object(json)
    }

    private static func note(of route: Route, _ operation: Operation) -> String? {
        let note = operation.note ?? OperationNotes.texts[operation.id]
        guard route.access.isForAdministrators else { return note }
        return [note, "For administrators alone."].compactMap(\.self).joined(separator: " ")
    }

    private func security(of route: Route) -> JSONValue {
        switch route.access {
        case .interface, .administratorInterface:
            let roles = route.scope.map { [JSONValue.string($0.rawValue)] } ?? []
            return [["key": .array(roles)], ["session": []]]
        case .openInterface: return [[:], ["key": []], ["session": []]]
        case .open, .page, .administratorPage: return []
        }
    }

    private func json(of parameter: Operation.Parameter) -> JSONValue {
        Documents.object([
            "name": .string(parameter.name), "in": .string(parameter.place.rawValue),
            "schema": Schema.toldDefaults(of: parameter.schema.json),
            "required": parameter.isRequired ? true : nil,
            "description": parameter.note.isEmpty ? nil : .string(Self.note(of: parameter)),
        ])
    }

    /// Users and groups have an id and a name, and each is taken.
    private static func note(of parameter: Operation.Parameter) -> String {
        guard parameter.place == .query, ["user", "group"].contains(parameter.name) else { return parameter.note }
        return parameter.note + " By name or identifier."
    }

    private func json(of answer: Operation.Answer) -> JSONValue {
        var json: [String: JSONValue] = ["description": .string(answer.note)]
        if !answer.content.isEmpty { json["content"] = content(answer.content) }
        if !answer.headers.isEmpty {
            json["headers"] = .object(
                Dictionary(
                    answer.headers.map { ($0.name, ["$ref": .string("#/components/headers/\($0.name)")]) },
                    uniquingKeysWith: { first, _ in first }))
        }
        return .object(json)
    }

    /// `operation` is the one whose request it is; nil for an answer.
    private func content(_ content: [(type: String, schema: Schema)], of operation: String? = nil) -> JSONValue {
        var json: [String: JSONValue] = [:]
        for (type, schema) in content {
            if let operation {
                var media = RequestExamples.members(of: operation, type, made: examples.example(of: schema.json))
                media["schema"] = Schema.toldDefaults(of: schema.json)
                json[type] = .object(media)
                continue
            }
            json[type] = Documents.object([
                "schema": Schema.toldDefaults(of: schema.json),
                "example": type.contains("json") ? examples.example(of: schema.json) : nil,
            ])
        }
        return .object(json)
    }

    func json(of refusal: Refusal) -> JSONValue {
        var example: [String: JSONValue] = [
            "type": .string("urn:panal:problem:\(refusal.kind)"), "title": .string(refusal.title),
            "status": .integer(refusal.status), "detail": .string(refusal.note), "instance": "/api/v1/jobs",
        ]
        if refusal.status == 422 { example["errors"] = [["pointer": "/size", "detail": "‘x’ is no whole number"]] }
        var headers: [String: JSONValue] = [:]
        for header in AnswerHeader.ofRefusals[refusal.status] ?? [] {
            headers[header.name] = ["$ref": .string("#/components/headers/\(header.name)")]
        }
        return Documents.object([
            "description": .string(refusal.note), "headers": headers.isEmpty ? nil : .object(headers),
            "content": [
                "application/problem+json": ["schema": Schema.problem.json, "example": .object(example)]
            ],
        ])
    }

    static func header(_ header: AnswerHeader) -> JSONValue {
        ["description": .string(header.note), "schema": header.schema.json]
    }
}
