import PanalCore
import Testing

@Suite struct JobStateTests {
    /// The table of states is whole: every way leads to an end, and what is final stays.
    @Test(arguments: JobState.allCases) func everyStateLeadsToAnEnd(state: JobState) {
        let rule = state.rule
        #expect(rule.state == state)
        #expect(state.isFinal == (rule.deadline == .none))
        #expect((rule.passed == nil) == state.isFinal)
        #expect(!rule.next.contains(state))
        if let passed = rule.passed { #expect(rule.next.contains(passed)) }
        guard !state.isFinal else { return }
        var reached: Set<JobState> = [state]
        while true {
            let more = reached.reduce(reached) { $0.union($1.next) }
            if more == reached { break }
            reached = more
        }
        #expect(!reached.filter(\.isFinal).isEmpty)
    }

    /// Some way leads from a submission to each of them.
    @Test func everyStateIsReached() {
        var reached: Set<JobState> = [.queued]
        for _ in JobState.allCases { reached = reached.reduce(reached) { $0.union($1.next) } }
        #expect(reached == Set(JobState.allCases))
    }

    /// UnaCloud's rows of copies, and the way back of a job that goes on.
    @Test func copiesAreThoseOfTheDocument() {
        #expect(JobState.running.next.contains(.copyRequested))
        #expect(JobState.copyRequested.next.contains(.copying) && JobState.copyRequested.rule.passed == .running)
        #expect(JobState.copying.next.isSuperset(of: [.finished, .running]) && JobState.copying.rule.passed == .failed)
    }

    /// UnaCloud's figures.
    @Test func deadlinesAreThoseOfTheDocument() {
        let deadlines = StateDeadlines()
        let minutes: [StateDeadlines.Kind: Int] = [
            .queued: 2, .configuring: 30, .deploying: 8, .reconnecting: 10, .copyRequested: 4, .copying: 30,
            .finishing: 8,
        ]
        #expect(minutes.count == StateDeadlines.Kind.allCases.count)
        for (kind, count) in minutes { #expect(deadlines[kind] == .seconds(60 * count)) }
    }

    @Test func classesAreInOrder() {
        #expect(PriorityClass.allCases == PriorityClass.allCases.sorted())
        #expect(PriorityClass.allCases.map(\.rank) == [0, 1, 2, 3])
    }
}
