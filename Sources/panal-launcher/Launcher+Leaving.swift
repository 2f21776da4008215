internal import CPanalSyscalls
internal import Glibc
internal import PanalLinux

/// A run that has been told of, and of whose cell only init is left, which waits to be let go.
///
/// What comes after a run (init's end, what it takes down, the slot's next cell) takes as long as what comes before it. Whoever waits
/// for runs hears of one end and orders the next: so all that is not done at once, where it would be done on the core of
/// both. It waits for a moment in which, if at all, the next program is being executed. Where others run, no core is free then either, and
/// the slot is wanted sooner: it is done as soon as the server has been told.
struct Leaving {
    let slot: Slot
    let end: RunEnd
    let cell: PreparedCell
    /// When init is let go, in monotonic nanoseconds; nil when it has been.
    private(set) var due: Int64?

    /// An order, and all that is done for it before a program is executed, takes about as many nanoseconds.
    private static let pause: Int64 = 500_000

    /// `isLast`: nothing else runs.
    init(_ slot: Slot, _ end: RunEnd, _ cell: PreparedCell, isLast: Bool) {
        (self.slot, self.end, self.cell) = (slot, end, cell)
        due = isLast ? panal_monotonic_ns() + Self.pause : 0
    }

    /// Init is gone when its pidfd says so.
    mutating func dismiss() {
        due = nil
        slot.dismiss()
    }
}

extension Launcher {
    /// Nothing runs, and nothing that has run is to be taken down.
    var isIdle: Bool { cells.isEmpty && leaving.isEmpty }

    /// Cells that are being made, and that nothing waits for.
    var unwatched: [Slot] { pool.unwatched(isIdle: isIdle) }

    var nextDismissal: Int64 { leaving.lazy.compactMap(\.due).min() ?? .max }

    /// Lets those go whose time has come.
    func dismissLeaving() {
        if leaving.isEmpty { return }
        let now = panal_monotonic_ns()
        for index in leaving.indices {
            if let due = leaving[index].due, now >= due { leaving[index].dismiss() }
        }
    }

    /// Somebody waits for what they have.
    func hurryLeaving() {
        for index in leaving.indices {
            if leaving[index].due != nil { leaving[index].dismiss() }
            leaving[index].slot.hurry()
        }
    }

    /// Init is gone too.
    func leave(_ run: Leaving) {
        leaving.removeAll { $0.cell === run.cell }
        _ = run.cell.reap()
        do throws(StepFailure) {
            try run.cell.group.waitUntilEmpty()
            vacate(run.slot, after: run.end)
        } catch {
            pool.giveUp(run.slot)
        }
    }

    /// Takes what has come from spawners and from cells that stand ready.
    func takeCells(_ slots: [Slot]) {
        for slot in slots {
            if let failure = pool.take(from: slot) { refuseOne(failure, slot.kind, slot.plan.image) }
        }
    }
}
