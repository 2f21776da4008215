import GRDB
package import PanalCore

private let groupColumns = "id, name, label, created, share, running_cores, queued_jobs"

extension UserGroup {
    fileprivate init(row: Row) throws {
        self.init(
            id: try row.identifier(0), name: try row.text(1), label: try row.text(2), created: try row.moment(3),
            share: try row.real(4), runningCores: try row.optional(5, row.integer),
            queuedJobs: try row.optional(6, row.integer))
    }
}

extension SQLiteStore {
    package func tenancy() async throws -> Tenancy {
        try await pool.read { database in
            let revision = try Int.fetchOne(database, sql: "SELECT revision FROM tenancy")
            let groups = try Row.fetchAll(
                database,
                sql: "SELECT \(groupColumns) FROM groups ORDER BY name"
            ).map { try UserGroup(row: $0) }
            let memberships = try Row.fetchAll(
                database, sql: "SELECT user, group_id FROM group_members ORDER BY position"
            ).map { row -> (user: UserID, group: GroupID) in (try row.identifier(0), try row.identifier(1)) }
            var restrictions: [RestrictionSubject: Restriction] = [:]
            for row in try Row.fetchAll(database, sql: "SELECT user, restriction FROM user_restrictions") {
                restrictions[.user(try row.identifier(0))] = try row.document(1)
            }
            for row in try Row.fetchAll(database, sql: "SELECT group_id, restriction FROM group_restrictions") {
                restrictions[.group(try row.identifier(0))] = try row.document(1)
            }
            let closed = try String.fetchAll(database, sql: "SELECT name FROM closed_pools")
            return Tenancy(
                revision: revision ?? 0, groups: groups, memberships: memberships, restrictions: restrictions,
                closedPools: Set(closed))
        }
    }

    package func insert(_ group: UserGroup) async throws {
        try await changeTenancy { database in
            guard
                try Row.fetchOne(database, sql: "SELECT 1 FROM groups WHERE name = ?", arguments: [group.name]) == nil
            else { throw StoreError.nameTaken(group.name) }
            try database.execute(
                sql: "INSERT INTO groups VALUES (?, ?, ?, ?, ?, ?, ?)",
                arguments: [
                    group.id.text, group.name, group.label, group.created.microseconds, group.share,
                    group.runningCores, group.queuedJobs,
                ])
        }
    }

    package func update(_ group: UserGroup, expecting expected: UserGroup?) async throws {
        try await changeTenancy { database in
            try Self.require(expected, group.id, database)
            try database.execute(
                sql: "UPDATE groups SET label = ?, share = ?, running_cores = ?, queued_jobs = ? WHERE id = ?",
                arguments: [group.label, group.share, group.runningCores, group.queuedJobs, group.id.text])
            guard database.changesCount > 0 else { throw StoreError.unknown("group \(group.id)") }
        }
    }

    package func deleteGroup(_ id: GroupID, expecting expected: UserGroup?) async throws -> Bool {
        try await changeTenancy { database in
            try Self.require(expected, id, database)
            try database.execute(sql: "DELETE FROM groups WHERE id = ?", arguments: [id.text])
            return database.changesCount > 0
        }
    }

    package func addMember(_ user: UserID, to group: GroupID) async throws {
        try await changeTenancy { database in
            try Self.require(.user(user), database)
            try Self.require(.group(group), database)
            try database.execute(
                sql: "INSERT INTO group_members (group_id, user) VALUES (?, ?) ON CONFLICT DO NOTHING",
                arguments: [group.text, user.text])
        }
    }

    package func removeMember(_ user: UserID, from group: GroupID) async throws -> Bool {
        try await changeTenancy { database in
            try database.execute(
                sql: "DELETE FROM group_members WHERE group_id = ? AND user = ?", arguments: [group.text, user.text])
            return database.changesCount > 0
        }
    }

    package func restrict(
        _ subject: RestrictionSubject, to restriction: Restriction, expecting expected: Restriction?
    ) async throws {
        let document = restriction == .none ? nil : try JSONText.of(restriction)
        try await changeTenancy { database in
            try Self.require(subject, database)
            let (table, column, id) =
                switch subject {
                case .user(let user): ("user_restrictions", "user", user.text)
                case .group(let group): ("group_restrictions", "group_id", group.text)
                }
            if let expected {
                let row = try Row.fetchOne(
                    database, sql: "SELECT restriction FROM \(table) WHERE \(column) = ?", arguments: [id])
                let present: Restriction = try row.map { try $0.document(0) } ?? .none
                guard present == expected else { throw StoreError.changed("the restriction of \(id)") }
            }
            try database.execute(sql: "DELETE FROM \(table) WHERE \(column) = ?", arguments: [id])
            guard let document else { return }
            try database.execute(sql: "INSERT INTO \(table) VALUES (?, ?)", arguments: [id, document])
        }
    }

    package func setPool(_ name: String, isOpen: Bool, expecting expected: Bool?) async throws {
        try await changeTenancy { database in
            if let expected {
                let isClosed = try Row.fetchOne(
                    database, sql: "SELECT 1 FROM closed_pools WHERE name = ?", arguments: [name])
                guard (isClosed == nil) == expected else { throw StoreError.changed("pool \(name)") }
            }
            try database.execute(
                sql: isOpen
                    ? "DELETE FROM closed_pools WHERE name = ?"
                    : "INSERT INTO closed_pools VALUES (?) ON CONFLICT DO NOTHING", arguments: [name])
        }
    }

    package func storedBytes(of user: UserID) async throws -> Int {
        try await pool.read { try Self.storedBytes(of: user, $0) }
    }

    static func storedBytes(of user: UserID, _ database: Database) throws -> Int {
        let statement = try database.cachedStatement(
            sql: """
                SELECT coalesce((SELECT bytes FROM stored_sums WHERE owner = ?1), 0)
                    + coalesce((SELECT sum(size) FROM programs JOIN program_versions
                        ON program_versions.program = programs.id WHERE owner = ?1 AND withdrawn IS NULL), 0)
                """)
        return try Int.fetchOne(statement, arguments: [user.text]) ?? 0
    }

    /// Throws where the group is there and another than `expected`.
    private static func require(_ expected: UserGroup?, _ id: GroupID, _ database: Database) throws {
        guard let expected else { return }
        let present = try Row.fetchOne(
            database, sql: "SELECT \(groupColumns) FROM groups WHERE id = ?", arguments: [id.text]
        ).map { try UserGroup(row: $0) }
        guard present == nil || present == expected else { throw StoreError.changed("group \(id)") }
    }

    private static func require(_ subject: RestrictionSubject, _ database: Database) throws {
        let (table, id) =
            switch subject {
            case .user(let user): ("users", user.text)
            case .group(let group): ("groups", group.text)
            }
        guard try Row.fetchOne(database, sql: "SELECT 1 FROM \(table) WHERE id = ?", arguments: [id]) != nil else {
            throw StoreError.unknown("\(table) \(id)")
        }
    }

    /// One transaction that also counts as a change.
    private func changeTenancy<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws -> Value {
        try await write { database in
            let value = try body(database)
            try database.execute(sql: "UPDATE tenancy SET revision = revision + 1")
            return value
        }
    }
}
