import HTTPTypes
import Hummingbird
import PanalCore
import PanalManifest
import PanalService

/// The list of jobs, and one job with its results.
struct JobPages: Sendable {
    let panal: Panal
    let frame: PageFrame
    let live: EventStream

    var routes: [Route] {
        [
            Route(.get, "/jobs", .page, list),
            Route(.get, "/jobs/{id}", .page, show),
            Route(.get, "/jobs/{id}/live", .page, current),
            Route(.get, "/jobs/{id}/stream", .page, follow),
            Route(.post, "/jobs/{id}/cancel", .page, cancel),
            Route(.post, "/jobs/{id}/kept", .page, keep),
            Route(.post, "/jobs/{id}/outputs", .page, removeOutputs),
            Route(.get, "/jobs/{id}/stdout", .page) { try await stream(.output, $0, $1) },
            Route(.get, "/jobs/{id}/stderr", .page) { try await stream(.error, $0, $1) },
            Route(.get, "/jobs/{id}/files/**", .page, file),
            Route(.get, "/jobs/{id}/archive", .page, archive),
        ]
    }

    /// Jobs on one page of the list, and bytes of a stream's end on a job's page.
    private static let pageLength = 50
    private static let tailBytes = 8_192

    @Sendable private func list(_ request: Request, _ context: WebContext) async throws -> Response {
        let wording = Wording(context)
        let query = try Query(request)
        let principal = try context.principal
        let program = try query.text("program")
        let state = try query.state("state")
        let everyone = try query.boolean("everyone") ?? false && principal.isAdministrator
        let page = try await panal.jobPage(
            principal, program: program, state: state,
            PageWish(cursor: try query.text("cursor"), limit: Self.pageLength), everyone: everyone)
        let jobs = page.entries
        var next: String?
        if let cursor = page.next {
            var parts = ["cursor=\(cursor)"]
            if let program { parts.append("program=\(PercentCoding.encoded(program))") }
            if let state { parts.append("state=\(state.rawValue)") }
            if everyone { parts.append("everyone=true") }
            next = "/jobs?\(parts.joined(separator: "&"))"
        }
        let values: Templates.Values = [
            "jobs": jobs.map { row($0, wording) }, "hasJobs": !jobs.isEmpty, "everyone": everyone,
            "program": program ?? "", "next": PageFrame.optional(next),
            "states": JobState.allCases.map {
                ["value": $0.rawValue, "text": wording.state($0), "selected": $0 == state] as Templates.Values
            },
        ]
        return try frame.page("jobs", title: wording.t(.jobs), in: .jobs, values, context)
    }

    private func row(_ job: Job, _ wording: Wording) -> Templates.Values {
        [
            "href": "/jobs/\(job.id)", "program": job.programName, "version": job.version,
            "stateText": wording.state(job.state),
            "stateClass": Wording.tone(job.state, isSuccess: job.isSuccess),
            "submitted": job.submitted.rfc3339, "submittedText": Wording.moment(job.submitted),
            "profile": job.profile,
            "duration": job.usage.map { wording.span(.microseconds($0.wallMicroseconds)) } ?? "",
            "outcome": job.meaning?.message ?? job.outcome.map(wording.outcome) ?? job.message ?? "",
        ]
    }

    @Sendable private func show(_ request: Request, _ context: WebContext) async throws -> Response {
        let job = try await panal.job(try context.principal, try context.identifier("id", of: Job.self))
        return try frame.page(
            "job", title: "\(job.programName) · \(Wording(context).state(job.state))", in: .jobs,
            try await values(of: job, context), context)
    }

    /// The inner part of a job's page, for the script that keeps it current.
    @Sendable private func current(_ request: Request, _ context: WebContext) async throws -> Response {
        let job = try await panal.job(try context.principal, try context.identifier("id", of: Job.self))
        let text = try frame.render("joblive", try await values(of: job, context), context)
        let etag = StoredAnswer.etag(of: text.utf8)
        var response = Response.html(text)
        if HeaderValues.names(etag, in: request.headers) {
            response = Response(status: .notModified)
            response.headers[.contentLength] = nil
        }
        response.headers[.eTag] = etag
        response.headers[.final] = job.state.isFinal ? "true" : "false"
        return response
    }

    /// All that changes on the page, as it comes.
    @Sendable private func follow(_ request: Request, _ context: WebContext) async throws -> Response {
        let principal = try context.principal
        let id = try context.identifier("id", of: Job.self)
        let query = try Query(request)
        var told: [OutputStream: Int] = [:]
        for stream in [OutputStream.output, .error] {
            told[stream] = try query.integer(stream.rawValue, in: 0...Int.max) ?? 0
        }
        let source = LivePage(panal: panal, principal: principal, job: id, told: told)
        return live.response(
            source, changes: try await panal.changes(principal, id), access: context.access, request)
    }

    @Sendable private func cancel(_ request: Request, _ context: WebContext) async throws -> Response {
        _ = try await PageFrame.form(request, context)
        let job = try await panal.cancel(try context.principal, try context.identifier("id", of: Job.self))
        return .seeOther("/jobs/\(job.id)")
    }

    private func stream(_ stream: OutputStream, _ request: Request, _ context: WebContext) async throws -> Response {
        try await JobFiles(panal: panal).stream(
            stream, job: try context.identifier("id", of: Job.self), request, as: try context.principal)
    }

    @Sendable private func file(_ request: Request, _ context: WebContext) async throws -> Response {
        try await JobFiles(panal: panal).file(
            job: try context.identifier("id", of: Job.self), path: try context.restOfPath(), request,
            as: try context.principal, isDownload: try Query(request).boolean("download") ?? false)
    }

    @Sendable private func archive(_ request: Request, _ context: WebContext) async throws -> Response {
        try await JobFiles(panal: panal).archive(
            job: try context.identifier("id", of: Job.self), request, as: try context.principal)
    }

    // MARK: One job

    private func values(of job: Job, _ context: WebContext) async throws -> Templates.Values {
        let principal = try context.principal
        let wording = Wording(context)
        let t = wording.t
        let manifest = try await manifest(of: job, principal)
        let meaning = Self.meaning(of: job, manifest)
        let isSuccess = meaning?.isSuccess ?? job.outcome?.isSuccess
        let isThere = job.keeping.removal?.isEmpty ?? true
        let files =
            isThere
            ? try await ResultPreview(
                panal: panal, principal: principal, job: job, manifest: manifest, wording: wording,
                base: "/jobs/\(job.id)"
            ).values() : []
        var streams: [Templates.Values] = []
        if isThere {
            streams.append(try await stream(.output, state: job.output, of: job, principal, wording))
            streams.append(try await stream(.error, state: job.error, of: job, principal, wording))
        }
        let links = try await links(of: job, principal, t)
        let rows = usage(of: job, wording)
        let verdict = [job.outcome.map(wording.outcome), meaning?.message].compactMap { $0 }.joined(separator: " ")
        return [
            "id": job.id.text, "program": manifest?.name ?? job.programName, "programName": job.programName,
            "programHref": "\(ProgramPages.path(job.programName))?version=\(job.version)", "version": job.version,
            "batch": try await batch(of: job, principal, t), "rootfs": rootfs(of: job, principal),
            "copyHref": PageFrame.optional(CopyPages.isOffered(job) ? "/jobs/\(job.id)/copy" : nil),
            "hasCopies": !job.copies.isEmpty, "copies": try await copies(of: job, principal, wording),
            "profile": job.profile, "unfinished": !job.state.isFinal,
            "stateText": wording.state(job.state),
            "stateClass": Wording.tone(job.state, isSuccess: isSuccess), "verdict": PageFrame.optional(verdict),
            "verdictClass": job.outcome == .cancelled ? "" : isSuccess == true ? "good" : "bad",
            "message": PageFrame.optional(Self.message(of: job, meaning, wording)),
            "messageLanguage": Self.isSaidHere(job) ? t.language.rawValue : "en",
            "waits": PageFrame.optional(wording.waiting(job, now: panal.now)),
            "archiveHref": PageFrame.optional(files.count > 1 ? "/jobs/\(job.id)/archive" : nil),
            "againHref": PageFrame.optional(
                manifest != nil && job.state.isFinal ? "\(ProgramPages.path(job.programName))?from=\(job.id)" : nil),
            "shareAction": PageFrame.optional(job.state.isFinal && isThere ? "/jobs/\(job.id)/share" : nil),
            "usageGraphs": try await graphs(of: job, principal, wording), "links": links, "hasLinks": !links.isEmpty,
            "cancelAction": "/jobs/\(job.id)/cancel", "liveHref": "/jobs/\(job.id)/live",
            "streamHref": "/jobs/\(job.id)/stream",
            "hasFiles": !files.isEmpty, "files": files, "noFiles": isThere && job.state == .finished && files.isEmpty,
            "keeping": keeping(of: job, wording),
            "streams": streams,
            "submitted": job.submitted.rfc3339, "submittedText": Wording.moment(job.submitted),
            "fields": job.fields.map { ["label": $0.label, "value": $0.value] },
            "usage": rows, "hasRows": !rows.isEmpty, "isUsageOpen": job.usage == nil && job.cores == nil,
            "history": try await panal.history(principal, job.id).map { event -> Templates.Values in
                [
                    "at": event.at.rfc3339, "atText": Wording.clock(event.at), "stateText": wording.state(event.state),
                    "stateClass": event.state.isFinal ? Wording.tone(event.state, isSuccess: isSuccess) : "",
                    "message": PageFrame.optional(event.message),
                ]
            },
            "t": t,
        ]
    }

    /// The file system that it sees: the host's, or an image with its digest, and with its name as long as it is there.
    private func rootfs(of job: Job, _ principal: Principal) -> Any {
        guard let word = job.rootfs else { return false }
        let image = panal.rootfsImage(principal, with: word)
        return [
            "isHost": word == AttemptSpec.hostRootfs, "digest": word,
            "name": image.map { Wording.visible($0.name) } ?? "",
            "href": PageFrame.optional(image.map { ImagePages.path($0.id) }),
        ] as Templates.Values
    }

    /// The images that were made of its files.
    private func copies(
        of job: Job, _ principal: Principal, _ wording: Wording
    ) async throws -> [Templates.Values] {
        var copies: [Templates.Values] = []
        for id in job.copies {
            // One that was removed in this moment is left out.
            guard let image = try? await panal.rootfsImage(principal, id).image else { continue }
            copies.append([
                "href": ImagePages.path(id), "name": Wording.visible(image.name),
                "stateText": wording.state(image.state), "stateClass": Wording.tone(image.state),
            ])
        }
        return copies
    }

    /// Why it waits, stands still or has failed, as a sentence, where the verdict does not say so already.
    private static func message(of job: Job, _ meaning: ExitCodeMeaning?, _ wording: Wording) -> String? {
        let t = wording.t
        if let waiting = job.waiting { return wording.waiting(waiting) }
        switch job.standstill {
        case .presence: return t(.frozenForPresence)
        case .cores: return t(.frozenForCores)
        case nil: break
        }
        guard let message = job.message, message != meaning?.message else { return nil }
        let canceller = "cancelled by "
        if job.state == .cancelled, message.hasPrefix(canceller) {
            return t(.cancelledBy, String(message.dropFirst(canceller.count)))
        }
        return message
    }

    /// Whether the message is in the reader's language.
    private static func isSaidHere(_ job: Job) -> Bool {
        job.waiting != nil || job.standstill != nil || job.state == .cancelled
    }

    /// What the program's author says of the exit code.
    static func meaning(of job: Job, _ manifest: Manifest?) -> ExitCodeMeaning? {
        guard case .exited(let code)? = job.outcome else { return nil }
        return manifest?.exitCodes[code]
    }

    /// The manifest of the job's version; nil when its program is not to be seen any more, which leaves the job to be
    /// seen.
    private func manifest(of job: Job, _ principal: Principal) async throws -> Manifest? {
        do {
            return try await panal.program(principal, name: job.programName, version: job.version).manifest
        } catch let error as ServiceError where error.code == .notFound {
            return nil
        }
    }

    private func stream(
        _ stream: OutputStream, state: StreamState, of job: Job, _ principal: Principal, _ wording: Wording
    ) async throws -> Templates.Values {
        let whole = try await panal.output(principal, job.id, stream: stream)
        let from = max(0, whole.size - Self.tailBytes)
        let tail = try await whole.narrowed(to: from..<whole.size).all()
        let isCut = from > 0
        return [
            "id": stream.rawValue, "title": wording.t(stream == .output ? .standardOutput : .standardError),
            "size": whole.size == 0 ? "" : wording.bytes(whole.size), "empty": whole.size == 0,
            "bytes": whole.size,
            "tail": TextEnds.end(of: tail, isWhole: !isCut), "href": "/jobs/\(job.id)/\(stream.rawValue)",
            "cut": isCut
                ? wording.t(.lastPart, wording.bytes(tail.count), wording.bytes(whole.size)) : false as Any,
            "truncated": state.truncated,
        ]
    }

    private func usage(of job: Job, _ wording: Wording) -> [Templates.Values] {
        var rows: [(Phrase, String)] = []
        if let cores = job.cores, !cores.isEmpty {
            rows.append((.coresUsed, "\(cores.count) (\(cores.map(String.init).joined(separator: ", ")))"))
        }
        if let started = job.started { rows.append((.waited, wording.span(started - job.submitted))) }
        if let usage = job.usage {
            let span = { (microseconds: Int64) in wording.span(.microseconds(microseconds)) }
            rows.append((.wallTime, span(usage.wallMicroseconds)))
            rows.append((.cpuTime, span(usage.cpuMicroseconds)))
            rows.append((.cpuSystemTime, span(usage.cpuSystemMicroseconds)))
            rows.append((.peakMemory, wording.bytes(Int(usage.peakMemoryBytes))))
            if let processes = usage.peakProcesses { rows.append((.peakProcesses, String(processes))) }
            let switches = usage.voluntaryContextSwitches + usage.forcedContextSwitches
            rows.append(
                (
                    .contextSwitches,
                    wording.t(.ofWhichForced, String(switches), String(usage.forcedContextSwitches))
                ))
            if usage.throttledMicroseconds > 0 { rows.append((.throttled, span(usage.throttledMicroseconds))) }
            if let frozen = usage.frozenMicroseconds, frozen > 0 { rows.append((.stoodStill, span(frozen))) }
            if let read = usage.bytesRead { rows.append((.bytesRead, wording.bytes(Int(read)))) }
            if let written = usage.bytesWritten { rows.append((.bytesWritten, wording.bytes(Int(written)))) }
        }
        if let charge = job.charge, let cost = wording.cost(of: charge) { rows.append((.cost, cost)) }
        return rows.map { ["label": wording.t($0.0), "value": $0.1] }
    }
}
