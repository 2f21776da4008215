import PanalCore
import PanalScheduler
import Testing

/// What users and groups may have, the bounded queue, and what is said about it.
@Suite struct LimitTests {
    private static func users(_ limits: AccountLimits, queueLimit: Int = 100) -> ScheduleSettings {
        ScheduleSettings(queueLimit: queueLimit, users: limits)
    }

    private static let two = AccountLimits(runningCores: 2)

    static let plays: [Play] = [
        Play(
            "a user at the limit of cores waits, another one starts",
            settings: users(two),
            [
                submit(0, 1, cores(1, for: 10, user: "a"), "1>0"), submit(0, 2, cores(2, for: 10, user: "a")),
                submit(0, 3, cores(1, for: 10, user: "a"), "3>0"), submit(0, 4, cores(2, for: 10, user: "b"), "4>0"),
                end(5, 1), end(6, 3, "2>0"),
            ]),
        Play(
            "parts of cores count as parts",
            settings: users(AccountLimits(runningCores: 1)),
            [
                submit(0, 1, part(600, for: 10, user: "a"), "1>0"), submit(0, 2, part(400, for: 10, user: "a"), "2>0"),
                submit(0, 3, part(1, for: 10, user: "a")), submit(0, 4, part(1_001, for: 10, user: "a"), "4 refused"),
            ]),
        Play(
            "a limit of jobs",
            settings: users(AccountLimits(runningJobs: 1)),
            [
                submit(0, 1, cores(1, for: 10, user: "a"), "1>0"), submit(0, 2, cores(1, for: 10, user: "a")),
                submit(0, 3, cores(1, for: 10, user: "b"), "3>0"), end(5, 1, "2>0"),
            ]),
        Play(
            "a group's limit holds all of its users back",
            settings: ScheduleSettings(namedGroups: ["g": two]),
            [
                submit(0, 1, cores(2, for: 10, user: "a", group: "g"), "1>0"),
                submit(0, 2, cores(1, for: 10, user: "b", group: "g")),
                submit(0, 3, cores(1, for: 10, user: "b"), "3>0"),
                end(5, 1, "2>0"),
            ]),
        Play(
            "a job that waits goes to another group",
            settings: ScheduleSettings(namedGroups: ["g": two]),
            [
                submit(0, 1, cores(2, for: 10, user: "a", group: "g"), "1>0"),
                submit(0, 2, cores(1, for: 10, user: "b", group: "g")),
                submit(0, 3, cores(2, for: 10, user: "b", group: "g")),
                step(1, .amend([ticket(3): JobTerms(group: "h"), ticket(1): JobTerms(group: "h")]), "3>0"),
                // The one that runs is still the first group's.
                step(2, .amend([ticket(2): JobTerms(group: "g"), ticket(9): JobTerms()])), end(3, 3), end(4, 1, "2>0"),
            ]),
        Play(
            "a job that waits may go to another pool, and may not",
            hosts: [host(1, name: "x"), host(1, name: "y", pool: "b")], settings: ScheduleSettings(),
            [
                submit(0, 1, cores(1, for: 10, user: "a"), "1>0"),
                submit(0, 2, cores(1, for: 9, user: "a").inPools(["a"])),
                step(1, .amend([ticket(2): JobTerms(pools: ["b"])]), "2>1"),
                submit(2, 3, cores(1, for: 9, user: "a")), step(3, .amend([ticket(3): JobTerms(pools: ["c"])])),
                end(4, 1), end(4, 2), step(5, .amend([ticket(3): JobTerms(pools: ["a", "b"])]), "3>0"),
            ]),
        Play(
            "all cells of a gang count",
            settings: users(two),
            [
                submit(0, 1, cores(1, for: 10, user: "a", cells: 3), "1 refused"),
                submit(0, 2, cores(1, for: 10, user: "a", cells: 2), "2>0+0"),
                submit(0, 3, cores(1, for: 1, user: "a")),
            ]),
        Play(
            "limits may be raised while jobs wait",
            settings: users(two),
            [
                submit(0, 1, cores(2, for: 10, user: "a"), "1>0"), submit(0, 2, cores(1, for: 10, user: "a")),
                step(1, .configure(users(AccountLimits(runningCores: 3))), "2>0"),
            ]),
        Play(
            "and lowered while jobs run: these go on, nothing starts until there is room",
            settings: users(AccountLimits()),
            [
                submit(0, 1, cores(1, for: 10, user: "a"), "1>0"), submit(0, 2, cores(2, for: 10, user: "a"), "2>0"),
                step(1, .configure(users(AccountLimits(runningCores: 1)))), submit(2, 3, cores(1, for: 10, user: "a")),
                end(3, 1), end(4, 2, "3>0"),
            ]),
        Play(
            "a user who may have no job running waits until that is changed",
            settings: users(AccountLimits(runningJobs: 0)),
            [submit(0, 1, cores(1, for: 10, user: "a")), step(1, .configure(users(AccountLimits())), "1>0")]),
        Play(
            "the policy's kind stays as it was when settings change",
            policy: .firstCome,
            [
                submit(0, 1, cores(3, for: 100), "1>0"), submit(0, 2, cores(4, for: 10)),
                step(1, .configure(ScheduleSettings(policy: .easy))), submit(2, 3, cores(1, for: 1)),
            ]),
        Play(
            "queued jobs of one user are counted, those that start at once are not",
            settings: users(AccountLimits(queuedJobs: 1)),
            [
                submit(0, 1, cores(2, for: 10, user: "a"), "1>0"), submit(0, 2, cores(2, for: 10, user: "a"), "2>0"),
                submit(0, 3, cores(1, for: 10, user: "a")), submit(0, 4, cores(1, for: 10, user: "a"), "4 refused"),
                submit(0, 5, cores(1, for: 10, user: "b")), step(1, .withdraw(Ticket(number: 3))),
                submit(1, 6, cores(1, for: 10, user: "a")),
            ]),
        Play(
            "absurd limits are the nearest that make sense",
            settings: users(AccountLimits(runningCores: .max, runningJobs: .max, queuedJobs: -7)),
            [
                submit(0, 1, cores(4, for: 10, user: "a"), "1>0"),
                submit(0, 2, cores(1, for: 10, user: "a"), "2 refused"),
            ]),
    ]

    @Test(arguments: plays) func holdsLimits(_ play: Play) {
        #expect(play.mistakes() == [])
    }

    @Test func saysWhatIsFullAndWhenToComeAgain() {
        var player = Player([host(4)], ScheduleSettings(queueLimit: 2, users: AccountLimits(queuedJobs: 1)))
        func refusal(_ number: Int64, _ user: String) -> ScheduleAction? {
            player.state.apply(
                .submit(Ticket(number: number), cores(1, for: 10, user: user)), at: Timestamp(microseconds: 30_000_000)
            ).last
        }
        #expect(player.submit(1, cores(4, for: 100, user: "a"), at: 0) == "1>0")
        #expect(refusal(2, "a") == nil)
        #expect(
            refusal(3, "a")
                == .refuse(
                    Ticket(number: 3),
                    Refusal(
                        kind: .full, reason: "user ‘a’ has 1 job waiting already, the most that it may have",
                        retryAfter: .seconds(70))))
        #expect(refusal(4, "b") == nil)
        #expect(
            refusal(5, "c")
                == .refuse(
                    Ticket(number: 5),
                    Refusal(
                        kind: .full, reason: "the queue is full: 2 jobs already waiting", retryAfter: .seconds(70))))
        #expect(player.state.waitingCount == 2)
    }

    @Test func saysWhichLimitAJobWaitsFor() {
        let settings = ScheduleSettings(
            namedUsers: ["a": AccountLimits(runningCores: 3), "b": AccountLimits(runningJobs: 1)],
            namedGroups: ["g": AccountLimits(runningCores: 1)])
        var player = Player([host(8)], settings)
        let waits: [(Int64, JobDemand, String)] = [
            (11, cores(2, for: 10, user: "a"), "needs 2 cores, user ‘a’ has 2 of at most 3 already"),
            (12, cores(1, for: 10, user: "b"), "user ‘b’ has 1 job running, the most that it may have"),
        ]
        #expect(player.submit(1, cores(2, for: 10, user: "a"), at: 0) == "1>0")
        #expect(player.submit(2, cores(1, for: 10, user: "b"), at: 0) == "2>0")
        for (number, demand, reason) in waits {
            #expect(player.submit(number, demand, at: 0) == "")
            #expect(player.state.waitingReport(Ticket(number: number))?.reason.sentence == reason)
        }
        #expect(player.submit(3, cores(1, for: 10, user: "d", group: "g"), at: 0) == "3>0")
        #expect(player.submit(14, cores(1, for: 10, user: "e", group: "g"), at: 0) == "")
        #expect(
            player.state.waitingReport(Ticket(number: 14))?.reason.sentence
                == "needs 1 core, group ‘g’ has 1 of at most 1 already")
        #expect(
            player.state.refusal(of: cores(2, for: 10, group: "g")) == "needs 2 cores, group ‘g’ may have 1 at a time")
    }

    /// Reasons and estimates of those that wait on several hosts.
    @Test func saysWhyAndForHowLongJobsWait() {
        var player = Player([host(4, name: "x"), host(2, name: "y", pool: "b")], ScheduleSettings(policy: .easy))
        #expect(player.submit(1, cores(4, for: 3_600), at: 0) == "1>0")
        #expect(player.submit(2, cores(1, for: 60), at: 0) == "2>1")
        #expect(player.submit(3, cores(2, for: 1_800, cells: 3), at: 0) == "")
        #expect(player.submit(4, cores(2, for: 60), at: 0) == "")
        #expect(player.submit(5, cores(1, for: 3_600), at: 0) == "5>1")
        let reports = player.state.queue(limit: 10)
        #expect(reports.map(\.ticket.number) == [3, 4])
        #expect(
            reports.first?.reason.sentence
                == "needs 3 cells with 6 cores at the same time, none is free, the next release is expected by 00:01 UTC"
        )
        // The promise.
        #expect(reports.first?.estimatedStart == Timestamp(microseconds: 3_600_000_000))
        #expect(
            reports.last?.reason.sentence
                == "needs 2 whole cores, none is free, the next release is expected by 00:01 UTC; 1 job is ahead")
        // All that runs and waits before it, on 6 cores: (4 × 3600 + 60 + 3600 + 6 × 1800) / 6 seconds.
        #expect(reports.last?.estimatedStart == Timestamp(microseconds: 4_810_000_000))
        #expect(player.apply(.host(HostID(number: 0), .closed), at: 0) == "")
        #expect(player.apply(.host(HostID(number: 1), .closed), at: 0) == "")
        #expect(player.state.waitingReport(Ticket(number: 3))?.reason.sentence == "no host that it may run on is open")
    }
}

private func ticket(_ number: Int64) -> Ticket { Ticket(number: number) }

extension JobDemand {
    fileprivate func inPools(_ pools: Set<String>) -> JobDemand {
        var demand = self
        demand.pools = pools
        return demand
    }
}
