internal import Glibc

/// Limits that a cell's control group holds.
package struct GroupLimits: Hashable, Sendable {
    /// Bytes; a multiple of the page size, since the kernel counts pages.
    package var memory: Int
    /// Processes and threads, the cell's init included.
    package var processes: Int
    /// Microseconds of processor time in each 100 ms; nil for whole cores, which the group's place alone limits.
    package var quota: Int?
    /// Microseconds that the group may save up of its quota and use in one period beyond it; at most the quota.
    package var burst: Int
    /// Nil: nothing limits how fast it reads from disks.
    package var reading: ReadingRate?

    package init(memory: Int, processes: Int, quota: Int?, burst: Int = 0, reading: ReadingRate? = nil) {
        self.memory = memory
        self.processes = processes
        self.quota = quota
        self.burst = burst
        self.reading = reading
    }

    package static let period = 100_000
}

/// What one run has used. Times in nanoseconds, sizes in bytes.
package struct GroupUsage: Hashable, Sendable {
    package var userTime: Int64 = 0
    package var systemTime: Int64 = 0
    package var throttledTime: Int64 = 0
    package var peakMemory: Int64 = 0
    /// Processes and threads of the cell, its init included; nil where this kernel does not count them, or where an earlier run in the same
    /// group had more, so that the kernel's highest count is not this run's.
    package var peakProcesses: Int?
    /// How many processes of the group the kernel's out-of-memory killer ended.
    package var outOfMemoryKills: Int = 0

    package var totalTime: Int64 { userTime + systemTime }

    package init() {}
}

/// What a group's cell has used since `begin`, and holds now: its init is no part of it.
package struct GroupSample: Hashable, Sendable {
    /// Nanoseconds.
    package var time: Int64
    package var memory: Int64
    package var processes: Int64
}

/// Control groups of cells on this host, below a group of Panal's own, `panal-<instance>`. Two drivers, one for the hybrid
/// layout of v1 controllers and one for v2.
///
/// They differ in how a process comes to live in a group. On v1 it has to be moved, which costs 10 to 20 ms when nobody has
/// done it for a while and holds up every fork and exit on the host: so a spawner is moved into a group once, the group is
/// kept from run to run, and cells are born in it. On v2 a process is born in any group at no cost, and each cell has a
/// fresh one.
package protocol CgroupDriver {
    /// Whether a group is kept from run to run, with a spawner in it (v1).
    var keepsGroups: Bool { get }

    /// Whether cells can be frozen.
    var freezes: Bool { get }

    /// Why it cannot be limited how fast cells read from disks; nil where it can. After `prepare`.
    var readingRefusal: StepFailure? { get }

    /// Makes the instance's own group and removes what an earlier process of this instance left in it.
    func prepare() throws(StepFailure)

    /// Makes an empty group, without limits but for what is the same for every cell (no swap; v1: the period of its quota; v2:
    /// the whole cell killed at its memory limit). A group that cannot be made whole is removed again.
    func create(_ name: GroupName) throws(StepFailure)

    /// Opens everything of a group that runs need. Makes it idle where its name says so, and reads back which it is.
    func open(_ name: GroupName) throws(StepFailure) -> any CellGroup

    /// Moves a process into the group and reads its membership back (v1).
    func attach(_ name: GroupName, process: Int32) throws(StepFailure)

    /// The group's folder for `clone3(CLONE_INTO_CGROUP)` (v2); nil where cells are born where their spawner lives.
    func birthplace(_ name: GroupName) throws(StepFailure) -> Descriptor?

    /// Nil where groups are not kept.
    func cleaner(_ name: GroupName) throws(StepFailure) -> GroupCleaner?

    /// Bytes that are still counted in a group without processes and that nobody else can have; 0 where nothing but the usual
    /// little is left, or the group is not there any more.
    func remainder(_ name: GroupName) throws(StepFailure) -> UInt64

    /// Removes a group without processes. What is still counted in it is then counted above only, against no limit.
    func remove(_ name: GroupName) throws(StepFailure)

    /// Ends and removes all that is left of this instance, its own group too.
    func sweep() throws(StepFailure)
}

/// A cell's group. One that is idle gets processor time only when nobody else on the host wants it; it does not live below
/// the instance's group, beside which it could not have less than the whole of it, but beside that group.
package struct GroupName: Hashable, Sendable, ExpressibleByStringLiteral {
    package var text: String
    package var isIdle: Bool

    package init(_ text: String, isIdle: Bool) {
        self.text = text
        self.isIdle = isIdle
    }

    package init(stringLiteral text: String) { self.init(text, isIdle: false) }
}

/// One cell's group, its files open. `begin`, `limit` and `usage` belong to one run; a kept group goes through many.
package protocol CellGroup: AnyObject {
    /// Becomes readable when the group, or one above it, runs out of memory; -1 where the kernel itself kills the whole group.
    var outOfMemory: Int32 { get }

    /// Takes what `outOfMemory` has told; answers whether the group has been at its own limit. What ran out
    /// above it is not the program's doing.
    func takeOutOfMemory() throws(StepFailure) -> Bool

    /// Starts counting.
    func begin() throws(StepFailure)

    /// Says on which cores the group runs, read back. Before anything in it is woken: what runs elsewhere by then has to be
    /// stopped by the kernel to be moved, which costs more than all other limits.
    func place(on cores: [Int]) throws(StepFailure)

    /// Gives the group its other limits, each read back.
    func limit(_ limits: GroupLimits) throws(StepFailure)

    /// How long something in the group has waited since it was last told that a cell stands ready; nil where the kernel does
    /// not say.
    var pressure: GroupPressure? { get }

    /// A cell stands ready in it: its making is none of the run's pressure.
    func noteReady()

    /// What has been used since `begin`.
    func usage() throws(StepFailure) -> GroupUsage

    /// As `usage`, with what it holds in this moment.
    func sample() throws(StepFailure) -> GroupSample

    /// Whether nothing of the cell is left in it.
    func isEmpty() throws(StepFailure) -> Bool

    /// Whether nothing of the cell is left in it but its init.
    func hasOnlyInit() throws(StepFailure) -> Bool

    /// Throws where the kernel does not say that this group is what it was made as, idle or like any other.
    func checkWeight(isIdle: Bool) throws(StepFailure)

    /// An idle group is to end, or to stand still: for that it gets more time than anybody, since otherwise who wants its cores
    /// would wait for the little that they leave to it, for seconds. With false it is idle again. Nothing for other groups.
    func setUrgent(_ isUrgent: Bool) throws(StepFailure)

    /// Everything in the group is being ended: it is not to wait for its share of the cores, and where the kernel ends groups as a whole,
    /// it does.
    func hasten()

    /// Between runs: takes limits away that would hold up the spawner (v1), or what is left of a run: what it was reading is read first.
    func relax() throws(StepFailure)

    /// Stops and continues everything in the group. Throws where this host cannot.
    func freezer() throws(StepFailure) -> GroupFreezer

    /// Whether the kernel's highest count of processes is still that of an idle slot, so that the next run's can be told.
    func countsProcesses() -> Bool
}

/// Which layout this host has.
package enum CgroupLayout {
    /// Below which folders this process may make groups: the hierarchies' roots, or what an ordinary user was handed.
    package static func mounts(isRoot: Bool) throws(StepFailure) -> [CgroupMount] {
        isRoot ? try CgroupMount.list() : try Delegation.mounts()
    }

    /// The driver for this host, or for what of it was handed to an ordinary user (`Delegation`). Throws where neither layout
    /// offers the controllers that every limit needs. `limitsReading`: whether groups are to have the controller besides that limits
    /// reading from disks, which not every host has.
    package static func driver(
        instance: String, mounts: [CgroupMount], limitsReading: Bool = false
    ) throws(StepFailure) -> any CgroupDriver {
        if let hybrid = HybridCgroups(mounts: mounts, instance: instance, limitsReading: limitsReading) {
            return hybrid
        }
        for mount in mounts where mount.isUnified {
            if let unified = try UnifiedCgroups(mount: mount, instance: instance, limitsReading: limitsReading) {
                return unified
            }
        }
        throw StepFailure(
            step: "cgroup.layout",
            detail:
                "neither the v1 controllers cpu, cpuacct, cpuset, memory and pids nor a v2 hierarchy with cpu, cpuset, "
                + "memory and pids is mounted", errno: 0)
    }
}

extension StepFailure {
    /// The kernel has ended processes of the cell though the group's own limit was not reached.
    package static var hostMemory: StepFailure {
        StepFailure(
            step: "host.memory",
            detail: "the host, or a group above the cell's, ran out of memory, and the kernel ended the cell",
            errno: ENOMEM)
    }

    static var noBurst: StepFailure {
        StepFailure(
            step: "cgroup.cpu.burst",
            detail: "this kernel cannot save up processor time (Linux 5.14 can); leave cpu-burst out of the profile",
            errno: 0)
    }
}

/// A mounted control group hierarchy.
package struct CgroupMount: Hashable, Sendable {
    package var path: String
    package var isUnified: Bool
    /// v1 controllers of it.
    package var controllers: Set<String>

    package init(path: String, isUnified: Bool, controllers: Set<String>) {
        self.path = path
        self.isUnified = isUnified
        self.controllers = controllers
    }

    /// Reads `/proc/self/mountinfo`.
    package static func list() throws(StepFailure) -> [CgroupMount] {
        let text = try StepFailure.naming("cgroup.layout") { () throws(SystemCallFailure) in
            try KernelFile.read("/proc/self/mountinfo")
        }
        return text.split(separator: "\n").compactMap(parse)
    }

    /// One line of mountinfo: fields, ` - `, file system, source, options.
    package static func parse(_ line: Substring) -> CgroupMount? {
        let words = line.split(separator: " ")
        guard let dash = words.firstIndex(of: "-"), words.count > dash + 3, words.count > 4, words[3] == "/" else {
            return nil
        }
        let path = String(words[4])
        switch words[dash + 1] {
        case "cgroup2": return CgroupMount(path: path, isUnified: true, controllers: [])
        case "cgroup":
            let options = words[dash + 3].split(separator: ",").map(String.init)
            return CgroupMount(path: path, isUnified: false, controllers: Set(options))
        default: return nil
        }
    }
}

/// Reading and writing the files of one group, with the step named in every failure.
struct GroupFolder {
    let path: String

    func read(_ file: String, step: String) throws(StepFailure) -> String {
        try StepFailure.naming(step) { () throws(SystemCallFailure) in try KernelFile.read("\(path)/\(file)") }
    }

    /// Writes a value and reads it back.
    func set(_ file: String, _ value: String, step: String) throws(StepFailure) {
        try KernelFile.set("\(path)/\(file)", value, step: step)
    }

    func isThere(_ file: String, step: String) throws(StepFailure) -> Bool {
        try StepFailure.naming(step) { () throws(SystemCallFailure) in try Folders.isThere("\(path)/\(file)") }
    }
}
