internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// The launcher's side of the maker: how many cells it has asked for, and those that stand ready.
final class MakerLine {
    private let line: Descriptor
    private let process: Int32
    /// Cells to keep ready beyond the runs that wait.
    private let reserve: Int
    private var ready: [PreparedCell] = []
    private var asked = 0

    init(_ maker: CellMaker, reserve: Int) throws(StepFailure) {
        let started = try maker.start()
        line = Descriptor(owning: started.line)
        process = started.process
        self.reserve = reserve
    }

    var number: Int32 { line.raw }
    var hasCell: Bool { !ready.isEmpty }

    /// Asks for the cells that runs wait for, and fills the reserve while none runs: as long as a process is being moved into
    /// a group, every fork, execution and exit on the host waits, those of a cell that runs included.
    func order(waiting: Int, isIdle: Bool) {
        let wanted = isIdle ? reserve + waiting : waiting
        let missing = min(wanted, UserBlock.slots) - ready.count - asked
        guard missing > 0 else { return }
        let request = [UInt8](repeating: 1, count: missing)
        // A line that is full or closed shows in the next poll.
        if MessageSocket.send(line, request, descriptors: [], waiting: false) == .sent { asked += missing }
    }

    /// Takes what has been made; answers a failure, or nil when nothing more is there.
    func take() throws(StepFailure) -> StepFailure? {
        while let answer = try CellMaker.take(line) {
            asked -= 1
            switch answer {
            case .made(let cell): ready.append(cell)
            case .failed(let failure): return failure
            }
        }
        return nil
    }

    /// A cell whose init still waits.
    func next() -> PreparedCell? { ready.isEmpty ? nil : ready.removeFirst() }

    /// Ends the maker, and every cell that it has made and nobody has used.
    func stop(_ groups: any CgroupDriver) {
        // The maker reads the end of its line, finishes the cell that it is at, and goes.
        shutdown(line.raw, Int32(SHUT_WR))
        var status: Int32 = 0
        _ = unsafe panal_wait(process, &status)
        while (try? take()) != nil {}
        // What stays is swept by the next launcher.
        for cell in ready { try? cell.discard(groups) }
        ready = []
    }
}
