import Foundation
import Testing

/// A service on a machine that somebody works at: what an opportunistic job does meanwhile, and what it pays for.
@Suite("At a desk", .serialized)
struct DeskTests {
    private static let profiles = """
        profiles:
          small:
            cores: 1
            memory: 32MiB
            processes: 16
            time: 5min
            cpu-time: 5min
            scratch: 4MiB
            scratch-files: 100
            output: 1MiB
            result-files: 4
            results: 1MiB
            open-files: 64
            file-size: 4MiB
            seccomp: default
            opportunistic-price: 1/s
        """
    private static let program = "#!/bin/sh\nwhile :; do echo on; sleep 0.01; done\n"

    /// The processor times of a machine that this test makes up, so that its own neighbours do not count: the server sees them in
    /// place of `/proc/stat`. Cells, their freezing and what they use are real.
    private final class Machine {
        private let file: FileHandle
        private var ticks = 1_000_000
        /// Has a command see this machine.
        let wrapper: [String]

        init(in folder: URL) throws {
            let path = folder.appending(path: "stat")
            try Data().write(to: path)
            file = try FileHandle(forWritingTo: path)
            wrapper = [
                "/usr/bin/unshare", "--mount", "/bin/sh", "-c",
                "mount --bind '\(path.path())' /proc/stat && exec \"$0\" \"$@\"",
            ]
            try write()
        }

        deinit { try? file.close() }

        /// Always as long as before, so that nobody reads the half of it.
        private func write() throws {
            let digits = String(repeating: "0", count: 12 - String(ticks).count) + String(ticks)
            try file.seek(toOffset: 0)
            try file.write(contentsOf: Data("cpu0 \(digits) 0 0 0 0 0 0 0 0 0\n".utf8))
        }

        /// Somebody has computed for ten seconds.
        func work() throws {
            ticks += 1_000
            try write()
        }
    }

    /// Until `condition` says so, at most two minutes.
    private func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
        let limit = ContinuousClock.now + .seconds(120)
        while try await !condition() {
            guard ContinuousClock.now < limit else { throw RunningServer.Failure(reason: "never \(what)") }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    @Test(.timeLimit(.minutes(10))) func stepsAsideForWhoeverWorks() async throws {
        var place = try ServerPlace(
            "desk", profiles: ["one": Self.profiles],
            settings: ["--desk", "true", "--desk-departure", "15s", "--opportunistic-memory", "128MiB"])
        defer { place.remove() }
        let machine = try Machine(in: place.folder)
        place.wrapper = machine.wrapper
        let server = try await RunningServer(place)
        defer { server.remove() }
        let person = Browser(address: server.address)
        let browser = Browser(address: server.address)
        browser.key = try await person.makeKey(password: server.password)
        try await browser.publish(Self.program, manifest: #"{ "name": "Ticker", "inputs": [] }"#)
        let submitted = ContinuousClock.now
        let answer = try await browser.post("/api/v1/programs/ticker/jobs?priority=opportunistic", json: [:])
        let id = try #require(try answer.json["id"] as? String, "\(answer.text)")
        func job() async throws -> [String: Any] { try await browser.get("/api/v1/jobs/\(id)").json }
        func written() async throws -> Int { try await browser.get("/api/v1/jobs/\(id)/stdout").text.count }
        try await eventually("written to") { try await written() > 0 }
        #expect(try await job()["standsStillFor"] == nil)

        try await eventually("frozen") {
            try machine.work()
            return try await job()["standsStillFor"] as? String == "presence"
        }
        let frozen = ContinuousClock.now
        #expect(try await job()["state"] as? String == "running")
        #expect(try await person.get("/jobs/\(id)").text.contains("somebody works at the machine"))
        // What was in the pipe when it froze is read first, and then nothing is added.
        var before = -1
        try await eventually("still") {
            try machine.work()
            let now = try await written()
            defer { before = now }
            try await Task.sleep(for: .milliseconds(500))
            return now == before
        }
        for _ in 0..<5 {
            try await Task.sleep(for: .milliseconds(200))
            try machine.work()
        }
        #expect(try await job()["standsStillFor"] as? String == "presence")
        #expect(try await written() == before)
        let held = ContinuousClock.now - frozen

        try await eventually("thawed") { try await job()["standsStillFor"] == nil }
        try await eventually("written on") { try await written() > before }
        #expect(try await person.get("/jobs/\(id)").text.contains("somebody works at the machine") == false)

        _ = try await browser.delete("/api/v1/jobs/\(id)")
        let ended = try await browser.end(of: id)
        let all = Self.seconds(ContinuousClock.now - submitted)
        let usage = try #require(ended["usage"] as? [String: Any])
        let stood = try #require(usage["frozenSeconds"] as? Double)
        let wall = try #require(usage["wallSeconds"] as? Double)
        #expect(stood >= Self.seconds(held))
        #expect(wall + stood <= all)
        // A credit for each second that it ran, and nothing for the others.
        let charge = try #require(ended["charge"] as? [String: Any])
        let text = try #require(charge["cost"] as? String)
        let cost = try #require(Double(text))
        #expect(abs(cost - wall) < 0.001, "\(charge) for \(usage)")
        try await browser.close()
        try await person.close()
        #expect(try await server.stop() == 0)
        #expect(try place.leftovers() == [])
    }

    private static func seconds(_ duration: Duration) -> Double { duration / .seconds(1) }
}
