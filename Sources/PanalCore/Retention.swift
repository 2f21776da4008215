/// For how long what a job leaves is kept: its two streams, its result files, and the inputs it was given. Its record stays.
package struct RetentionRule: Hashable, Sendable {
    /// From the job's end on; nil for good.
    package var lifetime: Duration?
    /// From telling its owner until its removal, at least. With zero nobody is told.
    package var warning: Duration

    package init(lifetime: Duration? = nil, warning: Duration = .zero) {
        self.lifetime = lifetime
        self.warning = warning
    }

    /// The owners of jobs that ended then or earlier are to be told at `now`; nil where nothing is ever removed.
    package func tells(at now: Timestamp) -> Timestamp? { lifetime.map { now + (warning - $0) } }

    /// Until when the outputs of a job are kept at least: for their lifetime, and for as long as was promised when the owner was told
    /// (`promised`; nil where they have not been). Nil for good.
    ///
    /// Where an owner should have been told already, they are told within the hour: the answer is the same for all of that hour.
    package func expiry(ended: Timestamp, promised: Timestamp?, now: Timestamp) -> Timestamp? {
        guard let lifetime else { return nil }
        let age = ended + lifetime
        if let promised { return max(age, promised) }
        guard let due = tells(at: now), ended <= due else { return age }
        let hour: Int64 = 3_600_000_000
        return max(age, Timestamp(microseconds: (now.microseconds / hour + 1) * hour) + warning)
    }
}

/// Which rule holds for whom.
package struct RetentionPlan: Hashable, Sendable {
    /// For who has none of their own.
    package var common: RetentionRule
    package var own: [UserID: RetentionRule]

    package init(common: RetentionRule, own: [UserID: RetentionRule] = [:]) {
        self.common = common
        self.own = own
    }

    package func rule(of user: UserID) -> RetentionRule { own[user] ?? common }

    /// Whether anything is ever removed for its age.
    package var removesAnything: Bool { common.lifetime != nil || own.values.contains { $0.lifetime != nil } }
}

/// Why outputs were removed.
package enum RemovalCause: String, Hashable, Sendable, Codable, CaseIterable {
    /// They were older than they are kept.
    case age
    /// Their owner had more stored than they may.
    case quota
    /// Their owner or an administrator asked for it.
    case request
}

/// That a job's outputs are gone.
package struct OutputRemoval: Hashable, Sendable, Codable {
    package var at: Timestamp
    package var cause: RemovalCause
    /// Of both streams and all result files.
    package var bytes: Int
    package var files: Int

    package init(at: Timestamp, cause: RemovalCause, bytes: Int, files: Int) {
        self.at = at
        self.cause = cause
        self.bytes = bytes
        self.files = files
    }

    /// Whether the job had left nothing, so that nobody misses anything.
    package var isEmpty: Bool { bytes == 0 && files == 0 }
}

/// What becomes of a job's outputs.
package struct OutputKeeping: Hashable, Sendable, Codable {
    /// Kept whatever their age, by their owner's wish.
    package var isKept: Bool
    /// Until when they stay at least, as their owner was told; nil before that.
    package var promised: Timestamp?
    package var removal: OutputRemoval?

    package init(isKept: Bool = false, promised: Timestamp? = nil, removal: OutputRemoval? = nil) {
        self.isKept = isKept
        self.promised = promised
        self.removal = removal
    }
}

/// A job that has ended, as far as its outputs are concerned.
package struct EndedJob: Hashable, Sendable {
    package var id: JobID
    package var owner: UserID
    package var ended: Timestamp
    /// Bytes that count against the owner's limit.
    package var bytes: Int

    package init(id: JobID, owner: UserID, ended: Timestamp, bytes: Int) {
        self.id = id
        self.owner = owner
        self.ended = ended
        self.bytes = bytes
    }
}

/// What was removed of one job.
package struct RemovedOutputs: Hashable, Sendable {
    package var job: JobID
    package var removal: OutputRemoval

    package init(job: JobID, removal: OutputRemoval) {
        self.job = job
        self.removal = removal
    }
}

/// What there is of outputs.
package struct OutputFigures: Hashable, Sendable {
    /// Jobs whose outputs are there, and their bytes.
    package var jobs: Int
    package var bytes: Int

    package init(jobs: Int, bytes: Int) {
        self.jobs = jobs
        self.bytes = bytes
    }
}

extension RetentionStore {
    package func unfinishedRemovals(limit: Int) async throws -> [JobID] {
        try await unfinishedRemovals(after: nil, limit: limit)
    }
}

/// What the store knows of outputs. A removal is noted before any file goes, and noted as done afterwards: whatever happens between, it
/// is brought to its end. Calls that change several jobs change those that still are as they are said to be, and leave the others.
package protocol RetentionStore: Sendable {
    /// Ended jobs whose owners are to be told at `now`, at most `limit`; kept ones never.
    func outputsToAnnounce(_ plan: RetentionPlan, at now: Timestamp, limit: Int) async throws -> [EndedJob]
    /// Notes until when outputs are kept at least, and with `tells` writes the messages of the owners' webhooks.
    func announce(_ jobs: [(id: JobID, until: Timestamp)], at now: Timestamp, tells: Bool) async throws
    /// Takes back what was announced.
    func takeBack(_ jobs: [JobID]) async throws
    /// Jobs whose announced time has come, the longest due first; kept ones never.
    func outputsDue(at now: Timestamp, limit: Int) async throws -> [EndedJob]
    /// A user's jobs that may be removed for their quota: ended, not kept, with outputs; the first submitted first.
    func oldestOutputs(of user: UserID, limit: Int) async throws -> [EndedJob]
    /// What these are together.
    func removableBytes(of user: UserID) async throws -> Int
    /// A user's jobs whose removal is announced, the next first; kept ones never.
    func announcedOutputs(of user: UserID, limit: Int) async throws -> [EndedJob]

    /// Notes that the outputs of jobs that have ended are removed; what is kept only on request. What Panal removes by itself also gets
    /// its line in the audit log. Answers what was there.
    func noteRemoved(_ jobs: [JobID], because cause: RemovalCause, at now: Timestamp) async throws -> [RemovedOutputs]
    /// The same for a user's quota, one after the other and only for as long as they have more than `most` bytes stored: whoever makes
    /// room at the same moment is seen.
    func noteRemoved(
        _ jobs: [JobID], of user: UserID, downTo most: Int, at now: Timestamp
    ) async throws -> [RemovedOutputs]
    /// Jobs whose removal is noted and whose files may still be there, in the order of their submission; from behind `job` on.
    func unfinishedRemovals(after job: JobID?, limit: Int) async throws -> [JobID]
    func noteFilesGone(of jobs: [JobID]) async throws
    /// Keeps a job's outputs whatever their age, or not; what was announced of them holds again when they are let go of. False where the owner would have more than `most` of such jobs; throws
    /// `StoreError.unknown` where there are none any more.
    func setKept(_ job: JobID, _ isKept: Bool, most: Int) async throws -> Bool
    /// Notes whether nine tenths of what a user may store are stored, and writes the messages of their webhooks when that begins.
    func noteFilling(of user: UserID, _ isFilling: Bool, at now: Timestamp) async throws
    /// Forgets that of everybody else: who has no limit any more is told anew when they have one again.
    func forgetFilling(exceptOf users: Set<UserID>) async throws
    func outputFigures() async throws -> OutputFigures
}
