import PanalCore
import PanalStore
import Testing

@Suite struct RetentionStoreTests {
    private static let end = StoreFixture.start + .seconds(10)
    private static let day = Duration.seconds(86_400)

    /// A job that ended, with 11 bytes of output and a file of 9 with this content.
    private static func ended(_ fixture: StoreFixture, _ content: Character) async throws -> JobID {
        let (job, attempt) = fixture.job()
        _ = try await fixture.store.insert(job, attempt: attempt, hasSecrets: false)
        let result = JobResult(
            outcome: .exited(code: 0), output: StreamState(bytes: 5), error: StreamState(bytes: 6),
            files: [JobFile(path: "a.png", bytes: 9, content: StoreFixture.hash(content))])
        let states: [JobState] = [.configuring, .deploying, .running, .finishing]
        let changes =
            states.map { JobChange(to: $0, at: StoreFixture.start) }
            + [JobChange(to: .finished, at: Self.end, result: result)]
        #expect(try await fixture.store.change(job.id, from: .queued, changes) == .finished)
        return job.id
    }

    /// The names stay, the content goes when the files are noted as gone, and what another job has too stays.
    @Test func aRemovalIsNotedBeforeAnythingGoes() async throws {
        let fixture = try await StoreFixture()
        let store = fixture.store
        let (first, second) = (try await Self.ended(fixture, "d"), try await Self.ended(fixture, "d"))
        let third = try await Self.ended(fixture, "e")
        let stored = try await store.storedBytes(of: fixture.owner.id)
        #expect(try await store.outputFigures() == OutputFigures(jobs: 3, bytes: 60))
        let now = Self.end + Self.day
        let removed = try await store.noteRemoved([first, third, first], because: .age, at: now)
        let removal = OutputRemoval(at: now, cause: .age, bytes: 20, files: 1)
        #expect(removed == [first, third].map { RemovedOutputs(job: $0, removal: removal) })
        #expect(try await store.job(first)?.keeping.removal == removal)
        #expect(try await store.job(first)?.files.map(\.path) == ["a.png"])
        #expect(try await store.storedBytes(of: fixture.owner.id) == stored - 40)
        #expect(try await store.checkLedger(at: StoreFixture.start) == [])
        #expect(try await store.outputFigures() == OutputFigures(jobs: 1, bytes: 20))
        // Somebody may be reading it.
        #expect(try await store.referencedBlobs().isSuperset(of: [StoreFixture.hash("d"), StoreFixture.hash("e")]))
        #expect(try await store.unfinishedRemovals(limit: 10) == [first, third])
        try await store.noteFilesGone(of: [first, second, third])
        #expect(try await store.unfinishedRemovals(limit: 10) == [])
        let left = try await store.referencedBlobs()
        #expect(left.contains(StoreFixture.hash("d")) && !left.contains(StoreFixture.hash("e")))
        // The input of the second job is still one's.
        #expect(left.contains(StoreFixture.hash("b")))
        _ = try await store.noteRemoved([second], because: .request, at: now)
        try await store.noteFilesGone(of: [second])
        #expect(try await store.referencedBlobs().isEmpty)
        // What Panal does by itself stands in the audit log, once for each; what somebody asks for does by their request.
        let audit = try await store.audit(AuditQuery(action: "removeOutputs", limit: 10))
        #expect(audit.map(\.target) == ["/api/v1/jobs/\(third)", "/api/v1/jobs/\(first)"])
        #expect(audit.first?.detail == "owner=\(fixture.owner.id) cause=age bytes=20 files=1")
    }

    @Test func whatIsKeptOrHasNotEndedStays() async throws {
        let fixture = try await StoreFixture()
        let store = fixture.store
        let (unfinished, attempt) = fixture.job()
        _ = try await store.insert(unfinished, attempt: attempt, hasSecrets: false)
        let (first, second) = (try await Self.ended(fixture, "d"), try await Self.ended(fixture, "e"))
        #expect(try await store.setKept(first, true, most: 1))
        #expect(try await store.setKept(first, true, most: 1))
        #expect(try await !store.setKept(second, true, most: 1))
        let now = Self.end + Self.day
        for cause in [RemovalCause.age, .quota] {
            #expect(try await store.noteRemoved([unfinished.id, first], because: cause, at: now) == [])
        }
        let plan = RetentionPlan(common: RetentionRule(lifetime: Self.day))
        #expect(try await store.outputsToAnnounce(plan, at: now, limit: 9).map(\.id) == [second])
        #expect(try await store.outputsToAnnounce(plan, at: now + .microseconds(-1), limit: 9) == [])
        #expect(try await store.oldestOutputs(of: fixture.owner.id, limit: 9).map(\.id) == [second])
        #expect(try await store.removableBytes(of: fixture.owner.id) == 20)
        try await store.announce([(first, now), (second, now)], at: now, tells: true)
        #expect(try await store.outputsDue(at: now, limit: 9).map(\.id) == [second])
        #expect(try await store.outputsDue(at: now + .microseconds(-1), limit: 9) == [])
        // Keeping holds the announcement up, and letting go does not put it off.
        #expect(try await store.setKept(second, true, most: 2))
        #expect(try await store.outputsDue(at: now, limit: 9) == [])
        #expect(try await store.announcedOutputs(of: fixture.owner.id, limit: 9) == [])
        #expect(try await store.setKept(second, false, most: 2))
        #expect(try await store.outputsDue(at: now, limit: 9).map(\.id) == [second])
        #expect(try await store.setKept(second, true, most: 2))
        #expect(try await store.noteRemoved([first], because: .request, at: now).count == 1)
        await #expect(throws: StoreError.self) { _ = try await store.setKept(first, false, most: 9) }
    }

    @Test func aProcessThatWasReplacedRemovesNothing() async throws {
        let fixture = try await StoreFixture()
        let job = try await Self.ended(fixture, "d")
        try await fixture.store.claim()
        let next = try SQLiteStore(path: fixture.folder.path + "/panal.sqlite")
        try await next.claim()
        await #expect(throws: StoreError.superseded) {
            _ = try await fixture.store.noteRemoved([job], because: .age, at: Self.end)
        }
        await #expect(throws: StoreError.superseded) {
            try await fixture.store.announce([(job, Self.end)], at: Self.end, tells: true)
        }
        #expect(try await next.job(job)?.keeping == OutputKeeping())
        try next.close()
    }
}
