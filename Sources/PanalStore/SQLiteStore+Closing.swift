import GRDB
package import PanalCore

/// The end of an account.
extension SQLiteStore {
    /// What is a user's alone and says nothing about what happened, by the column that names them.
    private static let own = [
        ("credentials", "user"), ("sessions", "user"), ("api_keys", "owner"), ("webhooks", "owner"),
        ("group_members", "user"), ("user_restrictions", "user"), ("favourites", "user"), ("shared_links", "giver"),
        ("storage_notices", "user"), ("retry_marks", "owner"), ("uploads", "owner"),
    ]

    package func close(
        _ user: UserID, at moment: Timestamp, expecting expected: User?
    ) async throws -> ClosingObstacle? {
        try await write { [self] database in
            try checkLease(database)
            guard let before = try Self.user("id", user.text, database) else {
                throw StoreError.unknown("user \(user)")
            }
            guard expected == nil || before == expected else { throw StoreError.changed("user \(user)") }
            if let obstacle = try Self.obstacle(of: user, at: moment, database) { return obstacle }
            try database.execute(
                sql: "UPDATE users SET name = ?, status = ?, closed = ? WHERE id = ?",
                arguments: ["closed-\(user)", UserStatus.blocked.rawValue, moment.microseconds, user.text])
            try Self.checkAdministrators(database)
            for (table, column) in Self.own {
                try database.execute(sql: "DELETE FROM \(table) WHERE \(column) = ?", arguments: [user.text])
            }
            try Self.forgetJobs(of: user, database)
            try database.execute(
                sql: """
                    UPDATE program_versions SET withdrawn = ?
                    WHERE withdrawn IS NULL AND program IN (SELECT id FROM programs WHERE owner = ?)
                    """, arguments: [moment.microseconds, user.text])
            try database.execute(sql: "UPDATE programs SET latest = 0 WHERE owner = ?", arguments: [user.text])
            try database.execute(sql: "UPDATE tenancy SET revision = revision + 1")
            return nil
        }
    }

    private static func obstacle(
        of user: UserID, at moment: Timestamp, _ database: Database
    ) throws -> ClosingObstacle? {
        func count(_ sql: String) throws -> Int {
            try Int.fetchOne(database, sql: "SELECT count(*) FROM \(sql)", arguments: [user.text]) ?? 0
        }
        let jobs = try count("jobs WHERE owner = ? AND \(Schema.unfinished)")
        if jobs > 0 { return .unfinishedJobs(jobs) }
        let standing = try standing(of: .user(user), at: moment, database)
        if standing.balance > .zero { return .credit(standing.balance) }
        let images = try count("rootfs_images WHERE owner = ?")
        return images > 0 ? .images(images) : nil
    }

    /// That they ran, what they used and cost stays; what was put into them does not. Their outputs follow with the next sweep.
    private static func forgetJobs(of user: UserID, _ database: Database) throws {
        let own = "(SELECT id FROM jobs WHERE owner = ?)"
        for table in ["attempt_blobs", "shared_links", "job_callbacks", "job_traces"] {
            try database.execute(sql: "DELETE FROM \(table) WHERE job IN \(own)", arguments: [user.text])
        }
        try database.execute(
            sql: """
                DELETE FROM attempts WHERE step IN (SELECT step FROM jobs JOIN attempts
                    ON step BETWEEN \(Schema.firstStep("jobs")) AND \(Schema.lastStep("jobs")) WHERE owner = ?)
                """, arguments: [user.text])
        try database.execute(
            sql: "UPDATE jobs SET kept = 0, fields = '[]' WHERE owner = ?", arguments: [user.text])
    }

    package func closedOwners() async throws -> [UserID] {
        try await pool.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT owner FROM stored_sums JOIN users ON users.id = owner
                    WHERE closed IS NOT NULL AND bytes > 0 ORDER BY owner
                    """
            ).map { try $0.identifier(0) }
        }
    }
}
