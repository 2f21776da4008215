import Crypto
import Foundation
import PanalCore
import PanalManifest
import Testing

@testable import PanalService

@Suite("Webhooks") struct WebhookTests {
    static let url = "https://hooks.example/panal?a=b"

    /// A service that sends, and its end.
    static func sending(
        _ fixture: ServiceFixture, _ body: (ServiceFixture, FakeReceiver) async throws -> Void
    ) async throws {
        let task = Task { await fixture.panal.runWebhooks() }
        defer { task.cancel() }
        try await body(fixture, fixture.receiver)
    }

    static func sending(
        executor: DirectedExecutor.Mode = .answers, _ body: (ServiceFixture, FakeReceiver) async throws -> Void
    ) async throws {
        let fixture = try await ServiceFixture(executor: executor)
        try await fixture.publish()
        try await sending(fixture, body)
    }

    /// Time passes, and the sender looks at the clock.
    private static func pass(_ span: Duration, _ fixture: ServiceFixture) {
        fixture.clock.advance(span)
        fixture.panal.webhooks?.dispatcher.wake()
    }

    private static func hook(
        _ fixture: ServiceFixture, _ url: String = url, _ events: Set<WebhookEvent> = WebhookEvent.standard
    ) async throws -> (webhook: Webhook, secret: String) {
        try await fixture.panal.createWebhook(fixture.ana, url: url, events: events)
    }

    /// As the specification says it, computed here from its words: base 64 of HMAC-SHA256 over `id.timestamp.body`.
    private static func signature(_ message: FakeReceiver.Message, _ secret: String) throws -> String {
        let key = try #require(Data(base64Encoded: String(secret.dropFirst("whsec_".count))))
        let id = try #require(message.headers["webhook-id"])
        let time = try #require(message.headers["webhook-timestamp"])
        let text = Data("\(id).\(time).".utf8) + Data(message.body)
        return "v1,"
            + Data(HMAC<SHA256>.authenticationCode(for: text, using: SymmetricKey(data: key))).base64EncodedString()
    }

    @Test func anEndIsToldSigned() async throws {
        try await Self.sending { fixture, receiver in
            let (webhook, secret) = try await Self.hook(fixture)
            #expect(secret.hasPrefix("whsec_"))
            let job = try await fixture.end(of: try await fixture.submit().id)
            try await eventually { receiver.messages.count == 1 }
            let message = receiver.messages[0]
            #expect(message.headers["webhook-signature"] == (try Self.signature(message, secret)))
            #expect(message.target.url == "https://hooks.example:443/panal?a=b")
            guard case .object(let document) = message.json, case .object(let data) = document["data"] else {
                Issue.record("\(message.json)")
                return
            }
            #expect(document["type"] == "job.finished")
            #expect(data["job"] == .string(job.id.text) && data["state"] == "finished" && data["program"] == "filter")
            try await eventually {
                try await fixture.panal.deliveries(fixture.ana, of: webhook.id, limit: 10).first?.state == .delivered
            }
            let log = try await fixture.panal.deliveries(fixture.ana, of: webhook.id, limit: 10)
            #expect(log.count == 1 && log[0].log.map(\.status) == [200] && log[0].next == nil)
        }
    }

    /// Others' jobs are told to others.
    @Test func onlyOnesOwnJobsAreTold() async throws {
        try await Self.sending { fixture, receiver in
            _ = try await Self.hook(fixture)
            try await fixture.publish(#"{"name": "theirs", "inputs": []}"#, as: fixture.berta)
            let theirs = try await fixture.panal.submit(fixture.berta, program: "theirs", submission: Submission())
            _ = try await fixture.panal.wait(fixture.berta, job: theirs.id, atMost: .seconds(20))
            _ = try await fixture.end(of: try await fixture.submit().id)
            try await eventually { receiver.messages.count == 1 }
            try await Task.sleep(for: .milliseconds(100))
            #expect(receiver.messages.count == 1)
        }
    }

    @Test func aStartIsToldWhenAskedFor() async throws {
        try await Self.sending { fixture, receiver in
            _ = try await Self.hook(fixture, Self.url, [.started, .finished])
            _ = try await fixture.end(of: try await fixture.submit().id)
            try await eventually { receiver.messages.count == 2 }
            let types = receiver.messages.compactMap { message -> JSONValue? in
                if case .object(let document) = message.json { document["type"] } else { nil }
            }
            #expect(Set(types) == ["job.started", "job.finished"])
        }
    }

    /// A job's own address, with the account's secret for these.
    @Test func aJobNamesItsOwnAddress() async throws {
        try await Self.sending { fixture, receiver in
            let order = { (url: String) in
                try await fixture.panal.submit(
                    fixture.ana, program: "filter",
                    submission: Submission(values: ["tamano_de_filtro": [.text("3")]]), callback: JobCallback(url: url))
            }
            let refusal = await refused(.invalid) { _ = try await order(Self.url) }
            #expect(refusal?.mistakes.first?.detail.contains("callback-secret") == true)
            _ = try await fixture.panal.createCallbackSecret(fixture.ana)
            let secret = try await fixture.panal.createCallbackSecret(fixture.ana).secret
            #expect(try await fixture.panal.webhooks(fixture.ana).count == 1)
            await refused(.invalid) { _ = try await order("http://127.0.0.1/") }
            _ = try await fixture.end(of: try await order("https://other.example/done").id)
            _ = try await fixture.end(of: try await fixture.submit().id)
            try await eventually { receiver.messages.count == 1 }
            #expect(receiver.messages[0].target.host == "other.example")
            #expect(
                receiver.messages[0].headers["webhook-signature"] == (try Self.signature(receiver.messages[0], secret)))
        }
    }

    /// The same message under the same number, later each time, until it arrives; each attempt is signed for its own moment.
    @Test func whatDoesNotArriveIsSentAgain() async throws {
        try await Self.sending { fixture, receiver in
            let (webhook, secret) = try await Self.hook(fixture)
            receiver.answer(500, 0, 302, 204)
            _ = try await fixture.end(of: try await fixture.submit().id)
            for (count, pause) in [(1, 7), (2, 400), (3, 2_400)] {
                try await eventually {
                    try await fixture.panal.deliveries(fixture.ana, of: webhook.id, limit: 1).first?.attempts == count
                }
                #expect(receiver.messages.count == count)
                Self.pass(.seconds(pause), fixture)
            }
            try await eventually {
                try await fixture.panal.deliveries(fixture.ana, of: webhook.id, limit: 1).first?.state == .delivered
            }
            let messages = receiver.messages
            #expect(Set(messages.map { $0.headers["webhook-id"] }).count == 1)
            #expect(Set(messages.map { $0.headers["webhook-timestamp"] }).count == 4)
            for message in messages {
                #expect(message.headers["webhook-signature"] == (try Self.signature(message, secret)))
            }
            let log = try await fixture.panal.deliveries(fixture.ana, of: webhook.id, limit: 1)[0].log
            #expect(log.map(\.status) == [500, nil, 302, 204])
            #expect(log[2].error?.contains("not followed") == true && log[1].error?.contains("nobody there") == true)
        }
    }

    @Test func itIsGivenUpInTheEnd() async throws {
        try await Self.sending { fixture, receiver in
            let (webhook, _) = try await Self.hook(fixture)
            receiver.answer(500, 500, 500, 500, 500, 500, 500, 500, 500)
            _ = try await fixture.panal.testWebhook(fixture.ana, webhook.id)
            for count in 1...8 {
                try await eventually {
                    try await fixture.panal.deliveries(fixture.ana, of: webhook.id, limit: 1).first?.attempts == count
                }
                Self.pass(.seconds(20 * 3_600), fixture)
            }
            let last = try await fixture.panal.deliveries(fixture.ana, of: webhook.id, limit: 1)[0]
            #expect(last.state == .failed && last.next == nil && last.log.count == 8)
            // Gone for good is given up at once.
            receiver.answer(410)
            _ = try await fixture.panal.testWebhook(fixture.ana, webhook.id)
            try await eventually {
                try await fixture.panal.deliveries(fixture.ana, of: webhook.id, limit: 1).first?.log.map(\.status) == [
                    410
                ]
            }
            #expect(try await fixture.panal.deliveries(fixture.ana, of: webhook.id, limit: 1)[0].state == .failed)
        }
    }

    /// Names that lead inside, also beside an honest address, and also later than when they were given.
    @Test(arguments: [
        ["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["::1"], ["::ffff:192.168.1.1"], ["fd00::1"],
        ["93.184.216.34", "127.0.0.1"], [],
    ]) func namesThatLeadInsideGetNothing(addresses: [String]) async throws {
        try await Self.sending { fixture, receiver in
            receiver.name("hooks.example", addresses)
            let (webhook, _) = try await Self.hook(fixture)
            _ = try await fixture.panal.testWebhook(fixture.ana, webhook.id)
            try await eventually {
                try await fixture.panal.deliveries(fixture.ana, of: webhook.id, limit: 1).first?.attempts == 1
            }
            let attempt = try await fixture.panal.deliveries(fixture.ana, of: webhook.id, limit: 1)[0].log[0]
            #expect(receiver.messages.isEmpty && attempt.status == nil)
            #expect(attempt.error?.contains(addresses.isEmpty ? "no address" : "public internet") == true)
        }
    }

    /// A name that means something else a moment later: it is looked up once, and the connection goes to what was checked.
    @Test func namesThatChangeAreLookedUpOnce() async throws {
        try await Self.sending { fixture, receiver in
            receiver.name("hooks.example", ["93.184.216.34"], ["127.0.0.1"])
            let (webhook, _) = try await Self.hook(fixture)
            _ = try await fixture.panal.testWebhook(fixture.ana, webhook.id)
            try await eventually { receiver.messages.count == 1 }
            #expect(receiver.lookups == ["hooks.example"])
            #expect(receiver.messages[0].address == NetworkAddress("93.184.216.34"))
            try await eventually {
                try await fixture.panal.deliveries(fixture.ana, of: webhook.id, limit: 1).first?.state == .delivered
            }
            // The next message sees the new meaning.
            _ = try await fixture.panal.testWebhook(fixture.ana, webhook.id)
            try await eventually {
                try await fixture.panal.deliveries(fixture.ana, of: webhook.id, limit: 1).first?.attempts == 1
            }
            #expect(receiver.messages.count == 1)
        }
    }

    /// A receiver that takes its time takes no one else's.
    @Test func aSlowReceiverDelaysOnlyItself() async throws {
        try await Self.sending { fixture, receiver in
            receiver.hold("slow.example")
            let slow = try await Self.hook(fixture, "https://slow.example/").webhook
            let quick = try await Self.hook(fixture, "https://quick.example/").webhook
            for _ in 0..<30 { _ = try await fixture.panal.testWebhook(fixture.ana, slow.id) }
            _ = try await fixture.panal.testWebhook(fixture.ana, quick.id)
            try await eventually { receiver.messages.contains { $0.target.host == "quick.example" } }
            #expect(receiver.most("slow.example") == 2)
            receiver.release()
            try await eventually {
                try await fixture.panal.deliveries(fixture.ana, of: slow.id, limit: 50).allSatisfy {
                    $0.state == .delivered
                }
            }
            #expect(receiver.messages.count == 31 && receiver.most("slow.example") == 2)
        }
    }

    /// What a killed service had not sent, the next one sends.
    @Test func messagesOutliveTheService() async throws {
        let fixture = try await ServiceFixture()
        try await fixture.publish()
        _ = try await Self.hook(fixture)
        let job = try await fixture.end(of: try await fixture.submit().id)
        let next = try await ServiceFixture(afterCrashOf: fixture, cores: 2, queueLimit: 100)
        try await Self.sending(next) { _, receiver in
            try await eventually { receiver.messages.count == 1 }
            #expect(String(decoding: receiver.messages[0].body, as: UTF8.self).contains(job.id.text))
        }
        #expect(fixture.receiver.messages.isEmpty)
    }

    @Test func blockedUsersAreToldNothing() async throws {
        try await Self.sending { fixture, receiver in
            let (webhook, _) = try await Self.hook(fixture)
            receiver.answer(500)
            _ = try await fixture.panal.testWebhook(fixture.ana, webhook.id)
            try await eventually {
                try await fixture.panal.deliveries(fixture.ana, of: webhook.id, limit: 1).first?.attempts == 1
            }
            _ = try await fixture.panal.setStatus(fixture.admin, user: fixture.ana.user, to: .blocked)
            Self.pass(.seconds(3_600), fixture)
            try await Task.sleep(for: .milliseconds(200))
            #expect(receiver.messages.count == 1)
        }
    }

    /// Not first when a message does not arrive.
    @Test func whatNeverArrivesIsRefusedAtOnce() async throws {
        let fixture = try await ServiceFixture()
        try await fixture.publish()
        _ = try await fixture.panal.createCallbackSecret(fixture.ana)
        for url in ["http://localhost:8000/", "http://a.localhost/", "http://0x7f.1/", "http://2130706433/"] {
            let refusal = await refused(.invalid) { _ = try await Self.hook(fixture, url) }
            #expect(refusal?.mistakes.map(\.pointer) == ["/url"])
            #expect(refusal?.mistakes.first?.detail.contains("public internet") == true)
            let order = await refused(.invalid) {
                _ = try await fixture.panal.submit(
                    fixture.ana, program: "filter",
                    submission: Submission(values: ["tamano_de_filtro": [.text("3")]]), callback: JobCallback(url: url))
            }
            #expect(order?.mistakes.map(\.pointer) == ["/_callback"])
        }
        #expect(try await fixture.panal.webhooks(fixture.ana).count == 1)
    }

    @Test func othersWebhooksAreNotThere() async throws {
        let fixture = try await ServiceFixture()
        let (webhook, _) = try await Self.hook(fixture)
        await refused(.notFound) { try await fixture.panal.deleteWebhook(fixture.berta, webhook.id) }
        await refused(.notFound) { _ = try await fixture.panal.testWebhook(fixture.berta, webhook.id) }
        await refused(.notFound) { _ = try await fixture.panal.deliveries(fixture.berta, of: webhook.id, limit: 1) }
        #expect(try await fixture.panal.webhooks(fixture.berta).isEmpty)
        for _ in 1..<Panal.mostWebhooks { _ = try await Self.hook(fixture) }
        await refused(.conflict) { _ = try await Self.hook(fixture) }
        try await fixture.panal.deleteWebhook(fixture.ana, webhook.id)
        await refused(.notFound) { _ = try await fixture.panal.testWebhook(fixture.ana, webhook.id) }
    }
}
