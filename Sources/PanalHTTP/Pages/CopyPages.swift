import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// An image of a running job's files: a page of its own, as the job's page changes while one writes.
struct CopyPages: Sendable {
    let panal: Panal
    let frame: PageFrame

    var routes: [Route] {
        [
            Route(.get, "/jobs/{id}/copy", .page, ask),
            Route(.post, "/jobs/{id}/copy", .page, copy),
        ]
    }

    /// Whether the job's page leads here.
    static func isOffered(_ job: Job) -> Bool { job.state == .running && job.hasWritableRoot == true }

    @Sendable private func ask(_ request: Request, _ context: WebContext) async throws -> Response {
        let job = try await panal.job(try context.principal, try context.identifier("id", of: Job.self))
        guard Self.isOffered(job) else { return .seeOther("/jobs/\(job.id)") }
        return try page(job, name: job.programName, context)
    }

    private func page(
        _ job: Job, name: String, then: CopyRequest.Then = .goOn, notice: String? = nil, _ context: WebContext,
        status: HTTPResponse.Status = .ok
    ) throws -> Response {
        let wording = Wording(context)
        return try frame.page(
            "copy", title: "\(wording.t(.copyJob)) · \(job.programName)", in: .jobs,
            [
                "program": job.programName, "jobHref": "/jobs/\(job.id)", "action": "/jobs/\(job.id)/copy",
                "enteredName": name, "isEnd": then == .end, "notice": PageFrame.optional(notice),
                "mayCopy": Self.isOffered(job),
            ], context, status: status)
    }

    @Sendable private func copy(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await PageFrame.form(request, context)
        let (principal, id) = (try context.principal, try context.identifier("id", of: Job.self))
        let name = try form.text("name")?.trimmingSpaces ?? ""
        let then: CopyRequest.Then = try form.text("then") == CopyRequest.Then.end.rawValue ? .end : .goOn
        do {
            let image = try await panal.copy(principal, id, CopyRequest(name: name, then: then)).image.image
            context.auditNote.detail = "image=\(image.id)"
            return .seeOther(ImagePages.path(image.id))
        } catch let error as ServiceError where Self.isShown(error) {
            let t = Wording(context).t
            let job = try await panal.job(principal, id)
            let notice: String
            switch error.code {
            case .invalid: notice = t(.imageNameRule)
            case .overloaded: notice = t(.imagesInWork)
            case .tooLarge: notice = t(.copyTooLarge)
            case .forbidden: notice = t(.copyForbidden)
            default: notice = t(.copyNotNow, Wording(context).state(job.state))
            }
            return try page(job, name: name, then: then, notice: notice, context, status: Problem(error).status)
        }
    }

    private static func isShown(_ error: ServiceError) -> Bool {
        [.invalid, .overloaded, .tooLarge, .forbidden, .conflict].contains(error.code)
    }
}
