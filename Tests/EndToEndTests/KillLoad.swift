import Foundation
import PanalCore
import Synchronization
import Testing

/// What the clients of the kill tests ask for: a program whose output follows from what it is given, and from nothing else.
enum LoadKind: String, CaseIterable {
    /// Ends at once.
    case quick
    /// Writes for up to half a second.
    case pieces
    /// Writes more than a pipe holds.
    case flood
    /// Goes on until it is cancelled.
    case endless

    static let manifest = """
        { "name": "Load",
          "inputs": [ {"name": "kind", "type": "text"}, {"name": "word", "type": "text"} ],
          "outputs": [ {"name": "result", "path": "result.txt", "type": "text"} ] }
        """
    static let program = """
        #!/bin/sh
        word=$2
        piece() { echo "$word out $1"; echo "$word err $1" >&2; }
        case $1 in
        quick) piece 1 ;;
        pieces) for i in 1 2 3 4 5 6 7 8 9 10; do piece $i; sleep 0.04; done ;;
        flood) for i in 1 2 3 4 5 6 7 8; do yes "$word $i" | head -n 2000; sleep 0.03; done ;;
        endless) piece 1; while :; do sleep 5; done ;;
        esac
        echo "$word result" > result.txt
        """
    /// So small that many run at once, whole cores, and the whole machine.
    static func profiles(cores: Int) -> String {
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
          part: { cores: 0.2 }
          one: { cores: 1 }
          whole: { cores: \(cores), cpu-time: \(5 * cores)min }
        """
    }

    func output(_ word: String) -> String {
        switch self {
        case .quick, .endless: "\(word) out 1\n"
        case .pieces: (1...10).map { "\(word) out \($0)\n" }.joined()
        case .flood: (1...8).map { String(repeating: "\(word) \($0)\n", count: 2_000) }.joined()
        }
    }

    func error(_ word: String) -> String {
        self == .flood ? "" : output(word).replacingOccurrences(of: " out ", with: " err ")
    }
}

/// What the service has acknowledged.
final class LoadLedger: Sendable {
    struct Entry {
        var id: String
        var kind: LoadKind
        var word: String
        /// A 2xx came back for it.
        var isCancelAcknowledged = false
        /// The final document that was seen first.
        var final: String?
    }

    private struct State {
        var address = ""
        var isOver = false
        var entries: [String: Entry] = [:]
    }

    private let state = Mutex(State())

    var address: String {
        get { state.withLock(\.address) }
        set { state.withLock { $0.address = newValue } }
    }
    var isOver: Bool {
        get { state.withLock(\.isOver) }
        set { state.withLock { $0.isOver = newValue } }
    }
    var entries: [Entry] { state.withLock { Array($0.entries.values) } }

    func acknowledge(_ entry: Entry) { state.withLock { $0.entries[entry.id] = entry } }
    func acknowledgeCancel(of id: String) { state.withLock { $0.entries[id]?.isCancelAcknowledged = true } }

    /// A job that has ended stays as it ended.
    func noteFinal(_ id: String, _ document: String) {
        let earlier = state.withLock { state in
            defer { if state.entries[id]?.final == nil { state.entries[id]?.final = document } }
            return state.entries[id]?.final
        }
        if let earlier, earlier != document { Issue.record("it ended twice:\n\(earlier)\n\(document)") }
    }
}

/// One client: keeps a few jobs going, and remembers what it was told, whatever becomes of the server meanwhile.
struct LoadClient {
    let lane: Int
    let ledger: LoadLedger
    let key: String
    let seed: UInt64
    private static let jobsAtMost = 5

    func run() async {
        let browser = Browser(address: ledger.address)
        browser.key = key
        var random = SplitMix(state: seed)
        var number = 0
        var open: [LoadLedger.Entry] = []
        while !Task.isCancelled, !(ledger.isOver && open.isEmpty) {
            browser.address = ledger.address
            if !ledger.isOver, open.count < Self.jobsAtMost {
                number += 1
                if let entry = await submit("\(lane)-\(number)", browser, &random) {
                    ledger.acknowledge(entry)
                    open.append(entry)
                }
            }
            var left: [LoadLedger.Entry] = []
            for var entry in open where await !isEnded(&entry, browser, &random) { left.append(entry) }
            open = left
            try? await Task.sleep(for: .milliseconds(20))
        }
        try? await browser.close()
    }

    /// Nil when no acknowledgement came.
    private func submit(
        _ name: String, _ browser: Browser, _ random: inout SplitMix
    ) async -> LoadLedger.Entry? {
        let kinds: [LoadKind] = [.quick, .quick, .pieces, .pieces, .pieces, .flood, .endless]
        let kind = kinds.randomElement(using: &random) ?? .quick
        let word = "\(name)-\(random.next() % 1_000_000)"
        let priority = random.next() % 6 == 0 ? "opportunistic" : "normal"
        let profile = random.next() % 8 == 0 ? "one" : "part"
        let answer = try? await browser.post(
            "/api/v1/programs/load/jobs?profile=\(profile)&priority=\(priority)",
            json: ["kind": kind.rawValue, "word": word])
        guard let answer else { return nil }
        guard (200..<300).contains(answer.status) else {
            // Full, starting or stopping.
            if answer.status != 429 { Issue.record("submitted: \(answer.status) \(answer.text)") }
            return nil
        }
        guard let id = (try? answer.json)?["id"] as? String else {
            Issue.record("no id: \(answer.text)")
            return nil
        }
        return LoadLedger.Entry(id: id, kind: kind, word: word)
    }

    private func isEnded(
        _ entry: inout LoadLedger.Entry, _ browser: Browser, _ random: inout SplitMix
    ) async -> Bool {
        guard let answer = try? await browser.get("/api/v1/jobs/\(entry.id)") else { return false }
        guard answer.status == 200, let job = try? answer.json else {
            if answer.status != 429 { Issue.record("\(entry.id) was acknowledged: \(answer.status) \(answer.text)") }
            return false
        }
        if job["final"] as? Bool == true {
            ledger.noteFinal(entry.id, answer.text)
            return true
        }
        // A cancel that was acknowledged is not asked for again.
        let isEndless = entry.kind == .endless && !entry.isCancelAcknowledged
        let isDue = isEndless && (job["state"] as? String == "running" || random.next() % 8 == 0)
        if isDue, random.next() % 2 == 0, let answer = try? await browser.delete("/api/v1/jobs/\(entry.id)"),
            (200..<300).contains(answer.status)
        {
            entry.isCancelAcknowledged = true
            ledger.acknowledgeCancel(of: entry.id)
        }
        return false
    }
}

/// The same numbers for the same seed.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// Holds what became of the jobs against what they were.
struct LoadJudge {
    let browser: Browser
    let attempts: Int
    /// Programs that were killed: their jobs end by that signal, which is the truth.
    let programKills: Int

    func judge(_ ledger: LoadLedger) async throws -> [String: Int] {
        var ends: [String: Int] = [:]
        for entry in ledger.entries {
            let answer = try await browser.get("/api/v1/jobs/\(entry.id)")
            guard answer.status == 200 else {
                Issue.record("\(entry) was acknowledged and is lost: \(answer.status) \(answer.text)")
                continue
            }
            ledger.noteFinal(entry.id, answer.text)
            let job = try answer.json
            let outcome = (job["outcome"] as? [String: Any])?["type"] as? String ?? "none"
            let state = job["state"] as? String ?? ""
            ends["\(state) (\(outcome))", default: 0] += 1
            switch (state, outcome) {
            case ("finished", "exited"): try await expectWhole(entry, job)
            case ("finished", "signalled"): try await expectBeginning(entry)
            case ("failed", "systemError"):
                let isSaid = (job["message"] as? String)?.contains("attempt \(attempts) of \(attempts)") == true
                if job["attempt"] as? Int != attempts || !isSaid { Issue.record("failed too early: \(answer.text)") }
            case ("cancelled", "cancelled"):
                if entry.kind != .endless { Issue.record("nobody cancelled it: \(answer.text)") }
            default: Issue.record("\(entry): \(answer.text)")
            }
            if entry.isCancelAcknowledged, outcome == "exited" { Issue.record("not cancelled: \(answer.text)") }
            try await expectStraightHistory(entry, job)
        }
        #expect(ends["finished (signalled)", default: 0] <= programKills)
        return ends
    }

    private func stream(_ entry: LoadLedger.Entry, _ name: String) async throws -> String {
        try await browser.get("/api/v1/jobs/\(entry.id)/\(name)").text
    }

    private func expectWhole(_ entry: LoadLedger.Entry, _ job: [String: Any]) async throws {
        #expect(entry.kind != .endless, "\(job)")
        #expect((job["outcome"] as? [String: Any])?["code"] as? Int == 0, "\(job)")
        #expect(try await stream(entry, "stdout") == entry.kind.output(entry.word), "\(entry)")
        #expect(try await stream(entry, "stderr") == entry.kind.error(entry.word), "\(entry)")
        #expect((job["files"] as? [Any])?.count == 1, "\(job)")
        #expect(try await stream(entry, "files/result.txt") == "\(entry.word) result\n")
    }

    private func expectBeginning(_ entry: LoadLedger.Entry) async throws {
        #expect(entry.kind.output(entry.word).hasPrefix(try await stream(entry, "stdout")), "\(entry)")
        #expect(entry.kind.error(entry.word).hasPrefix(try await stream(entry, "stderr")), "\(entry)")
    }

    /// Each step is one that `JobState` allows, the last and no other is final, and there is one attempt for each time in the queue.
    private func expectStraightHistory(_ entry: LoadLedger.Entry, _ job: [String: Any]) async throws {
        let document = try await browser.get("/api/v1/jobs/\(entry.id)/events").json
        let events = (document["events"] as? [[String: Any]]) ?? []
        let states = events.compactMap { ($0["state"] as? String).flatMap(JobState.init) }
        let what = "\(entry.id): \(events)"
        #expect(states.count == events.count && states.first == .queued, "\(what)")
        for (state, next) in zip(states, states.dropFirst()) where !state.next.contains(next) {
            Issue.record("\(state) to \(next): \(what)")
        }
        #expect(states.filter(\.isFinal).count == 1 && states.last?.rawValue == job["state"] as? String, "\(what)")
        #expect(states.filter { $0 == .queued }.count == job["attempt"] as? Int, "\(what)")
        let numbers = events.compactMap { event in
            (event["message"] as? String)?.firstMatch(of: /^attempt (\d+)(?=: |$)/).flatMap { Int($0.1) }
        }
        let count = job["attempt"] as? Int ?? 0
        #expect(numbers == (count > 1 ? Array(2...count) : []), "\(what)")
    }
}
