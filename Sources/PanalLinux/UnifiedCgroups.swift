internal import Glibc

/// The v2 layout: one hierarchy; the kernel kills the whole cell at its memory limit, and a cell is born in its group.
package struct UnifiedCgroups: CgroupDriver {
    package let keepsGroups = false
    package let freezes = true
    private let parent: GroupFolder
    private let root: GroupFolder
    private let limitsReading: Bool
    static let controllers = ["cpu", "cpuset", "memory", "pids"]
    /// What limits reading from disks; used where a profile wants that.
    static let reading = "io"

    /// Nil when this hierarchy does not offer every controller.
    init?(mount: CgroupMount, instance: String, limitsReading: Bool) throws(StepFailure) {
        self.limitsReading = limitsReading
        parent = GroupFolder(path: mount.path)
        root = GroupFolder(path: "\(mount.path)/panal-\(instance)")
        let offered = try parent.read("cgroup.controllers", step: "cgroup.layout").split(separator: " ").map(
            String.init)
        guard Self.controllers.allSatisfy(offered.contains) else { return nil }
    }

    package func prepare() throws(StepFailure) {
        try enable(in: parent)
        try StepFailure.naming("cgroup.root") { () throws(SystemCallFailure) in
            try Folders.ensure(root.path, mode: 0o755)
            try sweepCells()
            try sweepIdleCells()
        }
        try enable(in: root)
    }

    package func sweep() throws(StepFailure) {
        try StepFailure.naming("cgroup.sweep") { () throws(SystemCallFailure) in
            try sweepIdleCells()
            guard try Folders.isThere(root.path) else { return }
            try sweepCells()
            try Folders.removeSettling(root.path)
        }
    }

    private func sweepCells() throws(SystemCallFailure) {
        for left in try Folders.children(of: root.path) { try sweep("\(root.path)/\(left)") }
    }

    private func sweepIdleCells() throws(SystemCallFailure) {
        for left in try IdleGroups.folders(beside: root.path) { try sweep(left) }
    }

    private func sweep(_ folder: String) throws(SystemCallFailure) {
        try KernelFile.write("\(folder)/cgroup.kill", "1")
        try Folders.removeSettling(folder, milliseconds: Folders.sweepPatience)
    }

    private func enable(in folder: GroupFolder) throws(StepFailure) {
        try StepFailure.naming("cgroup.controllers") { () throws(SystemCallFailure) in
            try KernelFile.write(
                "\(folder.path)/cgroup.subtree_control", Self.controllers.map { "+\($0)" }.joined(separator: " "))
        }
        let found = try folder.read("cgroup.subtree_control", step: "cgroup.controllers").split(separator: " ")
            .map(String.init)
        guard Self.controllers.allSatisfy(found.contains) else {
            throw StepFailure(step: "cgroup.controllers", detail: "\(folder.path) enables only \(found)", errno: 0)
        }
        // Where it cannot be had, what needs it is refused, and nothing else (`readingRefusal`).
        if limitsReading { try? KernelFile.write("\(folder.path)/cgroup.subtree_control", "+\(Self.reading)") }
    }

    package var readingRefusal: StepFailure? {
        let below = try? root.read("cgroup.subtree_control", step: ReadingLimit.step).split(separator: " ")
        guard limitsReading, below?.contains(Self.reading[...]) == true,
            Folders.exists("\(root.path)/\(ReadingLimit.Form.unified.file)")
        else { return .noReadingLimit(Self.reading, in: root.path) }
        return nil
    }

    private func cell(_ name: GroupName) -> GroupFolder {
        name.isIdle ? IdleGroups.folder(name, beside: root) : GroupFolder(path: "\(root.path)/\(name.text)")
    }

    package func create(_ name: GroupName) throws(StepFailure) {
        let cell = cell(name)
        try StepFailure.naming("cgroup.create") { () throws(SystemCallFailure) in
            try Folders.make(cell.path, mode: 0o755)
        }
        do throws(StepFailure) {
            if try cell.isThere("memory.swap.max", step: "cgroup.memory.swap") {
                try cell.set("memory.swap.max", "0", step: "cgroup.memory.swap")
            } else if try HostSwap.isOn() {
                throw StepFailure(
                    step: "cgroup.memory.swap",
                    detail: "this kernel does not limit swap and swap is on; run swapoff -a",
                    errno: 0)
            }
            try cell.set("memory.oom.group", "1", step: "cgroup.memory.group-kill")
        } catch {
            try? Folders.removeSettling(cell.path)
            throw error
        }
    }

    package func open(_ name: GroupName) throws(StepFailure) -> any CellGroup {
        try UnifiedGroup(path: cell(name).path, isIdle: name.isIdle, limitsReading: limitsReading)
    }

    package func birthplace(_ name: GroupName) throws(StepFailure) -> Descriptor? {
        try StepFailure.naming("cgroup.attach") { () throws(SystemCallFailure) in
            try Descriptor.open(cell(name).path, O_RDONLY | O_DIRECTORY)
        }
    }

    /// Cells are born in their groups.
    package func attach(_ name: GroupName, process: Int32) throws(StepFailure) {}

    package func cleaner(_ name: GroupName) throws(StepFailure) -> GroupCleaner? { nil }

    package func remainder(_ name: GroupName) throws(StepFailure) -> UInt64 {
        try StepFailure.naming("cgroup.memory.remainder") { () throws(SystemCallFailure) in
            try GroupRemainder.bytes(cell(name).path, counter: "memory.current")
        }
    }

    package func remove(_ name: GroupName) throws(StepFailure) {
        try StepFailure.naming("cgroup.remove") { () throws(SystemCallFailure) in
            try Folders.removeSettling(cell(name).path)
        }
    }
}
