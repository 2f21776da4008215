import Logging
package import PanalCore
package import PanalManifest
import PanalPublication
import PanalScheduler

extension Panal {
    /// Takes a job: it is stored when this returns and will come to a final state, whatever happens to the service.
    ///
    /// Without `version` the newest runs, without `profile` the one that the manifest suggests. Throws `notFound` for an unknown
    /// program, `invalid` with every wrong field (pointer `/profile` for the profile, `/priority` for the priority), and `overloaded`
    /// when the queue or the user's part of it is full or the service is stopping, `unaffordable` with the numbers where credits are on
    /// and the most that it may cost cannot be set aside; then nothing was stored. `high` is for administrators, others get
    /// `forbidden`.
    ///
    /// Without `isTold` nobody is told of the job before it has ended or `settleDown` has returned: a power cut may take it back until
    /// then, and one synchronization of the disk serves the submission and the end of a short job.
    package func submit(
        _ principal: Principal, program name: String, version: Int? = nil, profile: String? = nil,
        priority: PriorityClass = .normal, submission: Submission, callback: JobCallback? = nil, isTold: Bool = true
    ) async throws -> Job {
        let runner = try takingRunner()
        let prepared = try await prepare(
            principal, program: name, version: version, profile: profile, priority: priority, submission: submission,
            runner)
        if let callback { try await checkCallback(principal, callback) }
        let draft = draft(of: try await storingTexts(of: prepared), priority, principal, callback)
        try await acknowledge([(prepared, draft)], isTold: isTold, runner)
        return draft.job
    }

    /// All jobs that were taken before are on the disk when this returns.
    package func settleDown() async throws { try await store.synchronize() }

    /// The job and the attempt that a prepared submission becomes.
    func draft(
        of prepared: PreparedJob, _ priority: PriorityClass, _ principal: Principal, _ callback: JobCallback?
    ) -> JobDraft {
        let (program, chosen, invocation) = (prepared.program, prepared.profile, prepared.invocation)
        let now = clock.now()
        var job = Job(
            id: .make(at: now), owner: principal.user, program: program.program.id, programName: program.program.name,
            version: program.version.number, profile: chosen.name, priority: priority, state: .queued, submitted: now,
            fields: invocation.fields, charge: prepared.charge)
        job.rootfs = prepared.rootfs.name
        job.hasWritableRoot = program.manifest.hasWritableRoot
        var generator = SystemRandomNumberGenerator()
        let attempt = AttemptSpec(
            id: AttemptID(job: job.id, number: 1, nonce: generator.next()), rootfs: prepared.rootfs.name,
            seccomp: chosen.seccomp, network: chosen.network, limits: chosen.limits, cores: [],
            program: program.version.content, arguments: invocation.arguments, environment: invocation.environment,
            inputs: invocation.inputs, standardInput: invocation.standardInput,
            isIdle: priority == .opportunistic, hasWritableRoot: program.manifest.hasWritableRoot)
        return JobDraft(
            job: job, attempt: attempt, hasSecrets: !invocation.secretIDs.isEmpty, callback: callback,
            trace: TraceContext.current?.header)
    }

    /// The job as it is when it ends or when `atMost` has passed, whichever comes first. `isNew` where `principal` has submitted it in
    /// this moment, so that nobody has to look whose it is.
    package func wait(
        _ principal: Principal, job id: JobID, atMost: Duration, isNew: Bool = false
    ) async throws -> Job {
        guard atMost > .zero else { return try await job(principal, id) }
        return try await signals.waiting(for: id, until: .now + atMost) { waiter in
            // A job that is still carried out ends after the registration, and is not looked at before that.
            if isNew, runner?.isLive(id) == true, await !waiter.next() { return try await self.job(principal, id) }
            // After the registration: an end before it is seen here, an end after it is signalled.
            while true {
                let job = try await owned(id, principal)
                if job.state.isFinal { return try await withMeaning(job) }
                guard await waiter.next() else { return try await self.job(principal, id) }
            }
        }
    }

    /// A job; while it waits or stands still its message says for what, while it runs its streams show what was written so far.
    package func job(_ principal: Principal, _ id: JobID) async throws -> Job {
        var job = try await owned(id, principal)
        switch job.state {
        case .queued:
            let report = await runner?.waitingReport(of: id)
            job.message = report?.reason.sentence
            job.waiting = report?.reason
            job.estimatedStart = report?.estimatedStart
            job.ahead = report?.ahead
        case .configuring, .deploying, .running, .reconnecting, .copyRequested, .copying, .finishing:
            job.output.bytes = try await blobs.stream(.output, of: id).size
            job.error.bytes = try await blobs.stream(.error, of: id).size
            job.standstill = runner?.standstill(of: id)
            job.message = job.standstill?.sentence ?? job.message
        case .finished, .failed, .cancelled: break
        }
        job.copies = copies(of: id, principal)
        return try await withMeaning(withExpiry(job))
    }

    /// Jobs, the newest first, `limit` (1 to 1000) of them from before `before` on. `everyone` is for administrators, others get
    /// `forbidden`; without it administrators too see their own.
    package func jobs(
        _ principal: Principal, program: String? = nil, state: JobState? = nil, batch: BatchID? = nil,
        before: JobPlace? = nil, limit: Int = 50, everyone: Bool = false
    ) async throws -> [Job] {
        if everyone { try requireAdministrator(principal) }
        let query = JobQuery(
            owner: everyone ? nil : principal.user, program: program, state: state, batch: batch, before: before,
            limit: min(max(limit, 1), 1_000))
        return try await withMeanings(try await store.jobs(query))
    }

    /// The states that a job went through, the oldest first.
    package func history(_ principal: Principal, _ id: JobID) async throws -> [JobEvent] {
        _ = try await owned(id, principal)
        return try await store.events(of: id)
    }

    /// Asks for a job's end. A waiting job is cancelled at once, and with it the gang that it waits in; one that runs a moment later
    /// (`wait` for it), whatever happens to the service meanwhile; a job that has ended stays as it is. Asking twice is no error.
    package func cancel(_ principal: Principal, _ id: JobID) async throws -> Job {
        _ = try await owned(id, principal)
        let ending = JobEnding.cancelledBeforeStart(by: principal.name)
        try await uncancelled { [self] in
            // One that runs may be on its way back into the queue: until either has met it.
            repeat {
                let change = JobChange(
                    to: ending.state, at: clock.now(), message: ending.message, result: ending.result)
                if let runner {
                    if try await runner.endWaiting(id, change) { return }
                } else if try await store.change(id, from: .queued, [change]) != nil {
                    return signals.post(.end, about: id)
                }
                try await store.noteCancel(of: id, by: principal.name)
                await runner?.cancel(id, by: principal.name)
            } while try await store.job(id)?.state == .queued
        }
        return try await job(principal, id)
    }

    /// What a job wrote to a stream, so far or in all; `range` in bytes, clamped to what is there. Throws `gone` where it has been
    /// removed, like ``file(_:_:path:range:)``.
    package func output(
        _ principal: Principal, _ id: JobID, stream: OutputStream, range: Range<Int>? = nil
    ) async throws -> StoredBytes {
        let reading = reads.begin(id)
        try checkPresence(of: try await owned(id, principal))
        return try await blobs.stream(stream, of: id).narrowed(to: range).holding(reading)
    }

    /// An element at once and whenever the job's state changed or it wrote something; ends after its final state. For live pages:
    /// read the job and its output after each element.
    package func changes(_ principal: Principal, _ id: JobID) async throws -> AsyncStream<Void> {
        _ = try await owned(id, principal)
        let heard = signals.listen(to: id, [.state, .end, .output])
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let store = store
        let task = Task {
            continuation.yield()
            var iterator = heard.makeAsyncIterator()
            while let job = try? await store.job(id), !job.state.isFinal, await iterator.next() != nil {
                continuation.yield()
            }
            continuation.finish()
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }

    /// A result file by its path in the work folder.
    package func file(
        _ principal: Principal, _ id: JobID, path: String, range: Range<Int>? = nil
    ) async throws -> (file: JobFile, bytes: StoredBytes) {
        let reading = reads.begin(id)
        let job = try await owned(id, principal)
        guard let file = job.files.first(where: { $0.path == path }) else {
            throw ServiceError(.notFound, "this job has no result file ‘\(path)’")
        }
        try checkPresence(of: job)
        return (file, try await blobs.blob(file.content).narrowed(to: range).holding(reading))
    }

    /// All result files of a job as one tar archive, in a folder of the program's name.
    package func archive(_ principal: Principal, _ id: JobID) async throws -> StoredBytes {
        let reading = reads.begin(id)
        let job = try await owned(id, principal)
        guard !job.files.isEmpty else { throw ServiceError(.notFound, "this job has no result files") }
        try checkPresence(of: job)
        let files = job.files.map { (path: "\(job.programName)/\($0.path)", content: $0.content) }
        return try await blobs.archive(files).holding(reading)
    }

    /// The files that a job was given for a field, to give them to another one.
    package func inputFiles(_ principal: Principal, _ id: JobID, of field: String) async throws -> [SubmittedFile] {
        let job = try await owned(id, principal)
        var files: [SubmittedFile] = []
        for file in job.fields.first(where: { $0.id == field })?.files ?? [] {
            let bytes = try await blobs.renew(file.content)
            files.append(SubmittedFile(name: file.name, content: file.content, bytes: bytes, mediaType: nil))
        }
        return files
    }

    func owned(_ id: JobID, _ principal: Principal) async throws -> Job {
        guard let job = try await store.job(id), job.owner == principal.user || principal.isAdministrator else {
            throw ServiceError(.notFound, "there is no such job")
        }
        return job
    }

    func profile(named name: String?, for manifest: Manifest, _ rights: Restriction) throws -> Profile {
        let wanted = name ?? manifest.suggestedProfile ?? settings.defaultProfile
        guard let profile = profileList.first(where: { $0.name == wanted }) else {
            throw ServiceError(.invalid, mistake: "/profile", Self.unknownProfile(wanted, profileList))
        }
        if let allowed = rights.profiles, !allowed.contains(profile.name) {
            let names = profileList.map(\.name).filter(allowed.contains)
            throw ServiceError(
                .invalid, mistake: "/profile",
                "you may not use profile \(wanted); you may use \(names.isEmpty ? "none" : names.joined(separator: ", "))"
            )
        }
        let smallest = manifest.resources.smallest.flatMap { name in profileList.first { $0.name == name } }
        let refusal =
            capacity.refusal(of: profile.limits)
            ?? manifest.resources.refusal(of: profile, smallest: smallest)
        guard let refusal else { return profile }
        let fitting = profileList.filter {
            capacity.refusal(of: $0.limits) == nil && rights.profiles?.contains($0.name) ?? true
                && manifest.resources.refusal(of: $0, smallest: smallest) == nil
        }
        let advice =
            fitting.isEmpty
            ? "no profile here would fit" : "choose \(fitting.map(\.name).joined(separator: " or "))"
        throw ServiceError(.invalid, mistake: "/profile", "profile \(wanted): \(refusal); \(advice)")
    }

    static func refused(_ refusal: Refusal) -> ServiceError {
        switch refusal.kind {
        case .full: ServiceError(.overloaded, refusal.reason, retryAfter: refusal.retryAfter ?? .seconds(10))
        case .impossible: ServiceError(.invalid, mistake: "/profile", refusal.reason)
        }
    }
}
