internal import PanalLinux

extension Check {
    static let protectionChecks = [privileges, cellUsers, corePattern, addressRandomisation, dumpable, links]

    private static let privileges = Check(
        "root.capabilities", "Root's capabilities", [.root],
        meaning: """
            The launcher makes namespaces, mounts, devices and control groups, and gives all of it up for the \
            program.
            """
    ) { facts in
        guard facts.user.isRoot else {
            return .fail(
                "asked as an ordinary user",
                .byHand("sudo panal doctor", because: "it is to be asked as root", needsRoot: false))
        }
        let missing = NeededCapabilities.all.filter { facts.user.capabilities & (1 << $0.bit) == 0 }
        guard missing.isEmpty else {
            return .fail(
                "without " + missing.map { "\($0.name) (\($0.reason))" }.joined(separator: ", "),
                .byHand(
                    "grep CapBnd /proc/self/status",
                    because:
                        "what takes them away does so from outside: a unit's CapabilityBoundingSet=, or a container"))
        }
        // CAP_NET_ADMIN
        guard facts.user.capabilities & (1 << 12) != 0 else {
            return .warn(
                "without CAP_NET_ADMIN: runs of profiles with ‘network: loopback’ are refused",
                .byHand(
                    "grep CapBnd /proc/self/status",
                    because: "what takes it away does so from outside: a unit's CapabilityBoundingSet=, or a container")
            )
        }
        return .pass("all that are needed")
    }

    private static let cellUsers = Check(
        "root.cell-users", "User ids of cells", [.root],
        meaning: """
            Each cell's program has a host user id of its own. Whoever else had it could end the program, and read what it \
            reads.
            """
    ) { facts in
        let range = facts.cellUsers
        guard facts.strangersInCellUsers.isEmpty else {
            return .fail(
                "\(facts.strangersInCellUsers.joined(separator: ", ")): within \(range.lowerBound) to \(range.upperBound)",
                .byHand(
                    "usermod -u NEW-ID USER; usermod --del-subuids FIRST-LAST USER",
                    because: "which files and processes have the id, only you know"))
        }
        return .pass("\(range.lowerBound) to \(range.upperBound - 1) are nobody's")
    }

    /// The limit on core files does not hold where they go to a program or a socket: what receives them is the host's, as
    /// root, outside every limit, and reads what a tenant's program chose to be its memory.
    private static let corePattern = Check(
        "host.core-pattern", "Core files", .both,
        meaning: """
            A crash in a cell starts the program behind a ‘|’ on the host, as root, outside every limit, with the crashed \
            program's memory as its input.
            """
    ) { facts in
        let pattern = facts[.corePattern] ?? "core"
        guard pattern.hasPrefix("|") || pattern.hasPrefix("@") else { return .pass(pattern) }
        var fix = Fix.setting(.corePattern, "core")
        // Ubuntu's service sets it anew at each start, after the settings of sysctl.d.
        if pattern.contains("apport") { fix.lasting = "systemctl disable --now apport.service" }
        return .fail(pattern, fix)
    }

    /// isolate asks for this to be off, for even timings. It is a protection of the whole host, and what it does to timings is
    /// within what repeated runs show anyway.
    private static let addressRandomisation = Check(
        "host.address-randomisation", "Address randomisation", .both,
        meaning: "With predictable addresses (ASLR off) a hole in any program of this host is easier to use."
    ) { facts in
        facts.number(.addressRandomisation) == 2
            ? .pass("full")
            : .warn(
                "kernel.randomize_va_space is \(facts[.addressRandomisation] ?? "not there")",
                facts[.addressRandomisation] == nil ? nil : .setting(.addressRandomisation, "2"))
    }

    private static let dumpable = Check(
        "host.suid-dumpable", "Dumps of changed ids", .both,
        meaning: """
            fs.suid_dumpable at 1 lets the memory of a process that gave up root be read by the user that it \
            became.
            """
    ) { facts in
        facts.number(.dumpable) == 1
            ? .fail("fs.suid_dumpable is 1", .setting(.dumpable, "0")) : .pass("no")
    }

    private static let links = Check(
        "host.protected-links", "Protected links", .both,
        meaning: """
            Without fs.protected_hardlinks and fs.protected_symlinks, users of this host can lead privileged programs to files \
            of their choice by links in shared folders. Panal follows none; others may.
            """
    ) { facts in
        let off = [KernelSetting.protectedHardLinks, .protectedSymbolicLinks].filter { facts.number($0) == 0 }
        guard !off.isEmpty else { return .pass("on") }
        return .warn(
            off.map { "\($0.name) is 0" }.joined(separator: ", "),
            Fix(
                steps: off.map { .setting($0, "1") },
                lasting: "printf '%s\\n' \(off.map { "'\($0.name) = 1'" }.joined(separator: " ")) "
                    + ">> /etc/sysctl.d/60-panal.conf"))
    }
}
