internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// Makes slots in a process of its own beside the launcher, which hears nobody but the launcher: where a spawner has to be
/// moved into its group, that takes milliseconds, for which no deadline may wait.
struct SlotMaker {
    let groups: any CgroupDriver
    let stage: Stage
    let table: LauncherTable
    let users: UserBlock

    /// Starts the maker; answers the launcher's end of the line to it, and its pid.
    func start() throws(StepFailure) -> (line: Int32, process: Int32) {
        let ends = try StepFailure.naming("maker.start") { () throws(SystemCallFailure) in
            try Descriptor.messageSockets()
        }
        let ours = Descriptor(owning: ends.first)
        let theirs = Descriptor(owning: ends.second)
        var pidfd: Int32 = -1
        let process = try StepFailure.naming("maker.start") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(unsafe panal_fork(0, -1, &pidfd), "clone3")
        }
        if process == 0 { serve(theirs.release()) }
        close(pidfd)
        close(theirs.release())
        return (ours.release(), process)
    }

    /// What it is told of a slot to make is a byte: its number, and whether it is to be for idle runs.
    static func order(_ slot: Int, _ kind: Slot.Kind) -> UInt8 { UInt8(slot) | (kind == .idle ? idle : 0) }

    private static let idle: UInt8 = 128

    private func serve(_ number: Int32) -> Never {
        let line = Descriptor(owning: number)
        guard (try? Processes.closeAll(but: [0, 1, 2, number] + stage.inherited)) != nil else { panal_exit(1) }
        _ = panal_set_parent_death_signal(SIGKILL)
        // A cell that is kept must not keep the error stream of a server that has gone.
        if table.keepSeconds > 0 { dup2(1, 2) }
        while let message = try? MessageSocket.wait(line), !message.bytes.isEmpty {
            for order in message.bytes {
                answer(line, slot: Int(order & ~Self.idle), order & Self.idle == 0 ? .ordinary : .idle)
            }
        }
        panal_exit(0)
    }

    private func answer(_ line: borrowing Descriptor, slot: Int, _ kind: Slot.Kind) {
        do throws(StepFailure) {
            let made = try make(slot, kind)
            let answer = MakerAnswer.made(slot: slot, process: made.process)
            let isSent = MessageSocket.send(line, answer.encoded(), descriptors: [made.line], waiting: true) == .sent
            close(made.line)
            if isSent { return }
            // The spawner is the launcher's child: it reads the end of its line.
            try? remove(slot, kind)
            throw .mismatch("slot.line", "the slot could not be handed to the launcher")
        } catch {
            let answer = MakerAnswer.failed(slot: slot, error)
            // A launcher that does not hear of a slot would wait for it for ever; that this process has ended it does hear of.
            if MessageSocket.send(line, answer.encoded(), descriptors: [], waiting: true) != .sent { panal_exit(1) }
        }
    }

    private func remove(_ slot: Int, _ kind: Slot.Kind) throws(StepFailure) {
        if groups.keepsGroups { try groups.remove(Slot.group(slot, kind)) }
    }

    /// In this order: the group, where it is kept · the spawner, a child of the launcher · its move into the group.
    private func make(_ slot: Int, _ kind: Slot.Kind) throws(StepFailure) -> (process: Int32, line: Int32) {
        let group = Slot.group(slot, kind)
        if groups.keepsGroups { try groups.create(group) }
        do throws(StepFailure) {
            let ends = try StepFailure.naming("slot.line") { () throws(SystemCallFailure) in
                try Descriptor.messageSockets()
            }
            let ours = Descriptor(owning: ends.first)
            let theirs = Descriptor(owning: ends.second)
            var pidfd: Int32 = -1
            let process = try StepFailure.naming("slot.spawner") { () throws(SystemCallFailure) in
                try SystemCallFailure.check(unsafe panal_fork(panal_clone_parent(), -1, &pidfd), "clone3")
            }
            if process == 0 {
                Spawner(slot: slot, groups: groups, stage: stage, table: table, users: users).serve(theirs.release())
            }
            let handle = Descriptor(owning: pidfd)
            close(theirs.release())
            do throws(StepFailure) {
                try groups.attach(group, process: process)
            } catch {
                Processes.kill(pidfd: handle.raw)
                throw error
            }
            return (process, ours.release())
        } catch {
            try? remove(slot, kind)
            throw error
        }
    }
}
