import PanalCore
import PanalScheduler
import Testing

/// Which cores and hosts: hardware threads, caches, memory nodes, pools, closed hosts.
@Suite struct PlaceTests {
    /// Two memory nodes of two caches of four cores of two threads: core n has the threads n and n + 16.
    private static let large = HostDescription(
        name: "large",
        cores: (0..<16).map { CoreDescription(threads: [$0, $0 + 16], cache: $0 / 4, node: $0 / 8) }, memory: 64 << 30)

    private static func cores(_ state: ScheduleState, _ number: Int64) -> [Int]? {
        state.reservations(of: Ticket(number: number))?.flatMap { $0.cores.isEmpty ? $0.sharedCores : $0.cores }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// Whole cores that are taken one job after the other before.
        var before: [Int]
        /// Of those jobs, by number from 1, the ones that have ended again.
        var ended: [Int64] = []
        var wanted: Int
        var expected: [Int]
    }

    static let cases: [Case] = [
        Case(testDescription: "both threads of a core go together", before: [], wanted: 1, expected: [0, 16]),
        Case(
            testDescription: "a job that fits into what is left of a cache goes there",
            before: [2], wanted: 2, expected: [2, 3, 18, 19]),
        Case(
            testDescription: "one that does not takes another cache, not a part of two",
            before: [2], wanted: 3, expected: [4, 5, 6, 20, 21, 22]),
        Case(
            testDescription: "of two caches it takes the one that is left with less",
            before: [4, 1, 3, 4], ended: [2], wanted: 1, expected: [4, 20]),
        Case(
            testDescription: "what fits into no cache stays in one memory node",
            before: [4], wanted: 6, expected: [8, 9, 10, 11, 12, 13, 24, 25, 26, 27, 28, 29]),
        Case(
            testDescription: "what fits into no node takes the emptiest first",
            before: [6], wanted: 9, expected: [6] + Array(8...15) + [22] + Array(24...31)),
    ]

    @Test(arguments: cases) func takesCoresThatAreNear(_ example: Case) {
        var player = Player([Self.large], ScheduleSettings(policy: .easy))
        for (number, count) in example.before.enumerated() {
            #expect(player.submit(Int64(number + 1), PanalSchedulerTests.cores(count, for: 10), at: 0) != "")
        }
        for number in example.ended { _ = player.end(number, at: 1) }
        #expect(player.submit(99, PanalSchedulerTests.cores(example.wanted, for: 10), at: 1) == "99>0")
        #expect(Self.cores(player.state, 99) == example.expected)
    }

    @Test func threadsOfACoreAreNeverSharedBetweenJobs() {
        var player = Player([host(2, threads: 2)], ScheduleSettings(policy: .easy))
        #expect(player.submit(1, part(600, for: 10), at: 0) == "1>0")
        #expect(player.submit(2, part(400, for: 10), at: 0) == "2>0")
        // Both on the first thread of the last core; the other thread is nobody's.
        #expect(Self.cores(player.state, 1) == [1])
        #expect(Self.cores(player.state, 2) == [1])
        #expect(player.submit(3, PanalSchedulerTests.cores(1, for: 10), at: 0) == "3>0")
        #expect(Self.cores(player.state, 3) == [0, 2])
        // No thread is left, although nobody uses thread 3.
        #expect(player.submit(4, part(1, for: 10), at: 0) == "")
        #expect(player.end(1, at: 1) == "4>0")
    }

    @Test func poolsAndClosedHosts() {
        let hosts = [host(4, name: "x", pool: "a"), host(4, name: "y", pool: "b"), host(2, name: "z", pool: "b")]
        var player = Player(hosts, ScheduleSettings(policy: .easy))
        func pooled(_ count: Int, _ pools: Set<String>) -> JobDemand {
            var demand = PanalSchedulerTests.cores(count, for: 100)
            demand.pools = pools
            return demand
        }
        #expect(player.submit(1, pooled(1, ["a"]), at: 0) == "1>0")
        // A full pool does not hold the other one up.
        #expect(player.submit(2, pooled(4, ["a"]), at: 0) == "")
        #expect(player.submit(3, pooled(4, ["b"]), at: 0) == "3>1")
        #expect(player.submit(4, pooled(4, ["a", "b", "nowhere"]), at: 0) == "")
        #expect(player.submit(5, pooled(1, ["b"]), at: 0) == "5>2")
        #expect(player.submit(6, pooled(1, ["nowhere"]), at: 0) == "6 refused")
        #expect(player.submit(7, pooled(1, []), at: 0) == "7 refused")
        #expect(
            player.state.refusal(of: pooled(1, ["q", "nowhere"]))
                == "may run in nowhere, q only, and there is no such pool")
        // What is the largest is asked of the pools that it may use.
        var large = pooled(4, ["b"])
        large.cells[0].count = 2
        #expect(player.state.refusal(of: large) != nil)
        // A closed host starts nothing, and what runs there goes on.
        #expect(player.apply(.host(HostID(number: 1), .closed), at: 1) == "")
        #expect(player.end(3, at: 2) == "")
        #expect(player.state.runningCount == 2)
        #expect(player.apply(.host(HostID(number: 1), .open), at: 3) == "4>1")
        #expect(player.end(1, at: 4) == "2>0")
        // Nothing of hosts that there are not.
        #expect(player.apply(.host(HostID(number: 9), .closed), at: 5) == "")
        #expect(player.apply(.host(HostID(number: -1), .closed), at: 5) == "")
        #expect(player.apply(.presence(HostID(number: 9), true), at: 5) == "")
    }

    /// A closed host is promised to nobody, and the promise is made anew when it closes or opens.
    @Test func promisesKnowOfClosedHosts() {
        var player = Player(hosts(4, 4), ScheduleSettings(policy: .easy))
        #expect(player.submit(1, PanalSchedulerTests.cores(3, for: 100), at: 0) == "1>0")
        #expect(player.submit(2, PanalSchedulerTests.cores(3, for: 200), at: 0) == "2>1")
        #expect(player.submit(3, PanalSchedulerTests.cores(4, for: 10), at: 0) == "")
        #expect(player.state.promised?.moment == Timestamp(microseconds: 100_000_000))
        #expect(player.apply(.host(HostID(number: 0), .closed), at: 1) == "")
        #expect(player.state.promised?.moment == Timestamp(microseconds: 200_000_000))
        #expect(player.apply(.host(HostID(number: 0), .open), at: 2) == "")
        #expect(player.state.promised?.moment == Timestamp(microseconds: 100_000_000))
    }
}
