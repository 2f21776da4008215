extension Schema {
    static let ledgerOfGroups = """
        -- Whether a group pays for what its members submit.
        ALTER TABLE ledger_accounts ADD COLUMN pays INTEGER NOT NULL DEFAULT 0 CHECK (pays IN (0, 1));
        """

    /// Amounts are millionths of a credit. Accounts are written as `LedgerAccount` writes them.
    ///
    /// `ledger_transactions` and `ledger_entries` are the truth, and rows are only ever added: the triggers hold whoever writes to
    /// that. What stands beside them, balances and months, follows from them and is kept so that nobody has to sum up to answer a
    /// question; the check at start holds both together.
    ///
    /// `job_charges` has a row for each job and outlives it, so it refers to nothing: what it was submitted as, at which price, what
    /// was set aside, and once it has ended what it used and cost. `most_*` are what the cell has. Without credits `hold` is 0.
    static let ledger = """
        CREATE TABLE ledger_accounts (
            id TEXT PRIMARY KEY NOT NULL,
            balance INTEGER NOT NULL CHECK (balance >= 0 OR id = 'grants'),
            -- What stands in `holds` for jobs that this account pays for.
            held INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
            -- The most that may be spent in one month; NULL for no limit.
            budget INTEGER CHECK (budget >= 0)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO ledger_accounts (id, balance) VALUES ('grants', 0), ('revenue', 0), ('holds', 0);
        CREATE TABLE ledger_transactions (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            at INTEGER NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN ('grant', 'withdrawal', 'hold', 'settlement', 'refund')),
            job TEXT CHECK ((job IS NULL) = (kind IN ('grant', 'withdrawal'))),
            made_by TEXT,
            reason TEXT
        ) STRICT;
        CREATE UNIQUE INDEX ledger_one_hold ON ledger_transactions (job) WHERE kind = 'hold';
        CREATE UNIQUE INDEX ledger_one_end ON ledger_transactions (job) WHERE kind IN ('settlement', 'refund');
        CREATE TABLE ledger_entries (
            account TEXT NOT NULL REFERENCES ledger_accounts (id),
            number INTEGER NOT NULL REFERENCES ledger_transactions (number),
            amount INTEGER NOT NULL CHECK (amount <> 0),
            balance INTEGER NOT NULL,
            PRIMARY KEY (account, number)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX ledger_entries_by_number ON ledger_entries (number);
        CREATE TRIGGER ledger_transactions_stay BEFORE UPDATE ON ledger_transactions
            BEGIN SELECT RAISE(ABORT, 'the ledger is never changed'); END;
        CREATE TRIGGER ledger_transactions_are_kept BEFORE DELETE ON ledger_transactions
            BEGIN SELECT RAISE(ABORT, 'the ledger is never changed'); END;
        CREATE TRIGGER ledger_entries_stay BEFORE UPDATE ON ledger_entries
            BEGIN SELECT RAISE(ABORT, 'the ledger is never changed'); END;
        CREATE TRIGGER ledger_entries_are_kept BEFORE DELETE ON ledger_entries
            BEGIN SELECT RAISE(ABORT, 'the ledger is never changed'); END;

        CREATE TABLE job_charges (
            job TEXT PRIMARY KEY NOT NULL,
            owner TEXT NOT NULL,
            payer TEXT NOT NULL,
            program TEXT NOT NULL,
            profile TEXT NOT NULL,
            priority TEXT NOT NULL,
            core_hour INTEGER NOT NULL,
            memory_hour INTEGER NOT NULL,
            most_millicores INTEGER NOT NULL,
            most_memory INTEGER NOT NULL,
            most_time INTEGER NOT NULL,
            hold INTEGER NOT NULL CHECK (hold >= 0),
            -- NULL until the job has ended; `month` is 202611 for November 2026, UTC.
            ended INTEGER,
            month INTEGER,
            outcome TEXT,
            core_time INTEGER,
            memory_time INTEGER,
            cpu_time INTEGER,
            cost INTEGER CHECK (cost >= 0),
            paid INTEGER CHECK (paid >= 0 AND paid <= hold)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX job_charges_of_owner ON job_charges (owner, month) WHERE ended IS NOT NULL;
        CREATE INDEX job_charges_of_month ON job_charges (month) WHERE ended IS NOT NULL;
        CREATE INDEX job_charges_open ON job_charges (payer) WHERE ended IS NULL;
        CREATE TABLE ledger_months (
            account TEXT NOT NULL,
            month INTEGER NOT NULL,
            paid INTEGER NOT NULL,
            PRIMARY KEY (account, month)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE cost_items (
            position INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            unit TEXT NOT NULL,
            price INTEGER NOT NULL,
            quantity INTEGER NOT NULL,
            hours_a_day INTEGER NOT NULL
        ) STRICT;
        """
}
