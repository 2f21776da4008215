import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// Who is told when one's jobs move on, and what came of it.
struct WebhookPages: Sendable {
    let panal: Panal
    let frame: PageFrame

    var routes: [Route] {
        [
            Route(.get, "/webhooks", .page) { _, context in try await list(context) },
            Route(.post, "/webhooks", .page, make),
            Route(.post, "/webhooks/callback-secret", .page, makeSecret),
            Route(.get, "/webhooks/{id}", .page, show),
            Route(.post, "/webhooks/{id}/test", .page, test),
            Route(.post, "/webhooks/{id}/delete", .page, delete),
        ]
    }

    private static let events = WebhookEvent.allCases.filter { $0 != .test }
    private static let log = 50

    private func list(
        _ context: WebContext, chosen: Set<WebhookEvent> = WebhookEvent.standardOfAccount,
        _ own: Templates.Values = [:], status: HTTPResponse.Status = .ok
    ) async throws -> Response {
        let wording = Wording(context)
        let t = wording.t
        let webhooks = try await panal.webhooks(try context.principal).map { webhook -> Templates.Values in
            [
                "href": "/webhooks/\(webhook.id)", "hookText": webhook.url ?? t(.callbackSecret),
                "hasAddress": webhook.url != nil,
                "eventsText": Self.events.filter(webhook.events.contains).map { t(Self.phrase($0)) }
                    .joined(separator: ", "),
                "created": webhook.created.rfc3339, "createdText": Wording.moment(webhook.created),
            ]
        }
        var values: Templates.Values = [
            "webhooks": webhooks, "hasWebhooks": !webhooks.isEmpty, "enteredAddress": "",
            "events": Self.events.map {
                ["value": $0.rawValue, "text": t(Self.phrase($0)), "checked": chosen.contains($0)] as Templates.Values
            },
        ]
        values.merge(own) { _, new in new }
        return try frame.page("webhooks", title: t(.webhooks), in: .account, values, context, status: status)
    }

    static func phrase(_ event: WebhookEvent) -> Phrase {
        switch event {
        case .started: .eventStarted
        case .finished: .eventFinished
        case .failed: .eventFailed
        case .cancelled: .eventCancelled
        case .expiring: .eventExpiring
        case .filling: .eventFilling
        case .failing: .eventFailing
        case .test: .eventTest
        }
    }

    @Sendable private func make(_ request: Request, _ context: WebContext) async throws -> Response {
        let t = Catalogue(language: context.language)
        let form = try await PageFrame.form(request, context)
        let address = (try form.text("url") ?? "").trimmingSpaces
        let chosen = Set(form.words("event").compactMap(WebhookEvent.init)).intersection(Self.events)
        do {
            guard !chosen.isEmpty else {
                throw ServiceError(.invalid, "", mistakes: [Mistake(pointer: "/events", detail: t(.chooseAnEvent))])
            }
            let made = try await panal.createWebhook(try context.principal, url: address, events: chosen)
            return try await list(context, ["secret": made.secret], status: .created)
        } catch let error as ServiceError where error.code == .invalid || error.code == .conflict {
            var values = AccountPages.refused(
                error, t, labels: ["url": t(.webhookAddress), "events": t(.webhookEvents)])
            values["enteredAddress"] = address
            return try await list(context, chosen: chosen, values, status: Problem(error).status)
        }
    }

    @Sendable private func makeSecret(_ request: Request, _ context: WebContext) async throws -> Response {
        _ = try await PageFrame.form(request, context)
        let made = try await panal.createCallbackSecret(try context.principal)
        return try await list(context, ["secret": made.secret], status: .created)
    }

    @Sendable private func show(_ request: Request, _ context: WebContext) async throws -> Response {
        let wording = Wording(context)
        let t = wording.t
        let principal = try context.principal
        let id = try context.identifier("id", of: Webhook.self)
        let deliveries = try await panal.deliveries(principal, of: id, limit: Self.log)
        guard let webhook = try await panal.webhooks(principal).first(where: { $0.id == id }) else {
            throw ServiceError(.notFound, "there is no such webhook")
        }
        let rows = deliveries.map { delivery -> Templates.Values in
            [
                "at": delivery.created.rfc3339, "atText": Wording.moment(delivery.created),
                "eventText": t(Self.phrase(delivery.event)),
                "jobHref": PageFrame.optional(delivery.job.map { "/jobs/\($0)" }),
                "stateText": t(Self.phrase(delivery.state)), "stateClass": Self.tone(delivery.state),
                "nextText": PageFrame.optional(delivery.next.map { t(.nextAttempt, Wording.moment($0)) }),
                "attempts": delivery.log.map { attempt -> Templates.Values in
                    [
                        "number": attempt.number,
                        "result": attempt.status.map { t(.hookAnswered, String($0)) } ?? attempt.error ?? "",
                        "resultLanguage": attempt.status == nil ? "en" : t.language.rawValue,
                        "took": wording.span(.milliseconds(attempt.milliseconds)),
                    ]
                },
            ]
        }
        let path = "/webhooks/\(id)"
        return try frame.page(
            "webhook", title: t(.webhooks), in: .account,
            [
                "hookText": webhook.url ?? t(.callbackSecret), "hasAddress": webhook.url != nil,
                "testAction": "\(path)/test", "deleteAction": "\(path)/delete", "deliveries": rows,
                "hasDeliveries": !rows.isEmpty, "selfHref": path,
            ], context)
    }

    private static func phrase(_ state: WebhookDelivery.State) -> Phrase {
        switch state {
        case .waiting: .deliveryWaiting
        case .delivered: .deliveryArrived
        case .failed: .deliveryFailed
        }
    }

    private static func tone(_ state: WebhookDelivery.State) -> String {
        switch state {
        case .waiting: "busy"
        case .delivered: "good"
        case .failed: "bad"
        }
    }

    @Sendable private func test(_ request: Request, _ context: WebContext) async throws -> Response {
        _ = try await PageFrame.form(request, context)
        let id = try context.identifier("id", of: Webhook.self)
        _ = try await panal.testWebhook(try context.principal, id)
        return .seeOther("/webhooks/\(id)")
    }

    @Sendable private func delete(_ request: Request, _ context: WebContext) async throws -> Response {
        _ = try await PageFrame.form(request, context)
        try await panal.deleteWebhook(try context.principal, try context.identifier("id", of: Webhook.self))
        return .seeOther("/webhooks")
    }
}
