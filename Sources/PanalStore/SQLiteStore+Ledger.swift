import GRDB
package import PanalCore

extension SQLiteStore {
    package func standing(of account: LedgerAccount, at moment: Timestamp) async throws -> AccountStanding {
        try look { try Self.standing(of: account, at: moment, $0) }
    }

    package func standings(at moment: Timestamp) async throws -> [AccountStanding] {
        try await pool.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT id, balance, held, budget, coalesce(paid, 0), pays FROM ledger_accounts
                    LEFT JOIN ledger_months ON account = id AND month = ?
                    WHERE id LIKE 'user:%' OR id LIKE 'group:%' ORDER BY id
                    """,
                arguments: [Month(of: moment).code]
            ).map { row in
                AccountStanding(
                    account: try row.account(0), balance: try row.credits(1), held: try row.credits(2),
                    paidThisMonth: try row.credits(4), budget: try row.optional(3, row.credits),
                    pays: try row.flag(5))
            }
        }
    }

    package func post(
        _ transaction: LedgerTransaction, mark: RetryMark?, marksSince: Timestamp
    ) async throws -> AccountStanding {
        try await write { database in
            if let mark {
                if let earlier = try Self.request(marked: mark.key, of: mark.owner, database),
                    earlier.mark.at >= marksSince
                {
                    throw StoreError.repeated(earlier)
                }
                try Self.insert(mark, job: nil, nil, database)
            }
            guard let account = transaction.entries.first(where: \.account.isSomebodys)?.account else {
                throw LedgerMistake.nothingMoves
            }
            do {
                try Self.post(transaction, database)
            } catch LedgerMistake.overdrawn(let account, let needed, let available) {
                // Nothing is written: the error takes the transaction back.
                throw LedgerRefusal(account: account, cause: .balance, needed: needed, available: available)
            }
            return try Self.standing(of: account, at: transaction.at, database)
        }
    }

    package func setBudget(
        of account: LedgerAccount, to amount: Credits?, at moment: Timestamp, expecting expected: AccountStanding?
    ) async throws -> AccountStanding {
        try await write { database in
            try Self.make(account, database)
            if let expected, try Self.standing(of: account, at: moment, database).budget != expected.budget {
                throw StoreError.changed("the budget of \(account)")
            }
            try database.execute(
                sql: "UPDATE ledger_accounts SET budget = ? WHERE id = ?",
                arguments: [amount?.micro, account.description])
            return try Self.standing(of: account, at: moment, database)
        }
    }

    package func setPaying(
        _ account: LedgerAccount, to pays: Bool, at moment: Timestamp, expecting expected: AccountStanding?
    ) async throws -> AccountStanding {
        try await write { database in
            try Self.make(account, database)
            if let expected, try Self.standing(of: account, at: moment, database).pays != expected.pays {
                throw StoreError.changed("for whom \(account) pays")
            }
            try database.execute(
                sql: "UPDATE ledger_accounts SET pays = ? WHERE id = ?", arguments: [pays, account.description])
            return try Self.standing(of: account, at: moment, database)
        }
    }

    package func payingAccounts() async throws -> Set<LedgerAccount> {
        try look { database in
            let statement = try database.cachedStatement(sql: "SELECT id FROM ledger_accounts WHERE pays = 1")
            return Set(try Row.fetchAll(statement).map { try $0.account(0) })
        }
    }

    package func lines(
        of account: LedgerAccount, owner: UserID?, before: Int64?, limit: Int
    ) async throws -> [LedgerLine] {
        try await pool.read { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT number, at, kind, amount, balance, job, made_by, reason
                    FROM ledger_entries JOIN ledger_transactions USING (number)
                    WHERE account = ?1 AND number < ?2
                        AND (?3 IS NULL OR job IN (SELECT job FROM job_charges WHERE owner = ?3))
                    ORDER BY number DESC LIMIT ?4
                    """)
            let arguments: StatementArguments = [account.description, before ?? .max, owner?.text, limit]
            return try Row.fetchAll(statement, arguments: arguments).map { row in
                LedgerLine(
                    number: try row.long(0), at: try row.moment(1), kind: try row.word(2), amount: try row.credits(3),
                    balance: try row.credits(4), job: try row.optional(5, row.identifier),
                    by: try row.optional(6, row.text), reason: try row.optional(7, row.text))
            }
        }
    }

    package func ledgerFigures() async throws -> LedgerFigures {
        try await pool.read { database in
            func sum(_ filter: String) throws -> Credits {
                Credits(
                    micro: try Int64.fetchOne(
                        database, sql: "SELECT coalesce(sum(balance), 0) FROM ledger_accounts WHERE \(filter)") ?? 0)
            }
            return LedgerFigures(
                granted: -(try sum("id = 'grants'")), earned: try sum("id = 'revenue'"),
                held: try sum("id = 'holds'"),
                openHolds: try Int.fetchOne(
                    database,
                    sql: """
                        SELECT count(*) FROM jobs JOIN job_charges ON job = jobs.id
                        WHERE jobs.\(Schema.unfinished) AND job_charges.ended IS NULL AND hold > 0
                        """) ?? 0,
                available: try sum("id LIKE 'user:%' OR id LIKE 'group:%'"),
                transactions: try Int.fetchOne(
                    database, sql: "SELECT coalesce(max(number), 0) FROM ledger_transactions") ?? 0)
        }
    }

    // MARK: - Inside of a transaction

    static func standing(
        of account: LedgerAccount, at moment: Timestamp, _ database: Database
    ) throws -> AccountStanding {
        let statement = try database.cachedStatement(
            sql: """
                SELECT balance, held, budget,
                    coalesce((SELECT paid FROM ledger_months WHERE account = id AND month = ?), 0), pays
                FROM ledger_accounts WHERE id = ?
                """)
        let row = try Row.fetchOne(statement, arguments: [Month(of: moment).code, account.description])
        guard let row else { return AccountStanding(account: account) }
        return AccountStanding(
            account: account, balance: try row.credits(0), held: try row.credits(1), paidThisMonth: try row.credits(3),
            budget: try row.optional(2, row.credits), pays: try row.flag(4))
    }

    /// By the same rules as the ledger in memory. Throws ``LedgerMistake``, upon which the caller's transaction is to be taken back.
    static func post(_ transaction: LedgerTransaction, _ database: Database) throws {
        try transaction.check()
        try database.cachedStatement(
            sql: "INSERT INTO ledger_transactions (at, kind, job, made_by, reason) VALUES (?, ?, ?, ?, ?)"
        ).execute(arguments: [
            transaction.at.microseconds, transaction.kind.rawValue, transaction.job?.text, transaction.by,
            transaction.reason,
        ])
        let number = database.lastInsertedRowID
        for entry in transaction.entries {
            let name = entry.account.description
            let statement = try database.cachedStatement(sql: "SELECT balance FROM ledger_accounts WHERE id = ?")
            let found = try Int64.fetchOne(statement, arguments: [name])
            if found == nil { try make(entry.account, database) }
            let before = Credits(micro: found ?? 0)
            let after = try entry.account.balance(before, after: entry.amount)
            try database.cachedStatement(sql: "UPDATE ledger_accounts SET balance = ? WHERE id = ?")
                .execute(arguments: [after.micro, name])
            try database.cachedStatement(sql: "INSERT INTO ledger_entries VALUES (?, ?, ?, ?)")
                .execute(arguments: [name, number, entry.amount.micro, after.micro])
        }
    }

    private static func make(_ account: LedgerAccount, _ database: Database) throws {
        guard account.isSomebodys else { return }
        try database.cachedStatement(sql: "INSERT OR IGNORE INTO ledger_accounts (id, balance) VALUES (?, 0)")
            .execute(arguments: [account.description])
    }
}
