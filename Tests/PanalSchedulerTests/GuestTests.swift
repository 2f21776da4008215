import PanalCore
import PanalScheduler
import Testing

/// Opportunistic jobs: on idle cores only, frozen before anybody else starts there, thawed after.
@Suite struct GuestTests {
    private static func guest(_ count: Int, user: String = "") -> JobDemand {
        cores(count, for: 100, user: user, priority: .opportunistic)
    }

    private static func present(_ second: Int64, _ isThere: Bool, on host: Int = 0, _ answer: String) -> Play.Step {
        step(second, .presence(HostID(number: host), isThere), answer)
    }

    private static let desk = [host(4, forGuests: 2)]

    static let plays: [Play] = [
        Play(
            "it freezes before the owner starts, and thaws when its cores are free again",
            hosts: desk,
            [
                submit(0, 1, guest(2), "1>0"), submit(1, 2, cores(2, for: 10), "2>0"),
                submit(2, 3, cores(1, for: 10), "1 frozen, 3>0"), submit(3, 4, cores(1, for: 10), "4>0"), end(4, 3),
                end(5, 4, "1 thawed"),
            ]),
        Play(
            "it keeps nobody waiting: all cores are as free as without it",
            hosts: desk,
            [submit(0, 1, guest(4), "1>0"), submit(1, 2, cores(4, for: 10), "1 frozen, 2>0"), end(2, 2, "1 thawed")]),
        Play(
            "it starts on idle cores only, and not where another one is, frozen or not",
            hosts: desk,
            [
                submit(0, 1, cores(2, for: 10), "1>0"), submit(0, 2, guest(3)), submit(0, 3, guest(2), "3>0"),
                submit(0, 4, guest(1)), submit(1, 5, cores(1, for: 10), "3 frozen, 5>0"), step(2, .tick),
                end(3, 1, "4>0"),
            ]),
        Play(
            "a part of a core that is taken freezes who is on that core, and only that one",
            hosts: desk,
            [
                submit(0, 1, guest(2), "1>0"), submit(0, 2, guest(2), "2>0"),
                submit(1, 3, part(10, for: 10), "2 frozen, 3>0"),
                end(2, 3, "2 thawed"),
            ]),
        Play(
            "a guest of a part of a core has the core for itself",
            hosts: desk,
            [
                submit(0, 1, part(500, for: 10), "1>0"),
                submit(0, 2, part(300, for: 10, priority: .opportunistic), "2>0"),
                submit(0, 3, part(300, for: 10, priority: .opportunistic), "3>0"),
                submit(1, 4, cores(3, for: 10), "2 frozen, 3 frozen, 4>0"), end(2, 4, "2 thawed, 3 thawed"),
            ]),
        Play(
            "a person at the machine freezes all, and none starts",
            hosts: desk,
            [
                submit(0, 1, guest(1), "1>0"), present(1, true, "1 frozen"), submit(1, 2, guest(1)),
                present(2, true, ""),
                submit(3, 3, cores(4, for: 10), "3>0"), present(4, false, ""), end(5, 3, "1 thawed, 2>0"),
            ]),
        Play(
            "somebody who leaves while others have the cores changes nothing for them",
            hosts: [host(4, name: "x", forGuests: 2), host(4, name: "y", forGuests: 2)],
            [
                submit(0, 1, guest(4), "1>0"), submit(0, 2, guest(4), "2>1"), present(1, true, "1 frozen"),
                present(1, true, on: 1, "2 frozen"), submit(2, 3, cores(4, for: 10), "3>0"), present(3, false, ""),
                present(3, false, on: 1, "2 thawed"), end(4, 3, "1 thawed"),
            ]),
        Play(
            "its memory is counted apart, and stays its own while it is frozen",
            hosts: desk,
            [
                submit(0, 1, guest(1), "1>0"), submit(0, 2, guest(1), "2>0"), submit(0, 3, guest(1)),
                submit(0, 4, cores(3, for: 10, gibibytes: 64), "1 frozen, 2 frozen, 4>0"), end(1, 1, "3>0"),
            ]),
        Play(
            "it goes when it ends, frozen or not, and leaves nothing behind",
            hosts: desk,
            [
                submit(0, 1, guest(4), "1>0"), submit(1, 2, cores(1, for: 10), "1 frozen, 2>0"), end(2, 1),
                submit(3, 3, guest(3), "3>0"), end(4, 3), end(5, 2), submit(6, 4, guest(4), "4>0"),
            ]),
        Play(
            "what can never be",
            hosts: [host(4, name: "x", forGuests: 1), host(8, name: "y")],
            [
                submit(0, 1, guest(8), "1 refused"),
                submit(0, 2, cores(1, for: 1, priority: .opportunistic, gibibytes: 2), "2 refused"),
                submit(0, 3, cores(1, for: 1, priority: .opportunistic, cells: 2), "3 refused"),
                submit(0, 4, guest(4), "4>0"),
            ]),
    ]

    @Test(arguments: plays) func stepsAside(_ play: Play) {
        #expect(play.mistakes() == [])
    }

    /// Owners take the cores of guests last.
    @Test func freeCoresWithoutAGuestAreTakenFirst() {
        var player = Player(Self.desk, ScheduleSettings(policy: .easy))
        #expect(player.submit(1, Self.guest(2), at: 0) == "1>0")
        #expect(player.submit(2, cores(2, for: 10), at: 0) == "2>0")
        #expect(player.state.reservations(of: Ticket(number: 2))?.first?.cores == [2, 3])
        #expect(player.state.freeCores == 2)
    }

    /// Guests neither use their user's limit nor are charged for.
    @Test func theyDoNotCountAsWhatAUserHas() {
        let settings = ScheduleSettings(users: AccountLimits(runningCores: 2))
        var player = Player(Self.desk, settings)
        #expect(player.submit(1, Self.guest(2, user: "a"), at: 0) == "1>0")
        #expect(player.submit(2, cores(2, for: 10, user: "a"), at: 0) == "2>0")
        #expect(player.submit(3, cores(1, for: 10, user: "b"), at: 0) == "1 frozen, 3>0")
    }

    // MARK: - After a restart

    private static func held(_ cores: [Int], host: Int = 0, gibibytes: Int = 1) -> [Reservation] {
        [Reservation(host: HostID(number: host), cores: cores, millicores: 0, memory: gibibytes << 30)]
    }

    private static func adopt(
        _ number: Int64, _ demand: JobDemand, _ held: [Reservation], started: Int64 = 0, _ answer: String = ""
    ) -> Play.Step {
        step(
            10,
            .adopt(Ticket(number: number), demand, held, started: Timestamp(microseconds: started * 1_000_000)), answer)
    }

    static let adoptions: [Play] = [
        Play(
            "a guest that is taken over computes where nobody is",
            hosts: desk,
            [adopt(1, guest(2), held([0, 1]), "1 thawed"), submit(11, 2, guest(2), "2>0"), submit(11, 3, guest(1))]),
        Play(
            "it stands still on cores that somebody has, and thaws later",
            hosts: desk,
            [
                adopt(2, cores(2, for: 100), held([1, 2])), adopt(1, guest(2), held([0, 1]), "1 frozen"),
                end(11, 2, "1 thawed"),
            ]),
        Play(
            "in whichever order they are taken over",
            hosts: desk,
            [
                adopt(1, guest(2), held([0, 1]), "1 thawed"), adopt(2, cores(2, for: 100), held([1, 2]), "1 frozen"),
                end(11, 2, "1 thawed"),
            ]),
        Play(
            "on a machine that has set no memory aside any more it goes on, and nobody joins it",
            hosts: [host(4)],
            [
                adopt(1, guest(2), held([0, 1]), "1 thawed"), submit(11, 2, cores(4, for: 10), "1 frozen, 2>0"),
                end(12, 2, "1 thawed"), submit(13, 3, guest(1), "3 refused"),
            ]),
        Play(
            "on a machine that there no longer is it stands still until it ends",
            hosts: desk,
            [adopt(1, guest(1), held([0], host: 7), "1 frozen"), end(11, 1), submit(12, 2, guest(4), "2>0")]),
        Play(
            "what is taken over holds its cores and its memory",
            hosts: [host(4, gibibytes: 8)],
            [
                adopt(1, cores(3, for: 100), held([0, 1, 3], gibibytes: 7)), submit(10, 2, cores(2, for: 10)),
                submit(10, 3, cores(1, for: 10, gibibytes: 2)), submit(10, 4, cores(1, for: 90), "4>0"),
                end(11, 1, "2>0, 3>0"),
            ]),
        Play(
            "a known ticket that is taken over once more changes nothing",
            [
                adopt(1, cores(2, for: 100), held([0, 1])), adopt(1, cores(2, for: 100), held([2, 3])),
                submit(10, 2, cores(2, for: 1), "2>0"),
            ]),
        Play(
            "its time began when it was started: the head is promised the rest of it",
            [
                adopt(1, cores(3, for: 100), held([0, 1, 2]), started: -50), submit(10, 2, cores(4, for: 10)),
                submit(10, 3, cores(1, for: 41)), submit(10, 4, cores(1, for: 40), "4>0"),
            ]),
        Play(
            "one that should have ended long ago is waited for",
            [
                adopt(1, cores(3, for: 5), held([0, 1, 2]), started: -1_000), submit(10, 2, cores(4, for: 10)),
                end(20, 1, "2>0"),
            ]),
        Play(
            "of a machine that has shrunk it holds what is left, so that nobody else gets it",
            hosts: [host(4, gibibytes: 4)],
            [
                adopt(1, cores(4, for: 100), held([2, 3, 4, 5], gibibytes: 6)), submit(10, 2, cores(1, for: 10)),
                end(11, 1, "2>0"), submit(12, 3, cores(3, for: 10), "3>0"),
            ]),
        Play(
            "two that hold the same core, and a core twice: the first holds it, and everything comes back",
            [
                adopt(1, cores(2, for: 100), held([0, 0, 1])), adopt(2, cores(2, for: 100), held([1, 2])),
                submit(10, 3, cores(2, for: 10)), end(11, 2, "3>0"), submit(11, 4, cores(2, for: 10)),
                end(12, 1, "4>0"),
            ]),
    ]

    @Test(arguments: adoptions) func takesOver(_ play: Play) {
        #expect(play.mistakes() == [])
    }

    /// Reservations that no schedule would have made: nothing of them is believed beyond what is there.
    @Test func oddReservationsHarmNothing() {
        let odd = [
            Reservation(
                host: HostID(number: 0), cores: [0], millicores: 500, memory: -5, sharedCores: [0, 0, 1, 1, 99]),
            Reservation(
                host: HostID(number: 0), cores: [-1, 1 << 40], millicores: .max, memory: .max, sharedCores: [2, 2]),
            Reservation(host: HostID(number: 0), cores: [], millicores: .min, memory: .min, sharedCores: [3]),
            Reservation(host: HostID(number: .max), cores: [0], millicores: 0, memory: 1),
            Reservation(host: HostID(number: -1), cores: [0], millicores: 0, memory: 1),
        ]
        for priority in [PriorityClass.normal, .opportunistic] {
            var player = Player([host(4, gibibytes: 4, forGuests: 1)], ScheduleSettings(policy: .easy))
            let memory = player.state.unreservedMemory
            for (number, reservation) in odd.enumerated() {
                let demand = cores(.max, for: .max, priority: priority, cells: .max)
                _ = player.apply(
                    .adopt(
                        Ticket(number: Int64(number)), demand, [reservation, reservation],
                        started: .init(microseconds: .max)),
                    at: 5)
            }
            #expect(player.state.runningCount == odd.count)
            for number in odd.indices { _ = player.end(Int64(number), at: 6) }
            #expect(player.state.runningCount == 0)
            #expect(player.state.freeCores == 4)
            #expect(player.state.unreservedMemory == memory)
            #expect(player.submit(100, cores(4, for: 1, gibibytes: 4), at: 7) == "100>0")
        }
    }
}
