import PanalCore
import PanalManifest
import Synchronization
import Testing

@testable import PanalService

/// What comes of a request goes on in its trace (W3C Trace Context), and what is stored already is told as such.
@Suite("What is left of a request") struct TraceTests {
    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let header = "00-\(trace)-00f067aa0ba902b7-01"

    @Test func messagesGoOnInTheTraceOfTheirRequest() async throws {
        try await WebhookTests.sending { fixture, receiver in
            let hook = try await fixture.panal.createWebhook(
                fixture.ana, url: WebhookTests.url, events: WebhookEvent.standard)
            let traced = try await TraceContext.$current.withValue(TraceContext(continuing: Self.header)) {
                try await fixture.submit()
            }
            _ = try await fixture.end(of: traced.id)
            try await eventually { receiver.messages.count == 1 }
            let first = try #require(receiver.messages[0].headers["traceparent"])
            #expect(first.hasPrefix("00-\(Self.trace)-") && first.hasSuffix("-01"))
            #expect(!first.contains("00f067aa0ba902b7") && TraceContext(continuing: first).isContinued)
            // Nobody told a trace for this one.
            _ = try await fixture.end(of: try await fixture.submit().id)
            try await eventually { receiver.messages.count == 2 }
            #expect(receiver.messages[1].headers["traceparent"] == nil)
            _ = try await TraceContext.$current.withValue(TraceContext(continuing: Self.header)) {
                try await fixture.panal.testWebhook(fixture.ana, hook.webhook.id)
            }
            try await eventually { receiver.messages.count == 3 }
            let test = try #require(receiver.messages[2].headers["traceparent"])
            #expect(test.hasPrefix("00-\(Self.trace)-") && test != first)
        }
    }

    @Test(arguments: ["", "00-x", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"])
    func wrongTracesAreNotPassedOn(header: String) {
        let context = TraceContext(continuing: header)
        #expect(!context.isContinued && context.flags == "00")
    }

    /// Between the look at earlier requests and the next one's transaction another process was faster.
    @Test func whatWasRepeatedIsNamed() async throws {
        let fixture = try await ServiceFixture()
        try await fixture.publish()
        let request = JobRequest(program: "filter", submission: Submission(values: ["tamano_de_filtro": [.text("3")]]))
        let key = try RetryKey("8e03978e-40d5-43dd-bc93-6894a57f9324")
        let (job, isRepeated) = try await fixture.panal.submit(fixture.ana, request, once: key)
        #expect(!isRepeated)
        fixture.stubborn.hidesRequests.withLock { $0 = true }
        let error = await refused(.conflict) { _ = try await fixture.panal.submit(fixture.ana, request, once: key) }
        #expect(error?.numbers["job"] == .string(job.id.text) && error?.retryAfter != nil)
        let batch = await refused(.conflict) {
            _ = try await fixture.panal.submit(fixture.ana, together: [request], once: key)
        }
        #expect(batch?.numbers["job"] == .string(job.id.text))
        // Looked at again, it is the same one.
        fixture.stubborn.hidesRequests.withLock { $0 = false }
        let again = try await fixture.panal.submit(fixture.ana, request, once: key)
        #expect(again.isRepeated && again.job.id == job.id)
    }
}
