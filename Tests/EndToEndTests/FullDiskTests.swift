import Foundation
import Glibc
import Testing

/// A disk without room, a real one: what is refused is refused in words and leaves nothing, what runs is kept until there is room.
@Suite("The disk is full", .serialized)
struct FullDiskTests {
    private static let manifest = """
        { "name": "Writes", "inputs": [ {"name": "word", "type": "text"}, {"name": "padding", "type": "text"} ],
          "outputs": [ {"name": "result", "path": "result.txt", "type": "text"} ] }
        """
    /// For some seconds, more than is free at any moment of them, and a result at the end.
    private static let program = """
        #!/bin/sh
        for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do yes "$1 $i" | head -n 1000; sleep 0.1; done
        yes "$1 result" | head -n 5000 > result.txt
        """
    private static func output(_ word: String) -> String {
        (1...20).map { String(repeating: "\(word) \($0)\n", count: 1_000) }.joined()
    }
    private static func result(_ word: String) -> String { String(repeating: "\(word) result\n", count: 5_000) }

    /// Without a kill, with a kill of the server while the disk is full, and with a stop in order.
    @Test(.timeLimit(.minutes(10)), arguments: Interruption.allCases)
    func nothingIsLost(interruption: Interruption) async throws {
        let place = try ServerPlace("disk", profiles: ["load": LoadKind.profiles(cores: 1)])
        defer { place.remove() }
        let disk = try SmallDisk(at: place.data)
        defer { disk.remove() }
        var server = try await RunningServer(place)
        defer { server.remove() }
        let browser = Browser(address: server.address)
        browser.key = try await browser.makeKey(password: server.password)
        try await browser.publish(Self.program, manifest: Self.manifest)
        var jobs: [String: String] = [:]
        for word in ["first", "second"] {
            jobs[try #require(try await submit(word, browser))] = word
        }
        for id in jobs.keys { try await browser.wait(for: id) { $0["state"] as? String == "running" } }
        try disk.fill()
        try await submitUntilRefused(browser, &jobs)
        // The programs would have ended by now, if they could have written.
        for id in jobs.filter({ ["first", "second"].contains($0.value) }).keys {
            for _ in 0..<30 {
                #expect(try await browser.get("/api/v1/jobs/\(id)").json["final"] as? Bool == false)
                try await Task.sleep(for: .milliseconds(100))
            }
        }
        if interruption != .none {
            if interruption == .kill {
                kill(server.process.processIdentifier, SIGKILL)
                _ = try await server.end()
            } else {
                #expect(try await server.stop() == 0, "\(server.text)")
            }
            await expectRefusedStart(place)
        }
        disk.empty()
        if interruption != .none {
            server = try await RunningServer(place)
            browser.address = server.address
        }
        try await expectAll(jobs, browser, mayRepeat: interruption == .stop)
        #expect(try await server.stop() == 0)
        try await browser.close()
        let files = try FileManager.default.contentsOfDirectory(atPath: place.data.path() + "/temporary")
        #expect(files == [])
        disk.remove()
        let left = try place.leftovers()
        #expect(left == [])
    }

    enum Interruption: CaseIterable { case none, kill, stop }

    /// The job's id; nil when it was refused for lack of room.
    private func submit(_ word: String, _ browser: Browser, padding: String = "-") async throws -> String? {
        let answer = try await browser.post(
            "/api/v1/programs/writes/jobs?profile=part", json: ["word": word, "padding": padding])
        if answer.status == 507 {
            let problem = try answer.json
            #expect(problem["type"] as? String == "urn:panal:problem:storage-full")
            #expect((problem["detail"] as? String)?.contains("full") == true, "\(problem)")
            return nil
        }
        #expect(answer.status == 202, "\(answer.text)")
        return try answer.json["id"] as? String
    }

    /// The database's log may have some room of its own left.
    private func submitUntilRefused(_ browser: Browser, _ jobs: inout [String: String]) async throws {
        let padding = String(repeating: "x", count: 3_000)
        var refusals = 0
        for number in 0..<400 where refusals < 3 {
            if let id = try await submit("more\(number)", browser, padding: padding) {
                jobs[id] = "more\(number)"
                // Enough of what takes seconds each.
                if jobs.count > 20 { _ = try await browser.delete("/api/v1/jobs/\(id)") }
            } else {
                refusals += 1
            }
        }
        #expect(refusals == 3, "the disk was full")
        let upload = try await browser.post(
            "/api/v1/programs", fields: [:],
            files: [
                "manifest": ("manifest.json", Self.manifest.replacingOccurrences(of: "Writes", with: "Another")),
                "program": ("other.sh", Self.program + padding),
            ])
        #expect(upload.status == 507, "\(upload.text)")
    }

    /// Where nothing can be written, the service says so instead of starting; where a little can be, it starts.
    private func expectRefusedStart(_ place: ServerPlace) async {
        do {
            let started = try await RunningServer(place)
            kill(started.process.processIdentifier, SIGKILL)
            _ = try await started.end()
        } catch let failure as RunningServer.Failure {
            let isSaid = failure.reason.contains("full") || failure.reason.contains("No space left")
            #expect(isSaid, "\(failure.reason)")
        } catch {
            Issue.record("\(error)")
        }
    }

    private func expectAll(_ jobs: [String: String], _ browser: Browser, mayRepeat: Bool) async throws {
        for (id, word) in jobs {
            let job = try await browser.end(of: id)
            if job["state"] as? String == "cancelled" { continue }
            #expect(job["state"] as? String == "finished", "\(job)")
            #expect((job["outcome"] as? [String: Any])?["code"] as? Int == 0, "\(job)")
            if !mayRepeat { #expect(job["attempt"] as? Int == 1, "\(job)") }
            let output = try await browser.get("/api/v1/jobs/\(id)/stdout").text
            #expect(output == Self.output(word), "\(word): \(output.utf8.count) bytes")
            let result = try await browser.get("/api/v1/jobs/\(id)/files/result.txt").text
            #expect(result == Self.result(word), "\(word): \(result.utf8.count) bytes")
        }
        // Whatever was refused is not there.
        let all = try await browser.get("/api/v1/jobs?limit=200").json["jobs"] as? [[String: Any]]
        #expect(Set(all?.compactMap { $0["id"] as? String } ?? []) == Set(jobs.keys))
        #expect(try await browser.get("/api/v1/programs/another").status == 404)
    }
}

/// A file system of 16 MiB in memory, filled to its last page and emptied.
private final class SmallDisk {
    private let folder: URL
    private var isMounted = false
    private var filler: URL { folder.appending(path: "filler") }

    init(at folder: URL) throws {
        self.folder = folder
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        guard let user = getpwnam("nobody") else { throw RunningServer.Failure(reason: "there is no user nobody") }
        let options = "size=16m,mode=0700,uid=\(user.pointee.pw_uid),gid=\(user.pointee.pw_gid)"
        guard mount("panal-test", folder.path(), "tmpfs", 0, options) == 0 else {
            throw RunningServer.Failure(reason: "no tmpfs at \(folder.path()): errno \(errno)")
        }
        isMounted = true
    }

    func fill() throws {
        let file = open(filler.path(), O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw RunningServer.Failure(reason: "no filler: errno \(errno)") }
        defer { close(file) }
        let page = [UInt8](repeating: 1, count: 4_096)
        lseek(file, 0, SEEK_END)
        while write(file, page, page.count) > 0 {}
        guard errno == ENOSPC else { throw RunningServer.Failure(reason: "not full: errno \(errno)") }
    }

    func empty() { unlink(filler.path()) }

    func remove() {
        guard isMounted else { return }
        isMounted = umount2(folder.path(), 0) != 0
        if isMounted {
            Issue.record("the disk is in use: errno \(errno)")
            umount2(folder.path(), Int32(MNT_DETACH))
            isMounted = false
        }
    }
}

extension Browser {
    func wait(for id: String, until isMet: ([String: Any]) -> Bool) async throws {
        while true {
            let job = try await get("/api/v1/jobs/\(id)").json
            if isMet(job) { return }
            guard job["final"] as? Bool != true else { throw RunningServer.Failure(reason: "it has ended: \(job)") }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
