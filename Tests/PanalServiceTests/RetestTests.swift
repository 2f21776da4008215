import Foundation
import PanalCore
@testable import PanalService
import PanalStore
import Testing

/// What passed once is tested again when what it runs under has changed.
@Suite struct RetestTests {
    private static let manifest = PublicationTests.manifest(#"{"exitCode": 0}"#)

    /// A service after a restart, with smaller profiles.
    private static func next(
        _ fixture: ServiceFixture, _ executor: DirectedExecutor, memory: Int = 1 << 27
    ) async throws -> ServiceFixture {
        await fixture.panal.shutdown()
        return try await ServiceFixture(
            afterCrashOf: fixture, cores: 2, queueLimit: 10, executor: executor, memory: memory)
    }

    private static func record(_ fixture: ServiceFixture) async throws -> TestRecord? {
        try await fixture.panal.program(fixture.ana, name: "tested", version: nil).version.tests
    }

    @Test func whatFailsThenIsMarkedAndItsOwnerTold() async throws {
        let fixture = try await ServiceFixture()
        try await fixture.publish(Self.manifest)
        // It passed its tests only the first time.
        let failing = DirectedExecutor(mode: .ends(.exited(code: 9)), cores: 2)
        let second = try await Self.next(fixture, failing)
        _ = try await second.panal.createWebhook(second.ana, url: WebhookTests.url, events: [.failing])
        try await WebhookTests.sending(second) { second, receiver in
            await second.panal.retest()
            try await eventually { receiver.messages.count == 1 }
            guard case .object(let members) = receiver.messages[0].json else {
                Issue.record("no object")
                return
            }
            #expect(members["type"] == "program.failing")
            #expect(members["data"] == ["programs": ["tested"]])
        }
        let record = try #require(try await Self.record(second))
        #expect(record.failures.map(\.pointer) == ["/tests/0/exitCode"])
        #expect(failing.attempts.count == 1)
        // It is not tested, nor told of, again while nothing changes.
        await second.panal.retest()
        #expect(failing.attempts.count == 1)
        // It is there as before, and passes when it is published again and is right.
        let mended = try await Self.next(second, DirectedExecutor(mode: .answers, cores: 2))
        #expect(try await Self.record(mended)?.hasPassed == false)
        #expect(try await mended.publish(Self.manifest).created == false)
        #expect(try await Self.record(mended)?.hasPassed == true)
    }

    @Test func whatHasNotChangedIsNotTestedAgain() async throws {
        let fixture = try await ServiceFixture()
        try await fixture.publish(Self.manifest)
        let record = try await Self.record(fixture)
        let executor = DirectedExecutor(mode: .answers, cores: 2)
        let second = try await Self.next(fixture, executor, memory: 1 << 28)
        await second.panal.retest()
        #expect(executor.attempts.isEmpty)
        #expect(try await Self.record(second) == record)
        let third = try await Self.next(second, executor)
        await third.panal.retest()
        #expect(executor.attempts.count == 1)
        #expect(try await Self.record(third)?.hasPassed == true)
        #expect(try await Self.record(third)?.conditions != record?.conditions)
    }

    /// A fault of this server's says nothing about the program.
    @Test func whatCannotRunNowStaysAsItIs() async throws {
        let fixture = try await ServiceFixture()
        try await fixture.publish(Self.manifest)
        let record = try await Self.record(fixture)
        let broken = DirectedExecutor(mode: .ends(.systemError(SystemError(step: "x", detail: "y"))), cores: 2)
        let second = try await Self.next(fixture, broken)
        await second.panal.retest()
        #expect(!broken.attempts.isEmpty)
        #expect(try await Self.record(second) == record)
    }

    @Test func aProfileThatIsGoneIsAFailure() async throws {
        let fixture = try await ServiceFixture()
        try await fixture.publish(PublicationTests.manifest(#"{"profile": "half"}"#))
        let second = try await Self.next(fixture, DirectedExecutor(mode: .answers, cores: 2), memory: 64 << 30)
        await second.panal.retest()
        #expect(try await Self.record(second)?.failures.map(\.pointer) == ["/tests/0/profile"])
    }
}
