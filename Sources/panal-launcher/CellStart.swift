internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// Gives a run to a cell that stands ready: the order with its streams, its limits, the word to go. While the program's process
/// does what the order asks for, the limits are set and the pipes are given to the program; it does not execute before it has the
/// word. When a step fails the cell is not to be used any more, since it may hold half of what was set.
struct CellStart {
    let request: RunRequest
    let streams: [Int32]
    /// Those of the streams that are pipes.
    let pipes: [Int32]
    /// See `UserBlock.owner`.
    let owner: UInt32?
    let reading: ReadingRate?

    func run(in slot: Slot) throws(StepFailure) -> RunningCell {
        guard let cell = slot.cell else { throw .mismatch("cell.order", "the slot has no cell") }
        slot.hurry()
        try cell.group.place(on: request.cores.map(Int.init))
        try cell.group.begin()
        try CellOrder(request: request, streams: streams).send(to: cell.line)
        try giveStreams()
        try orderContents(slot)
        try cell.group.checkWeight(isIdle: request.isIdle)
        try cell.group.limit(limits)
        try CellOrder.sendWord(to: cell.line)
        return RunningCell(request: request, slot: slot, cell: cell)
    }

    private var limits: GroupLimits {
        GroupLimits(
            memory: Int(clamping: request.memory), processes: Int(request.processes),
            quota: request.quota == 0 ? nil : Int(request.quota), burst: Int(request.burst),
            reading: reading)
    }

    /// Has the spawner do what needs rights, or open what the program's process, which still has them, puts in its place.
    private func orderContents(_ slot: Slot) throws(StepFailure) {
        let contents = CellContents(request)
        let order: SpawnerRequest
        if slot.plan.ahead != nil {
            if contents.isThere(in: slot.plan) { return }
            order = .complete(contents)
        } else {
            if request.program.isEmpty, request.inputs.isEmpty { return }
            order = .trees(program: request.program, inputs: request.inputs.map(\.source))
        }
        guard MessageSocket.send(slot.line, order.encoded(), descriptors: [], waiting: false) == .sent else {
            throw .mismatch("cell.trees", "the spawner does not take its order")
        }
    }

    /// Pipes belong to whoever made them; `/dev/stdout` and its like can be opened only by their owner.
    private func giveStreams() throws(StepFailure) {
        guard let owner else { return }
        for stream in pipes {
            try StepFailure.naming("program.streams") { () throws(SystemCallFailure) in
                try SystemCallFailure.checkErrno(fchown(stream, owner, owner), "fchown(stream)")
            }
        }
    }
}
