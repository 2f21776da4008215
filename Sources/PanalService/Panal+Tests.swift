import Crypto
import Logging
import PanalCore
import PanalManifest
import PanalScheduler
import Synchronization

/// A version as its tests need it: its files have their place, whether it is published or not.
struct TestedProgram: Sendable {
    var manifest: Manifest
    var content: ContentHash
    var entry: String
    /// For whom they run: their shares and limits hold, their credits are not touched.
    var owner: UserID
}

/// Tests of manifests, as runs in cells like any other but without a job.
extension Panal {
    /// Where another Panal on this host has a run's cores for itself.
    private static let coreStep = "core.lock"

    /// Bytes of result files that one test may leave.
    private static let mostTestBytes = 64 << 20

    /// What is stored with a version whose tests have all passed; nil where it has none. They do not run again where the same content
    /// has passed under the same conditions.
    ///
    /// Throws `invalid` with what did not come as the tests say, and `overloaded` where they cannot run now.
    func passingTests(of program: TestedProgram) async throws -> TestRecord? {
        let tests = program.manifest.tests
        guard !tests.isEmpty else { return nil }
        let profiles = try testProfiles(program)
        let rootfs = try chosenRootfs(of: program.manifest, for: program.owner)
        let conditions = Self.conditions(of: profiles, rootfs: rootfs.name)
        if let known = try await store.testRecord(of: program.content), known.hasPassed, known.conditions == conditions
        {
            return known
        }
        let failures = try await inTestTurn(of: program.owner) { try await run(tests, of: program, profiles) }
        guard failures.isEmpty else {
            let failed = Set(failures.map { $0.pointer.split(separator: "/").prefix(2) }).count
            throw ServiceError(
                .invalid, "\(failed) of \(tests.count) tests failed; nothing was published", mistakes: failures)
        }
        return TestRecord(conditions: conditions, at: clock.now(), failures: [])
    }

    /// The profile of each test. Throws `invalid` where there is none such, where the owner may not use it, or where this host is too
    /// small for it.
    func testProfiles(_ program: TestedProgram) throws -> [Profile] {
        let rights = tenancy.rights(of: program.owner)
        return try program.manifest.tests.enumerated().map { number, test in
            do {
                return try profile(named: test.profile(of: program.manifest), for: program.manifest, rights)
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
        _ tests: [ManifestTest], of program: TestedProgram, _ profiles: [Profile], _ priority: PriorityClass = .normal
    ) async throws -> [Mistake] {
        let deadline = ContinuousClock.now + configuration.testTime
        return try await holding { held in
            var failures: [Mistake] = []
            var files: [ManifestTest.Value: SubmittedFile] = [:]
            for (number, (test, profile)) in zip(tests, profiles).enumerated() {
                let missing = try await store(filesOf: test, number: number, of: program, in: &files, held)
                failures += missing
                guard missing.isEmpty else { continue }
                failures += try await run(
                    test, number: number, of: program, profile, files, held, priority, until: deadline)
                guard ContinuousClock.now < deadline else { break }
            }
            return failures
        }
    }

    private func run(
        _ test: ManifestTest, number: Int, of program: TestedProgram, _ profile: Profile,
        _ files: [ManifestTest.Value: SubmittedFile], _ held: HeldBlobs, _ priority: PriorityClass,
        until deadline: ContinuousClock.Instant
    ) async throws -> [Mistake] {
        let rootfs = try chosenRootfs(of: program.manifest, for: program.owner)
        let invocation: Invocation
        do {
            let submission = test.submission { files[$0] } ?? Submission()
            var planned = try program.manifest.plan(submission, entry: program.entry)
            planned.environment = rootfs.environment(of: planned.environment, manifest: program.manifest)
            invocation = try await storingTexts(of: planned) { try await held.store(Array($0.utf8)).content }
        } catch let error as SubmissionError {
            return error.mistakes.map { mistake in
                var mistake = mistake
                mistake.pointer = "/tests/\(number)/inputs" + mistake.pointer
                return mistake
            }
        }
        var limits = profile.limits
        limits.wallTime = min(limits.wallTime, test.time ?? limits.wallTime)
        limits.collectedBytes = min(limits.collectedBytes, Self.mostTestBytes)
        var generator = SystemRandomNumberGenerator()
        let job = JobID.make(at: clock.now())
        for attempt in 1...configuration.attempts {
            let attempt = AttemptSpec(
                id: AttemptID(job: job, number: attempt, nonce: generator.next()), rootfs: rootfs.name,
                seccomp: profile.seccomp, network: profile.network, limits: limits, cores: [], program: program.content,
                arguments: invocation.arguments, environment: invocation.environment, inputs: invocation.inputs,
                standardInput: invocation.standardInput, hasWritableRoot: program.manifest.hasWritableRoot)
            let sink = TestSink(for: test)
            let demand = demand(limits, owner: program.owner, priority: priority)
            switch await (try takingRunner()).pass(attempt, demand, sink: sink, until: deadline) {
            case .ended(let result):
                if case .systemError(let error) = result.outcome {
                    logger.warning("a test could not be run", metadata: ["error": .string(error.sentence)])
                    // It has waited for as long as runs wait for them: whoever publishes hears of it now, and not after three times that.
                    guard error.step != Self.coreStep else { throw Self.coresInUse(test) }
                    continue
                }
                return test.mistakes(
                    in: sink.evidence(result), number: number, of: program.manifest, longest: limits.wallTime)
            case .refused(let refusal): throw Self.refused(refusal)
            case .stopped:
                try Task.checkCancellation()
                throw ServiceError(.overloaded, "the service is stopping", retryAfter: .seconds(5))
            case .waited:
                throw ServiceError(
                    .overloaded, "the turn of test ‘\(test.name)’ did not come in time: send it again later",
                    retryAfter: .seconds(60))
            case .late: return [ManifestTest.overdue(number: number, limit: configuration.testTime)]
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

    /// Stores the files that a test submits; answers those that are not there.
    private func store(
        filesOf test: ManifestTest, number: Int, of program: TestedProgram,
        in files: inout [ManifestTest.Value: SubmittedFile], _ held: HeldBlobs
    ) async throws -> [Mistake] {
        var missing: [Mistake] = []
        for (field, values) in test.inputs.sorted(by: { $0.key < $1.key }) {
            for value in values where files[value] == nil {
                switch value {
                case .text: break
                case .programFile(let path):
                    guard let bytes = try await blobs.file(path, of: program.content) else {
                        missing.append(ManifestTest.missingFile(path, number: number, field: field))
                        continue
                    }
                    let name = path.split(separator: "/").last.map(String.init) ?? path
                    let stored = try await held.store(bytes)
                    files[value] = SubmittedFile(
                        name: name, content: stored.content, bytes: stored.bytes, mediaType: nil)
                case .inline(let name, let text):
                    let stored = try await held.store(Array(text.utf8))
                    files[value] = SubmittedFile(
                        name: name, content: stored.content, bytes: stored.bytes, mediaType: nil)
                }
            }
        }
        return missing
    }
}
