/// What was found on a host: values only, so that a verdict on them needs no host.
package struct HostFacts: Hashable, Sendable {
    /// Settings that this kernel has, each as it reads.
    package var settings: [KernelSetting: String] = [:]
    package var user = UserFacts()
    package var cgroups = CgroupFacts()
    /// Kinds of namespaces that this kernel has, as `/proc/self/ns` names them.
    package var namespaces: Set<String> = []
    /// File systems that this kernel has.
    package var fileSystems: Set<String> = []
    package var swap = SwapFacts()
    package var processor = ProcessorFacts()
    /// Most descriptors that this process may allow itself; nil where there is no limit.
    package var openFiles: Int?
    /// Limits of this process that are lower than what every cell has, as `/proc/self/limits` names them, in small letters.
    package var shortLimits: [String] = []
    package var data = DataFolderFacts()
    /// Paths out of ``HostFacts/wantedTools`` that are there.
    package var tools: Set<String> = []
    /// Most processes that the caller may have at a time; nil where there is no limit.
    package var ownProcesses: Int?
    /// Namespaces of this process that are not the host's own: it is inside a container.
    package var enclosing: [String] = []
    /// Host user ids that are kept for cells, and who else has some of them.
    package var cellUsers: Range<UInt32> = 0..<0
    package var strangersInCellUsers: [String] = []
    /// Whether an ordinary process could make the namespaces of a cell.
    package var userNamespaceTrial: Trial = .notTried("not tried")
    /// The launcher's path as the command found it; nil where it is missing.
    package var launcher: String?
    /// Whether AppArmor has a profile that lets the launcher make user namespaces.
    package var hasLauncherProfile = false

    package init() {}

    package subscript(setting: KernelSetting) -> String? { settings[setting] }

    func number(_ setting: KernelSetting) -> Int? {
        settings[setting].flatMap { Int($0) }
    }

    static let loaderCacheMaker = "/usr/sbin/ldconfig"
    static let namespaceMaker = "/usr/bin/unshare"
    static let launcherProfile = "/etc/apparmor.d/panal-launcher"
    /// With the packages that they come in.
    static let imageTools = [
        ("/usr/bin/mmdebstrap", "mmdebstrap"), ("/usr/bin/newuidmap", "uidmap"), ("/usr/bin/skopeo", "skopeo"),
    ]
    static let wantedTools = [loaderCacheMaker, namespaceMaker] + imageTools.map(\.0)
}

/// Who asks.
package struct UserFacts: Hashable, Sendable {
    package var id: UInt32 = 0
    package var groups: Set<UInt32> = [0]
    /// Effective capabilities, one bit each.
    package var capabilities: UInt64 = 0
    /// Whether a seccomp filter is on this process already.
    package var isFiltered = false
    /// The process that started this one: a shell, mostly.
    package var parent = 0

    package init() {}

    package var isRoot: Bool { id == 0 }
}

/// Control groups as they are mounted and as they are given to the caller.
package struct CgroupFacts: Hashable, Sendable {
    package enum Layout: String, Hashable, Sendable {
        /// v1 controllers; the driver of choice wherever all that are needed are mounted.
        case hybrid
        case unified
        case none
    }

    package var layout = Layout.none
    /// Controllers that the layout does not have and a cell needs.
    package var missing: [String] = []
    /// Hierarchies that are mounted read-only.
    package var readOnly: [String] = []
    /// The caller's own groups, one for each hierarchy that counts.
    package var own: [OwnGroup] = []
    /// Controllers that systemd's manager of this user has to give away; nil without one.
    package var managed: Set<String>?
    /// Whether systemd runs this host.
    package var hasSystemd = false
    /// Whether swap is counted and limited; nil where it cannot be told from here.
    package var limitsSwap: Bool?
    /// Whether processor time can be limited; nil where it cannot be told from here.
    package var limitsProcessorTime: Bool?
    /// Whether reading from disks can be limited; nil where it cannot be told from here.
    package var limitsReading: Bool?
    /// The caller's own group of v1's controller for that; nil where there is none, and with v2, which has one group for all.
    package var reading: OwnGroup?

    package init() {}

    static let hybridControllers = ["cpu", "cpuacct", "cpuset", "memory", "pids"]
    static let unifiedControllers = ["cpu", "cpuset", "memory", "pids"]
    /// What limits reading from disks, which not every profile needs.
    static let hybridReading = "blkio"
    static let unifiedReading = "io"
}

/// The group that the caller lives in, of one hierarchy.
package struct OwnGroup: Hashable, Sendable {
    package var path: String
    /// Controllers that groups below can have.
    package var controllers: Set<String>
    /// Whether the caller may make groups in it and move processes there.
    package var isWritable: Bool

    package init(path: String, controllers: Set<String>, isWritable: Bool) {
        self.path = path
        self.controllers = controllers
        self.isWritable = isWritable
    }
}

/// Swap areas together, in bytes.
package struct SwapFacts: Hashable, Sendable {
    package var areas: [String] = []
    package var used = 0
    /// Memory that could be had without swapping (`MemAvailable`).
    package var availableMemory = 0

    package init() {}
}

package struct ProcessorFacts: Hashable, Sendable {
    /// Frequency governor → the policies (`policy0`) that have it.
    package var governors: [String: [String]] = [:]
    /// Weaknesses of this processor that nothing is done about, with the kernel's words.
    package var open: [String: String] = [:]
    /// Fast and slow cores in one processor.
    package var hasUnlikeCores = false
    /// Memory nodes.
    package var nodes = 1
    /// Part of the time since boot, 0 to 1, in which the hypervisor let others run; nil where it was up too short to say.
    package var stolen: Double?

    package init() {}
}

/// The data folder, or the nearest folder above it that is there.
package struct DataFolderFacts: Hashable, Sendable {
    package var path = ""
    package var standing = ""
    package var fileSystem = ""
    package var isReadOnly = false
    package var space: DiskSpace?

    package init() {}
}

/// What became of something that was tried.
package enum Trial: Hashable, Sendable {
    case worked
    case failed(String)
    case notTried(String)
}
