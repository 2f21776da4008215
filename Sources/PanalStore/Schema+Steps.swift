extension Schema {
    /// A job's two transactions write 17 pages of the database in place of 28.
    ///
    /// What belongs to a job and only grows lies in the order of its jobs, so that new rows are added at the end of one tree: `step` is the
    /// job's position times 2^20 and, for an attempt, its number; for an event, its place from 0 among the job's own. Rows go with their
    /// job by a trigger. Unfinished and ended jobs have an index each: most are stored the first time as what their program is begun with,
    /// and again with their end. Indices of charges that no query needs any more are gone: uses are summed up beside them.
    static let steps = """
        CREATE TABLE attempts_in_order (
            step INTEGER PRIMARY KEY,
            specification TEXT NOT NULL
        ) STRICT;
        INSERT INTO attempts_in_order
            SELECT position * \(stepsOfJob) + number, specification FROM attempts JOIN jobs ON jobs.id = attempts.job
            ORDER BY 1;
        DROP TABLE attempts;
        ALTER TABLE attempts_in_order RENAME TO attempts;

        CREATE TABLE job_events_in_order (
            step INTEGER PRIMARY KEY,
            at INTEGER NOT NULL,
            state TEXT NOT NULL,
            message TEXT
        ) STRICT;
        INSERT INTO job_events_in_order
            SELECT jobs.position * \(stepsOfJob)
                    + row_number() OVER (PARTITION BY jobs.position ORDER BY job_events.position) - 1,
                at, job_events.state, job_events.message
            FROM job_events JOIN jobs ON jobs.id = job_events.job ORDER BY 1;
        DROP TABLE job_events;
        ALTER TABLE job_events_in_order RENAME TO job_events;

        CREATE TRIGGER jobs_leave AFTER DELETE ON jobs BEGIN
            DELETE FROM attempts WHERE step BETWEEN \(firstStep("OLD")) AND \(lastStep("OLD"));
            DELETE FROM job_events WHERE step BETWEEN \(firstStep("OLD")) AND \(lastStep("OLD"));
        END;

        DROP INDEX job_charges_of_owner;
        DROP INDEX job_charges_of_month;
        DROP INDEX job_charges_open;
        DROP INDEX jobs_unfinished;
        DROP INDEX jobs_of_owner_by_state;
        CREATE INDEX jobs_unfinished ON jobs (owner, state, position) WHERE \(unfinished);
        CREATE INDEX jobs_ended ON jobs (owner, state, position) WHERE \(ended);
        """

    /// Attempts, and events, of one job at most.
    static let stepsOfJob = 1 << 20

    static func firstStep(_ table: String) -> String { "\(table).position * \(stepsOfJob)" }
    static func lastStep(_ table: String) -> String { "\(firstStep(table)) + \(stepsOfJob - 1)" }

    /// In just these words, by which SQLite finds the index.
    static let unfinished = "state NOT IN ('finished', 'failed', 'cancelled')"
    static let ended = "state IN ('finished', 'failed', 'cancelled')"
}
