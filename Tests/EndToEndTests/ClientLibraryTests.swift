import Foundation
import Testing

/// Clients that were written by others against standards, and one that is made out of the server's own document, use the built service.
@Suite("Client libraries", .serialized)
struct ClientLibraryTests {
    @Test(
        "tus, server-sent events, webhooks, a generated client and models, and random requests",
        .timeLimit(.minutes(15)))
    func librariesWorkByTheDocumentAlone() async throws {
        let server = try await RunningServer(
            try ServerPlace(
                "libraries", settings: ["--queue-limit", "100000", "--webhook-networks", "127.0.0.0/8"]))
        defer { server.remove() }
        let browser = Browser(address: server.address)
        let key = try await browser.makeKey(
            password: server.password, scopes: "read jobs programs account")
        try await browser.close()

        let (text, code) = try await OthersScript.run(
            "Tests/Clients/run", [server.address], environment: ["PANAL_KEY": key, "SEED": "5"],
            in: server.place.folder)
        #expect(code == 0, "\(text.suffix(6_000))")
        // Which checks were made, so that a script that does nothing is not taken for one that finds nothing.
        #expect(text.components(separatedBy: "\nright: ").count > 35, "\(text.prefix(2_000))")
        #expect(text.contains(/\d{3,} generated, \d{3,} passed/), "\(text.suffix(3_000))")
        #expect(!server.text.contains(key), "no key stands in the log")
        #expect(try await server.stop() == 0)
    }
}
