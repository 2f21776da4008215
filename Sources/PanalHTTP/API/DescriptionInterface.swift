import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// `/openapi.json`: what this server takes and answers, for whoever writes a client. The programs in it are those that the reader may
/// see; strangers see none.
struct DescriptionInterface: Sendable {
    let panal: Panal
    /// All that can be asked for beside this document.
    let others: [Route]

    var routes: [Route] {
        [
            Route(.get, "/openapi.json", .openInterface, document)
                .described(
                    "getDescription", .service, "This document",
                    .note("With a key, each program that its owner may use has an operation of its own."),
                    .document(Schema(["type": "object"]), "OpenAPI 3.1"))
        ]
    }

    @Sendable private func document(_ request: Request, _ context: WebContext) async throws -> Response {
        let programs =
            if let caller = context.caller { try await panal.programs(caller.principal) } else { [ProgramEntry]() }
        return try .json(
            OpenAPIDocument(routes: others + routes, programs: programs).json(), unlessKnownTo: request)
    }
}
