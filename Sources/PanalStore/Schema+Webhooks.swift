extension Schema {
    /// Events as `,job.finished,job.failed,`.
    static let webhooks = """
        CREATE TABLE webhooks (
            id TEXT PRIMARY KEY NOT NULL,
            owner TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            url TEXT,
            events TEXT NOT NULL,
            created INTEGER NOT NULL,
            secret BLOB NOT NULL
        ) STRICT;
        CREATE INDEX webhooks_of_owner ON webhooks (owner);
        CREATE UNIQUE INDEX webhooks_for_callbacks ON webhooks (owner) WHERE url IS NULL;
        CREATE TABLE job_callbacks (
            job TEXT PRIMARY KEY NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
            url TEXT NOT NULL,
            events TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE webhook_deliveries (
            id TEXT PRIMARY KEY NOT NULL,
            webhook TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
            url TEXT NOT NULL,
            event TEXT NOT NULL,
            job TEXT,
            created INTEGER NOT NULL,
            state TEXT NOT NULL,
            attempts INTEGER NOT NULL,
            next INTEGER
        ) STRICT;
        CREATE INDEX webhook_deliveries_of_webhook ON webhook_deliveries (webhook, id);
        CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next) WHERE next IS NOT NULL;
        CREATE TABLE webhook_attempts (
            delivery TEXT NOT NULL REFERENCES webhook_deliveries (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            at INTEGER NOT NULL,
            status INTEGER,
            error TEXT,
            milliseconds INTEGER NOT NULL,
            PRIMARY KEY (delivery, number)
        ) STRICT, WITHOUT ROWID;
        """
}
