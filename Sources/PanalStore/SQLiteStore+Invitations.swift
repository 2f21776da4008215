import GRDB
package import PanalCore

extension Schema {
    static let invitations = """
        CREATE TABLE invitations (
            id TEXT PRIMARY KEY NOT NULL,
            token_hash TEXT NOT NULL UNIQUE,
            label TEXT NOT NULL,
            role TEXT NOT NULL,
            group_id TEXT REFERENCES groups (id) ON DELETE SET NULL,
            created INTEGER NOT NULL,
            expires INTEGER NOT NULL,
            made_by TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            used_by TEXT REFERENCES users (id) ON DELETE SET NULL
        ) STRICT;
        CREATE INDEX invitations_by_time ON invitations (created);
        """
}

private let invitationColumns = "id, label, role, group_id, created, expires, made_by, used_by"

extension SQLiteStore {
    package func insert(_ invitation: Invitation, tokenHash: ContentHash) async throws {
        try await write { database in
            if let group = invitation.group {
                let found = try Row.fetchOne(
                    database, sql: "SELECT 1 FROM groups WHERE id = ?", arguments: [group.text])
                guard found != nil else { throw StoreError.unknown("group \(group)") }
            }
            try database.execute(
                sql: "INSERT INTO invitations VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)",
                arguments: [
                    invitation.id.text, tokenHash.hex, invitation.label, invitation.role.rawValue,
                    invitation.group?.text, invitation.created.microseconds, invitation.expires.microseconds,
                    invitation.madeBy.text,
                ])
        }
    }

    package func invitations() async throws -> [Invitation] {
        try await pool.read { database in
            try Row.fetchAll(
                database, sql: "SELECT \(invitationColumns) FROM invitations ORDER BY created DESC, id DESC"
            ).map { try Invitation(row: $0) }
        }
    }

    package func isInvitation(_ tokenHash: ContentHash, at moment: Timestamp) async throws -> Bool {
        try await pool.read { try Self.invitation(tokenHash, at: moment, $0) != nil }
    }

    package func deleteInvitation(_ id: InvitationID) async throws -> Bool {
        try await write { database in
            try database.execute(sql: "DELETE FROM invitations WHERE id = ?", arguments: [id.text])
            return database.changesCount > 0
        }
    }

    package func insert(
        _ user: User, credential: Credential, invitation tokenHash: ContentHash?
    ) async throws -> User {
        try await write { database in
            var user = user
            var invitation: Invitation?
            if let tokenHash {
                guard let found = try Self.invitation(tokenHash, at: user.created, database) else {
                    throw StoreError.unknown("invitation")
                }
                user.role = found.role
                invitation = found
            }
            try Self.insert(user, credential, database)
            guard let invitation else { return user }
            try database.execute(
                sql: "UPDATE invitations SET used_by = ? WHERE id = ?", arguments: [user.id.text, invitation.id.text])
            if let group = invitation.group {
                try database.execute(
                    sql: "INSERT INTO group_members (group_id, user) VALUES (?, ?)",
                    arguments: [group.text, user.id.text])
                try database.execute(sql: "UPDATE tenancy SET revision = revision + 1")
            }
            return user
        }
    }

    private static func invitation(
        _ tokenHash: ContentHash, at moment: Timestamp, _ database: Database
    ) throws -> Invitation? {
        try Row.fetchOne(
            database,
            sql: """
                SELECT \(invitationColumns) FROM invitations WHERE token_hash = ? AND used_by IS NULL AND expires > ?
                """, arguments: [tokenHash.hex, moment.microseconds]
        ).map { try Invitation(row: $0) }
    }
}

extension Invitation {
    fileprivate init(row: Row) throws {
        self.init(
            id: try row.identifier(0), label: try row.text(1), role: try row.word(2),
            group: try row.optional(3, row.identifier), created: try row.moment(4), expires: try row.moment(5),
            madeBy: try row.identifier(6), usedBy: try row.optional(7, row.identifier))
    }
}
