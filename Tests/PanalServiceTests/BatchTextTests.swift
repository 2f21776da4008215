import PanalCore
import PanalManifest
import Testing

@testable import PanalService

/// Texts that programs get as files or as standard input are held in memory until a batch is taken: they have a bound together.
@Suite("Texts of a batch") struct BatchTextTests {
    private static let manifest =
        #"{"name": "filter", "inputs": [{"name": "text", "type": "text", "list": true, "via": "stdin"}]}"#

    /// Fifteen texts of 64 KiB each, which is the most for one: with the ends of their lines less than 1 MiB, and seventeen times that
    /// less than 16 MiB.
    private static func requests(_ count: Int) -> [JobRequest] {
        let texts = Array(repeating: SubmittedValue.text(String(repeating: "x", count: 65_536)), count: 15)
        return Array(
            repeating: JobRequest(program: "filter", submission: Submission(values: ["text": texts])), count: count)
    }

    @Test func theFirstSubmissionThatIsTooMuchIsNamed() async throws {
        let fixture = try await ServiceFixture(executor: .holds)
        try await fixture.publish(Self.manifest)
        let panal = fixture.panal
        let error = await refused(.invalid) {
            _ = try await panal.submit(
                fixture.ana, together: Self.requests(40), once: nil)
        }
        #expect(error?.mistakes.map(\.pointer) == ["/submissions/17"])
        #expect(error?.mistakes.first?.detail.contains("16 MiB") == true)
        #expect(try await panal.jobs(fixture.ana).isEmpty)
    }

    /// Mistakes before it are not told beside it, and none is gathered behind it: nothing more is prepared.
    @Test func itEndsTheLook() async throws {
        let fixture = try await ServiceFixture(executor: .holds)
        try await fixture.publish(Self.manifest)
        var requests = Self.requests(20)
        requests[2].submission = Submission(values: ["nothing": [.text("x")]])
        requests[19].submission = Submission(values: ["nothing": [.text("x")]])
        let error = await refused(.invalid) {
            _ = try await fixture.panal.submit(fixture.ana, together: requests, once: nil)
        }
        #expect(error?.mistakes.map(\.pointer) == ["/submissions/18"])
    }

    @Test func asMuchAsMayBeIsTaken() async throws {
        let fixture = try await ServiceFixture(queueLimit: 100, executor: .holds)
        try await fixture.publish(Self.manifest)
        let taken = try await fixture.panal.submit(
            fixture.ana, together: Self.requests(17), once: nil)
        #expect(taken.report.jobs.count == 17)
    }
}
