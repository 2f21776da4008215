import PanalCore

/// The document's part on what Panal sends by itself: one message for each event, as Standard Webhooks has it.
enum WebhookDescription {
    static let schemas: [Schema] = WebhookEvent.allCases.map(message)

    static var json: JSONValue {
        .object(
            Dictionary(
                WebhookEvent.allCases.map { ($0.rawValue, ["post": operation($0)]) },
                uniquingKeysWith: { first, _ in first }))
    }

    private static func operation(_ event: WebhookEvent) -> JSONValue {
        let meaning = WebhookEvent.meanings[event.rawValue] ?? event.rawValue
        return [
            "operationId": .string("on\(name(of: event))"), "summary": .string("Told when " + meaning),
            "description": """
            Sent to the address of a webhook (`createWebhook`) or of a single job (`_callback`). Verify the signature before you \
            believe it; answer by any 2xx, at once.
            """,
            "tags": [.string(Operation.Tag.account.rawValue)], "security": [],
            "parameters": .array(headers),
            "requestBody": [
                "required": true, "content": ["application/json": ["schema": message(event).json]],
            ],
            "responses": [
                "2XX": ["description": "Taken: it is not sent again."],
                "410": ["description": "Gone for good: it is not sent again."],
                "default": [
                    "description": """
                    Not taken: it is sent again, with the same `webhook-id`, seven times within about a day and a half. \
                    Redirects are not followed.
                    """
                ],
            ],
        ]
    }

    private static let headers: [JSONValue] = [
        header("webhook-id", "msg_01k8zq4m3rh7x2c5w9ta", "The message's number, the same in each attempt."),
        header("webhook-timestamp", "1795271400", "When this attempt was made, in seconds since 1970."),
        header(
            "webhook-signature", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
            "`v1,` and in Base64 the HMAC-SHA-256 of `<webhook-id>.<webhook-timestamp>.<body>`, by the secret without "
                + "`whsec_`, decoded from Base64."),
        header(
            "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "W3C Trace Context, where the request that the message comes of had one.", isRequired: false),
    ]

    private static func header(
        _ name: String, _ example: JSONValue, _ note: String, isRequired: Bool = true
    ) -> JSONValue {
        [
            "name": .string(name), "in": "header", "required": .boolean(isRequired), "description": .string(note),
            "schema": Schema.text.example(example).json,
        ]
    }

    /// `job.started` is JobStarted.
    private static func name(of event: WebhookEvent) -> String {
        event.rawValue.split(separator: ".").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    private static func message(_ event: WebhookEvent) -> Schema {
        .component(
            "\(name(of: event))Message",
            .object([
                "type": Schema.words([event.rawValue]), "timestamp": Schema.time.note("When it came to pass."),
                "data": data(of: event),
            ]))
    }

    private static func data(of event: WebhookEvent) -> Schema {
        switch event {
        case .started: job(event, [:])
        case .finished, .failed, .cancelled: job(event, ended)
        case .expiring:
            job(
                event,
                [
                    "ended?": .time, "message?": .text, "outcome?": outcome,
                    "outputsExpireAt?": .time.note("When they are removed."), "outputsRemovedAt?": .time,
                    "kept": .boolean.note("Whether they are kept all the same."),
                ])
        case .filling:
            .object([
                "storedBytes": .count, "allowedBytes?": .count.note("Missing where there is no limit any more."),
            ])
        case .failing: .object(["programs": .list(of: .programName).note("All of one's own that do not pass.")])
        case .test: .object([:])
        }
    }

    private static let ended: KeyValuePairs<String, Schema> = [
        "ended?": .time, "message?": .text.note("Why it failed."), "outcome?": outcome,
    ]

    /// What a job's message says of it.
    private static func job(_ event: WebhookEvent, _ more: KeyValuePairs<String, Schema>) -> Schema {
        let common: KeyValuePairs<String, Schema> = [
            "job": .identifier, "url": .reference.example("/api/v1/jobs/01k8zq4m3rh7x2c5w9ta"),
            "program": .programName, "version": .integer(1 ... .max), "profile": .text.example("small"),
            "submitted": .time, "state": .jobState,
        ]
        let (first, second) = (Schema.object(common), Schema.object(more))
        guard case .object(var json) = first.json, case .object(var properties)? = json["properties"],
            case .object(let other) = second.json, case .object(let others)? = other["properties"]
        else { return first }
        properties.merge(others) { own, _ in own }
        json["properties"] = .object(properties)
        if event == .expiring, case .array(let required)? = json["required"] {
            json["required"] = .array(required + ["kept"])
        }
        return Schema(.object(json), components: first.components.merging(second.components) { own, _ in own })
    }

    /// As `Outcome`, without what is said of it in words.
    private static let outcome = Schema.component(
        "WebhookOutcome",
        .object([
            "type": Schema.words(
                Outcome.meanings.keys.sorted(), meaning: Outcome.meanings, "How the program ended."),
            "code?": .integer(0...255), "signal?": .integer(1...64), "reason?": .text, "step?": .text,
            "errno?": Schema(["type": "integer"]), "detail?": .text,
        ]))
}
