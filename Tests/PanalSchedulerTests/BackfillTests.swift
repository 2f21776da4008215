import PanalCore
import PanalScheduler
import Testing

/// Backfill (EASY): what starts before the head, and that nothing breaks the promise to it.
@Suite struct BackfillTests {
    private static func limits(_ user: AccountLimits) -> ScheduleSettings {
        ScheduleSettings(policy: .easy, namedUsers: ["a": user])
    }

    private static let mixed = JobDemand(
        cells: [
            CellDemand(ResourceRequest(cpu: .exclusive(cores: 1), memory: 1 << 30)),
            CellDemand(ResourceRequest(cpu: .exclusive(cores: 1), memory: 8 << 30)),
        ], timeLimit: .seconds(10))

    private static let simple: [Play] = [
        Play(
            "a short one passes a blocked head: it ends when the head may start",
            [
                submit(0, 1, cores(3, for: 100), "1>0"), submit(0, 2, cores(4, for: 50)),
                submit(0, 3, cores(1, for: 100), "3>0"),
            ]
        ),
        Play(
            "a second longer, and it would delay the head",
            [
                submit(0, 1, cores(3, for: 100), "1>0"), submit(0, 2, cores(4, for: 50)),
                submit(0, 3, cores(1, for: 101)),
                end(100, 1, "2>0"),
            ]),
        Play(
            "a long one starts where the head leaves it a core, and only as many as it leaves",
            hosts: [host(8)],
            [
                submit(0, 1, cores(6, for: 100), "1>0"), submit(0, 2, cores(7, for: 50)),
                submit(0, 3, cores(1, for: 1_000), "3>0"), submit(0, 4, cores(1, for: 1_000)),
                submit(0, 5, cores(1, for: 100), "5>0"), end(100, 5), end(100, 1, "2>0"),
            ]),
        Play(
            "first come first served starts nothing before the head", policy: .firstCome,
            [submit(0, 1, cores(3, for: 100), "1>0"), submit(0, 2, cores(4, for: 50)), submit(0, 3, cores(1, for: 1))]),
        Play(
            "a long one takes the host that was not promised, although the other comes first",
            hosts: hosts(4, 4),
            [
                submit(0, 1, cores(3, for: 100), "1>0"), submit(0, 2, cores(3, for: 200), "2>1"),
                submit(0, 3, cores(4, for: 10)), submit(0, 4, cores(1, for: 1_000), "4>1"), end(100, 1, "3>0"),
            ]),
        Play(
            "what waits is looked at when something ends, in its order",
            [
                submit(0, 1, cores(2, for: 100), "1>0"), submit(0, 2, cores(2, for: 100), "2>0"),
                submit(0, 3, cores(4, for: 10)), submit(0, 4, cores(2, for: 91)), submit(0, 5, cores(1, for: 90)),
                submit(0, 6, cores(1, for: 90)), end(10, 1, "5>0, 6>0"),
            ]),
        Play(
            "memory is part of the promise",
            hosts: [host(4, gibibytes: 8)],
            [
                submit(0, 1, cores(1, for: 100, gibibytes: 6), "1>0"), submit(0, 2, cores(1, for: 10, gibibytes: 7)),
                submit(0, 3, cores(1, for: 101, gibibytes: 2)), submit(0, 4, cores(1, for: 101), "4>0"),
            ]),
        Play(
            "a part of a core keeps the promise of a whole one",
            hosts: [host(2)],
            [
                submit(0, 1, cores(1, for: 100), "1>0"), submit(0, 2, cores(2, for: 10)),
                submit(0, 3, part(500, for: 101)),
                submit(0, 4, part(500, for: 100), "4>0"),
            ]),
        Play(
            "a head that wants a part of a core leaves the other part for longer",
            hosts: [host(1)],
            [
                submit(0, 1, part(700, for: 100), "1>0"), submit(0, 2, part(300, for: 10), "2>0"),
                submit(0, 3, part(600, for: 50)), submit(0, 4, part(300, for: 1_000)), end(5, 2, "4>0"),
                end(100, 1, "3>0"),
            ]),
        Play(
            "something runs for longer than it may: the head goes first all the same",
            [
                submit(0, 1, cores(3, for: 100), "1>0"), submit(0, 2, cores(4, for: 10)),
                submit(150, 3, cores(1, for: 1)), end(160, 1, "2>0"),
            ]),
    ]

    private static let gangs: [Play] = [
        Play(
            "a gang starts when there is room for all of it, and keeps what it was promised",
            hosts: hosts(2, 2),
            [
                submit(0, 1, cores(2, for: 100), "1>0"), submit(0, 2, cores(2, for: 50), "2>1"),
                submit(0, 3, cores(2, for: 10, cells: 2)), end(50, 2), submit(50, 4, cores(2, for: 51)),
                submit(50, 5, cores(2, for: 50), "5>1"), end(100, 5), end(100, 1, "3>0+1"),
            ]),
        Play(
            "cells of one gang share a host where they fit",
            hosts: hosts(2, 4), [submit(0, 1, cores(2, for: 10, cells: 3), "1>0+1+1")]),
        Play(
            "a gang that fits on no hosts is refused, one that fits exactly is not",
            hosts: hosts(2, 3),
            [submit(0, 1, cores(2, for: 1, cells: 3), "1 refused"), submit(0, 2, cores(2, for: 1, cells: 2), "2>0+1")]),
        Play(
            "a gang of several kinds starts, although the fullest host is no place for its first cell",
            hosts: [host(2, gibibytes: 7, name: "x"), host(1, gibibytes: 8, name: "y")], [submit(0, 1, mixed, "1>0+1")]),
        Play(
            "a job that wants a host for itself is promised an empty one",
            hosts: hosts(4, 4),
            [
                submit(0, 1, cores(3, for: 100), "1>0"), submit(0, 2, cores(3, for: 200), "2>1"),
                submit(0, 3, cores(1, for: 10, allocator: .singleton)), submit(0, 4, cores(1, for: 101), "4>1"),
                submit(0, 5, cores(1, for: 100), "5>0"), end(99, 1), end(100, 5, "3>0"),
            ]),
    ]

    private static let accounts: [Play] = [
        Play(
            "nobody takes what the head may still have of its user's cores",
            hosts: [host(8)], settings: limits(AccountLimits(runningCores: 4)),
            [
                submit(0, 1, cores(6, for: 100, user: "b"), "1>0"), submit(0, 2, cores(4, for: 10, user: "a")),
                submit(0, 3, cores(1, for: 1_000, user: "a")), submit(0, 4, cores(1, for: 50, user: "a")),
                submit(0, 5, cores(1, for: 1_000, user: "b"), "5>0"), end(100, 1, "2>0"), end(110, 2, "3>0, 4>0"),
            ]),
        Play(
            "nor what it may still have of its user's jobs",
            hosts: [host(8)], settings: limits(AccountLimits(runningJobs: 1)),
            [
                submit(0, 1, cores(6, for: 100, user: "b"), "1>0"), submit(0, 2, cores(4, for: 10, user: "a")),
                submit(0, 3, cores(1, for: 10, user: "a")), end(100, 1, "2>0"), end(110, 2, "3>0"),
            ]),
        Play(
            "where the line knows no accounts, the limits of nobody in particular hold nobody else back",
            settings: ScheduleSettings(
                policy: .easy, users: AccountLimits(runningCores: 2), namedUsers: ["a": AccountLimits(runningCores: 4)]),
            [
                submit(0, 1, cores(4, for: 10, user: "a"), "1>0"),
                submit(0, 2, cores(3, for: 10, user: "b"), "2 refused"),
            ]),
    ]

    @Test(arguments: simple + gangs + accounts) func startsBesideTheHeadOnlyWhatDoesNotDelayIt(_ play: Play) {
        #expect(play.mistakes() == [])
    }

    /// A more urgent job may come before the head. What the head was promised is then said anew, and no longer what it was.
    @Test func saysThePromiseAnewWhenAMoreUrgentJobHasStarted() {
        var player = Player([host(4)], ScheduleSettings(policy: .easy))
        #expect(player.submit(1, cores(2, for: 100), at: 0) == "1>0")
        #expect(player.submit(2, cores(4, for: 10), at: 0) == "")
        #expect(player.state.promised?.moment == Timestamp(microseconds: 100_000_000))
        #expect(player.submit(3, cores(2, for: 500, priority: .high), at: 0) == "3>0")
        #expect(player.state.promised == nil)
        #expect(player.apply(.tick, at: 1) == "")
        #expect(player.state.promised?.moment == Timestamp(microseconds: 500_000_000))
    }

    /// Six hundred jobs of a user who may have one at a time stand before the only one of somebody else.
    @Test func whoIsAtALimitHoldsNobodyElseBack() {
        for policy in [SchedulingPolicy.easy, .firstCome, .standard] {
            let settings = ScheduleSettings(policy: policy, namedUsers: ["a": AccountLimits(runningJobs: 1)])
            var player = Player([host(2)], settings)
            #expect(player.submit(1, cores(2, for: 100, user: "b"), at: 0) == "1>0")
            for number in 2...600 { #expect(player.submit(Int64(number), cores(1, for: 100, user: "a"), at: 0) == "") }
            #expect(player.submit(601, cores(1, for: 100, user: "c"), at: 0) == "")
            #expect(Set(player.end(1, at: 100).split(separator: ", ")) == ["2>0", "601>0"])
        }
    }

    /// Where only some of many hosts are looked at for a promise, it never becomes later, and it is kept.
    @Test func keepsItsPromisesOnManyHosts() {
        var generator = SeededGenerator(seed: 5)
        let many = (0..<200).map { host(4, gibibytes: 8, name: "h\($0)") }
        var player = Player(many, ScheduleSettings(policy: .easy, queueLimit: 100))
        var ends: [Int64: Int64] = [:]
        var promises: [Int64: Int64] = [:]
        var second: Int64 = 0
        var kept = 0
        func note(_ actions: [ScheduleAction], _ limits: [Int64: Int64]) {
            for case .start(let ticket, _) in actions {
                ends[ticket.number] = second + (limits[ticket.number] ?? 0)
                if let promise = promises[ticket.number] {
                    #expect(second <= promise)
                    kept += 1
                }
            }
            guard let promised = player.state.promised else { return }
            let moment = promised.moment.microseconds / 1_000_000
            if let earlier = promises[promised.ticket.number] { #expect(moment <= earlier) }
            promises[promised.ticket.number] = moment
        }
        var limits: [Int64: Int64] = [:]
        for number in 1...6_000 as ClosedRange<Int64> {
            let limit = Int64.random(in: 1...2_000, using: &generator)
            limits[number] = limit
            let demand = cores(
                Int.random(in: 1...4, using: &generator), for: limit,
                gibibytes: Int.random(in: 1...8, using: &generator))
            note(
                player.state.apply(
                    .submit(Ticket(number: number), demand), at: .init(microseconds: second * 1_000_000)), limits)
            second += Int64.random(in: 0...5, using: &generator)
            let now = second
            while let next = ends.min(by: { ($0.value, $0.key) < ($1.value, $1.key) }), next.value <= now {
                second = next.value
                ends[next.key] = nil
                note(
                    player.state.apply(
                        .finished(Ticket(number: next.key)), at: .init(microseconds: second * 1_000_000)), limits)
            }
            second = now
        }
        #expect(kept > 200)
    }
}
