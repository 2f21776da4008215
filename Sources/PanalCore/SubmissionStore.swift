/// A job that is to be stored, with its first attempt.
package struct JobDraft: Hashable, Sendable {
    package var job: Job
    package var attempt: AttemptSpec
    /// The attempt's arguments and environment are forgotten when the job has ended.
    package var hasSecrets: Bool
    /// Where the job's own events are told.
    package var callback: JobCallback?
    /// Steps that the job has made since its submission, stored with it.
    package var steps: [JobChange] = []
    /// The trace that it was submitted in, as a `traceparent`; nil where nobody told one.
    package var trace: String?

    package init(
        job: Job, attempt: AttemptSpec, hasSecrets: Bool, callback: JobCallback? = nil, trace: String? = nil
    ) {
        self.job = job
        self.attempt = attempt
        self.hasSecrets = hasSecrets
        self.callback = callback
        self.trace = trace
    }
}

/// Jobs that were submitted together.
package struct JobBatch: Hashable, Sendable, Identifiable {
    package let id: Identifier<JobBatch>
    package var owner: UserID
    package var programName: String
    package var submitted: Timestamp
    /// How many jobs.
    package var size: Int
    /// Whether all of them start in one step, or none does.
    package var isGang: Bool

    package init(
        id: Identifier<JobBatch>, owner: UserID, programName: String, submitted: Timestamp, size: Int,
        isGang: Bool = false
    ) {
        self.id = id
        self.owner = owner
        self.programName = programName
        self.submitted = submitted
        self.size = size
        self.isGang = isGang
    }
}

package typealias BatchID = Identifier<JobBatch>

/// A batch, and how many of its jobs are in which state.
package struct BatchSummary: Hashable, Sendable {
    package var batch: JobBatch
    package var states: [JobState: Int]

    package init(batch: JobBatch, states: [JobState: Int]) {
        self.batch = batch
        self.states = states
    }

    package var isFinal: Bool { states.keys.allSatisfy(\.isFinal) }
}

/// A part of the list of batches, the newest first.
package struct BatchQuery: Hashable, Sendable {
    package var owner: UserID?
    /// A program's name.
    package var program: String?
    /// Only batches submitted before this one.
    package var before: BatchPlace?
    /// At most that many.
    package var limit: Int

    package init(owner: UserID? = nil, program: String? = nil, before: BatchPlace? = nil, limit: Int) {
        self.owner = owner
        self.program = program
        self.before = before
        self.limit = limit
    }
}

/// Where a batch stands in the list.
package struct BatchPlace: Hashable, Sendable {
    package var submitted: Timestamp
    package var batch: BatchID

    package init(submitted: Timestamp, batch: BatchID) {
        self.submitted = submitted
        self.batch = batch
    }
}

/// The name that a client gave its request, so that sending it again does nothing again. Neither the name nor the request can be read
/// back from it.
package struct RetryMark: Hashable, Sendable {
    package var owner: UserID
    /// SHA-256 of the client's name for the request.
    package var key: ContentHash
    /// What the request asked for, as a hash keyed by that name.
    package var request: ContentHash
    package var at: Timestamp

    package init(owner: UserID, key: ContentHash, request: ContentHash, at: Timestamp) {
        self.owner = owner
        self.key = key
        self.request = request
        self.at = at
    }
}

/// What came of a request with a mark.
package struct RetriedRequest: Hashable, Sendable {
    package var mark: RetryMark
    package var job: JobID?
    package var batch: BatchID?
    /// Of a copy.
    package var image: RootfsID?

    package init(mark: RetryMark, job: JobID?, batch: BatchID?, image: RootfsID? = nil) {
        self.mark = mark
        self.job = job
        self.batch = batch
        self.image = image
    }
}

/// What submitting needs of the store.
package protocol SubmissionStore: Sendable {
    /// Stores all of the jobs or none, each with its first event and attempt, and with them the batch that they belong to and the mark
    /// of the request; answers their places in the order of submission. Throws `StoreError.repeated` when there is such a mark from
    /// `marksSince` or later; an older one is replaced. Without `isSynchronized` a power cut may take them all back until something else is
    /// synchronized.
    func insert(
        _ drafts: [JobDraft], batch: JobBatch?, mark: RetryMark?, marksSince: Timestamp, isSynchronized: Bool
    ) async throws -> [Int64]
    /// Everything that was stored before is on the disk when this returns.
    func synchronize() async throws
    func request(marked key: ContentHash, of owner: UserID) async throws -> RetriedRequest?
    /// Answers how many.
    func deleteMarks(before moment: Timestamp) async throws -> Int

    func batch(_ id: BatchID) async throws -> JobBatch?
    func batches(_ query: BatchQuery) async throws -> [BatchSummary]
    /// The batch that the job came with; nil where it came alone.
    func batch(of job: JobID) async throws -> JobBatch?
    /// In the order in which they were submitted, without their files.
    func jobs(of batch: BatchID) async throws -> [Job]

    /// 32 random bytes that were made with the store: what is signed with them is recognised after a restart.
    func signingKey() async throws -> [UInt8]
}

extension SubmissionStore {
    /// One job that nobody may have sent before.
    package func insert(_ job: Job, attempt: AttemptSpec, hasSecrets: Bool) async throws -> Int64 {
        let places = try await insert(
            [JobDraft(job: job, attempt: attempt, hasSecrets: hasSecrets)], batch: nil, mark: nil,
            marksSince: job.submitted, isSynchronized: true)
        guard let place = places.first else { throw StoreError.damaged("a job was stored without a place") }
        return place
    }
}
