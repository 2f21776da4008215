import Logging
package import PanalCore
import Synchronization

/// Who reads outputs at this moment. What is being read is not removed.
final class OutputReads: Sendable {
    private let readers = Mutex<[JobID: Int]>([:])

    /// Lasts for as long as somebody has it.
    final class Read: Sendable {
        private let reads: OutputReads
        private let job: JobID

        fileprivate init(_ reads: OutputReads, _ job: JobID) {
            self.reads = reads
            self.job = job
        }

        deinit { reads.end(job) }
    }

    func begin(_ job: JobID) -> Read {
        readers.withLock { $0[job, default: 0] += 1 }
        return Read(self, job)
    }

    func isRead(_ job: JobID) -> Bool { readers.withLock { $0[job] != nil } }

    private func end(_ job: JobID) {
        readers.withLock { readers in
            let left = readers[job, default: 1] - 1
            readers[job] = left > 0 ? left : nil
        }
    }
}

/// How somebody's storage stands, and what of it goes next.
package struct StorageReport: Sendable {
    package var stored: Int
    /// Nil for no limit.
    package var most: Int?
    package var rule: RetentionRule
    package var overQuota: OverQuota
    /// Jobs whose removal is announced, the next first; the first few of them.
    package var leaving: [(job: JobID, at: Timestamp, bytes: Int)]

    /// Whether nine tenths of what may be stored are.
    package var isNearlyFull: Bool { most.map { Panal.isNearlyFull(stored, of: $0) } ?? false }
}

/// What ended jobs leave: for how long it is kept, and how it goes.
extension Panal {
    /// Jobs that one pass looks at, and jobs of one transaction: nobody else waits for longer than for that.
    static let pass = 200
    private static let share = 25

    /// What holds for whom at this moment.
    package var retention: RetentionPlan {
        let rule = settings.outputs
        var plan = RetentionPlan(common: rule)
        let tenancy = tenancy
        for user in tenancy.users {
            guard let days = tenancy.rights(of: user).outputDays else { continue }
            plan.own[user] = RetentionRule(lifetime: .seconds(days * 86_400), warning: rule.warning)
        }
        return plan
    }

    func withExpiry(_ job: Job) -> Job {
        guard let ended = job.ended, !job.keeping.isKept, job.keeping.removal == nil else { return job }
        var job = job
        job.outputsExpire = rule(of: job.owner).expiry(
            ended: ended, promised: job.keeping.promised, now: clock.now())
        return job
    }

    private func rule(of user: UserID) -> RetentionRule {
        var rule = settings.outputs
        if let days = tenancy.rights(of: user).outputDays { rule.lifetime = .seconds(days * 86_400) }
        return rule
    }

    /// Throws `gone` where a job's outputs have been removed.
    func checkPresence(of job: Job) throws {
        guard let removal = job.keeping.removal, !removal.isEmpty else { return }
        let why =
            switch removal.cause {
            case .age: "they were older than results are kept here"
            case .quota: "their owner had more stored than they may"
            case .request: "as was asked for"
            }
        throw ServiceError(.gone, "this job's outputs were removed on \(removal.at.rfc3339): \(why)")
    }

    // MARK: - What owners do

    /// Keeps a job's outputs whatever their age, or not any more. Throws `conflict` where as many as may be are kept already, `gone`
    /// where there are none any more.
    package func setKept(_ principal: Principal, _ id: JobID, to isKept: Bool) async throws -> Job {
        _ = try await owned(id, principal)
        let most = settings.keptJobs
        do {
            guard try await store.setKept(id, isKept, most: most) else {
                throw ServiceError(.conflict, "\(most) jobs are kept already, which is the most; let go of one first")
            }
        } catch StoreError.unknown {
            throw ServiceError(.gone, "this job's outputs have been removed")
        }
        return try await job(principal, id)
    }

    /// Removes what an ended job left, also where it is kept. Asking twice is no error. Throws `conflict` before the job's end.
    package func removeOutputs(_ principal: Principal, _ id: JobID) async throws -> Job {
        let found = try await owned(id, principal)
        guard found.state.isFinal else {
            throw ServiceError(.conflict, "the job has not ended; cancel it first")
        }
        _ = try await uncancelled { [self] in
            try await finishRemovals(try await remove([id], because: .request))
        }
        return try await job(principal, id)
    }

    /// One's own storage, or for administrators anybody's.
    package func storage(_ principal: Principal, of user: UserID? = nil) async throws -> StorageReport {
        let rights = try await rights(principal, of: user)
        let now = clock.now()
        let leaving = try await store.announcedOutputs(of: user ?? principal.user, limit: 5)
        var report = StorageReport(
            stored: rights.storedNow, most: rights.storedBytes, rule: rights.outputs, overQuota: settings.overQuota,
            leaving: [])
        for job in leaving {
            guard let stored = try await store.job(job.id),
                let at = rights.outputs.expiry(ended: job.ended, promised: stored.keeping.promised, now: now)
            else { continue }
            report.leaving.append((job.id, at, job.bytes))
        }
        return report
    }

    // MARK: - Room

    /// Throws `forbidden` with the numbers where `user` would have more stored than they may, and their oldest outputs may not or
    /// cannot make room.
    func checkStorage(of user: UserID, _ rights: Restriction, adding bytes: Int) async throws {
        guard let most = rights.storedBytes else { return }
        let stored = try await store.storedBytes(of: user)
        var room = most - stored
        if room < max(bytes, 1), settings.overQuota == .removeOldest {
            room += try await store.removableBytes(of: user)
        }
        guard room < max(bytes, 1) else { return }
        let wish = bytes > 0 ? ", and this needs \(ByteCount.text(bytes))" : ""
        var error = ServiceError(
            .forbidden,
            "you may have \(ByteCount.text(most)) stored; your programs and results have \(ByteCount.text(stored))\(wish)"
        )
        error.numbers = [
            "allowedBytes": .integer(most), "storedBytes": .integer(stored), "neededBytes": .integer(bytes),
        ]
        throw error
    }

    /// Where the rules say so, removes the oldest outputs of `user` until there is room for `bytes`. What is chosen here is looked at
    /// once more in the transaction: of many who want the same room at the same moment one makes it.
    func makeRoom(for user: UserID, bytes: Int) async throws {
        guard settings.overQuota == .removeOldest, let most = tenancy.rights(of: user).storedBytes else { return }
        while true {
            var missing = try await store.storedBytes(of: user) + bytes - most
            // Nothing goes where that would not be enough.
            guard missing > 0, try await store.removableBytes(of: user) >= missing else { return }
            var chosen: [JobID] = []
            for job in try await store.oldestOutputs(of: user, limit: Self.pass) where missing > 0 {
                guard chosen.count < Self.share, !reads.isRead(job.id) else { continue }
                chosen.append(job.id)
                missing -= job.bytes
            }
            // All that could go is being read.
            guard !chosen.isEmpty else { return }
            let removed = try await store.noteRemoved(chosen, of: user, downTo: most - bytes, at: clock.now())
            count(removed, because: .quota)
            try await finishRemovals(removed.map(\.job))
        }
    }

    /// The same for what is stored already; where it fails, the next sweep makes up for it.
    func makeRoom(behind user: UserID, bytes: Int = 0) async {
        do {
            try await makeRoom(for: user, bytes: bytes)
        } catch {
            logger.warning("no room could be made", metadata: ["user": "\(user)", "error": "\(error)"])
        }
    }

    // MARK: - The sweep

    /// Everything that is due at this moment, in passes between which others have their turn.
    func sweepOutputs() async {
        do {
            try await finishBegun()
            while try await sweepPass() { try await Task.sleep(for: .milliseconds(50)) }
            try await sweepClosedAccounts()
            let users = tenancy.users
            try await store.forgetFilling(exceptOf: users)
            for user in users {
                try await makeRoom(for: user, bytes: 0)
                try await noteFilling(of: user)
            }
            let figures = try await store.outputFigures()
            keptOutputs.withLock { $0 = figures }
        } catch is CancellationError {
        } catch {
            logger.warning("outputs could not be swept", metadata: ["error": "\(error)"])
        }
    }

    /// Tells somebody once when nine tenths of what they may store are stored, and again after it was less.
    private func noteFilling(of user: UserID) async throws {
        var isFilling = false
        if let most = tenancy.rights(of: user).storedBytes {
            isFilling = Self.isNearlyFull(try await store.storedBytes(of: user), of: most)
        }
        try await store.noteFilling(of: user, isFilling, at: clock.now())
        if isFilling { webhooks?.dispatcher.wake() }
    }

    fileprivate static func isNearlyFull(_ stored: Int, of most: Int) -> Bool { stored >= most - most / 10 }

    /// Brings begun removals to their end, past those that are held up by their readers.
    func finishBegun(pass: Int = Panal.pass) async throws {
        var last: JobID?
        repeat {
            let begun = try await store.unfinishedRemovals(after: last, limit: pass)
            do {
                try await finishRemovals(begun)
            } catch {
                // The next sweep tries again; what is due for everybody else goes on.
                logger.warning("outputs could not be removed", metadata: ["error": "\(error)"])
            }
            last = begun.count == pass ? begun.last : nil
            if last != nil { try await Task.sleep(for: .milliseconds(50)) }
        } while last != nil
    }

    /// Tells owners, and removes what is due; a bounded part of each. Answers whether there is more of it.
    func sweepPass() async throws -> Bool {
        var more = false
        let plan = retention
        let now = clock.now()
        if plan.removesAnything {
            let untold = try await store.outputsToAnnounce(plan, at: now, limit: Self.pass)
            for part in untold.parts(of: Self.share) {
                let promises = part.map { job -> (id: JobID, until: Timestamp) in
                    let rule = plan.rule(of: job.owner)
                    let age = job.ended + (rule.lifetime ?? .zero)
                    return (job.id, max(age, now + rule.warning))
                }
                try await store.announce(promises, at: now, tells: plan.common.warning > .zero)
            }
            if !untold.isEmpty { webhooks?.dispatcher.wake() }
            more = untold.count == Self.pass
        }
        let due = try await store.outputsDue(at: now, limit: Self.pass)
        var spared: [JobID] = []
        var chosen: [JobID] = []
        for job in due {
            let expiry = plan.rule(of: job.owner).expiry(ended: job.ended, promised: now, now: now)
            // What holds now may be longer than what held when its owner was told: they are told again when it comes near.
            guard let expiry, expiry <= now else {
                spared.append(job.id)
                continue
            }
            if !reads.isRead(job.id) { chosen.append(job.id) }
        }
        if !spared.isEmpty { try await store.takeBack(spared) }
        var removed = 0
        for part in chosen.parts(of: Self.share) {
            let gone = try await remove(part, because: .age)
            try await finishRemovals(gone)
            removed += gone.count
        }
        // Where all that is due is being read, another pass at once would come to nothing.
        return more || due.count == Self.pass && removed + spared.count > 0
    }

    /// Of accounts that are closed.
    func removeOutputs(of jobs: [JobID]) async throws {
        for part in jobs.parts(of: Self.share) { try await finishRemovals(try await remove(part, because: .request)) }
    }

    /// Notes that outputs go, and counts them. Answers of which jobs: the others' are none of what may be removed, or not any more.
    private func remove(_ jobs: [JobID], because cause: RemovalCause) async throws -> [JobID] {
        guard !jobs.isEmpty else { return [] }
        let removed = try await store.noteRemoved(jobs, because: cause, at: clock.now())
        count(removed, because: cause)
        return removed.map(\.job)
    }

    private func count(_ removed: [RemovedOutputs], because cause: RemovalCause) {
        let bytes = removed.reduce(0) { $0 + $1.removal.bytes }
        removedBytes.withLock { $0[cause, default: 0] += bytes }
        for job in removed where !job.removal.isEmpty {
            logger.info(
                "outputs removed",
                metadata: [
                    "job": "\(job.job)", "cause": "\(cause.rawValue)", "bytes": "\(job.removal.bytes)",
                ])
        }
    }

    /// Removes the files of what is noted as removed: not of what somebody still reads, which a later pass finds. What others have
    /// too stays, and what nobody has is found by the next housekeeping.
    private func finishRemovals(_ jobs: [JobID]) async throws {
        let free = jobs.filter { !reads.isRead($0) }
        for part in free.parts(of: Self.share) {
            try await blobs.removeStreams(of: part)
            try await store.noteFilesGone(of: part)
        }
    }
}

extension Array {
    /// One after the other, `size` elements each but for the last.
    fileprivate func parts(of size: Int) -> [[Element]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}
