import PanalCore
import Testing

@Suite struct PriceTests {
    private static let now = Timestamp(microseconds: 1_800_000_000_000_000)

    private func limits(_ cpu: CPUGrant, memory: Int = 1 << 30, wall: Duration = .seconds(600)) -> CellLimits {
        CellLimits(
            cpu: cpu, memory: memory, processes: 2, wallTime: wall, cpuTime: wall, scratchBytes: 1, scratchFiles: 1,
            outputBytes: 1, collectedFiles: 1, collectedBytes: 1, openFiles: 1, fileBytes: 1)
    }

    private func charge(_ cpu: CPUGrant, _ price: Price, isHeld: Bool = true) -> JobCharge {
        JobCharge(of: limits(cpu, memory: 2 << 30), price: price, payer: .group("g"), isHeld: isHeld)
    }

    @Test func coresAndMemoryArePaidByTheHour() {
        // 0.04 credits a core and hour, 0.005 a GiB and hour: two cores and 2 GiB for ten minutes.
        let charge = charge(.exclusive(cores: 2), Price(coreHour: 40_000, memoryHour: 5_000))
        #expect(
            charge.use(600_000_000) == MeteredUse(coreMicroseconds: 1_200_000_000, memoryMicroseconds: 1_200_000_000))
        // (40000 + 5000) × 2 / 6
        #expect(charge.mostCost == Credits(micro: 15_000))
        #expect(charge.hold == charge.mostCost)
        #expect(self.charge(.exclusive(cores: 2), Price(coreHour: 40_000), isHeld: false).hold == .zero)
        #expect(self.charge(.shared(millicores: 250), Price(coreHour: 36_000)).mostCost == Credits(micro: 1_500))
    }

    @Test func partsOfAMillionthCountAsOne() {
        let price = Price(coreHour: 1)
        #expect(price.cost(of: MeteredUse()) == .zero)
        #expect(price.cost(of: MeteredUse(coreMicroseconds: 1)) == Credits(micro: 1))
        #expect(price.cost(of: MeteredUse(coreMicroseconds: 3_600_000_000)) == Credits(micro: 1))
        #expect(price.cost(of: MeteredUse(coreMicroseconds: 3_600_000_001)) == Credits(micro: 2))
        #expect(Price.free.cost(of: MeteredUse(coreMicroseconds: .max, memoryMicroseconds: .max)) == .zero)
    }

    /// The largest that profiles can say, and what no profile can.
    @Test func nothingOverflows() {
        let price = Price(coreHour: Price.mostPerHour, memoryHour: Price.mostPerHour)
        let year = Int64(365 * 86_400) * 1_000_000
        let whole = MeteredUse(millicores: 4_096_000, memory: 1 << 44, microseconds: year)
        #expect(whole.coreMicroseconds == 4_096 * year && whole.memoryMicroseconds == 16_384 * year)
        // 20480 × 8760 × 10000 credits are more than an entry may have.
        #expect(price.cost(of: whole) == .largest)
        #expect(Price(coreHour: .max).cost(of: MeteredUse(coreMicroseconds: .max)) == .largest)
        #expect(MeteredUse(millicores: .max, memory: .max, microseconds: .max).coreMicroseconds == .max)
        #expect(MeteredUse(millicores: 1_000, memory: 1 << 30, microseconds: -5) == MeteredUse())
    }

    @Test func theEndIsBilledByWhatWasMeasured() throws {
        let charge = charge(.exclusive(cores: 1), Price(coreHour: 3_600_000_000))
        func end(_ outcome: Outcome, wall: Int64?, isPanalsFault: Bool = false) -> JobCharge.Settlement {
            let result = JobResult(
                outcome: outcome, usage: wall.map { ResourceUsage(wallMicroseconds: $0) }, isPanalsFault: isPanalsFault)
            return charge.settled(result, at: Self.now)
        }
        let second = Credits(micro: 1_000_000)
        for outcome in [
            Outcome.exited(code: 0), .exited(code: 7), .signalled(signal: 9), .cancelled, .memoryExceeded,
            .cpuTimeExceeded, .outputExceeded, .syscallDenied, .notStarted(reason: "no interpreter"),
        ] {
            #expect(end(outcome, wall: 1_000_000).paid == second)
        }
        // A little late, as every program is that is ended by its time.
        #expect(end(.wallTimeExceeded, wall: 600_040_000).paid == charge.hold)
        #expect(end(.cancelled, wall: nil).paid == .zero)
        #expect(charge.settled(nil, at: Self.now).paid == .zero)
        let fault = end(.systemError(SystemError(step: "cell.mount", detail: "")), wall: 5_000_000)
        #expect(fault.paid == .zero && fault.cost == .zero && fault.use.coreMicroseconds == 5_000_000)
        // Cancelled after Panal had failed.
        #expect(end(.cancelled, wall: 5_000_000, isPanalsFault: true).paid == .zero)
    }

    /// Frozen time is no part of the measured one (`ResourceUsage.wallMicroseconds`), so it is not billed.
    @Test func frozenTimeIsFree() {
        let charge = charge(.exclusive(cores: 1), Price(coreHour: 3_600_000_000))
        let usage = ResourceUsage(wallMicroseconds: 2_000_000, frozenMicroseconds: 90_000_000)
        let end = charge.settled(JobResult(outcome: .exited(code: 0), usage: usage), at: Self.now)
        #expect(end.paid == Credits(micro: 2_000_000))
    }

    /// Metered, and nothing taken.
    @Test func withoutCreditsTheCostIsStillKnown() {
        let charge = charge(.exclusive(cores: 1), Price(coreHour: 3_600_000_000), isHeld: false)
        let end = charge.settled(
            JobResult(outcome: .exited(code: 0), usage: ResourceUsage(wallMicroseconds: 1_000_000)), at: Self.now)
        #expect(end.cost == Credits(micro: 1_000_000) && end.paid == .zero)
    }

    @Test func opportunisticJobsHaveTheirOwnPrice() {
        let tariff = Tariff(
            ordinary: Price(coreHour: 40_000, memoryHour: 5_000), opportunistic: Price(coreHour: 10_000))
        for priority in [PriorityClass.high, .normal, .low] { #expect(tariff.price(for: priority) == tariff.ordinary) }
        #expect(tariff.price(for: .opportunistic) == Price(coreHour: 10_000))
        #expect(Tariff.free.price(for: .opportunistic).isFree)
    }
}
