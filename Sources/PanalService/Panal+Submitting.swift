import Logging
package import PanalCore
import PanalManifest
import PanalScheduler

/// A batch and how its jobs stand.
package struct BatchReport: Sendable {
    package let batch: JobBatch
    /// In the order in which they were submitted.
    package let jobs: [Job]

    package var isFinal: Bool { jobs.allSatisfy(\.state.isFinal) }
}

extension Panal {
    /// Carries `body` out as the only one with this key: nobody else may be under way with the same one, or `conflict` is thrown.
    /// Without a key it is simply carried out. It is to read and submit a request, and to end when that is stored.
    package func inTurn<Value: Sendable>(
        _ principal: Principal, _ key: RetryKey?, _ body: () async throws -> Value
    ) async throws -> Value {
        guard let key else { return try await body() }
        let turn = RetryTurns.Turn(owner: principal.user, key: key)
        guard retries.take(turn) else {
            throw ServiceError(
                .conflict, "a request with this Idempotency-Key is being carried out", retryAfter: .seconds(1))
        }
        defer { retries.end(turn) }
        return try await body()
    }

    /// Takes a job as `submit` does, or finds the one that the same request made before.
    ///
    /// Throws `invalid` when the key was another request's. A request that was refused has left nothing, so its key is free.
    package func submit(
        _ principal: Principal, _ request: JobRequest, once key: RetryKey, isTold: Bool = true
    ) async throws -> (job: Job, isRepeated: Bool) {
        let mark = try key.mark(of: request.document, owner: principal.user, at: clock.now())
        if let job = try await earlier(mark)?.job { return (try await self.job(principal, job), true) }
        let runner = try takingRunner()
        let prepared = try await prepare(
            principal, program: request.program, version: request.version, profile: request.profile,
            priority: request.priority, submission: request.submission, runner)
        if let callback = request.callback { try await checkCallback(principal, callback) }
        let draft = draft(of: try await storingTexts(of: prepared), request.priority, principal, request.callback)
        try await acknowledge([(prepared, draft)], mark: mark, isTold: isTold, runner)
        return (draft.job, false)
    }

    /// Takes jobs of one program, all or none: where one of them is wrong or refused, none is stored. Those of a gang also start in one
    /// step: each waits until there is room for all. With a key it finds the batch that the same request made before.
    ///
    /// Throws as `submit` does; a mistake's place begins with the number of its job, from 0, and is `/together` for a gang that this
    /// installation never has room for.
    package func submit(
        _ principal: Principal, together requests: [JobRequest], isGang: Bool = false, once key: RetryKey?
    ) async throws -> (report: BatchReport, isRepeated: Bool) {
        let first = try Self.first(of: requests)
        let now = clock.now()
        let mark = try key.map { key in
            let document = JSONValue.array(requests.map(\.document))
            return try key.mark(of: isGang ? ["together": document] : document, owner: principal.user, at: now)
        }
        if let mark, let batch = try await earlier(mark)?.batch {
            return (try await self.batch(principal, batch), true)
        }
        let runner = try takingRunner()
        var prepared = try await prepare(principal, together: requests, runner)
        let batch = JobBatch(
            id: .make(at: now), owner: principal.user, programName: first.program, submitted: now,
            size: prepared.count, isGang: isGang)
        for place in prepared.indices { prepared[place] = try await storingTexts(of: prepared[place]) }
        let drafts = zip(prepared, requests).map { ($0, draft(of: $0, $1.priority, principal, $1.callback)) }
        try await acknowledge(drafts, batch: batch, mark: mark, runner)
        return (BatchReport(batch: batch, jobs: drafts.map(\.1.job)), false)
    }

    /// What would become of a batch now, as `estimate` says it of one job. Nothing is stored and nothing changes. Throws `invalid` for none and
    /// for too many.
    package func estimate(
        _ principal: Principal, together requests: [JobRequest], isGang: Bool = false
    ) async throws -> BatchEstimate {
        let request = try Self.first(of: requests)
        let runner = try takingRunner()
        var batch = BatchEstimate(
            whole: JobEstimate(priority: request.priority, startsNow: false), size: requests.count, isGang: isGang)
        let prepared: [PreparedJob]
        do {
            prepared = try await prepare(principal, together: requests, runner)
        } catch let error as ServiceError where error.code != .notFound && error.code != .internal {
            batch.whole.refusal = error
            return batch
        }
        guard let first = prepared.first else { return batch }
        try await estimate(first, &batch.whole)
        for job in prepared {
            batch.most = min(.largest, batch.most + job.charge.mostCost)
            batch.hold = min(.largest, batch.hold + job.charge.hold)
        }
        batch.whole.refusal = batch.whole.standing?.refusal(of: batch.hold).map { ServiceError($0) }
        let forecast = await runner.scheduler.forecast(together: prepared.map(\.demand), isGang: isGang)
        if case .refused(let refusal) = forecast, isGang, refusal.kind == .impossible {
            batch.whole.refusal =
                batch.whole.refusal ?? ServiceError(.invalid, mistake: "/together", refusal.reason)
        } else {
            note(forecast, in: &batch.whole)
        }
        return batch
    }

    private static func first(of requests: [JobRequest]) throws -> JobRequest {
        guard let first = requests.first, requests.count <= largestBatch else {
            throw ServiceError(.invalid, mistake: "/submissions", "1 to \(largestBatch) submissions")
        }
        return first
    }

    /// Prepares all of them. Throws `invalid` with the mistakes of each, whose places begin with the number of their job.
    private func prepare(
        _ principal: Principal, together requests: [JobRequest], _ runner: JobRunner
    ) async throws -> [PreparedJob] {
        var prepared: [PreparedJob] = []
        var mistakes: [Mistake] = []
        var texts = 0
        for (place, request) in requests.enumerated() {
            do {
                prepared.append(
                    try await prepare(
                        principal, program: request.program, version: request.version, profile: request.profile,
                        priority: request.priority, submission: request.submission, runner))
                if let callback = request.callback { try await checkCallback(principal, callback) }
            } catch let error as ServiceError where error.code == .invalid {
                mistakes += error.mistakes.map {
                    Mistake(
                        pointer: "/submissions/\(place)\($0.pointer)", detail: $0.detail, spanish: $0.spanish,
                        code: $0.code)
                }
                guard mistakes.count < 100 else { break }
                continue
            }
            // Not among the mistakes that are gathered: nothing more is prepared.
            texts += prepared.last?.invocation.textBytes ?? 0
            guard texts <= Self.largestBatchTexts else {
                let most = ByteCount.text(Self.largestBatchTexts)
                throw ServiceError(
                    .invalid, mistake: "/submissions/\(place)",
                    "the texts of a batch, and what fields are filled with, come to more than \(most)")
            }
        }
        guard mistakes.isEmpty else {
            throw ServiceError(.invalid, "some submissions have mistakes; none was taken", mistakes: mistakes)
        }
        return prepared
    }

    /// Jobs of one batch, at most.
    package static let largestBatch = 1_000

    /// Bytes of all texts of one batch that programs get as files or as standard input.
    static let largestBatchTexts = 16 << 20

    /// A batch of one's own, for administrators anybody's.
    package func batch(_ principal: Principal, _ id: BatchID) async throws -> BatchReport {
        guard let batch = try await store.batch(id), batch.owner == principal.user || principal.isAdministrator else {
            throw ServiceError(.notFound, "there is no such batch")
        }
        return BatchReport(batch: batch, jobs: try await withMeanings(try await store.jobs(of: id)))
    }

    /// The batch that a job of one's own came with; nil where it came alone.
    package func batch(_ principal: Principal, of job: JobID) async throws -> JobBatch? {
        _ = try await owned(job, principal)
        return try await store.batch(of: job)
    }

    /// Asks for the end of all jobs of a batch, as `cancel` does for one. Those that came last are asked first, so that none starts
    /// because another one has ended.
    package func cancel(_ principal: Principal, batch id: BatchID) async throws -> BatchReport {
        for job in try await batch(principal, id).jobs.reversed() where !job.state.isFinal {
            _ = try await cancel(principal, job.id)
        }
        return try await batch(principal, id)
    }

    /// The batch as it is when all its jobs have ended or when `atMost` has passed.
    package func wait(_ principal: Principal, batch id: BatchID, atMost: Duration) async throws -> BatchReport {
        let end = ContinuousClock.now + atMost
        for job in try await batch(principal, id).jobs where !job.state.isFinal {
            let rest = end - .now
            guard rest > .zero else { break }
            _ = try await wait(principal, job: job.id, atMost: rest)
        }
        return try await batch(principal, id)
    }

    /// Gives what was prepared to the scheduler and stores it, all or none: jobs that it starts at once are stored as what they then are, in
    /// one transaction, and their programs begin behind that. Throws `overloaded` or `invalid` where the scheduler does not take them, and
    /// `unaffordable`; nothing is stored then.
    func acknowledge(
        _ jobs: [(prepared: PreparedJob, draft: JobDraft)], batch: JobBatch? = nil, mark: RetryMark? = nil,
        isTold: Bool = true, _ runner: JobRunner
    ) async throws {
        // The images that they are to run in stay until the jobs are stored.
        defer { withExtendedLifetime(jobs) {} }
        try await uncancelled { [self] in
            let gate = StoreGate()
            let refusal = await runner.submit(
                jobs.map { job in
                    SubmittedJob(
                        attempt: job.draft.attempt, manifest: job.prepared.program.manifest,
                        demand: job.prepared.demand)
                }, isGang: batch?.isGang == true, behind: gate)
            if let refusal {
                // Those of a batch that the scheduler forgot with the one that it refused.
                await runner.abandon(jobs.map(\.draft.job.id), behind: gate)
                logger.info("job refused", metadata: ["reason": "\(refusal.reason)"])
                if batch?.isGang == true, refusal.kind == .impossible {
                    throw ServiceError(.invalid, mistake: "/together", refusal.reason)
                }
                throw Self.refused(refusal)
            }
            let now = clock.now()
            let drafts = jobs.map { job in
                var draft = job.draft
                draft.steps = runner.firstSteps(of: draft.job.id, at: now)
                return draft
            }
            do {
                // One that waits for others is seen by others for as long.
                _ = try await store.insert(
                    drafts, batch: batch, mark: mark, marksSince: now + .seconds(-RetryKey.lifetime),
                    isSynchronized: isTold || drafts.contains(where: \.steps.isEmpty))
            } catch {
                await runner.abandon(jobs.map(\.draft.job.id), behind: gate)
                if let refusal = error as? LedgerRefusal { throw ServiceError(refusal) }
                if case StoreError.repeated(let earlier) = error { throw Self.repeated(earlier) }
                throw error
            }
            // Not before: nobody's outputs go for a job that is refused.
            for owner in Set(jobs.map(\.draft.job.owner)) { await makeRoom(behind: owner, bytes: 1) }
            gate.open(isStored: true)
            // What holds for their owners may have changed since it was looked at.
            let isLate = jobs.contains { terms.terms(of: $0.draft.job.owner) != $0.prepared.demand.terms }
            if isLate { await runner.bind(terms) }
        }
    }

    /// Somebody was faster with the same key, in this very moment: another process, or a request of another kind.
    static func repeated(_ earlier: RetriedRequest) -> ServiceError {
        var error = ServiceError(
            .conflict, "another request with this Idempotency-Key was stored in this moment; send it again",
            retryAfter: .seconds(1))
        if let job = earlier.job { error.numbers["job"] = .string(job.text) }
        if let batch = earlier.batch { error.numbers["batch"] = .string(batch.text) }
        if let image = earlier.image { error.numbers["image"] = .string(image.text) }
        return error
    }

    /// What the same request came to within the last day; nil when it is new.
    func earlier(_ mark: RetryMark) async throws -> RetriedRequest? {
        guard let earlier = try await store.request(marked: mark.key, of: mark.owner),
            earlier.mark.at >= mark.at + .seconds(-RetryKey.lifetime)
        else { return nil }
        guard earlier.mark.request == mark.request else {
            throw ServiceError(
                .invalid, mistake: "/Idempotency-Key", "was sent with another request before; make a new one for this")
        }
        return earlier
    }
}
