internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// A place for cells, from the launcher's side: two user ids, a spawner, and at any moment one cell, which stands ready or
/// runs. Slots are kept; cells are used once.
final class Slot {
    /// Which of the slots, and so which user ids.
    let index: Int
    let spawner: Int32
    let line: Descriptor
    private(set) var cell: PreparedCell?
    /// Whether the spawner is at work on the next cell.
    private(set) var isMaking = false
    /// Whether a run is in it.
    var isRunning = false
    /// Where groups are kept: bytes that the last run was promised, until the next cell is there. The kernel may still be giving
    /// them back, which the spawner waits for.
    private(set) var returning: UInt64 = 0
    /// When its cell was ordered, in nanoseconds of the monotonic clock: the one that was first is the likeliest to stand ready.
    private(set) var orderedAt: Int64 = 0
    /// Whether cells are made in time that nobody wants; only root can take that back.
    private let spareTime: Bool
    /// Whether the spawner has such time only.
    private var isSpawnerSpare = false

    let kind: Kind
    private let groups: any CgroupDriver
    private let leftovers: Leftovers
    /// The group that is kept; nil where each cell has its own.
    private let kept: (any CellGroup)?
    /// The next cell's own group, and its name.
    private var fresh: (name: GroupName, group: any CellGroup)?
    /// What the next cell's scratch is made for: what the last run had.
    private var scratchBytes: UInt64 = 16 << 20
    private var scratchFiles: UInt32 = 1_024
    /// The filter that the next run is expected to have: what the last two had. Nil when they differed.
    private var expected: UInt16? = 0
    private var lastFilter: UInt16 = 0
    /// The root of the next cell: what the last run had, or one that waits wants.
    var image: ImageTree?
    /// Whether the next cell's root can be written: only where a run waits that wants that.
    var isWritable = false
    /// Images of which the spawner keeps views, the one that was used last at the end (`RootViews`).
    private(set) var images: [ImageTree] = []
    /// All images whose files it keeps on the disk.
    var heldImages: [ImageTree] { plan.hasWritableRoot ? images + [plan.image].compactMap { $0 } : images }
    /// Which of the launcher's runs was the last one here.
    var lastUse = 0
    /// What the cell that is being made, or stands ready, is made for.
    private(set) var plan = CellInit.Plan(scratchBytes: 0, scratchFiles: 0)

    /// Cells are made before there is a run for them, in a group that is idle or not: so a slot is for runs of one kind.
    enum Kind: Hashable {
        case ordinary, idle
    }

    /// The name of a slot's kept group.
    static func group(_ index: Int, _ kind: Kind) -> GroupName { GroupName("slot-\(index)", isIdle: kind == .idle) }

    init(
        index: Int, kind: Kind, spawner: Int32, line: consuming Descriptor, groups: any CgroupDriver,
        leftovers: Leftovers, spareTime: Bool
    ) throws(StepFailure) {
        self.spareTime = spareTime
        self.leftovers = leftovers
        self.index = index
        self.kind = kind
        self.spawner = spawner
        self.line = line
        self.groups = groups
        kept = groups.keepsGroups ? try groups.open(Self.group(index, kind)) : nil
    }

    /// Has the spawner make the next cell: at once where a run waits for it, else in time that no cell wants.
    /// `ahead`: filters that can be loaded before there is an order.
    func order(isUrgent: Bool, ahead: Set<UInt16>) throws(StepFailure) {
        cell = nil
        setSpawner(spare: !isUrgent)
        orderedAt = panal_monotonic_ns()
        var birthplace: Descriptor?
        if !groups.keepsGroups {
            let name = GroupName("cell-\(index)-\(leftovers.newSerial())", isIdle: kind == .idle)
            try groups.create(name)
            do throws(StepFailure) {
                fresh = (name, try groups.open(name))
                birthplace = try groups.birthplace(name)
            } catch {
                try? groups.remove(name)
                throw error
            }
        }
        let filter = kind == .ordinary ? expected.flatMap { ahead.contains($0) ? $0 : nil } : nil
        plan = CellInit.Plan(
            scratchBytes: scratchBytes, scratchFiles: scratchFiles, ahead: filter, image: image,
            hasWritableRoot: isWritable && image != nil)
        if let image, !plan.hasWritableRoot {
            images = images.filter { $0 != image }.suffix(RootViews.most - 1) + [image]
        }
        let request = SpawnerRequest.make(plan)
        let number = birthplace.number
        let answer = MessageSocket.send(
            line, request.encoded(), descriptors: number < 0 ? [] : [number], waiting: false)
        _ = consume birthplace
        guard answer == .sent else { throw .mismatch("slot.line", "the spawner does not take its order") }
        isMaking = true
    }

    /// Whether the cell that is being made, or stands ready, is one that the run can have.
    func fits(_ run: ParkedRun) -> Bool {
        plan.image == run.image && plan.hasWritableRoot == run.request.hasWritableRoot
            && (plan.ahead == nil || plan.ahead == run.request.seccomp)
    }

    /// Nothing is left of a run but its cell's init, whose end nobody waits for: it is for time that no cell wants.
    func rest() {
        guard spareTime, kind == .ordinary, let cell, !cell.isReaped else { return }
        SpareTime.set(cell.process, true)
    }

    /// A run waits: what is being made, or ends, is like everything else.
    func hurry() {
        guard spareTime, kind == .ordinary else { return }
        if isMaking { setSpawner(spare: false) }
        if let cell, !cell.isReaped { SpareTime.set(cell.process, false) }
    }

    private func setSpawner(spare: Bool) {
        guard spareTime, spare != isSpawnerSpare else { return }
        SpareTime.set(spawner, spare)
        isSpawnerSpare = spare
    }

    /// Takes what the spawner answers: true when a cell has come, false when nothing is there now.
    func take() throws(StepFailure) -> Bool {
        let message = try StepFailure.naming("slot.line") { () throws(SystemCallFailure) in
            try MessageSocket.receive(line)
        }
        guard let message else { return false }
        guard !message.bytes.isEmpty else { throw .mismatch("slot.lost", "the process that makes cells has ended") }
        isMaking = false
        let answer: MakerAnswer
        do throws(ProtocolError) {
            answer = try MakerAnswer(decoding: message.bytes)
        } catch {
            throw .mismatch("slot.line", "the answer is not readable: \(error)")
        }
        guard case .made(_, let process) = answer, message.descriptors.count == 4 else {
            for number in message.descriptors { close(number) }
            if case .failed(_, let failure) = answer { throw failure }
            throw .mismatch("slot.line", "\(message.descriptors.count) of 4 descriptors came with the cell")
        }
        guard let group = kept ?? fresh?.group else { throw .mismatch("slot.group", "the cell has no group") }
        cell = PreparedCell(
            process: process, pidfd: Descriptor(owning: message.descriptors[0]),
            line: Descriptor(owning: message.descriptors[1]), scratch: Descriptor(owning: message.descriptors[2]),
            start: Descriptor(owning: message.descriptors[3]), group: group)
        group.noteReady()
        returning = 0
        return true
    }

    /// The cell's run is over, or there never was one; nothing of the cell may be left. Throws where the slot is not to be used
    /// again.
    func finish(_ request: RunRequest?) throws(StepFailure) {
        let ended = cell
        cell = nil
        isRunning = false
        isWritable = false
        returning = kept == nil ? 0 : request?.memory ?? 0
        if let request {
            (scratchBytes, scratchFiles) = (request.scratchBytes, request.scratchFiles)
            expected = request.seccomp == lastFilter ? lastFilter : nil
            lastFilter = request.seccomp
        } else {
            expected = nil
        }
        if let fresh {
            self.fresh = nil
            // It goes; what it waits for should not hold that up.
            try? fresh.group.relax()
            try leftovers.remove(fresh.name, results: ended, of: request)
        }
        try kept?.relax()
    }

    /// Whether the kernel's count of processes is of no more use here.
    var isSpoiled: Bool { !(kept?.countsProcesses() ?? true) }

    /// Ends the spawner and whatever is in the slot, and removes its groups.
    func remove() throws(StepFailure) {
        // What has no time to end would hold up everything else.
        try? (kept ?? fresh?.group)?.setUrgent(true)
        if let cell { cell.end() }
        cell = nil
        kill(spawner, SIGKILL)
        var status: Int32 = 0
        _ = unsafe panal_wait(spawner, &status)
        // A cell that was made and whose answer nobody has taken.
        while let message = try? MessageSocket.receive(line), !message.bytes.isEmpty {
            if case .made(_, let process)? = try? MakerAnswer(decoding: message.bytes) {
                kill(process, SIGKILL)
                _ = unsafe panal_wait(process, &status)
            }
            for number in message.descriptors { close(number) }
        }
        if let fresh { try leftovers.remove(fresh.name) }
        if kept != nil { try leftovers.remove(Self.group(index, kind), slot: index) }
    }
}

/// A cell that stands ready: its init and the process that will be its program were born in fresh namespaces, in their group,
/// and wait for one order. It is used for one run and never again.
final class PreparedCell {
    let process: Int32
    /// Then `process` can be anybody's number.
    private(set) var isReaped = false
    let pidfd: Descriptor
    /// The order goes out on it, and the cell's reports come in.
    let line: Descriptor
    /// The scratch file system, which outlives the cell's namespace for as long as this is open.
    let scratch: Descriptor
    /// Ends when the program's process executes, or ends itself.
    let start: Descriptor
    let group: any CellGroup

    init(
        process: Int32, pidfd: consuming Descriptor, line: consuming Descriptor, scratch: consuming Descriptor,
        start: consuming Descriptor, group: any CellGroup
    ) {
        self.process = process
        self.pidfd = pidfd
        self.line = line
        self.scratch = scratch
        self.start = start
        self.group = group
    }

    /// Ends a cell that no run has been given to, or that has not come to execute one, and waits until it is gone.
    func end() {
        Processes.kill(pidfd: pidfd.raw)
        _ = reap()
    }

    /// Waits for the end of init, which is at hand. Answers what it and all that it has reaped used: the seven figures of
    /// `panal_wait_with_usage`.
    func reap() -> [Int64] {
        var status: Int32 = 0
        var usage = [Int64](repeating: 0, count: 7)
        if !isReaped { _ = unsafe panal_wait_with_usage(process, &status, &usage) }
        isReaped = true
        return usage
    }
}

extension CellGroup {
    /// The kernel releases every process of a pid namespace, and with it counts it out of its groups, before the namespace's init can
    /// end (`zap_pid_ns_processes`); and init is counted out when it is reaped. So this holds at the first look: nothing that a program
    /// does makes the launcher, which has one thread, wait here. A kernel that counts late is given a second.
    func waitUntilEmpty() throws(StepFailure) {
        for _ in 0..<500 {
            if try isEmpty() { return }
            usleep(2_000)
        }
        throw .mismatch("cgroup.empty", "processes are left in the cell's group")
    }
}

/// The kernel's policy for what runs only where nobody else wants to: cells are made in it, so that making the next one never
/// holds up one that runs on the same core. That is a courtesy, no limit. Programs of idle runs are in it for good.
enum SpareTime {
    static func set(_ process: Int32, _ isSpare: Bool) {
        // One that has ended needs none.
        _ = panal_set_idle(process, isSpare ? 1 : 0)
    }

    /// The program of an idle run: among its own too it makes way, and at the disk. It cannot leave this again, since it has no
    /// right to a better nice value; what holds it is its group (`GroupWeight`).
    static func enterForGood() throws(StepFailure) {
        try StepFailure.naming("cell.scheduling") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(panal_set_idle(0, 1), "sched_setscheduler")
            guard sched_getscheduler(0) == panal_sched_idle() else {
                throw SystemCallFailure(call: "sched_setscheduler", errno: EBADMSG)
            }
            // A kernel without disks knows no order at them.
            let answer = panal_set_io_priority(idleAtDisks)
            if answer == -ENOSYS { return }
            try SystemCallFailure.check(answer, "ioprio_set")
            guard panal_get_io_priority() == idleAtDisks else {
                throw SystemCallFailure(call: "ioprio_set", errno: EBADMSG)
            }
        }
    }

    private static let idleAtDisks: Int32 = 3 << 13

    /// A program is run like any other, and so is its init.
    static func leave() throws(StepFailure) {
        try StepFailure.naming("cell.scheduling") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(panal_set_idle(0, 0), "sched_setscheduler")
        }
        try readBackLeft()
    }

    static func readBackLeft() throws(StepFailure) {
        guard sched_getscheduler(0) == SCHED_OTHER else {
            throw .mismatch("cell.scheduling", "the process is not scheduled like any other")
        }
    }
}
