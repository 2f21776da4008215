import Logging
package import PanalCore
import Synchronization

/// What a copy of a running job is to be.
package struct CopyRequest: Hashable, Sendable {
    /// What becomes of the job once it is copied.
    package enum Then: String, Hashable, Sendable, CaseIterable {
        case goOn = "continue"
        case end
    }

    /// The image's, for people.
    package var name: String
    package var then: Then

    package init(name: String, then: Then = .goOn) {
        self.name = name
        self.then = then
    }

    func document(_ job: JobID) -> JSONValue {
        ["copy": .string(job.text), "name": .string(name), "then": .string(then.rawValue)]
    }
}

extension Panal {
    /// Begins to make an image, the principal's own, of a running job's files as they are now: the job stands still while they are copied, and
    /// goes on or ends behind that. The image is *copying* when this returns, and *available* or *unavailable* some time after; where it
    /// comes to nothing the job goes on, whatever was wanted of it.
    ///
    /// Throws `conflict` for a job that does not run, that may not write to its root, or that is being copied; `forbidden` where the
    /// principal may have no images or does not see the one that the job runs in; `tooLarge` where they have no room for what it comes to.
    /// With a key it finds the image that the same request made before.
    package func copy(
        _ principal: Principal, _ id: JobID, _ request: CopyRequest, once key: RetryKey? = nil
    ) async throws -> (image: RootfsEntry, isRepeated: Bool) {
        let place = try rootfsPlace()
        let mark = try key?.mark(of: request.document(id), owner: principal.user, at: clock.now())
        if let mark, let image = try await earlier(mark)?.image {
            return (try await rootfsImage(principal, image), true)
        }
        let runner = try takingRunner()
        let job = try await owned(id, principal)
        try Self.check(name: request.name)
        guard job.state == .running, let base = job.rootfs.flatMap(ContentHash.init(hex:)), job.hasWritableRoot == true,
            executor.canCopyRoots
        else { throw Self.noCopy(of: job) }
        guard let origin = rootfsImage(principal, with: base.hex) else {
            throw ServiceError(.forbidden, "the image that it runs in is its owner’s alone")
        }
        guard let facts = try await place.library.facts(of: base) else { throw Self.noImage }
        let imageID = RootfsID.make(at: clock.now())
        let room = try place.reserve(imageID, for: principal)
        var isBegun = false
        defer { if !isBegun { place.release(imageID) } }
        // Its base may go, and then all of it is its own.
        let rest = room - facts.diskBytes
        guard rest > 0 else {
            throw ServiceError(
                .tooLarge,
                "a copy counts as a whole, with the \(ByteCount.text(facts.diskBytes)) of the image that it began in, and you have \(ByteCount.text(room)) left"
            )
        }
        let now = clock.now()
        let image = RootfsImage(
            id: imageID, name: request.name, owner: principal.user, isPublic: false, state: .copying,
            environment: origin.environment, created: now, changed: now, origin: id)
        let copy = try await uncancelled {
            do {
                try await place.store.insert(image, mark: mark, marksSince: now + .seconds(-RetryKey.lifetime))
            } catch StoreError.repeated(let earlier) {
                throw Self.repeated(earlier)
            }
            do {
                try await place.reload()
                return try await runner.beginCopy(of: id, as: imageID, for: principal.name)
            } catch {
                try await place.store.deleteRootfsImage(imageID)
                try await place.reload()
                guard let refusal = error as? JobRunner.CopyRefusal else { throw error }
                throw refusal == .oneAtATime
                    ? ServiceError(.conflict, "it is being copied", retryAfter: .seconds(5))
                    : ServiceError(.conflict, "only a job that runs can be copied")
            }
        }
        isBegun = true
        place.works.withLock { works in
            // It takes itself out at its end, behind this.
            works.tasks[imageID] = Task { await self.carryOut(copy, image, base, request.then, rest, runner, place) }
        }
        logger.info("copy begun", metadata: ["job": "\(id)", "image": "\(imageID)", "name": "\(image.name)"])
        return (RootfsEntry(image: image, ownerName: principal.name, aliases: []), false)
    }

    private static func noCopy(of job: Job) -> ServiceError {
        if job.state.isFinal { return ServiceError(.conflict, "it has ended: only a job that runs can be copied") }
        guard job.hasWritableRoot == true else {
            return ServiceError(
                .conflict, "it may not write to its file system: its manifest does not say \"writable\": true")
        }
        guard job.state == .running else {
            return ServiceError(.conflict, "it is \(job.state.rawValue): only a job that runs can be copied")
        }
        return ServiceError(.conflict, "this host cannot copy what programs write")
    }

    /// What became of a copy.
    private struct Copied {
        var facts: RootfsFacts
        var skipped: [String]
    }

    private func carryOut(
        _ copy: RootCopy, _ image: RootfsImage, _ base: ContentHash, _ then: CopyRequest.Then, _ rest: Int,
        _ runner: JobRunner, _ place: RootfsPlace
    ) async {
        var made = image
        var isSaving = false
        do {
            try await place.waitForCollection()
            try await runner.standStill(for: copy)
            let copied = try await holding { held in
                isSaving = true
                let (layer, skipped) = try await save(copy, rest, held, runner)
                isSaving = false
                // Where it goes on it does so now: its files are safe.
                if then == .goOn { await runner.goOn(behind: copy) }
                let facts = try await derive(layer, base, rest, then == .end ? copy : nil, place)
                return Copied(facts: facts, skipped: skipped)
            }
            made.digest = copied.facts.digest
            made.bytes = copied.facts.diskBytes
            made.state = .available
            if !copied.skipped.isEmpty { made.message = "not taken: " + copied.skipped.joined(separator: "; ") }
        } catch {
            (made.state, made.message) = (.unavailable, reason(error, isSaving && runner.isOver(copy), image))
        }
        await record(made, insteadOf: image, place)
        switch copy.failure {
        // Its end tells, or the next process: nobody wakes what is still being read.
        case .ended: runner.forget(copy)
        case .stopped where isSaving: runner.forget(copy)
        case nil where made.state == .available && then == .end: await runner.end(behind: copy)
        default: await runner.goOn(behind: copy, made.message.map { "it was not copied: \($0)" })
        }
        place.works.withLock { $0.tasks[image.id] = nil }
        place.release(image.id)
        logger.info("copy ended", metadata: ["image": "\(image.id)", "state": "\(made.state.rawValue)"])
    }

    private func reason(_ error: any Error, _ isOver: Bool, _ image: RootfsImage) -> String {
        switch error {
        case RootCopy.Failure.late(let words): return words
        case RootCopy.Failure.stopped, is CancellationError:
            return "it was not finished in time, or the server ended meanwhile"
        // However it was noticed.
        case RootCopy.Failure.ended: return "the job ended before it was copied"
        case _ where isOver: return "the job ended before it was copied"
        case let error as ArchiveError: return "refused: \(error.sentence)"
        case let error as SystemError: return error.sentence
        default:
            logger.warning("a job could not be copied", metadata: ["image": "\(image.id)", "error": "\(error)"])
            return "it could not be made: \(error)"
        }
    }

    /// What the job has changed, as a blob.
    private func save(
        _ copy: RootCopy, _ rest: Int, _ held: HeldBlobs, _ runner: JobRunner
    ) async throws -> (layer: ContentHash, skipped: [String]) {
        let skipped = Mutex<[String]>([])
        let most = min(rest, runner.mostBytes(of: copy))
        let saving = Task { [executor] in
            try await held.store { file in
                let copied = try await executor.copyRoot(of: copy.attempt, into: file, maximumBytes: most)
                skipped.withLock { $0 = copied.skipped }
            }.content
        }
        // Where nobody waits for it any more it still writes, for a while.
        held.stay(for: Task { _ = await saving.result })
        let layer = try await copy.waiting(for: saving)
        return (layer, skipped.withLock(\.self))
    }

    /// `copy` where the job waits for the image.
    private func derive(
        _ layer: ContentHash, _ base: ContentHash, _ rest: Int, _ copy: RootCopy?, _ place: RootfsPlace
    ) async throws -> RootfsFacts {
        let deriving = Task {
            try await place.library.derive(from: base, layer: layer, maximumBytes: rest).facts
        }
        let late = Task {
            try await Task.sleep(for: RootfsState.copying.deadline?.after ?? .seconds(1_800))
            deriving.cancel()
        }
        defer { late.cancel() }
        do {
            return try await withTaskCancellationHandler {
                guard let copy else { return try await deriving.value }
                return try await copy.waiting(for: deriving)
            } onCancel: {
                deriving.cancel()
            }
        } catch {
            // Nothing is made any more once this has told of it.
            deriving.cancel()
            _ = await deriving.result
            throw error
        }
    }
}

extension JobRunner {
    /// What the archive of a job's root may come to at most: all that its scratch holds, and what names take in an archive.
    fileprivate func mostBytes(of copy: RootCopy) -> Int {
        let limits = state.withLock { $0.live[copy.attempt.job]?.attempt.limits }
        guard let limits else { return 0 }
        return limits.scratchBytes + 4_096 * limits.scratchFiles + (1 << 20)
    }
}
