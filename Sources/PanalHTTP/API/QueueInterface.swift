import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// `/api/v1/queue`, `/api/v1/states`, `/api/v1/hosts` and `/metrics`: who waits and why, how long a job may be where, and figures for monitoring.
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
            Route(.get, "/metrics", .administratorInterface, metrics)
                .described(
                    "getMetrics", .service, "Figures for Prometheus",
                    .content(.ok, [("text/plain", .text)], "Its text format, version 0.0.4", [])),
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
                        "reason": entry.reason.map(JSONValue.string),
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
                "reachable": .boolean(rule.isReachable),
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

    /// The text format of Prometheus, version 0.0.4.
    @Sendable private func metrics(_ request: Request, _ context: WebContext) async throws -> Response {
        let figures = await panal.figures()
        var text = MetricsText()
        text.add("panal_jobs_waiting", .gauge, "Jobs that wait for cores and memory.", Double(figures.waiting))
        text.add("panal_jobs_running", .gauge, "Jobs that hold a reservation.", Double(figures.running))
        text.add("panal_cores_used_ratio", .gauge, "Part of all cores that is given out.", figures.utilisation)
        text.add("panal_jobs_started_total", .counter, "Jobs that were started.", Double(figures.starts))
        text.add(
            "panal_jobs_wait_seconds_total", .counter, "Time that started jobs had waited.",
            figures.waitTime.inSeconds)
        text.add(
            "panal_jobs_ended_total", .counter, "Jobs by final state.", label: "state",
            JobState.allCases.filter(\.isFinal).map { ($0.rawValue, Double(figures.ends[$0] ?? 0)) })
        text.add(
            "panal_attempts_repeated_total", .counter, "Attempts that were made again after a fault of Panal's.",
            Double(figures.retries))
        text.add("panal_decisions_total", .counter, "Decisions of the scheduler.", Double(figures.decisions))
        text.add(
            "panal_decision_seconds_total", .counter, "Time that these took.", figures.decisionTime.inSeconds)
        if let isAttended = figures.isAttended {
            text.add(
                "panal_desk_attended", .gauge, "Whether somebody works at this machine.", isAttended ? 1 : 0)
        }
        text.add(try await panal.ledgerFigures())
        return Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: .init(byteBuffer: .init(string: text.text)))
    }
}

/// Figures as Prometheus reads them.
struct MetricsText {
    enum Kind: String {
        case gauge, counter
    }

    private(set) var text = ""

    mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: Double) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n\(name) \(value)\n"
    }

    /// `values` by the label's value, which must need no escaping.
    mutating func add(_ name: String, _ kind: Kind, _ help: String, label: String, _ values: [(String, Double)]) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
        for (word, value) in values { text += "\(name){\(label)=\"\(word)\"} \(value)\n" }
    }
}
