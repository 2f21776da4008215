/// Files of one value that are read as they are.
package enum KernelSetting: String, Hashable, Sendable, CaseIterable {
    case release = "/proc/sys/kernel/osrelease"
    case commandLine = "/proc/cmdline"
    case seccompActions = "/proc/sys/kernel/seccomp/actions_avail"
    case cpuPressure = "/proc/pressure/cpu"

    case restrictsUserNamespacesByAppArmor = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
    case allowsUserNamespaces = "/proc/sys/kernel/unprivileged_userns_clone"
    case userNamespaces = "/proc/sys/user/max_user_namespaces"
    case mountNamespaces = "/proc/sys/user/max_mnt_namespaces"
    case processNamespaces = "/proc/sys/user/max_pid_namespaces"
    case networkNamespaces = "/proc/sys/user/max_net_namespaces"
    case ipcNamespaces = "/proc/sys/user/max_ipc_namespaces"
    case hostnameNamespaces = "/proc/sys/user/max_uts_namespaces"
    case cgroupNamespaces = "/proc/sys/user/max_cgroup_namespaces"

    case panicOnOutOfMemory = "/proc/sys/vm/panic_on_oom"
    case overcommit = "/proc/sys/vm/overcommit_memory"
    case hugePages = "/sys/kernel/mm/transparent_hugepage/enabled"
    case hugePageDefragmentation = "/sys/kernel/mm/transparent_hugepage/defrag"

    case siblingThreads = "/sys/devices/system/cpu/smt/active"
    case siblingControl = "/sys/devices/system/cpu/smt/control"
    case intelTurboOff = "/sys/devices/system/cpu/intel_pstate/no_turbo"
    case boost = "/sys/devices/system/cpu/cpufreq/boost"
    case numaBalancing = "/proc/sys/kernel/numa_balancing"
    case clockSource = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
    case clockSources = "/sys/devices/system/clocksource/clocksource0/available_clocksource"

    case addressRandomisation = "/proc/sys/kernel/randomize_va_space"
    case corePattern = "/proc/sys/kernel/core_pattern"
    case dumpable = "/proc/sys/fs/suid_dumpable"
    case protectedHardLinks = "/proc/sys/fs/protected_hardlinks"
    case protectedSymbolicLinks = "/proc/sys/fs/protected_symlinks"

    case mostProcesses = "/proc/sys/kernel/pid_max"
    case openFiles = "/proc/sys/fs/file-nr"

    /// The name that `sysctl` has for it: `vm.panic_on_oom`; the path where it is none of `sysctl`'s.
    package var name: String {
        let prefix = "/proc/sys/"
        guard rawValue.hasPrefix(prefix) else { return rawValue }
        return rawValue.dropFirst(prefix.count).split(separator: "/").joined(separator: ".")
    }
}
