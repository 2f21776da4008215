extension Schema {
    /// `expires` is what was promised when the owner was told; `removed_bytes` and `removed_files` are what there was then; `files_gone`
    /// follows when nothing of it is on the disk any more but what others have too.
    static let retention = """
        ALTER TABLE jobs ADD COLUMN kept INTEGER NOT NULL DEFAULT 0 CHECK (kept IN (0, 1));
        ALTER TABLE jobs ADD COLUMN expires INTEGER;
        ALTER TABLE jobs ADD COLUMN removed INTEGER;
        ALTER TABLE jobs ADD COLUMN removal TEXT;
        ALTER TABLE jobs ADD COLUMN removed_bytes INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE jobs ADD COLUMN removed_files INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE jobs ADD COLUMN files_gone INTEGER NOT NULL DEFAULT 0 CHECK (files_gone IN (0, 1));
        CREATE INDEX jobs_unannounced ON jobs (owner, ended)
            WHERE ended IS NOT NULL AND expires IS NULL AND removed IS NULL AND kept = 0;
        CREATE INDEX jobs_expiring ON jobs (expires) WHERE expires IS NOT NULL AND removed IS NULL;
        CREATE INDEX jobs_going ON jobs (position) WHERE removed IS NOT NULL AND files_gone = 0;
        CREATE INDEX jobs_kept ON jobs (owner) WHERE kept = 1;
        -- Users who were told that their storage is nearly full.
        CREATE TABLE storage_notices (
            user TEXT PRIMARY KEY NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        """

    /// Result files that are there: of removed ones only the names are left.
    static let presentFiles = "job_files WHERE job NOT IN (SELECT id FROM jobs WHERE files_gone = 1)"
}
