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
