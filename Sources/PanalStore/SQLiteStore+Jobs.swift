import GRDB
package import PanalCore

let jobColumns = """
    jobs.id, jobs.owner, jobs.program, program_name, version, jobs.profile, state, submitted, started, jobs.ended, fields,
    jobs.outcome, usage, cores, message, output_bytes, output_truncated, error_bytes, error_truncated, jobs.priority, attempt,
    kept, expires, removed, removal, removed_bytes, removed_files
    """

/// A job with its charge, whether it has left files, and its batch.
private let wholeColumns = """
    \(jobColumns), \(SQLiteStore.chargeColumns), EXISTS (SELECT 1 FROM job_files WHERE job_files.job = jobs.id),
    (SELECT batch FROM batch_jobs WHERE batch_jobs.job = jobs.id)
    """

private let withCharges = "FROM jobs LEFT JOIN job_charges ON job_charges.job = jobs.id"

private let wholeJobs = "SELECT \(wholeColumns) \(withCharges)"

/// Also with what its attempt sees, which is too much work for each of a list.
private let oneJob = """
    SELECT \(wholeColumns),
        specification ->> '$.rootfs', coalesce(specification ->> '$.hasWritableRoot', 0)
    FROM jobs LEFT \(newestAttempt) LEFT JOIN job_charges ON job_charges.job = jobs.id WHERE jobs.id = ?
    """

private let newestAttempt = "JOIN attempts ON step = position * \(Schema.stepsOfJob) + attempt"

extension SQLiteStore {
    package func job(_ id: JobID) async throws -> Job? {
        try look { try Self.job(id, $0) }
    }

    package func jobs(_ query: JobQuery) async throws -> [Job] {
        // What is found by an index, row by row, is there sooner than a thread that would look for it. A transaction is not needed: all
        // but files is read by one statement, and files come with a job's end.
        if query.program == nil, query.state == nil, query.batch == nil, query.limit <= 64 {
            return try look { try Self.jobs(query, $0) }
        }
        return try await pool.read { try Self.jobs(query, $0) }
    }

    private static func jobs(_ query: JobQuery, _ database: Database) throws -> [Job] {
        var conditions: [String] = []
        var arguments: StatementArguments = []
        func require(_ condition: String, _ value: String) {
            conditions.append(condition)
            arguments += [value]
        }
        // A batch has few jobs, and they are found by their places: no other index is looked through for them.
        let plain = query.batch == nil ? "" : "+"
        if let batch = query.batch {
            require("position IN (SELECT position FROM batch_jobs JOIN jobs ON id = job WHERE batch = ?)", batch.text)
        }
        if let owner = query.owner { require("\(plain)jobs.owner = ?", owner.text) }
        if let program = query.program { require("\(plain)program_name = ?", program) }
        if let state = query.state {
            require("\(plain)state = ?", state.rawValue)
            if query.batch == nil { conditions.append(state.isFinal ? Schema.ended : Schema.unfinished) }
        }
        if let before = query.before {
            // Where that job is gone, what was submitted before its moment.
            conditions.append(
                """
                position < coalesce((SELECT position FROM jobs WHERE id = ?),
                    (SELECT max(position) + 1 FROM jobs WHERE submitted < ?), 0)
                """)
            arguments += [before.job.text, before.submitted.microseconds]
        }
        let filter = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        arguments += [query.limit]
        return try whole("\(wholeJobs) \(filter) ORDER BY position DESC LIMIT ?", arguments, database)
    }

    /// Reads what `wholeJobs` finds.
    private static func whole(
        _ sql: String, _ arguments: StatementArguments, _ database: Database
    ) throws -> [Job] {
        var jobs: [Job] = []
        var withFiles: [Int] = []
        try database.eachRow(sql, arguments) { row in
            var job = try Job(row: row)
            let next = Job.columnCount
            job.charge = try row.optional(next) { _ in try charge(row, from: next) }
            let last = next + chargeColumnCount
            job.batch = try row.optional(last + 1, row.identifier)
            if row.count > last + 2 {
                job.rootfs = try row.optional(last + 2, row.text)
                job.hasWritableRoot = try row.flag(last + 3)
            }
            if job.state.isFinal, try row.flag(last) { withFiles.append(jobs.count) }
            jobs.append(job)
        }
        for place in withFiles { jobs[place].files = try files(of: jobs[place].id, database) }
        return jobs
    }

    package func events(of job: JobID) async throws -> [JobEvent] {
        try await pool.read { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT at, job_events.state, job_events.message FROM jobs
                    JOIN job_events ON step BETWEEN \(Schema.firstStep("jobs")) AND \(Schema.lastStep("jobs"))
                    WHERE jobs.id = ? ORDER BY step
                    """)
            return try Row.fetchAll(statement, arguments: [job.text]).map {
                JobEvent(at: try $0.moment(0), state: try $0.word(1), message: try $0.optional(2, $0.text))
            }
        }
    }

    package func unfinishedJobs() async throws -> [UnfinishedJob] {
        try await pool.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT \(jobColumns), attempt, specification, position, cancelled_by,
                        (SELECT batches.id FROM batch_jobs JOIN batches ON batches.id = batch
                            WHERE batch_jobs.job = jobs.id AND is_gang) FROM jobs
                    \(newestAttempt) WHERE \(Schema.unfinished) ORDER BY +position
                    """
            ).map { row in
                var job = try Job(row: row)
                let next = Job.columnCount
                let document: AttemptDocument = try row.document(next + 1)
                job.charge = try Self.charge(of: job.id, database)
                return UnfinishedJob(
                    job: job, attempt: try document.attempt(job: job.id, number: try row.integer(next)),
                    order: Int64(try row.integer(next + 2)), cancelledBy: try row.optional(next + 3, row.text),
                    gang: try row.optional(next + 4, row.identifier))
            }
        }
    }

    package func change(
        _ job: JobID, attempt: AttemptID?, from expected: JobState, _ changes: [JobChange]
    ) async throws -> JobState? {
        return try await write(Self.durability(of: changes), leavesNamesAlone: true) { [self] database in
            try checkLease(database)
            guard let stored = try Self.standing(of: job, database), stored.state == expected,
                attempt == nil || attempt == stored.attempt
            else { return nil }
            return try Self.take(changes, with: stored, database)
        }
    }

    package func change(_ jobs: [JobID], from expected: JobState, _ changes: [JobChange]) async throws -> Bool {
        return try await write(Self.durability(of: changes), leavesNamesAlone: true) { [self] database in
            try checkLease(database)
            var standing: [Standing] = []
            for job in jobs {
                guard let stored = try Self.standing(of: job, database), stored.state == expected else { return false }
                standing.append(stored)
            }
            for stored in standing { _ = try Self.take(changes, with: stored, database) }
            return true
        }
    }

    /// Ends are on the disk when they are told of. A job whose program is begun now writes again soon, that it runs or has ended.
    private static func durability(of changes: [JobChange]) -> CommitLine.Durability {
        if changes.contains(where: \.state.isFinal) { return .synchronized }
        return switch changes.last?.state {
        case .configuring, .deploying: .passing
        default: .written
        }
    }

    /// All steps that a job makes at once, with what its end brings with it; the state that it is then in.
    private static func take(
        _ changes: [JobChange], with stored: Standing, _ database: Database
    ) throws -> JobState {
        var state = stored.state
        for change in changes {
            guard state.next.contains(change.state) else {
                throw StoreError.forbiddenChange(from: state, to: change.state)
            }
            state = change.state
        }
        let job = stored.attempt.job
        try apply(changes, to: stored, database)
        if state.isFinal, let last = changes.last {
            if stored.hasSecrets { try forgetSecrets(of: job, database) }
            try settle(job, last, database)
        }
        return state
    }

    package func noteCancel(of job: JobID, by name: String) async throws {
        try await write { [self] database in
            try checkLease(database)
            try database.cachedStatement(
                sql: """
                    UPDATE jobs SET cancelled_by = ? WHERE id = ? AND \(Schema.unfinished)
                    """
            ).execute(arguments: [name, job.text])
        }
    }

    package func referencedBlobs() async throws -> Set<ContentHash> {
        try await pool.read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT content FROM attempt_blobs UNION SELECT content FROM \(Schema.presentFiles)
                    UNION SELECT content FROM uploads WHERE content IS NOT NULL
                    """)
            return Set(try rows.map { try $0.hash(0) })
        }
    }

    private struct Standing {
        var state: JobState
        /// The newest.
        var attempt: AttemptID
        /// Of any attempt.
        var hasSecrets: Bool
        /// The number of its next event.
        var step: Int64
    }

    private static let standingOfJob = """
        SELECT state, attempt, specification -> '$.nonce', attempt > 1 OR coalesce(specification ->> '$.hasSecrets', 1),
            coalesce((SELECT max(step) + 1 FROM job_events
                WHERE step BETWEEN \(Schema.firstStep("jobs")) AND \(Schema.lastStep("jobs"))),
                \(Schema.firstStep("jobs")))
        FROM jobs \(newestAttempt) WHERE jobs.id = ?
        """

    /// How a job stands before a change; nil where it is not there.
    private static func standing(of job: JobID, _ database: Database) throws -> Standing? {
        // The nonce as text: it may be larger than SQLite's numbers.
        try database.firstRow(standingOfJob, [job.text]) { row in
            let nonce = try row.text(2)
            guard let number = UInt64(nonce) else { throw StoreError.damaged("‘\(nonce)’ is no nonce of an attempt") }
            return Standing(
                state: try row.word(0), attempt: AttemptID(job: job, number: try row.integer(1), nonce: number),
                hasSecrets: try row.flag(3), step: try row.long(4))
        }
    }

    /// The newest attempt's work, under another number and nonce.
    private static func insertRetry(_ attempt: AttemptID, _ database: Database) throws {
        let newest = try database.cachedStatement(
            sql: "SELECT specification, position FROM jobs \(newestAttempt) WHERE jobs.id = ?")
        guard let row = try Row.fetchOne(newest, arguments: [attempt.job.text]) else {
            throw StoreError.damaged("job \(attempt.job) has no attempt")
        }
        var document: AttemptDocument = try row.document(0)
        document.nonce = attempt.nonce
        try database.cachedStatement(sql: "INSERT INTO attempts VALUES (?, ?)").execute(arguments: [
            try row.long(1) * Int64(Schema.stepsOfJob) + Int64(attempt.number), try JSONText.of(document),
        ])
        try database.cachedStatement(sql: "UPDATE jobs SET attempt = ?, started = NULL, cores = NULL WHERE id = ?")
            .execute(arguments: [attempt.number, attempt.job.text])
    }

    /// Several steps at once: the row is written once, as the last of them leaves it.
    private static func apply(_ changes: [JobChange], to stored: Standing, _ database: Database) throws {
        guard let last = changes.last else { return }
        let job = stored.attempt.job
        let started = changes.last(where: { $0.started != nil })?.started
        let cores = try changes.last(where: { $0.cores != nil })?.cores.map { try JSONText.of($0) }
        let ended = last.state.isFinal ? last.at.microseconds : nil
        let result = changes.last(where: { $0.result != nil })?.result
        if let result {
            try database.cachedStatement(
                sql: """
                    UPDATE jobs SET state = ?, message = ?, started = coalesce(?, started), ended = ?,
                        cores = coalesce(?, cores), outcome = ?, usage = ?, output_bytes = ?, output_truncated = ?,
                        error_bytes = ?, error_truncated = ? WHERE id = ?
                    """
            ).execute(arguments: [
                last.state.rawValue, last.message, started?.microseconds, ended, cores,
                try JSONText.of(result.outcome), try result.usage.map { try JSONText.of($0) }, result.output.bytes,
                result.output.truncated, result.error.bytes, result.error.truncated, job.text,
            ])
        } else {
            try database.cachedStatement(
                sql: """
                    UPDATE jobs SET state = ?, message = ?, started = coalesce(?, started), ended = ?,
                        cores = coalesce(?, cores) WHERE id = ?
                    """
            ).execute(arguments: [last.state.rawValue, last.message, started?.microseconds, ended, cores, job.text])
        }
        for file in result?.files ?? [] {
            try database.cachedStatement(sql: "INSERT INTO job_files VALUES (?, ?, ?, ?)").execute(arguments: [
                job.text, file.path, file.bytes, file.content.hex,
            ])
        }
        try insert(changes, from: stored.step, database)
        var before = stored.state
        for change in changes {
            if let retry = change.retry { try insertRetry(retry, database) }
            // One that has been copied goes on: that it began was told.
            let isGoingOn = change.state == .running && (before == .copyRequested || before == .copying)
            if !isGoingOn { try announce(change, of: job, database) }
            before = change.state
        }
    }

    /// What was submitted in confidence is not kept longer than the job needs it.
    private static func forgetSecrets(of job: JobID, _ database: Database) throws {
        let statement = try database.cachedStatement(
            sql: """
                SELECT step, specification FROM jobs
                JOIN attempts ON step BETWEEN \(Schema.firstStep("jobs")) AND \(Schema.lastStep("jobs"))
                WHERE jobs.id = ? AND json_extract(specification, '$.hasSecrets')
                """)
        let rows = try Row.fetchAll(statement, arguments: [job.text])
        for row in rows {
            var document: AttemptDocument = try row.document(1)
            guard document.forgetSecrets() else { continue }
            try database.execute(
                sql: "UPDATE attempts SET specification = ? WHERE step = ?",
                arguments: [try JSONText.of(document), try row.long(0)])
        }
    }

    /// A job's events, in their order; the first has the number `first`.
    static func insert(_ changes: [JobChange], from first: Int64, _ database: Database) throws {
        guard !changes.isEmpty else { return }
        let rows = Array(repeating: "(?, ?, ?, ?)", count: changes.count).joined(separator: ", ")
        var arguments: [(any DatabaseValueConvertible)?] = []
        for (place, change) in changes.enumerated() {
            arguments += [first + Int64(place), change.at.microseconds, change.state.rawValue, change.message]
        }
        try database.cachedStatement(sql: "INSERT INTO job_events (step, at, state, message) VALUES \(rows)")
            .execute(arguments: StatementArguments(arguments))
    }

    static func job(_ id: JobID, _ database: Database) throws -> Job? {
        try whole(oneJob, [id.text], database).first
    }

    private static func files(of job: JobID, _ database: Database) throws -> [JobFile] {
        let statement = try database.cachedStatement(
            sql: "SELECT path, bytes, content FROM job_files WHERE job = ? ORDER BY path")
        return try Row.fetchAll(statement, arguments: [job.text]).map {
            JobFile(path: try $0.text(0), bytes: try $0.integer(1), content: try $0.hash(2))
        }
    }
}

extension Job {
    /// How many `jobColumns` there are.
    static let columnCount = 27

    init(row: some Columns) throws {
        self.init(
            id: try row.identifier(0), owner: try row.identifier(1), program: try row.identifier(2),
            programName: try row.text(3), version: try row.integer(4), profile: try row.text(5),
            priority: try row.word(19), attempt: try row.integer(20), state: try row.word(6),
            submitted: try row.moment(7), started: try row.optional(8, row.moment),
            ended: try row.optional(9, row.moment), fields: try row.list(10),
            outcome: try row.optional(11, row.outcome), usage: try row.optional(12, row.usage),
            cores: try row.optional(13, row.numbers), message: try row.optional(14, row.text),
            output: StreamState(bytes: try row.integer(15), truncated: try row.flag(16)),
            error: StreamState(bytes: try row.integer(17), truncated: try row.flag(18)))
        keeping = OutputKeeping(isKept: try row.flag(21), promised: try row.optional(22, row.moment))
        keeping.removal = try row.optional(23, row.moment).map { moment in
            OutputRemoval(at: moment, cause: try row.word(24), bytes: try row.integer(25), files: try row.integer(26))
        }
    }
}
