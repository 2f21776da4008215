import GRDB
package import PanalCore

private let programColumns = """
    programs.id, programs.name, programs.owner, programs.is_public, programs.created, programs.latest
    """
private let versionColumns = """
    version.program, number, version.content, manifest, entry, size, published,
    tests.conditions, tests.at, tests.failures
    """
private let testsOfVersion = "LEFT JOIN program_tests AS tests ON tests.content = version.content"

extension SQLiteStore {
    package func programs(
        visibleTo user: UserID?, after name: String?, limit: Int
    ) async throws -> [StoredProgram] {
        try await pool.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT \(programColumns), \(versionColumns), users.name FROM programs
                    JOIN program_versions AS version ON version.program = programs.id AND version.number = latest
                    \(testsOfVersion) JOIN users ON users.id = programs.owner
                    WHERE (:user IS NULL OR is_public OR owner = :user) AND programs.name > :name
                    ORDER BY programs.name LIMIT :limit
                    """, arguments: ["user": user?.text, "name": name ?? "", "limit": limit]
            ).map { try StoredProgram(row: $0) }
        }
    }

    package func program(named name: String, version: Int?) async throws -> StoredProgram? {
        guard version == nil else { return try look { try Self.program(name, version, $0) } }
        return try look(name, in: newestPrograms) { try Self.program(name, nil, $0) }
    }

    private static func program(_ name: String, _ version: Int?, _ database: Database) throws -> StoredProgram? {
        let statement = try database.cachedStatement(
            sql: """
                SELECT \(programColumns), \(versionColumns), users.name FROM programs
                JOIN program_versions AS version
                    ON version.program = programs.id AND version.number = coalesce(:version, latest)
                    AND version.withdrawn IS NULL
                \(testsOfVersion) JOIN users ON users.id = programs.owner WHERE programs.name = :name
                """)
        return try Row.fetchOne(statement, arguments: ["name": name, "version": version])
            .map { try StoredProgram(row: $0) }
    }

    package func version(_ number: Int, of program: ProgramID) async throws -> ProgramVersion? {
        try look { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT \(versionColumns) FROM program_versions AS version \(testsOfVersion)
                    WHERE program = ? AND number = ?
                    """)
            return try Row.fetchOne(statement, arguments: [program.text, number])
                .map { try ProgramVersion(row: $0, from: 0) }
        }
    }

    package func withdraw(
        _ program: ProgramID, version number: Int?, at moment: Timestamp, expecting expected: Program?
    ) async throws {
        try await write { database in
            if let expected, try Self.program("id", program.text, database) != expected {
                throw StoreError.changed("program \(program)")
            }
            try database.execute(
                sql: """
                    UPDATE program_versions SET withdrawn = :at
                    WHERE program = :program AND number = coalesce(:number, number) AND withdrawn IS NULL
                    """, arguments: ["at": moment.microseconds, "program": program.text, "number": number])
            guard database.changesCount > 0 else { throw StoreError.unknown("version of program \(program)") }
            // 0 is no version's number: the program is not found any more.
            try database.execute(
                sql: """
                    UPDATE programs SET latest = (SELECT coalesce(max(number), 0) FROM program_versions
                        WHERE program = programs.id AND withdrawn IS NULL) WHERE id = ?
                    """, arguments: [program.text])
        }
    }

    package func versions(
        of program: ProgramID, before number: Int?, limit: Int
    ) async throws -> [ProgramVersion] {
        try await pool.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT \(versionColumns) FROM program_versions AS version \(testsOfVersion)
                    WHERE program = ? AND number < ? AND withdrawn IS NULL
                    ORDER BY number DESC LIMIT ?
                    """, arguments: [program.text, number ?? .max, limit]
            ).map { try ProgramVersion(row: $0, from: 0) }
        }
    }

    package func publish(
        _ draft: ProgramDraft
    ) async throws -> (program: Program, version: ProgramVersion, created: Bool) {
        try await write { database in
            var program: Program
            if let known = try Self.program("name", draft.name, database) {
                guard known.owner == draft.owner else { throw StoreError.nameTaken(draft.name) }
                program = known
            } else {
                program = Program(
                    id: .make(at: draft.at), name: draft.name, owner: draft.owner, isPublic: draft.isPublic,
                    created: draft.at, latest: 0)
                try database.execute(
                    sql: "INSERT INTO programs VALUES (?, ?, ?, ?, ?, ?)",
                    arguments: [
                        program.id.text, program.name, program.owner.text, program.isPublic,
                        program.created.microseconds, program.latest,
                    ])
            }
            if let tests = draft.tests { try Self.put(tests, of: draft.content, database) }
            let known = try Row.fetchOne(
                database,
                sql: """
                    SELECT \(versionColumns) FROM program_versions AS version \(testsOfVersion)
                    WHERE program = ? AND version.content = ?
                    """,
                arguments: [program.id.text, draft.content.hex]
            ).map { try ProgramVersion(row: $0, from: 0) }
            let version = try known ?? Self.addVersion(draft, to: program, database)
            try database.execute(
                sql: """
                    UPDATE program_versions SET withdrawn = NULL
                    WHERE program = ? AND number = ? AND withdrawn IS NOT NULL
                    """, arguments: [program.id.text, version.number])
            let isBack = database.changesCount > 0
            program.latest = max(program.latest, version.number)
            program.isPublic = program.isPublic || draft.isPublic
            try database.execute(
                sql: "UPDATE programs SET latest = ?, is_public = ? WHERE id = ?",
                arguments: [program.latest, program.isPublic, program.id.text])
            return (program, version, known == nil || isBack)
        }
    }

    package func setPublic(
        _ program: ProgramID, to isPublic: Bool, expecting expected: Program?
    ) async throws -> Program {
        try await write { database in
            if let expected, let present = try Self.program("id", program.text, database), present != expected {
                throw StoreError.changed("program \(program)")
            }
            try database.execute(
                sql: "UPDATE programs SET is_public = ? WHERE id = ?", arguments: [isPublic, program.text])
            guard let changed = try Self.program("id", program.text, database) else {
                throw StoreError.unknown("program \(program)")
            }
            return changed
        }
    }

    package func referencedPrograms(withdrawnAfter moment: Timestamp) async throws -> Set<ContentHash> {
        try await pool.read { database in
            let rows = try Row.fetchAll(
                database, sql: Self.neededPrograms + " OR withdrawn > ?", arguments: [moment.microseconds])
            return Set(try rows.map { try $0.hash(0) })
        }
    }

    /// What may be run, and what unfinished jobs run.
    static let neededPrograms = """
        SELECT DISTINCT content FROM program_versions WHERE withdrawn IS NULL
            OR (program, number) IN (SELECT program, version FROM jobs WHERE \(Schema.unfinished))
        """

    private static func program(_ column: String, _ value: String, _ database: Database) throws -> Program? {
        try Row.fetchOne(
            database, sql: "SELECT \(programColumns) FROM programs WHERE \(column) = ?", arguments: [value]
        ).map { try Program(row: $0) }
    }

    private static func addVersion(
        _ draft: ProgramDraft, to program: Program, _ database: Database
    ) throws -> ProgramVersion {
        // Numbers of versions that were withdrawn are not given again.
        let last = try Int.fetchOne(
            database, sql: "SELECT max(number) FROM program_versions WHERE program = ?", arguments: [program.id.text])
        let version = ProgramVersion(
            program: program.id, number: (last ?? 0) + 1, content: draft.content, manifest: draft.manifest,
            entry: draft.entry, size: draft.size, published: draft.at, tests: draft.tests)
        try database.execute(
            sql: """
                INSERT INTO program_versions (program, number, content, manifest, entry, size, published)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                version.program.text, version.number, version.content.hex, version.manifest, version.entry,
                version.size, version.published.microseconds,
            ])
        return version
    }
}

extension Program {
    fileprivate init(row: Row) throws {
        self.init(
            id: try row.identifier(0), name: try row.text(1), owner: try row.identifier(2),
            isPublic: try row.flag(3), created: try row.moment(4), latest: try row.integer(5))
    }
}

extension ProgramVersion {
    fileprivate init(row: Row, from first: Int) throws {
        self.init(
            program: try row.identifier(first), number: try row.integer(first + 1), content: try row.hash(first + 2),
            manifest: try row.text(first + 3), entry: try row.text(first + 4), size: try row.integer(first + 5),
            published: try row.moment(first + 6),
            tests: row.hasNull(atIndex: first + 7) ? nil : try TestRecord(row: row, from: first + 7))
    }
}

extension StoredProgram {
    fileprivate init(row: Row) throws {
        self.init(
            program: try Program(row: row), version: try ProgramVersion(row: row, from: 6),
            ownerName: try row.text(16))
    }
}
