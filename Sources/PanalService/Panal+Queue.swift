package import PanalCore
import PanalScheduler
import Synchronization

/// A place of the queue, as somebody may see it.
package struct QueueEntry: Hashable, Sendable {
    /// 1 for the head.
    package var position: Int
    /// Nil for a job of somebody else's.
    package var job: JobID?
    package var reason: WaitingReason?
    /// The reason in English.
    package var sentence: String? { reason?.sentence }
    package var estimatedStart: Timestamp?
}

/// A decision of the scheduler about a job, for administrators.
package struct QueueDecision: Hashable, Sendable {
    package var at: Timestamp
    package var job: JobID?
    /// `started`, `refused`, `frozen` or `thawed`.
    package var kind: String
    package var reason: String
}

package struct QueueReport: Hashable, Sendable {
    package var waiting: Int
    package var running: Int
    /// Part of all cores that is given out, 0 to 1.
    package var utilisation: Double
    package var entries: [QueueEntry]
    /// Empty for whoever is no administrator.
    package var decisions: [QueueDecision]
}

/// A machine that runs cells.
package struct HostEntry: Hashable, Sendable {
    package var name: String
    package var pool: String
    /// Whole cores for cells.
    package var cores: Int
    /// Bytes for jobs, and for opportunistic ones beside them.
    package var memory: Int
    package var opportunisticMemory: Int
}

/// What has happened since the start, for monitoring.
package struct ServiceFigures: Hashable, Sendable {
    package var waiting: Int
    package var running: Int
    package var utilisation: Double
    package var decisions: Int
    package var decisionTime: Duration
    package var starts: Int
    package var waitTime: Duration
    /// By the final state.
    package var ends: [JobState: Int]
    package var retries: Int
    /// Whether somebody is at the machine; nil where nobody watches.
    package var isAttended: Bool?
}

extension Panal {
    /// The first `limit` (1 to 1,000) places of the queue. Others' jobs are places without names, but to administrators.
    package func queue(_ principal: Principal, limit: Int = 100) async throws -> QueueReport {
        guard let runner else { throw ServiceError(.overloaded, "the service is starting", retryAfter: .seconds(5)) }
        let figures = await runner.scheduler.figures
        let found = await runner.queue(limit: min(max(limit, 1), 1_000))
        var entries: [QueueEntry] = []
        for (job, report) in found {
            var entry = QueueEntry(position: report.ahead + 1)
            if try await isVisible(job, principal) {
                (entry.job, entry.reason, entry.estimatedStart) = (job, report.reason, report.estimatedStart)
            }
            entries.append(entry)
        }
        return QueueReport(
            waiting: figures.waiting, running: figures.running, utilisation: figures.utilisation, entries: entries,
            decisions: principal.isAdministrator ? await runner.decisions(limit: 50) : [])
    }

    private func isVisible(_ job: JobID, _ principal: Principal) async throws -> Bool {
        if principal.isAdministrator { return true }
        return try await store.job(job)?.owner == principal.user
    }

    /// How long a job may be in each state, and what follows: the settings of this service.
    package var deadlines: StateDeadlines { settings.deadlines }

    package var hosts: [HostEntry] {
        hostList.map { host in
            HostEntry(
                name: host.name, pool: host.pool, cores: host.cores.count, memory: host.memory,
                opportunisticMemory: host.opportunisticMemory)
        }
    }

    /// The machines in the scheduler's order.
    var hostList: [HostDescription] { [configuration.host ?? HostDescription(executor.capacity)] }

    /// Somebody has come to this machine, or gone; before the start, and for a machine that nobody watches, to be left out.
    package func notePresence(_ isThere: Bool) async { await runner?.notePresence(isThere) }

    package func figures() async -> ServiceFigures {
        guard let runner else {
            return ServiceFigures(
                waiting: 0, running: 0, utilisation: 0, decisions: 0, decisionTime: .zero, starts: 0, waitTime: .zero,
                ends: [:], retries: 0)
        }
        let figures = await runner.scheduler.figures
        let (ends, retries, isAttended) = runner.state.withLock { ($0.ends, $0.retries, $0.isAttended) }
        return ServiceFigures(
            waiting: figures.waiting, running: figures.running, utilisation: figures.utilisation,
            decisions: figures.decisions, decisionTime: figures.decisionTime, starts: figures.waits,
            waitTime: figures.waitTime, ends: ends, retries: retries, isAttended: isAttended)
    }
}

extension JobRunner {
    func decisions(limit: Int) async -> [QueueDecision] {
        let decisions = await scheduler.decisions(limit: limit)
        return state.withLock { state in
            decisions.map {
                QueueDecision(at: $0.at, job: state.jobs[$0.ticket], kind: $0.kind.rawValue, reason: $0.reason)
            }
        }
    }
}
