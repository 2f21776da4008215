import FoundationEssentials
import GRDB
package import PanalCore

private let deliveryColumns = """
    webhook_deliveries.id, webhook, webhook_deliveries.url, event, job, webhook_deliveries.created, state, attempts, next,
    webhook_deliveries.trace
    """

extension SQLiteStore: WebhookStore {
    package func insert(_ webhook: Webhook, secret: [UInt8], expecting expected: Webhook?) async throws {
        try await write { database in
            if let expected { try Self.require(expected, database) }
            if webhook.url == nil {
                // What waits is signed with the new secret from now on: the row stays, so that messages keep their webhook.
                try database.execute(
                    sql: "UPDATE webhooks SET secret = ?, created = ? WHERE owner = ? AND url IS NULL",
                    arguments: [Data(secret), webhook.created.microseconds, webhook.owner.text])
                guard database.changesCount == 0 else { return }
            }
            try database.execute(
                sql: "INSERT INTO webhooks VALUES (?, ?, ?, ?, ?, ?)",
                arguments: [
                    webhook.id.text, webhook.owner.text, webhook.url, Self.text(webhook.events),
                    webhook.created.microseconds, Data(secret),
                ])
        }
    }

    package func webhooks(of owner: UserID) async throws -> [Webhook] {
        try look { database in
            try Row.fetchAll(
                database,
                sql: "SELECT id, owner, url, events, created FROM webhooks WHERE owner = ? ORDER BY created, id",
                arguments: [owner.text]
            ).map(Self.webhook)
        }
    }

    package func webhook(_ id: WebhookID) async throws -> Webhook? {
        try look { try Self.webhook(id, $0) }
    }

    private static func webhook(_ id: WebhookID, _ database: Database) throws -> Webhook? {
        try Row.fetchOne(
            database, sql: "SELECT id, owner, url, events, created FROM webhooks WHERE id = ?", arguments: [id.text]
        ).map(webhook)
    }

    /// Throws where it is gone or another.
    private static func require(_ expected: Webhook, _ database: Database) throws {
        guard try webhook(expected.id, database) == expected else {
            throw StoreError.changed("webhook \(expected.id)")
        }
    }

    package func deleteWebhook(_ id: WebhookID, expecting expected: Webhook?) async throws -> Bool {
        try await write { database in
            if let expected { try Self.require(expected, database) }
            try database.execute(sql: "DELETE FROM webhooks WHERE id = ?", arguments: [id.text])
            return database.changesCount > 0
        }
    }

    package func hasWebhooks() async throws -> Bool {
        try look { try Bool.fetchOne($0, sql: "SELECT EXISTS (SELECT 1 FROM webhooks)") ?? false }
    }

    /// In the transaction of the job itself.
    static func insert(_ callback: JobCallback, of job: JobID, _ database: Database) throws {
        try database.execute(
            sql: "INSERT INTO job_callbacks VALUES (?, ?, ?)",
            arguments: [job.text, callback.url, text(callback.events)])
    }

    package func insert(_ delivery: WebhookDelivery) async throws {
        try await write { try Self.insert(delivery, $0) }
    }

    package func dueDeliveries(
        at moment: Timestamp, limit: Int
    ) async throws -> [(delivery: WebhookDelivery, secret: [UInt8])] {
        try await pool.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT \(deliveryColumns), secret FROM webhook_deliveries
                    JOIN webhooks ON webhooks.id = webhook JOIN users ON users.id = webhooks.owner
                    WHERE next <= ? AND users.status = ? ORDER BY next LIMIT ?
                    """, arguments: [moment.microseconds, UserStatus.available.rawValue, limit]
            ).map { (try Self.delivery($0), try $0.bytes(10)) }
        }
    }

    package func nextDelivery() async throws -> Timestamp? {
        try look { database in
            try Int64.fetchOne(
                database,
                sql: """
                    SELECT min(next) FROM webhook_deliveries JOIN webhooks ON webhooks.id = webhook
                    JOIN users ON users.id = webhooks.owner WHERE next IS NOT NULL AND users.status = ?
                    """, arguments: [UserStatus.available.rawValue]
            ).map(Timestamp.init(microseconds:))
        }
    }

    package func waitingDeliveries() async throws -> Int {
        try look { try Int.fetchOne($0, sql: "SELECT count(*) FROM webhook_deliveries WHERE next IS NOT NULL") ?? 0 }
    }

    package func record(
        _ attempt: WebhookAttempt, of delivery: DeliveryID, state: WebhookDelivery.State, next: Timestamp?
    ) async throws {
        try await write { database in
            try database.execute(
                sql: "UPDATE webhook_deliveries SET state = ?, attempts = ?, next = ? WHERE id = ?",
                arguments: [state.rawValue, attempt.number, next?.microseconds, delivery.text])
            // Deleted meanwhile, with its webhook.
            guard database.changesCount > 0 else { return }
            try database.execute(
                sql: "INSERT OR REPLACE INTO webhook_attempts VALUES (?, ?, ?, ?, ?, ?)",
                arguments: [
                    delivery.text, attempt.number, attempt.at.microseconds, attempt.status, attempt.error,
                    attempt.milliseconds,
                ])
        }
    }

    package func deliveries(
        of webhook: WebhookID, before: DeliveryID?, limit: Int
    ) async throws -> [WebhookDelivery] {
        try await pool.read { database in
            var found = try Row.fetchAll(
                database,
                sql: """
                    SELECT \(deliveryColumns) FROM webhook_deliveries WHERE webhook = ? AND (? IS NULL OR id < ?)
                    ORDER BY id DESC LIMIT ?
                    """, arguments: [webhook.text, before?.text, before?.text, limit]
            ).map(Self.delivery)
            for place in found.indices {
                found[place].log = try Row.fetchAll(
                    database,
                    sql: """
                        SELECT number, at, status, error, milliseconds FROM webhook_attempts
                        WHERE delivery = ? ORDER BY number
                        """, arguments: [found[place].id.text]
                ).map { row in
                    WebhookAttempt(
                        number: try row.integer(0), at: try row.moment(1), status: try row.optional(2, row.integer),
                        error: try row.optional(3, row.text), milliseconds: try row.integer(4))
                }
            }
            return found
        }
    }

    package func deleteDeliveries(createdBefore moment: Timestamp) async throws -> Int {
        try await write { database in
            try database.execute(
                sql: "DELETE FROM webhook_deliveries WHERE created < ? AND next IS NULL",
                arguments: [moment.microseconds])
            return database.changesCount
        }
    }

    /// Writes the messages of a job's step, in the transaction of the step: whatever happens to the service then, they are sent.
    static func announce(_ change: JobChange, of job: JobID, _ database: Database) throws {
        guard let event = WebhookEvent(of: change.state) else { return }
        try announce(event, at: change.at, of: job, database)
    }

    static func announce(
        _ event: WebhookEvent, at moment: Timestamp, of job: JobID, _ database: Database
    ) throws {
        let statement = try database.cachedStatement(
            sql: """
                SELECT webhooks.id, webhooks.url, (SELECT trace FROM job_traces WHERE job = ?1)
                FROM jobs JOIN webhooks ON webhooks.owner = jobs.owner
                WHERE jobs.id = ?1 AND webhooks.url IS NOT NULL AND instr(webhooks.events, ?2)
                UNION ALL
                SELECT webhooks.id, job_callbacks.url, (SELECT trace FROM job_traces WHERE job = ?1)
                FROM job_callbacks JOIN jobs ON jobs.id = job_callbacks.job
                JOIN webhooks ON webhooks.owner = jobs.owner AND webhooks.url IS NULL
                WHERE job_callbacks.job = ?1 AND instr(job_callbacks.events, ?2)
                """)
        for row in try Row.fetchAll(statement, arguments: [job.text, ",\(event.rawValue),"]) {
            try insert(
                WebhookDelivery(
                    id: .make(at: moment), webhook: try row.identifier(0), url: try row.text(1), event: event,
                    job: job, created: moment, state: .waiting, attempts: 0, next: moment,
                    trace: try row.optional(2, row.text)), database)
        }
    }

    static func announceFilling(to user: UserID, at moment: Timestamp, _ database: Database) throws {
        try announce(.filling, to: user.text, at: moment, database)
    }

    /// To the owners of the programs that have a version with this content.
    static func announceFailing(_ content: ContentHash, at moment: Timestamp, _ database: Database) throws {
        let owners = try String.fetchAll(
            database,
            sql: """
                SELECT DISTINCT owner FROM programs JOIN program_versions ON program_versions.program = programs.id
                WHERE content = ? AND withdrawn IS NULL
                """, arguments: [content.hex])
        for owner in owners { try announce(.failing, to: owner, at: moment, database) }
    }

    /// What is about no job.
    private static func announce(
        _ event: WebhookEvent, to user: String, at moment: Timestamp, _ database: Database
    ) throws {
        let rows = try Row.fetchAll(
            database, sql: "SELECT id, url FROM webhooks WHERE owner = ? AND url IS NOT NULL AND instr(events, ?)",
            arguments: [user, ",\(event.rawValue),"])
        for row in rows {
            try insert(
                WebhookDelivery(
                    id: .make(at: moment), webhook: try row.identifier(0), url: try row.text(1), event: event, job: nil,
                    created: moment, state: .waiting, attempts: 0, next: moment), database)
        }
    }

    private static func insert(_ delivery: WebhookDelivery, _ database: Database) throws {
        try database.cachedStatement(sql: "INSERT INTO webhook_deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
            .execute(
                arguments: [
                    delivery.id.text, delivery.webhook.text, delivery.url, delivery.event.rawValue, delivery.job?.text,
                    delivery.created.microseconds, delivery.state.rawValue, delivery.attempts,
                    delivery.next?.microseconds, delivery.trace,
                ])
    }

    private static func text(_ events: Set<WebhookEvent>) -> String {
        ",\(events.map(\.rawValue).sorted().joined(separator: ",")),"
    }

    private static func webhook(_ row: Row) throws -> Webhook {
        let words = try row.text(3).split(separator: ",")
        return Webhook(
            id: try row.identifier(0), owner: try row.identifier(1), url: try row.optional(2, row.text),
            events: Set(words.compactMap { WebhookEvent(rawValue: String($0)) }), created: try row.moment(4))
    }

    private static func delivery(_ row: Row) throws -> WebhookDelivery {
        WebhookDelivery(
            id: try row.identifier(0), webhook: try row.identifier(1), url: try row.text(2), event: try row.word(3),
            job: try row.optional(4, row.identifier), created: try row.moment(5), state: try row.word(6),
            attempts: try row.integer(7), next: try row.optional(8, row.moment),
            trace: try row.optional(9, row.text))
    }
}
