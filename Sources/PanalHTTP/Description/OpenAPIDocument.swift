import HTTPTypes
import PanalCore
import PanalService

/// OpenAPI 3.1 out of the routes' own descriptions, and for each program that the reader may see an operation of its own.
struct OpenAPIDocument: Sendable {
    let routes: [Route]
    let programs: [ProgramEntry]

    func json() -> JSONValue {
        var paths: [String: [String: JSONValue]] = [:]
        var components = Schema.problem.components
        var headers: [String: JSONValue] = [:]
        var refusals: Set<Refusal> = []
        for (route, operation) in described {
            for schema in operation.schemas { components.merge(schema.components) { old, _ in old } }
            for header in operation.answers.flatMap(\.headers) { headers[header.name] = OperationText.header(header) }
            refusals.formUnion(OperationText.refusals(of: route, operation))
        }
        for header in AnswerHeader.ofRefusals.values.joined() {
            headers[header.name] = OperationText.header(header)
        }
        for schema in WebhookDescription.schemas { components.merge(schema.components) { old, _ in old } }
        let text = OperationText(examples: ExampleMaker(components: components))
        for (route, operation) in described {
            let path = OperationText.path(of: route)
            paths[path, default: [:]][route.method.rawValue.lowercased()] = text.json(of: operation, route)
        }
        return [
            "openapi": "3.1.1", "info": Self.info, "servers": [["url": "/"]],
            "tags": .array(
                Operation.Tag.allCases.map {
                    ["name": .string($0.rawValue), "description": .string($0.summary)]
                }),
            "paths": .object(paths.mapValues(JSONValue.object)), "webhooks": WebhookDescription.json,
            "components": [
                "schemas": .object(components.mapValues(Schema.toldDefaults)), "headers": .object(headers),
                "responses": .object(
                    Dictionary(
                        refusals.map { ($0.name, text.json(of: $0)) }, uniquingKeysWith: { first, _ in first })),
                "securitySchemes": Self.securitySchemes,
            ],
        ]
    }

    /// Every described route, and the programs' own forms of the one that submits.
    private var described: [(Route, Operation)] {
        var all = routes.compactMap { route in route.operation.map { (route, $0) } }
        for route in routes where route.operation?.id == ProgramOperation.generic {
            guard let operation = route.operation else { continue }
            for program in programs {
                all.append(
                    (route.at(program.program.name), ProgramOperation(program: program).operation(like: operation)))
            }
        }
        return all.map { ($0.0, $0.1.named) }
    }

    private static let info: JSONValue = [
        "title": "Panal", "version": "1",
        "summary": "Runs programs in sealed cells with exactly the cores and memory of a hardware profile.",
        "description": """
        Times are RFC 3339 in UTC, sizes bytes, spans seconds. Every refusal is a problem document (RFC 9457) whose \
        `type` is stable. In a request a member that is null counts as missing, unless null is said to mean something. An answer may get further members with time; clients skip those that they do not know. \
        Every GET takes HEAD too; with other methods an address answers 405, and `Allow` has those that it takes. Where \
        requests are counted every answer has `RateLimit` and `RateLimit-Policy`. Every answer has an `X-Request-Id`, the client's own where it sent one.
        """,
        "license": ["name": "As the operator of this server says", "identifier": "LicenseRef-operator"],
    ]

    private static let securitySchemes: JSONValue = [
        "key": [
            "type": "http", "scheme": "bearer",
            "description": """
            An API key, `pnl_<id>_<secret>`. What it has to be good for stands with each operation: \
            read, jobs, programs, account or administration.
            """,
        ],
        "session": [
            "type": "apiKey", "in": "cookie", "name": "panal_session",
            "description": "A browser's session. Changes need the token of its forms as `X-CSRF-Token`.",
        ],
    ]
}

extension Operation {
    var schemas: [Schema] {
        parameters.map(\.schema) + (body ?? []).map(\.schema) + answers.flatMap { $0.content.map(\.schema) }
    }
}

extension Route {
    /// The route of one program.
    fileprivate func at(_ program: String) -> Route {
        Route(method, path.replacing("{name}", with: program), access, handler)
    }
}
