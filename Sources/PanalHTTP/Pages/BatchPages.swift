import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// A batch of jobs and what came of them, as one table.
struct BatchPages: Sendable {
    let panal: Panal
    let frame: PageFrame

    var routes: [Route] {
        [
            Route(.get, "/batches/{id}", .page, show),
            Route(.get, "/batches/{id}/live", .page, current),
            Route(.get, "/batches/{id}/table", .page, table),
            Route(.post, "/batches/{id}/cancel", .page, cancel),
        ]
    }

    /// Jobs on one page.
    private static let pageLength = 100

    static func path(_ id: BatchID) -> String { "/batches/\(id)" }

    @Sendable private func show(_ request: Request, _ context: WebContext) async throws -> Response {
        let report = try await report(context)
        return try frame.page(
            "batch", title: "\(report.batch.programName) · \(report.batch.size)", in: .jobs,
            try values(of: report, request, context), context)
    }

    /// The part that changes, for the script that keeps it current.
    @Sendable private func current(_ request: Request, _ context: WebContext) async throws -> Response {
        let report = try await report(context)
        let text = try frame.render("batchlive", try values(of: report, request, context), context)
        let etag = StoredAnswer.etag(of: text.utf8)
        var response = HeaderValues.names(etag, in: request.headers) ? Response(status: .notModified) : .html(text)
        response.headers[.eTag] = etag
        response.headers[.final] = report.isFinal ? "true" : "false"
        return response
    }

    /// For spreadsheets: a line for each job.
    @Sendable private func table(_ request: Request, _ context: WebContext) async throws -> Response {
        let report = try await report(context)
        let columns = BatchColumns(report.jobs)
        var text = DelimitedRecord.line(
            ["index"] + columns.ids + [
                "state", "outcome", "code", "wallSeconds", "cpuSeconds", "peakMemoryBytes", "job",
            ])
        for (place, job) in report.jobs.enumerated() {
            var code = ""
            if case .exited(let number)? = job.outcome { code = String(number) }
            text += DelimitedRecord.line(
                [String(place)] + columns.values(of: job) + [
                    job.state.rawValue, job.outcome?.word ?? "", code,
                    job.usage.map { UsageTable.seconds($0.wallMicroseconds) } ?? "",
                    job.usage.map { UsageTable.seconds($0.cpuMicroseconds) } ?? "",
                    job.usage.map { String($0.peakMemoryBytes) } ?? "", job.id.text,
                ])
        }
        return Response(
            status: .ok,
            headers: [
                .contentType: "text/csv; charset=utf-8; header=present", .cacheControl: "private, no-cache",
                .contentDisposition: "attachment; filename=\"\(report.batch.programName)-\(report.batch.id).csv\"",
            ], body: .init(byteBuffer: .init(string: text)))
    }

    @Sendable private func cancel(_ request: Request, _ context: WebContext) async throws -> Response {
        _ = try await PageFrame.form(request, context)
        let id = try context.identifier("id", of: JobBatch.self)
        _ = try await panal.cancel(try context.principal, batch: id)
        return .seeOther(Self.path(id))
    }

    private func report(_ context: WebContext) async throws -> BatchReport {
        try await panal.batch(try context.principal, try context.identifier("id", of: JobBatch.self))
    }

    private func values(
        of report: BatchReport, _ request: Request, _ context: WebContext
    ) throws -> Templates.Values {
        let wording = Wording(context)
        let t = wording.t
        let path = Self.path(report.batch.id)
        let pages = max(1, (report.jobs.count + Self.pageLength - 1) / Self.pageLength)
        let page = min(try Query(request).integer("page", in: 1...Int.max) ?? 1, pages)
        let columns = BatchColumns(report.jobs)
        let first = (page - 1) * Self.pageLength
        let rows = report.jobs.enumerated().dropFirst(first).prefix(Self.pageLength).map { place, job in
            [
                "number": place + 1, "href": "/jobs/\(job.id)", "stateText": wording.state(job.state),
                "stateClass": Wording.tone(job.state, isSuccess: job.isSuccess),
                "values": columns.values(of: job),
                "duration": job.usage.map { wording.span(.microseconds($0.wallMicroseconds)) } ?? "",
                "outcome": job.meaning?.message ?? job.outcome.map(wording.outcome) ?? job.message ?? "",
            ] as Templates.Values
        }
        let ended = report.jobs.count { $0.state.isFinal }
        let good = report.jobs.count { $0.isSuccess == true }
        let running = report.jobs.count { !$0.state.isFinal && $0.state != .queued }
        let href = { (page: Int) in PageFrame.optional((1...pages).contains(page) ? "\(path)?page=\(page)" : nil) }
        return [
            "program": report.batch.programName, "programHref": ProgramPages.path(report.batch.programName),
            "id": report.batch.id.text, "together": report.batch.isGang, "unfinished": !report.isFinal,
            "summary": t(
                .batchSummary, String(ended), String(report.jobs.count), String(good), String(running)),
            "most": report.jobs.count, "ended": ended, "columns": columns.labels, "jobs": rows,
            "submitted": report.batch.submitted.rfc3339, "submittedText": Wording.moment(report.batch.submitted),
            "liveHref": "\(path)/live?page=\(page)", "cancelAction": "\(path)/cancel", "tableHref": "\(path)/table",
            "previous": href(page - 1), "next": href(page + 1), "t": t,
        ]
    }
}

/// The fields in which a batch's jobs differ: what a table of them has to say.
struct BatchColumns: Sendable {
    let ids: [String]
    let labels: [String]

    /// More than these would be no table any more.
    private static let most = 12

    init(_ jobs: [Job]) {
        var known: [String: [String: Int]] = [:]
        var order: [JobField] = []
        for job in jobs {
            for field in job.fields {
                if known[field.id] == nil { order.append(field) }
                known[field.id, default: [:]][field.value, default: 0] += 1
            }
        }
        let varied = order.filter { field in
            guard let values = known[field.id] else { return false }
            return values.count > 1 || values.values.reduce(0, +) < jobs.count
        }.prefix(Self.most)
        ids = varied.map(\.id)
        labels = varied.map(\.label)
    }

    func values(of job: Job) -> [String] {
        ids.map { id in job.fields.first { $0.id == id }?.value ?? "" }
    }
}

extension JobPages {
    /// A link to the batch that the job came with; false where it came alone.
    func batch(of job: Job, _ principal: Principal, _ t: Catalogue) async throws -> Any {
        guard let batch = try await panal.batch(principal, of: job.id) else { return false }
        return ["href": BatchPages.path(batch.id), "text": t(.partOfBatch, String(batch.size))] as Templates.Values
    }
}
