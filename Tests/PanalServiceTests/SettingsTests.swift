import PanalCore
import PanalScheduler
import Testing

@testable import PanalService

@Suite struct RuntimeSettingsTests {
    private static func value(_ name: String, _ entries: [SettingEntry]) -> JSONValue? {
        entries.first { $0.rule.name == name }?.value
    }

    @Test func onlyAdministratorsSeeAndChangeThem() async throws {
        let fixture = try await ServiceFixture()
        await refused(.forbidden) { _ = try fixture.panal.settings(fixture.ana) }
        await refused(.forbidden) { _ = try await fixture.panal.changeSettings(fixture.ana, ["queueLimit": 1]) }
        await refused(.forbidden) { _ = try await fixture.panal.audit(fixture.ana, AuditQuery(limit: 1)) }
    }

    /// All or none, with every mistake and what would be right.
    @Test func badValuesAreRefusedTogether() async throws {
        let fixture = try await ServiceFixture()
        let error = await refused(.invalid) {
            _ = try await fixture.panal.changeSettings(
                fixture.admin,
                [
                    "signUp": "perhaps", "sessionLifetime": 0, "defaultProfile": "huge", "queueLimit": "many",
                    "deadline.queued": .number(1.5), "moonPhase": 1, "requestsPerMinute": 7,
                ])
        }
        let found = error?.mistakes.map { "\($0.pointer) \($0.detail)" } ?? []
        #expect(
            found.filter { !$0.hasPrefix("/moonPhase") } == [
                "/deadline.queued a whole number from 1 to 31622400",
                "/defaultProfile one of small, half, xlarge", "/queueLimit a whole number from 0 to 1000000",
                "/sessionLifetime a whole number from 60 to 31622400", "/signUp one of closed, invitation, open",
            ])
        #expect(found.contains { $0.hasPrefix("/moonPhase unknown; known are signUp, ") })
        #expect(fixture.panal.settings == RuntimeSettings(fixture.configuration))
    }

    @Test func theyHoldAtOnceAndAfterARestart() async throws {
        let fixture = try await ServiceFixture(cores: 1, executor: .holds)
        let panal = fixture.panal
        try await fixture.publish()
        let changed = try await panal.changeSettings(
            fixture.admin,
            ["sessionLifetime": 60, "defaultProfile": "half", "queueLimit": 0, "deadline.copying": 7])
        #expect(Self.value("sessionLifetime", changed) == 60)
        #expect(changed.first { $0.rule.name == "sessionLifetime" }?.standard == 43_200)
        #expect(panal.deadlines.copying == .seconds(7))
        #expect(panal.runner?.deadlines.copying == .seconds(7))
        let session = try await panal.signIn(name: "ana", password: "ana password", from: "here")
        #expect(session.expires == fixture.clock.now() + .seconds(60))
        let first = try await fixture.submit()
        #expect(first.profile == "half")
        _ = try await fixture.submit()
        // Both halves of the only core are taken, and nobody may wait.
        await refused(.overloaded) { _ = try await fixture.submit() }
        let next = try await ServiceFixture(afterCrashOf: fixture, cores: 2, queueLimit: 5)
        #expect(try Self.value("queueLimit", next.panal.settings(next.admin)) == 0)
        _ = try await next.panal.changeSettings(next.admin, ["queueLimit": nil, "deadline.copying": nil])
        #expect(next.panal.settings.queueLimit == 5)
        #expect(next.panal.deadlines.copying == .seconds(1_800))
        #expect(next.panal.settings.defaultProfile == "half")
        await panal.shutdown()
    }

    @Test func theAuditLogIsReadByPagesAndForgotten() async throws {
        let fixture = try await ServiceFixture()
        let panal = fixture.panal
        for number in 0..<5 {
            let entry = AuditEntry(
                at: fixture.clock.now(), user: number == 2 ? fixture.ana.user : nil, name: nil, key: nil,
                address: "192.0.2.1", request: "r\(number)", action: number < 3 ? "a" : "b", target: "/x", status: 200,
                detail: nil)
            await panal.note(entry, now: number % 2 == 0)
        }
        let all = try await panal.audit(fixture.admin, AuditQuery(limit: 10))
        #expect(Set(all.map(\.request)) == ["r0", "r1", "r2", "r3", "r4"])
        #expect(all.map(\.number) == all.map(\.number).sorted(by: >))
        let first = try await panal.audit(fixture.admin, AuditQuery(limit: 2))
        let second = try await panal.audit(fixture.admin, AuditQuery(before: first.last?.number, limit: 10))
        #expect(first + second == all)
        #expect(
            try await panal.audit(fixture.admin, AuditQuery(user: fixture.ana.user, limit: 9)).map(\.request) == ["r2"])
        #expect(try await panal.audit(fixture.admin, AuditQuery(action: "b", limit: 9)).count == 2)
        _ = try await panal.changeSettings(fixture.admin, ["auditRetentionDays": 1])
        fixture.clock.advance(.seconds(86_399))
        try await panal.tidy()
        #expect(try await panal.audit(fixture.admin, AuditQuery(limit: 10)).count == 5)
        fixture.clock.advance(.seconds(2))
        try await panal.tidy()
        #expect(try await panal.audit(fixture.admin, AuditQuery(limit: 10)).isEmpty)
    }
}
