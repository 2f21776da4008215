import PanalScheduler
import PanalService

/// One thing that an operator may set: by flag, by variable, or in the file; declared once, in the table below.
/// Reading, `--help` and the refusal of what is unknown or wrong all follow from it.
struct Setting: Sendable {
    enum Kind: Sendable, Hashable {
        case text
        case path
        /// `HOST:PORT`, with `http://` or `https://` before it or not; or `off`.
        case address
        case integer(ClosedRange<Int>)
        /// A number with KiB, MiB, GiB or TiB.
        case bytes
        /// A number with ms, s, min, h or d.
        case duration
        case boolean
        /// One of these words.
        case word([String])
        /// `first-last`, both of them meant.
        case range

        var placeholder: String {
            switch self {
            case .text: "TEXT"
            case .path: "PATH"
            case .address: "HOST:PORT"
            case .integer: "N"
            case .bytes: "SIZE"
            case .duration: "TIME"
            case .boolean: "true|false"
            case .word(let words): words.joined(separator: "|")
            case .range: "FIRST-LAST"
            }
        }
    }

    /// As the flag is called without its hyphens, and as the file calls it.
    let key: String
    let kind: Kind
    /// Written as an operator would; empty where there is none.
    let standard: String
    let help: String

    var flag: String { "--\(key)" }
    var variable: String { "PANAL_" + key.uppercased().replacing("-", with: "_") }

    static let logLevels = ["trace", "debug", "info", "notice", "warning", "error", "critical"]

    static let all: [Setting] = [
        Setting(key: "host", kind: .text, standard: "127.0.0.1", help: "address to listen on"),
        Setting(
            key: "port", kind: .integer(0...65_535), standard: "8080", help: "port to listen on; 0 takes a free one"),
        Setting(
            key: "pages", kind: .address, standard: "",
            help: "where the pages for people are, if not at --host and --port; off for nowhere"),
        Setting(
            key: "api", kind: .address, standard: "",
            help: "where the programming interface is, if not at --host and --port; off for nowhere"),
        Setting(
            key: "operations", kind: .address, standard: "",
            help: "where /metrics, /healthz and /readyz are, if not at --host and --port; off for nowhere"),
        Setting(
            key: "tls-certificate", kind: .path, standard: "",
            help:
                "file with a chain of certificates (PEM): everything then speaks TLS, but for addresses that begin with http://; "
                + "read again at SIGHUP"),
        Setting(key: "tls-key", kind: .path, standard: "", help: "file with the certificate's private key (PEM)"),
        Setting(
            key: "data", kind: .path, standard: "/var/lib/panal",
            help: "folder for the database, programs and results; made when it is not there"),
        Setting(
            key: "profiles", kind: .path, standard: "",
            help: "folder with the hardware profiles (*.yaml) and below it seccomp/*.json; "
                + "without it: Profiles in the present folder, else /usr/local/share/panal/Profiles"),
        Setting(
            key: "launcher", kind: .path, standard: "",
            help: "the privileged helper; without it: panal-launcher beside panald"),
        Setting(
            key: "user", kind: .text, standard: "panal",
            help: "system user that the service runs as once it has started"),
        Setting(
            key: "instance", kind: .text, standard: "panal",
            help: "name in cgroups; two services on one host need different ones (a-z, 0-9, -)"),
        Setting(
            key: "queue-limit", kind: .integer(1...1_000_000), standard: "1000",
            help: "jobs that may wait; the next one is refused"),
        Setting(
            key: "policy", kind: .word(SchedulingPolicy.named.map(\.name)), standard: "panal",
            help: "who comes next and where; ‘panal simulate’ compares them on a recorded load"),
        Setting(
            key: "usage-half-life", kind: .duration, standard: "7d",
            help: "after this time half of what somebody has used no longer counts against the next job"),
        Setting(
            key: "promotion", kind: .duration, standard: "1d",
            help: "a job that waits so long goes up into the next class of priority; 0s for never"),
        Setting(
            key: "user-cores", kind: .integer(0...1_000_000), standard: "0",
            help: "cores that one user may use at a time; 0 for all"),
        Setting(
            key: "user-jobs", kind: .integer(0...1_000_000), standard: "0",
            help: "jobs that one user may run at a time; 0 for any number"),
        Setting(
            key: "user-queue", kind: .integer(0...1_000_000), standard: "0",
            help: "jobs of one user that may wait; 0 for as many as the queue takes"),
        Setting(
            key: "credits", kind: .word(["off", "on"]), standard: "off",
            help:
                "on: a job is refused whose user has not the credit for the most that it may cost; off: use and cost are counted, "
                + "and nothing is refused. Prices stand in the profiles"),
        Setting(
            key: "budget-stop", kind: .word(CreditRules.BudgetStop.allCases.map(\.rawValue)), standard: "submissions",
            help:
                "what a monthly budget stops that is set lower than what is spent: ‘submissions’ only new jobs, ‘running’ also "
                + "those that run, the newest first"),
        Setting(
            key: "opportunistic-memory", kind: .bytes, standard: "0B",
            help:
                "memory for opportunistic jobs, which run on idle cores and stand still when these are needed; it is taken off "
                + "what other jobs get. Without it there are none"),
        Setting(
            key: "desk", kind: .boolean, standard: "false",
            help: "true where people work at this machine: opportunistic jobs stand still while somebody does"),
        Setting(
            key: "desk-departure", kind: .duration, standard: "30s",
            help: "for so long nobody has to work at the machine before opportunistic jobs go on"),
        Setting(
            key: "attempts", kind: .integer(1...100), standard: "3",
            help: "how often a job is begun that fails through Panal's own fault"),
        Setting(
            key: "on-stop", kind: .word(["end", "leave"]), standard: "end",
            help:
                "what a stop of the service does to running jobs: ‘end’ has them begin again at the next start, ‘leave’ lets them "
                + "go on meanwhile"),
        Setting(
            key: "deadline-queued", kind: .duration, standard: "2min",
            help: "a job may wait so long for a host that could take it"),
        Setting(key: "deadline-turn", kind: .duration, standard: "30d", help: "a job may wait so long for its turn"),
        Setting(
            key: "deadline-configuring", kind: .duration, standard: "30min", help: "files are to be together by then"),
        Setting(key: "deadline-deploying", kind: .duration, standard: "8min", help: "a cell is to stand by then"),
        Setting(
            key: "deadline-reconnecting", kind: .duration, standard: "10min",
            help: "cells go on so long without a server, and wait so long for the one that takes them up"),
        Setting(
            key: "deadline-finishing", kind: .duration, standard: "8min", help: "results are to be collected by then"),
        Setting(
            key: "webhook-networks", kind: .text, standard: "",
            help:
                "networks outside of the public internet that webhooks may be sent to, such as 10.1.0.0/16,fd00::/8; without it none"
        ),
        Setting(
            key: "rootfs-quota", kind: .bytes, standard: "0B",
            help: "bytes of images that a user who is no administrator may have; 0: none"),
        Setting(key: "max-upload", kind: .bytes, standard: "1GiB", help: "largest file that may be uploaded"),
        Setting(
            key: "reserved-cores", kind: .integer(0...4_096), standard: "0",
            help: "cores, lowest first, that no cell gets"),
        Setting(key: "reserved-memory", kind: .bytes, standard: "512MiB", help: "memory that is not promised to cells"),
        Setting(
            key: "cell-users", kind: .range, standard: "2000000000-2000008191",
            help: "user ids for cells; they must belong to nobody"),
        Setting(
            key: "secure-cookies", kind: .boolean, standard: "false",
            help: "true where browsers come by TLS through a proxy: cookies then never travel without it"),
        Setting(
            key: "demos", kind: .path, standard: "",
            help:
                "folders (A:B) of folders, each with manifest.json and a program; published for everybody when not there yet"
        ),
        Setting(
            key: "log-level", kind: .word(logLevels), standard: "info", help: "how much is logged to standard error"),
    ]

    /// Read before all others, since it says where some of them are.
    static let file = Setting(key: "config", kind: .path, standard: "", help: "file with settings (YAML), key: value")

    /// What `--help` prints.
    static var helpText: String {
        var lines = [
            "panald – the Panal service: runs published programs in sealed cells",
            "", "Usage: sudo panald [serve] [--setting VALUE …]", "       sudo \(BackupRun.usage)", "",
            "A setting is taken from its flag, else from its variable, else from the file, else it is the default.", "",
        ]
        for setting in [file] + all {
            lines.append("  \(setting.flag) \(setting.kind.placeholder)")
            lines.append("      \(setting.help)")
            let standard = setting.standard.isEmpty ? "" : "; default \(setting.standard)"
            lines.append("      variable \(setting.variable)\(standard)")
        }
        lines += ["  --help", "      this text"]
        return lines.joined(separator: "\n")
    }
}
