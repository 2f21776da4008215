import Foundation
import GRDB
import PanalCore
import Testing

@testable import PanalStore

/// Submissions that nobody is told of yet share the synchronization of what comes behind them.
@Suite struct OwedTests {
    private static func level(_ store: SQLiteStore) async throws -> Int? {
        try await store.pool.writeWithoutTransaction { try Int.fetchOne($0, sql: "PRAGMA synchronous") }
    }

    private static func insert(_ fixture: StoreFixture, isSynchronized: Bool) async throws -> JobID {
        let (job, attempt) = fixture.job()
        _ = try await fixture.store.insert(
            [JobDraft(job: job, attempt: attempt, hasSecrets: false)], batch: nil, mark: nil,
            marksSince: StoreFixture.start, isSynchronized: isSynchronized)
        return job.id
    }

    /// Also behind a step that alone would not be, but for those to where its program is begun.
    @Test func theNextTransactionIsSynchronized() async throws {
        let fixture = try await StoreFixture()
        let store = fixture.store
        let job = try await Self.insert(fixture, isSynchronized: false)
        #expect(store.line.isOwing)
        #expect(try await Self.level(store) == 1)
        let step = JobChange(to: .configuring, at: StoreFixture.start)
        #expect(try await store.change(job, from: .queued, [step]) == .configuring)
        #expect(store.line.isOwing)
        #expect(try await Self.level(store) == 1)
        let steps = [
            JobChange(to: .deploying, at: StoreFixture.start), JobChange(to: .running, at: StoreFixture.start),
        ]
        #expect(try await store.change(job, from: .configuring, steps) == .running)
        #expect(!store.line.isOwing)
        #expect(try await Self.level(store) == 2)
        // And that one owes nothing.
        #expect(
            try await store.change(job, from: .running, [JobChange(to: .finishing, at: StoreFixture.start)]) != nil)
        #expect(try await Self.level(store) == 1)
    }

    /// Several jobs go on together, or none of them does.
    @Test func oneThatIsElsewhereHoldsAllBack() async throws {
        let fixture = try await StoreFixture()
        let store = fixture.store
        let jobs = [
            try await Self.insert(fixture, isSynchronized: true), try await Self.insert(fixture, isSynchronized: true),
        ]
        let step = JobChange(to: .configuring, at: StoreFixture.start)
        #expect(try await store.change(jobs[1], from: .queued, [step]) == .configuring)
        let end = JobChange(to: .cancelled, at: StoreFixture.start, result: JobResult(outcome: .cancelled))
        #expect(try await !store.change(jobs, from: .queued, [end]))
        #expect(try await store.job(jobs[0])?.state == .queued)
        #expect(try await !store.change([jobs[0], JobID.make(at: StoreFixture.start)], from: .queued, [end]))
        #expect(try await store.change([jobs[0]], from: .queued, [end]))
        #expect(try await store.change([jobs[1]], from: .configuring, [end]))
        for job in jobs { #expect(try await store.job(job)?.state == .cancelled) }
    }

    @Test func oneMayAskForIt() async throws {
        let fixture = try await StoreFixture()
        _ = try await Self.insert(fixture, isSynchronized: false)
        _ = try await Self.insert(fixture, isSynchronized: false)
        #expect(fixture.store.line.isOwing)
        // SQLite synchronizes only what it has written something behind.
        func written() throws -> Int {
            try Data(contentsOf: URL(filePath: fixture.folder.path + "/panal.sqlite-wal")).count
        }
        let before = try written()
        try await fixture.store.synchronize()
        #expect(try written() > before)
        #expect(!fixture.store.line.isOwing)
        #expect(try await Self.level(fixture.store) == 2)
    }

    @Test func oneThatIsToldIsSynchronizedAtOnce() async throws {
        let fixture = try await StoreFixture()
        _ = try await Self.insert(fixture, isSynchronized: true)
        #expect(!fixture.store.line.isOwing)
        #expect(try await Self.level(fixture.store) == 2)
    }

    @Test func stepsAreStoredWithTheJob() async throws {
        let fixture = try await StoreFixture()
        let (job, attempt) = fixture.job()
        var draft = JobDraft(job: job, attempt: attempt, hasSecrets: false)
        draft.steps = [
            JobChange(to: .configuring, at: StoreFixture.start, cores: [3]),
            JobChange(to: .deploying, at: StoreFixture.start),
        ]
        _ = try await fixture.store.insert(
            [draft], batch: nil, mark: nil, marksSince: StoreFixture.start, isSynchronized: true)
        let stored = try #require(try await fixture.store.job(job.id))
        #expect(stored.state == .deploying && stored.cores == [3])
        #expect(try await fixture.store.events(of: job.id).map(\.state) == [.queued, .configuring, .deploying])
        let left = try await fixture.store.unfinishedJobs()
        #expect(left.map(\.job.state) == [.deploying])
    }
}
