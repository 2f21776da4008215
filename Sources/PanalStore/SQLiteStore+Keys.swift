import GRDB
package import PanalCore

private let keyColumns = """
    api_keys.id, owner, label, api_keys.created, expires, scopes, last_used, previous_until
    """

extension SQLiteStore {
    package func insert(_ key: APIKey, secretHash: ContentHash) async throws {
        let scopes = Self.text(of: key.scopes)
        try await write { database in
            try database.execute(
                sql: """
                    INSERT INTO api_keys (id, owner, label, created, expires, secret_hash, scopes)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    key.id.text, key.owner.text, key.label, key.created.microseconds, key.expires?.microseconds,
                    secretHash.hex, scopes,
                ])
        }
    }

    package func key(_ id: APIKeyID) async throws -> StoredKey? {
        try look(id, in: keys) { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT \(userColumns), \(keyColumns), secret_hash, previous_hash
                    FROM api_keys JOIN users ON users.id = api_keys.owner WHERE api_keys.id = ?
                    """)
            return try Row.fetchOne(statement, arguments: [id.text]).map { row in
                StoredKey(
                    key: try APIKey(row: row, from: 5), secretHash: try row.hash(13),
                    previousHash: try row.optional(14, row.hash), owner: try User(row: row))
            }
        }
    }

    package func keys(of owner: UserID, after place: KeyPlace?, limit: Int) async throws -> [APIKey] {
        try await pool.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT \(keyColumns) FROM api_keys WHERE owner = ? AND (created, id) > (?, ?)
                    ORDER BY created, id LIMIT ?
                    """,
                arguments: [
                    owner.text, place?.created.microseconds ?? .min, place?.key.text ?? "", limit,
                ]
            ).map { try APIKey(row: $0, from: 0) }
        }
    }

    package func deleteKey(_ id: APIKeyID, expecting expected: APIKey?) async throws -> Bool {
        try await write { database in
            if var expected {
                let row = try Row.fetchOne(
                    database, sql: "SELECT \(keyColumns) FROM api_keys WHERE id = ?", arguments: [id.text])
                guard let present = try row.map({ try APIKey(row: $0, from: 0) }) else { return false }
                // Noted on the way, and nothing that anybody has changed.
                expected.lastUsed = present.lastUsed
                guard present == expected else { throw StoreError.changed("key \(id)") }
            }
            try database.execute(sql: "DELETE FROM api_keys WHERE id = ?", arguments: [id.text])
            return database.changesCount > 0
        }
    }

    package func replaceSecret(
        of id: APIKeyID, _ expected: ContentHash, with secretHash: ContentHash, previousUntil moment: Timestamp
    ) async throws -> Bool {
        try await write { database in
            try database.execute(
                sql: """
                    UPDATE api_keys SET previous_hash = secret_hash, previous_until = ?, secret_hash = ?
                    WHERE id = ? AND secret_hash = ?
                    """, arguments: [moment.microseconds, secretHash.hex, id.text, expected.hex])
            return database.changesCount > 0
        }
    }

    package func noteUse(of id: APIKeyID, at moment: Timestamp) async throws {
        try await write(.written) {
            try $0.cachedStatement(sql: "UPDATE api_keys SET last_used = ? WHERE id = ?")
                .execute(arguments: [moment.microseconds, id.text])
        }
    }

    private static func text(of scopes: Set<KeyScope>) -> String {
        KeyScope.allCases.filter(scopes.contains).map(\.rawValue).joined(separator: ",")
    }
}

extension APIKey {
    fileprivate init(row: Row, from first: Int) throws {
        let scopes = try row.text(first + 5).split(separator: ",").map { word in
            guard let scope = KeyScope(rawValue: String(word)) else {
                throw StoreError.damaged("‘\(word)’ is no scope of a key")
            }
            return scope
        }
        self.init(
            id: try row.identifier(first), owner: try row.identifier(first + 1), label: try row.text(first + 2),
            created: try row.moment(first + 3), expires: try row.optional(first + 4, row.moment),
            scopes: Set(scopes), lastUsed: try row.optional(first + 6, row.moment),
            previousHoldsUntil: try row.optional(first + 7, row.moment))
    }
}
