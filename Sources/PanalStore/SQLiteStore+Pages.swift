import GRDB
package import PanalCore

/// Favourites and shared links.
extension SQLiteStore {
    package func favourites(of user: UserID) async throws -> Set<ProgramID> {
        try await pool.read { database in
            Set(
                try Row.fetchAll(
                    database, sql: "SELECT program FROM favourites WHERE user = ?", arguments: [user.text]
                ).map { try $0.identifier(0) })
        }
    }

    package func setFavourite(_ program: ProgramID, of user: UserID, to isFavourite: Bool) async throws {
        try await write { database in
            try database.execute(
                sql: isFavourite
                    ? "INSERT OR IGNORE INTO favourites VALUES (?, ?)"
                    : "DELETE FROM favourites WHERE user = ? AND program = ?",
                arguments: [user.text, program.text])
        }
    }

    package func insert(_ link: SharedLink, most: Int) async throws -> Bool {
        try await write { database in
            try database.execute(
                sql: "DELETE FROM shared_links WHERE job = ? AND expires <= ?",
                arguments: [link.job.text, link.made.microseconds])
            let others = try Int.fetchOne(
                database, sql: "SELECT COUNT(*) FROM shared_links WHERE job = ?", arguments: [link.job.text])
            guard (others ?? 0) < most else { return false }
            try database.execute(
                sql: "INSERT INTO shared_links VALUES (?, ?, ?, ?, ?)",
                arguments: [
                    link.id.text, link.job.text, link.giver.text, link.made.microseconds, link.expires.microseconds,
                ])
            return true
        }
    }

    package func sharedLink(_ id: SharedLinkID) async throws -> SharedLink? {
        try await pool.read { database in
            try Row.fetchOne(
                database, sql: "SELECT id, job, giver, made, expires FROM shared_links WHERE id = ?",
                arguments: [id.text]
            ).map { try SharedLink(row: $0) }
        }
    }

    package func sharedLinks(of job: JobID, at moment: Timestamp) async throws -> [SharedLink] {
        try await pool.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT id, job, giver, made, expires FROM shared_links WHERE job = ? AND expires > ?
                    ORDER BY made DESC, id DESC
                    """, arguments: [job.text, moment.microseconds]
            ).map { try SharedLink(row: $0) }
        }
    }

    package func deleteSharedLink(_ id: SharedLinkID, of job: JobID) async throws -> Bool {
        try await write { database in
            try database.execute(
                sql: "DELETE FROM shared_links WHERE id = ? AND job = ?", arguments: [id.text, job.text])
            return database.changesCount > 0
        }
    }
}

extension SharedLink {
    fileprivate init(row: Row) throws {
        self.init(
            id: try row.identifier(0), job: try row.identifier(1), giver: try row.identifier(2),
            made: try row.moment(3), expires: try row.moment(4))
    }
}
