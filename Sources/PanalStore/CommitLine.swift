import Dispatch
import GRDB
import GRDBSQLite
import PanalCore
import Synchronization

/// Transactions that are asked for while one is being written share the next: one synchronization of the disk for all of them.
///
/// Whoever finds nobody writing writes at once, on their own thread: a transaction takes tens of microseconds and a synchronization
/// a few hundred, about as long as it takes to wake another thread and to be woken again. Everybody else waits without a thread, for
/// a thread of this line's own. As long as the disk takes its time, that one does all the writing, so that no event loop waits.
///
/// Each stands for itself all the same: where a shared transaction fails, each of its parts is tried again alone.
final class CommitLine: Sendable {
    enum Durability {
        /// SQLite's `NORMAL`: written, not synchronized.
        case written
        /// As `written`, for what nobody has been told of yet: the next transaction that is `written` or `synchronized` is synchronized, and
        /// this with it, so that it does not wait for long.
        case owed
        /// As `written`, and leaves what is owed to what follows soon: a job's step to where its program is begun.
        case passing
        /// SQLite's `FULL`.
        case synchronized
    }

    /// One transaction that is asked for.
    final class Part: Sendable {
        let durability: Durability
        let body: @Sendable (Database) throws -> Void
        let end: @Sendable ((any Error)?) -> Void

        /// `body` may be called again after it has thrown, or after a transaction of which it was a part has failed. `end` is called
        /// once, with what went wrong.
        init(
            _ durability: Durability, _ body: @escaping @Sendable (Database) throws -> Void,
            end: @escaping @Sendable ((any Error)?) -> Void
        ) {
            self.durability = durability
            self.body = body
            self.end = end
        }
    }

    private struct State {
        var waiting: [Part] = []
        var isWriting = false
        /// Whether the last transaction was done within `quick`.
        var isQuick = true
        /// Whether something is written that was owed and has not been synchronized.
        var isOwing = false
    }

    /// Parts of one transaction at most, so that nobody's answer waits for a long line of others.
    private static let most = 64

    private static let quick = Duration.milliseconds(2)

    private let pool: DatabasePool
    private let thread = DispatchQueue(label: "panal.commits")
    private let state = Mutex(State())
    /// What the writing connection is set to; nil when it is not known. Used on that connection's queue alone.
    private let level = Mutex<Int?>(nil)
    /// Levels that were read back once.
    private let proven = Mutex<Set<Int>>([])

    /// Transactions, the time they took, and those that failed.
    private let measured = Mutex((times: Histogram(), failures: 0))
    var figures: (times: Histogram, failures: Int) { measured.withLock { $0 } }

    init(_ pool: DatabasePool) {
        self.pool = pool
    }

    /// Has `part` carried out, now or with the next ones.
    func enter(_ part: Part) {
        let (isFirst, isQuick) = state.withLock { state in
            if state.isWriting {
                state.waiting.append(part)
                return (false, false)
            }
            state.isWriting = true
            return (true, state.isQuick)
        }
        guard isFirst else { return }
        guard isQuick else { return thread.async { self.carryOn([part]) } }
        carryOut([part])
        // What has come meanwhile is not this caller's to wait for.
        if let next = takeNext() { thread.async { self.carryOn(next) } }
    }

    private func carryOn(_ first: [Part]) {
        var parts: [Part]? = first
        while let now = parts {
            carryOut(now)
            parts = takeNext()
        }
    }

    /// Nil, and nobody writing any more, when nobody waits.
    private func takeNext() -> [Part]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.isWriting = false
                return nil
            }
            let next = Array(state.waiting.prefix(Self.most))
            state.waiting.removeFirst(next.count)
            return next
        }
    }

    private func carryOut(_ parts: [Part]) {
        let begin = ContinuousClock.now
        do {
            try commit(parts)
            let time = ContinuousClock.now - begin
            measured.withLock { $0.times.add(time) }
            state.withLock { $0.isQuick = time < Self.quick }
            for part in parts { part.end(nil) }
        } catch {
            measured.withLock { $0.failures += 1 }
            guard parts.count > 1 else {
                for part in parts { part.end(error) }
                return
            }
            for part in parts { carryOut([part]) }
        }
    }

    /// One transaction; when this throws, nothing of it is done.
    private func commit(_ parts: [Part]) throws {
        let isSynchronized =
            parts.contains { $0.durability == .synchronized }
            || isOwing && parts.contains { $0.durability == .written }
        try pool.writeWithoutTransaction { database in
            try FullDisk.noticing {
                try set(isSynchronized: isSynchronized, database)
                try Self.transaction(database) {
                    let newest = database.lastInsertedRowID
                    for part in parts { try part.body(database) }
                    // A row more is a page that is written in any case.
                    let hasInserted = database.lastInsertedRowID != newest
                    if isSynchronized, isOwing, !hasInserted { try Self.touch(database) }
                }
            }
        }
        state.withLock { state in
            if isSynchronized {
                state.isOwing = false
            } else if parts.contains(where: { $0.durability == .owed }) {
                state.isOwing = true
            }
        }
    }

    /// Makes sure that there is a page to be written: behind a transaction that changes none SQLite synchronizes nothing, and neither does
    /// it write what is as it was.
    private static func touch(_ database: Database) throws {
        for change in ["+", "-"] {
            try database.cachedStatement(sql: "UPDATE lease SET epoch = epoch \(change) 1").execute()
        }
    }

    /// As GRDB's own, whose two statements are compiled anew each time.
    private static func transaction(_ database: Database, _ body: () throws -> Void) throws {
        try database.cachedStatement(sql: "BEGIN IMMEDIATE TRANSACTION").execute()
        do {
            try body()
            // SQLite takes a transaction back by itself where the disk fails; nothing may pass for it then.
            guard database.isInsideTransaction else { throw DatabaseError(resultCode: .SQLITE_ABORT) }
            try database.cachedStatement(sql: "COMMIT TRANSACTION").execute()
        } catch {
            if database.isInsideTransaction { try? database.rollback() }
            throw error
        }
    }

    /// Whether something that was written might be lost in a power cut though it is more than a step of a job.
    var isOwing: Bool { state.withLock { $0.isOwing } }

    /// The pool itself sets `NORMAL` when it opens the file, so the level is set here, and read back when it is set for the first time.
    func set(isSynchronized: Bool, _ database: Database) throws {
        let wanted = isSynchronized ? 2 : 1
        guard level.withLock({ $0 }) != wanted else { return }
        level.withLock { $0 = nil }
        // SQLite does this while it compiles it, so each is compiled anew: by SQLite alone, which takes a third of the time.
        let code = unsafe sqlite3_exec(database.sqliteConnection, "PRAGMA synchronous = \(wanted)", nil, nil, nil)
        guard code == SQLITE_OK else { throw DatabaseError(resultCode: ResultCode(rawValue: code)) }
        if proven.withLock({ !$0.contains(wanted) }) {
            guard try Int.fetchOne(database, sql: "PRAGMA synchronous") == wanted else {
                throw StoreError.damaged("the database does not take synchronous = \(wanted)")
            }
            proven.withLock { _ = $0.insert(wanted) }
        }
        level.withLock { $0 = wanted }
    }
}
