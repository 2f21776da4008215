internal import Glibc

/// The control groups that an ordinary user was handed: those in which this process lives. Making groups below them, and moving
/// processes there, is what was handed over; their own limits stay with whoever gave them away (cgroup-v2.rst, "Delegation").
package enum Delegation {
    package static let step = "cgroup.delegation"

    /// Where processes stand that were started in the v2 group itself: it may have none of its own once it has groups that are
    /// limited. No instance can be called so.
    private static let leaf = "panal_starters"

    /// The hierarchies of this host, each with the handed-over group for its root, and that group ready to have groups in it.
    /// Throws when a group, or a controller that every cell needs, was not handed over.
    package static func mounts() throws(StepFailure) -> [CgroupMount] {
        let mounts = try CgroupMount.list()
        let own = try ownGroups()
        let v1 = HybridCgroups.controllers.map { name in
            (name, mounts.first { !$0.isUnified && $0.controllers.contains(name) })
        }
        if v1.allSatisfy({ $0.1 != nil }) {
            var taken: [CgroupMount] = []
            var foreign: [String] = []
            for case (let name, let mount?) in v1 {
                let place = path(mount, own[name])
                if !isWritable(place, ["cgroup.procs"]) { foreign.append(place) }
                taken.append(CgroupMount(path: place, isUnified: false, controllers: mount.controllers))
            }
            guard foreign.isEmpty else {
                throw lack("these groups are not this user's: \(foreign.joined(separator: ", "))")
            }
            // What not every run needs.
            if let mount = mounts.first(where: { !$0.isUnified && $0.controllers.contains(HybridCgroups.reading) }) {
                let place = path(mount, own[HybridCgroups.reading])
                if isWritable(place, ["cgroup.procs"]) {
                    taken.append(CgroupMount(path: place, isUnified: false, controllers: mount.controllers))
                }
            }
            return taken
        }
        guard let mount = mounts.first(where: \.isUnified) else { throw lack("no v2 hierarchy is mounted") }
        let root = try unifiedRoot(path(mount, own[""]))
        try settle(root)
        return [CgroupMount(path: root.path, isUnified: true, controllers: [])]
    }

    private static func lack(_ words: String) -> StepFailure {
        StepFailure(
            step: step, detail: "\(words); ‘panal doctor --mode rootless’ says which command hands them over",
            errno: EACCES)
    }

    /// v1 controller, or `""` for v2 → this process's group, below the hierarchy's root.
    private static func ownGroups() throws(StepFailure) -> [String: String] {
        let text = try StepFailure.naming(step) { () throws(SystemCallFailure) in
            try KernelFile.read("/proc/self/cgroup")
        }
        var found: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            for name in parts[1].split(separator: ",", omittingEmptySubsequences: false) {
                found[String(name)] = String(parts[2])
            }
        }
        return found
    }

    private static func path(_ mount: CgroupMount, _ group: String?) -> String {
        guard let group, group != "/" else { return mount.path }
        return mount.path + group
    }

    private static func isWritable(_ path: String, _ files: [String]) -> Bool {
        let places: [String] = [path] + files.map { "\(path)/\($0)" }
        return places.allSatisfy { (place: String) in unsafe access(place, W_OK) == 0 }
    }

    /// The group at `path`, or the one above it where an earlier Panal has made `path` as the leaf.
    private static func unifiedRoot(_ path: String) throws(StepFailure) -> GroupFolder {
        var path = path
        if path.hasSuffix("/\(leaf)") { path.removeLast(leaf.utf8.count + 1) }
        guard isWritable(path, ["cgroup.procs", "cgroup.subtree_control"]) else {
            throw lack("the group \(path) is not this user's")
        }
        let root = GroupFolder(path: path)
        let offered = try root.read("cgroup.controllers", step: step).split(separator: " ").map(String.init)
        let lacking = UnifiedCgroups.controllers.filter { !offered.contains($0) }
        guard lacking.isEmpty else {
            throw lack("the group \(path) was handed over without \(lacking.joined(separator: ", "))")
        }
        return root
    }

    /// Moves every process of the group to the leaf and gives the controllers to the groups below. Once more where a process was
    /// started there meanwhile.
    private static func settle(_ root: GroupFolder) throws(StepFailure) {
        let wanted = UnifiedCgroups.controllers.map { "+\($0)" }.joined(separator: " ")
        try StepFailure.naming(step) { () throws(SystemCallFailure) in
            try Folders.ensure("\(root.path)/\(leaf)", mode: 0o755)
            for attempt in 0... {
                for line in try KernelFile.read("\(root.path)/cgroup.procs").split(separator: "\n") {
                    try move(String(line), to: "\(root.path)/\(leaf)")
                }
                do throws(SystemCallFailure) {
                    return try KernelFile.write("\(root.path)/cgroup.subtree_control", wanted)
                } catch {
                    guard error.errno == EBUSY, attempt < 100 else { throw error }
                }
            }
        }
    }

    private static func move(_ process: String, to group: String) throws(SystemCallFailure) {
        do throws(SystemCallFailure) {
            try KernelFile.write("\(group)/cgroup.procs", process)
        } catch {
            // It has ended meanwhile.
            guard error.errno == ESRCH else { throw error }
        }
    }
}
