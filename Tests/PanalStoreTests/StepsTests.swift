import GRDB
import PanalCore
import Testing

@testable import PanalStore

/// Attempts and events lie in the order of their jobs; those of stores from before are brought into it.
@Suite struct StepsTests {
    private static let states = ["queued", "configuring", "queued", "configuring", "deploying"]

    /// Two jobs whose events were written alternately, each at its second attempt.
    private static func oldStore(_ path: String) throws -> [(JobID, AttemptSpec)] {
        let pool = try DatabasePool(path: path)
        try Schema.migrator.migrate(pool, upTo: "13 tests of programs")
        let (owner, program) = (UserID.make(at: StoreFixture.start), ProgramID.make(at: StoreFixture.start))
        let jobs = (0..<2).map { number -> (JobID, AttemptSpec) in
            let id = JobID.make(at: StoreFixture.start)
            let limits = CellLimits(
                cpu: .shared(millicores: 500), memory: 1 << 30, processes: 64, wallTime: .seconds(60),
                cpuTime: .milliseconds(1_500), scratchBytes: 1, scratchFiles: 2, outputBytes: 3, collectedFiles: 4,
                collectedBytes: 5, openFiles: 6, fileBytes: 7)
            return (
                id,
                AttemptSpec(
                    id: AttemptID(job: id, number: 2, nonce: UInt64.max - UInt64(number)), rootfs: "host",
                    seccomp: "default", limits: limits, cores: [], program: StoreFixture.hash("a"), arguments: ["x"],
                    environment: [], inputs: [], standardInput: nil)
            )
        }
        try pool.write { database in
            func execute(_ sql: String, _ arguments: StatementArguments) throws {
                try database.execute(sql: sql, arguments: arguments)
            }
            let at = StoreFixture.start.microseconds
            try execute("INSERT INTO users VALUES (?, 'ana', 'user', 'available', ?)", [owner.text, at])
            try execute("INSERT INTO programs VALUES (?, 'filter', ?, 0, ?, 1)", [program.text, owner.text, at])
            try execute(
                "INSERT INTO program_versions VALUES (?, 1, ?, '{}', 'main', 1, ?)",
                [program.text, StoreFixture.hash("a").hex, at])
            for (id, attempt) in jobs {
                try execute(
                    """
                    INSERT INTO jobs (id, owner, program, program_name, version, profile, state, submitted, fields, attempt)
                    VALUES (?, ?, ?, 'filter', 1, 'small', 'deploying', ?, '[]', 2)
                    """, [id.text, owner.text, program.text, at])
                for number in 1...2 {
                    var attempt = attempt
                    if number == 1 { attempt.id.nonce = 1 }
                    try execute(
                        "INSERT INTO attempts VALUES (?, ?, ?)",
                        [id.text, number, try AttemptDocument(attempt, hasSecrets: number == 1).text()])
                }
            }
            for (place, state) in states.enumerated() {
                for (id, _) in jobs.reversed() {
                    try execute(
                        "INSERT INTO job_events (job, at, state, message) VALUES (?, ?, ?, ?)",
                        [id.text, at + Int64(place), state, id.text])
                }
            }
        }
        try pool.close()
        return jobs
    }

    @Test func olderStoresKeepTheirs() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/panal.sqlite"
        let jobs = try Self.oldStore(path)
        let store = try SQLiteStore(path: path)
        #expect(try await store.unfinishedJobs().map(\.attempt) == jobs.map(\.1))
        for (id, attempt) in jobs {
            let events = try await store.events(of: id)
            #expect(events.map(\.state.rawValue) == Self.states)
            #expect(events.map(\.message) == Array(repeating: id.text, count: Self.states.count))
            let end = JobChange(to: .failed, at: StoreFixture.start)
            // The first attempt's nonce is not taken any more.
            let first = AttemptID(job: id, number: 1, nonce: 1)
            #expect(try await store.change(id, attempt: first, from: .deploying, [end]) == nil)
            #expect(try await store.change(id, attempt: attempt.id, from: .deploying, [end]) == .failed)
            #expect(try await store.events(of: id).map(\.state.rawValue) == Self.states + ["failed"])
        }
        // What the first attempts had in confidence went with the end.
        let kept = try await store.pool.read { database in
            try Int.fetchOne(database, sql: "SELECT count(*) FROM attempts WHERE specification ->> '$.hasSecrets'")
        }
        #expect(kept == 0)
        try store.close()
    }

    /// They go with their job, and nobody else's do.
    @Test func theyGoWithTheirJob() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/panal.sqlite"
        let jobs = try Self.oldStore(path)
        let store = try SQLiteStore(path: path)
        try await store.write { try $0.execute(sql: "DELETE FROM jobs WHERE id = ?", arguments: [jobs[0].0.text]) }
        #expect(try await store.events(of: jobs[0].0).isEmpty)
        #expect(try await store.events(of: jobs[1].0).count == Self.states.count)
        let left = try await store.pool.read { database in
            try ["attempts", "job_events"].map { try Int.fetchOne(database, sql: "SELECT count(*) FROM \($0)") ?? 0 }
        }
        #expect(left == [2, Self.states.count])
        #expect(try await store.unfinishedJobs().map(\.attempt) == [jobs[1].1])
        try store.close()
    }
}
