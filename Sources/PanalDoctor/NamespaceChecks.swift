extension Check {
    static let namespaceChecks = [limits, switchedOn, appArmor, trial]

    private static let limits = Check(
        "namespaces.limits", "Namespace limits", .both,
        meaning: "user.max_*_namespaces says how many there may be; each cell has one of each kind."
    ) { facts in
        let kinds: [KernelSetting] = [
            .mountNamespaces, .processNamespaces, .networkNamespaces, .ipcNamespaces, .hostnameNamespaces,
            .cgroupNamespaces,
        ]
        let low = kinds.filter { (facts.number($0) ?? .max) < 128 }
        guard !low.isEmpty else { return .pass("each kind at least 128") }
        let none = low.filter { facts.number($0) == 0 }
        let words = low.map { "\($0.name) is \(facts[$0] ?? "")" }.joined(separator: ", ")
        let fix = Fix(
            steps: low.map { .setting($0, "4096") },
            lasting: "printf '%s\\n' \(low.map { "'\($0.name) = 4096'" }.joined(separator: " ")) "
                + ">> /etc/sysctl.d/60-panal.conf",
            risk: none.isEmpty ? nil : "somebody has switched them off, and may have had a reason")
        return none.isEmpty ? .warn(words, fix) : .fail(words, fix)
    }

    private static let switchedOn = Check(
        "userns.allowed", "User namespaces", [.rootless],
        meaning: """
            Without root, a cell's privileges come from a user namespace; Panal as root makes none and needs none.
            """
    ) { facts in
        let open = "every user of this host could then make them, and reach more of the kernel"
        if !facts.namespaces.contains("user") {
            return .fail(
                "this kernel has none",
                .newKernel)
        }
        if facts.number(.userNamespaces) == 0 {
            return .fail("user.max_user_namespaces is 0", .setting(.userNamespaces, "16384", risk: open))
        }
        if facts.number(.allowsUserNamespaces) == 0 {
            return .fail("kernel.unprivileged_userns_clone is 0", .setting(.allowsUserNamespaces, "1", risk: open))
        }
        return .pass("at most \(facts[.userNamespaces] ?? "as many as wanted")")
    }

    private static let appArmor = Check(
        "userns.apparmor", "AppArmor and user namespaces", [.rootless],
        meaning: """
            Ubuntu 23.10 and later let only programs with an AppArmor profile that says ‘userns’ have capabilities in a user \
            namespace.
            """
    ) { facts in
        guard facts.number(.restrictsUserNamespacesByAppArmor) == 1 else {
            return .pass(
                facts[.restrictsUserNamespacesByAppArmor] == nil ? "this kernel has no such rule" : "not restricted")
        }
        if facts.hasLauncherProfile { return .pass("\(HostFacts.launcherProfile) lets the launcher have them") }
        let launcher = facts.launcher ?? "/usr/local/bin/panal-launcher"
        return .fail(
            "kernel.apparmor_restrict_unprivileged_userns is 1",
            .byHand(
                """
                printf 'abi <abi/4.0>,\\ninclude <tunables/global>\\nprofile panal-launcher \(launcher) \
                flags=(unconfined) {\\n  userns,\\n}\\n' > \(HostFacts.launcherProfile) && apparmor_parser -r \
                \(HostFacts.launcherProfile)
                """, because: "it lets this one program have what others are refused"))
    }

    private static let trial = Check(
        "userns.trial", "Namespaces without root", [.rootless],
        meaning: """
            The namespaces of a cell and a new /proc in them, made by an ordinary process just now: settings are \
            not all that can stand in the way.
            """
    ) { facts in
        switch facts.userNamespaceTrial {
        case .worked: return .pass("made")
        case .notTried(let reason): return .warn("not tried: \(reason)", nil)
        case .failed where facts.number(.restrictsUserNamespacesByAppArmor) == 1 && facts.hasLauncherProfile:
            // The trial is `unshare`'s, to which the launcher's profile gives nothing.
            return .pass("refused to unshare, granted to the launcher by its AppArmor profile")
        case .failed(let words) where words.contains("/proc"):
            return .fail(
                words,
                .byHand(
                    "findmnt -R /proc",
                    because: "what is mounted over parts of /proc, as containers do, has to be taken away first"))
        case .failed(let words):
            return .fail(
                words,
                .byHand(
                    "journalctl -k -g 'apparmor|userns|audit' -n 20", because: "the kernel's log may say who refused it"
                ))
        }
    }
}
