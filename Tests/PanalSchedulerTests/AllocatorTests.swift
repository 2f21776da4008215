import PanalCore
import PanalScheduler
import Testing

/// UnaCloud's algorithms, each with its order of hosts, its order of jobs and its rule, on an example to which each of them, and
/// Panal's own, gives another answer.
@Suite struct AllocatorTests {
    /// By number: `d` with 6 of 8 cores free and 1 job, `c` with 3 free, 1 job and a desk, `b` with 4 free and 2 jobs, `a` empty.
    private static func player(_ allocator: Allocator) -> Player {
        let hosts = [
            host(8, name: "d"), host(8, name: "c", isDesk: true), host(8, name: "b"), host(8, name: "a"),
        ]
        var player = Player(
            hosts,
            ScheduleSettings(policy: SchedulingPolicy(order: .allocators, backfill: .greedy, allocator: allocator)))
        func adopt(_ number: Int64, _ held: [(host: Int, cores: Range<Int>)]) {
            let reservations = held.map {
                Reservation(host: HostID(number: $0.host), cores: Array($0.cores), millicores: 0, memory: 1)
            }
            let demand = JobDemand(
                cells: held.map { CellDemand(ResourceRequest(cpu: .exclusive(cores: $0.cores.count), memory: 1)) },
                timeLimit: .seconds(100))
            _ = player.apply(
                .adopt(Ticket(number: number), demand, reservations, started: Timestamp(microseconds: 0)), at: 0)
        }
        adopt(1, [(0, 0..<2)])
        adopt(2, [(1, 0..<5)])
        adopt(3, [(2, 0..<2)])
        adopt(4, [(2, 2..<4)])
        // All that is left, so that the jobs that come wait, and are decided on together when it ends.
        adopt(5, [(0, 2..<8), (1, 5..<8), (2, 4..<8), (3, 0..<8)])
        return player
    }

    private static let wanted: [(Int64, Int)] = [(11, 1), (12, 5), (13, 2)]

    static let answers: [(Allocator, String)] = [
        // The fullest host that has room, jobs as they came.
        (.packed, "11>1, 12>0, 13>1"),
        // By name a, b, c, d, one job for each and pass; 12 fits neither b nor c and is offered to d; 13 begins the next pass.
        (.roundRobin, "11>3, 12>0, 13>3"),
        // By number.
        (.firstFit, "11>0, 12>0, 13>1"),
        // Most cores first. Hosts stand as c, b, d, a until the end, although d has the least after 12: 11 goes to c.
        (.firstFitDecreasing, "12>0, 13>1, 11>1"),
        // The same, sorted again: d and c have one core each for 11, and d is the first of them.
        (.bestFit, "12>0, 13>1, 11>0"),
        // b has the most jobs, but no 5 cores; nor has c, the next because of its desk. Then d has two jobs and fewer cores than b.
        (.sorting, "12>0, 13>2, 11>2"),
        // Only a is empty.
        (.singleton, "11>3"),
    ]

    @Test(arguments: answers) func hasItsOwnOrder(_ allocator: Allocator, _ answer: String) {
        var player = Self.player(allocator)
        for (number, count) in Self.wanted { #expect(player.submit(number, cores(count, for: 10), at: 1) == "") }
        #expect(player.end(5, at: 2) == answer)
        #expect(Set(Self.answers.map(\.1)).count == Self.answers.count)
    }

    /// `random`: jobs in any order, any host that has room.
    @Test func randomTakesAnyJobFirstAndAnyHost() {
        var firsts: Set<Substring> = []
        for round in 0..<60 as Range<Int64> {
            var player = Self.player(.random)
            // Other tickets, another order.
            for (number, count) in Self.wanted {
                #expect(player.submit(round * 100 + number, cores(count, for: 10), at: 1) == "")
            }
            let starts = player.end(5, at: 2).split(separator: ", ")
            #expect(starts.count == 3)
            if let first = starts.first { firsts.insert(first.split(separator: ">")[0].suffix(2)) }
        }
        #expect(firsts == ["11", "12", "13"])
        var player = Self.player(.random)
        _ = player.end(5, at: 2)
        var places: Set<Substring> = []
        for number in 100..<200 as Range<Int64> {
            places.insert(player.submit(number, cores(1, for: 10), at: 3).suffix(2))
            #expect(player.end(number, at: 3) == "")
        }
        #expect(places == [">0", ">1", ">2", ">3"])
    }

    /// A job, a group or a user may have another allocator than the policy's.
    @Test func aJobsOwnAllocatorGoesBeforeThePolicys() {
        var player = Self.player(.firstFit)
        #expect(player.submit(11, cores(1, for: 10, allocator: .bestFit), at: 1) == "")
        #expect(player.submit(12, cores(1, for: 10), at: 1) == "")
        #expect(player.end(5, at: 2) == "11>1, 12>0")
    }

    // MARK: - UnaCloud's defects

    /// UnaCloud's random algorithm gave up in silence with more than two jobs for each host.
    @Test func randomPlacesAsManyAsThereIsRoomFor() {
        let policy = SchedulingPolicy(order: .allocators, backfill: .greedy, allocator: .random)
        var player = Player(hosts(8), ScheduleSettings(policy: policy))
        for number in 1...8 as ClosedRange<Int64> {
            #expect(player.submit(number, cores(1, for: 10), at: 0) == "\(number)>0")
        }
        #expect(player.submit(9, cores(1, for: 10), at: 0) == "")
        #expect(player.end(3, at: 1) == "9>0")
    }

    /// UnaCloud counted addresses as taken whenever it asked whether something fits.
    @Test(arguments: Allocator.allCases) func askingWhetherItFitsTakesNothing(_ allocator: Allocator) {
        let policy = SchedulingPolicy(order: .allocators, backfill: .greedy, allocator: allocator)
        var player = Player(hosts(4, 4), ScheduleSettings(policy: policy))
        #expect(player.submit(1, cores(3, for: 10, cells: 2), at: 0) != "")
        let free = player.state.unreservedMemory
        // A gang of which a part would fit, asked about again and again.
        #expect(player.submit(2, cores(1, for: 10, cells: allocator == .singleton ? 2 : 3), at: 0) == "")
        for second in 1...100 as ClosedRange<Int64> { #expect(player.apply(.tick, at: second) == "") }
        #expect(player.state.freeCores == 2)
        #expect(player.state.unreservedMemory == free)
        #expect(player.end(1, at: 101).hasPrefix("2>"))
    }

    /// In UnaCloud what did not fit was an error.
    @Test(arguments: Allocator.allCases) func whatDoesNotFitNowWaits(_ allocator: Allocator) {
        let policy = SchedulingPolicy(order: .allocators, backfill: .greedy, allocator: allocator)
        var player = Player(hosts(4), ScheduleSettings(policy: policy))
        #expect(player.submit(1, cores(4, for: 10), at: 0) == "1>0")
        #expect(player.submit(2, cores(4, for: 10), at: 0) == "")
        #expect(player.end(1, at: 1) == "2>0")
    }
}
