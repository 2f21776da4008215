import PanalCore
import PanalStore
import Testing

@Suite struct UsageTests {
    private static let november = Timestamp(microseconds: 1_795_910_400_000_000)
    private static let december = november + .seconds(20 * 86_400)

    /// Five jobs of two people in two months, one of them Panal's failure.
    private func fixture() async throws -> StoreFixture {
        let fixture = try await StoreFixture()
        for (user, outcome, wall, at) in [
            (fixture.owner, Outcome.exited(code: 0), 1_000, Self.november),
            (fixture.owner, .exited(code: 3), 2_000, Self.november),
            (fixture.owner, .exited(code: 0), 4_000, Self.december),
            (fixture.other, .systemError(SystemError(step: "x", detail: "")), 8_000, Self.november),
            (fixture.other, .cancelled, 9_000, Self.december),
        ] as [(User, Outcome, Int64, Timestamp)] {
            let job = try await fixture.submit(owner: user, isHeld: false)
            try await fixture.end(job, outcome, milliseconds: wall, at: at)
        }
        // One that has not ended is in no report.
        _ = try await fixture.submit(isHeld: false)
        return fixture
    }

    private func seconds(_ sum: UsageSum) -> Int64 { sum.use.coreMicroseconds / 1_000_000 }

    @Test func useIsSummedUpByWhatIsAskedFor() async throws {
        let fixture = try await fixture()
        let all = try await fixture.store.usage(UsageQuery(by: []))
        #expect(all.count == 1 && all[0].sum.jobs == 5 && all[0].sum.systemErrors == 1)
        #expect(seconds(all[0].sum) == 24)
        // What Panal failed at is metered and costs nothing.
        #expect(all[0].sum.cost == Credits(micro: 16_000_000))
        let months = try await fixture.store.usage(UsageQuery(by: [.month]))
        #expect(months.map { $0.month?.description } == ["2026-11", "2026-12"])
        #expect(months.map { seconds($0.sum) } == [11, 13])
        let own = try await fixture.store.usage(UsageQuery(by: [.month, .program], user: fixture.owner.id))
        #expect(own.map(\.program) == ["filter", "filter"] && own.map { $0.sum.jobs } == [2, 1])
        let users = try await fixture.store.usage(
            UsageQuery(by: [.user], from: Month("2026-12"), to: Month("2026-12")))
        #expect(Set(users.map(\.userName)) == ["ana", "berta"] && users.allSatisfy { $0.sum.jobs == 1 })
        #expect(try await fixture.store.usage(UsageQuery(by: [.user], program: "other")) == [])
        #expect(try await fixture.store.usage(UsageQuery(by: [.profile])).map(\.profile) == ["small"])
        #expect(try await fixture.store.usage(UsageQuery(by: [.group])).map(\.group) == [nil])
    }

    @Test func monthsAreTheCalendars() throws {
        let cases: [(String, String)] = [
            ("1970-01-01T00:00:00Z", "1970-01"), ("2000-02-29T23:59:59Z", "2000-02"),
            ("2000-03-01T00:00:00Z", "2000-03"),
            ("2026-11-30T23:59:59Z", "2026-11"), ("2026-12-01T00:00:00Z", "2026-12"),
            ("2100-02-28T23:59:59Z", "2100-02"),
            ("2100-03-01T00:00:00Z", "2100-03"), ("9999-12-31T23:59:59Z", "9999-12"),
        ]
        for (text, month) in cases {
            #expect(Month(of: try #require(Timestamp(rfc3339: text))).description == month)
        }
        #expect(Month(of: Timestamp(microseconds: .min)).description == "1970-01")
        #expect(Month(of: Timestamp(microseconds: .max)).description == "9999-12")
        for text in ["2026-00", "2026-13", "26-11", "2026-1", "2026/11", "2026-11-01", "", "+026-11", "1969-12"] {
            #expect(Month(text) == nil)
        }
        #expect(
            [Month("2024-02"), Month("2100-02"), Month("2000-02"), Month("2026-11")].map { $0?.days } == [
                29, 28, 29, 30,
            ])
    }

    /// The estimate of Cloudy's document: database 194.40, 50 GB of storage 1.15, web server and API 36.72 with 12 hours a day.
    @Test func theCostOfAMonthIsCloudys() throws {
        func credits(_ text: String) throws -> Credits { try Credits(parsing: text) }
        let items = [
            CostItem(name: "database", unit: .hour, price: try credits("0.27")),
            CostItem(name: "storage", unit: .gibibyteMonth, price: try credits("0.023"), quantity: 50),
            CostItem(name: "web and API", unit: .hour, price: try credits("0.051"), quantity: 2, hoursADay: 12),
        ]
        let hour: Int64 = 3_600_000_000
        let usage = [
            (
                profile: "large",
                sum: UsageSum(
                    jobs: 3, use: MeteredUse(coreMicroseconds: 300 * hour), cost: try credits("30"),
                    paid: try credits("30"))
            ),
            (profile: "small", sum: UsageSum(jobs: 9, use: MeteredUse(coreMicroseconds: 100 * hour))),
        ]
        let month = try #require(Month("2026-11"))
        let analysis = CostAnalysis(month: month, items: items, usage: usage, cores: 2)
        #expect(analysis.items.map(\.cost.description) == ["194.4", "1.15", "36.72"])
        #expect(analysis.cost == (try credits("232.27")))
        #expect(analysis.balance == -(try credits("202.27")))
        #expect(analysis.profiles.map(\.share.description) == ["174.2025", "58.0675"])
        // 232.27 over 400 core hours, and over 2 × 720 of them.
        #expect(analysis.breakEvenByUse?.description == "0.580675")
        #expect(analysis.breakEvenByCapacity?.description == "0.161299")
        let empty = CostAnalysis(month: month, items: [], usage: [], cores: 0)
        #expect(empty.breakEvenByUse == nil && empty.breakEvenByCapacity == nil && empty.cost == .zero)
    }

    @Test func costItemsAreReplacedAsAWhole() async throws {
        let fixture = try await StoreFixture()
        let items = [
            CostItem(name: "b", unit: .hour, price: Credits(micro: 5), quantity: 2, hoursADay: 12),
            CostItem(name: "a", unit: .month, price: .zero),
        ]
        try await fixture.store.setCostItems(items, expecting: nil)
        #expect(try await fixture.store.costItems() == items)
        try await fixture.store.setCostItems([], expecting: items)
        #expect(try await fixture.store.costItems() == [])
    }
}
