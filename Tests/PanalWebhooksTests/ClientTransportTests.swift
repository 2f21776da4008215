import Foundation
import Hummingbird
import Logging
import NIOCore
import PanalService
import PanalWebhooks
import Synchronization
import Testing

/// The real way out, to receivers on this machine.
@Suite("Webhook transport") struct ClientTransportTests {
    /// Every way in which this machine's own addresses can be written, through the operating system's own reading of them.
    @Test(arguments: [
        "127.0.0.1", "127.1", "127.0.1", "2130706433", "017700000001", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001",
        "0x7F.1",
        "0", "0.0.0.0", "00.0.0.0", "localhost", "localhost.", "10.1", "0xa9fea9fe", "2852039166", "169.254.43518",
        "0xc0a80001", "192.168.257", "::ffff:127.0.0.1", "::ffff:7f00:1", "::1", "::", "0:0:0:0:0:0:0:1",
        "::ffff:0:127.0.0.1",
    ]) func insideIsFoundInEverySpelling(host: String) async throws {
        let found: [NetworkAddress]
        do {
            found = try await ClientTransport().addresses(of: host)
        } catch {
            // What means nothing leads nowhere.
            return
        }
        #expect(!found.isEmpty)
        for address in found { #expect(WebhookPolicy().refusal(of: address) != nil, "\(host) is \(address)") }
    }

    struct Received: Sendable {
        var method: String
        var host: String
        var path: String
        var body: String
        var type: String
    }

    final class Log: Sendable {
        let all = Mutex<[Received]>([])
    }

    /// A receiver: `/ok`, `/moved`, `/slow`, `/endless`.
    static func receiving(_ body: @Sendable (Int, Log) async throws -> Void) async throws {
        let log = Log()
        let router = Router()
        router.post("**") { request, _ -> Response in
            let sent = try await request.body.collect(upTo: 1 << 20)
            log.all.withLock {
                $0.append(
                    Received(
                        method: request.method.rawValue, host: request.head.authority ?? "", path: request.uri.path,
                        body: String(buffer: sent), type: request.headers[.contentType] ?? ""))
            }
            switch request.uri.path {
            case "/moved": return Response(status: .movedPermanently, headers: [.location: "/ok"])
            case "/slow":
                try await Task.sleep(for: .seconds(30))
                return Response(status: .ok)
            case "/endless":
                return Response(
                    status: .ok,
                    body: ResponseBody { writer in
                        while true { try await writer.write(ByteBuffer(repeating: 65, count: 65_536)) }
                    })
            default: return Response(status: .ok)
            }
        }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let (ports, known) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in
                if let port = channel.localAddress?.port { known.yield(port) }
                known.finish()
            }, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try? await application.run() }
            defer { group.cancelAll() }
            for await port in ports { try await body(port, log) }
        }
    }

    static let here = NetworkAddress("127.0.0.1")

    /// The name is in the request, and is not looked up: nobody knows this one.
    @Test func theConnectionGoesToTheCheckedAddress() async throws {
        let here = try #require(Self.here)
        try await Self.receiving { port, log in
            let target = try WebhookTarget("http://nobody-knows-this-name.invalid:\(port)/ok?a=b")
            let status = try await ClientTransport().post(
                target, to: here, headers: [("webhook-id", "msg_1")], body: Array(#"{"a":1}"#.utf8))
            #expect(status == 200)
            let received = log.all.withLock { $0 }
            #expect(received.count == 1)
            #expect(received.first?.host == "nobody-knows-this-name.invalid:\(port)")
            #expect(received.first?.body == #"{"a":1}"# && received.first?.type == "application/json")
        }
    }

    @Test func redirectsAreNotFollowed() async throws {
        let here = try #require(Self.here)
        try await Self.receiving { port, log in
            let target = try WebhookTarget("http://a.invalid:\(port)/moved")
            #expect(try await ClientTransport().post(target, to: here, headers: [], body: []) == 301)
            #expect(log.all.withLock { $0.map(\.path) } == ["/moved"])
        }
    }

    /// One that does not answer is left, and one that answers without end is not listened to.
    @Test func nobodyHoldsTheSenderUp() async throws {
        let here = try #require(Self.here)
        try await Self.receiving { port, _ in
            let transport = ClientTransport(deadline: .seconds(2))
            let begin = ContinuousClock.now
            let slow = try WebhookTarget("http://a.invalid:\(port)/slow")
            await #expect(throws: WebhookFailure.self) {
                try await transport.post(slow, to: here, headers: [], body: [])
            }
            let endless = try WebhookTarget("http://a.invalid:\(port)/endless")
            #expect(try await transport.post(endless, to: here, headers: [], body: []) == 200)
            #expect(ContinuousClock.now - begin < .seconds(25))
        }
    }

    /// Who has no certificate for the name gets nothing, and neither does a port where nobody listens.
    @Test func failuresAreTold() async throws {
        let here = try #require(Self.here)
        try await Self.receiving { port, log in
            let secure = try WebhookTarget("https://a.invalid:\(port)/ok")
            let failure = await #expect(throws: WebhookFailure.self) {
                try await ClientTransport().post(secure, to: here, headers: [], body: [])
            }
            #expect(failure?.reason.hasPrefix("no answer") == true)
            #expect(log.all.withLock { $0.isEmpty })
        }
        await #expect(throws: WebhookFailure.self) { try await ClientTransport().addresses(of: "nobody.invalid") }
    }
}
