import Foundation
import Testing

/// Bodies of a gibibyte, eleven at once, against a real server: each is refused when its first few megabytes have come, and the server
/// has not grown by them.
@Suite("Hostile bodies") struct HostileBodyTests {
    private struct Result: Decodable {
        var status: String
        /// Bytes that had gone out when the answer came.
        var after: Int
        /// Whether it was a problem document.
        var problem: Bool
    }

    /// The most memory that the process had since this was last called, in KiB; root alone may ask so.
    private static func peak(_ process: HostProcess) throws -> Int {
        let peak = try #require(process.field("VmHWM").first.flatMap { Int($0) })
        try Data("5".utf8).write(to: URL(filePath: "/proc/\(process.id)/clear_refs"))
        return peak
    }

    @Test(.timeLimit(.minutes(5))) func bodiesOfAGibibyteAreNotKept() async throws {
        let place = try ServerPlace("bodies")
        let server = try await RunningServer(place)
        defer { server.remove() }
        let browser = Browser(address: server.address)
        browser.key = try await browser.makeKey(password: server.password)
        let process = HostProcess(id: server.process.processIdentifier)
        _ = try Self.peak(process)
        let before = try Self.peak(process)

        let script = ServerPlace.root.appending(path: "Tests/Clients/hostile_bodies.py").path()
        let port = try #require(server.address.split(separator: ":").last)
        let output = try await Self.run([
            "python3", script, String(port), "/api/v1/programs/none/jobs", try #require(browser.key),
        ])
        let results = try JSONDecoder().decode([String: Result].self, from: output)
        #expect(results.count == 11)
        for (name, result) in results {
            // A form of no end is no form: that it is none is seen before it is too large.
            let expected = ["headers of a form", "before a form"].contains(name) ? "400" : "413"
            #expect(result.status == expected && result.problem, "\(name): \(result)")
            // Most of it lies in the buffers of the kernel on the way.
            #expect(result.after < 48 << 20, "\(name): \(result)")
        }
        let after = try Self.peak(process)
        #expect(after - before < 96 << 10, "from \(before) to \(after) KiB")
        #expect(try await browser.get("/healthz").status == 200)
        try await browser.close()
        #expect(try await server.stop() == 0)
    }

    private static func run(_ command: [String]) async throws -> Data {
        try await withCheckedThrowingContinuation { continuation in
            // It waits for a process: on a thread of its own.
            Thread.detachNewThread {
                do {
                    let process = Process()
                    process.executableURL = URL(filePath: "/usr/bin/env")
                    process.arguments = command
                    let output = Pipe()
                    process.standardOutput = output
                    try process.run()
                    let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
                    process.waitUntilExit()
                    continuation.resume(returning: bytes)
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }
}
