import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// `/api/v1/queue`, `/api/v1/states` and `/api/v1/hosts`: who waits and why, and how long a job may be where.
struct QueueInterface: Sendable {
    let panal: Panal

    var routes: [Route] {
        [
            Route(.get, "/api/v1/queue", .interface, queue)
                .described(
                    "getQueue", .queue, "Who waits, and for what",
                    .query("limit", .integer(1...1_000).unset(100), "At most so many of those who wait."),
                    .answer(.ok, .queueReport, "In the order of the queue")),
            Route(.get, "/api/v1/states", .interface, states)
                .described(
                    "listStates", .queue, "The states of a job, and how long it may be in each",
                    .document(.object(["states": .list(of: .stateRule)]), "The states")),
            Route(.get, "/api/v1/hosts", .interface, hosts)
                .described(
                    "listHosts", .queue, "The hosts that jobs run on",
                    .document(.object(["hosts": .list(of: .host)]), "The hosts")),
        ]
    }

    @Sendable private func queue(_ request: Request, _ context: WebContext) async throws -> Response {
        let principal = try context.principal
        let limit = try Query(request).integer("limit", in: 1...1_000) ?? 100
        let report = try await panal.queue(principal, limit: limit)
        var members: [String: JSONValue] = [
            "waiting": .integer(report.waiting), "running": .integer(report.running),
            "utilisation": .number(report.utilisation),
            "queue": .array(
                report.entries.map { entry in
                    Documents.object([
                        "position": .integer(entry.position), "job": entry.job.map { .string($0.text) },
                        "url": entry.job.map { .string("\(Documents.base)/jobs/\($0)") },
                        "reason": entry.sentence.map(JSONValue.string),
                        "estimatedStart": entry.estimatedStart.map { .string($0.rfc3339) },
                    ])
                }),
        ]
        if principal.isAdministrator {
            members["decisions"] = .array(
                report.decisions.map { decision in
                    Documents.object([
                        "at": .string(decision.at.rfc3339), "job": decision.job.map { .string($0.text) },
                        "decision": .string(decision.kind), "reason": .string(decision.reason),
                    ])
                })
        }
        return try .json(.object(members))
    }

    @Sendable private func states(_ request: Request, _ context: WebContext) async throws -> Response {
        let deadlines = panal.deadlines
        let rows = JobState.allCases.map { state in
            let rule = state.rule
            let seconds: JSONValue? =
                if case .setting(let kind) = rule.deadline { .number(deadlines[kind].inSeconds) } else { nil }
            return Documents.object([
                "state": .string(state.rawValue), "final": .boolean(state.isFinal),
                "deadlineSeconds": seconds,
                "deadline": rule.deadline == .timeLimit ? .string("the profile's wall time") : nil,
                "turnSeconds": state == .queued ? .number(deadlines.turn.inSeconds) : nil,
                "whenItPasses": rule.passed.map { .string($0.rawValue) },
                "next": .array(
                    JobState.allCases.filter(rule.next.contains).map { .string($0.rawValue) }),
            ])
        }
        return try .json(.object(["states": .array(rows)]), unlessKnownTo: request)
    }

    @Sendable private func hosts(_ request: Request, _ context: WebContext) async throws -> Response {
        let hosts = panal.hosts.map { host in
            JSONValue.object([
                "name": .string(host.name), "pool": .string(host.pool), "cores": .integer(host.cores),
                "memoryBytes": .integer(host.memory), "opportunisticMemoryBytes": .integer(host.opportunisticMemory),
            ])
        }
        return try .json(.object(["hosts": .array(hosts)]), unlessKnownTo: request)
    }
}
