internal import PanalLinux

extension HostFacts {
    /// Reads what there is below `tree`. `dataFolder` is an absolute path, `cellUsers` the user ids that cells have. What has
    /// to be tried rather than read, and where the launcher is, the caller adds.
    package static func read(from tree: HostTree, dataFolder: String, cellUsers: Range<UInt32>) -> HostFacts {
        var facts = HostFacts()
        for setting in KernelSetting.allCases { facts.settings[setting] = tree.text(setting.rawValue) }
        facts.user = UserFacts.read(from: tree)
        let mounts = tree.lines("/proc/self/mountinfo").compactMap(MountEntry.init)
        facts.cgroups = CgroupFacts.read(from: tree, mounts: mounts, user: facts.user)
        facts.namespaces = Set(tree.names(in: "/proc/self/ns"))
        facts.fileSystems = Set(
            tree.lines("/proc/filesystems").compactMap {
                $0.split { $0 == "\t" || $0 == " " }.last.map(String.init)
            })
        facts.swap = SwapFacts.read(from: tree)
        facts.processor = ProcessorFacts.read(from: tree)
        facts.openFiles = hardLimit("Max open files", from: tree)
        facts.shortLimits = leastLimits.filter { name, least in
            hardLimit(name, from: tree).map { $0 < least } ?? false
        }.map { $0.name.dropFirst("Max ".count).lowercased() }
        facts.data = DataFolderFacts.read(dataFolder, from: tree, mounts: mounts)
        facts.tools = Set(wantedTools.filter(tree.exists))
        facts.ownProcesses = hardLimit("Max processes", from: tree)
        facts.enclosing = enclosing(tree)
        facts.hasLauncherProfile = tree.text(launcherProfile)?.contains("userns,") == true
        facts.cellUsers = cellUsers
        facts.strangersInCellUsers = strangers(in: cellUsers, tree)
        return facts
    }

    /// What the launcher gives to every cell, and only CAP_SYS_RESOURCE could raise to that.
    private static let leastLimits: [(name: String, least: Int)] = [
        ("Max cpu time", .max), ("Max data size", .max), ("Max stack size", .max), ("Max locked memory", 65_536),
        ("Max address space", .max), ("Max pending signals", 1_024),
    ]

    /// Nil where there is none.
    private static func hardLimit(_ name: String, from tree: HostTree) -> Int? {
        guard let line = tree.lines("/proc/self/limits").first(where: { $0.hasPrefix(name) }) else { return nil }
        let words = line.dropFirst(name.count).split(separator: " ")
        return words.count >= 2 ? Int(words[1]) : nil
    }

    /// The kernel's numbers of the namespaces that it starts with are fixed (`include/linux/proc_ns.h`).
    private static func enclosing(_ tree: HostTree) -> [String] {
        let initial = ["cgroup": "4026531835", "pid": "4026531836", "user": "4026531837"]
        return initial.keys.sorted().filter { kind in
            guard let target = tree.target(of: "/proc/self/ns/\(kind)"), let number = initial[kind] else {
                return false
            }
            return target != "\(kind):[\(number)]"
        }
    }

    private static func strangers(in range: Range<UInt32>, _ tree: HostTree) -> [String] {
        let users = tree.lines("/etc/passwd").compactMap { line -> String? in
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count > 2, let id = UInt32(fields[2]), range.contains(id) else { return nil }
            return "\(fields[0]) in /etc/passwd"
        }
        let given = tree.lines("/etc/subuid").compactMap { line -> String? in
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count == 3, let first = UInt32(fields[1]), let count = UInt32(fields[2]), count > 0,
                first < range.upperBound, first.addingReportingOverflow(count).partialValue > range.lowerBound
            else { return nil }
            return "\(fields[0]) in /etc/subuid"
        }
        return users + given
    }
}

extension UserFacts {
    static func read(from tree: HostTree) -> UserFacts {
        var facts = UserFacts()
        for line in tree.lines("/proc/self/status") {
            let words = line.split { $0 == "\t" || $0 == " " }
            switch words.first {
            case "Uid:" where words.count > 2: facts.id = UInt32(words[2]) ?? .max
            case "Gid:" where words.count > 2: facts.groups = Set([UInt32(words[2]) ?? .max])
            case "Groups:": facts.groups.formUnion(words.dropFirst().compactMap { UInt32($0) })
            case "PPid:" where words.count > 1: facts.parent = Int(words[1]) ?? 0
            case "CapEff:" where words.count > 1: facts.capabilities = UInt64(words[1], radix: 16) ?? 0
            case "Seccomp:" where words.count > 1: facts.isFiltered = words[1] != "0"
            default: break
            }
        }
        return facts
    }
}

extension CgroupFacts {
    static func read(from tree: HostTree, mounts: [MountEntry], user: UserFacts) -> CgroupFacts {
        var facts = CgroupFacts()
        facts.hasSystemd = tree.exists("/run/systemd/system")
        let groups = tree.lines("/proc/self/mountinfo").compactMap(CgroupMount.parse)
        let unified = groups.filter(\.isUnified)
        let v1 = hybridControllers.compactMap { controller in
            groups.first { !$0.isUnified && $0.controllers.contains(controller) }.map { (controller, $0) }
        }
        let offers = unified.map { Set(tree.words("\($0.path)/cgroup.controllers")) }
        let own = ownPaths(tree)

        if v1.count == hybridControllers.count {
            facts.layout = .hybrid
            facts.own = v1.map { controller, mount in
                let path = mount.path.group(own[controller] ?? "/")
                return OwnGroup(
                    path: path, controllers: [controller],
                    isWritable: tree.mayWrite(path, files: ["cgroup.procs"], user: user))
            }
            let root = { (name: String) in v1.first { $0.0 == name }?.1.path ?? "" }
            facts.limitsSwap = tree.exists("\(root("memory"))/memory.memsw.limit_in_bytes")
            facts.limitsProcessorTime = tree.exists("\(root("cpu"))/cpu.cfs_quota_us")
            let reading = groups.first { !$0.isUnified && $0.controllers.contains(hybridReading) }
            facts.limitsReading = reading.map { tree.exists("\($0.path)/blkio.throttle.read_bps_device") } ?? false
            facts.reading = reading.map { mount in
                let path = mount.path.group(own[hybridReading] ?? "/")
                return OwnGroup(
                    path: path, controllers: [hybridReading],
                    isWritable: tree.mayWrite(path, files: ["cgroup.procs"], user: user))
            }
        } else if let place = offers.indices.first(where: { offers[$0].isSuperset(of: unifiedControllers) })
            ?? offers.indices.first, v1.isEmpty || offers[place].isSuperset(of: unifiedControllers)
        {
            facts.layout = .unified
            facts.missing = unifiedControllers.filter { !offers[place].contains($0) }
            let mount = unified[place].path
            let path = mount.group(own[""] ?? "/")
            facts.own = [
                OwnGroup(
                    path: path, controllers: Set(tree.words("\(path)/cgroup.controllers")),
                    isWritable: tree.mayWrite(path, files: ["cgroup.procs", "cgroup.subtree_control"], user: user))
            ]
            let service = "\(mount)/user.slice/user-\(user.id).slice/user@\(user.id).service"
            if tree.exists(service) { facts.managed = Set(tree.words("\(service)/cgroup.controllers")) }
            // The files stand in no root, so a group with the controller is looked for: the caller's or one at the top.
            let groups = [path] + tree.names(in: mount).map { "\(mount)/\($0)" }
            facts.limitsSwap = groups.first { tree.exists("\($0)/memory.max") }.map {
                tree.exists("\($0)/memory.swap.max")
            }
            facts.limitsProcessorTime = groups.first { tree.exists("\($0)/cpu.weight") }.map {
                tree.exists("\($0)/cpu.max")
            }
            // The root has the first of these too, and no limits.
            let limited = groups.first { $0 != mount && tree.exists("\($0)/io.stat") }
            facts.limitsReading =
                offers[place].contains(unifiedReading) ? limited.map { tree.exists("\($0)/io.max") } : false
        } else {
            facts.missing = hybridControllers.filter { name in !v1.contains { $0.0 == name } }
        }
        let used = Set(
            facts.layout == .hybrid ? v1.map(\.1.path) : unified.map(\.path))
        facts.readOnly = mounts.filter { used.contains($0.path) && $0.isReadOnly }.map(\.path)
        return facts
    }

    /// v1 controller, or `""` for v2 → the caller's group below the hierarchy's root.
    private static func ownPaths(_ tree: HostTree) -> [String: String] {
        var paths: [String: String] = [:]
        for line in tree.lines("/proc/self/cgroup") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            for name in parts[1].split(separator: ",", omittingEmptySubsequences: false) {
                paths[String(name)] = String(parts[2])
            }
        }
        return paths
    }
}

extension SwapFacts {
    static func read(from tree: HostTree) -> SwapFacts {
        var facts = SwapFacts()
        for line in tree.lines("/proc/swaps").dropFirst() {
            let words = line.split { $0 == "\t" || $0 == " " }
            guard words.count >= 4 else { continue }
            facts.areas.append(String(words[0]))
            facts.used += (Int(words[3]) ?? 0) * 1_024
        }
        let line = tree.lines("/proc/meminfo").first { $0.hasPrefix("MemAvailable:") }
        if let words = line?.split(separator: " "), words.count > 1 {
            facts.availableMemory = (Int(words[1]) ?? 0) * 1_024
        }
        return facts
    }
}

extension ProcessorFacts {
    static func read(from tree: HostTree) -> ProcessorFacts {
        var facts = ProcessorFacts()
        let folder = "/sys/devices/system/cpu"
        for policy in tree.names(in: "\(folder)/cpufreq") {
            guard let governor = tree.text("\(folder)/cpufreq/\(policy)/scaling_governor") else { continue }
            facts.governors[governor, default: []].append(policy)
        }
        for name in tree.names(in: "\(folder)/vulnerabilities") {
            guard let words = tree.text("\(folder)/vulnerabilities/\(name)"), words.hasPrefix("Vulnerable") else {
                continue
            }
            facts.open[name] = words
        }
        facts.hasUnlikeCores = tree.exists("/sys/devices/cpu_atom") && tree.exists("/sys/devices/cpu_core")
        let nodes = tree.names(in: "/sys/devices/system/node").filter {
            $0.hasPrefix("node") && Int($0.dropFirst(4)) != nil
        }
        facts.nodes = max(1, nodes.count)
        facts.stolen = stolen(tree)
        return facts
    }

    /// `/proc/stat`, first line: user, nice, system, idle, iowait, irq, softirq, steal, in hundredths of a second.
    private static func stolen(_ tree: HostTree) -> Double? {
        guard let line = tree.lines("/proc/stat").first(where: { $0.hasPrefix("cpu ") }) else { return nil }
        let ticks = line.split(separator: " ").dropFirst().prefix(8).compactMap { Double($0) }
        let busy = ticks.enumerated().filter { $0.offset != 3 && $0.offset != 4 }.map(\.element).reduce(0, +)
        guard ticks.count == 8, busy >= 1_000 else { return nil }
        return ticks[7] / busy
    }
}

extension DataFolderFacts {
    static func read(_ path: String, from tree: HostTree, mounts: [MountEntry]) -> DataFolderFacts {
        var facts = DataFolderFacts()
        facts.path = path
        var standing = path
        while !standing.isEmpty, !tree.exists(standing) {
            standing = String(standing[..<(standing.lastIndex(of: "/") ?? standing.startIndex)])
        }
        facts.standing = standing.isEmpty ? "/" : standing
        // The last one that is mounted over a place is the one that is seen; the longest path is the nearest.
        let holding = mounts.filter { facts.standing.isBelow($0.path) }
        if let mount = holding.max(by: { $0.path.utf8.count < $1.path.utf8.count }),
            let seen = holding.last(where: { $0.path == mount.path })
        {
            facts.fileSystem = seen.type
            facts.isReadOnly = seen.isReadOnly
        }
        facts.space = tree.space(facts.standing)
        return facts
    }
}

/// One line of `/proc/self/mountinfo`.
struct MountEntry: Hashable, Sendable {
    var path: String
    var type: String
    var isReadOnly: Bool

    init?(_ line: Substring) {
        let words = line.split(separator: " ")
        guard let dash = words.firstIndex(of: "-"), dash >= 6, words.count > dash + 3 else { return nil }
        path = String(words[4]).replacingBlanks
        type = String(words[dash + 1])
        let options = words[5].split(separator: ",") + words[dash + 3].split(separator: ",")
        isReadOnly = options.contains("ro")
    }
}

extension HostTree {
    func words(_ path: String) -> [String] {
        text(path)?.split(separator: " ").map(String.init) ?? []
    }

    /// Whether `user` may make folders in a group and write to `files` of it.
    func mayWrite(_ group: String, files: [String], user: UserFacts) -> Bool {
        ([group] + files.map { "\(group)/\($0)" }).allSatisfy {
            permissions($0)?.allowWriting(by: user) == true
        }
    }
}

extension String {
    /// The folder of a group in the hierarchy that is mounted here.
    fileprivate func group(_ path: String) -> String {
        path == "/" ? self : self + path
    }

    fileprivate func isBelow(_ folder: String) -> Bool {
        folder == "/" || self == folder || hasPrefix(folder + "/")
    }

    /// The kernel writes a blank in a path as `\040`.
    fileprivate var replacingBlanks: String {
        var rest = self[...]
        var text = ""
        while let place = rest.firstIndex(of: "\\") {
            text += rest[..<place]
            let isBlank = rest[place...].hasPrefix("\\040")
            text += isBlank ? " " : "\\"
            rest = rest[rest.index(place, offsetBy: isBlank ? 4 : 1)...]
        }
        return text + rest
    }
}
