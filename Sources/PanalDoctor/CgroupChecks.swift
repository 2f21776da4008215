extension Check {
    static let cgroupChecks = [layout, writable, swapControl, bandwidth, reading, delegation]

    private static let layout = Check(
        "cgroup.controllers", "Cgroups", .both,
        meaning: """
            Memory, processes, processor time and cores of a cell are limited by the controllers cpu, cpuset, memory and pids, \
            and cpuacct where they are v1's. Where one is missing no cell is started.
            """
    ) { facts in
        let missing = facts.cgroups.missing
        switch facts.cgroups.layout {
        case .hybrid: return .pass("v1: " + CgroupFacts.hybridControllers.joined(separator: ", "))
        case .unified where missing.isEmpty:
            return .pass("v2: " + CgroupFacts.unifiedControllers.joined(separator: ", "))
        case .unified where missing.contains("memory"):
            return .fail("v2 without \(missing.joined(separator: ", "))", .boot("cgroup_enable=memory"))
        case .unified:
            return .fail("v2 without \(missing.joined(separator: ", "))", .boot("systemd.unified_cgroup_hierarchy=1"))
        case .none where missing.count == CgroupFacts.hybridControllers.count:
            return .fail(
                "no control groups are mounted",
                .byHand(
                    "mount -t cgroup2 cgroup2 /sys/fs/cgroup",
                    because: "the init system of this host should have done it"))
        case .none:
            return .fail(
                "v1 without \(missing.joined(separator: ", ")), and no v2 with all",
                .boot("systemd.unified_cgroup_hierarchy=1"))
        }
    }

    private static let writable = Check(
        "cgroup.writable", "Cgroup folders", .both, meaning: "Panal makes a group for each cell."
    ) { facts in
        let paths = facts.cgroups.readOnly
        guard !paths.isEmpty else { return .pass("mounted read-write") }
        return .fail(
            "mounted read-only: \(paths.joined(separator: ", "))",
            .byHand(
                paths.map { "mount -o remount,rw \($0)" }.joined(separator: " && "),
                because: "a container's own protection may be what it takes away"))
    }

    private static let swapControl = Check(
        "memory.swap", "Swap", .both,
        meaning: """
            A cell's memory is never swapped: its limit would not be one, and its timing would be the disk's. Swap that the \
            kernel limits for each group does not weaken the limit; the host's own processes may still be slowed by it.
            """
    ) { facts in
        let swap = facts.swap
        guard !swap.areas.isEmpty else { return .pass("off") }
        let words = "on (\(swap.areas.joined(separator: ", ")), \(swap.used >> 20) MiB used)"
        // What is swapped out has to find room: the host's out-of-memory killer would make it otherwise.
        let risk = swap.used > swap.availableMemory / 2 ? "what is swapped out may not fit into memory" : nil
        let off = Fix.run(
            ["swapoff", "-a"], lasting: "sed -i '/\\sswap\\s/s/^/#/' /etc/fstab", risk: risk)
        switch facts.cgroups.limitsSwap {
        case true: return .warn("\(words); limited in each group", off)
        case false: return .fail("\(words), and this kernel does not limit it for a group", off)
        case nil: return .warn("\(words); whether it is limited for a group shows only in a group with memory", off)
        }
    }

    private static let bandwidth = Check(
        "cgroup.cpu-quota", "Processor quota", .both,
        meaning: """
            Profiles with a part of a core are held to it by the kernel's bandwidth control \
            (CONFIG_CFS_BANDWIDTH).
            """
    ) { facts in
        switch facts.cgroups.limitsProcessorTime {
        case true: .pass("there")
        case false:
            .fail(
                "this kernel cannot limit the processor time of a group",
                .newKernel)
        case nil: .pass("shows only in a group; it is read back before each run")
        }
    }

    private static let reading = Check(
        "cgroup.disk-read", "Reading from disks", .both,
        meaning: """
            Runs under a profile with disk-read are held to a rate of reading by the controller blkio, which is io with v2; \
            where it is missing they are refused, and no others.
            """
    ) { facts in
        let isHybrid = facts.cgroups.layout == .hybrid
        let name = isHybrid ? CgroupFacts.hybridReading : CgroupFacts.unifiedReading
        if facts.cgroups.limitsReading == false {
            if !isHybrid || facts.cgroups.reading != nil {
                return .warn("this kernel cannot limit it (CONFIG_BLK_DEV_THROTTLING, controller \(name))", .newKernel)
            }
            let folder = "/sys/fs/cgroup/\(name)"
            return .warn(
                "the v1 controller \(name) is not mounted",
                .byHand(
                    "mkdir -p \(folder) && mount -t cgroup -o \(name) cgroup \(folder)",
                    because: "the init system of this host may have use for it elsewhere"))
        }
        let can = facts.cgroups.limitsReading == nil ? "shows only in a group; it is read back before each run" : name
        if facts.user.isRoot { return .pass(can) }
        if isHybrid {
            guard let group = facts.cgroups.reading, !group.isWritable else { return .pass(can) }
            return .warn("\(group.path) is not yours", handOver(facts))
        }
        let own = facts.cgroups.own.first
        let offered = own?.isWritable == true ? own?.controllers : facts.cgroups.managed ?? own?.controllers
        if offered?.contains(name) == true { return .pass(can) }
        return .warn(
            "your group was handed over without \(name)", facts.cgroups.hasSystemd ? delegateAll : handOver(facts))
    }

    static let scope = "systemd-run --user --scope -p Delegate=yes --"

    private static let delegation = Check(
        "cgroup.delegation", "Delegated cgroup", [.rootless],
        meaning: """
            An ordinary user's cells are limited in a group that was handed over to that user, with the controllers cpu, cpuset, \
            memory and pids. systemd gives one away, without cpuset unless it is told.
            """
    ) { facts in
        if facts.user.isRoot {
            return .warn(
                "root owns every group; what an ordinary user has shows only to that user",
                .byHand(
                    "sudo -u USER panal doctor", because: "it is to be asked as the user", needsRoot: false))
        }
        if facts.cgroups.layout == .hybrid { return hybridDelegation(facts) }
        guard let group = facts.cgroups.own.first else {
            return .fail("there is no v2 group that could be handed over", .boot("systemd.unified_cgroup_hierarchy=1"))
        }
        let lacking = CgroupFacts.unifiedControllers.filter { !group.controllers.contains($0) }
        if group.isWritable {
            return lacking.isEmpty
                ? .pass("\(group.path)")
                : .fail("\(group.path) is yours, without \(lacking.joined(separator: ", "))", delegateAll)
        }
        guard let managed = facts.cgroups.managed else {
            return .fail(
                "\(group.path) is not yours, and no systemd manager runs for you",
                facts.cgroups.hasSystemd
                    ? .byHand(
                        "apt-get install dbus-user-session && loginctl enable-linger \(facts.user.id)",
                        because: "it needs a new sign-in")
                    : handOver(facts))
        }
        let undelegated = CgroupFacts.unifiedControllers.filter { !managed.contains($0) }
        guard undelegated.isEmpty else {
            return .fail(
                "\(group.path) is not yours, and your systemd manager has no \(undelegated.joined(separator: ", "))",
                delegateAll)
        }
        return .warn(
            "\(group.path) is not yours; systemd has one for you",
            .byHand("\(scope) panal run …", because: "it is how a run is started", needsRoot: false))
    }

    private static func hybridDelegation(_ facts: HostFacts) -> Judgement {
        let foreign = facts.cgroups.own.filter { !$0.isWritable }
        guard !foreign.isEmpty else { return .pass("one in each v1 hierarchy") }
        let names = foreign.flatMap(\.controllers).sorted().joined(separator: ", ")
        return .fail("not handed over to you: \(names)", handOver(facts))
    }

    /// Makes a group for the user, without systemd's help, and moves the shell there that asked. Its limits stay root's: only
    /// making groups below and moving processes there is handed over (cgroup-v2.rst, "Delegation"). A v1 `cpuset` takes
    /// nobody before it has cores and memory nodes.
    private static func handOver(_ facts: HostFacts) -> Fix {
        let user = facts.user.id
        let cgroup = "/sys/fs/cgroup"
        let move = "echo \(facts.user.parent) > $g/cgroup.procs"
        let reading = facts.cgroups.limitsReading != false
        let hybrid = CgroupFacts.hybridControllers + (reading ? [CgroupFacts.hybridReading] : [])
        let words =
            facts.cgroups.layout == .hybrid
            ? """
            for c in \(hybrid.joined(separator: " ")); do g=\(cgroup)/$c/user-\(user); mkdir -p $g; \
            [ $c != cpuset ] || for f in cpus mems; do cat $g/../cpuset.$f > $g/cpuset.$f; done; \
            chown \(user) $g $g/cgroup.procs && \(move); done
            """
            : """
            echo +cpu +cpuset +memory +pids\(reading ? " +io" : "") > \(cgroup)/cgroup.subtree_control && g=\(cgroup)/user-\(user) && mkdir -p $g \
            && chown \(user) $g $g/cgroup.procs $g/cgroup.subtree_control $g/cgroup.threads && \(move)
            """
        return .byHand(words, because: "it gives control groups of this host to a user, until the host is restarted")
    }

    private static let delegateAll = Fix.byHand(
        """
        mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' > \
        /etc/systemd/system/user@.service.d/panal.conf && systemctl daemon-reload
        """, because: "it changes what every user of this host is given, and needs a new sign-in")
}
