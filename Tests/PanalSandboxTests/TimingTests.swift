import Foundation
import PanalCore
import PanalLinux
import Testing

@testable import PanalSandbox

@Suite struct TimingGradeTests {
    private static func usage(
        wall: Int64 = 1_000_000, forced: Int64 = 0, throttled: Int64 = 0, pressure: Int64? = 0
    ) -> ResourceUsage {
        ResourceUsage(
            cpuUserMicroseconds: wall, wallMicroseconds: wall, forcedContextSwitches: forced,
            throttledMicroseconds: throttled,
            pressure: pressure.map { .init(cpuMicroseconds: $0, memoryMicroseconds: 0, ioMicroseconds: 0) })
    }

    private static let still = TimingGrade.Surroundings(steal: 0, others: 0.01, siblings: nil, rest: 0.1)

    @Test(
        arguments: [
            (usage(), still, "A"),
            (usage(forced: 20, pressure: 10_000), still, "A"),
            (usage(throttled: 1), still, "B: its quota of processor time held it back for 0.0% of its time"),
            (usage(throttled: 20_000), still, "C: its quota of processor time held it back for 2.0% of its time"),
            (usage(pressure: 30_000), still, "B: something in it waited for a core for 3.0% of its time"),
            (usage(pressure: 60_000), still, "C: something in it waited for a core for 6.0% of its time"),
            (usage(forced: 50), still, "B: it was made to leave its core 50 times a second"),
            (usage(forced: 101), still, "C: it was made to leave its core 101 times a second"),
            (
                usage(pressure: nil), still,
                "B: how long it waited for a core is not known: too short, or no PSI on this host"
            ),
            (usage(), nil, "B: what else ran on the host is not known"),
            (
                usage(), .init(steal: 0.02, others: 0.05, siblings: 0.5, rest: 0.975),
                "C: the hypervisor took 2.0% of its cores' time; "
                    + "the threads that share its cores were busy for 50.0% of the time; "
                    + "something else ran on its cores for 5.0% of the time; "
                    + "the host's other cores were busy for 97.5% of the time, and share caches and memory with it"
            ),
        ] as [(ResourceUsage, TimingGrade.Surroundings?, String)])
    func isGraded(usage: ResourceUsage, surroundings: TimingGrade.Surroundings?, sentence: String) {
        #expect(TimingGrade(usage, surroundings: surroundings).sentence == sentence)
    }

    @Test func coresAndTheirTimesAreRead() {
        let text = """
            cpu  619258 7131 141007 155908 1002 0 784 1129 0 0
            cpu0 10 2 30 4000 50 6 7 8 0 0
            cpu12 1 1 1 1 1 1 1 1 0 0
            intr 12 3
            """
        #expect(
            CoreTimes.parse(text) == [0: CoreTimes(busy: 55, stolen: 8), 12: CoreTimes(busy: 5, stolen: 1)])
        for (text, numbers) in [("0", [0]), ("0-3,8", [0, 1, 2, 3, 8]), ("", []), ("x,2", [2]), ("3-1", [])] {
            #expect(CoreList.numbers(text) == numbers)
        }
    }
}

extension LiveCells {
    @Suite(.serialized) struct TimingTests {
        /// A run that was throttled for most of its time cannot be graded well; one that did not ask has no grade.
        @Test func aThrottledRunIsGradedPoor() async throws {
            try await CellHarness.with { harness in
                let limits = CellLimits.test.with(\.cpu, .shared(millicores: 200))
                let spin = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
                let command = ["/usr/bin/python3", "-c", spin]
                let (graded, _) = await harness.run(command, limits: limits, graded: true)
                #expect(graded.outcome == .exited(code: 0))
                let timing = try #require(graded.timing)
                #expect(timing.letter == .poor)
                #expect(timing.reasons.contains { $0.hasPrefix("its quota") }, "\(timing.sentence)")
                let (plain, _) = await harness.run(["/bin/true"])
                #expect(plain.timing == nil)
            }
        }

        @Test func quietCoresAreOfThoseThatAreOffered() async throws {
            let cores = try HostTopology.read().cores
            let chosen = await CoreWatch.quietest(1, of: cores, patience: .zero)
            #expect(chosen.count == 1 && cores.contains(chosen[0]))
            #expect(await CoreWatch.quietest(cores.count, of: cores, patience: .zero) == cores)
        }
    }
}
