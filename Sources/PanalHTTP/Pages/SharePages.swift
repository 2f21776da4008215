import HTTPTypes
import Hummingbird
import PanalCore
import PanalManifest
import PanalService

/// A job's results behind a link: made by whoever may see them, shown to whoever has it, until it ends. What was submitted and
/// what the program said beside its files stays with its owner.
struct SharePages: Sendable {
    let panal: Panal
    let frame: PageFrame
    let home: HomeAddress

    var routes: [Route] {
        [
            Route(.post, "/jobs/{id}/share", .page, share),
            Route(.post, "/jobs/{id}/shares/{share}/end", .page, end),
            Route(.get, "/shared/{secret}", .open, show),
            Route(.get, "/shared/{secret}/files/**", .open, file),
            Route(.get, "/shared/{secret}/archive", .open, archive),
        ]
    }

    @Sendable private func share(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await PageFrame.form(request, context)
        guard let days = Int(try form.text("days") ?? "") else {
            throw ServiceError(.malformed, "the form does not say for how many days")
        }
        let id = try context.identifier("id", of: Job.self)
        let made = try await panal.share(try context.principal, id, days: days)
        let t = Catalogue(language: context.language)
        return try frame.page(
            "link", title: t(.shareResult), in: .jobs,
            [
                "link": "\(home.text(of: request))/shared/\(made.secret)", "jobHref": "/jobs/\(id)",
                "untilText": t(.sharedUntil, Wording.moment(made.link.expires)),
            ], context, status: .created)
    }

    @Sendable private func end(_ request: Request, _ context: WebContext) async throws -> Response {
        _ = try await PageFrame.form(request, context)
        let id = try context.identifier("id", of: Job.self)
        try await panal.endShare(
            try context.principal, of: id, try context.identifier("share", of: SharedLink.self))
        return .seeOther("/jobs/\(id)")
    }

    @Sendable private func show(_ request: Request, _ context: WebContext) async throws -> Response {
        let secret = try context.parameter("secret")
        let shared = try await panal.shared(secret)
        let job = try await panal.job(shared.giver, shared.job)
        let wording = Wording(context)
        let manifest = try? await panal.program(shared.giver, name: job.programName, version: job.version).manifest
        let meaning = JobPages.meaning(of: job, manifest)
        let isSuccess = meaning?.isSuccess ?? job.outcome?.isSuccess
        let base = "/shared/\(PercentCoding.encoded(secret))"
        let files =
            job.keeping.removal?.isEmpty ?? true
            ? try await ResultPreview(
                panal: panal, principal: shared.giver, job: job, manifest: manifest, wording: wording, base: base
            ).values() : []
        let verdict = [job.outcome.map(wording.outcome), meaning?.message].compactMap { $0 }.joined(separator: " ")
        return try frame.page(
            "shared", title: manifest?.name ?? job.programName,
            [
                "program": manifest?.name ?? job.programName, "stateText": wording.state(job.state),
                "stateClass": Wording.tone(job.state, isSuccess: isSuccess), "verdict": PageFrame.optional(verdict),
                "verdictClass": isSuccess == true ? "good" : "bad", "hasFiles": !files.isEmpty, "files": files,
                "noFiles": files.isEmpty,
                "archiveHref": PageFrame.optional(files.count > 1 ? "\(base)/archive" : nil),
                "sharedText": wording.t(.sharedBy, shared.giver.name, Wording.moment(shared.expires)),
            ], context)
    }

    @Sendable private func file(_ request: Request, _ context: WebContext) async throws -> Response {
        let shared = try await panal.shared(try context.parameter("secret"))
        return try await JobFiles(panal: panal).file(
            job: shared.job, path: try context.restOfPath(), request, as: shared.giver,
            isDownload: try Query(request).boolean("download") ?? false)
    }

    @Sendable private func archive(_ request: Request, _ context: WebContext) async throws -> Response {
        let shared = try await panal.shared(try context.parameter("secret"))
        return try await JobFiles(panal: panal).archive(job: shared.job, request, as: shared.giver)
    }
}

extension JobPages {
    /// The links to the job's results that hold.
    func links(of job: Job, _ principal: Principal, _ t: Catalogue) async throws -> [Templates.Values] {
        guard job.state.isFinal else { return [] }
        return try await panal.shares(principal, of: job.id).map { report in
            [
                "shared": "/shared/\(report.secret)",
                "about": t(.sharedBy, report.giverName, Wording.moment(report.link.expires)),
                "endAction": "/jobs/\(job.id)/shares/\(report.link.id)/end",
            ]
        }
    }
}
