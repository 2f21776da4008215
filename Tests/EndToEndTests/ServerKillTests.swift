import Foundation
import Glibc
import Testing

/// `kill -9` of the service, of its launcher, of both, and of cells, under load and at random instants: each job that was acknowledged
/// comes to one end with the output of one run, and nothing is left.
@Suite("The service is killed", .serialized)
struct ServerKillTests {
    /// 200 for the whole proof; otherwise as many as there is time for.
    private static let wanted = ProcessInfo.processInfo.environment["PANAL_SERVICE_KILLS"].flatMap(Int.init)
    private static let seed =
        ProcessInfo.processInfo.environment["PANAL_SERVICE_KILL_SEED"].flatMap(UInt64.init)
        ?? .random(in: 0...UInt64.max)
    private static let seconds = 20
    private static let attempts = 3
    private static let clients = 3

    @Test(.timeLimit(.minutes(60))) func killsAtRandomInstants() async throws {
        print("service kills: PANAL_SERVICE_KILL_SEED=\(Self.seed)")
        var random = SplitMix(state: Self.seed)
        let cores = try await Self.cores()
        let place = try ServerPlace(
            "kill", profiles: ["load": LoadKind.profiles(cores: cores)],
            settings: ["--attempts", "\(Self.attempts)", "--opportunistic-memory", "256MiB"])
        defer { place.remove() }
        let first = try await RunningServer(place)
        let life = ServerLife(place, first)
        defer { life.endAtOnce() }
        let browser = Browser(address: first.address)
        browser.key = try await browser.makeKey(password: first.password)
        try await browser.publish(LoadKind.program, manifest: LoadKind.manifest)
        let ledger = LoadLedger()
        ledger.address = first.address
        let key = try #require(browser.key)
        await withTaskGroup(of: Void.self) { group in
            for lane in 0..<Self.clients {
                let client = LoadClient(lane: lane, ledger: ledger, key: key, seed: random.next())
                group.addTask { await client.run() }
            }
            do {
                try await Self.kill(life, ledger, browser, &random)
                ledger.isOver = true
                try await Self.drain(ledger)
            } catch {
                Issue.record("\(error)")
            }
            ledger.isOver = true
            // Where a job never ends, nobody has to wait for it.
            group.cancelAll()
        }
        print("service kills: \(life.kills.map { "\($0.value) \($0.key)" }.sorted().joined(separator: ", "))")
        #expect(life.kills.values.reduce(0, +) >= Self.wanted ?? 1)
        browser.address = ledger.address
        let judge = LoadJudge(
            browser: browser, attempts: Self.attempts, programKills: life.kills[.program, default: 0])
        print("service kills: \(try await judge.judge(ledger)) of \(ledger.entries.count) jobs")
        try await Self.expectWholeMachine(browser)
        try await browser.close()
        #expect(try await life.server.stop() == 0)
        let left = try place.leftovers() + life.launchersLeft
        #expect(left == [])
        let files = try FileManager.default.contentsOfDirectory(atPath: place.data.path() + "/temporary")
        #expect(files == [])
    }

    /// As many as cells may have here.
    private static func cores() async throws -> Int {
        let place = try ServerPlace("kill")
        defer { place.remove() }
        let server = try await RunningServer(place)
        defer { server.remove() }
        let browser = Browser(address: server.address)
        browser.key = try await browser.makeKey(password: server.password)
        let document = try await browser.get("/api/v1/profiles").json
        try await browser.close()
        #expect(try await server.stop() == 0)
        let profiles = (document["profiles"] as? [[String: Any]]) ?? []
        return profiles.filter { $0["available"] as? Bool == true }.compactMap { $0["cores"] as? Int }.max() ?? 1
    }

    private static func kill(
        _ life: ServerLife, _ ledger: LoadLedger, _ browser: Browser, _ random: inout SplitMix
    ) async throws {
        let end = wanted == nil ? ContinuousClock.now + .seconds(seconds) : nil
        while life.kills.values.reduce(0, +) < wanted ?? .max, end.map({ ContinuousClock.now < $0 }) ?? true {
            // At times in a row, at times with a while for jobs to end in.
            let longest = Bool.random(using: &random) ? 100 : 1_500
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...longest, using: &random)))
            if Int.random(in: 0..<2, using: &random) == 0 { await life.waitForState(browser, &random) }
            try await life.kill(ServiceVictim.some(using: &random), using: &random)
            ledger.address = life.server.address
            browser.address = ledger.address
        }
    }

    /// Until each acknowledged job has ended; at most until nothing has ended for two minutes.
    private static func drain(_ ledger: LoadLedger) async throws {
        var left = Int.max
        var limit = ContinuousClock.now + .seconds(120)
        while true {
            let open = ledger.entries.filter { $0.final == nil }
            if open.isEmpty { return }
            if open.count < left { (left, limit) = (open.count, .now + .seconds(120)) }
            guard ContinuousClock.now < limit else {
                throw RunningServer.Failure(reason: "these have no end: \(open)")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// All that was given out has come back: a job that needs every core starts.
    private static func expectWholeMachine(_ browser: Browser) async throws {
        let answer = try await browser.post(
            "/api/v1/programs/load/jobs?profile=whole", json: ["kind": "quick", "word": "all"])
        #expect(answer.status == 202, "\(answer.text)")
        let id = try #require(try answer.json["id"] as? String)
        let job = try await browser.end(of: id)
        #expect(job["state"] as? String == "finished", "\(job)")
    }
}

/// Who is killed.
enum ServiceVictim: CaseIterable, Hashable {
    case server, launcher, both, starting, initProcess, program

    static func some(using random: inout SplitMix) -> ServiceVictim {
        let weighted: [ServiceVictim] = [
            .server, .server, .server, .server, .launcher, .both, .starting, .initProcess, .initProcess, .program,
            .program,
        ]
        return weighted.randomElement(using: &random) ?? .server
    }
}

/// The servers of one place, one after the other.
final class ServerLife {
    private let place: ServerPlace
    private(set) var server: RunningServer
    private(set) var kills: [ServiceVictim: Int] = [:]
    /// The one that there is, whoever started it.
    private var launcher: HostProcess?
    private var launchers: Set<HostProcess> = []

    init(_ place: ServerPlace, _ server: RunningServer) {
        self.place = place
        self.server = server
        noteLauncher()
    }

    private func noteLauncher() {
        if let own = server.launcher { launcher = own }
        if let launcher { launchers.insert(launcher) }
    }

    var launchersLeft: [String] { launchers.filter { $0.isLauncher && $0.isRunning }.map { "launcher \($0.id)" } }

    func endAtOnce() {
        if server.process.isRunning { Glibc.kill(server.process.processIdentifier, SIGKILL) }
        for launcher in launchers where launcher.isLauncher { Glibc.kill(launcher.id, SIGKILL) }
    }

    /// Waits for a moment at which a job is in one of the states that do not last, or its results are being stored.
    func waitForState(_ browser: Browser, _ random: inout SplitMix) async {
        let state = ["queued", "deploying", "running", "reconnecting", "finishing"].randomElement(using: &random) ?? ""
        for _ in 0..<200 {
            if state == "finishing" {
                let names = try? FileManager.default.contentsOfDirectory(atPath: place.data.path() + "/temporary")
                if names?.isEmpty == false { return }
            } else {
                let found = try? await browser.get("/api/v1/jobs?state=\(state)&limit=1").json["jobs"] as? [Any]
                if found?.isEmpty == false { return }
            }
            try? await Task.sleep(for: .milliseconds(1))
        }
    }

    func kill(_ victim: ServiceVictim, using random: inout SplitMix) async throws {
        let process = server.process.processIdentifier
        switch victim {
        case .server: _ = Glibc.kill(process, SIGKILL)
        case .launcher:
            guard let launcher, end(launcher) else { return }
            // It has given up what it takes to make another one.
            let code = try await server.end()
            #expect(code == 1, "without its launcher the server ends: \(code.map(String.init) ?? "not") \(server.text)")
        case .both:
            guard let launcher, launcher.isLauncher else { return }
            if Bool.random(using: &random) { _ = end(launcher) }
            _ = Glibc.kill(process, SIGKILL)
            _ = end(launcher)
        case .starting:
            _ = Glibc.kill(process, SIGKILL)
            _ = try await server.end()
            try await killWhileStarting(&random)
        case .initProcess, .program:
            guard let cell = cells.randomElement(using: &random) else { return }
            guard let victim = victim == .program ? cell.children.first : cell, end(victim) else { return }
        }
        kills[victim, default: 0] += 1
        if [.initProcess, .program].contains(victim) { return }
        _ = try await server.end()
        try await Task.sleep(for: .milliseconds(Int.random(in: 0...200, using: &random)))
        server = try await RunningServer(place)
        noteLauncher()
    }

    private func end(_ process: HostProcess) -> Bool {
        process.isRunning && Glibc.kill(process.id, SIGKILL) == 0
    }

    /// Those whose init is the first of a namespace of its own.
    private var cells: [HostProcess] { launcher?.children.filter { $0.field("NSpid").count > 1 } ?? [] }

    private func killWhileStarting(_ random: inout SplitMix) async throws {
        let moment = ContinuousClock.now + .milliseconds(Int.random(in: 0...800, using: &random))
        do {
            let started = try await RunningServer(place) { process in
                if let own = HostProcess(id: process.processIdentifier).children.first(where: \.isLauncher) {
                    self.launcher = own
                    self.launchers.insert(own)
                }
                if ContinuousClock.now >= moment { Glibc.kill(process.processIdentifier, SIGKILL) }
            }
            server = started
            noteLauncher()
            _ = Glibc.kill(started.process.processIdentifier, SIGKILL)
        } catch let failure as RunningServer.Failure {
            // Unless it refused for a reason of its own.
            if failure.reason.contains("panald: ") { throw failure }
        }
    }
}

extension Browser {
    /// The job once it has ended; a test's time limit is the only one.
    func end(of id: String) async throws -> [String: Any] {
        while true {
            let job = try await get("/api/v1/jobs/\(id)").json
            if job["final"] as? Bool == true { return job }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
