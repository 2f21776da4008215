import PanalCore
import PanalScheduler
import Synchronization
import Testing

/// Gangs whose members are jobs of their own once they have started.
@Suite struct GangTests {
    /// Members with these tickets, which is told to the schedule as the first of them.
    private static func gang(
        _ members: ClosedRange<Int64>, _ count: Int, for seconds: Int64, user: String = "",
        priority: PriorityClass = .normal
    ) -> JobDemand {
        var demand = cores(count, for: seconds, user: user, priority: priority, cells: members.count)
        demand.members = members.map { Ticket(number: $0) }
        return demand
    }

    static let plays: [Play] = [
        Play(
            "members start in one step and end one by one",
            [
                submit(0, 1, gang(1...2, 2, for: 10), "1>0, 2>0"), submit(0, 3, cores(2, for: 10)), end(5, 2, "3>0"),
                end(6, 1), end(6, 1), submit(6, 4, cores(2, for: 10), "4>0"),
            ]),
        Play(
            "none starts before there is room for all",
            [
                submit(0, 1, cores(3, for: 10), "1>0"), submit(0, 2, gang(2...3, 1, for: 10)),
                submit(1, 4, cores(1, for: 10), "4>0"), end(5, 1, "2>0, 3>0"),
            ]),
        Play(
            "on several hosts", hosts: hosts(2, 1),
            [submit(0, 1, gang(1...3, 1, for: 10), "1>1, 2>0, 3>0"), end(1, 3), submit(1, 4, cores(1, for: 1), "4>0")]),
        Play(
            "who withdraws one of them withdraws all, and one that has started nobody",
            [
                submit(0, 1, cores(3, for: 10), "1>0"), submit(0, 2, gang(2...3, 1, for: 10)),
                step(1, .withdraw(Ticket(number: 3))), submit(2, 4, gang(4...5, 1, for: 10)),
                end(5, 1, "4>0, 5>0"), step(6, .withdraw(Ticket(number: 5))), submit(6, 6, cores(3, for: 1)),
                end(7, 5, "6>0"),
            ]),
        Play(
            "a member is known from the beginning: its ticket is taken, and it cannot end before it has started",
            [
                submit(0, 1, cores(3, for: 10), "1>0"), submit(0, 2, gang(2...3, 1, for: 10)),
                submit(0, 3, cores(1, for: 1)), submit(0, 4, gang(3...4, 1, for: 1)), end(1, 3),
                end(5, 1, "2>0, 3>0"),
            ]),
        Play(
            "it counts as many jobs as it has members where jobs are counted",
            settings: ScheduleSettings(queueLimit: 3, users: AccountLimits(runningJobs: 3, queuedJobs: 2)),
            [
                submit(0, 1, cores(1, for: 10, user: "a"), "1>0"), submit(0, 2, cores(1, for: 10, user: "a"), "2>0"),
                // One may still start, two may not; a third that waits is too many.
                submit(1, 3, gang(3...4, 1, for: 10, user: "a")),
                submit(1, 5, cores(2, for: 10, user: "b"), "5>0"),
                submit(1, 6, gang(6...7, 1, for: 10, user: "b"), "6 refused"),
                submit(2, 8, gang(8...11, 1, for: 10, user: "c"), "8 refused"),
                end(3, 5), end(4, 1, "3>0, 4>0"), submit(5, 12, cores(1, for: 10, user: "a")),
                submit(5, 13, gang(13...14, 1, for: 1, user: "a"), "13 refused"), end(6, 4, "12>0"),
            ]),
        Play(
            "it starts before the head only where the promise holds",
            [
                submit(0, 1, cores(2, for: 100), "1>0"), submit(0, 2, cores(4, for: 10)),
                submit(1, 3, gang(3...4, 1, for: 50), "3>0, 4>0"), end(20, 3), end(21, 4),
                submit(60, 5, gang(5...6, 1, for: 50)), submit(60, 7, gang(7...8, 1, for: 40), "7>0, 8>0"),
                end(80, 7), end(81, 8), end(100, 1, "2>0"),
            ]),
        Play(
            "guests freeze for it, and thaw when one of its members gives their core back",
            hosts: [host(2, forGuests: 2)],
            [
                submit(0, 1, cores(2, for: 10, priority: .opportunistic), "1>0"),
                submit(1, 2, gang(2...3, 1, for: 10), "1 frozen, 2>0, 3>0"), end(2, 2), end(3, 3, "1 thawed"),
            ]),
        Play(
            "as many members as cells, each once",
            [
                submit(0, 1, named([1, 2], cells: 3), "1 refused"), submit(0, 1, named([1, 1], cells: 2), "1 refused"),
                submit(0, 1, named([1, 2, 3], cells: 2), "1 refused"),
                submit(0, 1, named([1, 2], cells: 2), "1>0, 2>0"),
            ]),
        Play(
            "one that never fits is refused as a whole, and its tickets are free",
            [submit(0, 1, gang(1...5, 1, for: 1), "1 refused"), submit(0, 2, cores(4, for: 1), "2>0")]),
    ]

    private static func named(_ members: [Int64], cells: Int) -> JobDemand {
        var demand = cores(1, for: 10, cells: cells)
        demand.members = members.map { Ticket(number: $0) }
        return demand
    }

    @Test(arguments: plays) func startsTogether(_ play: Play) { #expect(play.mistakes() == []) }

    /// What is used and charged is what its members would use by themselves, and each holds what it was told.
    @Test func membersAreCountedAsJobs() {
        var gangs = Player([host(4)], ScheduleSettings())
        #expect(gangs.submit(1, Self.gang(1...2, 2, for: 100, user: "ana"), at: 0) == "1>0, 2>0")
        #expect(gangs.state.runningCount == 2 && gangs.state.freeCores == 0)
        #expect(gangs.state.reservations(of: Ticket(number: 1))?.map(\.cores) == [[0, 1]])
        #expect(gangs.state.reservations(of: Ticket(number: 2))?.map(\.cores) == [[2, 3]])
        var single = Player([host(4)], ScheduleSettings())
        for number: Int64 in 1...2 { _ = single.submit(number, cores(2, for: 100, user: "ana"), at: 0) }
        for (number, moment) in [(Int64(1), Int64(10)), (2, 30)] {
            #expect(gangs.end(number, at: moment) == single.end(number, at: moment))
        }
        // Whoever has used less comes first: equal use is equal order.
        for second in [31, 32] as [Int64] {
            let number = second * 10
            for user in ["ana", "ben"] {
                let demand = cores(4, for: 7, user: user)
                let ticket = number + (user == "ana" ? 1 : 2)
                #expect(gangs.submit(ticket, demand, at: second) == single.submit(ticket, demand, at: second))
            }
        }
        #expect(gangs.state.queue(limit: 9) == single.state.queue(limit: 9))
    }

    /// A member that waits says what its gang waits for; the line shows the gang once.
    @Test func membersWaitAsTheirGangDoes() throws {
        var player = Player([host(4)], ScheduleSettings())
        #expect(player.submit(1, cores(3, for: 60), at: 0) == "1>0")
        #expect(player.submit(2, Self.gang(2...3, 1, for: 60), at: 0) == "")
        for number: Int64 in 2...3 {
            let report = try #require(player.state.waitingReport(Ticket(number: number)))
            #expect(report.reason.sentence.hasPrefix("needs 2 cells with 2 cores at the same time, 1 is free"))
            #expect(report.estimatedStart == Timestamp(microseconds: 60_000_000))
        }
        #expect(player.state.queue(limit: 9).map(\.ticket.number) == [2])
        #expect(player.state.waitingCount == 2)
        _ = player.apply(.host(HostID(number: 0), .closed), at: 1)
        #expect(player.state.waitingWithoutHost().map(\.number) == [2, 3])
    }

    /// The moment at which a gang is refused may be that in which somebody else has waited for long enough.
    @Test func whatStartsBesideARefusedGangIsTold() async {
        let clock = SetClock()
        let settings = ScheduleSettings(queueLimit: 2, promotion: .seconds(10))
        let scheduler = Scheduler(state: ScheduleState(hosts: [host(4)], settings: settings), clock: clock)
        // The second is the head and wants all; the third would be in its way, until it has gone up two classes and is the head itself.
        _ = await scheduler.submit(Ticket(number: 1), cores(3, for: 100, user: "a"))
        _ = await scheduler.submit(Ticket(number: 2), cores(4, for: 10, user: "a"))
        let waits = await scheduler.submit(Ticket(number: 3), cores(1, for: 500, user: "b", priority: .low))
        #expect(waits.isEmpty)
        clock.set(.seconds(10))
        #expect(await scheduler.apply(.tick).isEmpty)
        clock.set(.seconds(20))
        let gang = (4...5).map { (ticket: Ticket(number: $0), demand: cores(1, for: 10, user: "c")) }
        var (started, refused): ([Int64], [Int64]) = ([], [])
        for action in await scheduler.submit(gang: gang) {
            switch action {
            case .start(let ticket, _): started.append(ticket.number)
            case .refuse(let ticket, _): refused.append(ticket.number)
            case .freeze, .thaw: Issue.record("\(action)")
            }
        }
        #expect(started == [3])
        #expect(refused == [4, 5])
        #expect(await scheduler.running == 2)
        #expect(await scheduler.waiting == 1)
    }

    /// Equal cells are one kind, in their order; what else the demand says is the first one's.
    @Test func demandOfAGang() {
        let jobs = [cores(1, for: 5, user: "ana"), cores(1, for: 9, user: "ana"), part(500, for: 7, user: "ana")]
        let gang = JobDemand.gang(of: jobs.enumerated().map { (Ticket(number: Int64($0)), $1) })
        #expect(gang?.cells.map(\.count) == [2, 1])
        #expect(gang?.millicores == 2_500)
        #expect(gang?.timeLimit == .seconds(9))
        #expect(gang?.user == "ana")
        #expect(gang?.members.map(\.number) == [0, 1, 2])
        #expect(JobDemand.gang(of: []) == nil)
    }
}

/// A clock that stands where it was set, from 0 on.
private final class SetClock: WallClock {
    private let moment = Mutex(Duration.zero)

    func set(_ moment: Duration) { self.moment.withLock { $0 = moment } }
    func now() -> Timestamp { Timestamp(microseconds: 0) + elapsed() }
    func elapsed() -> Duration { moment.withLock(\.self) }
}
