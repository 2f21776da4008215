import Crypto
import Logging
import PanalCore
import PanalManifest
import PanalPublication
import PanalScheduler
import Synchronization

/// Tests of manifests, as runs in cells like any other but without a job.
extension Panal {
    /// Where another Panal on this host has a run's cores for itself.
    private static let coreStep = "core.lock"

    /// What is stored with a version whose tests have all passed; nil where it has none. They do not run again where the same content
    /// has passed under the same conditions.
    ///
    /// They run for `owner`: their shares and limits hold, their credits are not touched.
    ///
    /// Throws `invalid` with what did not come as the tests say, and `overloaded` where they cannot run now.
    func passingTests(of program: TestedProgram, owner: UserID) async throws -> TestRecord? {
        let tests = program.manifest.tests
        guard !tests.isEmpty else { return nil }
        let profiles = try testProfiles(program.manifest, owner)
        let rootfs = try chosenRootfs(of: program.manifest, for: owner)
        let conditions = Self.conditions(of: profiles, rootfs: rootfs.name)
        if let known = try await store.testRecord(of: program.content), known.hasPassed, known.conditions == conditions
        {
            return known
        }
        let failures = try await inTestTurn(of: owner) {
            try await run(program, owner: owner, profiles)
        }
        guard failures.isEmpty else {
            let failed = Set(failures.map { $0.pointer.split(separator: "/").prefix(2) }).count
            throw ServiceError(
                .invalid, "\(failed) of \(tests.count) tests failed; nothing was published", mistakes: failures)
        }
        return TestRecord(conditions: conditions, at: clock.now(), failures: [])
    }

    /// The profile of each test. Throws `invalid` where there is none such, where the owner may not use it, or where this host is too
    /// small for it.
    func testProfiles(_ manifest: Manifest, _ owner: UserID) throws -> [Profile] {
        let rights = tenancy.rights(of: owner)
        return try manifest.tests.enumerated().map { number, test in
            do {
                return try profile(named: test.profile(of: manifest), for: manifest, rights)
            } catch let error as ServiceError where error.code == .invalid {
                throw ServiceError(
                    .invalid, mistake: "/tests/\(number)/profile", error.mistakes.first?.detail ?? error.detail)
            }
        }
    }

    /// A hash over all that decides how a run goes and is not the version's own.
    static func conditions(of profiles: [Profile], rootfs: String) -> ContentHash {
        var text = rootfs
        for profile in profiles {
            // Not what it costs, nor what is said about it.
            text += "\n\(profile.name) \(profile.seccomp) \(profile.network) \(profile.limits)"
        }
        return Secrets.hash(text)
    }

    private func inTestTurn<Value: Sendable>(
        of owner: UserID, _ body: () async throws -> Value
    ) async throws -> Value {
        let isFree = testing.withLock { testing in
            let own = testing.count { $0 == owner }
            guard testing.count < configuration.testsAtOnce, own < configuration.testsOfOneAtOnce else { return false }
            testing.append(owner)
            return true
        }
        guard isFree else {
            throw ServiceError(
                .overloaded, "the tests of other publications are running: send it again later",
                retryAfter: .seconds(10))
        }
        defer {
            testing.withLock { testing in
                if let place = testing.firstIndex(of: owner) { testing.remove(at: place) }
            }
        }
        return try await body()
    }

    /// What is not as the tests say, in their order. Throws where they could not be run to their end.
    func run(
        _ program: TestedProgram, owner: UserID, _ profiles: [Profile], _ priority: PriorityClass = .normal
    ) async throws -> [Mistake] {
        let deadline = ContinuousClock.now + configuration.testTime
        let rootfs = try chosenRootfs(of: program.manifest, for: owner)
        // No stored job says that a test runs in it.
        defer { withExtendedLifetime(rootfs) {} }
        return try await holding { held in
            var failures: [Mistake] = []
            var files = TestFiles()
            for (number, (test, profile)) in zip(program.manifest.tests, profiles).enumerated() {
                let missing = try await files.add(filesOf: test, number: number) {
                    try await store($0, of: program.content, held)
                }
                failures += missing
                guard missing.isEmpty else { continue }
                let run = TestRun(test, number: number, of: program, under: profile, in: rootfs)
                do {
                    let invocation = try await run.invocation(with: files) {
                        try await held.store(Array($0.utf8)).content
                    }
                    failures += try await carryOut(
                        run, invocation, demand(run.limits, owner: owner, priority: priority), until: deadline)
                } catch let error as SubmissionError {
                    failures += error.mistakes
                }
                guard ContinuousClock.now < deadline else { break }
            }
            return failures
        }
    }

    private func carryOut(
        _ run: TestRun, _ invocation: Invocation, _ demand: JobDemand, until deadline: ContinuousClock.Instant
    ) async throws -> [Mistake] {
        let test = run.test
        var generator = SystemRandomNumberGenerator()
        let job = JobID.make(at: clock.now())
        for attempt in 1...configuration.attempts {
            let attempt = run.attempt(
                AttemptID(job: job, number: attempt, nonce: generator.next()), invocation)
            let sink = TestSink(for: test)
            switch await (try takingRunner()).pass(attempt, demand, sink: sink, until: deadline) {
            case .ended(let result):
                if case .systemError(let error) = result.outcome {
                    logger.warning("a test could not be run", metadata: ["error": .string(error.sentence)])
                    // It has waited for as long as runs wait for them: whoever publishes hears of it now, and not after three times that.
                    guard error.step != Self.coreStep else { throw Self.coresInUse(test) }
                    continue
                }
                return run.mistakes(result, sink)
            case .refused(let refusal): throw Self.refused(refusal)
            case .stopped:
                try Task.checkCancellation()
                throw ServiceError(.overloaded, "the service is stopping", retryAfter: .seconds(5))
            case .waited:
                throw ServiceError(
                    .overloaded, "the turn of test ‘\(test.name)’ did not come in time: send it again later",
                    retryAfter: .seconds(60))
            case .late: return run.overdue(configuration.testTime)
            }
        }
        throw ServiceError(.internal, "test ‘\(test.name)’ could not be run, which is this server's fault")
    }

    private static func coresInUse(_ test: ManifestTest) -> ServiceError {
        ServiceError(
            .overloaded,
            "another Panal on this host has the cores that test ‘\(test.name)’ was to run on: send it again later",
            retryAfter: .seconds(60))
    }

    /// Stores what a test submits as a file; nil for one that the program's folder does not hold.
    private func store(
        _ value: ManifestTest.Value, of program: ContentHash, _ held: HeldBlobs
    ) async throws -> (content: ContentHash, bytes: Int)? {
        switch value {
        case .programFile(let path):
            guard let bytes = try await blobs.file(path, of: program) else { return nil }
            return try await held.store(bytes)
        case .text(let text), .inline(_, let text): return try await held.store(Array(text.utf8))
        }
    }
}
