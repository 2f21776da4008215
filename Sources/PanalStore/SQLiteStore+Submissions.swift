import FoundationEssentials
import GRDB
package import PanalCore

extension SQLiteStore {
    package func insert(
        _ drafts: [JobDraft], batch: JobBatch?, mark: RetryMark?, marksSince: Timestamp, isSynchronized: Bool
    ) async throws -> [Int64] {
        let rows = try drafts.map { draft in
            JobRow(
                draft: draft, fields: try JSONText.of(draft.job.fields),
                specification: try AttemptDocument(draft.attempt, hasSecrets: draft.hasSecrets).text(),
                cores: try draft.steps.last { $0.cores != nil }?.cores.map { try JSONText.of($0) })
        }
        let stored: Result<[Int64], any Error> = try await write(
            isSynchronized ? .synchronized : .owed, leavesNamesAlone: true
        ) { [self] database in
            try checkLease(database)
            // Not thrown, and before anything is written: others, who share the transaction, are not to begin again for it.
            if let mark, let earlier = try Self.request(marked: mark.key, of: mark.owner, database),
                earlier.mark.at >= marksSince
            {
                return .failure(StoreError.repeated(earlier))
            }
            if let first = drafts.first, let refusal = try Self.refusal(of: first.job, database) {
                return .failure(refusal)
            }
            if let batch { try Self.insert(batch, database) }
            var places: [Int64] = []
            for (place, row) in rows.enumerated() {
                // What the ones before it hold counts. The error takes them all back.
                if place > 0, let refusal = try Self.refusal(of: row.draft.job, database) { throw refusal }
                places.append(try Self.insert(row, database))
                guard let batch else { continue }
                try database.cachedStatement(sql: "INSERT INTO batch_jobs VALUES (?, ?, ?)").execute(arguments: [
                    batch.id.text, place, row.draft.job.id.text,
                ])
            }
            if let mark { try Self.insert(mark, job: batch == nil ? drafts.first?.job.id : nil, batch?.id, database) }
            return .success(places)
        }
        return try stored.get()
    }

    package func synchronize() async throws {
        guard line.isOwing else { return }
        // What is owed goes with the next transaction of whatever kind.
        try await write { _ in }
    }

    /// A job as it is written: what takes long is done before the transaction.
    private struct JobRow: Sendable {
        var draft: JobDraft
        var fields: String
        var specification: String
        var cores: String?
    }

    private static func insert(_ row: JobRow, _ database: Database) throws -> Int64 {
        let (job, attempt) = (row.draft.job, row.draft.attempt)
        try database.cachedStatement(
            sql: """
                INSERT INTO jobs (
                    id, owner, program, program_name, version, profile, state, submitted, fields, message, priority,
                    attempt, cores)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            job.id.text, job.owner.text, job.program.text, job.programName, job.version, job.profile,
            (row.draft.steps.last?.state ?? job.state).rawValue, job.submitted.microseconds, row.fields, job.message,
            job.priority.rawValue, attempt.id.number, row.cores,
        ])
        let position = database.lastInsertedRowID
        let first = JobChange(to: job.state, at: job.submitted, message: job.message)
        try insert([first] + row.draft.steps, from: position * Int64(Schema.stepsOfJob), database)
        try database.cachedStatement(sql: "INSERT INTO attempts VALUES (?, ?)").execute(arguments: [
            position * Int64(Schema.stepsOfJob) + Int64(attempt.id.number), row.specification,
        ])
        for content in Set(attempt.inputs.map(\.content) + [attempt.standardInput].compactMap(\.self)) {
            try database.cachedStatement(sql: "INSERT INTO attempt_blobs VALUES (?, ?)").execute(arguments: [
                job.id.text, content.hex,
            ])
        }
        if let charge = job.charge { try insert(charge, of: job, database) }
        if let callback = row.draft.callback { try insert(callback, of: job.id, database) }
        if let trace = row.draft.trace {
            try database.cachedStatement(sql: "INSERT INTO job_traces VALUES (?, ?)").execute(arguments: [
                job.id.text, trace,
            ])
        }
        for step in row.draft.steps { try announce(step, of: job.id, database) }
        return position
    }

    /// In place of an older one with the same key.
    static func insert(
        _ mark: RetryMark, job: JobID?, _ batch: BatchID?, image: RootfsID? = nil, _ database: Database
    ) throws {
        try database.cachedStatement(sql: "INSERT OR REPLACE INTO retry_marks VALUES (?, ?, ?, ?, ?, ?, ?)").execute(
            arguments: [
                mark.owner.text, mark.key.hex, mark.request.hex, mark.at.microseconds, job?.text, batch?.text,
                image?.text,
            ])
    }

    package func request(marked key: ContentHash, of owner: UserID) async throws -> RetriedRequest? {
        try await pool.read { try Self.request(marked: key, of: owner, $0) }
    }

    static func request(
        marked key: ContentHash, of owner: UserID, _ database: Database
    ) throws -> RetriedRequest? {
        let statement = try database.cachedStatement(
            sql: "SELECT request, at, job, batch, image FROM retry_marks WHERE owner = ? AND key = ?")
        return try Row.fetchOne(statement, arguments: [owner.text, key.hex]).map { row in
            RetriedRequest(
                mark: RetryMark(owner: owner, key: key, request: try row.hash(0), at: try row.moment(1)),
                job: try row.optional(2, row.identifier), batch: try row.optional(3, row.identifier),
                image: try row.optional(4, row.identifier))
        }
    }

    package func deleteMarks(before moment: Timestamp) async throws -> Int {
        try await write { database in
            try database.execute(sql: "DELETE FROM retry_marks WHERE at < ?", arguments: [moment.microseconds])
            return database.changesCount
        }
    }

    // MARK: Batches

    private static func insert(_ batch: JobBatch, _ database: Database) throws {
        try database.execute(
            sql: "INSERT INTO batches (id, owner, program_name, submitted, size, is_gang) VALUES (?, ?, ?, ?, ?, ?)",
            arguments: [
                batch.id.text, batch.owner.text, batch.programName, batch.submitted.microseconds, batch.size,
                batch.isGang,
            ])
    }

    package func batch(_ id: BatchID) async throws -> JobBatch? {
        try await batch("id = ?", id.text)
    }

    package func batch(of job: JobID) async throws -> JobBatch? {
        try await batch("id = (SELECT batch FROM batch_jobs WHERE job = ?)", job.text)
    }

    private func batch(_ condition: String, _ argument: String) async throws -> JobBatch? {
        try await pool.read { database in
            let statement = try database.cachedStatement(
                sql: "SELECT \(Self.batchColumns) FROM batches WHERE \(condition)")
            return try Row.fetchOne(statement, arguments: [argument]).map(Self.batch)
        }
    }

    private static let batchColumns = "id, owner, program_name, submitted, size, is_gang"

    private static func batch(_ row: Row) throws -> JobBatch {
        JobBatch(
            id: try row.identifier(0), owner: try row.identifier(1), programName: try row.text(2),
            submitted: try row.moment(3), size: try row.integer(4), isGang: try row.integer(5) != 0)
    }

    package func batches(_ query: BatchQuery) async throws -> [BatchSummary] {
        var conditions: [String] = []
        var arguments: StatementArguments = []
        if let owner = query.owner {
            conditions.append("owner = ?")
            arguments += [owner.text]
        }
        if let program = query.program {
            conditions.append("program_name = ?")
            arguments += [program]
        }
        if let before = query.before {
            conditions.append("(submitted, id) < (?, ?)")
            arguments += [before.submitted.microseconds, before.batch.text]
        }
        let filter = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        let sql = "SELECT \(Self.batchColumns) FROM batches \(filter) ORDER BY submitted DESC, id DESC LIMIT ?"
        arguments += [query.limit]
        return try await pool.read { [arguments] database in
            let counts = try database.cachedStatement(
                sql: """
                    SELECT state, count(*) FROM batch_jobs JOIN jobs ON jobs.id = batch_jobs.job WHERE batch = ?
                    GROUP BY state
                    """)
            return try Row.fetchAll(database, sql: sql, arguments: arguments).map(Self.batch).map { batch in
                var states: [JobState: Int] = [:]
                for row in try Row.fetchAll(counts, arguments: [batch.id.text]) {
                    states[try row.word(0)] = try row.integer(1)
                }
                return BatchSummary(batch: batch, states: states)
            }
        }
    }

    package func jobs(of batch: BatchID) async throws -> [Job] {
        try await pool.read { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT \(jobColumns) FROM batch_jobs JOIN jobs ON jobs.id = batch_jobs.job
                    WHERE batch = ? ORDER BY place
                    """)
            return try Row.fetchAll(statement, arguments: [batch.text]).map { row in
                var job = try Job(row: row)
                job.batch = batch
                return job
            }
        }
    }

    package func signingKey() async throws -> [UInt8] {
        try await pool.read { database in
            let row = try Row.fetchOne(database, sql: "SELECT value FROM signing_keys WHERE name = 'cursors'")
            guard let key = try row?.bytes(0), key.count == 32 else {
                throw StoreError.damaged("the key that cursors are signed with is gone")
            }
            return key
        }
    }
}
