import Foundation
import GRDB
import Synchronization
import Testing

@testable import PanalStore

/// Transactions that are asked for at the same time share one, and stand for themselves all the same.
@Suite struct CommitLineTests {
    private final class Commits: TransactionObserver, Sendable {
        let count = Mutex(0)
        func observes(eventsOfKind eventKind: DatabaseEventKind) -> Bool { false }
        func databaseDidChange(with event: DatabaseEvent) {}
        func databaseDidCommit(_ db: Database) { count.withLock { $0 += 1 } }
        func databaseDidRollback(_ db: Database) {}
    }

    private struct Refused: Error {}

    /// While the first is held up, 20 more are asked for, every fourth of which fails.
    @Test func thoseThatWaitShareATransaction() async throws {
        let folder = try TemporaryFolder()
        let pool = try DatabasePool(path: folder.path + "/line.sqlite")
        try await pool.write { try $0.execute(sql: "CREATE TABLE rows (number INTEGER PRIMARY KEY)") }
        let commits = Commits()
        pool.add(transactionObserver: commits, extent: .observerLifetime)
        let line = CommitLine(pool)
        let entered = DispatchSemaphore(value: 0)
        let (begun, begin) = AsyncStream.makeStream(of: Void.self)
        let ends = Mutex<[Int: Bool]>([:])
        let first = Thread {
            line.enter(
                CommitLine.Part(.synchronized) { database in
                    begin.yield()
                    begin.finish()
                    entered.wait()
                    try database.execute(sql: "INSERT INTO rows VALUES (0)")
                } end: { error in
                    ends.withLock { $0[0] = error == nil }
                })
        }
        first.start()
        for await _ in begun {}
        for number in 1...20 {
            line.enter(
                CommitLine.Part(.written) { database in
                    try database.execute(sql: "INSERT INTO rows VALUES (?)", arguments: [number])
                    if number % 4 == 0 { throw Refused() }
                } end: { error in
                    ends.withLock { $0[number] = error == nil }
                })
        }
        entered.signal()
        while ends.withLock({ $0.count }) < 21 { try await Task.sleep(for: .milliseconds(2)) }
        #expect(ends.withLock { $0 } == Dictionary(uniqueKeysWithValues: (0...20).map { ($0, $0 == 0 || $0 % 4 != 0) }))
        let stored = try await pool.read { try Int.fetchAll($0, sql: "SELECT number FROM rows ORDER BY number") }
        #expect(stored == (0...20).filter { $0 == 0 || $0 % 4 != 0 })
        // The shared one failed for its failing parts, and each part was then alone.
        #expect(commits.count.withLock { $0 } == 16)
    }

    @Test func eachGetsItsOwnAnswer() async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteStore(path: folder.path + "/store.sqlite")
        let answers = await withTaskGroup(of: Int?.self) { group in
            for number in 0..<200 {
                group.addTask {
                    try? await store.write { database in
                        if number % 7 == 0 { throw Refused() }
                        return try Int.fetchOne(database, sql: "SELECT ? + 1000", arguments: [number])
                    }
                }
            }
            var answers: Set<Int> = []
            var refusals = 0
            for await answer in group {
                if let answer { answers.insert(answer) } else { refusals += 1 }
            }
            #expect(refusals == 29)
            return answers
        }
        #expect(answers == Set((0..<200).filter { $0 % 7 != 0 }.map { $0 + 1_000 }))
        try store.close()
    }
}
