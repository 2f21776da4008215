import PanalCore
import PanalManifest
import PanalService
import Testing

/// The store has no room for one thing that is written about a job, whichever that is.
@Suite struct FullDiskTests {
    /// Each write in turn of jobs that run, wait, start together and are cancelled: what was acknowledged comes to its end, what was
    /// refused leaves nothing, and the machine is whole again.
    @Test func atEveryWriteAboutJobs() async throws {
        var number = 1
        while try await fails(at: number) { number += 1 }
        // At least what makes a job, has it start, run and end, for the four that come to their end.
        #expect(number > 10)
    }

    /// False when there was no such write.
    private func fails(at number: Int) async throws -> Bool {
        let fixture = try await ServiceFixture(cores: 2, executor: .holds)
        try await fixture.publish()
        fixture.stubborn.refuse(write: number)
        var taken: Set<JobID> = []
        func take(_ jobs: () async throws -> [JobID]) async throws -> [JobID] {
            do {
                let jobs = try await jobs()
                taken.formUnion(jobs)
                return jobs
            } catch is StubbornStore.DiskFull {
                return []
            }
        }
        let request = JobRequest(
            program: "filter", submission: Submission(values: ["tamano_de_filtro": [.text("3")]]))
        func gang() async throws -> [JobID] {
            try await fixture.panal.submit(fixture.ana, together: [request, request], isGang: true, once: nil)
                .report.jobs.map(\.id)
        }
        // One that runs and is cancelled, a gang behind it, another one that is cancelled while it waits.
        let first = try await take { [try await fixture.submit().id] }
        _ = try await take { try await gang() }
        let second = try await take { try await gang() }
        try await eventually { fixture.executor.heldJobs.isSuperset(of: first) }
        var cancelled: Set<JobID> = []
        for job in second.prefix(1) + first {
            do {
                _ = try await fixture.panal.cancel(fixture.ana, job)
                // A gang that waits goes as a whole, or not at all.
                cancelled.formUnion(second.contains(job) ? second : [job])
            } catch is StubbornStore.DiskFull {}
        }
        for job in taken {
            // Whoever holds on is let go.
            while try await !fixture.panal.wait(fixture.ana, job: job, atMost: .milliseconds(10)).state.isFinal {
                for held in fixture.executor.heldJobs { fixture.executor.finish(held) }
            }
            let state = try await fixture.panal.job(fixture.ana, job).state
            #expect(state == (cancelled.contains(job) ? .cancelled : .finished), "write \(number)")
        }
        #expect(Set(try await fixture.panal.jobs(fixture.ana).map(\.id)) == taken, "write \(number)")
        try await eventually { await fixture.panal.health().runningJobs == 0 }
        #expect(await fixture.panal.health().waitingJobs == 0, "write \(number)")
        let isRefused = fixture.stubborn.refusals > 0
        fixture.stubborn.refuse(write: nil)
        let all = try await gang()
        try await eventually { fixture.executor.heldJobs == Set(all) }
        for job in all { fixture.executor.finish(job) }
        for job in all { #expect(try await fixture.end(of: job).state == .finished) }
        await fixture.panal.shutdown()
        return isRefused
    }
}
