import FoundationEssentials
import Logging
import PanalCore

/// Sends what is due, a few at a time, beside everything else. What it sends stands in the store before, and what came of it after:
/// a message that was on its way when the service was killed is sent again, with the same number.
actor WebhookDispatcher {
    private let store: any WebhookStore
    private let jobs: any Store
    private let outlet: WebhookOutlet
    private let clock: any WallClock
    private let logger: Logger
    private var underway: [DeliveryID: String] = [:]
    /// What has ended since the store was last asked what is due: its answer may still name these.
    private var ended: Set<DeliveryID> = []
    private let (alarms, alarm) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    init(store: any WebhookStore, jobs: any Store, outlet: WebhookOutlet, clock: any WallClock, logger: Logger) {
        self.store = store
        self.jobs = jobs
        self.outlet = outlet
        self.clock = clock
        self.logger = logger
    }

    /// Something may be due.
    nonisolated func wake() { alarm.yield() }

    /// Until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await _ in alarms {
                var pause: Duration?
                do {
                    for due in try await next() { group.addTask { await self.send(due.delivery, due.secret) } }
                    if let moment = try await store.nextDelivery() { pause = moment - clock.now() }
                } catch {
                    logger.warning("webhooks cannot be read", metadata: ["error": "\(error)"])
                    pause = .seconds(10)
                }
                if let pause, underway.isEmpty || pause > .zero {
                    // At most a minute: somebody may set the clock.
                    let span = min(max(pause, .milliseconds(10)), .seconds(60))
                    group.addTask {
                        try? await Task.sleep(for: span)
                        self.wake()
                    }
                }
            }
        }
    }

    /// What is due and may go now, noted as underway.
    private func next() async throws -> [(delivery: WebhookDelivery, secret: [UInt8])] {
        guard underway.count < outlet.most else { return [] }
        ended = []
        // Beyond what goes now: those of a host that is slow must not hide the others.
        let due = try await store.dueDeliveries(at: clock.now(), limit: outlet.most * 16)
        var chosen: [(delivery: WebhookDelivery, secret: [UInt8])] = []
        for entry in due where underway[entry.delivery.id] == nil && !ended.contains(entry.delivery.id) {
            let host = (try? WebhookTarget(entry.delivery.url))?.host ?? ""
            guard underway.count < outlet.most else { break }
            guard underway.values.count(where: { $0 == host }) < outlet.mostPerHost else { continue }
            underway[entry.delivery.id] = host
            chosen.append(entry)
        }
        return chosen
    }

    private func send(_ delivery: WebhookDelivery, _ secret: [UInt8]) async {
        let begin = clock.now()
        let (status, failure) = await attempt(delivery, secret, at: begin)
        let number = delivery.attempts + 1
        let isDelivered = failure == nil
        var generator = SystemRandomNumberGenerator()
        let pause = isDelivered || failure?.isFinal == true ? nil : WebhookRetry.pause(after: number, using: &generator)
        let end = clock.now()
        let attempt = WebhookAttempt(
            number: number, at: begin, status: status, error: failure?.reason,
            milliseconds: Int(max(0, (end - begin).wholeMicroseconds / 1_000)))
        do {
            try await store.record(
                attempt, of: delivery.id, state: isDelivered ? .delivered : pause == nil ? .failed : .waiting,
                next: pause.map { end + $0 })
        } catch {
            logger.warning("the end of a webhook is not stored", metadata: ["error": "\(error)"])
            // Else the same message would go out again at once, and again.
            try? await Task.sleep(for: .seconds(5))
        }
        underway[delivery.id] = nil
        ended.insert(delivery.id)
        wake()
    }

    private func attempt(
        _ delivery: WebhookDelivery, _ secret: [UInt8], at moment: Timestamp
    ) async -> (status: Int?, failure: WebhookFailure?) {
        let target: WebhookTarget
        let body: [UInt8]
        do {
            target = try WebhookTarget(delivery.url)
            body = try await message(delivery)
        } catch let error as ServiceError {
            return (nil, WebhookFailure(error.mistakes.first?.detail ?? error.detail, isFinal: true))
        } catch {
            return (nil, WebhookFailure("the message could not be made"))
        }
        do throws(WebhookFailure) {
            let address = try await address(of: target)
            var headers = WebhookSigning.headers(id: delivery.id, at: moment, body: body, secret: secret)
            // Each attempt is a span of its own in the trace of the request that the message comes of.
            if let trace = delivery.trace { headers.append(("traceparent", TraceContext(continuing: trace).header)) }
            let status = try await outlet.transport.post(target, to: address, headers: headers, body: body)
            switch status {
            case 200..<300: return (status, nil)
            case 300..<400: return (status, WebhookFailure("it answered with a redirect, which is not followed"))
            case 410: return (status, WebhookFailure("it is gone for good", isFinal: true))
            default: return (status, WebhookFailure("it answered \(status)"))
            }
        } catch {
            return (nil, error)
        }
    }

    /// Looked up once: the connection is made to the very address that was checked, so that a name cannot mean something else a moment
    /// later. A name that leads to one forbidden address leads nowhere.
    private func address(of target: WebhookTarget) async throws(WebhookFailure) -> NetworkAddress {
        let found: [NetworkAddress]
        if let literal = target.literal {
            found = [literal]
        } else {
            found = try await outlet.transport.addresses(of: target.host)
        }
        guard let first = found.first else { throw WebhookFailure("‘\(target.host)’ has no address") }
        for address in found {
            if let refusal = outlet.policy.refusal(of: address) { throw WebhookFailure("nothing was sent: \(refusal)") }
        }
        return first
    }

    private func message(_ delivery: WebhookDelivery) async throws -> [UInt8] {
        var data: [String: JSONValue] = [:]
        if let id = delivery.job, let job = try await jobs.job(id) {
            data = [
                "job": .string(job.id.text), "url": .string("/api/v1/jobs/\(job.id)"),
                "program": .string(job.programName), "version": .integer(job.version), "profile": .string(job.profile),
                "submitted": .string(job.submitted.rfc3339),
            ]
            if delivery.event == .expiring {
                data["outputsExpireAt"] = job.keeping.promised.map { .string($0.rfc3339) }
                data["outputsRemovedAt"] = job.keeping.removal.map { .string($0.at.rfc3339) }
                data["kept"] = .boolean(job.keeping.isKept)
            }
            if delivery.event != .started {
                data["state"] = .string(job.state.rawValue)
                data["ended"] = job.ended.map { .string($0.rfc3339) }
                data["message"] = job.message.map { .string($0) }
                if let outcome = job.outcome {
                    data["outcome"] = try JSONValue(parsing: try JSONEncoder().encode(outcome))
                }
            } else {
                data["state"] = .string(JobState.running.rawValue)
            }
        }
        if delivery.event == .filling, let owner = try await store.webhook(delivery.webhook)?.owner {
            data["storedBytes"] = .integer(try await jobs.storedBytes(of: owner))
            data["allowedBytes"] = try await jobs.tenancy().rights(of: owner).storedBytes.map { .integer($0) }
        }
        if delivery.event == .failing, let owner = try await store.webhook(delivery.webhook)?.owner {
            let own = try await jobs.programs(visibleTo: owner, after: nil, limit: 1_000).filter { stored in
                stored.program.owner == owner && stored.version.tests?.hasPassed == false
            }
            data["programs"] = .array(own.map { .string($0.program.name) })
        }
        let document: JSONValue = [
            "type": .string(delivery.event.rawValue), "timestamp": .string(delivery.created.rfc3339),
            "data": .object(data),
        ]
        return Array(try document.serialized())
    }
}
