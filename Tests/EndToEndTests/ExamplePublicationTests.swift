import Foundation
import Testing

/// Every program of `Examples/` as its author would publish it: the server takes it, and takes none whose tests fail.
@Suite("Examples, published", .serialized)
struct ExamplePublicationTests {
    @Test("All examples are published, with their tests", .timeLimit(.minutes(10)))
    func allArePublished() async throws {
        let server = try await RunningServer(try ServerPlace("examples"))
        defer { server.remove() }
        let shell = try CommandShell()
        defer { shell.remove() }
        try shell.signIn(to: server)
        let examples = ServerPlace.root.appending(path: "Examples")
        let names = try FileManager.default.contentsOfDirectory(atPath: examples.path()).filter { !$0.hasPrefix(".") }
        #expect(names.count >= 20)
        for name in names.sorted() {
            let published = try shell.run(["program", "publish", examples.appending(path: name).path()])
            #expect(published.code == 0, "\(name): \(published.error)")
            #expect(published.output.hasPrefix("\(name) version 1"), "\(published.output)")
        }
        #expect(try await server.stop() == 0)
    }
}
