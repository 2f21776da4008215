import PanalCore
import Synchronization

extension StubbornStore {
    func outputsToAnnounce(_ plan: RetentionPlan, at now: Timestamp, limit: Int) async throws -> [EndedJob] {
        try await store.outputsToAnnounce(plan, at: now, limit: limit)
    }
    func announce(_ jobs: [(id: JobID, until: Timestamp)], at now: Timestamp, tells: Bool) async throws {
        try await store.announce(jobs, at: now, tells: tells)
    }
    func takeBack(_ jobs: [JobID]) async throws { try await store.takeBack(jobs) }
    func outputsDue(at now: Timestamp, limit: Int) async throws -> [EndedJob] {
        try await store.outputsDue(at: now, limit: limit)
    }
    func oldestOutputs(of user: UserID, limit: Int) async throws -> [EndedJob] {
        try await store.oldestOutputs(of: user, limit: limit)
    }
    func removableBytes(of user: UserID) async throws -> Int {
        let bytes = try await store.removableBytes(of: user)
        let other = betweenLooks.withLock { other in
            defer { other = nil }
            return other
        }
        await other?()
        return bytes
    }
    func announcedOutputs(of user: UserID, limit: Int) async throws -> [EndedJob] {
        try await store.announcedOutputs(of: user, limit: limit)
    }
    func noteRemoved(_ jobs: [JobID], because cause: RemovalCause, at now: Timestamp) async throws -> [RemovedOutputs] {
        guard !isFull else { throw DiskFull() }
        return try await store.noteRemoved(jobs, because: cause, at: now)
    }
    func noteRemoved(
        _ jobs: [JobID], of user: UserID, downTo most: Int, at now: Timestamp
    ) async throws -> [RemovedOutputs] {
        guard !isFull else { throw DiskFull() }
        return try await store.noteRemoved(jobs, of: user, downTo: most, at: now)
    }
    func unfinishedRemovals(after job: JobID?, limit: Int) async throws -> [JobID] {
        try await store.unfinishedRemovals(after: job, limit: limit)
    }
    func noteFilesGone(of jobs: [JobID]) async throws { try await store.noteFilesGone(of: jobs) }
    func setKept(_ job: JobID, _ isKept: Bool, most: Int) async throws -> Bool {
        try await store.setKept(job, isKept, most: most)
    }
    func noteFilling(of user: UserID, _ isFilling: Bool, at now: Timestamp) async throws {
        try await store.noteFilling(of: user, isFilling, at: now)
    }
    func forgetFilling(exceptOf users: Set<UserID>) async throws { try await store.forgetFilling(exceptOf: users) }
    func outputFigures() async throws -> OutputFigures { try await store.outputFigures() }

    func insert(_ invitation: Invitation, tokenHash: ContentHash) async throws {
        try await store.insert(invitation, tokenHash: tokenHash)
    }
    func invitations() async throws -> [Invitation] { try await store.invitations() }
    func isInvitation(_ tokenHash: ContentHash, at moment: Timestamp) async throws -> Bool {
        try await store.isInvitation(tokenHash, at: moment)
    }
    func deleteInvitation(_ id: InvitationID) async throws -> Bool { try await store.deleteInvitation(id) }
    func insert(_ user: User, credential: Credential, invitation tokenHash: ContentHash?) async throws -> User {
        try await store.insert(user, credential: credential, invitation: tokenHash)
    }

    func settings() async throws -> [String: JSONValue] { try await store.settings() }
    func change(_ settings: [String: JSONValue?], expecting expected: [String: JSONValue]?) async throws {
        try await store.change(settings, expecting: expected)
    }
    func append(_ entries: [AuditEntry]) async throws { try await store.append(entries) }
    func audit(_ query: AuditQuery) async throws -> [AuditEntry] { try await store.audit(query) }
    func deleteAudit(before moment: Timestamp) async throws -> Int { try await store.deleteAudit(before: moment) }

    func insert(_ key: APIKey, secretHash: ContentHash) async throws {
        try await store.insert(key, secretHash: secretHash)
    }
    func key(_ id: APIKeyID) async throws -> StoredKey? { try await store.key(id) }
    func keys(of owner: UserID, after place: KeyPlace?, limit: Int) async throws -> [APIKey] {
        try await store.keys(of: owner, after: place, limit: limit)
    }
    func deleteKey(_ id: APIKeyID, expecting expected: APIKey?) async throws -> Bool {
        try await store.deleteKey(id, expecting: expected)
    }
    func replaceSecret(
        of id: APIKeyID, _ expected: ContentHash, with secretHash: ContentHash, previousUntil moment: Timestamp
    ) async throws -> Bool {
        try await store.replaceSecret(of: id, expected, with: secretHash, previousUntil: moment)
    }
    func noteUse(of id: APIKeyID, at moment: Timestamp) async throws { try await store.noteUse(of: id, at: moment) }

    func tenancy() async throws -> Tenancy { try await store.tenancy() }
    func insert(_ group: UserGroup) async throws { try await store.insert(group) }
    func update(_ group: UserGroup, expecting expected: UserGroup?) async throws {
        try await store.update(group, expecting: expected)
    }
    func deleteGroup(_ id: GroupID, expecting expected: UserGroup?) async throws -> Bool {
        try await store.deleteGroup(id, expecting: expected)
    }
    func addMember(_ user: UserID, to group: GroupID) async throws { try await store.addMember(user, to: group) }
    func removeMember(_ user: UserID, from group: GroupID) async throws -> Bool {
        try await store.removeMember(user, from: group)
    }
    func restrict(
        _ subject: RestrictionSubject, to restriction: Restriction, expecting expected: Restriction?
    ) async throws {
        try await store.restrict(subject, to: restriction, expecting: expected)
    }
    func setPool(_ name: String, isOpen: Bool, expecting expected: Bool?) async throws {
        try await store.setPool(name, isOpen: isOpen, expecting: expected)
    }
    func storedBytes(of user: UserID) async throws -> Int { try await store.storedBytes(of: user) }
}
