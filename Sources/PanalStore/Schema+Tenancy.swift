extension Schema {
    /// `closed` is when the account was. The trigger is for a submission that was under way in that moment.
    static let closedAccounts = """
        ALTER TABLE users ADD COLUMN closed INTEGER;
        CREATE TRIGGER jobs_of_nobody BEFORE INSERT ON jobs
            WHEN (SELECT closed FROM users WHERE id = NEW.owner) IS NOT NULL
            BEGIN SELECT RAISE(ABORT, 'the account is closed'); END;
        """

    /// Keys of before may still do all that their owner may.
    static let keyScopes = """
        ALTER TABLE api_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT 'read,jobs,programs,account,administration';
        ALTER TABLE api_keys ADD COLUMN last_used INTEGER;
        ALTER TABLE api_keys ADD COLUMN previous_hash TEXT;
        ALTER TABLE api_keys ADD COLUMN previous_until INTEGER;
        """

    /// `tenancy.revision` counts the changes of all that is read together with it. Members are in the order of joining by `position`.
    static let tenancy = """
        CREATE TABLE tenancy (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            revision INTEGER NOT NULL
        ) STRICT;
        INSERT INTO tenancy VALUES (1, 1);
        CREATE TABLE groups (
            id TEXT PRIMARY KEY NOT NULL,
            name TEXT NOT NULL UNIQUE,
            label TEXT NOT NULL,
            created INTEGER NOT NULL,
            share REAL NOT NULL,
            running_cores INTEGER,
            queued_jobs INTEGER
        ) STRICT;
        CREATE TABLE group_members (
            position INTEGER PRIMARY KEY AUTOINCREMENT,
            group_id TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
            user TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            UNIQUE (group_id, user)
        ) STRICT;
        CREATE INDEX groups_of_member ON group_members (user);
        CREATE TABLE user_restrictions (
            user TEXT PRIMARY KEY NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            restriction TEXT NOT NULL
        ) STRICT;
        CREATE TABLE group_restrictions (
            group_id TEXT PRIMARY KEY NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
            restriction TEXT NOT NULL
        ) STRICT;
        CREATE TABLE closed_pools (
            name TEXT PRIMARY KEY NOT NULL
        ) STRICT;
        """
}
