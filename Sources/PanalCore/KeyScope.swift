/// What an API key may be used for. A key holds some of these; what its owner may do is the limit in any case.
package enum KeyScope: String, Hashable, Sendable, Codable, CaseIterable {
    /// Look at programs, jobs, results and the queue.
    case read
    /// Submit and cancel jobs, and upload what they need.
    case jobs
    /// Publish programs and change them.
    case programs
    /// The owner's own account: keys, callbacks, password.
    case account
    /// What only administrators may.
    case administration
}

/// The bounds of whoever comes by a key.
package struct KeyGrant: Hashable, Sendable {
    package var id: APIKeyID
    package var scopes: Set<KeyScope>
    package var expires: Timestamp?

    package init(id: APIKeyID, scopes: Set<KeyScope>, expires: Timestamp?) {
        self.id = id
        self.scopes = scopes
        self.expires = expires
    }
}

/// A key as it is stored, with the hashes of its secrets.
package struct StoredKey: Hashable, Sendable {
    package var key: APIKey
    package var secretHash: ContentHash
    /// The secret before; it is taken until `APIKey.previousHoldsUntil`.
    package var previousHash: ContentHash?
    package var owner: User

    package init(key: APIKey, secretHash: ContentHash, previousHash: ContentHash?, owner: User) {
        self.key = key
        self.secretHash = secretHash
        self.previousHash = previousHash
        self.owner = owner
    }
}

/// A key's place in the order of making, which is known even where the key is gone.
package struct KeyPlace: Hashable, Sendable {
    package var created: Timestamp
    package var key: APIKeyID

    package init(created: Timestamp, key: APIKeyID) {
        self.created = created
        self.key = key
    }
}

extension KeyStore {
    package func keys(of owner: UserID) async throws -> [APIKey] {
        try await keys(of: owner, after: nil, limit: .max)
    }
}

/// Keys, found by their id and known by the hashes of their secrets.
package protocol KeyStore: Sendable {
    func insert(_ key: APIKey, secretHash: ContentHash) async throws
    func key(_ id: APIKeyID) async throws -> StoredKey?
    /// In the order of their making.
    func keys(of owner: UserID, after place: KeyPlace?, limit: Int) async throws -> [APIKey]
    /// Answers whether there was one. Throws `StoreError.changed` when it is not as `expected`, its last use left aside.
    func deleteKey(_ id: APIKeyID, expecting expected: APIKey?) async throws -> Bool
    /// Gives a key another secret; the present one is taken until `moment`, an older one no more. Answers whether there was one whose
    /// secret was `expected`.
    func replaceSecret(
        of id: APIKeyID, _ expected: ContentHash, with secretHash: ContentHash, previousUntil moment: Timestamp
    ) async throws -> Bool
    /// A crash of the machine may lose this.
    func noteUse(of id: APIKeyID, at moment: Timestamp) async throws
}
