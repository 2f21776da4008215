import Foundation
import PanalCore
import PanalManifest
import PanalStore
import Synchronization
import Testing

@testable import PanalService

/// What becomes of what jobs leave. Each job here writes `hello` and an end of line: 6 bytes.
@Suite("Retention of outputs") struct RetentionTests {
    private static let day = Duration.seconds(86_400)

    private static func fixture(
        _ settings: [String: JSONValue?] = ["outputRetentionDays": 30, "outputWarningDays": 7],
        executor: DirectedExecutor.Mode = .answers
    ) async throws -> ServiceFixture {
        let fixture = try await ServiceFixture(executor: executor)
        try await fixture.publish(isPublic: true)
        _ = try await fixture.panal.changeSettings(fixture.admin, settings)
        return fixture
    }

    private static func job(_ fixture: ServiceFixture, as principal: Principal? = nil) async throws -> JobID {
        try await fixture.end(of: try await fixture.submit(as: principal).id).id
    }

    private static func isThere(_ job: JobID, _ fixture: ServiceFixture) async throws -> Bool {
        try await fixture.panal.job(fixture.admin, job).keeping.removal == nil
    }

    /// What is on the disk, whatever the record says.
    private static func isOnDisk(_ job: JobID, _ fixture: ServiceFixture) -> Bool {
        FileManager.default.fileExists(atPath: fixture.path + "/jobs/\(job)/stdout")
    }

    @Test func nothingGoesWhereNothingIsSet() async throws {
        let fixture = try await Self.fixture([:])
        let job = try await Self.job(fixture)
        fixture.clock.advance(Self.day * 10_000)
        await fixture.panal.sweepOutputs()
        #expect(try await Self.isThere(job, fixture))
        #expect(try await fixture.panal.job(fixture.ana, job).outputsExpire == nil)
    }

    /// To the microsecond, first told and then removed; the record stays and says so.
    @Test func outputsGoAtExactlyTheirAge() async throws {
        let fixture = try await Self.fixture()
        let panal = fixture.panal
        let job = try await Self.job(fixture)
        let ended = try #require(try await panal.job(fixture.ana, job).ended)
        let expiry = ended + Self.day * 30
        #expect(try await panal.job(fixture.ana, job).outputsExpire == expiry)
        fixture.clock.advance(ended + Self.day * 23 - fixture.clock.now())
        await panal.sweepOutputs()
        #expect(try await panal.job(fixture.ana, job).keeping.promised == expiry)
        fixture.clock.advance(Self.day * 7 + .microseconds(-1))
        await panal.sweepOutputs()
        #expect(try await Self.isThere(job, fixture))
        #expect(Self.isOnDisk(job, fixture))
        fixture.clock.advance(.microseconds(1))
        await panal.sweepOutputs()
        let gone = try await panal.job(fixture.ana, job)
        #expect(gone.keeping.removal == OutputRemoval(at: expiry, cause: .age, bytes: 6, files: 0))
        #expect(gone.outputsExpire == nil && gone.state == .finished && gone.output.bytes == 6)
        #expect(!Self.isOnDisk(job, fixture))
        let error = await refused(.gone) { _ = try await panal.output(fixture.ana, job, stream: .output) }
        #expect(error?.detail.contains("older than results are kept") == true)
        await refused(.notFound) { _ = try await panal.output(fixture.berta, job, stream: .output) }
        let audit = try await panal.audit(fixture.admin, AuditQuery(action: "removeOutputs", limit: 9))
        #expect(audit.map(\.target) == ["/api/v1/jobs/\(job)"])
        #expect(panal.outputFigures().removed == [.age: 6])
        // A second look finds nothing to do.
        await panal.sweepOutputs()
        #expect(try await panal.audit(fixture.admin, AuditQuery(action: "removeOutputs", limit: 9)).count == 1)
        #expect(panal.outputFigures().removed == [.age: 6])
    }

    /// Who sets a retention for the first time does not lose what is old at once: its owners are told first.
    @Test func whatIsOldAlreadyIsToldOfFirst() async throws {
        let fixture = try await Self.fixture([:])
        let job = try await Self.job(fixture)
        fixture.clock.advance(Self.day * 400)
        _ = try await fixture.panal.changeSettings(
            fixture.admin, ["outputRetentionDays": 30, "outputWarningDays": 7])
        await fixture.panal.sweepOutputs()
        let told = fixture.clock.now()
        #expect(try await fixture.panal.job(fixture.ana, job).outputsExpire == told + Self.day * 7)
        fixture.clock.advance(Self.day * 7 + .microseconds(-1))
        await fixture.panal.sweepOutputs()
        #expect(try await Self.isThere(job, fixture))
        fixture.clock.advance(.microseconds(1))
        await fixture.panal.sweepOutputs()
        #expect(try await !Self.isThere(job, fixture))
    }

    @Test func ownersAreToldOnceByWebhook() async throws {
        let fixture = try await Self.fixture()
        let job = try await Self.job(fixture)
        try await WebhookTests.sending(fixture) { fixture, receiver in
            _ = try await fixture.panal.createWebhook(
                fixture.ana, url: WebhookTests.url, events: WebhookEvent.standardOfAccount)
            fixture.clock.advance(Self.day * 24)
            await fixture.panal.sweepOutputs()
            await fixture.panal.sweepOutputs()
            try await eventually { !receiver.messages.isEmpty }
            let message = try #require(receiver.messages.first).json
            guard case .object(let members) = message, case .object(let data)? = members["data"] else {
                Issue.record("no object")
                return
            }
            #expect(members["type"] == "job.expiring" && data["job"] == .string(job.text))
            let expiry = try await fixture.panal.job(fixture.ana, job).outputsExpire
            #expect(data["outputsExpireAt"] == expiry.map { .string($0.rfc3339) })
            let hook = try #require(try await fixture.panal.webhooks(fixture.ana).first)
            #expect(try await fixture.panal.deliveries(fixture.ana, of: hook.id, limit: 9).count == 1)
        }
    }

    /// A longer time saves what was announced already, and it is told of anew when that time comes near.
    @Test func aLongerTimeReachesWhatWasAnnounced() async throws {
        let fixture = try await Self.fixture()
        let panal = fixture.panal
        let job = try await Self.job(fixture)
        fixture.clock.advance(Self.day * 24)
        await panal.sweepOutputs()
        _ = try await panal.changeSettings(fixture.admin, ["outputRetentionDays": 60])
        fixture.clock.advance(Self.day * 10)
        await panal.sweepOutputs()
        #expect(try await Self.isThere(job, fixture))
        #expect(try await panal.job(fixture.ana, job).keeping.promised == nil)
        _ = try await panal.changeSettings(fixture.admin, ["outputRetentionDays": 0])
        fixture.clock.advance(Self.day * 1_000)
        await panal.sweepOutputs()
        #expect(try await Self.isThere(job, fixture))
    }

    @Test func groupsAndUsersMayHaveTheirOwnTime() async throws {
        let fixture = try await Self.fixture(["outputRetentionDays": 30, "outputWarningDays": 0])
        let (panal, admin) = (fixture.panal, fixture.admin)
        let group = try await panal.createGroup(admin, name: "lab", GroupChange())
        try await panal.addMember(admin, fixture.berta.user, to: group.id)
        try await panal.restrict(admin, .group(group.id), to: Restriction(outputDays: 90))
        let (short, long) = (try await Self.job(fixture), try await Self.job(fixture, as: fixture.berta))
        #expect(try await panal.rights(fixture.berta).outputs.lifetime == Self.day * 90)
        fixture.clock.advance(Self.day * 31)
        await panal.sweepOutputs()
        #expect(try await !Self.isThere(short, fixture))
        #expect(try await Self.isThere(long, fixture))
        // One's own replaces the group's.
        try await panal.restrict(admin, .user(fixture.berta.user), to: Restriction(outputDays: 1))
        await panal.sweepOutputs()
        #expect(try await !Self.isThere(long, fixture))
        let wrong = await refused(.invalid) {
            try await panal.restrict(admin, .group(group.id), to: Restriction(outputDays: 0))
        }
        #expect(wrong?.mistakes.map(\.pointer) == ["/outputDays"])
    }

    @Test func whatIsKeptRunsOrIsReadStays() async throws {
        let fixture = try await Self.fixture(["outputRetentionDays": 1, "outputWarningDays": 0, "keptJobs": 1])
        let panal = fixture.panal
        let (kept, read) = (try await Self.job(fixture), try await Self.job(fixture))
        #expect(try await panal.setKept(fixture.ana, kept, to: true).keeping.isKept)
        await refused(.conflict) { _ = try await panal.setKept(fixture.ana, read, to: true) }
        await refused(.notFound) { _ = try await panal.setKept(fixture.berta, kept, to: false) }
        var bytes: StoredBytes? = try await panal.output(fixture.ana, read, stream: .output)
        fixture.clock.advance(Self.day * 2)
        await panal.sweepOutputs()
        #expect(try await Self.isThere(kept, fixture))
        #expect(try await Self.isThere(read, fixture))
        #expect(try await bytes?.all() == Array("hello\n".utf8))
        bytes = nil
        await panal.sweepOutputs()
        #expect(try await !Self.isThere(read, fixture))
        #expect(try await panal.setKept(fixture.ana, kept, to: false).outputsExpire != nil)
        await panal.sweepOutputs()
        #expect(try await !Self.isThere(kept, fixture))
        await refused(.gone) { _ = try await panal.setKept(fixture.ana, kept, to: true) }
    }

    /// Keeping outputs for a moment before their end does not put that end off: not once, and not again and again.
    @Test func lettingGoDoesNotMoveTheDateThatWasTold() async throws {
        let fixture = try await Self.fixture()
        let panal = fixture.panal
        let job = try await Self.job(fixture)
        let ended = try #require(try await panal.job(fixture.ana, job).ended)
        fixture.clock.advance(ended + Self.day * 23 - fixture.clock.now())
        await panal.sweepOutputs()
        for _ in 0..<3 {
            fixture.clock.advance(Self.day * 2)
            #expect(try await panal.setKept(fixture.ana, job, to: true).outputsExpire == nil)
            #expect(try await panal.storage(fixture.ana).leaving.isEmpty)
            await panal.sweepOutputs()
            #expect(try await panal.setKept(fixture.ana, job, to: false).outputsExpire == ended + Self.day * 30)
            await panal.sweepOutputs()
        }
        // Kept over that moment they stay, and go when they are let go of.
        _ = try await panal.setKept(fixture.ana, job, to: true)
        fixture.clock.advance(Self.day * 100)
        await panal.sweepOutputs()
        #expect(try await Self.isThere(job, fixture))
        _ = try await panal.setKept(fixture.ana, job, to: false)
        await panal.sweepOutputs()
        #expect(try await !Self.isThere(job, fixture))
    }

    /// What was kept since before anybody was told has its warning like everything else.
    @Test func whoWasNeverToldIsToldAfterLettingGo() async throws {
        let fixture = try await Self.fixture()
        let panal = fixture.panal
        let job = try await Self.job(fixture)
        _ = try await panal.setKept(fixture.ana, job, to: true)
        fixture.clock.advance(Self.day * 100)
        await panal.sweepOutputs()
        _ = try await panal.setKept(fixture.ana, job, to: false)
        await panal.sweepOutputs()
        #expect(try await panal.job(fixture.ana, job).outputsExpire == fixture.clock.now() + Self.day * 7)
    }

    /// A removal that was noted while somebody began to read leaves the bytes until they have been read.
    @Test func whoHasBegunToReadReadsToTheEnd() async throws {
        let fixture = try await Self.fixture()
        let panal = fixture.panal
        let job = try await Self.job(fixture)
        var bytes: StoredBytes? = try await panal.output(fixture.ana, job, stream: .output)
        #expect(try await panal.removeOutputs(fixture.ana, job).keeping.removal?.cause == .request)
        await refused(.gone) { _ = try await panal.output(fixture.ana, job, stream: .output) }
        await panal.sweepOutputs()
        #expect(try await bytes?.all() == Array("hello\n".utf8))
        bytes = nil
        await panal.sweepOutputs()
        #expect(!Self.isOnDisk(job, fixture))
        #expect(try await fixture.store.unfinishedRemovals(limit: 9).isEmpty)
    }

    /// More begun removals than one look takes are not kept waiting by the first ones, which somebody reads.
    @Test func readersHoldUpNobodyElsesRemoval() async throws {
        let fixture = try await Self.fixture()
        let panal = fixture.panal
        var jobs: [JobID] = []
        for _ in 0..<5 { jobs.append(try await Self.job(fixture)) }
        var readers = jobs[..<4].map(panal.reads.begin)
        _ = try await fixture.store.noteRemoved(jobs, because: .age, at: fixture.clock.now())
        try await panal.finishBegun(pass: 2)
        #expect(jobs.map { Self.isOnDisk($0, fixture) } == [true, true, true, true, false])
        #expect(try await fixture.store.unfinishedRemovals(limit: 9) == Array(jobs[..<4]))
        #expect(try await fixture.store.unfinishedRemovals(after: jobs[1], limit: 1) == [jobs[2]])
        readers = []
        #expect(readers.isEmpty)
        try await panal.finishBegun(pass: 2)
        #expect(try await fixture.store.unfinishedRemovals(limit: 9).isEmpty)
    }

    @Test func ownersRemoveWhatTheyLike() async throws {
        let fixture = try await Self.fixture([:], executor: .holds)
        let panal = fixture.panal
        let id = try await fixture.submit().id
        try await eventually { fixture.executor.heldJobs.contains(id) }
        await refused(.conflict) { _ = try await panal.removeOutputs(fixture.ana, id) }
        fixture.executor.finish(id)
        _ = try await fixture.end(of: id)
        await refused(.notFound) { _ = try await panal.removeOutputs(fixture.berta, id) }
        _ = try await panal.setKept(fixture.ana, id, to: true)
        let first = try await panal.removeOutputs(fixture.ana, id)
        #expect(first.keeping.removal?.bytes == 5)
        fixture.clock.advance(.seconds(1))
        #expect(try await panal.removeOutputs(fixture.ana, id).keeping.removal == first.keeping.removal)
        #expect(!Self.isOnDisk(id, fixture))
    }

    /// Killed between the record and the files: the next start brings it to its end.
    @Test func aCrashInTheMiddleIsMended() async throws {
        let fixture = try await Self.fixture()
        let job = try await Self.job(fixture)
        _ = try await fixture.store.noteRemoved([job], because: .age, at: fixture.clock.now())
        #expect(Self.isOnDisk(job, fixture))
        let next = try await ServiceFixture(afterCrashOf: fixture, cores: 2, queueLimit: 10)
        #expect(Self.isOnDisk(job, next))
        await refused(.gone) { _ = try await next.panal.output(next.ana, job, stream: .output) }
        let task = Task { await next.panal.run() }
        try await eventually { !Self.isOnDisk(job, next) }
        try await eventually { try await next.store.unfinishedRemovals(limit: 9).isEmpty }
        task.cancel()
        await task.value
    }

    /// A disk that takes no record loses no file.
    @Test func withoutItsRecordNothingIsRemoved() async throws {
        let fixture = try await Self.fixture(["outputRetentionDays": 1, "outputWarningDays": 0])
        let job = try await Self.job(fixture)
        fixture.clock.advance(Self.day * 2)
        fixture.stubborn.isFull = true
        await fixture.panal.sweepOutputs()
        #expect(Self.isOnDisk(job, fixture))
        #expect(try await Self.isThere(job, fixture))
        fixture.stubborn.isFull = false
        await fixture.panal.sweepOutputs()
        #expect(!Self.isOnDisk(job, fixture))
    }

    /// Unless it is said otherwise, nobody loses anything for want of room.
    @Test func aFullQuotaIsRefusedWithTheNumbers() async throws {
        let fixture = try await Self.fixture([:])
        let panal = fixture.panal
        let job = try await Self.job(fixture)
        let stored = try await panal.rights(fixture.ana).storedNow
        try await panal.restrict(fixture.admin, .user(fixture.ana.user), to: Restriction(storedBytes: stored))
        let error = await refused(.forbidden) { _ = try await fixture.submit() }
        #expect(error?.numbers["storedBytes"] == .integer(stored))
        #expect(error?.numbers["allowedBytes"] == .integer(stored))
        await panal.sweepOutputs()
        #expect(try await Self.isThere(job, fixture))
        // Whoever makes room may go on.
        _ = try await panal.removeOutputs(fixture.ana, job)
        _ = try await Self.job(fixture)
    }

    @Test func theOldestMakeRoomWhereThatIsSet() async throws {
        let fixture = try await Self.fixture(["overQuota": "removeOldest"])
        let panal = fixture.panal
        var jobs: [JobID] = []
        for _ in 0..<4 { jobs.append(try await Self.job(fixture)) }
        let stored = try await panal.rights(fixture.ana).storedNow
        _ = try await panal.setKept(fixture.ana, jobs[0], to: true)
        try await panal.restrict(fixture.admin, .user(fixture.ana.user), to: Restriction(storedBytes: stored))
        // To ask what would be changes nothing.
        let estimate = try await panal.estimate(
            fixture.ana, program: "filter", submission: Submission(values: ["tamano_de_filtro": [.text("3")]]))
        #expect(estimate.refusal == nil)
        await panal.sweepOutputs()
        #expect(try await Self.isThere(jobs[1], fixture))
        jobs.append(try await Self.job(fixture))
        var there: [Bool] = []
        for job in jobs { there.append(try await Self.isThere(job, fixture)) }
        #expect(there == [true, false, true, true, true])
        #expect(try await panal.job(fixture.ana, jobs[1]).keeping.removal?.cause == .quota)
        // A smaller limit is brought about by the sweep; what is kept stays, and then there is no more room.
        try await panal.restrict(fixture.admin, .user(fixture.ana.user), to: Restriction(storedBytes: stored - 18))
        await panal.sweepOutputs()
        there = []
        for job in jobs { there.append(try await Self.isThere(job, fixture)) }
        #expect(there == [true, false, false, false, false])
        await refused(.forbidden) { _ = try await fixture.submit() }
    }

    /// Whoever has seen that room is missing sees in the transaction that another has made it.
    @Test func ofManyWhoNeedTheSameRoomOneMakesIt() async throws {
        let fixture = try await Self.fixture(["overQuota": "removeOldest"])
        let (panal, ana) = (fixture.panal, fixture.ana.user)
        var jobs: [JobID] = []
        for _ in 0..<3 { jobs.append(try await Self.job(fixture)) }
        let stored = try await panal.rights(fixture.ana).storedNow
        try await panal.restrict(fixture.admin, .user(ana), to: Restriction(storedBytes: stored))
        fixture.stubborn.betweenLooks.withLock { $0 = { await panal.makeRoom(behind: ana, bytes: 1) } }
        try await panal.makeRoom(for: ana, bytes: 1)
        #expect(fixture.stubborn.betweenLooks.withLock { $0 == nil })
        var there: [Bool] = []
        for job in jobs { there.append(try await Self.isThere(job, fixture)) }
        #expect(there == [false, true, true])
        // Who needs more than the other made gets the rest.
        fixture.stubborn.betweenLooks.withLock { $0 = { await panal.makeRoom(behind: ana, bytes: 7) } }
        try await panal.makeRoom(for: ana, bytes: 13)
        #expect(try await panal.rights(fixture.ana).storedNow == stored - 18)
        #expect(panal.outputFigures().removed == [.quota: 18])
    }

    /// Once, when it begins, and again after there was room in between.
    @Test func whoFillsTheirStorageIsToldByWebhook() async throws {
        let fixture = try await Self.fixture([:])
        let panal = fixture.panal
        let job = try await Self.job(fixture)
        let stored = try await panal.rights(fixture.ana).storedNow
        try await WebhookTests.sending(fixture) { fixture, receiver in
            _ = try await panal.createWebhook(fixture.ana, url: WebhookTests.url, events: [.filling])
            let most = stored * 2
            try await panal.restrict(fixture.admin, .user(fixture.ana.user), to: Restriction(storedBytes: most))
            await panal.sweepOutputs()
            try await panal.restrict(fixture.admin, .user(fixture.ana.user), to: Restriction(storedBytes: stored))
            await panal.sweepOutputs()
            await panal.sweepOutputs()
            try await eventually { receiver.messages.count == 1 }
            guard case .object(let members) = receiver.messages[0].json, case .object(let data)? = members["data"]
            else {
                Issue.record("no object")
                return
            }
            #expect(members["type"] == "storage.filling")
            #expect(data["storedBytes"] == .integer(stored) && data["allowedBytes"] == .integer(stored))
            _ = try await panal.removeOutputs(fixture.ana, job)
            try await panal.restrict(fixture.admin, .user(fixture.ana.user), to: Restriction(storedBytes: most))
            await panal.sweepOutputs()
            try await panal.restrict(fixture.admin, .user(fixture.ana.user), to: Restriction(storedBytes: 10))
            await panal.sweepOutputs()
            let hook = try #require(try await panal.webhooks(fixture.ana).first)
            #expect(try await panal.deliveries(fixture.ana, of: hook.id, limit: 9).count == 2)
            // Without any limit that is forgotten.
            try await panal.restrict(fixture.admin, .user(fixture.ana.user), to: .none)
            await panal.sweepOutputs()
            try await panal.restrict(fixture.admin, .user(fixture.ana.user), to: Restriction(storedBytes: 10))
            await panal.sweepOutputs()
            #expect(try await panal.deliveries(fixture.ana, of: hook.id, limit: 9).count == 3)
        }
    }

    /// More than one pass has, and each bounded.
    @Test func passesAreBounded() async throws {
        let fixture = try await Self.fixture(["outputRetentionDays": 1, "outputWarningDays": 0])
        for _ in 0..<3 { _ = try await Self.job(fixture) }
        fixture.clock.advance(Self.day * 2)
        let plan = fixture.panal.retention
        let now = fixture.clock.now()
        #expect(try await fixture.store.outputsToAnnounce(plan, at: now, limit: 2).count == 2)
        await fixture.panal.sweepOutputs()
        #expect(try await fixture.store.outputFigures() == OutputFigures(jobs: 0, bytes: 0))
        #expect(fixture.panal.outputFigures().removed == [.age: 18])
    }

    @Test func thePageOfStorageSaysWhatGoesNext() async throws {
        let fixture = try await Self.fixture()
        let job = try await Self.job(fixture)
        fixture.clock.advance(Self.day * 25)
        await fixture.panal.sweepOutputs()
        let report = try await fixture.panal.storage(fixture.ana)
        #expect(report.leaving.map(\.job) == [job] && report.leaving.first?.bytes == 6)
        #expect(report.rule.lifetime == Self.day * 30 && report.overQuota == .refuse)
        await refused(.forbidden) { _ = try await fixture.panal.storage(fixture.berta, of: fixture.ana.user) }
    }
}
