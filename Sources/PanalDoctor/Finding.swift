/// How a cell is started.
package enum Mode: String, Hashable, Sendable, CaseIterable, Encodable {
    /// By root.
    case root
    /// By an ordinary user, with a user namespace and a control group that was handed over.
    case rootless
}

package enum Verdict: String, Hashable, Sendable, CaseIterable, Encodable {
    case pass
    /// Cells run and are held; their timing, their speed or the defence in depth of the host is worse than it could be.
    case warn
    /// Cells do not run, or something that Panal promises does not hold.
    case fail
}

/// What one check found.
package struct Finding: Hashable, Sendable {
    /// Stable: `memory.swap`.
    package var id: String
    package var title: String
    package var verdict: Verdict
    package var concerns: [Mode]
    /// What is the case here.
    package var found: String
    /// Why it matters.
    package var meaning: String
    package var fix: Fix?
}

/// What mends a finding.
package struct Fix: Hashable, Sendable {
    package enum Step: Hashable, Sendable {
        /// Sets one of `sysctl`'s, named by its path.
        case setting(KernelSetting, String)
        /// Writes one of the kernel's files.
        case write(String, String)
        /// The same value into every file that a shell pattern names; the paths are those that it names now.
        case writeEach(pattern: String, paths: [String], String)
        case run([String])
        /// A shell command for a person.
        case advice(String)
    }

    package var steps: [Step]
    /// Makes it last over a restart; nil where it lasts by itself. A shell command for a person, as root.
    package var lasting: String?
    /// Why it is left to a person; nil where nothing can be hurt by it.
    package var risk: String?
    /// Advice may say `sudo` itself or be for the user.
    package var needsRoot = true

    /// Whether `--fix` may carry it out.
    package var isSafe: Bool { risk == nil }

    /// As one would type it.
    package func command(asRoot: Bool) -> String {
        let prefix = asRoot || !needsRoot ? "" : "sudo "
        return steps.map { step in
            switch step {
            case .setting(let setting, let value): "\(prefix)sysctl -w \(setting.name)=\(value)"
            case .write(let path, let value):
                asRoot || !needsRoot ? "echo \(value) > \(path)" : "echo \(value) | sudo tee \(path)"
            case .writeEach(let pattern, _, let value):
                "for f in \(pattern); do echo \(value) \(asRoot || !needsRoot ? "> $f" : "| sudo tee $f"); done"
            case .run(let words): prefix + words.joined(separator: " ")
            case .advice(let text): text
            }
        }.joined(separator: " && ")
    }

    static func setting(_ setting: KernelSetting, _ value: String, risk: String? = nil) -> Fix {
        Fix(
            steps: [.setting(setting, value)],
            lasting: "echo '\(setting.name) = \(value)' >> /etc/sysctl.d/60-panal.conf", risk: risk)
    }

    /// Kernel files that are no settings of `sysctl`'s; `systemd-tmpfiles` writes them at each start.
    static func write(_ values: [(path: String, value: String)], risk: String? = nil) -> Fix {
        let lines = values.map { "'w \($0.path) - - - - \($0.value)'" }.joined(separator: " ")
        return Fix(
            steps: values.map { .write($0.path, $0.value) },
            lasting: "printf '%s\\n' \(lines) >> /etc/tmpfiles.d/panal.conf", risk: risk)
    }

    /// `systemd-tmpfiles` knows patterns too.
    static func writeEach(_ pattern: String, _ paths: [String], _ value: String) -> Fix {
        Fix(
            steps: [.writeEach(pattern: pattern, paths: paths, value)],
            lasting: "echo 'w \(pattern) - - - - \(value)' >> /etc/tmpfiles.d/panal.conf")
    }

    static func run(_ words: [String], lasting: String? = nil, risk: String? = nil) -> Fix {
        Fix(steps: [.run(words)], lasting: lasting, risk: risk)
    }

    /// For a person only.
    static func byHand(_ command: String, because risk: String, needsRoot: Bool = true) -> Fix {
        Fix(steps: [.advice(command)], lasting: nil, risk: risk, needsRoot: needsRoot)
    }

    /// Debian's newest kernel of its release.
    static let newKernel = byHand(
        "apt-get install linux-image-$(dpkg --print-architecture) && reboot", because: "it restarts this host")

    /// A word on the kernel's command line; Debian's boot loader is GRUB.
    static func boot(_ word: String) -> Fix {
        .byHand(
            "sed -i 's/^GRUB_CMDLINE_LINUX=\"/&\(word) /' /etc/default/grub && update-grub && reboot",
            because: "it restarts this host")
    }
}

/// One question to a host, as a pure function of what was found.
package struct Check: Sendable {
    package let id: String
    package let title: String
    package let concerns: [Mode]
    /// Why it matters.
    package let meaning: String
    private let judge: @Sendable (HostFacts) -> Judgement

    init(
        _ id: String, _ title: String, _ concerns: [Mode], meaning: String,
        _ judge: @escaping @Sendable (HostFacts) -> Judgement
    ) {
        self.id = id
        self.title = title
        self.concerns = concerns
        self.meaning = meaning
        self.judge = judge
    }

    package func finding(_ facts: HostFacts) -> Finding {
        let judgement = judge(facts)
        return Finding(
            id: id, title: title, verdict: judgement.verdict, concerns: concerns, found: judgement.found,
            meaning: meaning, fix: judgement.fix)
    }

    /// All, in the order in which they are told.
    package static let all: [Check] =
        kernelChecks + cgroupChecks + namespaceChecks + memoryChecks + processorChecks + protectionChecks + placeChecks
}

struct Judgement {
    var verdict: Verdict
    var found: String
    var fix: Fix?

    static func pass(_ found: String) -> Judgement { Judgement(verdict: .pass, found: found) }
    static func warn(_ found: String, _ fix: Fix?) -> Judgement {
        Judgement(verdict: .warn, found: found, fix: fix)
    }
    static func fail(_ found: String, _ fix: Fix?) -> Judgement {
        Judgement(verdict: .fail, found: found, fix: fix)
    }
}

extension [Mode] {
    static let both: [Mode] = [.root, .rootless]
}
