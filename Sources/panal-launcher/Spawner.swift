internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// The process that makes the cells of one slot, one after the other, each for one run. It is root and has one thread; it
/// hears nobody but the launcher. Where groups are kept it lives in the slot's, so that cells are born in it. What no program can
/// change is the slot's, made and read back once, and inherited by its cells: a network namespace without any interface up
/// (`CellNetwork` says who gets another), the host name, where groups are kept a namespace of those, limits that are the same
/// for every run, and that no right can be regained. Its mount namespaces (`RootViews`) have nothing but the view of a root that
/// cells get a copy of, and the one that it goes to for a run's trees nothing but the `Stage`.
final class Spawner {
    private let slot: Int
    private let groups: any CgroupDriver
    private let stage: Stage
    private let table: LauncherTable
    private let users: UserBlock
    private var cleaner: GroupCleaner?
    /// Nil where it is an ordinary user's: then the program's process sees to its own.
    private var rank: OutOfMemoryRank?
    /// The host's `/proc`, to take hold of a new cell's mount namespace by.
    private var processes: Int32 = -1
    private var isSetUp = false

    private var views: RootViews?

    /// The mount namespace of the last cell: held, so that taking it down is no part of a run.
    private var namespace: Int32 = -1
    /// The line to the last cell's program, on which it gets its trees.
    private var trees: Int32 = -1

    init(slot: Int, groups: any CgroupDriver, stage: Stage, table: LauncherTable, users: UserBlock) {
        self.slot = slot
        self.groups = groups
        self.stage = stage
        self.table = table
        self.users = users
    }

    func serve(_ number: Int32) -> Never {
        let line = Descriptor(owning: number)
        // At once: as long as anybody else holds the maker's end of its line, its death does not show.
        guard (try? Processes.closeAll(but: [0, 1, 2, number] + stage.inherited)) != nil else { panal_exit(1) }
        _ = panal_set_parent_death_signal(SIGKILL)
        while let message = try? MessageSocket.wait(line), !message.bytes.isEmpty {
            guard let request = try? SpawnerRequest(decoding: message.bytes) else { break }
            switch request {
            case .make(let plan): answer(line, plan, birthplace: message.descriptors.first ?? -1)
            case .trees(let program, let inputs): handTrees(program: program, inputs: inputs)
            case .complete(let contents): complete(contents)
            }
            for number in message.descriptors { close(number) }
        }
        panal_exit(0)
    }

    private func answer(
        _ line: borrowing Descriptor, _ plan: CellInit.Plan, birthplace: Int32
    ) {
        do throws(StepFailure) {
            if !isSetUp { try setUp() }
            try forgetLast()
            let cell = try make(plan, birthplace: birthplace)
            let answer = MakerAnswer.made(slot: slot, process: cell.process)
            let descriptors = [cell.pidfd.raw, cell.line.raw, cell.scratch.raw, cell.start.raw]
            if MessageSocket.send(line, answer.encoded(), descriptors: descriptors, waiting: true) != .sent {
                // The init is the launcher's child: here it can only be ended.
                Processes.kill(pidfd: cell.pidfd.raw)
                throw .mismatch("slot.line", "the cell could not be handed to the launcher")
            }
        } catch {
            let answer = MakerAnswer.failed(slot: slot, error)
            // A launcher that does not hear of a cell would wait for it for ever; that this process has ended it does hear of.
            if MessageSocket.send(line, answer.encoded(), descriptors: [], waiting: true) != .sent { panal_exit(1) }
        }
    }

    /// Once, when the spawner lives where it belongs: namespaces of its own, and out of the host's file system.
    private func setUp() throws(StepFailure) {
        try resetSignals()
        cleaner = try groups.cleaner(Slot.group(slot, .ordinary))
        processes = try StepFailure.naming("slot.processes") { () throws(SystemCallFailure) in
            try Descriptor.open("/proc", Descriptor.pathOnly | O_DIRECTORY).release()
        }
        if !users.isOrdinary { rank = try OutOfMemoryRank() }
        try enterNamespaces()
        try StepFailure.naming("slot.root") { () throws(SystemCallFailure) in
            try SystemCallFailure.checkErrno(unsafe chdir(stage.folder), "chdir(\(stage.folder))")
            try Mounts.pivotHere()
        }
        views = try RootViews(stage, users: users, processes: processes)
        // For everything that is born here: what no program may have.
        try Privileges.dropInheritance(leavingGroups: !users.isOrdinary)
        if let found = Privileges.inheritance() { throw .mismatch("slot.rights", found) }
        try ProgramStart.set(ProgramStart.fixedLimits)
        try Rehearsal.run()
        isSetUp = true
    }

    /// Those of the slot, while the host's `/proc` is in sight.
    private func enterNamespaces() throws(StepFailure) {
        let own = groups.keepsGroups ? panal_clone_newcgroup() : 0
        try StepFailure.naming("slot.namespaces") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(
                panal_unshare(panal_clone_newns() | panal_clone_newnet() | panal_clone_newuts() | own), "unshare")
        }
        try StepFailure.naming("slot.hostname") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(unsafe panal_set_hostname("cell"), "sethostname")
            var name = [CChar](repeating: 0, count: 65)
            try SystemCallFailure.checkErrno(unsafe gethostname(&name, name.count), "gethostname")
            guard unsafe strcmp(name, "cell") == 0 else { throw SystemCallFailure(call: "sethostname", errno: EBADMSG) }
        }
        if groups.keepsGroups { try CellInit.readBackGroupNamespace(step: "slot.cgroup-namespace") }
    }

    /// Signals as programs expect them, for everything that is born here: none is ignored or held back.
    private func resetSignals() throws(StepFailure) {
        let step = "slot.signals"
        let status = try StepFailure.naming(step) { () throws(SystemCallFailure) in
            try SystemCallFailure.check(panal_reset_signals(), "sigaction")
            return try KernelFile.read("/proc/self/status")
        }
        for line in ["SigIgn:\t0000000000000000", "SigBlk:\t0000000000000000"] {
            guard status.split(separator: "\n").contains(Substring(line)) else {
                throw .mismatch(step, "a signal is still ignored or held back")
            }
        }
    }

    /// Lets go of the last cell, and of memory that it has left in the slot's group.
    private func forgetLast() throws(StepFailure) {
        for number in [namespace, trees] where number >= 0 { close(number) }
        (namespace, trees) = (-1, -1)
        try cleaner?.clean()
    }

    /// What a new cell is made of.
    private struct Cell: ~Copyable {
        var process: Int32
        var pidfd: Descriptor
        var line: Descriptor
        var scratch: Descriptor
        /// Ends when the program's process executes, or ends itself.
        var start: Descriptor
    }

    private func make(_ plan: CellInit.Plan, birthplace: Int32) throws(StepFailure) -> Cell {
        if !plan.hasWritableRoot { try views?.enter(plan.image) }
        let scratch = try makeScratch(plan)
        if plan.hasWritableRoot, let image = plan.image {
            try views?.enterWritable(image, scratch: scratch, slot: slot)
        }
        // Nobody else has that namespace: it must be gone with the cell.
        defer { if plan.hasWritableRoot { views?.leaveWritable() } }
        let lineEnds = try StepFailure.naming("cell.line") { () throws(SystemCallFailure) in
            try Descriptor.messageSockets()
        }
        let line = Descriptor(owning: lineEnds.first)
        let lineInside = Descriptor(owning: lineEnds.second)
        let treeEnds = try StepFailure.naming("cell.line") { () throws(SystemCallFailure) in
            try Descriptor.messageSockets()
        }
        trees = treeEnds.first
        let treesInside = Descriptor(owning: treeEnds.second)
        let startEnds = try StepFailure.naming("cell.line") { () throws(SystemCallFailure) in try Descriptor.pipe() }
        let start = Descriptor(owning: startEnds.first)
        try StepFailure.naming("cell.line") { () throws(SystemCallFailure) in try start.setNonBlocking() }
        let startInside = Descriptor(owning: startEnds.second)
        var pidfdNumber: Int32 = -1
        try rank?.takeFirst()
        let process = try StepFailure.naming("cell.clone") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(unsafe panal_fork(Self.namespaces, birthplace, &pidfdNumber), "clone3")
        }
        if process == 0 {
            CellInit(
                plan: plan, folder: views?.folder(of: plan.image),
                ownsGroupNamespace: !groups.keepsGroups, filters: table.seccomp, users: users,
                slot: slot, line: lineInside.release(), trees: treesInside.release(),
                start: startInside.release(), scratch: plan.hasWritableRoot ? -1 : scratch.raw
            ).run()
        }
        let pidfd = Descriptor(owning: pidfdNumber)
        do throws(StepFailure) {
            try rank?.giveBack()
        } catch {
            Processes.kill(pidfd: pidfd.raw)
            throw error
        }
        // The child has its own copies; up to here these had to stay open.
        close(lineInside.release())
        close(treesInside.release())
        close(startInside.release())
        namespace = panal_mount_namespace(pidfd.raw)
        if namespace < 0 { namespace = unsafe openat(processes, "\(process)/ns/mnt", O_RDONLY | O_CLOEXEC) }
        return Cell(process: process, pidfd: pidfd, line: line, scratch: scratch, start: start)
    }

    /// The cell's scratch: `tmp` for everybody in it, `work` for the program alone; both share its quota.
    /// A root that can be written has what the program writes there in place of the latter.
    private func makeScratch(_ plan: CellInit.Plan) throws(StepFailure) -> Descriptor {
        let owner = users.owner(slot)
        return try StepFailure.naming("scratch.create") { () throws(SystemCallFailure) in
            let scratch = try Mounts.scratch(bytes: plan.scratchBytes, inodes: plan.scratchFiles)
            try SystemCallFailure.checkErrno(unsafe mkdirat(scratch.raw, "tmp", 0o1777), "mkdir(tmp)")
            if plan.hasWritableRoot {
                try WritableRoot.prepare(scratch, owner: owner)
                return scratch
            }
            try SystemCallFailure.checkErrno(unsafe mkdirat(scratch.raw, "work", 0o700), "mkdir(work)")
            if let owner {
                try SystemCallFailure.checkErrno(
                    unsafe fchownat(scratch.raw, "work", owner, owner, AT_SYMLINK_NOFOLLOW), "chown(work)")
                var found = stat()
                try SystemCallFailure.checkErrno(
                    unsafe fstatat(scratch.raw, "work", &found, AT_SYMLINK_NOFOLLOW), "stat(work)")
                guard found.st_uid == owner, found.st_gid == owner else {
                    throw SystemCallFailure(call: "chown(work)", errno: EBADMSG)
                }
            }
            return scratch
        }
    }

    private static var namespaces: UInt64 {
        panal_clone_newns() | panal_clone_newpid() | panal_clone_newipc() | panal_clone_parent()
    }

    /// Opens what the running cell is to see and hands it over, each tree in a message of its own; what cannot be opened is
    /// told instead.
    private func handTrees(program: String, inputs: [String]) {
        let line = Descriptor(owning: trees)
        trees = -1
        do throws(StepFailure) {
            views?.goToStage()
            defer { views?.goHome() }
            if !program.isEmpty { try hand(program, isFolder: true, step: "program.open", to: line) }
            for input in inputs { try hand(input, isFolder: false, step: "input.open", to: line) }
        } catch {
            CellReport(error).send(to: line)
        }
    }

    /// Goes into the cell that is about to run, of which no process has a right any more, and puts into it what only the run knows;
    /// tells its init when that is there and this process has left, or why not. Not before init has asked for it: until then it
    /// may still be at work on the cell.
    private func complete(_ contents: CellContents) {
        let line = Descriptor(owning: trees)
        trees = -1
        do throws(StepFailure) {
            guard let views, views.canComplete, namespace >= 0 else {
                throw .mismatch("cell.trees", "the cell's mount namespace is not there to be entered")
            }
            defer { views.goHome() }
            views.goToStage()
            var opened: [Int32] = []
            defer { for number in opened { close(number) } }
            if !contents.program.isEmpty {
                opened.append(try stage.tree(contents.program, isFolder: true, step: "program.open").release())
            }
            for input in contents.inputs {
                opened.append(try stage.tree(input.source, isFolder: false, step: "input.open").release())
            }
            let question = try StepFailure.naming("cell.trees") { () throws(SystemCallFailure) in
                try MessageSocket.wait(line)
            }
            // Nobody is left to ask.
            if question.bytes.isEmpty { return }
            views.go(to: namespace)
            try CellRoot.complete(contents) { () throws(StepFailure) in
                guard !opened.isEmpty else { throw .mismatch("cell.trees", "there are fewer trees than places") }
                return Descriptor(owning: opened.removeFirst())
            }
        } catch {
            return CellReport(error).send(to: line)
        }
        _ = MessageSocket.send(line, [0], descriptors: [], waiting: true)
    }

    private func hand(
        _ path: String, isFolder: Bool, step: String, to line: borrowing Descriptor
    ) throws(StepFailure) {
        let tree = try stage.tree(path, isFolder: isFolder, step: step)
        // When the program's process is gone, its own report says why.
        _ = MessageSocket.send(line, [0], descriptors: [tree.raw], waiting: true)
    }
}
