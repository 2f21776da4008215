import PanalCore
import PanalManifest
import PanalService
import Testing

@Suite struct JobTests {
    @Test func aJobRunsToItsEnd() async throws {
        let fixture = try await ServiceFixture()
        try await fixture.publish()
        let submitted = try await fixture.submit()
        #expect(submitted.state == .queued)
        #expect(submitted.profile == "small")
        let job = try await fixture.end(of: submitted.id)
        #expect(job.state == .finished)
        #expect(job.outcome == .exited(code: 0))
        #expect(job.usage?.wallMicroseconds == 5)
        #expect(job.output.bytes == 6)
        #expect(job.started != nil)
        #expect(job.ended != nil)
        #expect(job.cores == [0])
        #expect(job.message == "not taken from the work folder: huge.bin: over the limit")
        #expect(job.fields == [JobField(id: "tamano_de_filtro", label: "tamaño de filtro", value: "3")])
        let states = try await fixture.panal.history(fixture.ana, job.id).map(\.state)
        #expect(states == [.queued, .configuring, .deploying, .running, .finishing, .finished])
        let output = try await fixture.panal.output(fixture.ana, job.id, stream: .output, range: 1..<3)
        #expect(try await output.all() == Array("el".utf8))
        let attempt = try #require(fixture.executor.attempts.first)
        #expect(attempt.arguments == ["/program/tool.sh", "3"])
        #expect(attempt.id.job == job.id)
        #expect(attempt.limits == ServiceFixture.profile("small", cores: 1).limits)
        // A waiter that comes afterwards does not wait.
        #expect(try await fixture.panal.wait(fixture.ana, job: job.id, atMost: .seconds(60)) == job)
    }

    /// What each outcome makes of a job whose program did not even start.
    @Test(arguments: [
        (Outcome.notStarted(reason: "no interpreter"), JobState.finished),
        (.systemError(SystemError(step: "cgroup.memory", detail: "gone")), .failed),
        (.memoryExceeded, .finished),
    ])
    func outcomes(outcome: Outcome, state: JobState) async throws {
        let fixture = try await ServiceFixture(executor: .ends(outcome))
        try await fixture.publish()
        let job = try await fixture.end(of: try await fixture.submit().id)
        #expect(job.state == state)
        #expect(job.outcome == outcome)
        #expect(job.started == nil)
        #expect(state == .failed ? job.message == "cgroup.memory: gone (attempt 3 of 3)" : job.message == nil)
        // The cores are free again.
        #expect(try await fixture.end(of: try await fixture.submit().id).state == state)
        try await eventually { await fixture.panal.health().runningJobs == 0 }
    }

    /// What the author says about an exit code, and which announced result is missing, stands in the message.
    @Test(arguments: [
        (
            0,
            "the program left no ‘image’ (*.png) in its work folder; not taken from the work folder: huge.bin: over the limit"
        ),
        (3, "the image has no colours; not taken from the work folder: huge.bin: over the limit"),
        (4, "not taken from the work folder: huge.bin: over the limit"),
    ])
    func remarks(code: Int, message: String) async throws {
        let fixture = try await ServiceFixture(executor: .holds)
        let manifest = """
            {"name": "filter", "inputs": [{"name": "tamaño de filtro", "type": "text"}],
             "exitCodes": {"3": "the image has no colours"}, "outputs": [{"name": "image", "path": "*.png"}]}
            """
        try await fixture.publish(manifest)
        let job = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [job.id] }
        fixture.executor.finish(job.id, .exited(code: code))
        #expect(try await fixture.end(of: job.id).message == message)
    }

    /// Codes of which the author says something, and one of which nothing is said: what counts as success.
    @Test(
        arguments: [
            (0, nil, true), (3, JobMeaning(message: "none", isSuccess: false), false),
            (4, JobMeaning(message: "done before", isSuccess: true), true), (5, nil, false),
        ] as [(Int, JobMeaning?, Bool)])
    func exitCodesMeanWhatTheAuthorSays(code: Int, meaning: JobMeaning?, isSuccess: Bool) async throws {
        let fixture = try await ServiceFixture(executor: .ends(.exited(code: code)))
        try await fixture.publish(
            """
            {"name": "filter", "inputs": [{"name": "tamaño de filtro", "type": "text"}],
             "exitCodes": {"3": "none", "4": {"message": "done before", "success": true}}}
            """)
        let ended = try await fixture.end(of: try await fixture.submit().id)
        let shown = try await fixture.panal.job(fixture.ana, ended.id)
        let listed = try await fixture.panal.jobs(fixture.ana)
        #expect(([ended, shown] + listed).map(\.meaning) == [meaning, meaning, meaning])
        #expect(([ended, shown] + listed).map(\.isSuccess) == [isSuccess, isSuccess, isSuccess])
    }

    @Test func secretsAreNotShown() async throws {
        let fixture = try await ServiceFixture()
        try await fixture.publish(#"{"name": "filter", "inputs": [{"name": "pass", "type": "secret"}]}"#)
        let submission = Submission(values: ["pass": [.text("hunter2")]])
        let job = try await fixture.panal.submit(fixture.ana, program: "filter", submission: submission)
        let ended = try await fixture.end(of: job.id)
        #expect(ended.fields.map(\.value) == [""])
        #expect(fixture.executor.attempts.map(\.arguments) == [["/program/tool.sh", "hunter2"]])
    }

    @Test func sharedGrantsAreKeptToTheirCores() async throws {
        let fixture = try await ServiceFixture()
        try await fixture.publish()
        let job = try await fixture.end(of: try await fixture.submit(profile: "half").id)
        #expect(job.cores?.count == 1)
        #expect(fixture.executor.attempts.first?.cores.count == 1)
    }

    @Test func badSubmissionsStoreNothing() async throws {
        let fixture = try await ServiceFixture()
        let panal = fixture.panal
        try await fixture.publish()
        let unknown = await refused(.invalid) { _ = try await fixture.submit(profile: "tiny") }
        #expect(unknown?.mistakes.first?.pointer == "/profile")
        let large = await refused(.invalid) { _ = try await fixture.submit(profile: "xlarge") }
        #expect(large?.detail.contains("needs 6 cores, this host has 2 for cells; choose small or half") == true)
        #expect(panal.profiles().map { $0.refusal == nil } == [true, true, false])
        let field = await refused(.invalid) {
            _ = try await panal.submit(
                fixture.ana, program: "filter", submission: Submission(values: ["nonsense": [.text("1")]]))
        }
        #expect((field?.mistakes.count ?? 0) >= 1)
        await refused(.notFound) {
            _ = try await panal.submit(fixture.ana, program: "nothing", submission: Submission(values: [:]))
        }
        #expect(try await panal.jobs(fixture.admin, everyone: true).isEmpty)
    }

    @Test func aWaitEndsByItsTime() async throws {
        let fixture = try await ServiceFixture(executor: .holds)
        try await fixture.publish()
        let job = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [job.id] }
        let early = try await fixture.panal.wait(fixture.ana, job: job.id, atMost: .milliseconds(50))
        #expect(early.state.isFinal == false)
        // Many wait for the same end, and one of them gives up.
        try await withThrowingTaskGroup(of: JobState.self) { group in
            for _ in 0..<10 {
                group.addTask { try await fixture.panal.wait(fixture.ana, job: job.id, atMost: .seconds(20)).state }
            }
            let impatient = Task { try await fixture.panal.wait(fixture.ana, job: job.id, atMost: .seconds(20)) }
            try await Task.sleep(for: .milliseconds(50))
            impatient.cancel()
            _ = try? await impatient.value
            fixture.executor.finish(job.id)
            for try await state in group { #expect(state == .finished) }
        }
    }

    @Test func aRunningJobShowsItsOutput() async throws {
        let fixture = try await ServiceFixture(executor: .holds)
        try await fixture.publish()
        let job = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [job.id] }
        try await eventually { try await fixture.panal.job(fixture.ana, job.id).state == .running }
        let changes = try await fixture.panal.changes(fixture.ana, job.id)
        try fixture.executor.write("so far\n", for: job.id)
        #expect(try await fixture.panal.job(fixture.ana, job.id).output.bytes == 7)
        let stored = try await fixture.panal.output(fixture.ana, job.id, stream: .output)
        #expect(try await stored.all() == Array("so far\n".utf8))
        fixture.executor.finish(job.id)
        // Ends by itself, with the job's end seen.
        for await _ in changes {}
        #expect(try await fixture.panal.job(fixture.ana, job.id).state == .finished)
    }

    @Test func changesOfAnEndedJobEndAtOnce() async throws {
        let fixture = try await ServiceFixture()
        try await fixture.publish()
        let job = try await fixture.end(of: try await fixture.submit().id)
        var count = 0
        for await _ in try await fixture.panal.changes(fixture.ana, job.id) { count += 1 }
        #expect(count == 1)
    }

    @Test func jobsWaitTheirTurnAndSayWhy() async throws {
        let fixture = try await ServiceFixture(cores: 1, executor: .holds)
        try await fixture.publish()
        let first = try await fixture.submit()
        let second = try await fixture.submit()
        let third = try await fixture.submit()
        try await eventually { fixture.executor.heldJobs == [first.id] }
        let waiting = try await fixture.panal.job(fixture.ana, third.id)
        #expect(waiting.state == .queued)
        let message = waiting.message ?? ""
        #expect(message.hasPrefix("needs 1 whole core, none is free, the next release is expected by "))
        #expect(message.hasSuffix("; 1 job is ahead"))
        for job in [first, second, third] {
            try await eventually { fixture.executor.heldJobs == [job.id] }
            fixture.executor.finish(job.id)
        }
        #expect(try await fixture.end(of: third.id).state == .finished)
        #expect(fixture.executor.attempts.map(\.id.job) == [first.id, second.id, third.id])
        #expect(fixture.executor.mostRunning == 1)
    }

    @Test func aFullQueueRefusesAndStoresNothing() async throws {
        let fixture = try await ServiceFixture(cores: 1, queueLimit: 2, executor: .holds)
        try await fixture.publish()
        let answers = await withTaskGroup(of: Job?.self) { group in
            for _ in 0..<20 { group.addTask { try? await fixture.submit() } }
            return await group.reduce(into: [Job]()) { if let job = $1 { $0.append(job) } }
        }
        // One runs, two wait.
        #expect(answers.count == 3)
        let error = await refused(.overloaded) { _ = try await fixture.submit() }
        #expect(error?.retryAfter != nil)
        let stored = try await fixture.panal.jobs(fixture.ana, limit: 100)
        #expect(Set(stored.map(\.id)) == Set(answers.map(\.id)))
        for _ in answers {
            try await eventually { fixture.executor.heldJobs.count == 1 }
            for job in fixture.executor.heldJobs { fixture.executor.finish(job) }
        }
        for job in answers { #expect(try await fixture.end(of: job.id).state == .finished) }
    }

    @Test func manySubmitsSideBySide() async throws {
        let fixture = try await ServiceFixture(cores: 2)
        try await fixture.publish()
        let jobs = try await withThrowingTaskGroup(of: Job.self) { group in
            for number in 0..<60 { group.addTask { try await fixture.submit(value: "\(number)") } }
            return try await group.reduce(into: [Job]()) { $0.append($1) }
        }
        for job in jobs { #expect(try await fixture.end(of: job.id).state == .finished) }
        // Each ran once, never more at a time than there are cores.
        #expect(Set(fixture.executor.attempts.map(\.id.job)) == Set(jobs.map(\.id)))
        #expect(fixture.executor.attempts.count == 60)
        #expect(fixture.executor.mostRunning <= 2)
        try await eventually {
            let health = await fixture.panal.health()
            return health.runningJobs == 0 && health.waitingJobs == 0
        }
    }

    /// A client that goes away in the middle of its request leaves no job that nobody runs.
    @Test func cancelledRequestsLoseNoJob() async throws {
        let fixture = try await ServiceFixture()
        try await fixture.publish()
        for delay in 0..<20 {
            let request = Task { try await fixture.submit() }
            try await Task.sleep(for: .microseconds(delay * 200))
            request.cancel()
            _ = try? await request.value
        }
        try await eventually {
            try await fixture.panal.jobs(fixture.ana, limit: 100).allSatisfy { $0.state == .finished }
        }
    }

    /// Every verb about another user's job answers as if it were not there; administrators see it.
    @Test func jobsAreTheirOwners() async throws {
        let fixture = try await ServiceFixture()
        let panal = fixture.panal
        try await fixture.publish(isPublic: true)
        let job = try await fixture.end(of: try await fixture.submit().id)
        let unknown = JobID.make(at: fixture.clock.now())
        for id in [job.id, unknown] {
            let other = fixture.berta
            await refused(.notFound) { _ = try await panal.job(other, id) }
            await refused(.notFound) { _ = try await panal.wait(other, job: id, atMost: .seconds(1)) }
            await refused(.notFound) { _ = try await panal.history(other, id) }
            await refused(.notFound) { _ = try await panal.cancel(other, id) }
            await refused(.notFound) { _ = try await panal.output(other, id, stream: .output) }
            await refused(.notFound) { _ = try await panal.changes(other, id) }
            await refused(.notFound) { _ = try await panal.file(other, id, path: "x") }
        }
        #expect(try await panal.jobs(fixture.berta).isEmpty)
        #expect(try await panal.job(fixture.admin, job.id) == job)
        #expect(try await panal.jobs(fixture.admin).isEmpty)
        // A list does not say what a job runs in, nor whether it may write there.
        var listed = job
        (listed.rootfs, listed.hasWritableRoot) = (nil, nil)
        #expect(try await panal.jobs(fixture.admin, everyone: true) == [listed])
        await refused(.notFound) { _ = try await panal.file(fixture.ana, job.id, path: "nothing") }
    }
}
