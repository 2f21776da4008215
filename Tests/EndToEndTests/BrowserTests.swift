import Foundation
import Testing

/// The built service's pages in a real browser: Chromium, without a window.
@Suite("Chromium", .serialized)
struct BrowserTests {
    @Test("Rules, form, snippets, results, live pages, and axe on every page", .timeLimit(.minutes(15)))
    func pagesWorkInChromium() async throws {
        let server = try await RunningServer(try ServerPlace("chromium", settings: ["--queue-limit", "100000"]))
        defer { server.remove() }
        let (text, code) = try await OthersScript.run(
            "Tests/Browser/run", [server.address], environment: ["PANAL_PASSWORD": server.password],
            in: server.place.folder)
        #expect(code == 0, "\(text.suffix(6_000))")
        // A script that does nothing is not taken for one that finds nothing.
        #expect(text.components(separatedBy: "\nright: ").count > 150, "\(text.prefix(2_000))")
        #expect(text.hasSuffix("all is right\n"))
        #expect(try await server.stop() == 0)
    }
}
