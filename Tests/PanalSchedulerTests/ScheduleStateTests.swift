import PanalCore
import PanalScheduler
import Testing

private let gibibyte = 1 << 30
private let now = Timestamp(microseconds: 0)

private func ticket(_ number: Int64) -> Ticket { Ticket(number: number) }

private func whole(_ cores: Int, gibibytes: Int = 1) -> JobDemand {
    JobDemand(
        ResourceRequest(cpu: .exclusive(cores: cores), memory: gibibytes * gibibyte), timeLimit: .seconds(60))
}

private func share(_ millicores: Int, gibibytes: Int = 1) -> JobDemand {
    JobDemand(
        ResourceRequest(cpu: .shared(millicores: millicores), memory: gibibytes * gibibyte), timeLimit: .seconds(60))
}

private func bytes(_ memory: Int) -> JobDemand {
    JobDemand(ResourceRequest(cpu: .exclusive(cores: 1), memory: memory), timeLimit: .seconds(60))
}

/// First come, first served, on one host.
private func state(cores: [Int] = [0, 1, 2, 3], gibibytes: Int = 8, queueLimit: Int = 10) -> ScheduleState {
    ScheduleState(
        hosts: [HostDescription(HostCapacity(cores: cores, memory: gibibytes * gibibyte))],
        settings: ScheduleSettings(policy: .firstCome, queueLimit: queueLimit))
}

/// Short words for actions: `1:[0, 1]`, `2:0.5@3`, `3:refused`.
private func words(_ actions: [ScheduleAction]) -> [String] {
    actions.map { action in
        switch action {
        case .start(let ticket, let reservations):
            "\(ticket.number):"
                + reservations.map {
                    $0.cores.isEmpty ? "\($0.millicores)@\($0.sharedCores)" : "\($0.cores)"
                }.joined(separator: "+")
        case .refuse(let ticket, _): "\(ticket.number):refused"
        case .freeze(let ticket): "\(ticket.number):frozen"
        case .thaw(let ticket): "\(ticket.number):thawed"
        }
    }
}

@Suite struct ScheduleStateTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var cores: [Int] = [0, 1, 2, 3]
        var queueLimit = 10
        var events: [ScheduleEvent]
        /// What each event answers.
        var answers: [[String]]
    }

    static let cases: [Case] = [
        Case(
            testDescription: "whole cores are the lowest free ones",
            events: [.submit(ticket(1), whole(1)), .submit(ticket(2), whole(2))], answers: [["1:[0]"], ["2:[1, 2]"]]),
        Case(
            testDescription: "a run of neighbours is preferred to the lowest scattered ones",
            cores: [0, 2, 4, 5],
            events: [.submit(ticket(1), whole(2)), .submit(ticket(2), whole(2))],
            answers: [["1:[4, 5]"], ["2:[0, 2]"]]),
        Case(
            testDescription: "the head of the queue is never overtaken, also by what would fit",
            events: [
                .submit(ticket(1), whole(3)), .submit(ticket(2), whole(2)), .submit(ticket(3), whole(1)),
                .finished(ticket(1)),
            ],
            answers: [["1:[0, 1, 2]"], [], [], ["2:[0, 1]", "3:[2]"]]),
        Case(
            testDescription: "withdrawing the head lets the next one start",
            events: [
                .submit(ticket(1), whole(3)), .submit(ticket(2), whole(2)), .submit(ticket(3), whole(1)),
                .withdraw(ticket(2)),
            ],
            answers: [["1:[0, 1, 2]"], [], [], ["3:[3]"]]),
        Case(
            testDescription: "a withdrawn job never starts",
            events: [
                .submit(ticket(1), whole(4)), .submit(ticket(2), whole(1)), .withdraw(ticket(2)), .finished(ticket(1)),
            ],
            answers: [["1:[0, 1, 2, 3]"], [], [], []]),
        Case(
            testDescription: "withdrawing a running job changes nothing: it gives its cores back when it ends",
            events: [.submit(ticket(1), whole(4)), .submit(ticket(2), whole(1)), .withdraw(ticket(1))],
            answers: [["1:[0, 1, 2, 3]"], [], []]),
        Case(
            testDescription: "an end that is told twice, and one of nobody, are harmless",
            events: [
                .submit(ticket(1), whole(4)), .finished(ticket(1)), .finished(ticket(1)), .finished(ticket(99)),
                .submit(ticket(2), whole(4)), .finished(ticket(1)), .submit(ticket(3), whole(1)),
            ],
            answers: [["1:[0, 1, 2, 3]"], [], [], [], ["2:[0, 1, 2, 3]"], [], []]),
        Case(
            testDescription: "a known ticket that is submitted again starts no second time",
            events: [
                .submit(ticket(1), whole(1)), .submit(ticket(1), whole(1)), .submit(ticket(2), whole(4)),
                .submit(ticket(2), whole(1)), .finished(ticket(1)),
            ],
            answers: [["1:[0]"], [], [], [], ["2:[0, 1, 2, 3]"]]),
        Case(
            testDescription: "an earlier ticket that arrives late stands before later ones",
            events: [
                .submit(ticket(1), whole(4)), .submit(ticket(5), whole(4)), .submit(ticket(3), whole(4)),
                .finished(ticket(1)),
            ],
            answers: [["1:[0, 1, 2, 3]"], [], [], ["3:[0, 1, 2, 3]"]]),
        Case(
            testDescription: "memory alone makes a job wait",
            events: [
                .submit(ticket(1), whole(1, gibibytes: 6)), .submit(ticket(2), whole(1, gibibytes: 3)),
                .finished(ticket(1)),
            ],
            answers: [["1:[0]"], [], ["2:[0]"]]),
        Case(
            testDescription: "memory is counted to the byte",
            events: [
                .submit(ticket(1), whole(1, gibibytes: 7)),
                .submit(ticket(2), bytes(gibibyte + 1)),
                .withdraw(ticket(2)), .submit(ticket(3), whole(1)),
            ],
            answers: [["1:[0]"], [], [], ["3:[1]"]]),
        Case(
            testDescription: "shares pack onto the fullest shared core, from the highest number down",
            events: [
                .submit(ticket(1), share(500)), .submit(ticket(2), share(600)), .submit(ticket(3), share(400)),
                .submit(ticket(4), share(500)),
            ],
            answers: [["1:500@[3]"], ["2:600@[2]"], ["3:400@[2]"], ["4:500@[3]"]]),
        Case(
            testDescription: "a share of more than one core takes whole thousands first",
            events: [.submit(ticket(1), share(2_500)), .submit(ticket(2), share(500)), .submit(ticket(3), whole(1))],
            answers: [["1:2500@[2, 3, 1]"], ["2:500@[1]"], ["3:[0]"]]),
        Case(
            testDescription: "a shared core is free for whole jobs when its last share ends",
            cores: [0],
            events: [
                .submit(ticket(1), share(300)), .submit(ticket(2), share(300)), .submit(ticket(3), whole(1)),
                .finished(ticket(1)), .finished(ticket(2)),
            ],
            answers: [["1:300@[0]"], ["2:300@[0]"], [], [], ["3:[0]"]]),
        Case(
            testDescription: "a share never lands on a whole job's core",
            cores: [0],
            events: [.submit(ticket(1), whole(1)), .submit(ticket(2), share(10)), .finished(ticket(1))],
            answers: [["1:[0]"], [], ["2:10@[0]"]]),
        Case(
            testDescription: "a full queue refuses, and counts only those that wait",
            queueLimit: 1,
            events: [
                .submit(ticket(1), whole(4)), .submit(ticket(2), whole(4)), .submit(ticket(3), whole(1)),
                .finished(ticket(1)), .submit(ticket(4), whole(1)),
            ],
            answers: [["1:[0, 1, 2, 3]"], [], ["3:refused"], ["2:[0, 1, 2, 3]"], []]),
        Case(
            testDescription: "without a queue only what starts at once is taken",
            queueLimit: 0, events: [.submit(ticket(1), whole(4)), .submit(ticket(2), whole(1))],
            answers: [["1:[0, 1, 2, 3]"], ["2:refused"]]),
        Case(
            testDescription: "what can never fit is refused at once, although the host is busy",
            events: [
                .submit(ticket(1), whole(4)), .submit(ticket(2), whole(5)), .submit(ticket(3), share(4_001)),
                .submit(ticket(4), whole(1, gibibytes: 9)),
            ],
            answers: [["1:[0, 1, 2, 3]"], ["2:refused"], ["3:refused"], ["4:refused"]]),
    ]

    @Test(arguments: cases) func answersEvents(_ example: Case) {
        var schedule = state(cores: example.cores, queueLimit: example.queueLimit)
        let answers = example.events.map { words(schedule.apply($0, at: now)) }
        #expect(answers == example.answers)
    }

    static let refusals: [(JobDemand, String?)] = [
        (whole(4), nil),
        (whole(5), "needs 5 whole cores, this host has 4 for cells"),
        (whole(0), "asks for 0 cores; at least 1 is needed"),
        (whole(-1), "asks for -1 cores; at least 1 is needed"),
        (share(4_000), nil),
        (share(4_250), "needs 4.25 shared cores, this host has 4 for cells"),
        (share(0), "asks for 0 thousandths of a core; at least 1 is needed"),
        (whole(1, gibibytes: 9), "needs 9 GiB of memory, this host has 8 GiB for cells"),
        (whole(1, gibibytes: 0), "asks for 0 bytes of memory; at least 1 is needed"),
        (JobDemand(cells: [], timeLimit: .seconds(1)), "asks for no cell; at least 1 is needed"),
    ]

    @Test(arguments: refusals) func saysWhyAJobCanNeverRun(request: JobDemand, reason: String?) {
        var schedule = state()
        #expect(schedule.refusal(of: request) == reason)
        let actions = schedule.apply(.submit(ticket(1), request), at: now)
        if let reason {
            #expect(actions == [.refuse(ticket(1), Refusal(kind: .impossible, reason: reason))])
            #expect(schedule.waitingCount == 0)
        } else {
            #expect(schedule.runningCount == 1)
        }
    }

    @Test func saysWhyTheQueueRefuses() {
        var schedule = state(queueLimit: 1)
        _ = schedule.apply(.submit(ticket(1), whole(4)), at: now)
        _ = schedule.apply(.submit(ticket(2), whole(1)), at: now)
        let actions = schedule.apply(.submit(ticket(3), whole(1)), at: now)
        let refusal = Refusal(
            kind: .full, reason: "the queue is full: 1 job already waiting", retryAfter: .seconds(60))
        #expect(actions == [.refuse(ticket(3), refusal)])
        #expect(schedule.waitingReport(ticket(3))?.reason.sentence == nil)
    }

    @Test func everyWaitHasItsReasonInWordsAndNumbers() {
        var schedule = state()
        _ = schedule.apply(.submit(ticket(1), whole(3, gibibytes: 6)), at: now)
        _ = schedule.apply(.submit(ticket(2), whole(2)), at: now)
        _ = schedule.apply(.submit(ticket(3), whole(2)), at: now)
        _ = schedule.apply(.submit(ticket(4), whole(1)), at: now)
        _ = schedule.apply(.submit(ticket(5), share(1_500, gibibytes: 4)), at: now)
        let release = ", the next release is expected by 00:01 UTC"
        let expected: [(Int64, String?)] = [
            (1, nil),
            (2, "needs 2 whole cores, 1 is free\(release)"),
            (3, "needs 2 whole cores, 1 is free\(release); 1 job is ahead"),
            (4, "2 jobs are ahead, the first of them needs 2 whole cores, 1 is free\(release)"),
            (
                5,
                "needs 1.5 shared cores, 1 left in all, and needs 4 GiB of memory, 2 GiB is free\(release); 3 jobs are ahead"
            ),
            (6, nil),
        ]
        for (number, reason) in expected { #expect(schedule.waitingReport(ticket(number))?.reason.sentence == reason) }
    }

    @Test func coresThatAreListedTwiceCountOnce() {
        var schedule = state(cores: [1, 0, 1])
        #expect(words(schedule.apply(.submit(ticket(1), whole(2)), at: now)) == ["1:[0, 1]"])
        #expect(words(schedule.apply(.submit(ticket(2), whole(3)), at: now)) == ["2:refused"])
    }
}

@Suite struct SchedulerTests {
    private struct FixedClock: WallClock {
        func now() -> Timestamp { Timestamp(microseconds: 1) }
        func elapsed() -> Duration { .zero }
    }

    @Test func theActorCarriesEventsToTheState() async {
        let scheduler = Scheduler(state: state(), clock: FixedClock())
        #expect(words(await scheduler.submit(ticket(1), whole(4))) == ["1:[0, 1, 2, 3]"])
        #expect(await scheduler.submit(ticket(2), whole(1)).isEmpty)
        #expect(await scheduler.submit(ticket(3), whole(1)).isEmpty)
        #expect(await scheduler.waiting == 2)
        #expect(await scheduler.waitingReport(ticket(2))?.ahead == 0)
        #expect(await scheduler.withdraw(ticket(2)).isEmpty)
        #expect(words(await scheduler.finished(ticket(1))) == ["3:[0]"])
        #expect(await scheduler.finished(ticket(3)).isEmpty)
        #expect(await scheduler.running == 0)
        #expect(await scheduler.waiting == 0)
    }
}
