extension Schema {
    /// Sums over all jobs, so that nobody has to read a hundred thousand of them to show a page or to take a submission. They follow from
    /// `job_charges`, `jobs` and `job_files` by triggers, whoever writes there; the check at start holds both together.
    ///
    /// `usage_sums` is what has ended. `stored_sums` is the bytes of each owner's outputs that are there, without their programs.
    static let sums = """
        CREATE TABLE usage_sums (
            month INTEGER NOT NULL,
            owner TEXT NOT NULL,
            payer TEXT NOT NULL,
            program TEXT NOT NULL,
            profile TEXT NOT NULL,
            jobs INTEGER NOT NULL,
            system_errors INTEGER NOT NULL,
            core_time INTEGER NOT NULL,
            memory_time INTEGER NOT NULL,
            cpu_time INTEGER NOT NULL,
            cost INTEGER NOT NULL,
            paid INTEGER NOT NULL,
            PRIMARY KEY (month, owner, payer, program, profile)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX usage_sums_of_owner ON usage_sums (owner, month);
        INSERT INTO usage_sums \(usage);
        CREATE TRIGGER job_charges_count AFTER UPDATE OF ended ON job_charges
            WHEN OLD.ended IS NULL AND NEW.ended IS NOT NULL BEGIN \(countCharge) END;
        CREATE TRIGGER job_charges_arrive AFTER INSERT ON job_charges WHEN NEW.ended IS NOT NULL BEGIN \(countCharge) END;

        CREATE TABLE stored_sums (
            owner TEXT PRIMARY KEY NOT NULL,
            bytes INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        INSERT INTO stored_sums \(stored);
        CREATE TRIGGER jobs_arrive AFTER INSERT ON jobs
            WHEN NEW.removed IS NULL AND NEW.output_bytes + NEW.error_bytes > 0
            BEGIN \(addStored("NEW.output_bytes + NEW.error_bytes")) END;
        CREATE TRIGGER jobs_write AFTER UPDATE OF output_bytes, error_bytes ON jobs
            WHEN NEW.removed IS NULL AND NEW.output_bytes + NEW.error_bytes <> OLD.output_bytes + OLD.error_bytes
            BEGIN
                \(addStored("NEW.output_bytes + NEW.error_bytes - OLD.output_bytes - OLD.error_bytes"))
            END;
        CREATE TRIGGER jobs_lose_outputs AFTER UPDATE OF removed ON jobs
            WHEN OLD.removed IS NULL AND NEW.removed IS NOT NULL BEGIN \(takeStored) END;
        CREATE TRIGGER jobs_go BEFORE DELETE ON jobs WHEN OLD.removed IS NULL BEGIN \(takeStored) END;
        CREATE TRIGGER job_files_arrive AFTER INSERT ON job_files WHEN NEW.bytes > 0 BEGIN
            INSERT INTO stored_sums SELECT owner, NEW.bytes FROM jobs WHERE id = NEW.job AND removed IS NULL
                ON CONFLICT (owner) DO UPDATE SET bytes = bytes + excluded.bytes;
        END;
        CREATE TRIGGER job_files_go AFTER DELETE ON job_files WHEN OLD.bytes > 0 BEGIN
            UPDATE stored_sums SET bytes = bytes - OLD.bytes
                WHERE owner = (SELECT owner FROM jobs WHERE id = OLD.job AND removed IS NULL);
        END;

        CREATE INDEX jobs_of_owner_by_state ON jobs (owner, state, position);
        CREATE INDEX jobs_of_owner_expiring ON jobs (owner, expires) WHERE expires IS NOT NULL AND removed IS NULL;
        CREATE INDEX jobs_of_owner_by_program ON jobs (owner, program_name, position);
        """

    /// What `usage_sums` is to hold.
    static let usage = """
        SELECT month, owner, payer, program, profile, count(*), coalesce(sum(outcome = 'systemError'), 0),
            coalesce(sum(core_time), 0), coalesce(sum(memory_time), 0), coalesce(sum(cpu_time), 0), coalesce(sum(cost), 0),
            coalesce(sum(paid), 0)
        FROM job_charges WHERE ended IS NOT NULL GROUP BY month, owner, payer, program, profile
        """

    /// What `stored_sums` is to hold; owners of nothing may be left out.
    static let stored = """
        SELECT owner, sum(output_bytes + error_bytes
            + coalesce((SELECT sum(bytes) FROM job_files WHERE job_files.job = jobs.id), 0)) AS bytes
        FROM jobs WHERE removed IS NULL GROUP BY owner HAVING bytes > 0
        """

    private static let countCharge = """
        INSERT INTO usage_sums VALUES (NEW.month, NEW.owner, NEW.payer, NEW.program, NEW.profile, 1,
            coalesce(NEW.outcome = 'systemError', 0), coalesce(NEW.core_time, 0), coalesce(NEW.memory_time, 0),
            coalesce(NEW.cpu_time, 0), coalesce(NEW.cost, 0), coalesce(NEW.paid, 0))
            ON CONFLICT (month, owner, payer, program, profile) DO UPDATE SET jobs = jobs + 1,
                system_errors = system_errors + excluded.system_errors, core_time = core_time + excluded.core_time,
                memory_time = memory_time + excluded.memory_time, cpu_time = cpu_time + excluded.cpu_time,
                cost = cost + excluded.cost, paid = paid + excluded.paid;
        """

    private static func addStored(_ bytes: String) -> String {
        """
        INSERT INTO stored_sums VALUES (NEW.owner, \(bytes)) ON CONFLICT (owner) DO UPDATE SET bytes = bytes + excluded.bytes;
        """
    }

    private static let takeStored = """
        UPDATE stored_sums SET bytes = bytes - OLD.output_bytes - OLD.error_bytes
            - coalesce((SELECT sum(bytes) FROM job_files WHERE job = OLD.id), 0) WHERE owner = OLD.owner;
        """
}
