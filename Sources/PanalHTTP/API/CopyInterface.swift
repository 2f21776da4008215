import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// `POST /api/v1/jobs/{id}/copy`: an image of what a running job has made of its file system.
struct CopyInterface: Sendable {
    let panal: Panal

    var routes: [Route] {
        [
            Route(.post, "/api/v1/jobs/{id}/copy", .interface, copy)
                .described(
                    "copyJob", .jobs, "Make an image of a running job’s files",
                    .note(
                        "For jobs whose manifest says `\"writable\": true`. The job is `copyRequested` until it stands still, and "
                            + "`copying` for as long as that lasts: neither its time limit runs on nor is it billed meanwhile. Behind that "
                            + "it is `running` again; with `then` `end` it is ended and `finished`, with the outcome `cancelled`, once the "
                            + "image is there. Where no image can be made the job goes on, whatever `then` says, and the image’s "
                            + "`message` says why. What the image comes to counts as a whole to the storage of images of whoever asks."
                    ),
                    .retrySafe, .body(.copyRequest),
                    .answer(.accepted, .rootfs, "The image, *copying*", .location, .replayed),
                    .refuses(.forbidden, .contentTooLarge, .tooManyRequests))
        ]
    }

    @Sendable private func copy(_ request: Request, _ context: WebContext) async throws -> Response {
        let (principal, id) = (try context.principal, try context.identifier("id", of: Job.self))
        let key = try request.headers[.idempotencyKey].map { try RetryKey($0) }
        let made = try await panal.inTurn(principal, key) {
            let members = try await JSONBody.read(request)
            try JSONBody.expect(["name", "then"], in: members)
            guard let name = try JSONBody.text("name", in: members) else { throw JSONBody.required("name") }
            let word = try JSONBody.text("then", in: members) ?? CopyRequest.Then.goOn.rawValue
            guard let then = CopyRequest.Then(rawValue: word) else {
                throw ServiceError(
                    .invalid, "a member is not as it should be",
                    mistakes: [Mistake(pointer: "/then", detail: "continue or end")])
            }
            return try await panal.copy(principal, id, CopyRequest(name: name, then: then), once: key)
        }
        context.auditNote.detail = "image=\(made.image.image.id)"
        var response = try Response.json(Documents.rootfs(made.image), status: .accepted)
        response.headers[.location] = "\(Documents.base)/rootfs/\(made.image.image.id)"
        if made.isRepeated { response.headers[.idempotencyReplayed] = "true" }
        return response
    }
}

extension Schema {
    static let copyRequest = component(
        "CopyRequest",
        .object(
            [
                "name": text(1...100).example("python with my packages").note("What the image is called."),
                "then?": words(CopyRequest.Then.self).unset("continue").note(
                    "What becomes of the job once it is copied."),
            ], isClosed: true))
}
