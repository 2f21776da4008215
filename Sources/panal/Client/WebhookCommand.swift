import ArgumentParser
import NIOHTTP1
import PanalClient
import PanalCore

struct WebhookCommand: AsyncParsableCommand {
    /// What may be asked for, by name.
    static let events = WebhookEvent.allCases.filter { $0 != .test }.map(\.rawValue)

    static let configuration = CommandConfiguration(
        commandName: "webhook", abstract: "Have a server of yours told when your jobs move on.",
        discussion: """
            Messages are signed as Standard Webhooks has it (standardwebhooks.com, which has libraries that check them).

              panal webhook add https://example.com/hook --event job.finished --event job.failed
              panal webhook test ID
              panal webhook deliveries ID
            """,
        subcommands: [List.self, Add.self, Delete.self, Test.self, Deliveries.self, CallbackSecret.self],
        defaultSubcommand: List.self)

    private static func path(_ id: String, _ rest: String = "") -> String {
        "/api/v1/webhooks/\(PercentCoding.encoded(id))\(rest)"
    }

    /// What came of a message, in words.
    static func news(_ delivery: JSONValue) -> String {
        let last = delivery["attempts"]?.list?.last
        let answer = last?["status"]?.integer.map { "answered \($0)" } ?? last?["error"]?.text ?? ""
        guard let next = delivery["nextAttempt"]?.moment, delivery["state"]?.text == "waiting" else { return answer }
        let again = "next try in \(Humane.until(next))"
        return answer.isEmpty ? again : "\(answer); \(again)"
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List your webhooks.")

        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.ask(ClientRequest(.GET, "/api/v1/webhooks")) { answer in
                var table = Table([
                    .fixed("id"), .flexible("address"), .flexible("events").optional, .number("made").optional,
                ])
                for webhook in try answer.list("webhooks") {
                    table.add([
                        webhook["id"]?.text ?? "", webhook["url"]?.text ?? "(callbacks of single jobs)",
                        webhook["events"]?.list?.compactMap(\.text).joined(separator: " ") ?? "",
                        Humane.age(of: webhook["created"]?.moment),
                    ])
                }
                return table.text(width: Terminal.width)
            }
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Be told of all of your jobs.",
            discussion: """
                The secret that signs the messages is printed on standard output, this once.

                  panal webhook add https://example.com/hook --event job.failed
                """)

        @Argument(help: "Where to send messages; no address of a private network, unless the server allows it.")
        var url: String

        @Option(
            help: ArgumentHelp(
                WebhookCommand.events.joined(separator: ", ")
                    + "; several times for several, all but job.started when none is given.", valueName: "event"),
            completion: .list(WebhookCommand.events))
        var event: [String] = []

        @OptionGroup var server: ServerOptions

        func run() async throws {
            var members: [String: JSONValue] = ["url": .string(url)]
            if !event.isEmpty { members["events"] = .array(event.map(JSONValue.string)) }
            let request = ClientRequest(.POST, "/api/v1/webhooks", body: .json(.object(members)))
            try await server.ask(request) { made in
                StandardError.line("webhook \(try made.text("id")); its secret is shown only this once")
                return try made.text("secret") + "\n"
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End webhooks; their logs go with them.")

        @Argument(
            help: "Ids, as ‘panal webhook list’ shows them.",
            completion: .custom { _, _, prefix in await Completions.webhooks(prefix) })
        var ids: [String]

        @OptionGroup var server: ServerOptions

        func run() async throws {
            let client = try server.client
            for id in ids {
                let request = ClientRequest(.DELETE, WebhookCommand.path(id))
                try await server.carryOut(request, client, "\(id) is ended.")
            }
        }
    }

    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send a message of the event webhook.test, and wait for what comes of it.",
            discussion: "Ends with 75 when the first try has failed: the message is sent again later.")

        @Argument(help: "Its id.", completion: .custom { _, _, prefix in await Completions.webhooks(prefix) })
        var id: String

        @OptionGroup var server: ServerOptions

        func run() async throws {
            let client = try server.client
            let sent = try await client.send(ClientRequest(.POST, WebhookCommand.path(id, "/test")))
            let name = try sent.document.text("id")
            let display = ProgressDisplay(isOn: !server.json)
            defer { display.clear() }
            // A receiver has 15 s to answer.
            let limit = ContinuousClock.now + .seconds(60)
            while ContinuousClock.now < limit {
                let answer = try await client.get(WebhookCommand.path(id, "/deliveries") + "?limit=200")
                let found = try answer.document.list("deliveries").first { $0["id"]?.text == name }
                guard let found else { throw ClientFailure(.refused(status: 404), "the webhook was deleted") }
                if found["attempts"]?.list?.isEmpty == false {
                    display.clear()
                    if server.json {
                        StandardOutput.write(String(decoding: try found.serialized(), as: UTF8.self) + "\n")
                    } else {
                        let state = found["state"]?.text ?? ""
                        StandardOutput.write(
                            TextWidth.harmless("\(name) \(state): \(WebhookCommand.news(found))") + "\n")
                    }
                    if found["state"]?.text != "delivered" { throw ExitCode(ExitStatus.later) }
                    return
                }
                display.say("\(name) is on its way")
                try await Task.sleep(for: .milliseconds(200))
            }
            display.clear()
            StandardError.line("\(name) was not tried within a minute; see panal webhook deliveries \(id)")
            throw ExitCode(ExitStatus.later)
        }
    }

    struct Deliveries: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List what was sent and what came of it, the newest first.")

        @Argument(help: "Its id.", completion: .custom { _, _, prefix in await Completions.webhooks(prefix) })
        var id: String

        @Option(help: "At most so many, 1 to 200.")
        var limit = 20

        @OptionGroup var server: ServerOptions

        func validate() throws {
            guard (1...200).contains(limit) else { throw ValidationError("--limit is 1 to 200") }
        }

        func run() async throws {
            try await server.ask(ClientRequest(.GET, WebhookCommand.path(id, "/deliveries?limit=\(limit)"))) { answer in
                var table = Table([
                    .fixed("id"), .fixed("event"), .fixed("job").optional, .number("ago"), .fixed("state"),
                    .number("tries"), .flexible("news").optional,
                ])
                for delivery in try answer.list("deliveries") {
                    table.add([
                        delivery["id"]?.text ?? "", delivery["event"]?.text ?? "", delivery["job"]?.text ?? "",
                        Humane.age(of: delivery["created"]?.moment), delivery["state"]?.text ?? "",
                        "\(delivery["attempts"]?.list?.count ?? 0)", WebhookCommand.news(delivery),
                    ])
                }
                return table.text(width: Terminal.width)
            }
        }
    }

    struct CallbackSecret: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "callback-secret", abstract: "Make the secret that signs the callbacks of single jobs.",
            discussion: "It is printed on standard output, this once. An earlier one is not used any more.")

        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.ask(ClientRequest(.POST, "/api/v1/webhooks/callback-secret")) { made in
                StandardError.line("the secret is shown only this once")
                return try made.text("secret") + "\n"
            }
        }
    }
}
