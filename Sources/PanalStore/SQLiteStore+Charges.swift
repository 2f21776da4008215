import GRDB
package import PanalCore

/// What jobs are charged with: holds and their ends, always inside of the transaction that stores the job's own state.
extension SQLiteStore {
    static let chargeColumns = """
        payer, core_hour, memory_hour, most_millicores, most_memory, most_time, hold, job_charges.ended, core_time, memory_time,
        cost, paid
        """
    static let chargeColumnCount = 12

    /// Why the job cannot be paid; nil when it can be, and where nothing is to be set aside.
    static func refusal(of job: Job, _ database: Database) throws -> LedgerRefusal? {
        guard let charge = job.charge, charge.hold > .zero else { return nil }
        return try standing(of: charge.payer, at: job.submitted, database).refusal(of: charge.hold)
    }

    /// Stores the charge and sets the hold aside, which `refusal` has nothing against.
    static func insert(_ charge: JobCharge, of job: Job, _ database: Database) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO job_charges (
                    job, owner, payer, program, profile, priority, core_hour, memory_hour, most_millicores, most_memory,
                    most_time, hold
                ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            job.id.text, job.owner.text, charge.payer.description, job.programName, job.profile, job.priority.rawValue,
            charge.price.coreHour, charge.price.memoryHour, charge.millicores, charge.memory, charge.longest,
            charge.hold.micro,
        ])
        guard charge.hold > .zero else { return }
        try post(.hold(charge.hold, of: charge.payer, for: job.id, at: job.submitted), database)
        try changeHeld(of: charge.payer, by: charge.hold, database)
    }

    /// Ends the job's hold, once: an end that was stored before stays as it is.
    static func settle(_ job: JobID, _ last: JobChange, _ database: Database) throws {
        guard let charge = try charge(of: job, database), charge.settlement == nil else { return }
        try end(charge, of: job, charge.settled(last.result, at: last.at), last.result, database)
    }

    static func end(
        _ charge: JobCharge, of job: JobID, _ settlement: JobCharge.Settlement, _ result: JobResult?,
        _ database: Database
    ) throws {
        let month = Month(of: settlement.at)
        let outcome = result.map { $0.isPanalsFault ? "systemError" : $0.outcome.word }
        try database.cachedStatement(
            sql: """
                UPDATE job_charges SET ended = ?, month = ?, outcome = ?, core_time = ?, memory_time = ?, cpu_time = ?,
                    cost = ?, paid = ? WHERE job = ? AND ended IS NULL
                """
        ).execute(arguments: [
            settlement.at.microseconds, month.code, outcome, settlement.use.coreMicroseconds,
            settlement.use.memoryMicroseconds, max(0, result?.usage?.cpuMicroseconds ?? 0), settlement.cost.micro,
            settlement.paid.micro, job.text,
        ])
        guard database.changesCount == 1, charge.hold > .zero else { return }
        try post(
            .ending(hold: charge.hold, of: charge.payer, cost: settlement.paid, for: job, at: settlement.at), database)
        try changeHeld(of: charge.payer, by: -charge.hold, database)
        guard settlement.paid > .zero else { return }
        try database.cachedStatement(
            sql: """
                INSERT INTO ledger_months VALUES (?, ?, ?)
                ON CONFLICT (account, month) DO UPDATE SET paid = paid + excluded.paid
                """
        ).execute(arguments: [charge.payer.description, month.code, settlement.paid.micro])
    }

    private static let chargeOfJob = "SELECT \(chargeColumns) FROM job_charges WHERE job = ?"

    static func charge(of job: JobID, _ database: Database) throws -> JobCharge? {
        try database.firstRow(chargeOfJob, [job.text]) { try charge($0, from: 0) }
    }

    /// Reads `chargeColumns`, of which `first` is the first.
    static func charge(_ row: some Columns, from first: Int) throws -> JobCharge {
        JobCharge(
            payer: try row.account(first),
            price: Price(coreHour: try row.long(first + 1), memoryHour: try row.long(first + 2)),
            millicores: try row.integer(first + 3), memory: try row.integer(first + 4),
            longest: try row.long(first + 5), hold: try row.credits(first + 6),
            settlement: try row.optional(first + 7, row.moment).map { ended in
                JobCharge.Settlement(
                    at: ended,
                    use: MeteredUse(
                        coreMicroseconds: try row.long(first + 8), memoryMicroseconds: try row.long(first + 9)),
                    cost: try row.credits(first + 10), paid: try row.credits(first + 11))
            })
    }

    private static func changeHeld(of account: LedgerAccount, by amount: Credits, _ database: Database) throws {
        try database.cachedStatement(sql: "UPDATE ledger_accounts SET held = held + ? WHERE id = ?")
            .execute(arguments: [amount.micro, account.description])
    }

    package func unfinishedJobs(paidBy account: LedgerAccount) async throws -> [JobID] {
        try await pool.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT job FROM jobs JOIN job_charges ON job = jobs.id
                    WHERE payer = ? AND job_charges.ended IS NULL AND jobs.\(Schema.unfinished) ORDER BY +position DESC
                    """,
                arguments: [account.description]
            ).map { try $0.identifier(0) }
        }
    }
}

extension Columns {
    func long(_ column: Int) throws -> Int64 { Int64(try integer(column)) }
    func credits(_ column: Int) throws -> Credits { Credits(micro: try long(column)) }

    func account(_ column: Int) throws -> LedgerAccount {
        let text = try text(column)
        guard let account = LedgerAccount(text) else { throw StoreError.damaged("‘\(text)’ is no account") }
        return account
    }
}
