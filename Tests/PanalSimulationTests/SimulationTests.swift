import PanalCore
import PanalScheduler
import PanalSimulation
import Testing

@Suite struct SimulationTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var hosts = "1x4"
        var jobs: [TraceJob]
        /// By policy, when each job runs.
        var answers: [(policies: [String], times: [String])]
    }

    /// A job that needs the whole host stands before a short and a long one, which would fit beside the first.
    private static let wide = [
        job("A", at: 0, run: 10, cores: 3, user: "a"), job("B", at: 1, run: 10, cores: 4, user: "a"),
        job("C", at: 2, run: 5, user: "b"), job("D", at: 3, run: 20, user: "b"),
    ]

    static let cases: [Case] = [
        Case(
            testDescription: "EASY lets the short one before the wide one, greedy policies the long one too",
            jobs: wide,
            answers: [
                (["fcfs"], ["A 0-10", "B 10-20", "C 20-25", "D 20-40"]),
                (["easy"], ["A 0-10", "B 10-20", "C 2-7", "D 20-40"]),
                (["firstFit", "roundRobin", "random"], ["A 0-10", "B 27-37", "C 2-7", "D 7-27"]),
                (["firstFitDecreasing", "bestFit", "sorting"], ["A 0-10", "B 27-37", "C 2-7", "D 7-27"]),
                (["singleton"], ["A 0-10", "B 10-20", "C 20-25", "D 25-45"]),
            ]),
        Case(
            testDescription: "who has used nothing comes first with Panal's own policy",
            jobs: [
                job("A", at: 0, run: 10, cores: 4, user: "x"), job("B", at: 1, run: 10, cores: 4, user: "x"),
                job("C", at: 2, run: 10, cores: 4, user: "y"),
            ],
            answers: [
                (["fcfs", "easy"], ["A 0-10", "B 10-20", "C 20-30"]), (["panal"], ["A 0-10", "B 20-30", "C 10-20"]),
            ]),
        Case(
            testDescription: "most cores first, or in the order given",
            jobs: [
                job("A", at: 0, run: 10, cores: 4), job("B", at: 1, run: 10, cores: 2), job("C", at: 2, run: 10),
                job("D", at: 3, run: 10, cores: 3),
            ],
            answers: [
                (["firstFit", "roundRobin", "fcfs"], ["A 0-10", "B 10-20", "C 10-20", "D 20-30"]),
                (["firstFitDecreasing", "bestFit", "sorting"], ["A 0-10", "B 20-30", "C 10-20", "D 10-20"]),
            ]),
        Case(
            testDescription: "a gang starts on all of its cores or not at all", hosts: "2x2",
            jobs: [
                job("A", at: 0, run: 10, cores: 2), job("B", at: 1, run: 10, cells: 3),
                job("C", at: 2, run: 10, cells: 4),
            ],
            answers: [(["fcfs", "easy", "panal"], ["A 0-10", "B 10-20", "C 20-30"])]),
        Case(
            testDescription: "a job ends at its limit, and backfill knows only the limit", hosts: "1x2",
            jobs: [
                job("A", at: 0, run: 50, limit: 20), job("B", at: 0, run: 5, limit: 20, cores: 2),
                job("C", at: 1, run: 5, limit: 30), job("D", at: 2, run: 5, limit: 18),
            ],
            answers: [(["easy"], ["A 0-20", "B 20-25", "C 25-30", "D 2-7"])]),
        Case(
            testDescription: "ends come before submissions of the same moment, and nothing takes no time", hosts: "1x1",
            jobs: [job("A", at: 5, run: 5), job("B", at: 10, run: 0, limit: 1), job("C", at: 10, run: 1)],
            answers: [(["fcfs", "easy", "panal"], ["A 5-10", "B 10-10", "C 10-11"])]),
        Case(
            testDescription: "an opportunistic job stands still while another has its core", hosts: "1x1",
            jobs: [job("G", at: 0, run: 10, priority: .opportunistic), job("A", at: 4, run: 3)],
            answers: [(["panal", "fcfs"], ["G 0-13", "A 4-7"])]),
        Case(
            testDescription: "what no host can run is refused, the others run", hosts: "3x2",
            jobs: [job("A", at: 0, run: 10, cores: 3), job("B", at: 1, run: 10, cells: 7), job("C", at: 2, run: 10)],
            answers: [(["panal", "fcfs"], ["A never", "B never", "C 2-12"])]),
    ]

    @Test(arguments: cases) func runsAsByHand(_ example: Case) throws {
        for (policies, expected) in example.answers {
            for name in policies {
                #expect(try times(replay(example.jobs, on: example.hosts, name)) == expected, "\(name)")
            }
        }
    }

    @Test func aLongWaitLiftsAJobIntoTheNextClass() throws {
        // Every hour another urgent job; the other one waits for a day, goes up, and is next.
        var jobs = [job("low", at: 0, run: 60, cores: 4, priority: .normal)]
        jobs += (0..<60).map { job("\($0)", at: $0 * 3_600 - ($0 == 0 ? 0 : 1), run: 3_601, cores: 4, priority: .high) }
        jobs.sort { ($0.submitted, $1.name) < ($1.submitted, $0.name) }
        let run = try replay(jobs, on: "1x4", "panal")
        let place = try #require(jobs.firstIndex { $0.name == "low" })
        let started = try #require(run.results[place].started)
        #expect(started >= 0)
        #expect(run.results.allSatisfy { $0.ended != nil })
        #expect(started < 27 * 3_600 * 1_000_000)
    }

    @Test func memoryCountsWhereHostsHaveSome() throws {
        var jobs = [job("A", at: 0, run: 10), job("B", at: 0, run: 10)]
        for index in jobs.indices { jobs[index].memory = 3 << 30 }
        #expect(try times(replay(jobs, on: "1x2", "easy")) == ["A 0-10", "B 0-10"])
        #expect(try times(replay(jobs, on: "1x2:4GiB", "easy")) == ["A 0-10", "B 10-20"])
        #expect(try times(replay(jobs, on: "1x2:2GiB", "easy")) == ["A never", "B never"])
    }

    @Test func aJobKeepsToItsPool() throws {
        var jobs = [job("A", at: 0, run: 10), job("B", at: 0, run: 10)]
        for index in jobs.indices { jobs[index].pool = "right" }
        #expect(try times(replay(jobs, on: "1x1@left,1x1@right", "easy")) == ["A 0-10", "B 10-20"])
        // Where there is no such pool, the record's means nothing.
        #expect(try times(replay(jobs, on: "2x1", "easy")) == ["A 0-10", "B 0-10"])
    }

    @Test(arguments: SchedulingPolicy.named.map(\.name)) func theSameInputGivesTheSameRun(name: String) throws {
        let trace = try cutOfHPC2N()
        let jobs = Array(trace.jobs.prefix(200))
        var told = 0
        let hosts = try HostSpecification.hosts(parsing: "120x2")
        let settings = ScheduleSettings(policy: try policy(name))
        let first = Simulation(jobs: jobs, hosts: hosts, settings: settings).run { told = $0 }
        let second = Simulation(jobs: jobs, hosts: hosts, settings: settings).run()
        #expect(first.results == second.results)
        #expect(told == jobs.count)
        // No core belongs to two jobs at once.
        var holder: [Int32: [(from: Int64, to: Int64)]] = [:]
        for (job, result) in zip(jobs, first.results) {
            guard let started = result.started, let ended = result.ended else { continue }
            #expect(result.cores.reduce(0) { $0 + $1.count } * 1_000 == job.millicores)
            for core in result.cores.joined() { holder[core, default: []].append((started, ended)) }
        }
        for spans in holder.values {
            let sorted = spans.sorted { ($0.from, $0.to) < ($1.from, $1.to) }
            for (earlier, later) in zip(sorted, sorted.dropFirst()) { #expect(earlier.to <= later.from) }
        }
    }

    /// What issue 4 asks of the default policy, on a part of a real load.
    @Test func theDefaultIsAtLeastAsGoodAsEASYOnARealLoad() throws {
        let trace = try cutOfHPC2N()
        let figures = try ["panal", "easy", "fcfs"].map { SimulationFigures(try replay(trace.jobs, on: "120x2", $0)) }
        #expect(figures[0].meanSlowdown <= figures[1].meanSlowdown)
        #expect(figures[0].meanSlowdown <= figures[2].meanSlowdown / 2)
        #expect(figures[0].utilisation >= figures[1].utilisation * 0.999)
        #expect(figures.allSatisfy { $0.jobs == trace.jobs.count })
    }
}
