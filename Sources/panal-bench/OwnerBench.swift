import ArgumentParser
import CPanalSyscalls
import FoundationEssentials
import Glibc
import PanalCore
import PanalProfiles
import PanalSandbox
import Synchronization

struct OwnerBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "owner",
        abstract: "What whoever works at a machine loses to jobs that compute on every core of it.",
        discussion: """
            Two things that an owner does outside of Panal, with nothing beside them and with loops on every core: as opportunistic \
            cells, as such cells that are frozen, as ordinary cells that share cores, as processes of nice 19 and of the idle \
            policy. The kinds take turns, each round beginning with another one. The loss is what of the owner's work per second \
            is missing, or how much later it is answered. Then the time from an owner's return to everything standing still.
            """)

    @Option(help: "Seconds after which no further round of all kinds begins; 10 rounds are always made.")
    var seconds = 45

    @Flag(help: "Print JSON, a row a line, rather than a table.")
    var json = false

    @Option(help: "Folder with the profiles.")
    var profiles: String

    @Option(help: "The launcher.")
    var launcher: String

    @Option(help: "Milliseconds of each round of loops; half of it for answers.")
    var milliseconds = 200

    /// A median of fewer says nothing.
    private static let fewestRounds = 10
    private static let halts = 20

    func validate() throws {
        guard seconds >= 0 else { throw ValidationError("seconds cannot be negative") }
        guard (20...10_000).contains(milliseconds) else { throw ValidationError("20 to 10,000 milliseconds a round") }
    }

    @MainActor
    func run() async throws {
        try await BenchExecutor.run(launcher: launcher, profiles: profiles, measure)
    }

    @MainActor
    private func measure(_ executor: LocalExecutor) async throws {
        guard let profile = try ProfileCatalog.load(folder: profiles)["small"] else {
            throw BenchFailure("there is no profile ‘small’")
        }
        let span = Duration.milliseconds(milliseconds)
        let kinds: [(name: String, rival: any Rival)] = [
            ("nothing", NoRival()),
            ("opportunistic cells", CellRival(executor: executor, limits: profile.limits, isIdle: true)),
            ("frozen ones", CellRival(executor: executor, limits: profile.limits, isIdle: true, isFrozen: true)),
            ("ordinary shared cells", CellRival(executor: executor, limits: profile.limits, isIdle: false)),
            ("processes, nice 19", ProcessRival(cores: executor.capacity.cores, command: ["nice", "-n", "19"])),
            ("processes, SCHED_IDLE", ProcessRival(cores: executor.capacity.cores, command: ["chrt", "-i", "0"])),
        ]
        var work = kinds.map { _ in [Double]() }
        var lateness = kinds.map { Measurement($0.name) }
        let begun = ContinuousClock.now
        var progress = BenchProgress("rounds")
        var round = 0
        while round < Self.fewestRounds || ContinuousClock.now - begun < .seconds(seconds) {
            for turn in kinds.indices {
                let place = (round + turn) % kinds.count
                let rival = kinds[place].rival
                do {
                    try await rival.begin()
                    work[place].append(try OwnerWork.loops(on: executor.capacity.cores, for: span))
                    for sample in OwnerWork.answers(for: span / 2) { lateness[place].add(sample) }
                } catch {
                    await rival.end()
                    throw error
                }
                await rival.end()
            }
            round += 1
            progress.note(round, "in \((ContinuousClock.now - begun).components.seconds) of \(seconds) s")
        }
        progress.end()
        var rows: [OwnerRow] = []
        for (place, kind) in kinds.enumerated() {
            // Of each round by itself, since rounds differ more than kinds do.
            let ratios = zip(work[place], work[0]).map { 1 - $0 / $1 }.sorted()
            rows.append(
                OwnerRow(
                    name: "beside \(kind.name)", loss: OwnerRow.percent(ratios[ratios.count / 2]),
                    median: lateness[place].percentile(0.5).rounded(),
                    slowest: lateness[place].percentile(0.99).rounded()))
        }
        let halt = try await standstill(executor, profile.limits)
        try Report.print(rows, json: json)
        try Report.print([halt.row(comparedWith: nil)], json: json)
    }

    /// From the owner's first work, of which the scheduler has heard, to everything standing still beside that work.
    @MainActor
    private func standstill(_ executor: LocalExecutor, _ limits: CellLimits) async throws -> Measurement {
        var times = Measurement("from presence to all cells frozen, owner busy")
        let rival = CellRival(executor: executor, limits: limits, isIdle: true)
        try await rival.begin()
        let owner = ProcessRival(cores: executor.capacity.cores, command: [])
        try await owner.begin()
        do {
            for _ in 0..<Self.halts {
                let begun = ContinuousClock.now
                try await rival.freeze()
                times.add(ContinuousClock.now - begun)
                try await rival.thaw()
                try await Task.sleep(for: .milliseconds(20))
            }
        } catch {
            await owner.end()
            await rival.end()
            throw error
        }
        await owner.end()
        await rival.end()
        return times
    }
}

/// What an owner does, outside of every cell.
enum OwnerWork {
    /// Rounds of arithmetic per second, a thread on each core.
    static func loops(on cores: [Int], for span: Duration) throws -> Double {
        let counts = Counts(cores.count)
        let begun = ContinuousClock.now
        try Workers.run(cores.count) { number in
            pin(to: cores[number])
            var rounds = 0
            while ContinuousClock.now - begun < span {
                compute(50_000)
                rounds += 1
            }
            counts.set(number, rounds)
        }
        let (seconds, attoseconds) = (ContinuousClock.now - begun).components
        return Double(counts.sum) / (Double(seconds) + Double(attoseconds) / 1e18)
    }

    /// Sleeps 10 ms and computes for about one, over and over: how late each answer was there.
    static func answers(for span: Duration) -> [Duration] {
        var late: [Duration] = []
        let begun = ContinuousClock.now
        while ContinuousClock.now - begun < span {
            let due = ContinuousClock.now + .milliseconds(10)
            usleep(10_000)
            compute(400_000)
            late.append(ContinuousClock.now - due)
        }
        return late
    }

    /// For spans of this length the kernel would leave threads on one core that have begun there.
    private static func pin(to core: Int) {
        var mask = [UInt8](repeating: 0, count: 128)
        mask[core / 8] |= 1 << UInt8(core % 8)
        _ = unsafe panal_set_affinity(mask, mask.count)
    }

    @inline(never)
    private static func compute(_ turns: Int) {
        var value: UInt64 = 88_172_645_463_325_252
        for _ in 0..<turns {
            value ^= value << 13
            value ^= value >> 7
            value ^= value << 17
        }
        precondition(value != 0)
    }
}

/// What each thread has done.
private final class Counts: Sendable {
    private let values: Mutex<[Int]>

    init(_ count: Int) {
        values = Mutex(Array(repeating: 0, count: count))
    }

    func set(_ index: Int, _ value: Int) { values.withLock { $0[index] = value } }
    var sum: Int { values.withLock { $0.reduce(0, +) } }
}

struct OwnerRow: Encodable {
    var name: String
    /// Hundredths of the owner's work per second that were missing, the median of all rounds.
    var loss: Double
    /// Microseconds after the end of its sleep until the owner was answered.
    var median: Double
    var slowest: Double

    static func percent(_ share: Double) -> Double { (share * 10_000).rounded() / 100 }

    enum CodingKeys: String, CodingKey {
        case name
        case loss = "loss_percent"
        case median = "answer_p50_us"
        case slowest = "answer_p99_us"
    }
}
