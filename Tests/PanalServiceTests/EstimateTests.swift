import PanalCore
import PanalManifest
import PanalScheduler
import PanalService
import Testing

@Suite struct EstimateTests {
    private static let tariff = Tariff(ordinary: Price(coreHour: 3_600_000_000))

    private func estimate(
        _ fixture: ServiceFixture, as principal: Principal? = nil, program: String = "filter", profile: String? = nil,
        priority: PriorityClass = .normal, field: String = "tamano_de_filtro"
    ) async throws -> JobEstimate {
        try await fixture.panal.estimate(
            principal ?? fixture.ana, program: program, profile: profile, priority: priority,
            submission: Submission(values: [field: [.text("3")]]))
    }

    @Test func itSaysWhereWhenAndHowMuchAndStoresNothing() async throws {
        let fixture = try await ServiceFixture(
            cores: 1, executor: .holds, credits: CreditRules(isOn: true), tariff: Self.tariff)
        try await fixture.publish()
        _ = try await fixture.panal.grant(
            fixture.admin, Credits(micro: 100_000_000), to: .user("ana"), reason: "a test")
        let first = try await estimate(fixture)
        #expect(first.refusal == nil && first.startsNow && first.host == "test" && first.profile == "small")
        #expect(first.charge?.hold == Credits(micro: 60_000_000) && first.longest == .seconds(60))
        #expect(first.standing?.balance == Credits(micro: 100_000_000))
        #expect(try await fixture.panal.jobs(fixture.ana).isEmpty)
        #expect(fixture.executor.attempts.isEmpty)
        let job = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [job.id] }
        let second = try await estimate(fixture)
        // Nothing is left of the credit for another one; it would have to wait besides.
        #expect(second.refusal?.code == .unaffordable && second.isValid)
        #expect(second.refusal?.numbers["needed"] == "60" && second.refusal?.numbers["available"] == "40")
        #expect(!second.startsNow && second.host == nil && second.reason != nil)
        let start = try #require(second.estimatedStart)
        #expect(start > fixture.clock.now() && start <= fixture.clock.now() + .seconds(120))
        #expect(try await fixture.panal.queue(fixture.admin).waiting == 0)
        #expect(try await fixture.panal.jobs(fixture.ana).map(\.id) == [job.id])
    }

    /// The same that a submission would be told.
    @Test func whatIsWrongIsNamed() async throws {
        let fixture = try await ServiceFixture(cores: 2)
        try await fixture.publish()
        let wrong = try await estimate(fixture, field: "size")
        #expect(!wrong.isValid && wrong.refusal?.mistakes.isEmpty == false)
        #expect(try await estimate(fixture, profile: "xlarge").refusal?.mistakes.first?.pointer == "/profile")
        #expect(try await estimate(fixture, profile: "none").isValid == false)
        let urgent = try await estimate(fixture, priority: .high)
        #expect(urgent.refusal?.code == .forbidden && urgent.isValid)
        await refused(.notFound) { _ = try await estimate(fixture, program: "other") }
        await refused(.notFound) { _ = try await estimate(fixture, as: fixture.berta) }
        #expect(try await estimate(fixture).refusal == nil)
        await fixture.panal.shutdown()
        await refused(.overloaded) { _ = try await estimate(fixture) }
    }

    /// Of several jobs at once: the sum of what they cost, the start of the last, room for all of them.
    @Test func aBatchIsEstimatedWhole() async throws {
        let fixture = try await ServiceFixture(
            cores: 1, queueLimit: 2, executor: .holds, credits: CreditRules(isOn: true), tariff: Self.tariff)
        try await fixture.publish()
        _ = try await fixture.panal.grant(
            fixture.admin, Credits(micro: 200_000_000), to: .user("ana"), reason: "a test")
        func estimate(_ count: Int, isGang: Bool = false, field: String = "tamano_de_filtro") async throws
            -> BatchEstimate
        {
            let request = JobRequest(program: "filter", submission: Submission(values: [field: [.text("3")]]))
            return try await fixture.panal.estimate(
                fixture.ana, together: Array(repeating: request, count: count), isGang: isGang)
        }
        let one = try await estimate(1)
        #expect(one.whole.refusal == nil && one.whole.startsNow && one.hold == Credits(micro: 60_000_000))
        let three = try await estimate(3)
        #expect(three.whole.refusal == nil && three.hold == Credits(micro: 180_000_000) && three.most == three.hold)
        #expect(!three.whole.startsNow && three.whole.reason != nil)
        let start = try #require(three.whole.estimatedStart)
        #expect(start > fixture.clock.now() + .seconds(60), "the last one waits for two")
        // One more is not paid for, one more again has no place.
        let four = try await estimate(4)
        #expect(four.whole.refusal?.code == .unaffordable && four.whole.refusal?.numbers["needed"] == "240")
        _ = try await fixture.panal.grant(
            fixture.admin, Credits(micro: 200_000_000), to: .user("ana"), reason: "a test")
        #expect(try await estimate(4).whole.refusal?.code == .overloaded)
        #expect(try await estimate(2, isGang: true).whole.refusal?.mistakes.map(\.pointer) == ["/together"])
        let wrong = try await estimate(2, field: "size")
        #expect(!wrong.whole.isValid)
        #expect(wrong.whole.refusal?.mistakes.contains { $0.pointer == "/submissions/1/size" } == true)
        await refused(.invalid) { _ = try await estimate(0) }
        #expect(try await fixture.panal.jobs(fixture.ana).isEmpty && fixture.executor.attempts.isEmpty)
        // What was said holds.
        let request = JobRequest(
            program: "filter", submission: Submission(values: ["tamano_de_filtro": [.text("3")]]))
        let made = try await fixture.panal.submit(
            fixture.ana, together: Array(repeating: request, count: 3), once: nil)
        #expect(made.report.jobs.count == 3)
    }

    @Test func aFullQueueIsSaid() async throws {
        let fixture = try await ServiceFixture(cores: 1, queueLimit: 0, executor: .holds)
        try await fixture.publish()
        let job = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [job.id] }
        #expect(try await estimate(fixture).refusal?.code == .overloaded)
    }
}
