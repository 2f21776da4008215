/// One thing that somebody did, or tried to do. Never a secret: neither password, key nor token, nor what was submitted.
package struct AuditEntry: Hashable, Sendable {
    /// In the order of writing; 0 before it is stored.
    package var number: Int
    package var at: Timestamp
    /// Nil for whoever nobody knows.
    package var user: UserID?
    /// The user's name; of a sign-in that failed, only where there is such a user.
    package var name: String?
    /// The key by which they came.
    package var key: APIKeyID?
    /// Where the connection came from.
    package var address: String
    /// The number under which the log has the request.
    package var request: String
    /// The operation's name, such as `createKey`, or a page's method and address.
    package var action: String
    /// What it was about: the address that was asked for, without its query.
    package var target: String
    /// The status of the answer: below 400 it was done.
    package var status: Int
    /// More of it, where there is more to tell.
    package var detail: String?

    package init(
        number: Int = 0, at: Timestamp, user: UserID?, name: String?, key: APIKeyID?, address: String, request: String,
        action: String, target: String, status: Int, detail: String?
    ) {
        self.number = number
        self.at = at
        self.user = user
        self.name = name
        self.key = key
        self.address = address
        self.request = request
        self.action = action
        self.target = target
        self.status = status
        self.detail = detail
    }
}

/// Which entries to list, the newest first. Nil asks for all.
package struct AuditQuery: Hashable, Sendable {
    package var user: UserID?
    package var action: String?
    /// Only entries before this number.
    package var before: Int?
    package var limit: Int

    package init(user: UserID? = nil, action: String? = nil, before: Int? = nil, limit: Int) {
        self.user = user
        self.action = action
        self.before = before
        self.limit = limit
    }
}

/// What administrators change while the service runs, and who did what.
package protocol OperationsStore: Sendable {
    /// The values that were set, each a JSON value, by name.
    func settings() async throws -> [String: JSONValue]
    /// Sets some, and forgets those that are nil; all or none. Throws `StoreError.changed` when what is set is not as `expected`.
    func change(_ settings: [String: JSONValue?], expecting expected: [String: JSONValue]?) async throws
    func append(_ entries: [AuditEntry]) async throws
    func audit(_ query: AuditQuery) async throws -> [AuditEntry]
    /// Answers how many there were.
    func deleteAudit(before moment: Timestamp) async throws -> Int
}
