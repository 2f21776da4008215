import GRDB
package import PanalCore

extension SQLiteStore {
    package func testRecord(of content: ContentHash) async throws -> TestRecord? {
        try await pool.read { database in try Self.testRecord(of: content, database) }
    }

    package func note(_ record: TestRecord, of content: ContentHash) async throws {
        try await write { database in
            let before = try Self.testRecord(of: content, database)
            try Self.put(record, of: content, database)
            guard !record.hasPassed, before?.hasPassed != false else { return }
            try Self.announceFailing(content, at: record.at, database)
        }
    }

    static func put(_ record: TestRecord, of content: ContentHash, _ database: Database) throws {
        try database.execute(
            sql: "INSERT OR REPLACE INTO program_tests VALUES (?, ?, ?, ?)",
            arguments: [
                content.hex, record.conditions.hex, record.at.microseconds,
                record.hasPassed ? nil : try JSONText.of(record.failures),
            ])
    }

    private static func testRecord(of content: ContentHash, _ database: Database) throws -> TestRecord? {
        try Row.fetchOne(
            database, sql: "SELECT conditions, at, failures FROM program_tests WHERE content = ?",
            arguments: [content.hex]
        ).map { try TestRecord(row: $0, from: 0) }
    }
}

extension TestRecord {
    init(row: Row, from first: Int) throws {
        self.init(
            conditions: try row.hash(first), at: try row.moment(first + 1),
            failures: try row.optional(first + 2, row.document) ?? [])
    }
}
