import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// What becomes of what jobs leave: to keep it beyond its time, or to remove it before.
struct RetentionInterface: Sendable {
    let panal: Panal

    var routes: [Route] {
        [
            Route(.patch, "/api/v1/jobs/{id}", .interface, keep)
                .described(
                    "changeJob", .jobs, "Keep a job's outputs whatever their age, or not any more",
                    .guarded,
                    .note(
                        "They count against one's storage as others do. To keep outputs and let go of them again does not move the date that their owner was told of: where that has passed they go within the hour; where nobody was told yet, their owner is."
                    ),
                    .body(.object(["kept": .boolean], isClosed: true)), .answer(.ok, .job, "The job", .eTag),
                    .refuses(.conflict, .gone)),
            Route(.delete, "/api/v1/jobs/{id}/outputs", .interface, remove)
                .described(
                    "deleteJobOutputs", .jobs, "Remove what a job left", .guarded,
                    .note(
                        "Its streams and files then answer 410; its record stays, with the names and hashes of its files. Asking twice is no error."
                    ),
                    .answer(.ok, .job, "The job", .eTag), .refuses(.conflict)),
        ]
    }

    @Sendable private func keep(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        try JSONBody.expect(["kept"], in: members)
        guard let isKept = try JSONBody.boolean("kept", in: members) else { throw JSONBody.required("kept") }
        let (principal, id) = (try context.principal, try context.identifier("id", of: Job.self))
        return try await Preconditions.guarded(
            request, current: { try await panal.job(principal, id) }, document: Documents.job
        ) { _ in
            // One value, which writes over nothing else; whether there are outputs is the transaction's to see.
            try .marked(Documents.job(try await panal.setKept(principal, id, to: isKept)))
        }
    }

    @Sendable private func remove(_ request: Request, _ context: WebContext) async throws -> Response {
        let (principal, id) = (try context.principal, try context.identifier("id", of: Job.self))
        return try await Preconditions.guarded(
            request, current: { try await panal.job(principal, id) }, document: Documents.job
        ) { _ in try .marked(Documents.job(try await panal.removeOutputs(principal, id))) }
    }
}

extension MetricsText {
    mutating func add(_ outputs: (kept: OutputFigures?, removed: [RemovalCause: Int])) {
        if let kept = outputs.kept {
            add(
                "panal_job_outputs", .gauge, "Ended jobs whose outputs are kept, at the last sweep.",
                Double(kept.jobs))
            add("panal_job_output_bytes", .gauge, "Bytes of these.", Double(kept.bytes))
        }
        add(
            "panal_job_output_removed_bytes_total", .counter, "Bytes of outputs that were removed.", label: "cause",
            RemovalCause.allCases.map { ($0.rawValue, Double(outputs.removed[$0] ?? 0)) })
    }
}
