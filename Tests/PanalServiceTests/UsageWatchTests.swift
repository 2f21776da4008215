import PanalCore
import Testing

@testable import PanalService

/// Who is remembered of those whose use was looked at.
@Suite("Use that is remembered") struct UsageWatchTests {
    private static func job(_ number: Int) -> JobID { .make(at: Timestamp(microseconds: Int64(number) * 1_000_000)) }

    private static func sample(_ second: Int64) -> UsageSample {
        UsageSample(wallMicroseconds: second * 1_000_000, cpuMicroseconds: second, memoryBytes: 1, processes: 1)
    }

    @Test func endedJobsAreRememberedForAWhile() {
        let watch = UsageWatch()
        let jobs = (0..<500).map(Self.job)
        for job in jobs {
            watch.note(Self.sample(1), of: job)
            #expect(watch[job]?.parts.count == 1)
            watch.keep([])
        }
        let known = jobs.filter { watch[$0] != nil }
        #expect(known == Array(jobs.suffix(200)))
    }

    /// However many run, each has its turn, no round asks more than may be asked at once, and who is not answered keeps nobody waiting.
    @Test func everybodyHasATurn() {
        let watch = UsageWatch()
        let jobs = (0..<300).map(Self.job)
        let deaf = Set(jobs.prefix(3))
        var looks: [JobID: Int] = [:]
        for _ in 0..<20 {
            let turns = watch.turns(of: jobs.shuffled())
            #expect(turns.count <= UsageWatch.mostAsked && Set(turns).count == turns.count)
            for job in turns {
                looks[job, default: 0] += 1
                if !deaf.contains(job) { watch.answered(Self.sample(1), of: job) }
            }
        }
        #expect(deaf.allSatisfy { looks[$0] == 1 && watch[$0] == nil })
        let counts = jobs.filter { !deaf.contains($0) }.map { looks[$0] ?? 0 }
        // 61 to 64 in each of 20 rounds, among 300.
        #expect((counts.min() ?? 0) >= 4 && (counts.max() ?? 0) - (counts.min() ?? 0) <= 1)
        // An answer that comes late is one.
        for job in deaf { watch.answered(Self.sample(1), of: job) }
        #expect(watch.turns(of: Array(deaf)).count == 3)
    }

    /// A launcher that does not answer for one job: the others are looked at all the same, and what has ended is not remembered as running.
    @Test(.timeLimit(.minutes(1))) func oneWithoutAnAnswerStopsNoOther() async throws {
        let fixture = try await ServiceFixture(executor: .holds)
        let keeper = Task { await fixture.panal.run() }
        _ = try await fixture.publish()
        let (deaf, other) = (try await fixture.submit().id, try await fixture.submit().id)
        fixture.executor.withholdSamples(of: deaf)
        try await eventually {
            for job in [deaf, other] {
                guard try await fixture.panal.job(fixture.ana, job).state == .running else { return false }
            }
            return true
        }
        // By its own clock each has run for a while, whenever it was noted that it does.
        let passing = Task {
            for _ in 0..<10 {
                fixture.clock.advance(.seconds(2))
                try await Task.sleep(for: .milliseconds(200))
            }
        }
        try await eventually { (fixture.executor.sampled[other] ?? 0) >= 2 }
        #expect(fixture.executor.sampled[deaf] == 1)
        passing.cancel()
        fixture.executor.releaseSamples()
        keeper.cancel()
        await keeper.value
        await fixture.panal.shutdown()
    }

    /// A job that begins again begins anew, and the end of its second attempt is what stays.
    @Test func anotherAttemptTakesThePlaceOfTheFirst() {
        let watch = UsageWatch()
        let job = Self.job(1)
        watch.note(Self.sample(7), of: job)
        watch.keep([])
        #expect(watch[job]?.parts.last?.to == 7_000_000)
        watch.note(Self.sample(2), of: job)
        #expect(watch[job]?.parts.map(\.to) == [2_000_000])
        watch.keep([job])
        watch.note(Self.sample(3), of: job)
        watch.keep([])
        #expect(watch[job]?.parts.map(\.to) == [2_000_000, 3_000_000])
    }
}
