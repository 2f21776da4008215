import GRDB
package import PanalCore

extension Schema {
    static let operations = """
        CREATE TABLE settings (
            name TEXT PRIMARY KEY NOT NULL,
            value TEXT NOT NULL
        ) STRICT;
        CREATE TABLE audit (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            at INTEGER NOT NULL,
            user TEXT,
            name TEXT,
            key TEXT,
            address TEXT NOT NULL,
            request TEXT NOT NULL,
            action TEXT NOT NULL,
            target TEXT NOT NULL,
            status INTEGER NOT NULL,
            detail TEXT
        ) STRICT;
        CREATE INDEX audit_by_time ON audit (at);
        CREATE INDEX audit_of_user ON audit (user, number);
        CREATE INDEX audit_of_action ON audit (action, number);
        """
}

extension SQLiteStore {
    package func settings() async throws -> [String: JSONValue] {
        try await pool.read { try Self.settings($0) }
    }

    private static func settings(_ database: Database) throws -> [String: JSONValue] {
        let rows = try Row.fetchAll(database, sql: "SELECT name, value FROM settings")
        return try Dictionary(uniqueKeysWithValues: rows.map { (try $0.text(0), try $0.document(1)) })
    }

    package func change(
        _ settings: [String: JSONValue?], expecting expected: [String: JSONValue]?
    ) async throws {
        let texts = try settings.mapValues { value in try value.map { try JSONText.of($0) } }
        try await write { database in
            if let expected, try Self.settings(database) != expected { throw StoreError.changed("settings") }
            for (name, text) in texts {
                try database.execute(sql: "DELETE FROM settings WHERE name = ?", arguments: [name])
                guard let text else { continue }
                try database.execute(sql: "INSERT INTO settings VALUES (?, ?)", arguments: [name, text])
            }
        }
    }

    package func append(_ entries: [AuditEntry]) async throws {
        try await write { database in
            for entry in entries { try Self.insert(entry, database) }
        }
    }

    static func insert(_ entry: AuditEntry, _ database: Database) throws {
        let statement = try database.cachedStatement(
            sql: """
                INSERT INTO audit (at, user, name, key, address, request, action, target, status, detail)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """)
        try statement.execute(arguments: [
            entry.at.microseconds, entry.user?.text, entry.name, entry.key?.text, entry.address,
            entry.request, entry.action, entry.target, entry.status, entry.detail,
        ])
    }

    package func audit(_ query: AuditQuery) async throws -> [AuditEntry] {
        try await pool.read { database in
            var conditions = ["number < ?"]
            var arguments: StatementArguments = [query.before ?? .max]
            if let user = query.user {
                conditions.append("user = ?")
                arguments += [user.text]
            }
            if let action = query.action {
                conditions.append("action = ?")
                arguments += [action]
            }
            arguments += [query.limit]
            let statement = try database.cachedStatement(
                sql: """
                    SELECT number, at, user, name, key, address, request, action, target, status, detail FROM audit
                    WHERE \(conditions.joined(separator: " AND ")) ORDER BY number DESC LIMIT ?
                    """)
            return try Row.fetchAll(statement, arguments: arguments).map { row in
                AuditEntry(
                    number: try row.integer(0), at: try row.moment(1), user: try row.optional(2, row.identifier),
                    name: try row.optional(3, row.text), key: try row.optional(4, row.identifier),
                    address: try row.text(5), request: try row.text(6), action: try row.text(7),
                    target: try row.text(8), status: try row.integer(9), detail: try row.optional(10, row.text))
            }
        }
    }

    package func deleteAudit(before moment: Timestamp) async throws -> Int {
        try await write { database in
            try database.execute(sql: "DELETE FROM audit WHERE at < ?", arguments: [moment.microseconds])
            return database.changesCount
        }
    }
}
