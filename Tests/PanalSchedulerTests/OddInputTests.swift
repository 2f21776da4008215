import PanalCore
import PanalScheduler
import Testing

/// Clocks that step, and numbers that make no sense.
@Suite struct OddInputTests {
    private static func settings(_ promotion: Int64) -> ScheduleSettings {
        ScheduleSettings(usageHalfLife: .seconds(1 << 40), promotion: .seconds(promotion))
    }

    static let clocks: [Play] = [
        Play(
            "set back by an hour: spans stay true, and the promise to the head is kept",
            [
                submit(5_000, 1, cores(3, for: 100), "1>0"), step(5_010, .tick), step(1_410, .tick),
                // 20 s after the step back job 1 has 70 s left.
                submit(1_430, 2, cores(4, for: 10)), submit(1_430, 3, cores(1, for: 71)),
                submit(1_430, 4, cores(1, for: 70), "4>0"),
            ]),
        Play(
            "set forward by an hour: what runs is late, and the head goes next",
            [
                submit(0, 1, cores(3, for: 100), "1>0"), submit(0, 2, cores(4, for: 10)), step(3_600, .tick),
                submit(3_600, 3, cores(1, for: 1)), end(3_700, 1, "2>0"), end(3_701, 2, "3>0"),
            ]),
        Play(
            "set forward: nobody pays for more than the time limit",
            hosts: [host(2)], settings: settings(1 << 40),
            [
                submit(0, 1, cores(1, for: 10, user: "a"), "1>0"), submit(0, 2, cores(1, for: 100, user: "b"), "2>0"),
                end(36_000, 1), end(36_000, 2), submit(36_000, 3, cores(2, for: 10, user: "c"), "3>0"),
                submit(36_000, 4, cores(2, for: 10, user: "b")), submit(36_000, 5, cores(2, for: 10, user: "a")),
                end(36_001, 3, "5>0"),
            ]),
        Play(
            "set back: time that goes on promotes as before",
            hosts: [host(1)], settings: settings(100),
            [
                submit(5_000, 1, cores(1, for: 10_000), "1>0"), submit(5_000, 2, cores(1, for: 10, priority: .low)),
                step(0, .tick), submit(10, 3, cores(1, for: 10)), step(100, .tick), step(200, .tick),
                submit(201, 4, cores(1, for: 10, priority: .high)), end(202, 1, "2>0"),
            ]),
    ]

    @Test(arguments: clocks) func clocksMayStep(_ play: Play) {
        #expect(play.mistakes() == [])
    }

    /// What is told to the outside is the outside's time.
    @Test func momentsAreToldByTheClockAsItIsNow() {
        var player = Player([host(1)], Self.settings(1_000))
        #expect(player.submit(1, cores(1, for: 600), at: 7_200) == "1>0")
        #expect(player.submit(2, cores(1, for: 60), at: 7_200) == "")
        #expect(player.apply(.tick, at: 3_600) == "")
        #expect(player.state.promised?.moment == Timestamp(microseconds: 4_200_000_000))
        #expect(player.state.waitingReport(Ticket(number: 2))?.estimatedStart == Timestamp(microseconds: 4_200_000_000))
        #expect(player.state.waitingReport(Ticket(number: 2))?.reason.sentence.hasSuffix("by 01:10 UTC") == true)
        #expect(player.state.nextDeadline == Timestamp(microseconds: 4_600_000_000))
    }

    @Test(arguments: [Int64.min, -1, 0, .max]) func anyMomentWillDo(_ microseconds: Int64) {
        let moment = Timestamp(microseconds: microseconds)
        for promotion in [Duration.seconds(Int64.max), .seconds(Int64.min), .zero] {
            var state = ScheduleState(hosts: [host(1)], settings: ScheduleSettings(promotion: promotion))
            #expect(Player.words(state.apply(.submit(Ticket(number: 1), cores(1, for: .max)), at: moment)) == "1>0")
            #expect(state.apply(.submit(Ticket(number: 2), cores(1, for: .max)), at: moment).isEmpty)
            #expect(state.apply(.submit(Ticket(number: 3), cores(1, for: .min)), at: moment).isEmpty)
            _ = state.nextDeadline
            #expect(state.queue(limit: 3).count == 2)
            #expect(Player.words(state.apply(.finished(Ticket(number: 1)), at: Timestamp(microseconds: .min))) == "2>0")
            #expect(Player.words(state.apply(.finished(Ticket(number: 2)), at: Timestamp(microseconds: .max))) == "3>0")
        }
    }

    /// Each is refused in words; none of them ends the process.
    static let absurd: [(JobDemand, String)] = [
        (cores(.max, for: 1), "needs 9223372036854775807 whole cores, the largest host has 4 for cells"),
        (cores(.min, for: 1), "asks for -9223372036854775808 cores; at least 1 is needed"),
        (part(.max, for: 1), "needs 9223372036854775.807 shared cores, the largest host has 4 for cells"),
        (part(-1, for: 1), "asks for -1 thousandths of a core; at least 1 is needed"),
        (
            cores(1, for: 1, cells: .max),
            "needs 9223372036854775807 cells at the same time, and all hosts together have no room for them"
        ),
        (cores(1, for: 1, cells: 0), "asks for 0 cells; at least 1 is needed"),
        (cores(1, for: 1, cells: -3), "asks for -3 cells; at least 1 is needed"),
        (
            JobDemand(
                cells: Array(repeating: CellDemand(cores(1, for: 1).cells[0].request, count: .max), count: 3),
                timeLimit: .zero),
            "needs 9223372036854775807 cells at the same time, and all hosts together have no room for them"
        ),
        (
            JobDemand(ResourceRequest(cpu: .exclusive(cores: 1), memory: .max), timeLimit: .zero),
            "needs 8388608 TiB of memory, the largest host has 64 GiB for cells"
        ),
    ]

    @Test(arguments: absurd) func refusesWhatMakesNoSense(_ demand: JobDemand, _ reason: String) {
        var player = Player(hosts(4, 2), ScheduleSettings(policy: .easy, users: AccountLimits(runningCores: .max)))
        #expect(player.state.refusal(of: demand) == reason)
        #expect(player.submit(1, demand, at: 0) == "1 refused")
        #expect(player.state.waitingCount == 0)
        #expect(player.submit(2, cores(4, for: 1), at: 0) == "2>0")
    }

    @Test func aScheduleWithoutHostsRefusesEverything() {
        var player = Player([], ScheduleSettings())
        #expect(player.submit(1, cores(1, for: 1), at: 0) == "1 refused")
        #expect(player.apply(.tick, at: 1) == "")
        #expect(player.state.utilisation == 0)
        var bare = Player([HostDescription(name: "bare", cores: [], memory: -1)], ScheduleSettings())
        #expect(bare.submit(1, cores(1, for: 1), at: 0) == "1 refused")
        #expect(bare.submit(2, part(1, for: 1), at: 0) == "2 refused")
    }

    /// A job without a time limit to speak of ends before it began, as far as the schedule knows: it starts all the same.
    @Test func timeLimitsMayBeNone() {
        var player = Player([host(2)], ScheduleSettings(policy: .easy))
        #expect(player.submit(1, cores(1, for: 0), at: 0) == "1>0")
        #expect(player.submit(2, cores(2, for: -5), at: 0) == "")
        #expect(player.submit(3, cores(1, for: 0), at: 0) == "3>0")
        #expect(player.end(1, at: 1) == "")
        #expect(player.end(3, at: 1) == "2>0")
    }

    /// Settings are values that anybody may have changed since they were made.
    @Test func settingsMayBeOdd() {
        var settings = ScheduleSettings()
        settings.usageHalfLife = .zero
        settings.queueLimit = -1
        var player = Player([host(1)], settings)
        #expect(player.submit(1, cores(1, for: 10), at: 0) == "1>0")
        #expect(player.submit(2, cores(1, for: 10), at: 0) == "2 refused")
        settings.usageHalfLife = .seconds(-1)
        settings.queueLimit = 1
        #expect(player.apply(.configure(settings), at: 100_000) == "")
        #expect(player.submit(2, cores(1, for: 10), at: 100_000) == "")
        #expect(player.end(1, at: 200_000) == "2>0")
    }

    /// The same events give the same schedule, whatever went before in the process.
    @Test func theSameEventsGiveTheSameSchedule() {
        func run() -> [String] {
            var generator = SeededGenerator(seed: 3)
            var player = Player(hosts(4, 8, 2), ScheduleSettings(promotion: .seconds(500)))
            var running: [Int64] = []
            func note(_ answer: String) -> String {
                running += answer.split(separator: ", ").compactMap { Int64($0.split(separator: ">").first ?? "") }
                return answer
            }
            return (1...1_000 as ClosedRange<Int64>).map { number in
                let demand = cores(
                    Int.random(in: 1...3, using: &generator), for: Int64.random(in: 1...500, using: &generator),
                    user: "u\(Int.random(in: 0..<9, using: &generator))",
                    priority: PriorityClass.allCases.randomElement(using: &generator) ?? .low,
                    cells: Int.random(in: 1...2, using: &generator))
                let answer = note(player.submit(number, demand, at: number))
                guard let ended = running.indices.randomElement(using: &generator) else { return answer }
                return answer + ";" + note(player.end(running.remove(at: ended), at: number))
            }
        }
        let first = run()
        #expect(first == run())
        #expect(first.count { $0.contains(">") } > 200)
    }
}
