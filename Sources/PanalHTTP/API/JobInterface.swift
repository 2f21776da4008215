import HTTPTypes
import Hummingbird
import PanalCore
import PanalManifest
import PanalService

/// `/api/v1/jobs`, and submitting to a program.
struct JobInterface: Sendable {
    let panal: Panal
    /// Seconds.
    let longestWait: Int
    let live: EventStream

    var routes: [Route] {
        [
            Route(.post, "/api/v1/programs/{name}/jobs", .interface, submit)
                .described(
                    ProgramOperation.generic, .jobs, "Run a program",
                    .note("A job that was answered with 200 or 202 is stored and comes to a final state."),
                    .query("profile", .text, "As `_profile`."),
                    .query("version", .integer(1 ... .max), "As `_version`."),
                    .query("priority", .priority, "As `_priority`."),
                    .query("dryRun", .boolean.unset(false), "Only say what would become of it: nothing is stored."),
                    .waits, .retrySafe, .refuses(.paymentRequired),
                    .body([
                        ("application/json", .submission), ("multipart/form-data", .formSubmission),
                        ("application/x-www-form-urlencoded", .textSubmission),
                    ]),
                    .answer(.accepted, .job, "The job waits or runs", .location, .retryAfter, .replayed),
                    .answer(
                        .ok, .one(of: [.job, .estimate]),
                        "The job has ended in time, with `Location` as above; or, with `dryRun`, an Estimate: it alone has "
                            + "`dryRun`, which is true, and a Job alone has `id`",
                        .location, .preferenceApplied, .replayed)),
            Route(.get, "/api/v1/jobs", .interface, list)
                .described(
                    "listJobs", .jobs, "One's jobs, the newest first",
                    .query("program", .text, "Only of this program."),
                    .query("state", .jobState, "Only in this state."),
                    .query("batch", .identifier, "Only of this batch."),
                    .query("everyone", .boolean.unset(false), "All users' jobs, for administrators."),
                    .pages("jobs", of: .job, "A page")),
            Route(.get, "/api/v1/jobs/{id}", .interface, show)
                .described("getJob", .jobs, "A job", .waits, .document(.job, "The job", .preferenceApplied)),
            Route(.delete, "/api/v1/jobs/{id}", .interface, cancel)
                .described(
                    "deleteJob", .jobs, "Cancel a job", .guarded, Self.cancelNote, Self.cancelled, Self.cancelling),
            Route(.post, "/api/v1/jobs/{id}/cancel", .interface, cancel)
                .described(
                    "cancelJob", .jobs, "Cancel a job", .guarded, Self.cancelNote, Self.cancelled, Self.cancelling),
            Route(.get, "/api/v1/jobs/{id}/events", .interface, events)
                .described(
                    "listJobEvents", .jobs, "The states that a job went through, so far or live",
                    .note(
                        "With `Accept: text/event-stream` it goes on until the job has ended: `state` events whose data "
                            + "is a JobEvent and whose id is its number, and `end` with the job. " + EventStream.note),
                    Self.lastEvent, .refuses(.badRequest),
                    .marked(
                        [
                            ("application/json", .object(["events": .list(of: .jobEvent)])),
                            ("text/event-stream", .events(["state": .jobEvent, "end": .job, "refused": .problem])),
                        ], "The oldest first", [])),
            Route(.get, "/api/v1/jobs/{id}/stdout", .interface) { try await stream(.output, $0, $1) }
                .described(
                    "getStandardOutput", .jobs, "What a job wrote to its standard output", Self.output, Self.lastEvent,
                    .refuses(.badRequest, .gone), Self.wantsDigest, Self.bytes("text/plain", "text/event-stream")),
            Route(.get, "/api/v1/jobs/{id}/stderr", .interface) { try await stream(.error, $0, $1) }
                .described(
                    "getStandardError", .jobs, "What a job wrote to its standard error", Self.output, Self.lastEvent,
                    .refuses(.badRequest, .gone), Self.wantsDigest, Self.bytes("text/plain", "text/event-stream")),
            Route(.get, "/api/v1/jobs/{id}/files", .interface, files)
                .described(
                    "listResultFiles", .jobs, "The files that a job left",
                    .document(.object(["files": .list(of: .file)]), "By path; none before the job's end")),
            Route(.get, "/api/v1/jobs/{id}/archive", .interface, archive)
                .described(
                    "getResultArchive", .jobs, "All files that a job left, in one",
                    .note("A tar archive, the same bytes each time."), .refuses(.gone),
                    Self.bytes("application/x-tar", "application/octet-stream")),
            Route(.get, "/api/v1/jobs/{id}/files/**", .interface, file)
                .described(
                    "getResultFile", .jobs, "A file that a job left",
                    .path("path", .text(1...1_024).example("result.png"), "Its path; `/` may be sent as `%2F`."),
                    .refuses(.gone), Self.bytes("application/octet-stream", "*/*", .reprDigest)),
        ]
    }

    private static let cancelNote = OperationPart.note("Asking twice is no error; a job that has ended stays as it is.")
    private static let cancelled = OperationPart.answer(.ok, .job, "The job has ended")
    private static let cancelling = OperationPart.answer(.accepted, .job, "The job is about to end")

    private static let output = OperationPart.note(
        "With `Accept: text/event-stream` it goes on until the job has ended: `output` events whose data is "
            + "`{\"text\": …}`, or `{\"base64\": …}` where the bytes are no UTF-8, and whose id is the number of bytes up to "
            + "there; `reset` where the job begins again; `end` with the number of bytes, whether more was written than "
            + "is kept, and the job's state. " + EventStream.note)
    private static let lastEvent = OperationPart.header(
        "Last-Event-ID", .text(pattern: "^[0-9]{0,18}$", example: "0"),
        "With `text/event-stream`: the id of the last event that the client has; it goes on behind it.")

    private static let wantsDigest = OperationPart.header(
        "Want-Repr-Digest", .text.example("sha-256=1"), "Asks for `Repr-Digest`, once the job has ended.")

    /// Stored bytes, whole or in part, and live where there is a media type for it.
    private static func bytes(_ type: String, _ other: String?, _ more: AnswerHeader...) -> OperationPart {
        // Generators read what is `text` as text, and only other bytes as a file.
        let schema = type.hasPrefix("text/") ? Schema.text : .bytes
        let other: [(type: String, schema: Schema)] =
            other.map { [(type: $0, schema: $0 == "text/event-stream" ? .outputEvents : .bytes)] } ?? []
        let parts: [OperationPart] = [
            .marked([(type, schema)] + other, "All of it", [.acceptRanges] + more),
            .content(
                .partialContent, [(type, schema)] + other.filter { $0.type != "text/event-stream" },
                "The part that was asked for", [.contentRange] + more),
            .header("Range", .text.example("bytes=0-99"), "The part that is wanted (RFC 9110)."),
            .refuses(.rangeNotSatisfiable),
        ]
        return OperationPart { operation in for part in parts { part.add(&operation) } }
    }

    /// A JSON object of field ids and values, or a form with files. Profile, version and priority stand in the query or as
    /// `_profile`, `_version` and `_priority` among the fields.
    @Sendable private func submit(_ request: Request, _ context: WebContext) async throws -> Response {
        let principal = try context.principal
        let name = try context.parameter("name")
        let key = try request.headers[.idempotencyKey].map { try RetryKey($0) }
        let isAwaited = (HeaderValues.wait(request.headers) ?? 0) > 0
        let taken = try await panal.inTurn(principal, key) { () -> Taken in
            let (order, isDryRun) = try await self.order(request, program: name, as: principal)
            if isDryRun {
                return .estimate(
                    try await panal.estimate(
                        principal, program: order.program, version: order.version, profile: order.profile,
                        priority: order.priority, submission: order.submission))
            }
            return try await JobHome.$current.withValue(context.home) {
                guard let key else {
                    let job = try await panal.submit(
                        principal, program: order.program, version: order.version, profile: order.profile,
                        priority: order.priority, submission: order.submission, callback: order.callback,
                        isTold: !isAwaited)
                    return .job(job, isRepeated: false)
                }
                let (job, isRepeated) = try await panal.submit(principal, order, once: key, isTold: !isAwaited)
                return .job(job, isRepeated: isRepeated)
            }
        }
        switch taken {
        case .estimate(let estimate): return try .json(CreditDocuments.estimate(estimate))
        case .job(let job, let isRepeated):
            var response = try await answer(job, isRepeated: isRepeated, request, principal)
            if isRepeated { response.headers[.idempotencyReplayed] = "true" }
            return response
        }
    }

    /// What a submission came to.
    private enum Taken: Sendable {
        case job(Job, isRepeated: Bool)
        case estimate(JobEstimate)
    }

    private func order(
        _ request: Request, program: String, as principal: Principal
    ) async throws -> (wanted: JobRequest, isDryRun: Bool) {
        let query = try Query(request)
        let order: JobOrder
        if HeaderValues.mediaType(request.headers[.contentType]) == "application/json" {
            order = try JobOrder(members: try await JSONBody.read(request))
        } else {
            order = try JobOrder(form: try await FormReader(panal: panal).read(request, as: principal))
        }
        let version = try Self.agreed("version", try query.integer("version", in: 1...Int.max), order.version)
        let profile = try Self.agreed("profile", try query.text("profile"), order.profile)
        let priority = try Self.agreed("priority", try query.text("priority"), order.priority)
        let isDryRun = try Self.agreed("dryRun", try query.boolean("dryRun"), order.isDryRun)
        let wanted = JobRequest(
            program: program, version: version, profile: profile, priority: try JobOrder.priority(priority),
            submission: order.submission, callback: order.callback)
        return (wanted, isDryRun ?? false)
    }

    /// What the query and the body say of the same thing. Where they say different things nobody knows which was meant.
    static func agreed<Value: Equatable>(
        _ name: String, _ query: Value?, _ body: Value?, at pointer: String? = nil
    ) throws -> Value? {
        if let query, let body, query != body {
            let detail = "‘\(body)’ here and ‘\(query)’ in the query: leave one of them out"
            throw ServiceError(
                .invalid, "the body and the query say different things",
                mistakes: [Mistake(pointer: pointer ?? "/_\(name)", detail: detail)])
        }
        return query ?? body
    }

    /// 202 with the address of the job; 200 with its end when the client wanted to wait and it came in time.
    private func answer(
        _ job: Job, isRepeated: Bool, _ request: Request, _ principal: Principal
    ) async throws -> Response {
        let location = "\(Documents.base)/jobs/\(job.id)"
        if let wish = HeaderValues.wait(request.headers) {
            let seconds = min(wish, longestWait)
            // The job is stored: whatever fails from here on, an error would make the client send it again.
            let waited = try? await panal.wait(
                principal, job: job.id, atMost: .seconds(seconds), isNew: !isRepeated)
            if let waited, waited.state.isFinal {
                var response = Response.json(bytes: try JobText.of(waited))
                response.headers[.preferenceApplied] = "wait=\(seconds)"
                response.headers[.location] = location
                return response
            }
        }
        // It was not told of so far, or by a request that waits like this one.
        try await panal.settleDown()
        var response = Response.json(
            bytes: try JobText.of((try? await panal.job(principal, job.id)) ?? job), status: .accepted)
        response.headers[.location] = location
        response.headers[.retryAfter] = "1"
        return response
    }

    @Sendable private func list(_ request: Request, _ context: WebContext) async throws -> Response {
        let query = try Query(request)
        let page = try await panal.jobPage(
            try context.principal, program: try query.text("program"), state: try query.state("state"),
            batch: try query.identifier("batch"), try Paging.wish(query),
            everyone: try query.boolean("everyone") ?? false)
        return Paging.answer(try JobText.page(page.entries, next: page.next), next: page.next, request)
    }

    /// The job; with `Prefer: wait=N` as it is when it ends, or after N seconds.
    @Sendable private func show(_ request: Request, _ context: WebContext) async throws -> Response {
        let principal = try context.principal
        let id = try context.identifier("id", of: Job.self)
        guard let wish = HeaderValues.wait(request.headers) else {
            return .json(bytes: try JobText.of(try await panal.job(principal, id)), unlessKnownTo: request)
        }
        let seconds = min(wish, longestWait)
        let job = try await panal.wait(principal, job: id, atMost: .seconds(seconds))
        var response = Response.json(bytes: try JobText.of(job), unlessKnownTo: request)
        response.headers[.preferenceApplied] = "wait=\(seconds)"
        return response
    }

    @Sendable private func cancel(_ request: Request, _ context: WebContext) async throws -> Response {
        let (principal, id) = (try context.principal, try context.identifier("id", of: Job.self))
        return try await Preconditions.guarded(
            request, current: { try await panal.job(principal, id) }, document: Documents.job
        ) { _ in
            // A wish, which writes nothing over: what the job comes to is its runner's to say.
            let job = try await panal.cancel(principal, id)
            return try .json(Documents.job(job), status: job.state.isFinal ? .ok : .accepted)
        }
    }

    @Sendable private func events(_ request: Request, _ context: WebContext) async throws -> Response {
        let principal = try context.principal
        let id = try context.identifier("id", of: Job.self)
        let place = try EventStream.place(in: request)
        guard EventStream.isWanted(by: request) else {
            let events = try await panal.history(principal, id)
            return try .json(.object(["events": .array(events.map(Documents.event))]), unlessKnownTo: request)
                .varied()
        }
        let source = LiveStates(panal: panal, principal: principal, job: id, told: place)
        return live.response(
            source, changes: try await panal.changes(principal, id), access: context.access, request)
    }

    private func stream(_ stream: OutputStream, _ request: Request, _ context: WebContext) async throws -> Response {
        let principal = try context.principal
        let id = try context.identifier("id", of: Job.self)
        let place = try EventStream.place(in: request)
        guard EventStream.isWanted(by: request) else {
            return try await JobFiles(panal: panal).stream(stream, job: id, request, as: principal).varied()
        }
        // Refused by a status rather than in the middle of an answer.
        _ = try await panal.output(principal, id, stream: stream)
        let source = LiveOutput(
            panal: panal, principal: principal, job: id, stream: stream, told: place)
        return live.response(
            source, changes: try await panal.changes(principal, id), access: context.access, request)
    }

    @Sendable private func files(_ request: Request, _ context: WebContext) async throws -> Response {
        let job = try await panal.job(try context.principal, try context.identifier("id", of: Job.self))
        return try .json(
            .object(["files": .array(job.files.map { Documents.file($0, job: job.id) })]), unlessKnownTo: request)
    }

    @Sendable private func archive(_ request: Request, _ context: WebContext) async throws -> Response {
        try await JobFiles(panal: panal).archive(
            job: try context.identifier("id", of: Job.self), request, as: try context.principal)
    }

    @Sendable private func file(_ request: Request, _ context: WebContext) async throws -> Response {
        try await JobFiles(panal: panal).file(
            job: try context.identifier("id", of: Job.self), path: try context.restOfPath(), request,
            as: try context.principal)
    }
}

/// What somebody wants to run: values, and the names that begin with `_`, which no field of a manifest has.
struct JobOrder: Sendable {
    var submission: Submission
    var profile: String?
    var version: Int?
    var priority: String?
    /// Whether to say only what would become of it; nil where nothing is said.
    var isDryRun: Bool?
    /// Where the job's events are told, beside the webhooks of the account.
    var callback: JobCallback?

    private static let own: Set<String> = [
        "_profile", "_version", "_priority", "_dryRun", "_callback", "_callback_events", "_csrf",
    ]

    init(form: Form) throws {
        let unknown = form.values.keys.filter { $0.hasPrefix("_") && !Self.own.contains($0) }.sorted()
        guard unknown.isEmpty else { throw Self.unknown(unknown) }
        submission = form.submission
        profile = try form.text("_profile").flatMap { $0.isEmpty ? nil : $0 }
        version = try form.text("_version").flatMap { $0.isEmpty ? nil : try Self.version($0) }
        priority = try form.text("_priority").flatMap { $0.isEmpty ? nil : $0 }
        switch try form.text("_dryRun") {
        case nil, "": isDryRun = nil
        case "false", "0", "False": isDryRun = false
        case "true", "1", "True": isDryRun = true
        case let other?:
            throw ServiceError(
                .invalid, "a field is wrong",
                mistakes: [Mistake(pointer: "/_dryRun", detail: "‘\(other)’ is neither true nor false")])
        }
        if let url = try form.text("_callback"), !url.isEmpty {
            let words = try form.text("_callback_events")?.split(separator: ",").map { JSONValue.string(String($0)) }
            callback = JobCallback(
                url: url, events: try WebhookInterface.events(words.map(JSONValue.array), "/_callback_events"))
        }
    }

    init(members: [String: JSONValue]) throws {
        let unknown = members.keys.filter { $0.hasPrefix("_") && !Self.own.contains($0) }.sorted()
        guard unknown.isEmpty else { throw Self.unknown(unknown) }
        profile = try JSONBody.text("_profile", in: members)
        version = try JSONBody.integer("_version", in: members)
        priority = try JSONBody.text("_priority", in: members)
        isDryRun = try JSONBody.boolean("_dryRun", in: members)
        if let url = try JSONBody.text("_callback", in: members) {
            callback = JobCallback(
                url: url, events: try WebhookInterface.events(members["_callback_events"], "/_callback_events"))
        }
        submission = Submission()
        var typed: [String: JSONValue] = [:]
        for (name, value) in members where !name.hasPrefix("_") && value != .null {
            typed[name] = value
            switch value {
            case .array(let values):
                submission.values[name] = values.map { .text($0.submittedText) }
                submission.documents[name] = value
            default: submission.values[name] = [.text(value.submittedText)]
            }
        }
        submission.typed = typed
    }

    static func priority(_ text: String?) throws -> PriorityClass {
        guard let text else { return .normal }
        guard let priority = PriorityClass(rawValue: text) else {
            let known = PriorityClass.allCases.map(\.rawValue).joined(separator: ", ")
            throw ServiceError(
                .invalid, "a field is wrong",
                mistakes: [Mistake(pointer: "/priority", detail: "‘\(text)’ is no priority; there are \(known)")])
        }
        return priority
    }

    private static func version(_ text: String) throws -> Int {
        guard let version = Int(text), version > 0 else {
            throw ServiceError(
                .invalid, "a field is wrong",
                mistakes: [Mistake(pointer: "/_version", detail: "‘\(text)’ is no version; versions are 1, 2, 3…")])
        }
        return version
    }

    private static func unknown(_ names: [String]) -> ServiceError {
        ServiceError(
            .invalid, "there are fields that nobody would read",
            mistakes: names.map {
                Mistake(pointer: "/\($0)", detail: "unknown; known are \(own.sorted().joined(separator: ", "))")
            })
    }
}
