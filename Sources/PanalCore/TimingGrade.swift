/// How far the times of a run can be taken as its program's own, and what speaks against it.
package struct TimingGrade: Hashable, Sendable, Codable {
    package enum Letter: String, Hashable, Sendable, Codable, Comparable {
        /// Nothing was found that would have changed them by a hundredth.
        case good = "A"
        /// They may be off by some hundredths.
        case fair = "B"
        /// They say little.
        case poor = "C"

        package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }

    package var letter: Letter
    /// What was found, worst first; empty for a good one.
    package var reasons: [String]

    /// What the host did while the run lasted. Shares from 0 to 1.
    package struct Surroundings: Hashable, Sendable {
        /// Of the run's cores: time that the hypervisor gave to other machines.
        package var steal: Double
        /// Of the run's cores: time in which something else of this host ran there.
        package var others: Double
        /// How busy the threads were that share a core with the run's; nil where none does.
        package var siblings: Double?
        /// How busy the rest of the host was; nil where there is no rest.
        package var rest: Double?

        package init(steal: Double, others: Double, siblings: Double?, rest: Double?) {
            self.steal = steal
            self.others = others
            self.siblings = siblings
            self.rest = rest
        }
    }

    /// - Parameter surroundings: Nil where they could not be read.
    package init(_ usage: ResourceUsage, surroundings: Surroundings?) {
        var found: [(letter: Letter, reason: String)] = []
        func judge(_ share: Double, fair: Double, poor: Double, _ reason: (String) -> String) {
            guard share > fair else { return }
            let text = "\((share * 1_000).rounded() / 10)%"
            found.append((share > poor ? .poor : .fair, reason(text)))
        }
        let wall = Double(max(1, usage.wallMicroseconds))
        judge(Double(usage.throttledMicroseconds) / wall, fair: 0, poor: 0.01) {
            "its quota of processor time held it back for \($0) of its time"
        }
        if let pressure = usage.pressure {
            judge(Double(pressure.cpuMicroseconds) / wall, fair: 0.01, poor: 0.05) {
                "something in it waited for a core for \($0) of its time"
            }
        } else {
            found.append((.fair, "how long it waited for a core is not known: too short, or no PSI on this host"))
        }
        let perSecond = Double(usage.forcedContextSwitches) * 1_000_000 / Double(max(10_000, usage.cpuMicroseconds))
        if perSecond > Self.fairSwitches {
            let letter: Letter = perSecond > Self.poorSwitches ? .poor : .fair
            found.append((letter, "it was made to leave its core \(Int(perSecond.rounded())) times a second"))
        }
        if let surroundings {
            judge(surroundings.steal, fair: 0.001, poor: 0.01) { "the hypervisor took \($0) of its cores' time" }
            judge(surroundings.others, fair: 0.02, poor: 0.1) {
                "something else ran on its cores for \($0) of the time"
            }
            judge(surroundings.siblings ?? 0, fair: 0.02, poor: 0.2) {
                "the threads that share its cores were busy for \($0) of the time"
            }
            judge(surroundings.rest ?? 0, fair: 0.5, poor: .infinity) {
                "the host's other cores were busy for \($0) of the time, and share caches and memory with it"
            }
        } else {
            found.append((.fair, "what else ran on the host is not known"))
        }
        letter = found.map(\.letter).max() ?? .good
        reasons = found.filter { $0.letter == .poor }.map(\.reason) + found.filter { $0.letter != .poor }.map(\.reason)
    }

    /// Forced switches in each second of processor time.
    private static let fairSwitches = 20.0
    private static let poorSwitches = 100.0

    /// `A`, or `B: it was made to leave its core 30 times a second`.
    package var sentence: String {
        reasons.isEmpty ? letter.rawValue : "\(letter.rawValue): \(reasons.joined(separator: "; "))"
    }
}
