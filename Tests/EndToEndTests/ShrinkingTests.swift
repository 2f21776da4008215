import Foundation
import Glibc
import Testing

/// The service starts again with smaller profiles, and on less of the machine: what waits gets what it was promised, or is told why
/// it cannot.
@Suite("Profiles and the machine shrink", .serialized)
struct ShrinkingTests {
    private static let memory = (sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))) >> 20

    private static func profiles(part: String, fat: Bool) -> String {
        """
        defaults:
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
        profiles:
          part: { \(part) }
        \(fat ? "  fat: { cores: 0.2, memory: \(memory / 2)MiB }" : "")
        """
    }

    /// The server is stopped in order, killed, or killed with its launcher.
    @Test(.timeLimit(.minutes(10)), arguments: [End.stop, .kill, .killBoth])
    func nobodyWaitsInVain(end: End) async throws {
        var place = try ServerPlace(
            "shrink", profiles: ["load": Self.profiles(part: "cores: 0.5, memory: 48MiB", fat: true)],
            settings: ["--reserved-memory", "64MiB"])
        defer { place.remove() }
        var server = try await RunningServer(place)
        defer { server.remove() }
        let browser = Browser(address: server.address)
        browser.key = try await browser.makeKey(password: server.password)
        try await browser.publish(LoadKind.program, manifest: LoadKind.manifest)
        // One that runs, and one behind it for whose memory there is no room.
        let running = try await submit(.endless, "fat", browser)
        try await browser.wait(for: running) { $0["state"] as? String == "running" }
        let waiting = try await submit(.quick, "fat", browser)
        let other = try await submit(.quick, "fat", browser)
        // What waits for its turn behind them, or has ended already.
        let part = try await submit(.pieces, "part", browser)
        #expect(try await browser.get("/api/v1/jobs/\(waiting)").json["state"] as? String == "queued")
        let launcher = try #require(server.launcher)
        switch end {
        case .stop: #expect(try await server.stop() == 0)
        case .kill, .killBoth:
            kill(server.process.processIdentifier, SIGKILL)
            if end == .killBoth { kill(launcher.id, SIGKILL) }
            _ = try await server.end()
        }
        try place.write(profile: Self.profiles(part: "cores: 0.1, memory: 8MiB", fat: false), as: "load")
        place.settings = ["--reserved-memory", "\(Self.memory * 3 / 4)MiB"]
        server = try await RunningServer(place)
        browser.address = server.address
        for id in [running, waiting, other] {
            let job = try await browser.end(of: id)
            #expect(job["state"] as? String == "failed", "\(job)")
            let message = try #require(job["message"] as? String)
            #expect(message.contains("MiB") || message.contains("GiB"), "\(message)")
        }
        let job = try await browser.end(of: part)
        #expect(job["state"] as? String == "finished", "\(job)")
        #expect(try await browser.get("/api/v1/jobs/\(part)/stdout").text == LoadKind.pieces.output("word"))
        // Who comes now gets what there is now.
        let next = try await submit(.quick, "part", browser)
        #expect(try await browser.end(of: next)["state"] as? String == "finished")
        let refused = try await browser.post(
            "/api/v1/programs/load/jobs?profile=fat", json: ["kind": "quick", "word": "word"])
        #expect(refused.status == 422, "\(refused.text)")
        try await browser.close()
        #expect(try await server.stop() == 0)
        let left = try place.leftovers()
        #expect(left == [])
    }

    enum End { case stop, kill, killBoth }

    /// The cores become fewer while a program runs on all of them and another waits for all of them.
    @Test(.timeLimit(.minutes(10)), arguments: [End.stop, .kill])
    func coresAreTakenAway(end: End) async throws {
        let cores = sysconf(Int32(_SC_NPROCESSORS_ONLN))
        var place = try ServerPlace("fewer", profiles: ["load": LoadKind.profiles(cores: 2)])
        defer { place.remove() }
        var server = try await RunningServer(place)
        defer { server.remove() }
        let browser = Browser(address: server.address)
        browser.key = try await browser.makeKey(password: server.password)
        try await browser.publish(LoadKind.program, manifest: LoadKind.manifest)
        let all = try await browser.get("/api/v1/profiles").json["profiles"] as? [[String: Any]]
        let isLarge = all?.contains { $0["name"] as? String == "whole" && $0["available"] as? Bool == true } == true
        // A host of one core has none to take away: there the profile is refused from the start.
        if !isLarge {
            let refused = try await browser.post(
                "/api/v1/programs/load/jobs?profile=whole", json: ["kind": "quick", "word": "word"])
            #expect(refused.status == 422)
            try await browser.close()
            return
        }
        let running = try await submit(.endless, "whole", browser)
        try await browser.wait(for: running) { $0["state"] as? String == "running" }
        let waiting = try await submit(.quick, "whole", browser)
        let small = try await submit(.quick, "one", browser)
        switch end {
        case .stop: #expect(try await server.stop() == 0)
        default:
            kill(server.process.processIdentifier, SIGKILL)
            _ = try await server.end()
        }
        place.settings = ["--reserved-cores", "\(cores - 1)"]
        server = try await RunningServer(place)
        browser.address = server.address
        for id in [running, waiting] {
            let job = try await browser.end(of: id)
            #expect(job["state"] as? String == "failed", "\(job)")
            #expect((job["message"] as? String)?.contains("2") == true, "\(job)")
        }
        #expect(try await browser.end(of: small)["state"] as? String == "finished")
        try await browser.close()
        #expect(try await server.stop() == 0)
        let left = try place.leftovers()
        #expect(left == [])
    }

    private func submit(_ kind: LoadKind, _ profile: String, _ browser: Browser) async throws -> String {
        let answer = try await browser.post(
            "/api/v1/programs/load/jobs?profile=\(profile)", json: ["kind": kind.rawValue, "word": "word"])
        #expect(answer.status == 202, "\(answer.text)")
        return try #require(try answer.json["id"] as? String)
    }
}
