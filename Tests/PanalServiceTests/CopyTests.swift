import Foundation
import PanalCore
import PanalManifest
import PanalScheduler
import PanalService
import PanalStore
import Testing

/// Copies of running jobs, from the wish to the image, on a real store and a real folder; only the cell is simulated.
@Suite struct CopyTests {
    /// One whose programs run until the test ends them and may write to their root, and a job of ana's that runs.
    static func running(
        cores: Int = 2, deadlines: StateDeadlines = StateDeadlines(), priority: PriorityClass = .normal,
        opportunisticMemory: Int = 0
    ) async throws -> (fixture: ServiceFixture, base: RootfsImage, job: JobID) {
        let fixture = try await ServiceFixture(
            cores: cores, executor: .holds, deadlines: deadlines, opportunisticMemory: opportunisticMemory)
        fixture.executor.layer = RootfsTests.tree(["opt/new": "made by the job"])
        let base = try await RootfsTests.make(fixture, isPublic: true, environment: ["MODE=base"], alias: "base")
        try await fixture.publish(RootfsTests.manifest("base", more: #", "writable": true"#))
        let job = try await fixture.submit(priority: priority)
        try await Self.isRunning(job.id, fixture)
        return (fixture, base, job.id)
    }

    static func isRunning(_ job: JobID, _ fixture: ServiceFixture) async throws {
        try await eventually { try await fixture.panal.job(fixture.ana, job).state == .running }
    }

    /// The image when it is not being made any more.
    static func made(
        _ image: RootfsID, _ fixture: ServiceFixture, as principal: Principal? = nil
    ) async throws -> RootfsImage {
        let principal = principal ?? fixture.ana
        try await eventually { try await fixture.panal.rootfsImage(principal, image).image.state != .copying }
        return try await fixture.panal.rootfsImage(principal, image).image
    }

    static func states(_ job: JobID, _ fixture: ServiceFixture) async throws -> [JobState] {
        try await fixture.panal.history(fixture.ana, job).map(\.state)
    }

    private static func blobs(_ fixture: ServiceFixture) throws -> Set<String> {
        Set(try FileManager.default.subpathsOfDirectory(atPath: fixture.path + "/blobs").filter { $0.count > 60 })
    }

    static let way: [JobState] = [.queued, .configuring, .deploying, .running, .copyRequested, .copying]

    @Test func aCopyIsAnImageAndTheJobGoesOn() async throws {
        let (fixture, base, job) = try await Self.running()
        let blobs = try Self.blobs(fixture)
        let wish = try await fixture.panal.copy(fixture.ana, job, CopyRequest(name: "mine")).image.image
        #expect(wish.state == .copying && wish.owner == fixture.ana.user && !wish.isPublic && wish.origin == job)
        let image = try await Self.made(wish.id, fixture)
        #expect(image.state == .available && image.digest != base.digest && image.bytes > base.bytes)
        #expect(image.message == "not taken: run/x: it is a socket")
        #expect(image.environment == ["MODE=base"])
        try await Self.isRunning(job, fixture)
        #expect(fixture.executor.log.suffix(3) == ["freeze \(job)", "copy \(job)", "thaw \(job)"])
        #expect(try await fixture.panal.job(fixture.ana, job).copies == [image.id])
        let digest = try #require(image.digest)
        #expect(
            try String(contentsOfFile: "\(fixture.path)/rootfs/\(digest.hex)/tree/opt/new", encoding: .utf8)
                == "made by the job")
        // Nothing of the layer is kept beside the image.
        try await eventually { try Self.blobs(fixture) == blobs }
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.path + "/temporary").isEmpty)
        fixture.executor.finish(job)
        let ended = try await fixture.end(of: job)
        #expect(ended.state == .finished && ended.outcome == .exited(code: 0))
        #expect(try await Self.states(job, fixture) == Self.way + [.running, .finishing, .finished])
        // A job that starts from it.
        try await fixture.publish(RootfsTests.manifest(digest.hex))
        let next = try await fixture.submit()
        try await Self.isRunning(next.id, fixture)
        #expect(fixture.executor.attempts.last?.rootfs == digest.hex)
        #expect(fixture.executor.attempts.last?.hasWritableRoot == false)
        fixture.executor.finish(next.id)
    }

    @Test func aJobMayEndBehindItsCopy() async throws {
        let (fixture, _, job) = try await Self.running()
        let wish = try await fixture.panal.copy(fixture.ana, job, CopyRequest(name: "mine", then: .end)).image.image
        let ended = try await fixture.end(of: job)
        #expect(ended.state == .finished && ended.outcome == .cancelled)
        #expect(ended.message?.hasPrefix("ended when it was copied, as ana wanted") == true)
        #expect(try await Self.made(wish.id, fixture).state == .available)
        #expect(try await Self.states(job, fixture) == Self.way + [.finishing, .finished])
        #expect(!fixture.executor.log.contains("thaw \(job)"))
    }

    /// What a job has come to is not given away for a copy that there is not.
    @Test func aJobGoesOnWhereItsCopyIsRefused() async throws {
        let (fixture, _, job) = try await Self.running()
        fixture.executor.layer = RootfsTests.tree([:], links: ["proc": "/etc"])
        let wish = try await fixture.panal.copy(fixture.ana, job, CopyRequest(name: "mine", then: .end)).image.image
        let image = try await Self.made(wish.id, fixture)
        #expect(image.state == .unavailable)
        #expect(image.message == "refused: ‘/proc’ is a symbolic link, and has to be a folder or missing")
        try await Self.isRunning(job, fixture)
        #expect(
            try await fixture.panal.job(fixture.ana, job).message
                == "it was not copied: refused: ‘/proc’ is a symbolic link, and has to be a folder or missing")
        #expect(fixture.executor.frozenJobs.isEmpty)
        // And may be copied again.
        fixture.executor.layer = RootfsTests.tree(["x": "1"])
        let again = try await fixture.panal.copy(fixture.ana, job, CopyRequest(name: "mine")).image.image
        #expect(try await Self.made(again.id, fixture).state == .available)
        fixture.executor.finish(job)
        #expect(try await fixture.end(of: job).outcome == .exited(code: 0))
    }

    @Test func aJobThatCannotStandStillGoesOn() async throws {
        let (fixture, _, job) = try await Self.running()
        fixture.executor.cannotFreeze = true
        let wish = try await fixture.panal.copy(fixture.ana, job, CopyRequest(name: "mine")).image.image
        #expect(try await Self.made(wish.id, fixture).message == "cell.freeze: as the test wants it")
        try await Self.isRunning(job, fixture)
        #expect(try await Self.states(job, fixture).suffix(2) == [.copyRequested, .running])
        fixture.executor.finish(job)
        #expect(try await fixture.end(of: job).state == .finished)
    }

    // MARK: Cancel and end

    @Test func aJobIsCancelledWhileItIsCopied() async throws {
        let (fixture, base, job) = try await Self.running()
        fixture.executor.isCopyHeld = true
        let wish = try await fixture.panal.copy(fixture.ana, job, CopyRequest(name: "mine")).image.image
        try await eventually { fixture.executor.isCopying }
        #expect(try await fixture.panal.job(fixture.ana, job).state == .copying)
        _ = try await fixture.panal.cancel(fixture.ana, job)
        let ended = try await fixture.end(of: job)
        #expect(ended.state == .cancelled && ended.message == "cancelled by ana")
        let image = try await Self.made(wish.id, fixture)
        #expect(image.state == .unavailable && image.message == "the job ended before it was copied")
        #expect(try await Self.states(job, fixture) == Self.way + [.cancelled])
        try await eventually {
            try FileManager.default.contentsOfDirectory(atPath: fixture.path + "/temporary").isEmpty
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.path + "/rootfs") == [base.digest?.hex])
    }

    /// A program that ends between the wish and the freezing.
    @Test func aJobEndsBeforeItStandsStill() async throws {
        let (fixture, _, job) = try await Self.running()
        fixture.executor.isFreezeHeld = true
        let wish = try await fixture.panal.copy(fixture.ana, job, CopyRequest(name: "mine")).image.image
        try await eventually { fixture.executor.isCopying }
        fixture.executor.finish(job, .exited(code: 3))
        let ended = try await fixture.end(of: job)
        #expect(ended.state == .finished && ended.outcome == .exited(code: 3))
        #expect(try await Self.made(wish.id, fixture).state == .unavailable)
        #expect(try await Self.states(job, fixture).suffix(3) == [.copyRequested, .finishing, .finished])
        fixture.executor.releaseCopies()
    }

    // MARK: Deadlines

    @Test func aWishThatIsNotMetInTimeIsForgotten() async throws {
        let (fixture, _, job) = try await Self.running(deadlines: StateDeadlines(copyRequested: .milliseconds(100)))
        fixture.executor.isFreezeHeld = true
        let watch = Task { await fixture.panal.run() }
        defer { watch.cancel() }
        let wish = try await fixture.panal.copy(fixture.ana, job, CopyRequest(name: "mine")).image.image
        try await eventually { fixture.executor.isCopying }
        fixture.clock.advance(.seconds(1))
        let image = try await Self.made(wish.id, fixture)
        #expect(image.state == .unavailable && image.message == "it was copyRequested for longer than 1 s")
        try await Self.isRunning(job, fixture)
        #expect(fixture.executor.cancels.isEmpty)
        // It comes to stand only now, and is let go.
        fixture.executor.releaseCopies()
        try await eventually { fixture.executor.frozenJobs.isEmpty }
        fixture.executor.finish(job)
        #expect(try await fixture.end(of: job).outcome == .exited(code: 0))
    }

    @Test func aCopyThatIsNotDoneInTimeFails() async throws {
        let (fixture, _, job) = try await Self.running(deadlines: StateDeadlines(copying: .milliseconds(100)))
        fixture.executor.isCopyHeld = true
        let watch = Task { await fixture.panal.run() }
        defer { watch.cancel() }
        let wish = try await fixture.panal.copy(fixture.ana, job, CopyRequest(name: "mine")).image.image
        try await eventually { fixture.executor.isCopying }
        fixture.clock.advance(.seconds(1))
        let ended = try await fixture.end(of: job)
        #expect(ended.state == .failed && ended.message == "it was copying for longer than 1 s")
        #expect(try await Self.made(wish.id, fixture).state == .unavailable)
        #expect(try await Self.states(job, fixture) == Self.way + [.failed])
    }

    // MARK: Standing still

    /// The scheduler's wish and the copy's do not undo each other.
    @Test func anOpportunisticJobStandsStillForBoth() async throws {
        let (fixture, _, job) = try await Self.running(
            cores: 1, priority: .opportunistic, opportunisticMemory: 1 << 30)
        fixture.executor.isCopyHeld = true
        let wish = try await fixture.panal.copy(fixture.ana, job, CopyRequest(name: "mine")).image.image
        try await eventually { fixture.executor.isCopying }
        // Somebody needs its core while it is copied: they may begin, and it stays where it is when the copy is done.
        let other = try await fixture.submit()
        try await Self.isRunning(other.id, fixture)
        fixture.executor.releaseCopies()
        #expect(try await Self.made(wish.id, fixture).state == .available)
        try await Self.isRunning(job, fixture)
        #expect(fixture.executor.frozenJobs == [job])
        #expect(try await fixture.panal.job(fixture.ana, job).standstill == .cores)
        // Nobody needs it any more.
        fixture.executor.finish(other.id)
        try await eventually { fixture.executor.frozenJobs.isEmpty }
        fixture.executor.finish(job)
        #expect(try await fixture.end(of: job).outcome == .exited(code: 0))
    }

    /// It stands still already, and its core becomes free while it is copied.
    @Test func theSchedulersThawWaitsForTheCopy() async throws {
        let (fixture, _, job) = try await Self.running(
            cores: 1, priority: .opportunistic, opportunisticMemory: 1 << 30)
        let other = try await fixture.submit()
        try await Self.isRunning(other.id, fixture)
        try await eventually { fixture.executor.frozenJobs == [job] }
        fixture.executor.isCopyHeld = true
        let wish = try await fixture.panal.copy(fixture.ana, job, CopyRequest(name: "mine")).image.image
        try await eventually { fixture.executor.isCopying }
        fixture.executor.finish(other.id)
        _ = try await fixture.end(of: other.id)
        #expect(fixture.executor.frozenJobs == [job])
        fixture.executor.releaseCopies()
        #expect(try await Self.made(wish.id, fixture).state == .available)
        try await eventually { fixture.executor.frozenJobs.isEmpty }
        fixture.executor.finish(job)
        #expect(try await fixture.end(of: job).outcome == .exited(code: 0))
    }
}
