import GRDB
package import PanalCore

/// Whether the ledger adds up. Everything here is held by transactions and constraints already; whoever finds something has a damaged
/// file, or a person has written to it.
extension SQLiteStore {
    package func checkLedger(at moment: Timestamp) async throws -> [LedgerFinding] {
        try await write { [self] database in
            try checkLease(database)
            return try Self.unbalanced(database) + Self.endLostHolds(at: moment, database)
                + Self.rightBalances(database) + Self.rightHolds(database) + Self.rightMonths(database)
                + Self.rightSums(database)
        }
    }

    /// Nobody can say which of its entries is wrong.
    private static func unbalanced(_ database: Database) throws -> [LedgerFinding] {
        try Row.fetchAll(
            database,
            sql: "SELECT number, sum(amount) FROM ledger_entries GROUP BY number HAVING sum(amount) <> 0"
        ).map { row in
            LedgerFinding(
                detail: "transaction \(try row.long(0)) of the ledger sums to \(try row.credits(1)) credits, not to 0",
                isRepaired: false)
        }
    }

    /// Holds whose job has come to its end, or is not there: the end of the hold was lost.
    private static func endLostHolds(at moment: Timestamp, _ database: Database) throws -> [LedgerFinding] {
        var findings: [LedgerFinding] = []
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT job_charges.job FROM job_charges LEFT JOIN jobs ON jobs.id = job_charges.job
                WHERE job_charges.ended IS NULL
                    AND (jobs.state IS NULL OR jobs.state IN ('finished', 'failed', 'cancelled'))
                """)
        for row in rows {
            let id: JobID = try row.identifier(0)
            guard let charge = try charge(of: id, database) else { continue }
            let job = try job(id, database)
            var result: JobResult?
            // Whose fault the end of a cancelled job was is not stored: then nobody pays.
            if let job, let outcome = job.outcome, outcome != .cancelled {
                result = JobResult(outcome: outcome, usage: job.usage)
            }
            let settlement = charge.settled(result, at: job?.ended ?? moment)
            try end(charge, of: id, settlement, result, database)
            let what = job.map { "job \(id) is \($0.state.rawValue)" } ?? "there is no job \(id)"
            findings.append(
                LedgerFinding(
                    detail: "\(what) and its hold of \(charge.hold) credits was open; \(settlement.paid) are paid and "
                        + "the rest is given back", isRepaired: true))
        }
        return findings
    }

    /// Balances are what the entries say.
    private static func rightBalances(_ database: Database) throws -> [LedgerFinding] {
        try Row.fetchAll(
            database,
            sql: """
                SELECT id, balance, coalesce((SELECT sum(amount) FROM ledger_entries WHERE account = id), 0) AS entries
                FROM ledger_accounts WHERE balance <> entries
                """
        ).map { row in
            let (account, found, right) = (try row.account(0), try row.credits(1), try row.credits(2))
            let isRight = right >= .zero || account.mayOwe
            if isRight {
                try database.execute(
                    sql: "UPDATE ledger_accounts SET balance = ? WHERE id = ?",
                    arguments: [right.micro, account.description])
            }
            return LedgerFinding(
                detail: "account \(account) had a balance of \(found) credits, and its entries sum to \(right)",
                isRepaired: isRight)
        }
    }

    /// What is set aside is what unfinished jobs hold, by account and in all.
    private static func rightHolds(_ database: Database) throws -> [LedgerFinding] {
        var findings = try Row.fetchAll(
            database,
            sql: """
                SELECT id, held, coalesce(holds.open, 0) AS open FROM ledger_accounts
                LEFT JOIN (SELECT payer, sum(hold) AS open FROM job_charges WHERE ended IS NULL GROUP BY payer) AS holds
                    ON holds.payer = id
                WHERE held <> coalesce(holds.open, 0)
                """
        ).map { row in
            let (account, found, right) = (try row.account(0), try row.credits(1), try row.credits(2))
            try database.execute(
                sql: "UPDATE ledger_accounts SET held = ? WHERE id = ?", arguments: [right.micro, account.description])
            return LedgerFinding(
                detail: "account \(account) had \(found) credits set aside, and its unfinished jobs hold \(right)",
                isRepaired: true)
        }
        let row = try Row.fetchOne(
            database,
            sql: """
                SELECT balance, (SELECT coalesce(sum(hold), 0) FROM job_charges WHERE ended IS NULL)
                FROM ledger_accounts WHERE id = 'holds'
                """)
        if let row, try row.long(0) != row.long(1) {
            findings.append(
                LedgerFinding(
                    detail: "\(try row.credits(0)) credits are set aside in the ledger, and unfinished jobs hold "
                        + "\(try row.credits(1))", isRepaired: false))
        }
        return findings
    }

    /// What an account has paid in a month is what its jobs of that month have.
    private static func rightMonths(_ database: Database) throws -> [LedgerFinding] {
        let difference = """
            SELECT account, month, sum(noted) AS noted, sum(charged) AS charged FROM (
                SELECT account, month, paid AS noted, 0 AS charged FROM ledger_months
                UNION ALL
                SELECT payer, month, 0, paid FROM job_charges WHERE ended IS NOT NULL AND paid > 0
            ) GROUP BY account, month HAVING sum(noted) <> sum(charged)
            """
        return try Row.fetchAll(database, sql: difference).map { row in
            let (account, month, right) = (try row.account(0), try row.integer(1), try row.credits(3))
            try database.execute(
                sql: "INSERT OR REPLACE INTO ledger_months VALUES (?, ?, ?)",
                arguments: [account.description, month, right.micro])
            return LedgerFinding(
                detail: "account \(account) had \(try row.credits(2)) credits noted as paid in \(month), and its jobs "
                    + "paid \(right)", isRepaired: true)
        }
    }

    /// Sums over jobs are what the jobs say.
    private static func rightSums(_ database: Database) throws -> [LedgerFinding] {
        try [("usage_sums", "WHERE 1", Schema.usage), ("stored_sums", "WHERE bytes <> 0", Schema.stored)].compactMap {
            table, kept, right in
            // A row for each owner or kind of use: few.
            func rows(_ sql: String) throws -> Set<[DatabaseValue]> {
                Set(try Row.fetchAll(database, sql: sql).map { Array($0.databaseValues) })
            }
            guard try rows("SELECT * FROM \(table) \(kept)") != rows(right) else { return nil }
            try database.execute(sql: "DELETE FROM \(table); INSERT INTO \(table) \(right)")
            return LedgerFinding(detail: "\(table) was not what the jobs sum up to", isRepaired: true)
        }
    }
}
