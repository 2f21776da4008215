import Foundation
import Glibc

/// One system call of a launcher's processes, and what is made of it. `panal-fault` knows the roles.
struct FaultSite: Hashable, CustomStringConvertible {
    var role: Int
    var call: String
    /// Which of the role's calls of this name.
    var count: Int
    /// A negative errno, or `lie`: success without effect.
    var answer: String

    var description: String {
        "\(["launcher", "maker", "spawner", "init", "program"][min(role, 4)]) \(call) #\(count) = \(answer)"
    }

    /// EPERM; EINVAL, which some calls say where there is nothing more to do; EAGAIN and ENOMEM, which some callers try again.
    private static let answers = ["-1", "lie", "-22", "-11", "-12"]

    /// Not set-up: memory, time and the end of a process, and `close`, which never leaves anything open.
    private static let others: Set<String> = [
        "arch_prctl", "brk", "clock_gettime", "clock_nanosleep", "close", "exit", "exit_group", "futex", "getrandom",
        "madvise", "mmap", "mprotect", "mremap", "munmap", "restart_syscall", "rseq", "rt_sigreturn",
        "set_robust_list", "set_tid_address", "?",
    ]

    /// Calls that answer with something new, of which there can be no success without effect; and messages, which a kernel that
    /// has taken them has taken.
    private static let honest: Set<String> = [
        "clone", "clone3", "dup2", "dup3", "eventfd2", "execve", "fcntl", "fork", "fsmount", "fsopen", "memfd_create",
        "open", "open_tree", "openat", "openat2", "pipe2", "recvfrom", "recvmsg", "rmdir", "sendmsg", "sendto",
        "socket",
        "socketpair", "vfork", "wait4",
    ]

    /// What the launcher writes into the root that cells see, where a link or a folder that is missing protects from nothing.
    private static let contents: Set<String> = ["access", "mkdir", "mknodat", "readlink", "symlink"]

    private static func isHonest(_ role: Int, _ call: String) -> Bool {
        honest.contains(call) || role == 0 && contents.contains(call)
    }

    /// Every site out of the lines of a listing, in an order in which each beginning is spread over all of them; half of each
    /// beginning is of the processes that are nearest to a program. `seed` chooses the order, which a call more or less
    /// in the listing does not change for the others: what a short run has tried, the next one tries too.
    static func all(listing: String, seed: UInt64) -> [FaultSite] {
        var near: [FaultSite] = []
        var far: [FaultSite] = []
        for line in Set(listing.split(separator: "\n")) {
            let words = line.split(separator: " ").map(String.init)
            guard words.count == 3, let role = Int(words[0]), let count = Int(words[2]), role <= 4,
                !others.contains(words[1]), role > 0 || words[1] != "execve"
            else { continue }
            for answer in answers where answer != "lie" || !isHonest(role, words[1]) {
                let site = FaultSite(role: role, call: words[1], count: count, answer: answer)
                if role > 1 { near.append(site) } else { far.append(site) }
            }
        }
        let spread = [near, far].map { sites in
            sites.map { (place: $0.place(seed: seed), site: $0) }.sorted { $0.place < $1.place }.map(\.site)
        }
        return (0..<max(near.count, far.count)).flatMap { index in
            spread.flatMap { index < $0.count ? [$0[index]] : [] }
        }
    }

    /// FNV-1a, and a step that carries the last characters into the high bits.
    private func place(seed: UInt64) -> UInt64 {
        let sum = description.utf8.reduce(0xcbf2_9ce4_8422_2325 ^ seed) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return (sum ^ sum >> 29) &* 0xbf58_476d_1ce4_e5b9
    }
}

/// What a program finds in its cell and what the host says of it, made comparable from run to run.
struct Protection: Equatable {
    var inside = ""
    var outside = ""

    /// Waits at its end until the test has looked from outside.
    static let probe = """
        cat /proc/self/status /proc/self/limits /proc/self/cgroup /proc/self/mountinfo /proc/self/net/dev
        ls -n / /dev /tmp /work; ls /proc/self/fd /proc/1 2>&1; id; env; umask; pwd; hostname
        cat /proc/self/oom_score_adj; echo x > /work/x; echo x > /usr/x; echo x > /x
        read line; echo end
        """

    private static let kept = [
        "Umask", "Uid", "Gid", "Groups", "NSpid", "NSsid", "SigBlk", "SigIgn", "CapInh", "CapPrm", "CapEff", "CapBnd",
        "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters", "Cpus_allowed_list",
    ]

    /// The lines of the probe that do not change from run to run.
    static func normal(_ output: String) -> String {
        output.split(separator: "\n").compactMap { line -> String? in
            let line = line.replacing(/20000\d{5}/, with: "UID").replacing(/\d\d:\d\d|\d{4}-\d\d-\d\d/, with: "")
                .replacing(/\ +/, with: " ")
            if let name = line.split(separator: ":\t").first, line.contains(":\t"), !name.contains("/") {
                return kept.contains(String(name)) ? String(line) : nil
            }
            if let mount = line.wholeMatch(of: /\d+ \d+ \d+: ?\d* ?(.*)/) {
                // The name of the scratch's source, and the mode of its root, which nobody sees.
                return String(mount.1.replacing(" none rw,", with: " panal rw,").replacing(/,mode=\d+/, with: ""))
            }
            // The number of links counts the host's processes; what is counted of packets is none.
            return String(line.replacing(/^(d[rwxst-]+) \d+/) { "\($0.1)" })
        }.joined(separator: "\n")
    }

    /// Of the program whose command line holds `token`: init's and its own namespaces, rights and groups.
    static func outside(_ token: String, instance: String) -> String {
        guard
            let program = HostProcess.all.first(where: { process in
                process.text("cmdline").hasSuffix("\u{0}\(token)\u{0}") && process.parent?.field("NSpid").last == "1"
            }), let parent = program.parent
        else { return "no program" }
        let host = HostProcess(id: getpid())
        var lines: [String] = []
        for space in ["mnt", "pid", "net", "ipc", "uts", "cgroup"] {
            if program.link("ns/\(space)") == host.link("ns/\(space)") { lines.append("the host's \(space) namespace") }
        }
        for name in ["NoNewPrivs", "Seccomp", "CapPrm", "CapEff", "CapBnd", "Groups"] {
            lines.append("\(name) \(parent.field(name)) \(program.field(name))")
        }
        lines.append("init shares the program's user: \(parent.field("Uid") == program.field("Uid"))")
        let roots = CellHarness.place.map { "/\($0.name)" } ?? ""
        for line in program.text("cgroup").split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
            let group = parts[2].replacing("\(roots)/panal-\(instance)", with: "INSTANCE")
                .replacing(/(slot|cell)-[0-9-]+$/) { "\($0.1)" }
            lines.append("\(parts[1]) \(group)")
            for mount in [parts[1], "unified", ""] where group.hasPrefix("INSTANCE") {
                for file in limits {
                    let path = "/sys/fs/cgroup/\(mount)\(parts[2])/\(file)"
                    if let value = try? String(contentsOfFile: path, encoding: .utf8) {
                        lines.append("\(file) \(value)")
                    }
                }
            }
        }
        return lines.joined(separator: "\n")
    }

    private static let limits = [
        "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.swappiness", "pids.max", "cpu.cfs_quota_us",
        "cpu.cfs_period_us", "cpuset.cpus", "cpuset.mems", "memory.max", "memory.swap.max", "memory.oom.group",
        "cpu.max",
    ]
}
