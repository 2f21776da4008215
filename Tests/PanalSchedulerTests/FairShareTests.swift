import PanalCore
import PanalScheduler
import Testing

/// Who comes first: fair share with decay, priority classes, promotion.
@Suite struct FairShareTests {
    private static func settings(
        halfLife: Int64 = 1 << 40, promotion: Duration? = nil, users: [String: AccountLimits] = [:],
        groups: [String: AccountLimits] = [:], queueLimit: Int = 20_000
    ) -> ScheduleSettings {
        ScheduleSettings(
            queueLimit: queueLimit, usageHalfLife: .seconds(halfLife), promotion: promotion, namedUsers: users,
            namedGroups: groups)
    }

    static let plays: [Play] = [
        Play(
            "a light user overtakes one who has used the machine",
            hosts: [host(1)], settings: settings(),
            [
                submit(0, 1, cores(1, for: 100, user: "a"), "1>0"), submit(0, 2, cores(1, for: 100, user: "a")),
                submit(0, 3, cores(1, for: 100, user: "b")), end(100, 1, "3>0"), end(200, 3, "2>0"),
            ]),
        Play(
            "what runs is charged by its time limit, so that nobody takes everything before it is counted",
            hosts: [host(3)], settings: settings(),
            [
                submit(0, 1, cores(1, for: 1_000, user: "a"), "1>0"),
                submit(0, 2, cores(1, for: 100, user: "b"), "2>0"),
                submit(0, 3, cores(1, for: 9, user: "c"), "3>0"), submit(0, 4, cores(1, for: 1, user: "a")),
                submit(0, 5, cores(1, for: 1, user: "b")), end(9, 3, "5>0"),
            ]),
        Play(
            "what has ended is charged by what it used",
            hosts: [host(1)], settings: settings(),
            [
                submit(0, 1, cores(1, for: 1_000, user: "a"), "1>0"), end(10, 1),
                submit(10, 2, cores(1, for: 100, user: "b"), "2>0"), submit(10, 3, cores(1, for: 1, user: "b")),
                submit(10, 4, cores(1, for: 1, user: "a")), end(110, 2, "4>0"),
            ]),
        Play(
            "after many half-lives what somebody used long ago is nothing",
            hosts: [host(1)], settings: settings(halfLife: 1_000),
            [
                submit(0, 1, cores(1, for: 900, user: "a"), "1>0"), end(900, 1),
                submit(10_900, 2, cores(1, for: 400, user: "b"), "2>0"), submit(10_900, 3, cores(1, for: 1, user: "b")),
                submit(10_900, 4, cores(1, for: 1, user: "a")), end(11_300, 2, "4>0"),
            ]),
        Play(
            "with a long half-life it still counts",
            hosts: [host(1)], settings: settings(),
            [
                submit(0, 1, cores(1, for: 900, user: "a"), "1>0"), end(900, 1),
                submit(10_900, 2, cores(1, for: 400, user: "b"), "2>0"), submit(10_900, 3, cores(1, for: 1, user: "a")),
                submit(10_900, 4, cores(1, for: 1, user: "b")), end(11_300, 2, "4>0"),
            ]),
        Play(
            "a job that runs over 200 half-lives is charged in full",
            hosts: [host(2)], settings: settings(halfLife: 60),
            [
                submit(0, 1, cores(1, for: 20_000, user: "a"), "1>0"),
                submit(12_150, 2, cores(1, for: 10, user: "b"), "2>0"), end(12_160, 2),
                submit(12_170, 3, cores(1, for: 100, user: "c"), "3>0"), submit(12_170, 4, cores(1, for: 1, user: "a")),
                submit(12_170, 5, cores(1, for: 1, user: "b")), end(12_200, 1, "5>0"),
            ]),
        Play(
            "a shorter half-life from now on does not forget what was used until now",
            hosts: [host(1)], settings: settings(halfLife: 100_000),
            [
                submit(0, 1, cores(1, for: 900, user: "a"), "1>0"), end(900, 1),
                step(900, .configure(settings(halfLife: 60))), submit(900, 2, cores(1, for: 10, user: "b"), "2>0"),
                end(910, 2), submit(910, 3, cores(1, for: 60, user: "c"), "3>0"),
                submit(910, 4, cores(1, for: 1, user: "a")), submit(910, 5, cores(1, for: 1, user: "b")),
                end(920, 3, "5>0"),
            ]),
        Play(
            "high comes before normal, normal before low, whoever has used how much",
            hosts: [host(1)], settings: settings(),
            [
                submit(0, 1, cores(1, for: 10, user: "a"), "1>0"),
                submit(0, 2, cores(1, for: 10, user: "b", priority: .low)),
                submit(0, 3, cores(1, for: 10, user: "b")), submit(0, 4, cores(1, for: 10, user: "a", priority: .high)),
                end(10, 1, "4>0"), end(20, 4, "3>0"), end(30, 3, "2>0"),
            ]),
        Play(
            "who waits goes up a class each time that it has waited long enough",
            hosts: [host(1)], settings: settings(promotion: .seconds(100)),
            [
                submit(0, 1, cores(1, for: 1_000), "1>0"), submit(0, 2, cores(1, for: 10, priority: .low)),
                submit(100, 3, cores(1, for: 10)), step(200, .tick), submit(200, 4, cores(1, for: 10, priority: .high)),
                end(201, 1, "2>0"), end(202, 2, "3>0"),
            ]),
        Play(
            "without promotion the class decides for ever",
            hosts: [host(1)], settings: settings(),
            [
                submit(0, 1, cores(1, for: 1_000), "1>0"), submit(0, 2, cores(1, for: 10, priority: .low)),
                submit(100, 3, cores(1, for: 10)), step(200, .tick), submit(200, 4, cores(1, for: 10, priority: .high)),
                end(201, 1, "4>0"), end(202, 4, "3>0"),
            ]),
        Play(
            "promotion that is switched on counts the time that was waited before",
            hosts: [host(1)], settings: settings(),
            [
                submit(0, 1, cores(1, for: 1_000), "1>0"), submit(0, 2, cores(1, for: 10, priority: .low)),
                submit(0, 3, cores(1, for: 10)), step(150, .configure(settings(promotion: .seconds(100)))),
                step(160, .tick), step(260, .tick), submit(260, 4, cores(1, for: 10, priority: .high)),
                end(261, 1, "2>0"), end(262, 2, "3>0"),
            ]),
    ]

    @Test(arguments: plays) func ordersTheLine(_ play: Play) {
        #expect(play.mistakes() == [])
    }

    /// One core, jobs of ten seconds, everybody has always some waiting: who got how many of 120?
    private func turns(_ settings: ScheduleSettings, _ accounts: [(user: String, group: String)]) -> [String: Int] {
        var player = Player([host(1)], settings)
        var owners: [Int64: String] = [:]
        var number: Int64 = 0
        for _ in 0..<120 {
            for account in accounts {
                number += 1
                owners[number] = account.user
                _ = player.submit(number, cores(1, for: 10, user: account.user, group: account.group), at: 0)
            }
        }
        var counts: [String: Int] = [:]
        var running: Int64 = 1
        for turn in 1...120 as ClosedRange<Int64> {
            counts[owners[running] ?? "", default: 0] += 1
            guard let next = Int64(player.end(running, at: turn * 10).split(separator: ">").first ?? "") else { break }
            running = next
        }
        return counts
    }

    @Test func sharesDivideTheMachine() {
        let users = turns(Self.settings(users: ["a": AccountLimits(share: 3)]), [("a", ""), ("b", "")])
        #expect(users == ["a": 90, "b": 30])
        // Groups first, then the users of each.
        let groups = turns(Self.settings(), [("a", "one"), ("b", "one"), ("c", "two")])
        #expect(groups == ["a": 30, "b": 30, "c": 60])
        // A share that is none counts as 1.
        for share in [0, -1, Double.nan, .infinity] {
            let odd = turns(Self.settings(users: ["a": AccountLimits(share: share)]), [("a", ""), ("b", "")])
            #expect(odd == ["a": 60, "b": 60])
        }
    }

    @Test func tenThousandJobsOfOneUserHoldNobodyUp() {
        var player = Player([host(1)], Self.settings())
        #expect(player.submit(1, cores(1, for: 10, user: "a"), at: 0) == "1>0")
        for number in 2...10_001 as ClosedRange<Int64> {
            #expect(player.submit(number, cores(1, for: 10, user: "a"), at: 0) == "")
        }
        #expect(player.submit(10_002, cores(1, for: 10, user: "b"), at: 0) == "")
        #expect(player.state.waitingReport(Ticket(number: 10_002))?.ahead == 0)
        #expect(player.end(1, at: 10) == "10002>0")
        #expect(player.end(10_002, at: 20) == "2>0")
    }

    /// A job of the lowest class starts although more urgent ones never cease: once it has waited through the classes it is the first,
    /// since among equals whoever came first is.
    @Test func nobodyStarves() {
        var player = Player([host(1)], Self.settings(promotion: .seconds(100)))
        #expect(player.submit(1, cores(1, for: 10, priority: .high), at: 0) == "1>0")
        #expect(player.submit(2, cores(1, for: 10, priority: .low), at: 0) == "")
        #expect(player.state.nextDeadline == Timestamp(microseconds: 100_000_000))
        var running: Int64 = 1
        var started: Int64?
        for turn in 1...40 as ClosedRange<Int64> where started == nil {
            _ = player.submit(turn + 2, cores(1, for: 10, priority: .high), at: turn * 10)
            let answer = player.end(running, at: turn * 10)
            running = Int64(answer.split(separator: ">").first ?? "") ?? 0
            if running == 2 { started = turn * 10 }
        }
        #expect(started == 200)
    }

    /// Where very many have waited for the same time, each event takes some of them up, in their order, until all are there.
    @Test func noEventIsHeldUpByThoseWhoGoUp() {
        var player = Player([host(1)], Self.settings(promotion: .seconds(100)))
        #expect(player.submit(1, cores(1, for: 10_000), at: 0) == "1>0")
        for number in 2...301 as ClosedRange<Int64> {
            #expect(player.submit(number, cores(1, for: 10, priority: .low), at: 0) == "")
        }
        #expect(player.submit(302, cores(1, for: 10), at: 50) == "")
        var events = 0
        while let due = player.state.nextDeadline, due.microseconds <= 100_000_000, events < 200 {
            #expect(player.apply(.tick, at: 100) == "")
            events += 1
        }
        #expect((50...100).contains(events))
        // All of them stand before the one that came later.
        #expect(player.state.waitingReport(Ticket(number: 302))?.ahead == 300)
    }
}
