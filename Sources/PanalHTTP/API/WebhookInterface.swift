import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// `/api/v1/webhooks`: who is told when a job moves on, and what came of it.
struct WebhookInterface: Sendable {
    let panal: Panal

    var routes: [Route] {
        let made = Schema.webhook.extended(
            by: ["secret": .text.example("whsec_…").note("Signs what is sent. It is shown only here.")],
            named: "NewWebhook")
        return [
            Route(.get, "/api/v1/webhooks", .interface, list)
                .described(
                    "listWebhooks", .account, "One's webhooks", .scope(.account),
                    .answer(.ok, .object(["webhooks": .list(of: .webhook)]), "In the order of their making")),
            Route(.post, "/api/v1/webhooks", .interface, create)
                .described(
                    "createWebhook", .account, "Be told of all of one's jobs",
                    .note(
                        "Messages are signed as Standard Webhooks has it, and sent again for about a day and a half until they are answered by 2xx."
                    ),
                    .body(
                        .object(
                            [
                                "url": .text(1...2_048).example("https://example.com/hook").note(Self.reach),
                                "events?": .webhookEvents,
                            ], isClosed: true)),
                    .answer(.created, made, "The webhook", .location), .refuses(.conflict)),
            Route(.post, "/api/v1/webhooks/callback-secret", .interface, createSecret)
                .described(
                    "createCallbackSecret", .account, "Make the secret that signs the callbacks of single jobs",
                    .guarded,
                    .note("An earlier one is not used any more; `If-Match` takes the mark of that one's webhook."),
                    .answer(.created, made, "The webhook without address")),
            Route(.get, "/api/v1/webhooks/{id}", .interface, show)
                .described(
                    "getWebhook", .account, "One of one's webhooks", .scope(.account),
                    .document(.webhook, "The webhook")),
            Route(.delete, "/api/v1/webhooks/{id}", .interface, delete)
                .described(
                    "deleteWebhook", .account, "End a webhook", .guarded,
                    .empty(.noContent, "It is gone, and its log")),
            Route(.post, "/api/v1/webhooks/{id}/test", .interface, test)
                .described(
                    "testWebhook", .account, "Send a message of the event `webhook.test`",
                    .answer(.accepted, .webhookDelivery, "The message; the log tells what came of it"),
                    .refuses(.conflict)),
            Route(.get, "/api/v1/webhooks/{id}/deliveries", .interface, deliveries)
                .described(
                    "listDeliveries", .account, "What was sent, and what came of it", .scope(.account),
                    .pages("deliveries", of: .webhookDelivery, "The newest first")),
        ]
    }

    /// Where messages may go, for whoever names an address.
    static let reach =
        "On the public internet, unless the operator allows more: 422 for `localhost` and for any spelling of an address "
        + "elsewhere. A name is looked up for each message; where it leads elsewhere the delivery log says so."

    @Sendable private func list(_ request: Request, _ context: WebContext) async throws -> Response {
        let webhooks = try await panal.webhooks(try context.principal)
        return try .json(.object(["webhooks": .array(webhooks.map(Self.document))]))
    }

    @Sendable private func create(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        try JSONBody.expect(["url", "events"], in: members)
        guard let url = try JSONBody.text("url", in: members) else { throw JSONBody.required("url") }
        let made = try await panal.createWebhook(
            try context.principal, url: url,
            events: try Self.events(members["events"], "/events", unset: WebhookEvent.standardOfAccount))
        return try answer(made)
    }

    @Sendable private func createSecret(_ request: Request, _ context: WebContext) async throws -> Response {
        let principal = try context.principal
        return try await Preconditions.guarded(
            request, current: { try await panal.webhooks(principal).first { $0.url == nil } },
            documents: { $0.map { [Self.document($0)] } ?? [] }
        ) { known in
            try answer(try await panal.createCallbackSecret(principal, expecting: known ?? nil))
        }
    }

    @Sendable private func show(_ request: Request, _ context: WebContext) async throws -> Response {
        let webhook = try await panal.webhook(
            try context.principal, try context.identifier("id", of: Webhook.self))
        return try .json(Self.document(webhook), unlessKnownTo: request)
    }

    private func answer(_ made: (webhook: Webhook, secret: String)) throws -> Response {
        guard case .object(var document) = Self.document(made.webhook) else {
            throw ServiceError(.internal, "no document")
        }
        document["secret"] = .string(made.secret)
        var response = try Response.json(.object(document), status: .created)
        response.headers[.location] = "\(Documents.base)/webhooks/\(made.webhook.id)"
        return response
    }

    @Sendable private func delete(_ request: Request, _ context: WebContext) async throws -> Response {
        let (principal, id) = (try context.principal, try context.identifier("id", of: Webhook.self))
        return try await Preconditions.guarded(
            request, current: { try await panal.webhook(principal, id) }, document: Self.document
        ) { known in
            try await panal.deleteWebhook(principal, id, expecting: known)
            return Response(status: .noContent)
        }
    }

    @Sendable private func test(_ request: Request, _ context: WebContext) async throws -> Response {
        let delivery = try await panal.testWebhook(
            try context.principal, try context.identifier("id", of: Webhook.self))
        return try .json(Self.document(delivery), status: .accepted)
    }

    @Sendable private func deliveries(_ request: Request, _ context: WebContext) async throws -> Response {
        let page = try await panal.deliveryPage(
            try context.principal, of: try context.identifier("id", of: Webhook.self),
            try Paging.wish(try Query(request)))
        return try Paging.answer("deliveries", page.entries.map(Self.document), next: page.next, request)
    }

    /// A list of events that somebody may choose; nil for the usual ones.
    static func events(
        _ value: JSONValue?, _ pointer: String, unset: Set<WebhookEvent> = WebhookEvent.standard
    ) throws -> Set<WebhookEvent> {
        guard let value, value != .null else { return unset }
        let known = WebhookEvent.allCases.filter { $0 != .test }
        func wrong() -> ServiceError {
            let names = known.map(\.rawValue).joined(separator: ", ")
            return ServiceError(
                .invalid, "a member is wrong",
                mistakes: [Mistake(pointer: pointer, detail: "a list of some of \(names)")])
        }
        guard case .array(let list) = value, !list.isEmpty else { throw wrong() }
        return Set(
            try list.map { entry in
                guard case .string(let text) = entry, let event = known.first(where: { $0.rawValue == text }) else {
                    throw wrong()
                }
                return event
            })
    }

    private static func document(_ webhook: Webhook) -> JSONValue {
        Documents.object([
            "id": .string(webhook.id.text), "url": webhook.url.map { .string($0) },
            "events": .array(webhook.events.map(\.rawValue).sorted().map { .string($0) }),
            "created": .string(webhook.created.rfc3339),
        ])
    }

    private static func document(_ delivery: WebhookDelivery) -> JSONValue {
        Documents.object([
            "id": .string("msg_\(delivery.id)"), "url": .string(delivery.url),
            "event": .string(delivery.event.rawValue),
            "job": delivery.job.map { .string($0.text) }, "created": .string(delivery.created.rfc3339),
            "state": .string(delivery.state.rawValue), "nextAttempt": delivery.next.map { .string($0.rfc3339) },
            "attempts": .array(
                delivery.log.map { attempt in
                    Documents.object([
                        "number": .integer(attempt.number), "at": .string(attempt.at.rfc3339),
                        "status": attempt.status.map { .integer($0) }, "error": attempt.error.map { .string($0) },
                        "milliseconds": .integer(attempt.milliseconds),
                    ])
                }),
        ])
    }
}

extension Schema {
    static let webhookEvents = list(
        of: words(
            WebhookEvent.allCases.filter { $0 != .test }.map(\.rawValue), meaning: WebhookEvent.meanings,
            "What may be told; `webhooks` of this document has each one's message."), 1...7
    ).note(
        """
        When it is missing: `job.finished`, `job.failed` and `job.cancelled`, and for a webhook of the account also \
        `job.expiring`, `storage.filling` and `program.failing`.
        """)

    static let webhook = component(
        "Webhook",
        .object([
            "id": identifier,
            "url?": text.example("https://example.com/hook").note(
                "Missing for the one that signs jobs' own callbacks."),
            "events": list(of: words(WebhookEvent.self)), "created": time,
        ]))

    static let webhookDelivery = component(
        "WebhookDelivery",
        .object([
            "id": text.example("msg_…").note("As the receiver sees it in `webhook-id`, the same in each attempt."),
            "url": text, "event": words(WebhookEvent.self), "job?": identifier, "created": time,
            "state": words(WebhookDelivery.State.self), "nextAttempt?": time,
            "attempts": list(
                of: .object([
                    "number": integer(1 ... .max), "at": time, "status?": integer(100...999), "error?": text,
                    "milliseconds": integer(0 ... .max),
                ])),
        ]))
}
