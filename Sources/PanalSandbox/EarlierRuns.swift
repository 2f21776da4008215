internal import PanalCore
internal import PanalLauncherProtocol

/// What an earlier process left and nobody has taken up yet. Belongs to the loop's thread.
struct EarlierRuns: Sendable {
    private var held: [AttemptID: HeldCell] = [:]
    /// Ended with a launcher that was told another table.
    private var replaced: Set<AttemptID>
    /// Numbers from here on are free.
    let lastID: UInt64

    init(_ cells: [HeldCell], replaced: [AttemptID]) {
        self.replaced = Set(replaced)
        lastID = cells.map(\.report.id).max() ?? 0
        for cell in cells { held[cell.attempt] = cell }
    }

    /// Those that had to end are still to be told of.
    var attempts: Set<AttemptID> { replaced.union(held.keys) }

    func id(of attempt: AttemptID) -> UInt64? { held[attempt]?.report.id }

    /// The cell becomes the caller's.
    mutating func take(_ attempt: AttemptID) -> HeldCell? { held.removeValue(forKey: attempt) }

    /// Drops all but these; answers the numbers of those that the launcher is to forget.
    mutating func leave(_ wanted: Set<AttemptID>) -> [UInt64] {
        replaced.formIntersection(wanted)
        return held.keys.filter { !wanted.contains($0) }.compactMap { held.removeValue(forKey: $0)?.discard() }
    }

    /// What to say of an attempt that is not held.
    mutating func whyAbsent(_ attempt: AttemptID) -> SystemError {
        guard replaced.remove(attempt) != nil else {
            return SystemError(step: "launcher.lost", detail: "the launcher does not hold the attempt")
        }
        return SystemError(
            step: "launcher.replaced", detail: "Panal was started with other settings while the program ran")
    }

    mutating func close() {
        for cell in held.values { cell.close() }
        held = [:]
    }
}

extension HeldCell {
    /// Closes it; answers its number.
    func discard() -> UInt64 {
        close()
        return report.id
    }
}
