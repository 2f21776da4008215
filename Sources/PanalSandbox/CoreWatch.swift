internal import PanalCore
internal import PanalLinux

/// What the host's cores do for a span of time.
package struct CoreWatch: Sendable {
    private let before: [Int: CoreTimes]
    private let begun = ContinuousClock.now

    /// Nil where the kernel does not say.
    package init?() {
        guard let before = try? CoreTimes.read(), !before.isEmpty else { return nil }
        self.before = before
    }

    /// How busy each core was since the beginning, what the hypervisor took included; 0 to 1.
    private func shares() -> [Int: (busy: Double, stolen: Double)] {
        guard let now = try? CoreTimes.read() else { return [:] }
        // Ticks are counted where they end: a span of half a tick can hold one.
        let ticks = max(1, (ContinuousClock.now - begun).inSeconds * Double(CoreTimes.ticksPerSecond))
        var shares: [Int: (busy: Double, stolen: Double)] = [:]
        for (core, times) in now {
            guard let old = before[core] else { continue }
            shares[core] = (Double(times.busy - old.busy) / ticks, Double(times.stolen - old.stolen) / ticks)
        }
        return shares
    }

    /// What surrounded a run on `cores` that used `cpuTime` there.
    func surroundings(of cores: [Int], cpuTime: Duration) -> TimingGrade.Surroundings? {
        let shares = shares()
        let span = (ContinuousClock.now - begun).inSeconds
        guard !cores.isEmpty, span > 0, cores.allSatisfy({ shares[$0] != nil }) else { return nil }
        func mean(_ cores: some Collection<Int>) -> Double? {
            let known = cores.compactMap { shares[$0] }
            return known.isEmpty ? nil : min(1, known.map { $0.busy + $0.stolen }.reduce(0, +) / Double(known.count))
        }
        let count = Double(cores.count)
        let busy = cores.compactMap { shares[$0]?.busy }.reduce(0, +) / count
        let stolen = cores.compactMap { shares[$0]?.stolen }.reduce(0, +) / count
        let siblings = Set(cores.flatMap { CoreTimes.siblings(of: $0) }).subtracting(cores)
        let rest = Set(shares.keys).subtracting(cores).subtracting(siblings)
        return TimingGrade.Surroundings(
            steal: max(0, stolen), others: max(0, busy - cpuTime.inSeconds / span / count), siblings: mean(siblings),
            rest: mean(rest))
    }

    /// The `count` cores of `cores` on which, and beside which, least has been going on; looks for as long as `patience` for
    /// such as are quiet, 100 ms at a time, and then takes the best of the last look. Ascending.
    package static func quietest(_ count: Int, of cores: [Int], patience: Duration = .seconds(5)) async -> [Int] {
        let until = ContinuousClock.now + patience
        while true {
            let watch = CoreWatch()
            try? await Task.sleep(for: .milliseconds(100))
            let shares = watch?.shares() ?? [:]
            func load(_ core: Int) -> Double {
                let own = shares[core].map { $0.busy + $0.stolen } ?? 0
                return ([own] + CoreTimes.siblings(of: core).map { shares[$0]?.busy ?? 0 }).max() ?? own
            }
            let loads = cores.map { (core: $0, load: load($0)) }.sorted { ($0.load, $0.core) < ($1.load, $1.core) }
            let best = loads.prefix(count)
            if best.allSatisfy({ $0.load < Self.quiet }) || ContinuousClock.now >= until || Task.isCancelled {
                return best.map(\.core).sorted()
            }
        }
    }

    /// Two ticks of ten.
    private static let quiet = 0.25
}
