import Foundation
import PanalCore
import PanalManifest
import PanalService
import PanalStore
import Testing

/// Who may have a copy of what, how much of it, and what a crash makes of one.
@Suite struct CopyRefusalTests {
    private static let request = CopyRequest(name: "mine")

    @Test func othersJobsAreNotThere() async throws {
        let (fixture, _, job) = try await CopyTests.running()
        await refused(.notFound) { _ = try await fixture.panal.copy(fixture.berta, job, Self.request) }
        // Administrators may, and the image is theirs.
        let wish = try await fixture.panal.copy(fixture.admin, job, Self.request).image
        #expect(wish.image.owner == fixture.admin.user && wish.ownerName == fixture.admin.name)
        _ = try await CopyTests.made(wish.image.id, fixture, as: fixture.admin)
        await refused(.notFound) { _ = try await fixture.panal.rootfsImage(fixture.ana, wish.image.id) }
        #expect(try await fixture.panal.job(fixture.ana, job).copies.isEmpty)
        fixture.executor.finish(job)
    }

    /// A program that others may run does not give its private image to them.
    @Test func aPrivateImageIsNotCopiedByOthers() async throws {
        let fixture = try await ServiceFixture(executor: .holds)
        _ = try await RootfsTests.make(fixture, alias: "secret")
        try await fixture.publish(
            RootfsTests.manifest("secret", more: #", "writable": true"#), as: fixture.admin, isPublic: true)
        let job = try await fixture.submit()
        try await CopyTests.isRunning(job.id, fixture)
        let error = await refused(.forbidden) { _ = try await fixture.panal.copy(fixture.ana, job.id, Self.request) }
        #expect(error?.detail == "the image that it runs in is its owner’s alone")
        #expect(try await fixture.panal.job(fixture.ana, job.id).state == .running)
        fixture.executor.finish(job.id)
    }

    @Test func onlyWhatRunsAndMayWriteIsCopied() async throws {
        let (fixture, _, job) = try await CopyTests.running(cores: 1)
        await refused(.invalid) { _ = try await fixture.panal.copy(fixture.ana, job, CopyRequest(name: "")) }
        await refused(.invalid) { _ = try await fixture.panal.copy(fixture.ana, job, CopyRequest(name: "a\u{7}")) }
        let waiting = try await fixture.submit()
        var error = await refused(.conflict) {
            _ = try await fixture.panal.copy(fixture.ana, waiting.id, Self.request)
        }
        #expect(error?.detail == "it is queued: only a job that runs can be copied")
        _ = try await fixture.panal.cancel(fixture.ana, waiting.id)
        error = await refused(.conflict) { _ = try await fixture.panal.copy(fixture.ana, waiting.id, Self.request) }
        #expect(error?.detail == "it has ended: only a job that runs can be copied")
        fixture.executor.finish(job)
        _ = try await fixture.end(of: job)
        try await fixture.publish(RootfsTests.manifest("base"))
        let plain = try await fixture.submit()
        try await CopyTests.isRunning(plain.id, fixture)
        error = await refused(.conflict) { _ = try await fixture.panal.copy(fixture.ana, plain.id, Self.request) }
        #expect(error?.detail == "it may not write to its file system: its manifest does not say \"writable\": true")
        // Nothing is left of what was refused.
        #expect(try await fixture.panal.rootfsImages(fixture.ana).count == 1)
        fixture.executor.finish(plain.id)
    }

    @Test func aHostThatCannotSaysSoAtPublication() async throws {
        let fixture = try await ServiceFixture()
        fixture.executor.cannotCopy = true
        _ = try await RootfsTests.make(fixture, isPublic: true, alias: "base")
        let writable = RootfsTests.manifest("base", more: #", "writable": true"#)
        let error = await refused(.invalid) { try await fixture.publish(writable) }
        #expect(error?.mistakes.map(\.pointer) == ["/writable"])
        #expect(error?.mistakes.first?.spanish?.contains("este equipo") == true)
        fixture.executor.cannotCopy = false
        try await fixture.publish(writable)
        // And at a submission, where it cannot any more.
        fixture.executor.cannotCopy = true
        await refused(.invalid) { _ = try await fixture.submit() }
    }

    /// Tests of a manifest may write where its jobs will.
    @Test func testsRunWithTheirRootWritable() async throws {
        let fixture = try await ServiceFixture()
        _ = try await RootfsTests.make(fixture, isPublic: true, alias: "base")
        try await fixture.publish(
            #"{"name": "tested", "rootfs": "base", "writable": true, "inputs": [], "tests": [{"stdout": "hello"}]}"#)
        #expect(fixture.executor.attempts.map(\.hasWritableRoot) == [true])
    }

    // MARK: Room

    @Test func oneIsMadeAtATime() async throws {
        let (fixture, _, job) = try await CopyTests.running()
        let second = try await fixture.submit()
        try await CopyTests.isRunning(second.id, fixture)
        fixture.executor.isCopyHeld = true
        let first = try await fixture.panal.copy(fixture.ana, job, Self.request).image.image
        try await eventually { fixture.executor.isCopying }
        await refused(.overloaded) { _ = try await fixture.panal.copy(fixture.ana, second.id, Self.request) }
        // Of one job, whoever asks.
        let error = await refused(.conflict) { _ = try await fixture.panal.copy(fixture.admin, job, Self.request) }
        #expect(error?.detail == "it is copying: only a job that runs can be copied")
        #expect(try await fixture.panal.rootfsImages(fixture.admin).count == 2)
        fixture.executor.releaseCopies()
        #expect(try await CopyTests.made(first.id, fixture).state == .available)
        fixture.executor.finish(job)
        fixture.executor.finish(second.id)
    }

    @Test func aCopyTakesItsOwnersRoom() async throws {
        let (fixture, base, job) = try await CopyTests.running()
        // Of the mebibyte that ana may have the base counts once more, as its owner may remove it.
        var files: [String: String] = [:]
        for number in 0..<260 { files["n\(number)"] = "" }
        fixture.executor.layer = RootfsTests.tree(files)
        let large = try await fixture.panal.copy(fixture.ana, job, Self.request).image.image
        let image = try await CopyTests.made(large.id, fixture)
        #expect(image.state == .unavailable && image.message?.contains("of the disk") == true, "\(image.message ?? "")")
        fixture.executor.layer = RootfsTests.tree(["new": String(repeating: "x", count: 1_020_000)])
        let one = try await fixture.panal.copy(fixture.ana, job, Self.request).image.image
        let made = try await CopyTests.made(one.id, fixture)
        #expect(made.state == .available && made.bytes == base.bytes + 1_020_000 + 4_096)
        let error = await refused(.tooLarge) { _ = try await fixture.panal.copy(fixture.ana, job, Self.request) }
        #expect(error?.detail.hasPrefix("a copy counts as a whole") == true)
        #expect(try await fixture.panal.job(fixture.ana, job).state == .running)
        fixture.executor.finish(job)
    }

    // MARK: Sent again

    @Test func aRequestWithAKeyIsCarriedOutOnce() async throws {
        let (fixture, _, job) = try await CopyTests.running()
        let key = try RetryKey("abc")
        let first = try await fixture.panal.copy(fixture.ana, job, Self.request, once: key)
        _ = try await CopyTests.made(first.image.image.id, fixture)
        let again = try await fixture.panal.copy(fixture.ana, job, Self.request, once: key)
        #expect(!first.isRepeated && again.isRepeated && again.image.image.id == first.image.image.id)
        await refused(.invalid) {
            _ = try await fixture.panal.copy(fixture.ana, job, CopyRequest(name: "other"), once: key)
        }
        await refused(.invalid) {
            let request = JobRequest(
                program: "filter", submission: Submission(values: ["tamano_de_filtro": [.text("1")]]))
            _ = try await fixture.panal.submit(fixture.ana, request, once: key)
        }
        #expect(fixture.executor.log.count { $0.hasPrefix("copy") } == 1)
        // A request that was refused has left nothing.
        let other = try RetryKey("def")
        fixture.executor.finish(job)
        _ = try await fixture.end(of: job)
        await refused(.conflict) { _ = try await fixture.panal.copy(fixture.ana, job, Self.request, once: other) }
        #expect(try await fixture.panal.rootfsImages(fixture.ana).count == 2)
    }

    // MARK: The end of a server

    @Test(arguments: [true, false]) func aCrashLeavesAJobThatRuns(isCopying: Bool) async throws {
        let (fixture, base, job) = try await CopyTests.running()
        if isCopying { fixture.executor.isCopyHeld = true } else { fixture.executor.isFreezeHeld = true }
        let wish = try await fixture.panal.copy(fixture.ana, job, Self.request).image.image
        try await eventually { fixture.executor.isCopying }
        let kept = fixture.executor.attempts.filter { $0.id.job == job }.map(\.id)
        let next = try await ServiceFixture(
            afterCrashOf: fixture, cores: 2, queueLimit: 100,
            executor: DirectedExecutor(mode: .holds, cores: 2, keeping: kept))
        try await CopyTests.isRunning(job, next)
        try await eventually { next.executor.log.contains("thaw \(job)") }
        let image = try await next.panal.rootfsImage(next.ana, wish.id).image
        #expect(image.state == .unavailable && image.origin == job)
        #expect(image.message == "the server ended while it was being copied: ask for it again")
        #expect(
            try await CopyTests.states(job, next)
                == (isCopying ? CopyTests.way : CopyTests.way.dropLast()) + [.reconnecting, .running])
        #expect(try FileManager.default.contentsOfDirectory(atPath: next.path + "/rootfs") == [base.digest?.hex])
        #expect(try FileManager.default.contentsOfDirectory(atPath: next.path + "/temporary").isEmpty)
        next.executor.finish(job)
        #expect(try await next.end(of: job).state == .finished)
        fixture.executor.releaseCopies()
        fixture.executor.finish(job)
    }

    /// The cell is gone with its launcher: it is made again.
    @Test func aJobThatIsLostInItsCopyBeginsAgain() async throws {
        let (fixture, _, job) = try await CopyTests.running()
        fixture.executor.isCopyHeld = true
        _ = try await fixture.panal.copy(fixture.ana, job, Self.request)
        try await eventually { fixture.executor.isCopying }
        let next = try await ServiceFixture(
            afterCrashOf: fixture, cores: 2, queueLimit: 100, executor: DirectedExecutor(mode: .holds, cores: 2))
        try await CopyTests.isRunning(job, next)
        #expect(try await next.panal.job(next.ana, job).attempt == 2)
        #expect(next.executor.attempts.last?.hasWritableRoot == true)
        next.executor.finish(job)
        #expect(try await next.end(of: job).state == .finished)
        fixture.executor.releaseCopies()
        fixture.executor.finish(job)
    }

    @Test func aServerThatStopsEndsItsCopies() async throws {
        let (fixture, _, job) = try await CopyTests.running()
        fixture.executor.isCopyHeld = true
        let wish = try await fixture.panal.copy(fixture.ana, job, Self.request).image.image
        try await eventually { fixture.executor.isCopying }
        await fixture.panal.shutdown()
        #expect(try await fixture.panal.rootfsImage(fixture.ana, wish.id).image.state == .unavailable)
        #expect(try await fixture.panal.job(fixture.ana, job).state == .queued)
        #expect(try await CopyTests.states(job, fixture) == CopyTests.way + [.queued])
    }
}
