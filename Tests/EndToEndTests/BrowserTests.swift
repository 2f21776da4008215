import Foundation
import Testing

/// The built service's pages in a real browser: Chromium, without a window.
@Suite("Chromium", .serialized)
struct BrowserTests {
    @Test("Rules, form, snippets, results, live pages, and axe on every page", .timeLimit(.minutes(15)))
    func pagesWorkInChromium() async throws {
        let server = try await RunningServer(try ServerPlace("chromium", settings: ["--queue-limit", "100000"]))
        defer { server.remove() }
        let output = server.place.folder.appending(path: "browser.txt")
        try Data().write(to: output)
        let file = try FileHandle(forWritingTo: output)
        let process = Process()
        process.executableURL = ServerPlace.root.appending(path: "Tests/Browser/run")
        process.arguments = [server.address]
        process.environment = ProcessInfo.processInfo.environment.merging(["PANAL_PASSWORD": server.password]) {
            _, new in new
        }
        process.standardOutput = file
        process.standardError = file
        try process.run()
        while process.isRunning { try await Task.sleep(for: .milliseconds(100)) }
        let text = try String(contentsOf: output, encoding: .utf8)
        #expect(process.terminationStatus == 0, "\(text.suffix(6_000))")
        // A script that does nothing is not taken for one that finds nothing.
        #expect(text.components(separatedBy: "\nright: ").count > 150, "\(text.prefix(2_000))")
        #expect(text.hasSuffix("all is right\n"))
        #expect(try await server.stop() == 0)
    }
}
