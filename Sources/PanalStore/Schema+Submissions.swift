extension Schema {
    /// For the list of batches, the newest first: one's own, and everybody's.
    static let batchesInOrder = """
        CREATE INDEX batches_of_owner ON batches (owner, submitted, id);
        CREATE INDEX batches_by_time ON batches (submitted, id);
        """

    /// `retry_marks.key` and `request` are hashes. `uploads.received` is how much of an upload is surely on the disk; `content` is set
    /// when all of it is there.
    static let submissions = """
        CREATE TABLE signing_keys (
            name TEXT PRIMARY KEY NOT NULL,
            value BLOB NOT NULL
        ) STRICT;
        INSERT INTO signing_keys VALUES ('cursors', randomblob(32));
        CREATE TABLE batches (
            id TEXT PRIMARY KEY NOT NULL,
            owner TEXT NOT NULL REFERENCES users (id),
            program_name TEXT NOT NULL,
            submitted INTEGER NOT NULL,
            size INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE batch_jobs (
            batch TEXT NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
            place INTEGER NOT NULL,
            job TEXT NOT NULL UNIQUE REFERENCES jobs (id) ON DELETE CASCADE,
            PRIMARY KEY (batch, place)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE retry_marks (
            owner TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            key TEXT NOT NULL,
            request TEXT NOT NULL,
            at INTEGER NOT NULL,
            job TEXT REFERENCES jobs (id) ON DELETE CASCADE,
            batch TEXT REFERENCES batches (id) ON DELETE CASCADE,
            PRIMARY KEY (owner, key)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX retry_marks_by_time ON retry_marks (at);
        CREATE INDEX retry_marks_of_job ON retry_marks (job) WHERE job IS NOT NULL;
        CREATE INDEX retry_marks_of_batch ON retry_marks (batch) WHERE batch IS NOT NULL;
        CREATE TABLE uploads (
            id TEXT PRIMARY KEY NOT NULL,
            owner TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            metadata TEXT NOT NULL,
            length INTEGER NOT NULL,
            received INTEGER NOT NULL,
            created INTEGER NOT NULL,
            expires INTEGER NOT NULL,
            content TEXT
        ) STRICT;
        CREATE INDEX uploads_of_owner ON uploads (owner, created);
        CREATE INDEX uploads_by_end ON uploads (expires);
        """
}
