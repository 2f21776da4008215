@testable import PanalDoctor

extension Ailment {
    static let all = kernel + cgroups + delegation + namespaces + memory + processor + protection + places

    static let kernel: [Ailment] = [
        Ailment("kernel.version", .fail, "5.19 is needed", "apt-get install linux-image") {
            $0.settings[.release] = "5.10.0-20-amd64"
        },
        Ailment("kernel.version", .fail, "5.12 is needed", "reboot") {
            $0.settings[.release] = "4.19.0"
            $0.cgroups.layout = .hybrid
        },
        Ailment("kernel.version", .warn, "not tested", "reboot") {
            $0.settings[.release] = "5.15.0-91-generic"
            $0.cgroups.layout = .hybrid
        },
        Ailment("kernel.version", .fail, "not readable", nil) { $0.settings[.release] = nil },
        Ailment("kernel.namespaces", .fail, "no ipc, cgroup", "apt-get") { $0.namespaces.subtract(["ipc", "cgroup"]) },
        Ailment("kernel.filesystems", .fail, "no tmpfs", "apt-get") { $0.fileSystems = ["proc"] },
        Ailment("kernel.seccomp", .fail, "no seccomp filters", "apt-get") { $0.settings[.seccompActions] = nil },
        Ailment("kernel.seccomp", .fail, "kill_process", "apt-get") {
            $0.settings[.seccompActions] = "errno allow log"
        },
        Ailment("kernel.seccomp", .warn, "‘log’", "apt-get") {
            $0.settings[.seccompActions] = "kill_process errno allow"
        },
        Ailment("kernel.pressure", .warn, "does not measure", "psi=1") { $0.settings[.cpuPressure] = nil },
        Ailment("host.container", .warn, "pid", nil) { $0.enclosing = ["pid"] },
        Ailment("host.container", .warn, "filter", nil) { $0.user.isFiltered = true },
    ]

    static let cgroups: [Ailment] = [
        Ailment("cgroup.controllers", .fail, "v2 without cpuset, memory", "cgroup_enable=memory") {
            $0.cgroups.missing = ["cpuset", "memory"]
        },
        Ailment("cgroup.controllers", .fail, "v2 without pids", "unified_cgroup_hierarchy=1") {
            $0.cgroups.missing = ["pids"]
        },
        Ailment("cgroup.controllers", .fail, "v1 without pids", "unified_cgroup_hierarchy=1") {
            $0.cgroups.layout = .none
            $0.cgroups.missing = ["pids"]
        },
        Ailment("cgroup.controllers", .fail, "no control groups", "mount -t cgroup2") {
            $0.cgroups.layout = .none
            $0.cgroups.missing = CgroupFacts.hybridControllers
        },
        Ailment("cgroup.writable", .fail, "/sys/fs/cgroup", "remount,rw /sys/fs/cgroup") {
            $0.cgroups.readOnly = ["/sys/fs/cgroup"]
        },
        Ailment("cgroup.cpu-quota", .fail, "cannot limit", "apt-get") { $0.cgroups.limitsProcessorTime = false },
        Ailment("cgroup.disk-read", .warn, "controller io", "apt-get") { $0.cgroups.limitsReading = false },
        Ailment("cgroup.disk-read", .warn, "blkio is not mounted", "mount -t cgroup -o blkio") {
            ($0.cgroups.layout, $0.cgroups.limitsReading) = (.hybrid, false)
        },
        Ailment("cgroup.disk-read", .warn, "without io", "Delegate=cpu cpuset io memory pids", rootless: true) {
            $0.cgroups.own[0].controllers.remove("io")
        },
        Ailment("cgroup.disk-read", .warn, "without io", "+pids +io >", rootless: true) {
            $0.cgroups.own[0].controllers.remove("io")
            $0.cgroups.hasSystemd = false
        },
        Ailment("cgroup.disk-read", .warn, "blkio/a is not yours", "pids blkio; do", rootless: true) { facts in
            facts.cgroups.layout = .hybrid
            facts.cgroups.own = CgroupFacts.hybridControllers.map {
                OwnGroup(path: "/sys/fs/cgroup/\($0)/a", controllers: [$0], isWritable: true)
            }
            facts.cgroups.reading = OwnGroup(
                path: "/sys/fs/cgroup/blkio/a", controllers: ["blkio"], isWritable: false)
        },
    ]

    static let delegation: [Ailment] = [
        Ailment(
            "cgroup.delegation", .fail, "yours, without cpuset", "Delegate=cpu cpuset io memory pids", rootless: true
        ) {
            $0.cgroups.own[0].controllers = ["cpu", "memory", "pids"]
        },
        Ailment("cgroup.delegation", .warn, "systemd has one for you", "systemd-run --user --scope", rootless: true) {
            $0.cgroups.own[0].isWritable = false
            $0.cgroups.managed = ["cpu", "cpuset", "memory", "pids"]
        },
        Ailment("cgroup.delegation", .fail, "manager has no cpu, cpuset", "daemon-reload", rootless: true) {
            $0.cgroups.own[0].isWritable = false
            $0.cgroups.managed = ["memory", "pids"]
        },
        Ailment("cgroup.delegation", .fail, "no systemd manager", "enable-linger 1000", rootless: true) {
            $0.cgroups.own[0].isWritable = false
        },
        Ailment("cgroup.delegation", .fail, "not yours", "echo 4711 > $g/cgroup.procs", rootless: true) {
            $0.cgroups.own[0].isWritable = false
            $0.cgroups.hasSystemd = false
        },
        Ailment("cgroup.delegation", .fail, "no v2 group", "unified_cgroup_hierarchy=1", rootless: true) {
            $0.cgroups.own = []
        },
        Ailment("cgroup.delegation", .fail, "to you: cpuset", "$g/../cpuset.$f", rootless: true) { facts in
            facts.cgroups.layout = .hybrid
            facts.cgroups.own = CgroupFacts.hybridControllers.map {
                OwnGroup(path: "/sys/fs/cgroup/\($0)/a", controllers: [$0], isWritable: $0 != "cpuset")
            }
        },
    ]

    static let namespaces: [Ailment] = [
        Ailment("namespaces.limits", .fail, "user.max_net_namespaces is 0", "sysctl -w user.max_net_namespaces=4096") {
            $0.settings[.networkNamespaces] = "0"
        },
        Ailment("namespaces.limits", .warn, "user.max_uts_namespaces is 20", "user.max_uts_namespaces=4096", safe: true)
        {
            $0.settings[.hostnameNamespaces] = "20"
        },
        Ailment("userns.allowed", .fail, "none", "apt-get", rootless: true) { $0.namespaces.remove("user") },
        Ailment("userns.allowed", .fail, "is 0", "sysctl -w user.max_user_namespaces=16384", rootless: true) {
            $0.settings[.userNamespaces] = "0"
        },
        Ailment("userns.allowed", .fail, "is 0", "sysctl -w kernel.unprivileged_userns_clone=1", rootless: true) {
            $0.settings[.allowsUserNamespaces] = "0"
        },
        Ailment(
            "userns.apparmor", .fail, "is 1", "profile panal-launcher /usr/local/bin/panal-launcher", rootless: true
        ) {
            $0.settings[.restrictsUserNamespacesByAppArmor] = "1"
        },
        Ailment("userns.trial", .fail, "Operation not permitted", "journalctl", rootless: true) {
            $0.userNamespaceTrial = .failed("unshare: unshare failed: Operation not permitted")
        },
        Ailment("userns.trial", .fail, "mount /proc", "findmnt", rootless: true) {
            $0.userNamespaceTrial = .failed("unshare: mount /proc failed: Operation not permitted")
        },
        Ailment("userns.trial", .warn, "not tried", nil, rootless: true) {
            $0.userNamespaceTrial = .notTried("no tool")
        },
    ]

    static let memory: [Ailment] = [
        Ailment("memory.swap", .warn, "limited in each group", "swapoff -a", safe: true) {
            $0.swap.areas = ["/dev/sda2"]
            $0.swap.availableMemory = 1 << 30
        },
        Ailment("memory.swap", .fail, "does not limit it", "swapoff -a", safe: true) {
            $0.swap.areas = ["/dev/sda2"]
            $0.swap.availableMemory = 1 << 30
            $0.cgroups.limitsSwap = false
        },
        Ailment("memory.swap", .warn, "600 MiB used", "swapoff -a") {
            $0.swap.areas = ["/swapfile"]
            $0.swap.used = 600 << 20
            $0.swap.availableMemory = 1 << 30
            $0.cgroups.limitsSwap = nil
        },
        Ailment("memory.panic", .fail, "is 2", "sysctl -w vm.panic_on_oom=0", safe: true) {
            $0.settings[.panicOnOutOfMemory] = "2"
        },
        Ailment("memory.panic", .warn, "is 1", "vm.panic_on_oom=0", safe: true) {
            $0.settings[.panicOnOutOfMemory] = "1"
        },
        Ailment("memory.overcommit", .warn, "is 2", "vm.overcommit_memory=0") { $0.settings[.overcommit] = "2" },
        Ailment("memory.huge-pages", .warn, "enabled is always", "echo madvise > /sys/kernel/mm", safe: true) {
            $0.settings[.hugePages] = "[always] madvise never"
        },
        Ailment("memory.huge-pages", .warn, "defrag is always", "transparent_hugepage/defrag", safe: true) {
            $0.settings[.hugePageDefragmentation] = "[always] defer defer+madvise madvise never"
        },
    ]

    static let processor: [Ailment] = [
        Ailment("cpu.siblings", .warn, "on", "echo off > /sys/devices/system/cpu/smt/control") {
            $0.settings[.siblingThreads] = "1"
            $0.settings[.siblingControl] = "on"
        },
        Ailment("cpu.siblings", .warn, "for as long as this host runs", "nosmt") {
            $0.settings[.siblingThreads] = "1"
            $0.settings[.siblingControl] = "notimplemented"
        },
        Ailment("cpu.governor", .warn, "powersave, schedutil", "do echo performance > $f; done", safe: true) {
            $0.processor.governors = ["performance": ["policy0"], "powersave": ["policy2"], "schedutil": ["policy1"]]
        },
        Ailment("cpu.boost", .warn, "on", "echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo") {
            $0.settings[.intelTurboOff] = "0"
        },
        Ailment("cpu.boost", .warn, "on", "echo 0 > /sys/devices/system/cpu/cpufreq/boost") {
            $0.settings[.boost] = "1"
        },
        Ailment("cpu.unlike-cores", .warn, "fast and slow", "cpu_core") { $0.processor.hasUnlikeCores = true },
        Ailment("cpu.numa-balancing", .warn, "2, with", "sysctl -w kernel.numa_balancing=0", safe: true) {
            $0.processor.nodes = 2
            $0.settings[.numaBalancing] = "1"
        },
        Ailment("time.clock-source", .warn, "hpet; there is tsc", "echo tsc > /sys/devices/system/clocksource") {
            $0.settings[.clockSource] = "hpet"
            $0.settings[.clockSources] = "hpet acpi_pm tsc"
        },
        Ailment("time.clock-source", .warn, "nothing faster", "journalctl") {
            $0.settings[.clockSource] = "acpi_pm"
            $0.settings[.clockSources] = "acpi_pm"
        },
        Ailment("cpu.stolen", .warn, "3.5%", nil) { $0.processor.stolen = 0.035 },
        Ailment("cpu.vulnerabilities", .warn, "mds, retbleed", "microcode") {
            $0.processor.open = ["retbleed": "Vulnerable", "mds": "Vulnerable: no microcode"]
        },
        Ailment("cpu.vulnerabilities", .warn, "mitigations=off", "update-grub") {
            $0.settings[.commandLine] = "quiet mitigations=off"
        },
    ]

    static let protection: [Ailment] = [
        Ailment("root.capabilities", .fail, "CAP_SYS_ADMIN (namespaces and mounts are made), CAP_MKNOD", "CapBnd") {
            $0.user.capabilities &= ~(1 << 21 | 1 << 27)
        },
        Ailment("root.capabilities", .fail, "CAP_SYS_CHROOT", "CapBnd") { $0.user.capabilities &= ~(1 << 18) },
        Ailment("root.capabilities", .fail, "CAP_SYS_NICE", "CapBnd") { $0.user.capabilities &= ~(1 << 23) },
        Ailment("root.capabilities", .warn, "network: loopback", "CapBnd") { $0.user.capabilities &= ~(1 << 12) },
        Ailment("limits.inherited", .fail, "stack size, pending signals", "ulimit") {
            $0.user.capabilities &= ~(1 << 24)
            $0.shortLimits = ["stack size", "pending signals"]
        },
        Ailment("root.capabilities", .fail, "ordinary user", "sudo panal doctor") { $0.user.id = 1_000 },
        Ailment("root.cell-users", .fail, "ada in /etc/passwd", "usermod") {
            $0.strangersInCellUsers = ["ada in /etc/passwd"]
        },
        Ailment("host.core-pattern", .fail, "|/usr/share/apport", "sysctl -w kernel.core_pattern=core", safe: true) {
            $0.settings[.corePattern] = "|/usr/share/apport/apport %p"
        },
        Ailment("host.core-pattern", .fail, "@/run", "kernel.core_pattern=core", safe: true) {
            $0.settings[.corePattern] = "@/run/systemd/coredump"
        },
        Ailment("host.address-randomisation", .warn, "is 0", "kernel.randomize_va_space=2", safe: true) {
            $0.settings[.addressRandomisation] = "0"
        },
        Ailment("host.suid-dumpable", .fail, "is 1", "fs.suid_dumpable=0", safe: true) { $0.settings[.dumpable] = "1" },
        Ailment("host.protected-links", .warn, "fs.protected_symlinks is 0", "fs.protected_symlinks=1", safe: true) {
            $0.settings[.protectedSymbolicLinks] = "0"
        },
    ]

    static let places: [Ailment] = [
        Ailment("disk.space", .fail, "0.0 GiB", "du -xh") { $0.data.space?.freeBytes = 10 << 20 },
        Ailment("disk.space", .warn, "2.0 GiB", "du -xh") { $0.data.space?.freeBytes = 2 << 30 },
        Ailment("disk.space", .warn, "room for 500 files", "du -xh") { $0.data.space?.freeFiles = 500 },
        Ailment("disk.space", .fail, "nothing", nil) { $0.data.space = nil },
        Ailment("disk.file-system", .fail, "nfs4", "--data") { $0.data.fileSystem = "nfs4" },
        Ailment("disk.file-system", .fail, "fuse.sshfs", "--data") { $0.data.fileSystem = "fuse.sshfs" },
        Ailment("disk.file-system", .fail, "read-only", "--data") { $0.data.isReadOnly = true },
        Ailment("disk.file-system", .warn, "gone after a restart", "--data") { $0.data.fileSystem = "tmpfs" },
        Ailment("disk.file-system", .warn, "upper layer", "--data") { $0.data.fileSystem = "overlay" },
        Ailment("limits.open-files", .warn, "at most 1024", "nofile") { $0.openFiles = 1_024 },
        Ailment("limits.open-files", .warn, "1900000 of this host's 2000000", "fs.file-max=4000000") {
            $0.settings[.openFiles] = "1900000\t0\t2000000"
        },
        Ailment("limits.processes", .warn, "is 32768", "kernel.pid_max=4194304", safe: true) {
            $0.settings[.mostProcesses] = "32768"
        },
        Ailment("limits.own-processes", .warn, "at most 400", "nproc", rootless: true) { $0.ownProcesses = 400 },
        Ailment("tools.ldconfig", .fail, "missing", "apt-get install libc-bin") {
            $0.tools.remove("/usr/sbin/ldconfig")
        },
        Ailment("tools.images", .warn, "missing: skopeo", "apt-get install --no-install-recommends skopeo") {
            $0.tools.remove("/usr/bin/skopeo")
        },
        Ailment("tools.images", .warn, "missing: uidmap", "--no-install-recommends uidmap") {
            $0.tools.remove("/usr/bin/newuidmap")
        },
        Ailment("tools.launcher", .fail, "not beside", "swift build") { $0.launcher = nil },
    ]
}
