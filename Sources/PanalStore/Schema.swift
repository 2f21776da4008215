import GRDB

/// The tables, in the order in which they came to be. A migration that was released is never changed; the next one is added below.
///
/// Moments are microseconds since 1970 in UTC, hashes 64 hexadecimal digits, and what is only read as a whole is JSON.
enum Schema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 users, programs, jobs") { database in
            try database.execute(sql: accounts)
            try database.execute(sql: programs)
            try database.execute(sql: jobs)
        }
        migrator.registerMigration("2 priorities, attempts, lease") { database in
            try database.execute(sql: lease)
        }
        migrator.registerMigration("3 cancels that are remembered") { database in
            try database.execute(sql: "ALTER TABLE jobs ADD COLUMN cancelled_by TEXT")
        }
        migrator.registerMigration("4 ledger") { try $0.execute(sql: ledger) }
        migrator.registerMigration("5 groups and restrictions") { try $0.execute(sql: tenancy) }
        migrator.registerMigration("5b scopes and secrets of keys") { try $0.execute(sql: keyScopes) }
        migrator.registerMigration("5c settings and audit log") { try $0.execute(sql: operations) }
        migrator.registerMigration("5d invitations") { try $0.execute(sql: invitations) }
        migrator.registerMigration("6 idempotency, uploads, batches") { database in
            try database.execute(sql: submissions)
        }
        migrator.registerMigration("7 webhooks and retention") { try $0.execute(sql: webhooks) }
        migrator.registerMigration("8 groups that pay") { try $0.execute(sql: ledgerOfGroups) }
        migrator.registerMigration("9 gangs") { database in
            try database.execute(sql: "ALTER TABLE batches ADD COLUMN is_gang INTEGER NOT NULL DEFAULT 0")
        }
        migrator.registerMigration("10 traces") { try $0.execute(sql: traces) }
        migrator.registerMigration("11 retention of outputs") { try $0.execute(sql: retention) }
        migrator.registerMigration("12 sums over jobs") { try $0.execute(sql: sums) }
        migrator.registerMigration("13 tests of programs") { try $0.execute(sql: tests) }
        migrator.registerMigration("15 favourites and links") { try $0.execute(sql: pages) }
        migrator.registerMigration("16 images") { try $0.execute(sql: rootfs) }
        migrator.registerMigration("17 steps in order") { try $0.execute(sql: steps) }
        migrator.registerMigration("18 batches in order") { try $0.execute(sql: batchesInOrder) }
        migrator.registerMigration("18b withdrawn versions") { database in
            try database.execute(sql: "ALTER TABLE program_versions ADD COLUMN withdrawn INTEGER")
        }
        migrator.registerMigration("18c closed accounts") { try $0.execute(sql: closedAccounts) }
        migrator.registerMigration("19 copies of jobs") { try $0.execute(sql: copies) }
        return migrator
    }

    /// `lease.epoch` counts the processes that have claimed the store.
    private static let lease = """
        ALTER TABLE jobs ADD COLUMN priority TEXT NOT NULL DEFAULT 'normal';
        ALTER TABLE jobs ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1;
        CREATE TABLE lease (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            epoch INTEGER NOT NULL
        ) STRICT;
        INSERT INTO lease VALUES (1, 0);
        """

    private static let accounts = """
        CREATE TABLE users (
            id TEXT PRIMARY KEY NOT NULL,
            name TEXT NOT NULL UNIQUE,
            role TEXT NOT NULL,
            status TEXT NOT NULL,
            created INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE credentials (
            user TEXT PRIMARY KEY NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            salt BLOB NOT NULL,
            hash BLOB NOT NULL,
            cost_exponent INTEGER NOT NULL,
            block_size INTEGER NOT NULL,
            parallelism INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE sessions (
            token_hash TEXT PRIMARY KEY NOT NULL,
            user TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            created INTEGER NOT NULL,
            expires INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX sessions_of_user ON sessions (user);
        CREATE INDEX sessions_by_end ON sessions (expires);
        CREATE TABLE api_keys (
            id TEXT PRIMARY KEY NOT NULL,
            owner TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            label TEXT NOT NULL,
            secret_hash TEXT NOT NULL,
            created INTEGER NOT NULL,
            expires INTEGER
        ) STRICT;
        CREATE INDEX api_keys_of_owner ON api_keys (owner);
        """

    private static let programs = """
        CREATE TABLE programs (
            id TEXT PRIMARY KEY NOT NULL,
            name TEXT NOT NULL UNIQUE,
            owner TEXT NOT NULL REFERENCES users (id),
            is_public INTEGER NOT NULL,
            created INTEGER NOT NULL,
            latest INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE program_versions (
            program TEXT NOT NULL REFERENCES programs (id),
            number INTEGER NOT NULL,
            content TEXT NOT NULL,
            manifest TEXT NOT NULL,
            entry TEXT NOT NULL,
            size INTEGER NOT NULL,
            published INTEGER NOT NULL,
            PRIMARY KEY (program, number),
            UNIQUE (program, content)
        ) STRICT;
        """

    private static let jobs = """
        CREATE TABLE jobs (
            position INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            owner TEXT NOT NULL REFERENCES users (id),
            program TEXT NOT NULL REFERENCES programs (id),
            program_name TEXT NOT NULL,
            version INTEGER NOT NULL,
            profile TEXT NOT NULL,
            state TEXT NOT NULL,
            submitted INTEGER NOT NULL,
            started INTEGER,
            ended INTEGER,
            fields TEXT NOT NULL,
            outcome TEXT,
            usage TEXT,
            cores TEXT,
            message TEXT,
            output_bytes INTEGER NOT NULL DEFAULT 0,
            output_truncated INTEGER NOT NULL DEFAULT 0,
            error_bytes INTEGER NOT NULL DEFAULT 0,
            error_truncated INTEGER NOT NULL DEFAULT 0,
            FOREIGN KEY (program, version) REFERENCES program_versions (program, number)
        ) STRICT;
        CREATE INDEX jobs_of_owner ON jobs (owner, position);
        CREATE INDEX jobs_unfinished ON jobs (position) WHERE state NOT IN ('finished', 'failed', 'cancelled');
        CREATE TABLE job_events (
            position INTEGER PRIMARY KEY,
            job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
            at INTEGER NOT NULL,
            state TEXT NOT NULL,
            message TEXT
        ) STRICT;
        CREATE INDEX job_events_of_job ON job_events (job, position);
        CREATE TABLE job_files (
            job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
            path TEXT NOT NULL,
            bytes INTEGER NOT NULL,
            content TEXT NOT NULL,
            PRIMARY KEY (job, path)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE attempts (
            job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            specification TEXT NOT NULL,
            PRIMARY KEY (job, number)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE attempt_blobs (
            job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
            content TEXT NOT NULL,
            PRIMARY KEY (job, content)
        ) STRICT, WITHOUT ROWID;
        """
}
