import GRDB
package import PanalCore

private let uploadColumns = "id, owner, metadata, length, received, created, expires, content"

extension SQLiteStore {
    package func insert(_ upload: Upload, most: Int, mostBytes: Int) async throws -> Bool {
        try await write { database in
            let row = try Row.fetchOne(
                database, sql: "SELECT count(*), coalesce(sum(length), 0) FROM uploads WHERE owner = ?",
                arguments: [upload.owner.text])
            let (count, bytes) = try row.map { (try $0.integer(0), try $0.integer(1)) } ?? (0, 0)
            guard count < most, upload.length <= mostBytes - bytes else { return false }
            try database.execute(
                sql: "INSERT INTO uploads (\(uploadColumns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                arguments: [
                    upload.id.text, upload.owner.text, upload.metadata, upload.length, upload.received,
                    upload.created.microseconds, upload.expires.microseconds, upload.content?.hex,
                ])
            return true
        }
    }

    package func upload(_ id: UploadID) async throws -> Upload? {
        try await pool.read { try Self.upload(id, $0) }
    }

    package func uploads(of owner: UserID) async throws -> [Upload] {
        try await pool.read { database in
            try Row.fetchAll(
                database, sql: "SELECT \(uploadColumns) FROM uploads WHERE owner = ? ORDER BY created, id",
                arguments: [owner.text]
            ).map { try Upload(row: $0) }
        }
    }

    package func note(
        _ id: UploadID, received: Int, content: ContentHash?, expires: Timestamp
    ) async throws -> Upload? {
        try await write { database in
            try database.execute(
                sql: "UPDATE uploads SET received = ?, content = coalesce(?, content), expires = ? WHERE id = ?",
                arguments: [received, content?.hex, expires.microseconds, id.text])
            return try Self.upload(id, database)
        }
    }

    package func deleteUpload(_ id: UploadID, expecting expected: Upload?) async throws -> Bool {
        try await write { database in
            if let expected, let present = try Self.upload(id, database), present != expected {
                throw StoreError.changed("upload \(id)")
            }
            try database.execute(sql: "DELETE FROM uploads WHERE id = ?", arguments: [id.text])
            return database.changesCount > 0
        }
    }

    package func deleteUploads(expiredBefore moment: Timestamp) async throws -> Set<UploadID> {
        try await write { database in
            try database.execute(sql: "DELETE FROM uploads WHERE expires < ?", arguments: [moment.microseconds])
            return Set(try Row.fetchAll(database, sql: "SELECT id FROM uploads").map { try $0.identifier(0) })
        }
    }

    private static func upload(_ id: UploadID, _ database: Database) throws -> Upload? {
        let statement = try database.cachedStatement(sql: "SELECT \(uploadColumns) FROM uploads WHERE id = ?")
        return try Row.fetchOne(statement, arguments: [id.text]).map { try Upload(row: $0) }
    }
}

extension Upload {
    fileprivate init(row: Row) throws {
        self.init(
            id: try row.identifier(0), owner: try row.identifier(1), metadata: try row.text(2),
            length: try row.integer(3), received: try row.integer(4), created: try row.moment(5),
            expires: try row.moment(6), content: try row.optional(7, row.hash))
    }
}
