import PanalCore

extension StubbornStore {
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
    func setPool(_ name: String, isOpen: Bool) async throws { try await store.setPool(name, isOpen: isOpen) }
    func storedBytes(of user: UserID) async throws -> Int { try await store.storedBytes(of: user) }
}
