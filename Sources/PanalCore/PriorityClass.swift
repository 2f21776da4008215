/// How urgent a job is. Within a class the fair share decides; a class is looked at only after those above it.
package enum PriorityClass: String, Hashable, Sendable, Codable, CaseIterable, Comparable {
    case high
    case normal
    case low
    /// Runs on what is idle: frozen whenever any other job, or a person at the machine, needs its cores.
    case opportunistic

    /// 0 for the most urgent.
    package var rank: Int {
        switch self {
        case .high: 0
        case .normal: 1
        case .low: 2
        case .opportunistic: 3
        }
    }

    package static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
}
