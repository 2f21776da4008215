import Foundation
import Testing

/// Tools of others judge what `panal manifest` makes: PyPI's jsonschema and bosh.
@Suite("Manifests and the tools of others")
struct ManifestToolTests {
    @Test("jsonschema and bosh agree with Panal", .timeLimit(.minutes(10)))
    func othersAgree() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "panal-tools-\(getpid())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (text, code) = try await OthersScript.run(
            "Tests/Clients/manifests", [ServerPlace.products.appending(path: "panal").path()],
            environment: ["SEED": "5"], in: folder)
        #expect(code == 0, "\(text.suffix(6_000))")
        #expect(text.contains(/\d{3,} submissions, \d{3,} taken, 0 of them judged differently/))
        #expect(text.contains(/[1-9]\d+ command lines, \d{3,} invocations judged.*; 0 problems/))
    }
}
