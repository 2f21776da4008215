import GRDB
package import PanalCore

extension Schema {
    static let rootfs = """
        CREATE TABLE rootfs_images (
            id TEXT PRIMARY KEY NOT NULL,
            name TEXT NOT NULL,
            owner TEXT NOT NULL REFERENCES users (id),
            is_public INTEGER NOT NULL,
            state TEXT NOT NULL,
            digest TEXT,
            bytes INTEGER NOT NULL,
            environment TEXT NOT NULL,
            created INTEGER NOT NULL,
            changed INTEGER NOT NULL,
            message TEXT
        ) STRICT;
        CREATE TABLE rootfs_aliases (
            name TEXT PRIMARY KEY NOT NULL,
            image TEXT NOT NULL REFERENCES rootfs_images (id) ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX rootfs_aliases_of_image ON rootfs_aliases (image);
        """

    /// Which job's files an image was made of; the job may be gone. A request for a copy is marked like one for a job.
    static let copies = """
        CREATE TABLE rootfs_copies (
            image TEXT PRIMARY KEY NOT NULL REFERENCES rootfs_images (id) ON DELETE CASCADE,
            job TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        ALTER TABLE retry_marks ADD COLUMN image TEXT REFERENCES rootfs_images (id) ON DELETE CASCADE;
        CREATE INDEX retry_marks_of_image ON retry_marks (image) WHERE image IS NOT NULL;
        """
}

extension SQLiteStore: RootfsStore {
    package func rootfsImages() async throws -> [RootfsImage] {
        try await pool.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT id, name, owner, is_public, state, digest, bytes, environment, created, changed, message, job
                    FROM rootfs_images LEFT JOIN rootfs_copies ON image = id ORDER BY created, id
                    """
            ).map { try RootfsImage(row: $0) }
        }
    }

    package func insert(_ image: RootfsImage, mark: RetryMark?, marksSince: Timestamp) async throws {
        try await write { database in
            if let mark, let earlier = try Self.request(marked: mark.key, of: mark.owner, database),
                earlier.mark.at >= marksSince
            {
                throw StoreError.repeated(earlier)
            }
            try database.execute(
                sql: "INSERT INTO rootfs_images VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                arguments: [
                    image.id.text, image.name, image.owner.text, image.isPublic, image.state.rawValue,
                    image.digest?.hex, image.bytes, try JSONText.of(image.environment), image.created.microseconds,
                    image.changed.microseconds, image.message,
                ])
            if let job = image.origin {
                try database.execute(
                    sql: "INSERT INTO rootfs_copies VALUES (?, ?)", arguments: [image.id.text, job.text])
            }
            if let mark { try Self.insert(mark, job: nil, nil, image: image.id, database) }
        }
    }

    package func replace(_ expected: RootfsImage, with image: RootfsImage) async throws {
        try await write { database in
            try database.execute(
                sql: """
                    UPDATE rootfs_images SET name = ?, is_public = ?, state = ?, digest = ?, bytes = ?, environment = ?,
                        changed = ?, message = ?
                    WHERE id = ? AND name = ? AND is_public = ? AND state = ? AND digest IS ? AND changed = ?
                    """,
                arguments: [
                    image.name, image.isPublic, image.state.rawValue, image.digest?.hex, image.bytes,
                    try JSONText.of(image.environment), image.changed.microseconds, image.message, expected.id.text,
                    expected.name, expected.isPublic, expected.state.rawValue, expected.digest?.hex,
                    expected.changed.microseconds,
                ])
            guard database.changesCount == 1 else { throw StoreError.changed("image \(expected.id)") }
        }
    }

    package func deleteRootfsImage(_ id: RootfsID) async throws {
        try await write { database in
            try database.execute(sql: "DELETE FROM rootfs_images WHERE id = ?", arguments: [id.text])
        }
    }

    package func rootfsAliases() async throws -> [RootfsAlias] {
        try await pool.read { database in
            try Row.fetchAll(database, sql: "SELECT name, image FROM rootfs_aliases ORDER BY name").map {
                RootfsAlias(name: try $0.text(0), image: try $0.identifier(1))
            }
        }
    }

    package func setRootfsAlias(_ name: String, to image: RootfsID?) async throws {
        try await write { database in
            guard let image else {
                return try database.execute(sql: "DELETE FROM rootfs_aliases WHERE name = ?", arguments: [name])
            }
            let found = try Row.fetchOne(
                database, sql: "SELECT 1 FROM rootfs_images WHERE id = ?", arguments: [image.text])
            guard found != nil else { throw StoreError.unknown("image \(image)") }
            try database.execute(
                sql: "INSERT OR REPLACE INTO rootfs_aliases VALUES (?, ?)", arguments: [name, image.text])
        }
    }

    package func unfinishedJobs(in rootfs: ContentHash) async throws -> Int {
        try await pool.read { database in
            try Int.fetchOne(
                database,
                sql: """
                    SELECT COUNT(*) FROM jobs JOIN attempts ON attempts.step = \(Schema.firstStep("jobs")) + jobs.attempt
                    WHERE \(Schema.unfinished) AND attempts.specification ->> 'rootfs' = ?
                    """, arguments: [rootfs.hex]) ?? 0
        }
    }
}

extension RootfsImage {
    fileprivate init(row: Row) throws {
        self.init(
            id: try row.identifier(0), name: try row.text(1), owner: try row.identifier(2), isPublic: try row.flag(3),
            state: try row.word(4), digest: try row.optional(5, row.hash), bytes: try row.integer(6),
            environment: try row.list(7), created: try row.moment(8), changed: try row.moment(9),
            message: try row.optional(10, row.text), origin: try row.optional(11, row.identifier))
    }
}
