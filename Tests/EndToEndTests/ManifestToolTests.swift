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
        let output = folder.appending(path: "output.txt")
        try Data().write(to: output)
        let file = try FileHandle(forWritingTo: output)
        let process = Process()
        process.executableURL = ServerPlace.root.appending(path: "Tests/Clients/manifests")
        process.arguments = [ServerPlace.products.appending(path: "panal").path()]
        process.environment = ProcessInfo.processInfo.environment.merging(["SEED": "5"]) { _, new in new }
        process.standardOutput = file
        process.standardError = file
        try process.run()
        while process.isRunning { try await Task.sleep(for: .milliseconds(100)) }
        let text = try String(contentsOf: output, encoding: .utf8)
        #expect(process.terminationStatus == 0, "\(text.suffix(6_000))")
        #expect(text.contains(/\d{3,} submissions, \d{3,} taken, 0 of them judged differently/))
        #expect(text.contains(/[1-9]\d+ command lines, \d{3,} invocations judged.*; 0 problems/))
    }
}
