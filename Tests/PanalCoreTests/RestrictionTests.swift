import PanalCore
import Testing

/// UnaCloud's precedence: one's own value of a kind replaces the groups', several groups' are united, of allocators the first wins,
/// and where nobody says anything everything is allowed.
@Suite struct RestrictionTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var own = Restriction.none
        var groups: [Restriction] = []
        var expected: Restriction
    }

    static let cases: [Case] = [
        Case(testDescription: "nobody says anything", expected: .none),
        Case(testDescription: "groups that say nothing", groups: [.none, .none], expected: .none),
        Case(
            testDescription: "own replaces, even where it allows less or other things",
            own: Restriction(profiles: ["small"], runningCores: 1),
            groups: [Restriction(profiles: ["large", "small"], runningCores: 8)],
            expected: Restriction(profiles: ["small"], runningCores: 1)),
        Case(
            testDescription: "own replaces, even where it allows more",
            own: Restriction(pools: ["a", "b"], storedBytes: 10),
            groups: [Restriction(pools: ["a"], storedBytes: 2)],
            expected: Restriction(pools: ["a", "b"], storedBytes: 10)),
        Case(
            testDescription: "own of one kind leaves the groups' other kinds",
            own: Restriction(allocator: "random"),
            groups: [Restriction(profiles: ["small"], allocator: "firstFit", queuedJobs: 3)],
            expected: Restriction(profiles: ["small"], allocator: "random", queuedJobs: 3)),
        Case(
            testDescription: "several groups are united; the largest limit holds",
            groups: [
                Restriction(
                    profiles: ["small"], repositories: ["main"], runningCores: 2, queuedJobs: 9, storedBytes: 1),
                Restriction(profiles: ["large"], pools: ["b"], runningCores: 4, queuedJobs: 1),
            ],
            expected: Restriction(
                profiles: ["large", "small"], pools: ["b"], repositories: ["main"], runningCores: 4, queuedJobs: 9,
                storedBytes: 1)),
        Case(
            testDescription: "a group that says nothing does not open what another one restricts",
            groups: [.none, Restriction(profiles: ["small"], pools: ["a"], runningCores: 2), .none],
            expected: Restriction(profiles: ["small"], pools: ["a"], runningCores: 2)),
        Case(
            testDescription: "the first group that has an allocator",
            groups: [.none, Restriction(allocator: "bestFit"), Restriction(allocator: "random")],
            expected: Restriction(allocator: "bestFit")),
    ]

    @Test(arguments: cases) func holdsByUnaCloudsPrecedence(_ example: Case) {
        #expect(Restriction.effective(own: example.own, groups: example.groups) == example.expected)
    }

    /// Groups count in the order of joining, not of their names.
    @Test func groupsCountInTheOrderOfJoining() throws {
        let moment = Timestamp(microseconds: 1_000_000)
        let groups = ["a", "b"].map { UserGroup(id: .make(at: moment), name: $0, label: $0, created: moment) }
        let user = UserID.make(at: moment)
        let tenancy = Tenancy(
            revision: 1, groups: groups, memberships: [(user, groups[1].id), (user, groups[0].id)],
            restrictions: [
                .group(groups[0].id): Restriction(allocator: "random"),
                .group(groups[1].id): Restriction(allocator: "bestFit"),
            ])
        #expect(tenancy.groups(of: user).map(\.name) == ["b", "a"])
        #expect(tenancy.rights(of: user) == Restriction(allocator: "bestFit"))
        #expect(tenancy.users == [user])
        #expect(tenancy.rights(of: .make(at: moment)) == .none)
    }
}
