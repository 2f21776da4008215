import PanalCore
import Synchronization

/// A store in front of another one whose changes of jobs fail while the test says so, as on a full disk.
final class StubbornStore: Store {
    struct DiskFull: Error {}

    let store: any Store
    private let state = Mutex((isFull: false, refusals: 0, left: Int?.none))
    /// Whether earlier requests are only noticed when the next one is stored, as where another process was faster.
    let hidesRequests = Mutex(false)
    /// What another does, once, between two looks of whoever makes room.
    let betweenLooks = Mutex<(@Sendable () async -> Void)?>(nil)

    init(_ store: any Store) {
        self.store = store
    }

    var isFull: Bool {
        get { state.withLock(\.isFull) }
        set { state.withLock { $0.isFull = newValue } }
    }

    var refusals: Int { state.withLock(\.refusals) }

    /// Of what is written from now on about jobs, the one that is refused: 1 for the first; nil for none.
    func refuse(write number: Int?) { state.withLock { $0.left = number } }

    private func noteWrite() throws {
        let isRefused = state.withLock { state in
            guard let left = state.left else { return false }
            state.left = left > 1 ? left - 1 : nil
            if left == 1 { state.refusals += 1 }
            return left == 1
        }
        if isRefused { throw DiskFull() }
    }

    func change(
        _ job: JobID, attempt: AttemptID?, from expected: JobState, _ changes: [JobChange]
    ) async throws -> JobState? {
        try noteChange()
        return try await store.change(job, attempt: attempt, from: expected, changes)
    }

    func change(_ jobs: [JobID], from expected: JobState, _ changes: [JobChange]) async throws -> Bool {
        try noteChange()
        return try await store.change(jobs, from: expected, changes)
    }

    private func noteChange() throws {
        let isRefused = state.withLock { state in
            if state.isFull { state.refusals += 1 }
            return state.isFull
        }
        guard !isRefused else { throw DiskFull() }
        try noteWrite()
    }

    func noteCancel(of job: JobID, by name: String) async throws {
        try noteWrite()
        try await store.noteCancel(of: job, by: name)
    }
    func claim() async throws { try await store.claim() }
    func users() async throws -> [User] { try await store.users() }
    func users(after name: String?, limit: Int) async throws -> [User] {
        try await store.users(after: name, limit: limit)
    }
    func user(_ id: UserID) async throws -> User? { try await store.user(id) }
    func user(named name: String) async throws -> User? { try await store.user(named: name) }
    func insert(_ user: User, credential: Credential) async throws {
        try await store.insert(user, credential: credential)
    }
    func credential(of user: UserID) async throws -> Credential? { try await store.credential(of: user) }
    func replaceCredential(of user: UserID, with credential: Credential) async throws {
        try await store.replaceCredential(of: user, with: credential)
    }
    func change(
        _ user: UserID, status: UserStatus?, role: Role?, expecting expected: User?
    ) async throws -> User {
        try await store.change(user, status: status, role: role, expecting: expected)
    }
    func insert(_ session: StoredSession) async throws { try await store.insert(session) }
    func session(tokenHash: ContentHash) async throws -> (session: StoredSession, user: User)? {
        try await store.session(tokenHash: tokenHash)
    }
    func deleteSession(tokenHash: ContentHash) async throws { try await store.deleteSession(tokenHash: tokenHash) }
    func deleteSessions(expiredBefore moment: Timestamp) async throws -> Int {
        try await store.deleteSessions(expiredBefore: moment)
    }
    func programs(visibleTo user: UserID?, after name: String?, limit: Int) async throws -> [StoredProgram] {
        try await store.programs(visibleTo: user, after: name, limit: limit)
    }
    func program(named name: String, version: Int?) async throws -> StoredProgram? {
        try await store.program(named: name, version: version)
    }
    func publish(
        _ draft: ProgramDraft
    ) async throws -> (program: Program, version: ProgramVersion, created: Bool) {
        try await store.publish(draft)
    }
    func testRecord(of content: ContentHash) async throws -> TestRecord? { try await store.testRecord(of: content) }
    func favourites(of user: UserID) async throws -> Set<ProgramID> { try await store.favourites(of: user) }
    func setFavourite(_ program: ProgramID, of user: UserID, to isFavourite: Bool) async throws {
        try await store.setFavourite(program, of: user, to: isFavourite)
    }
    func insert(_ link: SharedLink, most: Int) async throws -> Bool { try await store.insert(link, most: most) }
    func sharedLink(_ id: SharedLinkID) async throws -> SharedLink? { try await store.sharedLink(id) }
    func sharedLinks(of job: JobID, at moment: Timestamp) async throws -> [SharedLink] {
        try await store.sharedLinks(of: job, at: moment)
    }
    func deleteSharedLink(_ id: SharedLinkID, of job: JobID) async throws -> Bool {
        try await store.deleteSharedLink(id, of: job)
    }
    func note(_ record: TestRecord, of content: ContentHash) async throws { try await store.note(record, of: content) }
    func version(_ number: Int, of program: ProgramID) async throws -> ProgramVersion? {
        try await store.version(number, of: program)
    }
    func withdraw(
        _ program: ProgramID, version number: Int?, at moment: Timestamp, expecting expected: Program?
    ) async throws {
        try noteWrite()
        try await store.withdraw(program, version: number, at: moment, expecting: expected)
    }
    func close(_ user: UserID, at moment: Timestamp, expecting expected: User?) async throws -> ClosingObstacle? {
        try noteWrite()
        return try await store.close(user, at: moment, expecting: expected)
    }
    func closedOwners() async throws -> [UserID] { try await store.closedOwners() }
    func setPublic(_ program: ProgramID, to isPublic: Bool, expecting expected: Program?) async throws -> Program {
        try await store.setPublic(program, to: isPublic, expecting: expected)
    }
    func insert(
        _ drafts: [JobDraft], batch: JobBatch?, mark: RetryMark?, marksSince: Timestamp, isSynchronized: Bool
    ) async throws -> [Int64] {
        try noteWrite()
        return try await store.insert(
            drafts, batch: batch, mark: mark, marksSince: marksSince, isSynchronized: isSynchronized)
    }
    func synchronize() async throws { try await store.synchronize() }
    func request(marked key: ContentHash, of owner: UserID) async throws -> RetriedRequest? {
        hidesRequests.withLock(\.self) ? nil : try await store.request(marked: key, of: owner)
    }
    func deleteMarks(before moment: Timestamp) async throws -> Int { try await store.deleteMarks(before: moment) }
    func batch(_ id: BatchID) async throws -> JobBatch? { try await store.batch(id) }
    func batches(_ query: BatchQuery) async throws -> [BatchSummary] { try await store.batches(query) }
    func batch(of job: JobID) async throws -> JobBatch? { try await store.batch(of: job) }
    func jobs(of batch: BatchID) async throws -> [Job] { try await store.jobs(of: batch) }
    func insert(_ upload: Upload, most: Int, mostBytes: Int) async throws -> Bool {
        try await store.insert(upload, most: most, mostBytes: mostBytes)
    }
    func upload(_ id: UploadID) async throws -> Upload? { try await store.upload(id) }
    func uploads(of owner: UserID) async throws -> [Upload] { try await store.uploads(of: owner) }
    func note(_ id: UploadID, received: Int, content: ContentHash?, expires: Timestamp) async throws -> Upload? {
        try await store.note(id, received: received, content: content, expires: expires)
    }
    func deleteUpload(_ id: UploadID, expecting expected: Upload?) async throws -> Bool {
        try await store.deleteUpload(id, expecting: expected)
    }
    func deleteUploads(expiredBefore moment: Timestamp) async throws -> Set<UploadID> {
        try await store.deleteUploads(expiredBefore: moment)
    }
    func signingKey() async throws -> [UInt8] { try await store.signingKey() }
    func versions(of program: ProgramID, before number: Int?, limit: Int) async throws -> [ProgramVersion] {
        try await store.versions(of: program, before: number, limit: limit)
    }
    func job(_ id: JobID) async throws -> Job? { try await store.job(id) }
    func jobs(_ query: JobQuery) async throws -> [Job] { try await store.jobs(query) }
    func events(of job: JobID) async throws -> [JobEvent] { try await store.events(of: job) }
    func unfinishedJobs() async throws -> [UnfinishedJob] { try await store.unfinishedJobs() }
    func referencedBlobs() async throws -> Set<ContentHash> { try await store.referencedBlobs() }
    func referencedPrograms(withdrawnAfter moment: Timestamp) async throws -> Set<ContentHash> {
        try await store.referencedPrograms(withdrawnAfter: moment)
    }

    func standing(of account: LedgerAccount, at moment: Timestamp) async throws -> AccountStanding {
        try await store.standing(of: account, at: moment)
    }
    func standings(at moment: Timestamp) async throws -> [AccountStanding] { try await store.standings(at: moment) }
    func post(
        _ transaction: LedgerTransaction, mark: RetryMark?, marksSince: Timestamp
    ) async throws -> AccountStanding {
        try await store.post(transaction, mark: mark, marksSince: marksSince)
    }
    func setBudget(
        of account: LedgerAccount, to amount: Credits?, at moment: Timestamp, expecting expected: AccountStanding?
    ) async throws -> AccountStanding {
        try await store.setBudget(of: account, to: amount, at: moment, expecting: expected)
    }
    func setPaying(
        _ account: LedgerAccount, to pays: Bool, at moment: Timestamp, expecting expected: AccountStanding?
    ) async throws -> AccountStanding {
        try await store.setPaying(account, to: pays, at: moment, expecting: expected)
    }
    func payingAccounts() async throws -> Set<LedgerAccount> { try await store.payingAccounts() }
    func lines(of account: LedgerAccount, owner: UserID?, before: Int64?, limit: Int) async throws -> [LedgerLine] {
        try await store.lines(of: account, owner: owner, before: before, limit: limit)
    }
    func usage(_ query: UsageQuery) async throws -> [UsageRow] { try await store.usage(query) }
    func unfinishedJobs(paidBy account: LedgerAccount) async throws -> [JobID] {
        try await store.unfinishedJobs(paidBy: account)
    }
    func costItems() async throws -> [CostItem] { try await store.costItems() }
    func setCostItems(_ items: [CostItem], expecting expected: [CostItem]?) async throws {
        try await store.setCostItems(items, expecting: expected)
    }
    func ledgerFigures() async throws -> LedgerFigures { try await store.ledgerFigures() }
    func checkLedger(at moment: Timestamp) async throws -> [LedgerFinding] { try await store.checkLedger(at: moment) }
}
