import GRDB
package import PanalCore

/// Bytes of a job's outputs.
private let outputBytes = """
    output_bytes + error_bytes + coalesce((SELECT sum(bytes) FROM job_files WHERE job_files.job = jobs.id), 0)
    """
private let endedColumns = "id, owner, ended, \(outputBytes)"

extension SQLiteStore {
    package func outputsToAnnounce(
        _ plan: RetentionPlan, at now: Timestamp, limit: Int
    ) async throws -> [EndedJob] {
        try await pool.read { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT \(endedColumns) FROM jobs
                    WHERE owner = ? AND ended <= ? AND ended IS NOT NULL AND expires IS NULL AND removed IS NULL
                        AND kept = 0
                    ORDER BY ended LIMIT ?
                    """)
            var found: [EndedJob] = []
            for row in try Row.fetchAll(database, sql: "SELECT id FROM users WHERE closed IS NULL ORDER BY id")
            where found.count < limit {
                let owner: UserID = try row.identifier(0)
                guard let until = plan.rule(of: owner).tells(at: now) else { continue }
                found += try Row.fetchAll(
                    statement, arguments: [owner.text, until.microseconds, limit - found.count]
                ).map(Self.endedJob)
            }
            return found
        }
    }

    package func announce(
        _ jobs: [(id: JobID, until: Timestamp)], at now: Timestamp, tells: Bool
    ) async throws {
        try await write { [self] database in
            try checkLease(database)
            let statement = try database.cachedStatement(
                sql: """
                    UPDATE jobs SET expires = ?
                    WHERE id = ? AND ended IS NOT NULL AND expires IS NULL AND removed IS NULL AND kept = 0
                    """)
            for (job, until) in jobs {
                try statement.execute(arguments: [until.microseconds, job.text])
                guard database.changesCount > 0, tells, try !Self.outputs(of: job, database).there.isEmpty else {
                    continue
                }
                try Self.announce(.expiring, at: now, of: job, database)
            }
        }
    }

    package func takeBack(_ jobs: [JobID]) async throws {
        try await write { database in
            let statement = try database.cachedStatement(sql: "UPDATE jobs SET expires = NULL WHERE id = ?")
            for job in jobs { try statement.execute(arguments: [job.text]) }
        }
    }

    package func outputsDue(at now: Timestamp, limit: Int) async throws -> [EndedJob] {
        try await ended(
            "WHERE expires <= ? AND removed IS NULL AND kept = 0 ORDER BY expires LIMIT ?", [now.microseconds, limit])
    }

    package func oldestOutputs(of user: UserID, limit: Int) async throws -> [EndedJob] {
        try await ended(
            """
            WHERE owner = ? AND ended IS NOT NULL AND removed IS NULL AND kept = 0 AND \(outputBytes) > 0
            ORDER BY position LIMIT ?
            """, [user.text, limit])
    }

    package func removableBytes(of user: UserID) async throws -> Int {
        try await pool.read { database in
            // Few jobs are kept or at work, while all that have ended may be a hundred thousand.
            let statement = try database.cachedStatement(
                sql: """
                    SELECT coalesce((SELECT bytes FROM stored_sums WHERE owner = ?1), 0)
                        - coalesce((SELECT sum(\(outputBytes)) FROM jobs
                            WHERE owner = ?1 AND kept = 1 AND removed IS NULL AND ended IS NOT NULL), 0)
                        - coalesce((SELECT sum(\(outputBytes)) FROM jobs
                            WHERE owner = ?1 AND \(Schema.unfinished) AND removed IS NULL), 0)
                    """)
            return try Int.fetchOne(statement, arguments: [user.text]) ?? 0
        }
    }

    package func announcedOutputs(of user: UserID, limit: Int) async throws -> [EndedJob] {
        try await ended(
            "WHERE owner = ? AND expires IS NOT NULL AND removed IS NULL AND kept = 0 ORDER BY expires LIMIT ?",
            [user.text, limit])
    }

    private func ended(_ condition: String, _ arguments: StatementArguments) async throws -> [EndedJob] {
        try await pool.read { database in
            let statement = try database.cachedStatement(sql: "SELECT \(endedColumns) FROM jobs \(condition)")
            return try Row.fetchAll(statement, arguments: arguments).map(Self.endedJob)
        }
    }

    package func noteRemoved(
        _ jobs: [JobID], because cause: RemovalCause, at now: Timestamp
    ) async throws -> [RemovedOutputs] {
        try await write { [self] database in
            try checkLease(database)
            return try jobs.compactMap { try Self.noteRemoved($0, because: cause, at: now, database) }
        }
    }

    package func noteRemoved(
        _ jobs: [JobID], of user: UserID, downTo most: Int, at now: Timestamp
    ) async throws -> [RemovedOutputs] {
        try await write { [self] database in
            try checkLease(database)
            var stored = try Self.storedBytes(of: user, database)
            var removed: [RemovedOutputs] = []
            for job in jobs where stored > most {
                guard let gone = try Self.noteRemoved(job, because: .quota, at: now, database) else { continue }
                stored -= gone.removal.bytes
                removed.append(gone)
            }
            return removed
        }
    }

    /// Nil where the job's outputs are none of what may be removed.
    private static func noteRemoved(
        _ job: JobID, because cause: RemovalCause, at now: Timestamp, _ database: Database
    ) throws -> RemovedOutputs? {
        var (removal, owner) = try outputs(of: job, database)
        (removal.at, removal.cause) = (now, cause)
        let isAsked = cause == .request
        try database.cachedStatement(
            sql: """
                UPDATE jobs SET removed = ?, removal = ?, removed_bytes = ?, removed_files = ?, kept = 0
                WHERE id = ? AND ended IS NOT NULL AND removed IS NULL AND (kept = 0 OR ?)
                """
        ).execute(arguments: [now.microseconds, cause.rawValue, removal.bytes, removal.files, job.text, isAsked])
        guard database.changesCount > 0 else { return nil }
        // Nothing reads a job's inputs after its end.
        try database.cachedStatement(sql: "DELETE FROM attempt_blobs WHERE job = ?").execute(arguments: [job.text])
        if !isAsked, !removal.isEmpty {
            try insert(
                AuditEntry(
                    at: now, user: nil, name: nil, key: nil, address: "", request: "", action: "removeOutputs",
                    target: "/api/v1/jobs/\(job)", status: 200,
                    detail: "owner=\(owner) cause=\(cause.rawValue) bytes=\(removal.bytes) files=\(removal.files)"),
                database)
        }
        return RemovedOutputs(job: job, removal: removal)
    }

    package func unfinishedRemovals(after job: JobID?, limit: Int) async throws -> [JobID] {
        try await pool.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT id FROM jobs WHERE removed IS NOT NULL AND files_gone = 0
                        AND position > coalesce((SELECT position FROM jobs WHERE id = ?), 0)
                    ORDER BY position LIMIT ?
                    """, arguments: [job?.text, limit]
            ).map { try $0.identifier(0) }
        }
    }

    package func noteFilesGone(of jobs: [JobID]) async throws {
        try await write { database in
            let statement = try database.cachedStatement(
                sql: "UPDATE jobs SET files_gone = 1 WHERE id = ? AND removed IS NOT NULL")
            for job in jobs { try statement.execute(arguments: [job.text]) }
        }
    }

    package func setKept(_ job: JobID, _ isKept: Bool, most: Int) async throws -> Bool {
        try await write { database in
            let found = try Row.fetchOne(
                database, sql: "SELECT owner, kept FROM jobs WHERE id = ? AND removed IS NULL", arguments: [job.text])
            guard let found else { throw StoreError.unknown("outputs of job \(job)") }
            guard try found.flag(1) != isKept else { return true }
            if isKept {
                let others = try Int.fetchOne(
                    database, sql: "SELECT count(*) FROM jobs WHERE owner = ? AND kept = 1",
                    arguments: [try found.text(0)])
                guard others ?? 0 < most else { return false }
            }
            // What was promised stays: otherwise keeping for a moment would put the end off by a warning, again and again.
            try database.execute(sql: "UPDATE jobs SET kept = ? WHERE id = ?", arguments: [isKept, job.text])
            return true
        }
    }

    package func noteFilling(of user: UserID, _ isFilling: Bool, at now: Timestamp) async throws {
        let wasFilling = try look { database in
            try Row.fetchOne(database, sql: "SELECT 1 FROM storage_notices WHERE user = ?", arguments: [user.text])
                != nil
        }
        guard isFilling != wasFilling else { return }
        try await write { [self] database in
            try checkLease(database)
            guard isFilling else {
                return try database.execute(sql: "DELETE FROM storage_notices WHERE user = ?", arguments: [user.text])
            }
            try database.execute(
                sql: "INSERT INTO storage_notices VALUES (?, ?) ON CONFLICT DO NOTHING",
                arguments: [user.text, now.microseconds])
            guard database.changesCount > 0 else { return }
            try Self.announceFilling(to: user, at: now, database)
        }
    }

    package func forgetFilling(exceptOf users: Set<UserID>) async throws {
        let known: [UserID] = try look { database in
            try Row.fetchAll(database, sql: "SELECT user FROM storage_notices").map { try $0.identifier(0) }
        }
        let others = known.filter { !users.contains($0) }
        guard !others.isEmpty else { return }
        try await write { database in
            let statement = try database.cachedStatement(sql: "DELETE FROM storage_notices WHERE user = ?")
            for user in others { try statement.execute(arguments: [user.text]) }
        }
    }

    package func outputFigures() async throws -> OutputFigures {
        try await pool.read { database in
            let row = try Row.fetchOne(
                database,
                sql: """
                    SELECT count(*), coalesce(sum(\(outputBytes)), 0) FROM jobs
                    WHERE ended IS NOT NULL AND removed IS NULL
                    """)
            return OutputFigures(jobs: try row?.integer(0) ?? 0, bytes: try row?.integer(1) ?? 0)
        }
    }

    /// What there is of a job's outputs, as it would be removed.
    private static func outputs(
        of job: JobID, _ database: Database
    ) throws -> (there: OutputRemoval, owner: String) {
        let statement = try database.cachedStatement(
            sql: """
                SELECT \(outputBytes), (SELECT count(*) FROM job_files WHERE job_files.job = jobs.id), owner
                FROM jobs WHERE id = ?
                """)
        let row = try Row.fetchOne(statement, arguments: [job.text])
        let there = OutputRemoval(
            at: Timestamp(microseconds: 0), cause: .age, bytes: try row?.integer(0) ?? 0,
            files: try row?.integer(1) ?? 0)
        return (there, try row?.text(2) ?? "")
    }

    private static func endedJob(_ row: Row) throws -> EndedJob {
        EndedJob(
            id: try row.identifier(0), owner: try row.identifier(1), ended: try row.moment(2),
            bytes: try row.integer(3))
    }
}
