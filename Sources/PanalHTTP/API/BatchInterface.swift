import HTTPTypes
import Hummingbird
import PanalCore
import PanalManifest
import PanalService

/// One program, many inputs: submitting them together, and their results in one list.
struct BatchInterface: Sendable {
    let panal: Panal
    /// Seconds.
    let longestWait: Int

    var routes: [Route] {
        [
            Route(.post, "/api/v1/programs/{name}/batches", .interface, submit)
                .described(
                    "submitBatch", .jobs, "Run a program with many inputs", .scope(.jobs),
                    .note(
                        "All or none: where one submission is wrong, or the queue has no room for all of them, nothing "
                            + "is taken. A batch that was answered with 202 or 200 is stored whole, and each of its "
                            + "jobs comes to a final state of its own."),
                    .query("dryRun", .boolean.unset(false), "Only say what would become of it: nothing is stored."),
                    .waits, .retrySafe, .refuses(.paymentRequired),
                    .body(
                        .object(
                            [
                                "submissions?": .list(
                                    of: Schema(["type": "object"]), 1...Panal.largestBatch
                                ).note("As the body of `submitJob`, without what stands here."),
                                "sweep?": Schema.object(
                                    [
                                        "input": .text.note("The id of the input that changes."),
                                        "values?": .list(of: Schema(["examples": [1]]), 1...Panal.largestBatch),
                                        "from?": .number, "to?": .number, "step?": .number,
                                    ], isClosed: true
                                ).note(
                                    "In place of `submissions`: one input over a list of values, or over a range with "
                                        + "both its ends, which may be a text's too; `submission` has the others."),
                                "submission?": Schema(["type": "object"]).note("With `sweep`: all other inputs."),
                                "profile?": .text, "version?": .integer(1 ... .max), "priority?": .priority,
                                "together?": .boolean.note(
                                    "Whether all of them start in one step: each waits until there is room for all. A "
                                        + "batch that the machine never has room for at once is refused; opportunistic "
                                        + "jobs start one by one."
                                ).unset(false), "dryRun?": .boolean.note("As the query's `dryRun`.").unset(false),
                            ], isClosed: true)),
                    .answer(.accepted, .batch, "The jobs wait or run", .location, .retryAfter, .replayed),
                    .answer(
                        .ok, .one(of: [.batch, .batchEstimate]),
                        "All have ended in time, with `Location` as above; or, with `dryRun`, a BatchEstimate: it alone has "
                            + "`dryRun`, which is true, and a Batch alone has `id`",
                        .location, .preferenceApplied, .replayed)),
            Route(.get, "/api/v1/batches", .interface, list)
                .described(
                    "listBatches", .jobs, "One's batches, the newest first",
                    .query("program", .text, "Only of this program."),
                    .query("everyone", .boolean.unset(false), "All users' batches, for administrators."),
                    .pages("batches", of: .batchSummary, "A page")),
            Route(.get, "/api/v1/batches/{id}", .interface, show)
                .described(
                    "getBatch", .jobs, "A batch and the results of its jobs", .waits,
                    .document(.batch, "The batch", .preferenceApplied)),
            Route(.post, "/api/v1/batches/{id}/cancel", .interface, cancel)
                .described(
                    "cancelBatch", .jobs, "Cancel all jobs of a batch", .scope(.jobs), .guarded,
                    .note(
                        "Asking twice is no error; jobs that have ended stay as they are. Cancelling one job of a batch "
                            + "that waits to start `together` does the same."),
                    .answer(.ok, .batch, "All have ended"), .answer(.accepted, .batch, "Some are about to end")),
        ]
    }

    @Sendable private func submit(_ request: Request, _ context: WebContext) async throws -> Response {
        let principal = try context.principal
        let key = try request.headers[.idempotencyKey].map { try RetryKey($0) }
        let name = try context.parameter("name")
        let dryRun = try Query(request).boolean("dryRun")
        let taken = try await panal.inTurn(principal, key) { () -> Taken in
            let members = try await JSONBody.read(request)
            let orders = try Self.orders(members, program: name)
            let isGang = try JSONBody.boolean("together", in: members) ?? false
            let inBody = try JSONBody.boolean("dryRun", in: members)
            if try JobInterface.agreed("dryRun", dryRun, inBody, at: "/dryRun") == true {
                return .estimate(try await panal.estimate(principal, together: orders, isGang: isGang))
            }
            let (report, isRepeated) = try await panal.submit(principal, together: orders, isGang: isGang, once: key)
            return .batch(report, isRepeated: isRepeated)
        }
        switch taken {
        case .estimate(let estimate): return try .json(CreditDocuments.estimate(estimate))
        case .batch(let report, let isRepeated):
            return try await answer(report, isRepeated: isRepeated, request, principal)
        }
    }

    /// What a submission came to.
    private enum Taken: Sendable {
        case batch(BatchReport, isRepeated: Bool)
        case estimate(BatchEstimate)
    }

    private func answer(
        _ report: BatchReport, isRepeated: Bool, _ request: Request, _ principal: Principal
    ) async throws -> Response {
        let location = "\(Documents.base)/batches/\(report.batch.id)"
        var response: Response
        let waited = HeaderValues.wait(request.headers).map { min($0, longestWait) }
        // What is stored is stored: an error from here on would make the client send it again.
        let now =
            if let waited {
                try? await panal.wait(principal, batch: report.batch.id, atMost: .seconds(waited))
            } else {
                try? await panal.batch(principal, report.batch.id)
            }
        if let waited, let now, now.isFinal {
            response = try .json(Documents.batch(now))
            response.headers[.preferenceApplied] = "wait=\(waited)"
        } else {
            response = try .json(Documents.batch(now ?? report), status: .accepted)
            response.headers[.retryAfter] = "1"
        }
        response.headers[.location] = location
        if isRepeated { response.headers[.idempotencyReplayed] = "true" }
        return response
    }

    private static func orders(_ given: [String: JSONValue], program: String) throws -> [JobRequest] {
        let members = given.filter { $0.value != .null }
        try JSONBody.expect(
            ["submissions", "sweep", "submission", "profile", "version", "priority", "together", "dryRun"],
            in: members)
        let submissions: [JSONValue]
        // What a range comes to is numbers, also where the field is a text.
        var counted: String?
        if let sweep = members["sweep"], members["submissions"] == nil {
            submissions = try Sweep.submissions(sweep, over: members["submission"])
            counted = Sweep.rangedInput(sweep)
        } else {
            guard let given = try JSONBody.list("submissions", in: members) else {
                throw JSONBody.required("submissions")
            }
            for key in ["sweep", "submission"] where members[key] != nil {
                throw ServiceError(
                    .invalid, "a sweep is asked for beside submissions",
                    mistakes: [Mistake(pointer: "/\(key)", detail: "stands in place of ‘submissions’, not beside them")]
                )
            }
            submissions = given
        }
        let profile = try JSONBody.text("profile", in: members)
        let version = try JSONBody.integer("version", in: members)
        let priority = try JobOrder.priority(try JSONBody.text("priority", in: members))
        return try submissions.enumerated().map { place, value in
            guard case .object(let fields) = value else {
                throw ServiceError(
                    .invalid, "a submission is of another kind",
                    mistakes: [
                        Mistake(pointer: "/submissions/\(place)", detail: "expected an object, found \(value.kind)")
                    ])
            }
            var order = try JobOrder(members: fields)
            if let counted { order.submission.typed?[counted] = nil }
            guard order.profile == nil, order.version == nil, order.priority == nil, order.isDryRun == nil else {
                throw ServiceError(
                    .invalid, "a submission has members of the batch",
                    mistakes: [
                        Mistake(
                            pointer: "/submissions/\(place)",
                            detail:
                                "profile, version, priority and a dry run are the batch's: put them beside ‘submissions’, without _"
                        )
                    ])
            }
            return JobRequest(
                program: program, version: version, profile: profile, priority: priority, submission: order.submission,
                callback: order.callback)
        }
    }

    @Sendable private func cancel(_ request: Request, _ context: WebContext) async throws -> Response {
        let (principal, id) = (try context.principal, try context.identifier("id", of: JobBatch.self))
        return try await Preconditions.guarded(
            request, current: { try await panal.batch(principal, id) }, document: Documents.batch
        ) { _ in
            // A wish, which writes nothing over: what the jobs come to is their runner's to say.
            let report = try await panal.cancel(principal, batch: id)
            return try .json(Documents.batch(report), status: report.isFinal ? .ok : .accepted)
        }
    }

    @Sendable private func list(_ request: Request, _ context: WebContext) async throws -> Response {
        let query = try Query(request)
        let page = try await panal.batchPage(
            try context.principal, program: try query.text("program"), try Paging.wish(query),
            everyone: try query.boolean("everyone") ?? false)
        return try Paging.answer("batches", page.entries.map(Documents.batch), next: page.next, request)
    }

    @Sendable private func show(_ request: Request, _ context: WebContext) async throws -> Response {
        let principal = try context.principal
        let id = try context.identifier("id", of: JobBatch.self)
        guard let wish = HeaderValues.wait(request.headers) else {
            return try .json(Documents.batch(try await panal.batch(principal, id)), unlessKnownTo: request)
        }
        let seconds = min(wish, longestWait)
        let report = try await panal.wait(principal, batch: id, atMost: .seconds(seconds))
        var response = try Response.json(Documents.batch(report), unlessKnownTo: request)
        response.headers[.preferenceApplied] = "wait=\(seconds)"
        return response
    }
}

extension Documents {
    /// Ids of the fields in which the jobs differ.
    private static func variedFields(of jobs: [Job]) -> Set<String> {
        guard let first = jobs.first else { return [] }
        var varied: Set<String> = []
        for job in jobs.dropFirst() where job.fields != first.fields {
            varied.formUnion(Set(job.fields).symmetricDifference(first.fields).map(\.id))
        }
        return varied
    }

    private static func values(_ ids: Set<String>, of job: Job) -> JSONValue {
        .object(
            Dictionary(
                job.fields.filter { ids.contains($0.id) }.map { ($0.id, .string($0.value)) },
                uniquingKeysWith: { first, _ in first }))
    }

    static func batch(_ report: BatchReport) -> JSONValue {
        let varied = variedFields(of: report.jobs)
        var members = summary(of: report.batch, Dictionary(grouping: report.jobs, by: \.state).mapValues(\.count))
        members["results"] = .array(
            report.jobs.enumerated().map { place, job in
                object([
                    "index": .integer(place), "job": .string(job.id.text), "state": .string(job.state.rawValue),
                    "outcome": job.outcome.map { outcome($0, job.meaning) },
                    "message": job.message.map(JSONValue.string),
                    "url": .string("\(base)/jobs/\(job.id)"),
                    "values": varied.isEmpty ? nil : values(varied, of: job),
                ])
            })
        return .object(members)
    }

    /// As lists have it.
    static func batch(_ entry: BatchSummary) -> JSONValue { .object(summary(of: entry.batch, entry.states)) }

    private static func summary(of batch: JobBatch, _ states: [JobState: Int]) -> [String: JSONValue] {
        [
            "id": .string(batch.id.text), "program": .string(batch.programName), "owner": .string(batch.owner.text),
            "submitted": time(batch.submitted), "size": .integer(batch.size), "together": .boolean(batch.isGang),
            "final": .boolean(states.keys.allSatisfy(\.isFinal)),
            "states": .object(
                Dictionary(states.map { ($0.key.rawValue, .integer($0.value)) }, uniquingKeysWith: { $1 })),
            "url": .string("\(base)/batches/\(batch.id)"),
        ]
    }
}

extension Schema {
    static let batchSummary = component(
        "BatchSummary",
        .object([
            "id": identifier, "program": programName,
            "owner": identifier.note("The id of the user who submitted it."), "submitted": time,
            "size": integer(1...Panal.largestBatch), "together": boolean.note("Whether all of them start in one step."),
            "final": boolean.note("Whether all jobs have ended."),
            "states": Schema(["type": "object", "additionalProperties": ["type": "integer"]])
                .note("How many jobs are in which state."),
            "url": reference.example("/api/v1/batches/01k8zq4m3rh7x2c5w9ta"),
        ]))

    static let batch = batchSummary.extended(
        by: [
            "results": list(
                of: .object([
                    "index": count.note("The submission's place, from 0."), "job": identifier, "state": jobState,
                    "outcome?": outcome, "message?": text,
                    "url": reference.example("/api/v1/jobs/01k8zq4m3rh7x2c5w9ta"),
                    "values?": Schema(["type": "object", "additionalProperties": ["type": "string"]]).note(
                        "The inputs in which the jobs differ, as text for people."),
                ])
            ).note("In the order of the submissions.")
        ], named: "Batch")
}
