extension Check {
    static let kernelChecks = [version, features, fileSystems, seccomp, pressure, container]

    private static let version = Check(
        "kernel.version", "Kernel", .both,
        meaning: """
            A cell is made with calls that came with Linux 5.12 (mount_setattr) and, on cgroup v2, 5.19 (memory.peak); older \
            than 6.1, the kernel of Debian 12, is not tested.
            """
    ) { facts in
        let release = facts[.release] ?? "unknown"
        let parts = release.split { $0 == "." || $0 == "-" || $0 == "+" }
        guard parts.count >= 2, let major = Int(parts[0]), let minor = Int(parts[1]) else {
            return .fail("the kernel's version ‘\(release)’ is not readable", nil)
        }
        let oldest = facts.cgroups.layout == .unified ? (5, 19) : (5, 12)
        let newer = Fix.newKernel
        if (major, minor) < oldest { return .fail("Linux \(release); \(oldest.0).\(oldest.1) is needed", newer) }
        if (major, minor) < (6, 1) { return .warn("Linux \(release); not tested with Panal", newer) }
        return .pass("Linux \(release)")
    }

    private static let features = Check(
        "kernel.namespaces", "Namespaces", .both,
        meaning: """
            Each cell has a mount, pid, network, ipc, uts and cgroup namespace of its own; none of them is \
            optional.
            """
    ) { facts in
        let needed = ["mnt", "pid", "net", "ipc", "uts", "cgroup"]
        let missing = needed.filter { !facts.namespaces.contains($0) }
        guard missing.isEmpty else {
            return .fail(
                "this kernel has no \(missing.joined(separator: ", ")) namespaces",
                .newKernel)
        }
        return .pass(needed.joined(separator: ", "))
    }

    private static let fileSystems = Check(
        "kernel.filesystems", "File systems", .both,
        meaning: "A cell's root, devices and scratch are tmpfs, whose size is the limit; its /proc is a new procfs."
    ) { facts in
        let missing = ["tmpfs", "proc"].filter { !facts.fileSystems.contains($0) }
        return missing.isEmpty
            ? .pass("tmpfs, proc")
            : .fail("this kernel has no \(missing.joined(separator: ", "))", .newKernel)
    }

    private static let seccomp = Check(
        "kernel.seccomp", "Seccomp", .both,
        meaning: """
            The filter of system calls is what keeps a program away from most of the kernel. Without ‘log’, denied calls cannot \
            be told apart afterwards.
            """
    ) { facts in
        let actions = facts[.seccompActions]?.split(separator: " ").map(String.init) ?? []
        let missing = ["kill_process", "errno", "allow"].filter { !actions.contains($0) }
        let kernel = Fix.newKernel
        if actions.isEmpty { return .fail("this kernel has no seccomp filters", kernel) }
        if !missing.isEmpty { return .fail("actions missing: \(missing.joined(separator: ", "))", kernel) }
        if !actions.contains("log") { return .warn("the action ‘log’ is missing", kernel) }
        return .pass(actions.joined(separator: " "))
    }

    private static let pressure = Check(
        "kernel.pressure", "Pressure", .both,
        meaning: "How long a run waited for processor, memory and disk (PSI) tells whether its timing can be trusted."
    ) { facts in
        facts[.cpuPressure] == nil ? .warn("this kernel does not measure it", .boot("psi=1")) : .pass("measured")
    }

    private static let container = Check(
        "host.container", "Container", .both,
        meaning: """
            Inside a container, its own filter, masked paths and control groups stand between Panal and the kernel; what \
            they take away cannot be had back from inside. Run Panal, and this, on the host itself.
            """
    ) { facts in
        guard facts.enclosing.isEmpty else {
            return .warn("\(facts.enclosing.joined(separator: ", ")) namespace is not the host's", nil)
        }
        if facts.user.isFiltered { return .warn("a seccomp filter is on this process already", nil) }
        return .pass("none")
    }
}
