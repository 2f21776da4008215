extension Schema {
    /// What users mark for themselves, and what they show to others.
    static let pages = """
        CREATE TABLE favourites (
            user TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            program TEXT NOT NULL REFERENCES programs (id) ON DELETE CASCADE,
            PRIMARY KEY (user, program)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE shared_links (
            id TEXT PRIMARY KEY NOT NULL,
            job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
            giver TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            made INTEGER NOT NULL,
            expires INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX shared_links_of_job ON shared_links (job, made);
        """
}
