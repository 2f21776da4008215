import Foundation
import Glibc
import Synchronization
import Testing

/// A server that cannot go on ends by itself, with its reason, whatever its clients do at that moment, and what an operator has not told
/// to end goes on.
@Suite("The service cannot go on", .serialized)
struct FailingServerTests {
    /// Connections that were taken in the moment of the end, and that nobody reads any more, are closed like all others.
    @Test(.timeLimit(.minutes(5))) func clientsThatKnockMeanwhileDoNotCrashIt() async throws {
        let place = try ServerPlace("knock")
        defer { place.remove() }
        for _ in 0..<6 {
            let server = try await RunningServer(place)
            let port = try #require(URL(string: server.address)?.port)
            let knocking = (0..<4).map { _ in Knocking(port: UInt16(port)) }
            defer { for knocking in knocking { knocking.end() } }
            while knocking.contains(where: { $0.count < 20 }) { try await Task.sleep(for: .milliseconds(1)) }
            let code = try await server.loseLauncher()
            #expect(code == 1 && server.text.contains("the launcher is gone"), "\(code ?? -1): \(server.text)")
        }
        // What a killed launcher leaves is swept away by the next.
        let last = try await RunningServer(place)
        #expect(try await last.stop() == 0)
        #expect(try place.leftovers() == [])
    }

    /// The next server finds its port taken while a job of the one before goes on: the job is not its business.
    @Test(.timeLimit(.minutes(5))) func aTakenPortEndsNothingThatRuns() async throws {
        var place = try ServerPlace("port")
        defer { place.remove() }
        var server = try await RunningServer(place)
        defer { server.remove() }
        let browser = Browser(address: server.address)
        browser.key = try await browser.makeKey(password: server.password)
        try await browser.publish(
            "#!/bin/sh\necho begun; sleep 10; echo over\n", manifest: #"{ "name": "wait", "inputs": [] }"#)
        let answer = try await browser.post("/api/v1/programs/wait/jobs", json: [:])
        let id = try #require(try answer.json["id"] as? String)
        try await browser.wait(for: id) { $0["state"] as? String == "running" }
        let launcher = try #require(server.launcher)
        kill(server.process.processIdentifier, SIGKILL)
        _ = try await server.end()
        let other = try CuttingProxy(to: server.address)
        defer { other.close() }
        let settings = place.settings
        place.settings += ["--operations", "\(other.address.dropFirst("http://".count))"]
        let refused = try await RunningServer(place)
        #expect(try await refused.end() == 1)
        #expect(refused.text.contains("cannot go on"), "\(refused.text)")
        #expect(launcher.isLauncher && launcher.isRunning)
        place.settings = settings
        server = try await RunningServer(place)
        browser.address = server.address
        let job = try await browser.end(of: id)
        #expect(job["state"] as? String == "finished" && job["attempt"] as? Int == 1, "\(job)")
        #expect(try await browser.get("/api/v1/jobs/\(id)/stdout").text == "begun\nover\n")
        try await browser.close()
        #expect(try await server.stop() == 0)
        #expect(try place.leftovers() == [])
    }
}

/// A client that connects and goes away again, as fast as it can, until it is told to end.
private final class Knocking: Sendable {
    private let isOver = Mutex(false)
    private let connections = Mutex(0)

    var count: Int { connections.withLock { $0 } }

    init(port: UInt16) {
        Thread.detachNewThread { [self] in
            while !isOver.withLock({ $0 }) {
                guard Self.knock(at: port) else { continue }
                connections.withLock { $0 += 1 }
            }
        }
    }

    func end() { isOver.withLock { $0 = true } }

    private static func knock(at port: UInt16) -> Bool {
        let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(client) }
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = port.bigEndian
        place.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        return withUnsafePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
