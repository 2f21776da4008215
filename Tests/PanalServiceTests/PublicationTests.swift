import Foundation
import PanalCore
import PanalManifest
import PanalScheduler
import PanalService
import PanalStore
import Testing

/// Tests of a manifest stand between a program and its publication.
@Suite struct PublicationTests {
    /// Passes where the executor answers.
    static let passing = manifest(#"{"inputs": {"n": 1}, "stdout": "hello"}"#)

    static func manifest(_ tests: String..., more: String = "") -> String {
        """
        {"name": "tested", "inputs": [{"name": "n", "type": "integer", "optional": true},
            {"name": "file", "type": "file", "optional": true}], "tests": [\(tests.joined(separator: ", "))]\(more)}
        """
    }

    private static func isThere(_ fixture: ServiceFixture) async throws -> Bool {
        try await fixture.panal.programs(fixture.ana).contains { $0.program.name == "tested" }
    }

    @Test func whatPassesIsPublished() async throws {
        let fixture = try await ServiceFixture(credits: CreditRules(isOn: true))
        let (entry, created) = try await fixture.publish(Self.passing)
        #expect(created)
        let record = try #require(entry.version.tests)
        #expect(record.hasPassed)
        #expect(try await fixture.panal.program(fixture.ana, name: "tested", version: nil).version.tests == record)
        #expect(fixture.executor.attempts.map(\.arguments) == [["/program/tool.sh", "1"]])
        #expect(fixture.executor.attempts.first?.program == entry.version.content)
        // What the launcher holds for a process that comes after this one is let go of.
        #expect(fixture.executor.settled == fixture.executor.attempts.map(\.id))
        // No job, and nothing to be paid for.
        #expect(try await fixture.panal.jobs(fixture.ana).isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.path + "/jobs").isEmpty)
        let health = await fixture.panal.health()
        #expect(health.runningJobs == 0 && health.waitingJobs == 0)
    }

    @Test func theSameAgainIsNotTestedAgain() async throws {
        let fixture = try await ServiceFixture()
        try await fixture.publish(Self.passing)
        #expect(try await fixture.publish(Self.passing).created == false)
        #expect(fixture.executor.attempts.count == 1)
        try await fixture.publish(Self.passing, script: "#!/bin/sh\necho other\n")
        #expect(fixture.executor.attempts.count == 2)
    }

    @Test func whatFailsIsNotPublished() async throws {
        let fixture = try await ServiceFixture()
        let error = await refused(.invalid) {
            try await fixture.publish(
                Self.manifest(#"{"exitCode": 0}"#, #"{"name": "two", "exitCode": 7}"#, #"{"stdout": "bye"}"#))
        }
        #expect(error?.detail == "2 of 3 tests failed; nothing was published")
        #expect(error?.mistakes.map(\.pointer) == ["/tests/1/exitCode", "/tests/2/stdout"])
        #expect(error?.mistakes.first?.detail.contains("‘two’ expected exit code 7") == true)
        #expect(try await Self.isThere(fixture) == false)
        // The next version of a program that is there does not come either.
        try await fixture.publish(Self.manifest())
        await refused(.invalid) { try await fixture.publish(Self.manifest(#"{"exitCode": 7}"#)) }
        #expect(try await fixture.panal.program(fixture.ana, name: "tested", version: nil).program.latest == 1)
    }

    /// Ends that no test can want.
    @Test(arguments: [
        Outcome.wallTimeExceeded, .memoryExceeded, .outputExceeded, .notStarted(reason: "no interpreter"),
        .signalled(signal: 11),
    ])
    func aRunThatDoesNotEndWellFails(_ outcome: Outcome) async throws {
        let fixture = try await ServiceFixture(executor: .ends(outcome))
        let error = await refused(.invalid) { try await fixture.publish(Self.passing) }
        #expect(error?.mistakes.map(\.pointer) == ["/tests/0"])
        #expect(try await Self.isThere(fixture) == false)
    }

    @Test func whatIsThisServersFaultIsNoFailure() async throws {
        let fixture = try await ServiceFixture(executor: .ends(.systemError(SystemError(step: "x", detail: "y"))))
        await refused(.internal) { try await fixture.publish(Self.passing) }
        #expect(fixture.executor.attempts.count == fixture.configuration.attempts)
        #expect(Set(fixture.executor.attempts.map(\.id.nonce)).count == fixture.configuration.attempts)
        #expect(try await Self.isThere(fixture) == false)
    }

    /// It has waited for them already, so it is not tried again and again while somebody waits for the answer.
    @Test func coresThatAnotherPanalHasAreToldOf() async throws {
        let taken = SystemError(step: "core.lock", errno: 16, detail: "core 0 is in use by another Panal")
        let fixture = try await ServiceFixture(executor: .ends(.systemError(taken)))
        let error = await refused(.overloaded) { try await fixture.publish(Self.passing) }
        #expect(error?.detail.contains("another Panal on this host") == true)
        #expect(fixture.executor.attempts.count == 1)
        #expect(try await Self.isThere(fixture) == false)
    }

    @Test func aTestRunsWithItsOwnLimits() async throws {
        let fixture = try await ServiceFixture()
        try await fixture.publish(
            Self.manifest(#"{"time": "2s", "profile": "half"}"#, #"{"time": "10h"}"#, #"{"profile": "small"}"#))
        let limits = fixture.executor.attempts.map(\.limits)
        #expect(limits.map(\.wallTime) == [.seconds(2), .seconds(60), .seconds(60)])
        #expect(limits.map(\.cpu) == [.shared(millicores: 500), .exclusive(cores: 1), .exclusive(cores: 1)])
        let unknown = await refused(.invalid) { try await fixture.publish(Self.manifest(#"{"profile": "huge"}"#)) }
        #expect(unknown?.mistakes.first?.pointer == "/tests/0/profile")
        let large = await refused(.invalid) {
            try await fixture.publish(Self.manifest("{}", #"{"profile": "xlarge"}"#))
        }
        #expect(large?.mistakes.first?.pointer == "/tests/1/profile")
        #expect(large?.mistakes.first?.detail.contains("needs 6 cores") == true)
        #expect(fixture.executor.attempts.count == 3)
    }

    @Test func filesOfTestsAreTheProgramsOwn() async throws {
        let fixture = try await ServiceFixture(executor: .holds)
        let publication = Task {
            try await fixture.publish(
                Self.manifest(
                    #"{"inputs": {"file": "tool.sh"}}"#, #"{"inputs": {"file": {"name": "a.txt", "text": "abc"}}}"#))
        }
        for (number, (path, text)) in [
            ("/input/file/tool.sh", "#!/bin/sh\necho hello\n"), ("/input/file/a.txt", "abc"),
        ].enumerated() {
            try await eventually { fixture.executor.attempts.count == number + 1 && !fixture.executor.heldJobs.isEmpty }
            let input = try #require(fixture.executor.attempts.last?.inputs.first)
            #expect(input.path == path)
            #expect(try await fixture.blobs.blob(input.content).all() == Array(text.utf8))
            for job in fixture.executor.heldJobs { fixture.executor.finish(job) }
        }
        _ = try await publication.value
        let other = try await ServiceFixture()
        let missing = await refused(.invalid) {
            try await other.publish(Self.manifest("{}", #"{"inputs": {"file": "tool.sh/x"}}"#))
        }
        #expect(missing?.mistakes.map(\.pointer) == ["/tests/1/inputs/file"])
        #expect(missing?.mistakes.first?.detail.contains("the upload holds no file ‘tool.sh/x’") == true)
    }

    /// A field that is not there is told when the manifest is read, before anything runs.
    @Test func testsOfFieldsThatAreNotThereAreRefused() async throws {
        let fixture = try await ServiceFixture()
        let error = await refused(.invalid) {
            try await fixture.publish(Self.manifest(#"{"inputs": {"m": 1}}"#))
        }
        #expect(error?.mistakes.map(\.pointer) == ["/tests/0/inputs/m"])
        #expect(fixture.executor.attempts.isEmpty)
    }

    // MARK: Turns

    /// They wait as jobs do, and take no core from one that runs.
    @Test func testsTakeTheirTurn() async throws {
        let fixture = try await ServiceFixture(cores: 1, executor: .holds)
        try await fixture.publish()
        let job = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [job.id] }
        let publication = Task { try await fixture.publish(Self.manifest("{}")) }
        try await eventually { await fixture.panal.health().waitingJobs == 1 }
        #expect(fixture.executor.attempts.count == 1)
        fixture.executor.finish(job.id)
        try await eventually { fixture.executor.attempts.count == 2 && fixture.executor.heldJobs.count == 1 }
        for test in fixture.executor.heldJobs { fixture.executor.finish(test) }
        #expect(try await publication.value.created)
        // The core is free again.
        let next = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [next.id] }
        fixture.executor.finish(next.id)
        _ = try await fixture.end(of: next.id)
    }

    /// It does not begin before whoever computes on its core stands still.
    @Test func aTestWaitsForThoseThatMakeRoom() async throws {
        let fixture = try await ServiceFixture(cores: 1, executor: .holds, opportunisticMemory: 1 << 30)
        try await fixture.publish()
        let guest = try await fixture.submit(priority: .opportunistic)
        try await eventually { fixture.executor.heldJobs == [guest.id] }
        let publication = Task { try await fixture.publish(Self.manifest("{}")) }
        try await eventually { fixture.executor.heldJobs.count == 2 }
        let test = try #require(fixture.executor.heldJobs.first { $0 != guest.id })
        #expect(fixture.executor.log == ["start \(guest.id)", "freeze \(guest.id)", "start \(test)"])
        fixture.executor.finish(test)
        #expect(try await publication.value.created)
        fixture.executor.finish(guest.id)
        _ = try await fixture.end(of: guest.id)
    }

    /// A machine that is busy for longer is no failure of the program's.
    @Test func aTestWhoseTurnDoesNotComeMayComeAgain() async throws {
        let fixture = try await ServiceFixture(cores: 1, executor: .holds, testTime: .milliseconds(200))
        try await fixture.publish()
        let job = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [job.id] }
        let error = await refused(.overloaded) { try await fixture.publish(Self.manifest("{}")) }
        #expect(error?.retryAfter != nil)
        #expect(try await Self.isThere(fixture) == false)
        fixture.executor.finish(job.id)
        _ = try await fixture.end(of: job.id)
        #expect(await fixture.panal.health().waitingJobs == 0)
    }

    /// Somebody who goes away while their tests wait or run has nothing published, and nothing goes on for them.
    @Test(arguments: [1, 2]) func whoGoesAwayLeavesNothing(cores: Int) async throws {
        let fixture = try await ServiceFixture(cores: cores, executor: .holds)
        try await fixture.publish()
        let job = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [job.id] }
        let publication = Task { try await fixture.publish(Self.manifest("{}")) }
        try await eventually {
            let health = await fixture.panal.health()
            return health.waitingJobs + health.runningJobs == 2 && fixture.executor.heldJobs.count == cores
        }
        publication.cancel()
        await #expect(throws: (any Error).self) { try await publication.value }
        try await eventually { await fixture.panal.health().waitingJobs + fixture.panal.health().runningJobs == 1 }
        #expect(try await Self.isThere(fixture) == false)
        fixture.executor.finish(job.id)
        _ = try await fixture.end(of: job.id)
    }

    @Test func aServiceThatStopsPublishesNothing() async throws {
        let fixture = try await ServiceFixture(executor: .holds)
        let publication = Task { try await fixture.publish(Self.manifest("{}")) }
        try await eventually { fixture.executor.heldJobs.count == 1 }
        await fixture.panal.shutdown()
        await refused(.overloaded) { _ = try await publication.value }
        #expect(fixture.executor.cancels.count == 1)
        // What its start finds: neither a program nor its files.
        let next = try await ServiceFixture(afterCrashOf: fixture, cores: 2, queueLimit: 10)
        #expect(try await next.panal.programs(next.ana).isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: next.path + "/programs").isEmpty)
    }

    /// A test that never ends is given up with the time of all of them, and its author is told which one it was.
    @Test func aTestThatNeverEndsIsGivenUp() async throws {
        let fixture = try await ServiceFixture(executor: .holds, testTime: .seconds(2))
        let error = await refused(.invalid) { try await fixture.publish(Self.manifest("{}", "{}")) }
        #expect(error?.mistakes.map(\.pointer) == ["/tests/0"])
        #expect(error?.mistakes.first?.code == "testsTakeLong")
        try await eventually { await fixture.panal.health().runningJobs == 0 }
    }

    /// Many at once: no more are tested than there is room for, and those that are refused may come again.
    @Test func publicationsByManyAtOnce() async throws {
        let fixture = try await ServiceFixture(executor: .holds, testsAtOnce: 3, testsOfOneAtOnce: 2)
        let tasks = [fixture.ana, fixture.ana, fixture.ana, fixture.berta, fixture.admin].enumerated().map {
            number, person in
            Task {
                let manifest = #"{"name": "p\#(number)", "inputs": [], "tests": [{}]}"#
                do {
                    return try await fixture.publish(manifest, as: person).created ? "published" : "?"
                } catch let error as ServiceError {
                    return error.code.rawValue
                }
            }
        }
        try await eventually { fixture.executor.attempts.count >= 2 }
        let ending = Task {
            while !Task.isCancelled {
                for job in fixture.executor.heldJobs { fixture.executor.finish(job) }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        var answers: [String] = []
        for task in tasks { answers.append(try await task.value) }
        ending.cancel()
        #expect(Set(answers).isSubset(of: ["published", "overloaded"]))
        #expect(answers.filter { $0 == "published" }.count >= 2)
        let there = try await fixture.panal.programs(fixture.admin).count
        #expect(there == answers.filter { $0 == "published" }.count)
    }
}
