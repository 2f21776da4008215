extension Check {
    static let processorChecks = [siblings, governor, boost, unlikeCores, numa, clock, steal, weaknesses]

    private static let siblings = Check(
        "cpu.siblings", "Sibling threads (SMT)", .both,
        meaning: """
            Two cells on the two threads of one core share its units and caches: each slows the other by up to half, and can \
            learn something of what it does.
            """
    ) { facts in
        guard facts.number(.siblingThreads) == 1 else { return .pass("off or absent") }
        let control = facts[.siblingControl] ?? "notimplemented"
        guard ["on", "off"].contains(control) else { return .warn("on, for as long as this host runs", .boot("nosmt")) }
        return .warn(
            "on",
            .write(
                [(KernelSetting.siblingControl.rawValue, "off")],
                risk: "it takes half of the processors away at once, from cells that run too"))
    }

    private static let governor = Check(
        "cpu.governor", "Frequency governor", .both,
        meaning: "With another governor than ‘performance’ the first tenths of a second of each run are slower."
    ) { facts in
        let others = facts.processor.governors.filter { $0.key != "performance" }
        guard !others.isEmpty else {
            return .pass(
                facts.processor.governors.isEmpty ? "the frequency is not this host's to choose" : "performance")
        }
        let folder = "/sys/devices/system/cpu/cpufreq"
        let paths = facts.processor.governors.values.flatMap(\.self).sorted().map {
            "\(folder)/\($0)/scaling_governor"
        }
        return .warn(
            others.keys.sorted().joined(separator: ", "),
            .writeEach("\(folder)/policy*/scaling_governor", paths, "performance"))
    }

    private static let boost = Check(
        "cpu.boost", "Frequency boost", .both,
        meaning: """
            With boost (turbo) the speed of a run depends on what runs on the other cores, and on the temperature.
            """
    ) { facts in
        let risk = "it makes everything on this host slower, and more even"
        if facts.number(.intelTurboOff) == 0 {
            return .warn("on", .write([(KernelSetting.intelTurboOff.rawValue, "1")], risk: risk))
        }
        if facts.number(.boost) == 1 {
            return .warn("on", .write([(KernelSetting.boost.rawValue, "0")], risk: risk))
        }
        return .pass("off or not this host's to choose")
    }

    private static let unlikeCores = Check(
        "cpu.unlike-cores", "Unlike cores", .both,
        meaning: "On a processor with fast and slow cores the same run takes longer on one core than on another."
    ) { facts in
        facts.processor.hasUnlikeCores
            ? .warn(
                "fast and slow cores in one processor",
                .byHand(
                    "cat /sys/devices/cpu_core/cpus",
                    because: "start Panal on the fast ones alone, as by: taskset -c LIST panal serve", needsRoot: false)
            )
            : .pass("none")
    }

    private static let numa = Check(
        "cpu.numa-balancing", "Memory nodes", .both,
        meaning: "The kernel's moving of memory between nodes interrupts runs at times of its own choice."
    ) { facts in
        let nodes = facts.processor.nodes
        guard nodes > 1 else { return .pass("one") }
        return (facts.number(.numaBalancing) ?? 0) != 0
            ? .warn("\(nodes), with automatic balancing", .setting(.numaBalancing, "0"))
            : .pass("\(nodes), without automatic balancing")
    }

    private static let clock = Check(
        "time.clock-source", "Clock source", .both,
        meaning: """
            Times are read at each start and end; a slow clock (hpet, acpi_pm) costs a microsecond and a lock each \
            time.
            """
    ) { facts in
        let source = facts[.clockSource] ?? "unknown"
        let fast = ["tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page", "xen"]
        guard !fast.contains(source) else { return .pass(source) }
        let offered = facts[.clockSources]?.split(separator: " ").map(String.init) ?? []
        guard let better = fast.first(where: offered.contains) else {
            return .warn(
                "\(source), and nothing faster",
                .byHand(
                    "journalctl -k -g 'clocksource|tsc'",
                    because:
                        "the kernel's log says what it has against the others; a virtual machine's is its hypervisor's")
            )
        }
        // The kernel left a clock for a reason when it says so in its log.
        return .warn(
            "\(source); there is \(better)",
            .write(
                [("/sys/devices/system/clocksource/clocksource0/current_clocksource", better)],
                risk: "the kernel may have left it as unstable; see: journalctl -k -g clocksource"))
    }

    private static let steal = Check(
        "cpu.stolen", "Stolen time", .both,
        meaning: """
            In a virtual machine the hypervisor can stop a core for its other guests; runs then take longer and no \
            limit shows why.
            """
    ) { facts in
        guard let stolen = facts.processor.stolen else { return .pass("too little time since boot to say") }
        let words = "\(Int((stolen * 1_000).rounded()) / 10).\(Int((stolen * 1_000).rounded()) % 10)% of the time used"
        return stolen > 0.02 ? .warn(words, nil) : .pass(words)
    }

    private static let weaknesses = Check(
        "cpu.vulnerabilities", "Processor weaknesses", .both,
        meaning: """
            Cells share processor and kernel: what the kernel does not guard against here, one program may use to \
            read another's memory.
            """
    ) { facts in
        let open = facts.processor.open.keys.sorted()
        if facts[.commandLine]?.split(separator: " ").contains("mitigations=off") == true {
            return .warn(
                "the kernel was started with mitigations=off",
                .byHand(
                    "sed -i 's/mitigations=off//' /etc/default/grub && update-grub && reboot",
                    because: "it restarts this host"))
        }
        guard !open.isEmpty else { return .pass("none, or guarded against") }
        return .warn(
            "open: \(open.joined(separator: ", "))",
            .byHand(
                "apt-get install amd64-microcode intel-microcode && reboot",
                because: "it restarts this host; in a virtual machine it is the hypervisor's to mend"))
    }
}
