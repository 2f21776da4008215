import FoundationEssentials
import GRDB
package import PanalCore
import Synchronization

/// The store in one SQLite file with a write-ahead log. Every transaction is on the disk when its call returns, but for a job's steps
/// on the way to its end: a power cut, though not a crash of the server, may take the job back to an earlier one of these. It then
/// counts as not having come further, and nothing of what it did has survived that cut.
package final class SQLiteStore: Sendable {
    let pool: DatabasePool
    /// For `look` alone. Whoever waits here for a connection waits on a thread that others may need; nobody holds one of these while
    /// waiting for a thread, as those do who read from `pool`.
    private let glances: Glances
    let line: CommitLine
    /// Transactions that may have changed more than jobs.
    private let edition = Atomic(0)
    let keys = Remembered<APIKeyID, StoredKey>()
    let newestPrograms = Remembered<String, StoredProgram>()
    /// This process's place among those that have claimed the store; nil before it has.
    private let epoch = Mutex<Int64?>(nil)

    /// Opens or makes the database and brings its tables up to date. `path` is a file in a folder that is there.
    package init(path: String) throws {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(10)
        configuration.label = "panal.store"
        // What was deleted is overwritten: secrets of ended jobs must not stay in free pages.
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA secure_delete = ON") }
        let pool = try DatabasePool(path: path, configuration: configuration)
        let line = CommitLine(pool)
        (self.pool, self.line) = (pool, line)
        try pool.writeWithoutTransaction { database in
            try line.set(isSynchronized: true, database)
            let journal = try String.fetchOne(database, sql: "PRAGMA journal_mode")
            guard journal == "wal" else { throw StoreError.damaged("the database takes no write-ahead log") }
        }
        try Schema.migrator.migrate(pool)
        configuration.readonly = true
        configuration.label = "panal.store.glances"
        configuration.prepareDatabase { _ in }
        glances = try Glances(path: path, configuration: configuration)
    }

    /// Ends all use of the file. Calls after it throw.
    package func close() throws {
        try glances.close()
        try pool.close()
    }

    /// One transaction, or a part of one that answers for itself alone. Without the durability that is asked for it does not begin.
    /// `body` may be called more than once; only its last call counts. `leavesNamesAlone` is for what changes nothing that is remembered:
    /// no user, key, program, version or test.
    func write<Value: Sendable>(
        _ durability: CommitLine.Durability = .synchronized, leavesNamesAlone: Bool = false,
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws -> Value {
        let found = Found<Value>()
        return try await withCheckedThrowingContinuation { continuation in
            line.enter(
                CommitLine.Part(durability) { database in
                    let value = try body(database)
                    found.value.withLock { $0 = value }
                } end: { [self] error in
                    // Before anybody is told: who is, finds nothing of before.
                    if !leavesNamesAlone { edition.add(1, ordering: .sequentiallyConsistent) }
                    if let error { return continuation.resume(throwing: error) }
                    guard let value = found.value.withLock({ $0 }) else {
                        return continuation.resume(
                            throwing: StoreError.damaged("a transaction ended without its value"))
                    }
                    continuation.resume(returning: value)
                })
        }
    }

    /// A look at a few rows, on the caller's own thread: it takes less time than it takes to wake another one. Long lists are read
    /// by `pool.read` on threads of the pool's. There is no transaction: each statement sees what is stored at its own moment.
    func look<Value>(_ body: (Database) throws -> Value) throws -> Value {
        try glances.look(body)
    }

    /// As `look`, for what most requests ask again.
    func look<Name, Value>(
        _ name: Name, in known: Remembered<Name, Value>, _ body: (Database) throws -> Value?
    ) throws -> Value? {
        // Of before the look: a change in between makes what was found old.
        let edition = edition.load(ordering: .sequentiallyConsistent)
        if let value = known.value(of: name, edition: edition) { return value }
        guard let value = try look(body) else { return nil }
        known.keep(value, as: name, edition: edition)
        return value
    }

    package func claim() async throws {
        let taken = try await write { database in
            try database.execute(sql: "UPDATE lease SET epoch = epoch + 1")
            guard let epoch = try Int64.fetchOne(database, sql: "SELECT epoch FROM lease") else {
                throw StoreError.damaged("the lease is gone")
            }
            return epoch
        }
        epoch.withLock { $0 = taken }
    }

    /// Throws `superseded` where another process has claimed the store since.
    func checkLease(_ database: Database) throws {
        guard let epoch = epoch.withLock({ $0 }) else { return }
        let stored = try database.firstRow("SELECT epoch FROM lease", []) { try $0.long(0) }
        guard stored == epoch else { throw StoreError.superseded }
    }
}

/// What a transaction came to.
private final class Found<Value: Sendable>: Sendable {
    let value = Mutex<Value?>(nil)
}

// MARK: - Users

let userColumns = "users.id, users.name, users.role, users.status, users.created"

extension SQLiteStore: Store {
    package func users() async throws -> [User] {
        try await pool.read { database in
            try Row.fetchAll(database, sql: "SELECT \(userColumns) FROM users WHERE closed IS NULL ORDER BY name").map {
                try User(row: $0)
            }
        }
    }

    package func users(after name: String?, limit: Int) async throws -> [User] {
        try await pool.read { database in
            let statement = try database.cachedStatement(
                sql: "SELECT \(userColumns) FROM users WHERE name > ? AND closed IS NULL ORDER BY name LIMIT ?")
            return try Row.fetchAll(statement, arguments: [name ?? "", limit]).map { try User(row: $0) }
        }
    }

    package func user(_ id: UserID) async throws -> User? {
        try look { try Self.user("id", id.text, $0) }
    }

    package func user(named name: String) async throws -> User? {
        try look { try Self.user("name", name, $0) }
    }

    package func insert(_ user: User, credential: Credential) async throws {
        try await write { try Self.insert(user, credential, $0) }
    }

    static func insert(_ user: User, _ credential: Credential, _ database: Database) throws {
        guard try Self.user("name", user.name, database) == nil else { throw StoreError.nameTaken(user.name) }
        try database.cachedStatement(
            sql: "INSERT INTO users (id, name, role, status, created) VALUES (?, ?, ?, ?, ?)"
        ).execute(arguments: [
            user.id.text, user.name, user.role.rawValue, user.status.rawValue, user.created.microseconds,
        ])
        try insert(credential, of: user.id, database)
    }

    package func credential(of user: UserID) async throws -> Credential? {
        try await pool.read { database in
            try Row.fetchOne(
                database,
                sql: "SELECT salt, hash, cost_exponent, block_size, parallelism FROM credentials WHERE user = ?",
                arguments: [user.text]
            ).map {
                Credential(
                    salt: try $0.bytes(0), hash: try $0.bytes(1), costExponent: try $0.integer(2),
                    blockSize: try $0.integer(3), parallelism: try $0.integer(4))
            }
        }
    }

    package func replaceCredential(of user: UserID, with credential: Credential) async throws {
        try await write { database in
            guard try Self.user("id", user.text, database) != nil else { throw StoreError.unknown("user \(user)") }
            try database.execute(sql: "DELETE FROM credentials WHERE user = ?", arguments: [user.text])
            try Self.insert(credential, of: user, database)
            try database.execute(sql: "DELETE FROM sessions WHERE user = ?", arguments: [user.text])
        }
    }

    package func change(
        _ user: UserID, status: UserStatus?, role: Role?, expecting expected: User?
    ) async throws -> User {
        try await write { database in
            guard let before = try Self.user("id", user.text, database) else {
                throw StoreError.unknown("user \(user)")
            }
            guard expected == nil || before == expected else { throw StoreError.changed("user \(user)") }
            var after = before
            after.status = status ?? before.status
            after.role = role ?? before.role
            try database.execute(
                sql: "UPDATE users SET status = ?, role = ? WHERE id = ?",
                arguments: [after.status.rawValue, after.role.rawValue, user.text])
            try Self.checkAdministrators(database)
            if after.status != .available {
                try database.execute(sql: "DELETE FROM sessions WHERE user = ?", arguments: [user.text])
            }
            return after
        }
    }

    /// Throws, which takes the change back, where nobody is left.
    static func checkAdministrators(_ database: Database) throws {
        let left = try Int.fetchOne(
            database, sql: "SELECT count(*) FROM users WHERE role = ? AND status = ?",
            arguments: [Role.administrator.rawValue, UserStatus.available.rawValue])
        guard left ?? 0 > 0 else { throw StoreError.lastAdministrator }
    }

    static func user(_ column: String, _ value: String, _ database: Database) throws -> User? {
        let statement = try database.cachedStatement(
            sql: "SELECT \(userColumns) FROM users WHERE \(column) = ? AND closed IS NULL")
        return try Row.fetchOne(statement, arguments: [value]).map { try User(row: $0) }
    }

    private static func insert(_ credential: Credential, of user: UserID, _ database: Database) throws {
        try database.execute(
            sql: "INSERT INTO credentials VALUES (?, ?, ?, ?, ?, ?)",
            arguments: [
                user.text, Data(credential.salt), Data(credential.hash), credential.costExponent,
                credential.blockSize, credential.parallelism,
            ])
    }
}

// MARK: - Sessions

extension SQLiteStore {
    package func insert(_ session: StoredSession) async throws {
        try await write { database in
            try database.execute(
                sql: "INSERT INTO sessions VALUES (?, ?, ?, ?)",
                arguments: [
                    session.tokenHash.hex, session.user.text, session.created.microseconds,
                    session.expires.microseconds,
                ])
        }
    }

    package func session(tokenHash: ContentHash) async throws -> (session: StoredSession, user: User)? {
        try look { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT \(userColumns), token_hash, sessions.created, expires
                    FROM sessions JOIN users ON users.id = sessions.user WHERE token_hash = ?
                    """)
            return try Row.fetchOne(statement, arguments: [tokenHash.hex]).map { row in
                let user = try User(row: row)
                let session = StoredSession(
                    tokenHash: try row.hash(5), user: user.id, created: try row.moment(6), expires: try row.moment(7))
                return (session, user)
            }
        }
    }

    package func deleteSession(tokenHash: ContentHash) async throws {
        try await write {
            try $0.execute(sql: "DELETE FROM sessions WHERE token_hash = ?", arguments: [tokenHash.hex])
        }
    }

    package func deleteSessions(expiredBefore moment: Timestamp) async throws -> Int {
        try await write { database in
            try database.execute(sql: "DELETE FROM sessions WHERE expires < ?", arguments: [moment.microseconds])
            return database.changesCount
        }
    }
}

extension User {
    /// Reads `userColumns`, which come first in their row.
    init(row: Row) throws {
        self.init(
            id: try row.identifier(0), name: try row.text(1), role: try row.word(2), status: try row.word(3),
            created: try row.moment(4))
    }
}
