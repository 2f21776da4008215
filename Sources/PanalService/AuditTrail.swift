import Logging
package import PanalCore
import Synchronization

/// Writes the audit log. What changes accounts, programs and the service is stored before its answer goes out; jobs, which have a
/// history of their own, are stored a moment later, many at once.
final class AuditTrail: Sendable {
    private struct State {
        var waiting: [AuditEntry] = []
        var isWriting = false
    }

    private let state = Mutex(State())
    private let store: any OperationsStore
    private let logger: Logger
    /// Entries that may wait; more are dropped, and that is told in the log.
    private static let most = 100_000

    init(store: any OperationsStore, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    /// Later, with others.
    func note(_ entry: AuditEntry) {
        let begins = state.withLock { state -> Bool? in
            guard state.waiting.count < Self.most else { return nil }
            state.waiting.append(entry)
            defer { state.isWriting = true }
            return !state.isWriting
        }
        guard let begins else { return logger.error("an entry of the audit log is lost: the store takes none") }
        guard begins else { return }
        Task {
            try? await Task.sleep(for: .milliseconds(50))
            await flush()
        }
    }

    /// Stores all that waits.
    func flush() async {
        while true {
            let entries = state.withLock { state in
                defer { state.waiting = [] }
                if state.waiting.isEmpty { state.isWriting = false }
                return state.waiting
            }
            guard !entries.isEmpty else { return }
            do {
                try await store.append(entries)
            } catch {
                logger.error(
                    "entries of the audit log are lost",
                    metadata: ["count": "\(entries.count)", "error": "\(error)"])
            }
        }
    }
}

extension Panal {
    /// Notes what somebody did. With `now` it is stored when this returns; where the store fails the log says so, since what was
    /// done is done.
    package func note(_ entry: AuditEntry, now: Bool) async {
        guard now else { return auditTrail.note(entry) }
        do {
            try await store.append([entry])
        } catch {
            logger.error(
                "an entry of the audit log is lost", metadata: ["action": "\(entry.action)", "error": "\(error)"])
        }
    }

    /// Who did what, the newest first; administrators only.
    package func audit(_ principal: Principal, _ query: AuditQuery) async throws -> [AuditEntry] {
        try requireAdministrator(principal)
        var query = query
        query.limit = min(max(query.limit, 1), 1_000)
        await auditTrail.flush()
        return try await store.audit(query)
    }

    /// A clock that nobody sets.
    package var elapsed: Duration { clock.elapsed() }
}
