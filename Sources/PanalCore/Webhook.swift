/// What a webhook may tell of.
package enum WebhookEvent: String, Hashable, Sendable, CaseIterable, Codable {
    case started = "job.started"
    case finished = "job.finished"
    case failed = "job.failed"
    case cancelled = "job.cancelled"
    /// Its outputs are removed some days later.
    case expiring = "job.expiring"
    /// Nine tenths of what its owner may store are stored.
    case filling = "storage.filling"
    /// The tests of a published program do not pass any more.
    case failing = "program.failing"
    /// Sent on request, to try an address.
    case test = "webhook.test"

    /// What is told where nobody chose.
    package static let standard: Set<WebhookEvent> = [.finished, .failed, .cancelled]
    /// The same for a webhook of all of one's jobs.
    package static let standardOfAccount = standard.union([.expiring, .filling, .failing])

    /// The event of a job that comes into `state`; nil where nobody is told.
    package init?(of state: JobState) {
        switch state {
        case .running: self = .started
        case .finished: self = .finished
        case .failed: self = .failed
        case .cancelled: self = .cancelled
        default: return nil
        }
    }
}

package typealias WebhookID = Identifier<Webhook>
package typealias DeliveryID = Identifier<WebhookDelivery>

/// Somebody's wish to be told of their jobs, with a secret of its own that signs what is sent.
package struct Webhook: Hashable, Sendable, Identifiable {
    package let id: WebhookID
    package var owner: UserID
    /// Nil for the one that signs what is sent to the addresses that single jobs name.
    package var url: String?
    package var events: Set<WebhookEvent>
    package var created: Timestamp

    package init(id: WebhookID, owner: UserID, url: String?, events: Set<WebhookEvent>, created: Timestamp) {
        self.id = id
        self.owner = owner
        self.url = url
        self.events = events
        self.created = created
    }
}

/// One message to one address, until it has arrived or is given up.
package struct WebhookDelivery: Hashable, Sendable, Identifiable {
    package enum State: String, Hashable, Sendable, CaseIterable {
        case waiting, delivered, failed
    }

    /// The same in each attempt, so that a receiver can tell a repetition.
    package let id: DeliveryID
    package var webhook: WebhookID
    package var url: String
    package var event: WebhookEvent
    package var job: JobID?
    package var created: Timestamp
    package var state: State
    package var attempts: Int
    /// When the next attempt is due; nil when there is none.
    package var next: Timestamp?
    package var log: [WebhookAttempt]
    /// The trace of the request that it comes of, as a `traceparent`; nil where nobody told one.
    package var trace: String?

    package init(
        id: DeliveryID, webhook: WebhookID, url: String, event: WebhookEvent, job: JobID?, created: Timestamp,
        state: State, attempts: Int, next: Timestamp?, log: [WebhookAttempt] = [], trace: String? = nil
    ) {
        self.id = id
        self.webhook = webhook
        self.url = url
        self.event = event
        self.job = job
        self.created = created
        self.state = state
        self.attempts = attempts
        self.next = next
        self.log = log
        self.trace = trace
    }
}

package struct WebhookAttempt: Hashable, Sendable {
    /// 1, 2, 3…
    package var number: Int
    package var at: Timestamp
    /// What the receiver answered; nil when no answer came.
    package var status: Int?
    package var error: String?
    package var milliseconds: Int

    package init(number: Int, at: Timestamp, status: Int?, error: String?, milliseconds: Int) {
        self.number = number
        self.at = at
        self.status = status
        self.error = error
        self.milliseconds = milliseconds
    }
}

/// Where a job's own events are told.
package struct JobCallback: Hashable, Sendable {
    package var url: String
    package var events: Set<WebhookEvent>

    package init(url: String, events: Set<WebhookEvent> = WebhookEvent.standard) {
        self.url = url
        self.events = events
    }
}

/// Where webhooks and their messages are kept. A store that has these writes the messages of a job's step in the step's own transaction.
package protocol WebhookStore: Sendable {
    /// One without an address replaces the owner's earlier one. Throws `StoreError.changed` where that is not `expected`.
    func insert(_ webhook: Webhook, secret: [UInt8], expecting expected: Webhook?) async throws
    /// In the order of their making.
    func webhooks(of owner: UserID) async throws -> [Webhook]
    func webhook(_ id: WebhookID) async throws -> Webhook?
    /// With its messages. Answers whether there was one; throws `StoreError.changed` where it is not as `expected`.
    func deleteWebhook(_ id: WebhookID, expecting expected: Webhook?) async throws -> Bool
    /// Whether anybody has any.
    func hasWebhooks() async throws -> Bool

    func insert(_ delivery: WebhookDelivery) async throws
    /// Messages whose attempt is due at `moment`, the longest due first, with the secrets that sign them; of users who may sign in.
    func dueDeliveries(at moment: Timestamp, limit: Int) async throws -> [(delivery: WebhookDelivery, secret: [UInt8])]
    /// When the next attempt is due; nil when there is none.
    func nextDelivery() async throws -> Timestamp?
    /// Messages that have not arrived and are not given up.
    func waitingDeliveries() async throws -> Int
    func record(
        _ attempt: WebhookAttempt, of delivery: DeliveryID, state: WebhookDelivery.State, next: Timestamp?) async throws
    /// The newest first, with their logs.
    func deliveries(
        of webhook: WebhookID, before: DeliveryID?, limit: Int
    ) async throws -> [WebhookDelivery]
    /// Forgets messages that were made before `moment` and wait no more; answers how many.
    func deleteDeliveries(createdBefore moment: Timestamp) async throws -> Int
}
