/// Where everything that must survive a restart is kept. Every change is durable when its call returns; a job's steps on the way to its
/// end may be lost by a power cut, as long as they survive a crash of the server.
///
/// The store holds data together (uniqueness, ownership of names, allowed changes of state); who may do what is decided above it.
/// All calls throw `StoreError` where a rule of the store is broken, and other errors where the disk or the database failed.
package protocol Store:
    FavouriteStore, InvitationStore, KeyStore, LedgerStore, OperationsStore, RetentionStore, SharedLinkStore,
    SubmissionStore, TenancyStore, TestRecordStore, UploadStore
{
    // Users.
    func users() async throws -> [User]
    /// By name, behind `name`.
    func users(after name: String?, limit: Int) async throws -> [User]
    func user(_ id: UserID) async throws -> User?
    func user(named name: String) async throws -> User?
    /// Throws `StoreError.nameTaken`.
    func insert(_ user: User, credential: Credential) async throws
    func credential(of user: UserID) async throws -> Credential?
    /// Replaces the credential and ends the user's sessions with it.
    func replaceCredential(of user: UserID, with credential: Credential) async throws
    /// Sets the status, the role, or both; any status but `available` ends the user's sessions. Throws `StoreError.lastAdministrator`
    /// when nobody would be left who may administer, `StoreError.unknown` when there is no such user, and `StoreError.changed` when it
    /// is not as `expected`.
    func change(
        _ user: UserID, status: UserStatus?, role: Role?, expecting expected: User?
    ) async throws -> User

    /// Closes an account for good, or answers what is in the way: jobs that have not ended, credit, images. Nobody finds the user any more,
    /// their name is free, and all that is theirs alone is gone: password, sessions, keys, webhooks, uploads, links, marks, restriction and
    /// memberships, and of their jobs what was submitted. Their programs are withdrawn. Jobs, charges and entries of the ledger and of the
    /// audit log stay under the identifier. Throws as `change` does.
    func close(_ user: UserID, at moment: Timestamp, expecting expected: User?) async throws -> ClosingObstacle?
    /// Users whose accounts are closed and whose outputs are still there.
    func closedOwners() async throws -> [UserID]

    // Sessions, found by the hash of their token.
    func insert(_ session: StoredSession) async throws
    func session(tokenHash: ContentHash) async throws -> (session: StoredSession, user: User)?
    func deleteSession(tokenHash: ContentHash) async throws
    /// Forgets what expired before `moment`; answers how many sessions that were.
    func deleteSessions(expiredBefore moment: Timestamp) async throws -> Int

    // Programs.
    /// Programs that `user` may see, by name, behind `name`; everybody's when `user` is nil.
    func programs(visibleTo user: UserID?, after name: String?, limit: Int) async throws -> [StoredProgram]
    /// One program with one of its versions, the newest when `version` is nil. A version that was withdrawn is not there, nor a program
    /// that has no other.
    func program(named name: String, version: Int?) async throws -> StoredProgram?
    /// A version by its number, whether it was withdrawn or not: for what ran it.
    func version(_ number: Int, of program: ProgramID) async throws -> ProgramVersion?
    /// The newest first, before `number`; without those that were withdrawn.
    func versions(of program: ProgramID, before number: Int?, limit: Int) async throws -> [ProgramVersion]
    /// Adds a version, or finds the one with the same content; one that was withdrawn is back then, and counts as created. Throws `StoreError.nameTaken` when the name is another user's.
    func publish(_ draft: ProgramDraft) async throws -> (program: Program, version: ProgramVersion, created: Bool)
    /// Nobody can run the version any more, or any where `number` is nil: the newest of the others is the newest. Throws `StoreError.unknown`
    /// where there is none such, `StoreError.changed` where the program is not as `expected`.
    func withdraw(
        _ program: ProgramID, version number: Int?, at moment: Timestamp, expecting expected: Program?) async throws
    /// Throws `StoreError.unknown`, and `StoreError.changed` when it is not as `expected`.
    func setPublic(_ program: ProgramID, to isPublic: Bool, expecting expected: Program?) async throws -> Program

    // Jobs.
    func job(_ id: JobID) async throws -> Job?
    /// The newest first.
    func jobs(_ query: JobQuery) async throws -> [Job]
    func events(of job: JobID) async throws -> [JobEvent]
    /// Jobs whose state is not final, in the order of submission.
    func unfinishedJobs() async throws -> [UnfinishedJob]
    /// Carries `changes` out one after the other in one transaction, if the job is in state `expected`; answers the state that it is
    /// then in, or nil, with nothing changed, when its state was another one. Throws `StoreError.forbiddenChange` where `JobState.next`
    /// does not allow a step.
    ///
    /// With an `attempt`, that also has to be the job's newest, nonce and all: what a stale one came to is not accepted.
    func change(
        _ job: JobID, attempt: AttemptID?, from expected: JobState, _ changes: [JobChange]
    ) async throws -> JobState?

    /// Carries `changes` out with each of several jobs, in one transaction, if all of them are in state `expected`; answers whether they
    /// were. Throws as the change of one does.
    func change(_ jobs: [JobID], from expected: JobState, _ changes: [JobChange]) async throws -> Bool

    /// Notes who asked for a job's end that is no longer in the queue, for whoever carries it on after this process. Where the job has
    /// ended nothing happens.
    func noteCancel(of job: JobID, by name: String) async throws

    /// Makes this process the only one whose changes of jobs the store takes; whoever had it before gets
    /// `StoreError.superseded` from then on. Until the first claim anybody's are taken.
    func claim() async throws

    /// Content that some job still needs or shows: inputs, result files.
    func referencedBlobs() async throws -> Set<ContentHash>
    /// Content of every program version that may be run, was withdrawn after `moment`, or is what an unfinished job runs.
    func referencedPrograms(withdrawnAfter moment: Timestamp) async throws -> Set<ContentHash>
}

extension Store {
    /// Whichever attempt is the newest.
    package func change(_ job: JobID, from expected: JobState, _ changes: [JobChange]) async throws -> JobState? {
        try await change(job, attempt: nil, from: expected, changes)
    }

    package func programs(visibleTo user: UserID?) async throws -> [StoredProgram] {
        try await programs(visibleTo: user, after: nil, limit: .max)
    }

    package func setStatus(of user: UserID, to status: UserStatus) async throws -> User {
        try await change(user, status: status, role: nil, expecting: nil)
    }
}

/// A rule of the store that a call would have broken.
package enum StoreError: Error, Hashable, Sendable {
    case nameTaken(String)
    case lastAdministrator
    /// There is no such thing.
    case unknown(String)
    /// It is not as the caller expected: what it is.
    case changed(String)
    case forbiddenChange(from: JobState, to: JobState)
    /// Another process has claimed the store.
    case superseded
    /// There is a request with this mark already.
    case repeated(RetriedRequest)
    /// A stored row does not read back: what and why.
    case damaged(String)
}

/// How a password is kept: scrypt's result with the parameters that made it (RFC 7914).
package struct Credential: Hashable, Sendable {
    package var salt: [UInt8]
    package var hash: [UInt8]
    /// Binary logarithm of scrypt's N.
    package var costExponent: Int
    package var blockSize: Int
    package var parallelism: Int

    package init(salt: [UInt8], hash: [UInt8], costExponent: Int, blockSize: Int, parallelism: Int) {
        self.salt = salt
        self.hash = hash
        self.costExponent = costExponent
        self.blockSize = blockSize
        self.parallelism = parallelism
    }
}

/// A signed-in browser; its token is known only by its SHA-256.
package struct StoredSession: Hashable, Sendable {
    package var tokenHash: ContentHash
    package var user: UserID
    package var created: Timestamp
    package var expires: Timestamp

    package init(tokenHash: ContentHash, user: UserID, created: Timestamp, expires: Timestamp) {
        self.tokenHash = tokenHash
        self.user = user
        self.created = created
        self.expires = expires
    }
}

/// A program, one of its versions, and the name of its owner.
package struct StoredProgram: Hashable, Sendable {
    package var program: Program
    package var version: ProgramVersion
    package var ownerName: String

    package init(program: Program, version: ProgramVersion, ownerName: String) {
        self.program = program
        self.version = version
        self.ownerName = ownerName
    }
}

/// What is to be published.
package struct ProgramDraft: Hashable, Sendable {
    package var name: String
    package var owner: UserID
    /// True makes the program public; false leaves a program that is there as it is.
    package var isPublic: Bool
    package var content: ContentHash
    package var manifest: String
    package var entry: String
    package var size: Int
    package var at: Timestamp
    /// What its tests came to; nil where it has none.
    package var tests: TestRecord?

    package init(
        name: String, owner: UserID, isPublic: Bool, content: ContentHash, manifest: String, entry: String, size: Int,
        at: Timestamp, tests: TestRecord? = nil
    ) {
        self.tests = tests
        self.name = name
        self.owner = owner
        self.isPublic = isPublic
        self.content = content
        self.manifest = manifest
        self.entry = entry
        self.size = size
        self.at = at
    }
}

/// A job's place in the order of submission, which is known even where the job is gone.
package struct JobPlace: Hashable, Sendable {
    package var job: JobID
    package var submitted: Timestamp

    package init(job: JobID, submitted: Timestamp) {
        self.job = job
        self.submitted = submitted
    }
}

/// Which jobs to list. Nil asks for all.
package struct JobQuery: Hashable, Sendable {
    package var owner: UserID?
    /// A program's name.
    package var program: String?
    package var state: JobState?
    /// Only jobs of this batch.
    package var batch: BatchID?
    /// Only jobs submitted before this one.
    package var before: JobPlace?
    /// At most that many.
    package var limit: Int

    package init(
        owner: UserID? = nil, program: String? = nil, state: JobState? = nil, batch: BatchID? = nil,
        before: JobPlace? = nil, limit: Int
    ) {
        self.batch = batch
        self.owner = owner
        self.program = program
        self.state = state
        self.before = before
        self.limit = limit
    }
}

/// A job that has not come to its end, its newest attempt, and its place in the order of submission.
package struct UnfinishedJob: Hashable, Sendable {
    package var job: Job
    package var attempt: AttemptSpec
    package var order: Int64
    /// Who asked for its end, where somebody did.
    package var cancelledBy: String?
    /// The batch with whose other jobs it is to start in one step; nil for a job that starts by itself.
    package var gang: BatchID?

    package init(
        job: Job, attempt: AttemptSpec, order: Int64, cancelledBy: String? = nil, gang: BatchID? = nil
    ) {
        self.job = job
        self.attempt = attempt
        self.order = order
        self.cancelledBy = cancelledBy
        self.gang = gang
    }
}

/// One step of a job. What is nil stays as it was; `ended` is set by the store when the state is final.
package struct JobChange: Hashable, Sendable {
    package var state: JobState
    package var at: Timestamp
    package var message: String?
    /// When the program began to run.
    package var started: Timestamp?
    package var cores: [Int]?
    package var result: JobResult?
    /// The attempt that is made after one that failed through Panal's fault: the same work under a new number and nonce.
    package var retry: AttemptID?

    package init(
        to state: JobState, at: Timestamp, message: String? = nil, started: Timestamp? = nil, cores: [Int]? = nil,
        result: JobResult? = nil, retry: AttemptID? = nil
    ) {
        self.state = state
        self.at = at
        self.message = message
        self.started = started
        self.cores = cores
        self.result = result
        self.retry = retry
    }
}

/// What a job came to, stored with its last step.
package struct JobResult: Hashable, Sendable {
    package var outcome: Outcome
    /// Nil when the program did not run.
    package var usage: ResourceUsage?
    package var output: StreamState
    package var error: StreamState
    package var files: [JobFile]
    /// Whether the attempt failed through Panal's fault although the outcome says something else: a cancel came first.
    package var isPanalsFault: Bool

    package init(
        outcome: Outcome, usage: ResourceUsage? = nil, output: StreamState = StreamState(),
        error: StreamState = StreamState(), files: [JobFile] = [], isPanalsFault: Bool = false
    ) {
        self.outcome = outcome
        self.isPanalsFault = isPanalsFault
        self.usage = usage
        self.output = output
        self.error = error
        self.files = files
    }
}
