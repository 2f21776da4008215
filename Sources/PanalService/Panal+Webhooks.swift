package import PanalCore

/// Webhooks of the account, and what came of them.
extension Panal {
    /// Webhooks of one account, at most.
    static let mostWebhooks = 20

    private var outlets: (store: any WebhookStore, dispatcher: WebhookDispatcher, policy: WebhookPolicy) {
        get throws(ServiceError) {
            guard let webhooks else { throw ServiceError(.conflict, "this service sends no webhooks") }
            return webhooks
        }
    }

    package func webhooks(_ principal: Principal) async throws -> [Webhook] {
        try await outlets.store.webhooks(of: principal.user)
    }

    /// The answer is the only place that ever shows the secret. Throws `invalid` for an address where nothing is sent.
    package func createWebhook(
        _ principal: Principal, url: String, events: Set<WebhookEvent>
    ) async throws -> (webhook: Webhook, secret: String) {
        let outlets = try outlets
        if let refusal = outlets.policy.refusal(of: try WebhookTarget(url)) {
            throw ServiceError(.invalid, mistake: "/url", refusal)
        }
        guard try await outlets.store.webhooks(of: principal.user).count < Self.mostWebhooks else {
            throw ServiceError(.conflict, "there are \(Self.mostWebhooks) webhooks already; delete one first")
        }
        return try await addWebhook(principal, url: url, events: events)
    }

    /// One of the principal's own.
    package func webhook(_ principal: Principal, _ id: WebhookID) async throws -> Webhook {
        try await own(principal, id)
    }

    /// Makes the secret that signs what is sent to addresses that single jobs name; a new one replaces it at once. Throws `changed`
    /// where the one before is not as `expected`.
    package func createCallbackSecret(
        _ principal: Principal, expecting expected: Webhook? = nil
    ) async throws -> (webhook: Webhook, secret: String) {
        try await addWebhook(principal, url: nil, events: WebhookEvent.standard, expecting: expected)
    }

    private func addWebhook(
        _ principal: Principal, url: String?, events: Set<WebhookEvent>, expecting expected: Webhook? = nil
    ) async throws -> (webhook: Webhook, secret: String) {
        let store = try outlets.store
        let now = clock.now()
        let webhook = Webhook(id: .make(at: now), owner: principal.user, url: url, events: events, created: now)
        let secret = Secrets.bytes(32)
        do {
            try await store.insert(webhook, secret: secret, expecting: expected)
        } catch StoreError.changed {
            throw Self.changed
        }
        signals.note(hasWebhooks: true)
        let stored = url == nil ? try await store.webhooks(of: principal.user).first { $0.url == nil } : webhook
        return (stored ?? webhook, WebhookSigning.text(secret))
    }

    /// Throws `changed` where it is not as `expected`.
    package func deleteWebhook(
        _ principal: Principal, _ id: WebhookID, expecting expected: Webhook? = nil
    ) async throws {
        _ = try await own(principal, id)
        do {
            _ = try await outlets.store.deleteWebhook(id, expecting: expected)
        } catch StoreError.changed {
            throw Self.changed
        }
    }

    /// Sends a message of the event `webhook.test`; its log tells what came of it.
    package func testWebhook(_ principal: Principal, _ id: WebhookID) async throws -> WebhookDelivery {
        let webhook = try await own(principal, id)
        guard let url = webhook.url else {
            throw ServiceError(.conflict, "this one has no address of its own: jobs name theirs")
        }
        let now = clock.now()
        let delivery = WebhookDelivery(
            id: .make(at: now), webhook: id, url: url, event: .test, job: nil, created: now, state: .waiting,
            attempts: 0, next: now, trace: TraceContext.current?.header)
        try await outlets.store.insert(delivery)
        try outlets.dispatcher.wake()
        return delivery
    }

    /// The newest first.
    package func deliveries(
        _ principal: Principal, of id: WebhookID, before: DeliveryID? = nil, limit: Int
    ) async throws -> [WebhookDelivery] {
        _ = try await own(principal, id)
        return try await outlets.store.deliveries(of: id, before: before, limit: limit)
    }

    /// Checks a job's own address before anything of the job is stored.
    func checkCallback(_ principal: Principal, _ callback: JobCallback) async throws {
        let outlets = try outlets
        if let refusal = outlets.policy.refusal(of: try WebhookTarget(callback.url, pointer: "/_callback")) {
            throw ServiceError(.invalid, mistake: "/_callback", refusal)
        }
        guard try await outlets.store.webhooks(of: principal.user).contains(where: { $0.url == nil }) else {
            throw ServiceError(
                .invalid, mistake: "/_callback",
                "there is no secret to sign it with yet: POST /api/v1/webhooks/callback-secret makes one")
        }
    }

    private func own(_ principal: Principal, _ id: WebhookID) async throws -> Webhook {
        guard let webhook = try await outlets.store.webhook(id), webhook.owner == principal.user else {
            throw ServiceError(.notFound, "there is no such webhook")
        }
        return webhook
    }

    /// Begins to send, if there is a way out; what an earlier run left is due at once.
    func runWebhooks() async {
        guard let webhooks else { return }
        if (try? await webhooks.store.hasWebhooks()) ?? true { signals.note(hasWebhooks: true) }
        webhooks.dispatcher.wake()
        await webhooks.dispatcher.run()
    }
}
