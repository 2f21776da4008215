import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// What a job uses while it runs.
struct SampleInterface: Sendable {
    let panal: Panal

    var routes: [Route] {
        [
            Route(.get, "/api/v1/jobs/{id}/samples", .interface, samples)
                .described(
                    "listJobSamples", .jobs, "How a job's use of processor and memory went",
                    .note(
                        "Looked at once a second while it runs, from its second second on, of at most 256 jobs at a time, "
                            + "and kept in memory for a while after its end. A long run has \(UsageHistory.most) of them, further apart."
                    ),
                    .document(
                        .object([
                            "samples": .list(
                                of: .object([
                                    "from": .seconds.note("Since the program began."), "to": .seconds,
                                    "cores": Schema(["type": "number", "minimum": 0]).example(.number(0.98))
                                        .note("Cores kept busy, on the average of this time."),
                                    "memoryBytes": .count.note("The most that was seen held."), "processes": .count,
                                ]))
                        ]), "The oldest first; none where nobody knows"))
        ]
    }

    @Sendable private func samples(_ request: Request, _ context: WebContext) async throws -> Response {
        let history = try await panal.usageHistory(
            try context.principal, of: try context.identifier("id", of: Job.self))
        return try .json(
            .object([
                "samples": .array(
                    (history?.parts ?? []).map { part in
                        .object([
                            "from": .number(Double(part.from) / 1e6), "to": .number(Double(part.to) / 1e6),
                            "cores": .number((part.cores * 1_000).rounded() / 1_000),
                            "memoryBytes": .integer(Int(part.memoryBytes)), "processes": .integer(Int(part.processes)),
                        ])
                    })
            ]), unlessKnownTo: request)
    }
}
