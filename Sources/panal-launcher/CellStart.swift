internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// Makes one cell: everything from the locks on its cores to the word that lets its init go on. Whatever was made is taken
/// back when a later step fails.
struct CellStart {
    let launcher: Launcher
    let request: RunRequest
    let streams: [Int32]

    func run(serial: UInt64) throws(StepFailure) -> RunningCell {
        guard let slot = launcher.users.take() else {
            throw .mismatch("launcher.slots", "all \(UserBlock.slots) slots are in use")
        }
        let group = "cell-\(serial)"
        var isMade = false
        do throws(StepFailure) {
            let cores = try CoreLocks.take(request, locks: launcher.locks)
            try launcher.groups.create(group, limits)
            isMade = true
            return try launch(group, slot: slot, cores: cores)
        } catch {
            if isMade { try? launcher.groups.remove(group) }
            launcher.users.giveBack(slot)
            throw error
        }
    }

    private var limits: GroupLimits {
        GroupLimits(
            memory: Int(clamping: request.memory), processes: Int(request.processes),
            quota: request.quota == 0 ? nil : Int(request.quota), cores: request.cores.map(Int.init))
    }

    private func launch(_ group: String, slot: Int, cores: CoreLocks) throws(StepFailure) -> RunningCell {
        let event = try launcher.groups.outOfMemoryEvent(group)
        let scratch = try makeScratch(owner: launcher.users.program(slot))
        let program = request.program.isEmpty ? nil : try tree(request.program, isFolder: true, step: "program.open")
        let inputs = OpenTrees()
        for input in request.inputs {
            inputs.append(try tree(input.source, isFolder: false, step: "input.open"))
        }
        let reports = try StepFailure.naming("cell.pipes") { () throws(SystemCallFailure) in try Descriptor.pipe() }
        let reportRead = Descriptor(owning: reports.first)
        let reportWrite = Descriptor(owning: reports.second)
        let go = try StepFailure.naming("cell.pipes") { () throws(SystemCallFailure) in try Descriptor.pipe() }
        let goRead = Descriptor(owning: go.first)
        let goWrite = Descriptor(owning: go.second)
        let plan = CellPlan(
            root: launcher.roots[Int(request.rootfs)], request: request,
            filter: launcher.table.seccomp[Int(request.seccomp)],
            programUser: launcher.users.program(slot), initUser: launcher.users.initUser(slot),
            scratchTree: scratch.raw,
            programTree: program.number, inputTrees: inputs.numbers, streams: streams, report: reportWrite.raw,
            start: goRead.raw)

        let birthplace = try launcher.groups.birthplace(group)
        var pidfdNumber: Int32 = -1
        let process = try StepFailure.naming("cell.clone") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(unsafe panal_fork(namespaces, birthplace.number, &pidfdNumber), "clone3")
        }
        if process == 0 { CellInit(plan: plan).run() }
        let pidfd = Descriptor(owning: pidfdNumber)
        // The child has its own copies; up to here these had to stay open.
        _ = consume program
        _ = consume birthplace
        withExtendedLifetime(inputs) {}
        close(goRead.release())
        close(reportWrite.release())
        do throws(StepFailure) {
            try launcher.groups.attach(group, process: process)
            try StepFailure.naming("cell.pipes") { () throws(SystemCallFailure) in
                try reportRead.setNonBlocking()
                try goWrite.writeAll([1])
            }
        } catch {
            Processes.kill(pidfd: pidfd.raw)
            var status: Int32 = 0
            _ = unsafe panal_wait(process, &status)
            throw error
        }
        return RunningCell(
            request: request, group: group, slot: slot, process: process, pidfd: pidfd, reports: reportRead,
            outOfMemory: event, scratch: scratch, cores: cores)
    }

    private var namespaces: UInt64 {
        panal_clone_newns() | panal_clone_newpid() | panal_clone_newnet() | panal_clone_newipc() | panal_clone_newuts()
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

    /// A read-only tree of something below the data folder; no link on the way, and nothing but what is expected there.
    private func tree(_ path: String, isFolder: Bool, step: String) throws(StepFailure) -> Descriptor {
        guard launcher.dataFolder != nil else { throw .mismatch(step, "this launcher has no data folder") }
        return try StepFailure.naming(step) { () throws(SystemCallFailure) in
            let opened = try launcher.openInData(path, isFolder: isFolder)
            let status = try opened.status()
            guard isFolder ? status.isFolder : status.isRegular && !status.hasSetID else {
                throw SystemCallFailure(call: "fstat(\(path))", errno: EINVAL)
            }
            return try Mounts.sealedClone(of: opened)
        }
    }
}

extension Launcher {
    func openInData(_ path: String, isFolder: Bool) throws(SystemCallFailure) -> Descriptor {
        guard dataFolder != nil else { throw SystemCallFailure(call: "data folder", errno: ENOENT) }
        let opened = unsafe panal_open_beneath(
            dataFolder.number, path, Descriptor.pathOnly | (isFolder ? O_DIRECTORY : 0))
        return Descriptor(owning: try SystemCallFailure.check(opened, "openat2(\(path))"))
    }
}

/// Open trees, closed together: arrays cannot hold non-copyable owners yet.
final class OpenTrees {
    private(set) var numbers: [Int32] = []

    func append(_ tree: consuming Descriptor) { numbers.append(tree.release()) }

    deinit {
        for number in numbers { close(number) }
    }
}
