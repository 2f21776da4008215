import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// `/api/v1/programs/{name}/versions/{version}/content`: what a version was published as.
struct ContentInterface: Sendable {
    let panal: Panal

    var routes: [Route] {
        [
            Route(.get, "/api/v1/programs/{name}/versions/{version}/content", .interface, content)
                .described(
                    "getProgramContent", .programs, "What a version was published as",
                    .note("A tar archive of its files. For the program's owner and administrators."),
                    .path("version", .integer(1 ... .max), "Its number."),
                    .marked([("application/octet-stream", .bytes)], "All of it", [.acceptRanges]),
                    .content(
                        .partialContent, [("application/octet-stream", .bytes)], "The part that was asked for",
                        [.contentRange, .eTag]),
                    .header("Range", .text.example("bytes=0-99"), "The part that is wanted (RFC 9110)."),
                    .refuses(.forbidden, .rangeNotSatisfiable))
        ]
    }

    @Sendable private func content(_ request: Request, _ context: WebContext) async throws -> Response {
        guard let version = Int(try context.parameter("version")) else {
            throw ServiceError(.notFound, "there is nothing at this address")
        }
        let name = try context.parameter("name")
        let (entry, bytes) = try await panal.content(try context.principal, name: name, version: version)
        let headers: HTTPFields = [
            .contentType: "application/octet-stream", .xContentTypeOptions: "nosniff",
            .contentDisposition: HeaderValues.disposition("attachment", fileName: "\(name)-\(version).tar"),
        ]
        // Made anew each time, and always the same for the same content.
        return try StoredAnswer.make(
            bytes, request: request, etag: "\"\(entry.version.content.hex)-tar\"", headers: headers)
    }
}
