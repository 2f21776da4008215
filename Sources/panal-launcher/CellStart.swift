internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// Gives a run to a prepared cell: from the locks on its cores to the order that lets its init go on. When a step fails the
/// cell is discarded, since it may hold half of what was set.
struct CellStart {
    let launcher: Launcher
    let request: RunRequest
    let streams: [Int32]

    func run(in cell: PreparedCell, cores: CoreLocks) throws(StepFailure) -> RunningCell {
        guard let slot = launcher.users.take() else {
            try cell.discard(launcher.groups)
            throw .mismatch("launcher.slots", "all \(UserBlock.slots) slots are in use")
        }
        do throws(StepFailure) {
            try launcher.groups.limit(cell.group, limits)
            let programUser = launcher.users.program(slot)
            let scratch = try makeScratch(owner: programUser)
            try giveStreams(to: programUser)
            let order = CellOrder(
                request: request, programUser: programUser, initUser: launcher.users.initUser(slot), streams: streams,
                scratchTree: scratch.raw)
            try order.send(to: cell.orders)
            return RunningCell(request: request, prepared: cell, slot: slot, scratch: scratch, cores: cores)
        } catch {
            try? cell.discard(launcher.groups)
            launcher.users.giveBack(slot)
            throw error
        }
    }

    private var limits: GroupLimits {
        GroupLimits(
            memory: Int(clamping: request.memory), processes: Int(request.processes),
            quota: request.quota == 0 ? nil : Int(request.quota), cores: request.cores.map(Int.init))
    }

    /// Pipes belong to whoever made them; `/dev/stdout` and its like can be opened only by their owner.
    private func giveStreams(to user: UInt32) throws(StepFailure) {
        for stream in streams {
            var found = stat()
            guard unsafe fstat(stream, &found) == 0, found.st_mode & S_IFMT == S_IFIFO else { continue }
            try StepFailure.naming("program.streams") { () throws(SystemCallFailure) in
                try SystemCallFailure.checkErrno(fchown(stream, user, user), "fchown(stream)")
            }
        }
    }

    /// The cell's scratch: `tmp` for everybody in it, `work` for the program alone; both share its quota.
    private func makeScratch(owner: UInt32) throws(StepFailure) -> Descriptor {
        try StepFailure.naming("scratch.create") { () throws(SystemCallFailure) in
            let scratch = try Mounts.scratch(bytes: request.scratchBytes, inodes: request.scratchFiles)
            try SystemCallFailure.checkErrno(unsafe mkdirat(scratch.raw, "tmp", 0o1777), "mkdir(tmp)")
            try SystemCallFailure.checkErrno(unsafe mkdirat(scratch.raw, "work", 0o700), "mkdir(work)")
            try SystemCallFailure.checkErrno(
                unsafe fchownat(scratch.raw, "work", owner, owner, AT_SYMLINK_NOFOLLOW), "chown(work)")
            return scratch
        }
    }
}
