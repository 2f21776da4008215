import Foundation
import Glibc
import PanalCore
import PanalLinux
import PanalSandbox
import Synchronization
import Testing

/// `kill -9` of the launcher and of everything that it has made, at random instants: what is told of each run is true, and
/// nothing is left.
/// Not among the suites of `LiveCells`, which run in the virtual machine too: there a launcher takes seconds to start.
@Suite(.serialized, RemovingLocks()) struct KillTests {
    /// Kills, 1,000 for the whole proof; otherwise as many as there is time for.
    private static let wanted = ProcessInfo.processInfo.environment["PANAL_KILLS"].flatMap(Int.init)
    private static let seed =
        ProcessInfo.processInfo.environment["PANAL_KILL_SEED"].flatMap(UInt64.init) ?? .random(in: 0...UInt64.max)

    @Test(.timeLimit(.minutes(60))) func killsAtRandomInstants() async throws {
        try await Self.killAtRandom(seconds: 15)
    }

    @Test(.timeLimit(.minutes(60))) func killsAtRandomInstantsWithoutRoot() async throws {
        try await HandedOver.with { try await Self.killAtRandom(seconds: 8) }
    }

    private static func killAtRandom(seconds: Int) async throws {
        print("kills: PANAL_KILL_SEED=\(seed)")
        var random = SeededGenerator(state: seed)
        let end = wanted == nil ? ContinuousClock.now + .seconds(seconds) : nil
        var kills: [Victim: Int] = [:]
        var users: Set<UInt32> = []
        var instance: String?
        func isOver() -> Bool {
            kills.values.reduce(0, +) >= wanted ?? .max || end.map { ContinuousClock.now >= $0 } ?? false
        }
        while !isOver() {
            let life = try LauncherLife(instance: instance)
            instance = life.harness.instance
            life.expectNothingOlder()
            await withTaskGroup(of: Void.self) { group in
                for lane in 0..<2 {
                    let seed = random.next()
                    group.addTask { await life.run(lane: lane, seed: seed) }
                }
                while life.harness.executor.isUsable, !isOver() {
                    try? await Task.sleep(for: .microseconds(Int.random(in: 0...40_000, using: &random)))
                    let victim = Victim.some(using: &random)
                    if life.kill(victim, using: &random) { kills[victim, default: 0] += 1 }
                    // A launcher that has nobody left to end it.
                    if victim == .launcher || victim == .maker { await life.waitForEnd() }
                }
                life.isOver.store(true, ordering: .relaxed)
            }
            users.formUnion(life.users)
            life.judge()
            if life.harness.executor.isUsable { await life.harness.stop() }
            try? FileManager.default.removeItem(at: life.harness.folder)
        }
        print("kills: \(kills.map { "\($0.value) \($0.key)" }.sorted().joined(separator: ", "))")
        #expect(kills.values.reduce(0, +) >= wanted ?? 1)
        try await CellHarness.with(instance: instance) { harness in
            #expect(await harness.shell("exit 3").result.outcome == .exited(code: 3))
        }
        #expect(HostProcess.all.filter { $0.runs(CellHarness.built) && $0.parent?.id == 1 } == [])
        #expect(instance.map(CellHarness.isLocked) == false)
        let mounts = try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)
        #expect(!mounts.contains("\(LockFolder.path(user: 0))/stage"))
        try expectUnlocked(users)
    }

    /// No process holds a block of user ids that one of the launchers had, unless it is another launcher that lives.
    private static func expectUnlocked(_ users: Set<UInt32>) throws {
        let first = LauncherSettings.standardUserRange.lowerBound
        for block in Set(users.map { first + ($0 - first) / 128 * 128 }) {
            let file = open("\(LockFolder.path(user: 0))/locks/users-\(block)", O_RDWR | O_CLOEXEC)
            guard file >= 0 else { continue }
            defer { close(file) }
            var found = stat()
            fstat(file, &found)
            let locks = try String(contentsOfFile: "/proc/locks", encoding: .utf8)
            for line in locks.split(separator: "\n") where line.contains(":\(found.st_ino) ") {
                let holder = line.split(separator: " ").dropFirst(4).first.flatMap { Int32($0) }
                #expect(holder.map { !HostProcess(id: $0).runs(CellHarness.built) } == true, "\(line)")
            }
        }
    }
}

/// Who is killed.
enum Victim: CaseIterable, Hashable {
    case launcher, maker, spawner, initProcess, program

    /// Launchers less often, since whatever follows begins anew with them.
    static func some(using random: inout SeededGenerator) -> Victim {
        let weighted: [Victim] = [
            .launcher, .maker, .spawner, .spawner, .spawner, .initProcess, .initProcess, .initProcess, .initProcess,
            .program, .program, .program, .program,
        ]
        return weighted.randomElement(using: &random) ?? .program
    }
}

/// One launcher from its start to its end, the runs that it was given, and what was killed under them.
final class LauncherLife: Sendable {
    let harness: CellHarness
    let isOver = Atomic<Bool>(false)
    private let launcher: HostProcess
    private let state = Mutex(State())

    private struct State {
        var kills: [Kill] = []
        var runs: [Run] = []
        var number = 0
    }

    private struct Kill {
        var victim: Victim
        var moment: ContinuousClock.Instant
        /// The program that was meant; nil where it had not been executed yet.
        var token: String?
    }

    private struct Run {
        var token: String
        var begun: ContinuousClock.Instant
        var ended: ContinuousClock.Instant
        var outcome: Outcome
        var output: String
    }

    init(instance: String?) throws {
        harness = try CellHarness(instance: instance)
        launcher = try #require(
            HostProcess(id: getpid()).children.last { $0.text("comm") == "panal-launcher\n" }, "no launcher")
    }

    /// Nothing of an earlier launcher of the instance: each process of its groups is this one's, and each launcher has a parent.
    func expectNothingOlder() {
        let limit = ContinuousClock.now + .seconds(10)
        var strange: [Int32] = []
        repeat {
            let own = Set(([launcher] + launcher.descendants).map(\.id))
            var members: Set<Int32> = []
            for group in harness.groups {
                for name in (try? Folders.children(of: group)) ?? [] {
                    let text = (try? String(contentsOfFile: "\(group)/\(name)/cgroup.procs", encoding: .utf8)) ?? ""
                    members.formUnion(text.split(separator: "\n").compactMap { Int32($0) })
                }
            }
            // A process that came into being between the two looks is nobody's fault.
            strange = members.subtracting(own).filter { member in
                !launcher.descendants.contains { $0.id == member } && Glibc.kill(member, 0) == 0
            }
            if strange.isEmpty { return }
            usleep(20_000)
        } while ContinuousClock.now < limit
        Issue.record("left of an earlier launcher: \(strange.map { HostProcess(id: $0).text("status") })")
    }

    // MARK: Runs

    private static let scripts = [
        "id -u", "sleep 0.02", "sleep 0.2", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done",
        "(sleep 5 & sleep 5 & sleep 0.05); echo x > f", "sleep 0.5 | sleep 0.5",
    ]

    /// Runs one program after another for as long as the launcher lives.
    func run(lane: Int, seed: UInt64) async {
        var random = SeededGenerator(state: seed)
        let limits = CellLimits.test.with(\.cpu, .shared(millicores: 400))
        while harness.executor.isUsable, !isOver.load(ordering: .relaxed) {
            let number = state.withLock { state in
                state.number += 1
                return state.number
            }
            let token = "run-\(harness.instance)-\(lane)-\(number)"
            let script = Self.scripts.randomElement(using: &random) ?? "true"
            let begun = ContinuousClock.now
            let id = AttemptID(job: .make(at: Timestamp(microseconds: 0)), number: number, nonce: UInt64(lane))
            let watch = Task { [launcher] in
                try await Task.sleep(for: .seconds(90))
                Issue.record("\(token) (\(script)) has no end")
                _ = launcher.end()
            }
            let (result, sink) = await harness.run(
                ["/bin/sh", "-c", "\(script); echo the-end", token], limits: limits, id: id)
            watch.cancel()
            let run = Run(
                token: token, begun: begun, ended: .now, outcome: result.outcome, output: sink.output)
            state.withLock { $0.runs.append(run) }
        }
    }

    /// The user ids that programs have said they had.
    var users: Set<UInt32> {
        state.withLock { state in
            Set(state.runs.compactMap { $0.output.split(separator: "\n").first.flatMap { UInt32($0) } })
        }
    }

    // MARK: Kills

    /// Kills one of the kind; false when there is none just now.
    func kill(_ victim: Victim, using random: inout SeededGenerator) -> Bool {
        guard let process = candidates(victim).randomElement(using: &random) else { return false }
        let program = victim == .program ? process : process.children.first
        let token = program.flatMap { program in
            program.text("cmdline").split(separator: "\u{0}").last.map(String.init)
        }
        let kill = Kill(
            victim: victim, moment: .now, token: token.flatMap { $0.hasPrefix("run-") ? $0 : nil })
        // Noted before it acts: what follows from it may be told at once.
        state.withLock { $0.kills.append(kill) }
        if process.end() { return true }
        state.withLock { _ = $0.kills.popLast() }
        return false
    }

    private func candidates(_ victim: Victim) -> [HostProcess] {
        if victim == .launcher { return [launcher] }
        let children = launcher.children
        if victim == .maker { return Array(children.prefix(1)) }
        // Both are the launcher's children; an init is the first of a namespace of its own.
        let inits = children.dropFirst().filter { $0.field("NSpid").count > 1 }
        switch victim {
        case .initProcess: return inits
        case .program: return inits.flatMap(\.children)
        default: return children.dropFirst().filter { !inits.contains($0) }
        }
    }

    func waitForEnd() async {
        let limit = ContinuousClock.now + .seconds(30)
        while harness.executor.isUsable, ContinuousClock.now < limit { try? await Task.sleep(for: .milliseconds(5)) }
        guard harness.executor.isUsable else { return }
        let tree = ([launcher] + launcher.descendants).map { process in
            "\(process.id) \(process.field("State")) \(process.field("NSpid")) \(process.text("wchan")) \(process.text("stack"))"
        }
        Issue.record("the launcher goes on without its maker, or after its own end: \(tree.joined(separator: "\n"))")
        _ = launcher.end()
    }

    // MARK: Truth

    /// Holds what was told of each run against what was done to it.
    func judge() {
        let (runs, kills) = state.withLock { ($0.runs, $0.kills) }
        for run in runs {
            let isWhole = run.output.hasSuffix("the-end\n")
            // A kill just before a run may have met the cell that it was given.
            let near = kills.filter { $0.moment >= run.begun - .seconds(2) && $0.moment <= run.ended }
            let killed = near.map { "\($0.victim) \($0.token ?? "")" }
            let what = "\(run.token): \(run.outcome), ‘\(run.output)’, killed: \(killed)"
            switch run.outcome {
            case .exited(code: 0):
                if !isWhole { Issue.record("did not get to its end: \(what)") }
            case .signalled(signal: 9):
                if !near.contains(where: { $0.victim == .program && ($0.token ?? run.token) == run.token }) {
                    Issue.record("its program was not killed: \(what)")
                }
            case .systemError(let error):
                let isOwn = near.contains {
                    $0.victim == .program ? $0.token == nil : ($0.token ?? run.token) == run.token
                }
                if error.step.isEmpty || !isOwn { Issue.record("Panal was not hurt: \(what)") }
            default: Issue.record("this did not happen: \(what)")
            }
        }
    }
}
