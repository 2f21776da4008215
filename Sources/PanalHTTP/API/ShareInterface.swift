import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// Links to a job's results: to make them, to see which hold, to end them one by one.
struct ShareInterface: Sendable {
    let panal: Panal

    var routes: [Route] {
        [
            Route(.get, "/api/v1/jobs/{id}/shares", .interface, list)
                .described(
                    "listShares", .jobs, "The links to a job's results that hold",
                    .document(.object(["shares": .list(of: .sharedLink)]), "The newest first")),
            Route(.post, "/api/v1/jobs/{id}/shares", .interface, make)
                .described(
                    "shareResults", .jobs, "Make a link that shows a job's results to whoever has it",
                    .note(
                        "Without signing in they see the files and what came of the run, nothing else. It ends with "
                            + "its time, when it is deleted, with the maker's right to the job, and with the outputs."),
                    .body(.object(["days": .integer(Panal.shareDays)], isClosed: true)),
                    .answer(.created, .sharedLink, "The link"), .refuses(.conflict, .gone)),
            Route(.delete, "/api/v1/jobs/{id}/shares/{share}", .interface, end)
                .described(
                    "endShare", .jobs, "End a link to a job's results",
                    .path("share", .identifier, "The link's identifier."),
                    .empty(.noContent, "Nobody sees anything by it any more")),
        ]
    }

    @Sendable private func list(_ request: Request, _ context: WebContext) async throws -> Response {
        let links = try await panal.shares(try context.principal, of: try context.identifier("id", of: Job.self))
        return try .json(.object(["shares": .array(links.map(Documents.sharedLink))]), unlessKnownTo: request)
    }

    @Sendable private func make(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        try JSONBody.expect(["days"], in: members)
        guard let days = try JSONBody.integer("days", in: members) else { throw JSONBody.required("days") }
        let link = try await panal.share(
            try context.principal, try context.identifier("id", of: Job.self), days: days)
        return try .json(Documents.sharedLink(link), status: .created)
    }

    @Sendable private func end(_ request: Request, _ context: WebContext) async throws -> Response {
        try await panal.endShare(
            try context.principal, of: try context.identifier("id", of: Job.self),
            try context.identifier("share", of: SharedLink.self))
        return Response(status: .noContent)
    }
}

extension Documents {
    static func sharedLink(_ report: SharedLinkReport) -> JSONValue {
        .object([
            "id": .string(report.link.id.text), "job": .string(report.link.job.text),
            "by": .string(report.giverName), "made": time(report.link.made), "expires": time(report.link.expires),
            "url": .string("/shared/\(report.secret)"),
        ])
    }
}

extension Schema {
    static let sharedLink = component(
        "SharedLink",
        .object([
            "id": identifier, "job": identifier, "by": userName.note("Who made it."), "made": time, "expires": time,
            "url": reference.example("/shared/Vb3xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx").note(
                "On the listener that shows the pages."),
        ]))
}
