extension Schema {
    /// `failures` is NULL where all tests passed.
    static let tests = """
        CREATE TABLE program_tests (
            content TEXT PRIMARY KEY NOT NULL,
            conditions TEXT NOT NULL,
            at INTEGER NOT NULL,
            failures TEXT
        ) STRICT, WITHOUT ROWID;
        """
}
