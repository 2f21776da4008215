import PanalCore
@testable import PanalSimulation
import Testing

@Suite struct FiguresTests {
    private static let jobs = [
        job("A", at: 0, run: 10, cores: 3, user: "a"), job("B", at: 1, run: 10, cores: 4, user: "a"),
        job("C", at: 2, run: 5, user: "b"), job("D", at: 3, run: 20, user: "b"),
    ]

    private func isClose(_ left: Double, _ right: Double) -> Bool { abs(left - right) < 1e-9 }

    @Test func areAsComputedByHand() throws {
        // First come, first served on four cores: A 0-10, B 10-20, C 20-25, D 20-40.
        let figures = SimulationFigures(try replay(Self.jobs, on: "1x4", "fcfs"))
        #expect(figures.jobs == 4 && figures.cut == 0 && figures.refused == 0 && figures.neverStarted == 0)
        #expect(figures.makespan == 40)
        #expect(isClose(figures.utilisation, (30 + 40 + 5 + 20) / 160.0))
        // Waits 0, 9, 18, 17.
        #expect(figures.meanWait == 11 && figures.medianWait == 9)
        #expect(figures.wait95 == 18 && figures.wait99 == 18 && figures.longestWait == 18)
        // A 1, B 19/10, C 23/10 (it ran for 5 s, which count as 10), D 37/20.
        #expect(isClose(figures.meanSlowdown, (1 + 1.9 + 2.3 + 1.85) / 4))
        let (first, second) = ((1 + 1 / 1.9) / 2, (1 / 2.3 + 1 / 1.85) / 2)
        let sum = first + second
        #expect(isClose(figures.fairness, sum * sum / (2 * (first * first + second * second))))
        // Somebody waits from 1 to 20; one core is free until 10, none after.
        #expect(isClose(figures.fragmentation, 9 / (19.0 * 4)))
    }

    @Test func countWhatDidNotRunAsRecorded() throws {
        let jobs = [job("A", at: 0, run: 9, limit: 5), job("B", at: 0, run: 9, cores: 2), job("C", at: 0, run: 1)]
        let figures = SimulationFigures(try replay(jobs, on: "1x1", "easy"))
        #expect(figures.jobs == 2 && figures.cut == 1 && figures.refused == 1)
        #expect(figures.makespan == 6 && figures.utilisation == 1)
    }

    @Test func areZeroOfNothing() throws {
        let none = SimulationFigures(try replay([], on: "1x1", "panal"))
        #expect(none == SimulationFigures())
    }

    private static let hundred = (1...100).map { Double($0) }

    static let ranks: [(values: [Double], percent: Double, expected: Double)] = [
        ([1], 50, 1), ([1, 2], 50, 1), ([1, 2, 3], 50, 2), ([1, 2, 3, 4], 95, 4), ([], 50, 0), (hundred, 95, 95),
        (hundred, 99, 99), (hundred, 100, 100),
    ]

    @Test(arguments: ranks)
    func percentilesAreOfTheNearestRank(values: [Double], percent: Double, expected: Double) {
        #expect(SimulationFigures.percentile(percent, of: values) == expected)
    }

    @Test func jainIsOneForEqualAndOneInNForOne() {
        #expect(SimulationFigures.jain([2, 2, 2]) == 1)
        #expect(SimulationFigures.jain([5, 0, 0, 0]) == 0.25)
        #expect(SimulationFigures.jain([]) == 1)
    }

    private func report() throws -> PolicyReport {
        PolicyReport(
            try ["easy", "fcfs"].map {
                PolicyReport.Entry(policy: $0, figures: SimulationFigures(try replay(Self.jobs, on: "1x4", $0)))
            })
    }

    @Test func theTableIsStraight() throws {
        let lines = try report().table.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(Set(lines.map(\.count)).count == 1)
        #expect(lines[0].hasPrefix("policy") && lines[1].hasPrefix("easy") && lines[2].hasPrefix("fcfs"))
        // Nothing was cut, refused or stuck, so nothing is said of it.
        #expect(!lines[0].contains("cut") && !lines[0].contains("refused") && !lines[0].contains("stuck"))
        #expect(lines[2].contains("59.4%") && lines[2].contains("11.0s"))
    }

    @Test func everyLineOfTheCSVHasTheFieldsOfItsHead() throws {
        let text = try report().csv
        #expect(text.hasSuffix("\n"))
        let rows = text.split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
        #expect(rows.count == 3)
        #expect(rows.allSatisfy { $0.count == rows[0].count })
        let fcfs = Dictionary(uniqueKeysWithValues: zip(rows[0], rows[2]))
        #expect(fcfs["policy"] == "fcfs" && fcfs["jobs"] == "4" && fcfs["makespan_seconds"] == "40.000")
        #expect(fcfs["utilisation"] == "0.593750" && fcfs["mean_bounded_slowdown"] == "1.762500")
        for row in rows[1...] { for field in row.dropFirst() { #expect(Double(field) != nil) } }
    }

    static let roundings: [(value: Double, digits: Int, expected: String)] = [
        (0.0, 2, "0.00"), (1.005, 2, "1.00"), (2.5, 0, "3"), (-0.04, 1, "0.0"), (-1.25, 1, "-1.3"),
        (12.999, 2, "13.00"), (0.05, 3, "0.050"),
    ]

    @Test(arguments: roundings)
    func numbersAreRounded(value: Double, digits: Int, expected: String) {
        #expect(Decimals.text(value, digits) == expected)
    }

    static let spans: [(seconds: Double, expected: String)] = [
        (0.0, "0s"), (4.25, "4.3s"), (99, "99.0s"), (120, "2.0min"), (7_200, "2.0h"), (172_800, "2.0d"),
    ]

    @Test(arguments: spans)
    func spansHaveAPersonsUnit(seconds: Double, expected: String) {
        #expect(Decimals.span(seconds) == expected)
    }
}
