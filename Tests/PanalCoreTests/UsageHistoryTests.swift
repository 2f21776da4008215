import PanalCore
import Testing

/// What a run used over time, in bounded space.
@Suite("Use over time") struct UsageHistoryTests {
    private static func sample(_ second: Int, cpu: Double, memory: Int64 = 1, processes: Int64 = 1) -> UsageSample {
        UsageSample(
            wallMicroseconds: Int64(second) * 1_000_000, cpuMicroseconds: Int64(cpu * 1e6), memoryBytes: memory,
            processes: processes)
    }

    @Test func partsFollowEachOtherFromTheBeginning() {
        var history = UsageHistory()
        #expect(history.parts.isEmpty)
        history.note(Self.sample(2, cpu: 1, memory: 10))
        history.note(Self.sample(3, cpu: 3, memory: 5, processes: 4))
        let parts = history.parts
        #expect(parts.map(\.from) == [0, 2_000_000] && parts.map(\.to) == [2_000_000, 3_000_000])
        #expect(parts.map(\.cores) == [0.5, 2] && parts.map(\.memoryBytes) == [10, 5])
        #expect(parts.map(\.processes) == [1, 4])
    }

    /// Two looks at the same moment, one that comes late, a counter that goes back, nothing run yet: none of them divides by zero.
    @Test func whatIsNotLaterIsNoSample() {
        var history = UsageHistory()
        history.note(Self.sample(0, cpu: 0))
        #expect(history.parts.isEmpty)
        history.note(Self.sample(2, cpu: 1))
        for (second, cpu) in [(2, 2.0), (1, 2), (3, 0.5), (-1, 9)] { history.note(Self.sample(second, cpu: cpu)) }
        #expect(history.parts.count == 1)
        #expect(history.parts.allSatisfy { $0.cores.isFinite })
    }

    /// However long it runs: bounded, without gaps, the sum of processor time exact, the highest memory kept.
    @Test(arguments: [119, 120, 121, 240, 241, 1_000, 86_400]) func longRunsStayBounded(seconds: Int) {
        var history = UsageHistory()
        var cpu = 0.0
        for second in 1...seconds {
            cpu += second % 3 == 0 ? 1 : 0.25
            history.note(Self.sample(second, cpu: cpu, memory: second == seconds / 2 ? 999 : 1))
        }
        let parts = history.parts
        #expect(parts.count <= UsageHistory.most && parts.count >= min(seconds, UsageHistory.most / 4))
        #expect(parts.first?.from == 0 && parts.last?.to == Int64(seconds) * 1_000_000)
        #expect(zip(parts, parts.dropFirst()).allSatisfy { $0.to == $1.from })
        let sum = parts.reduce(0) { $0 + $1.cores * Double($1.to - $1.from) / 1e6 }
        #expect(abs(sum - cpu) < 0.001)
        #expect(parts.map(\.memoryBytes).max() == 999)
        // No part is out of all proportion to the others.
        let lengths = parts.map { $0.to - $0.from }
        #expect((lengths.max() ?? 0) <= max(1, Int64(seconds) / 20) * 1_000_000)
    }
}
