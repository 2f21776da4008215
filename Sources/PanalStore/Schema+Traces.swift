extension Schema {
    /// `traceparent` of the request that a job or a message comes of, where there was one.
    static let traces = """
        CREATE TABLE job_traces (
            job TEXT PRIMARY KEY NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
            trace TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        ALTER TABLE webhook_deliveries ADD COLUMN trace TEXT;
        """
}
