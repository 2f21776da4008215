import Foundation

@testable import PanalDoctor

/// A folder that stands for a host, removed when nobody has it any more.
final class FixtureHost {
    private let folder: URL

    var tree: HostTree { HostTree(root: folder.path) }

    init(_ files: [String: String], links: [String: String] = [:]) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("panal-doctor-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (path, text) in files { try write(path, text) }
        for (path, target) in links {
            try makeParent(of: path)
            try FileManager.default.createSymbolicLink(atPath: place(path), withDestinationPath: target)
        }
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func write(_ path: String, _ text: String) throws {
        try makeParent(of: path)
        try (text + "\n").write(toFile: place(path), atomically: false, encoding: .utf8)
    }

    func text(_ path: String) throws -> String {
        try String(contentsOfFile: place(path), encoding: .utf8)
    }

    func place(_ path: String) -> String { folder.path + path }

    private func makeParent(of path: String) throws {
        let parent = URL(fileURLWithPath: place(path)).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
    }

    /// What every host has; single files may be given anew.
    static func usual(_ other: [String: String] = [:], user: UInt32 = 0) throws -> FixtureHost {
        let files = [
            "/proc/sys/kernel/osrelease": "6.1.0-28-amd64", "/proc/cmdline": "quiet",
            "/proc/sys/kernel/seccomp/actions_avail": "kill_process kill_thread trap errno user_notif trace log allow",
            "/proc/pressure/cpu": "some avg10=0.00", "/proc/swaps": "Filename Type Size Used Priority",
            "/proc/meminfo": "MemTotal: 4000000 kB\nMemAvailable:    3000000 kB",
            "/proc/filesystems": "nodev\ttmpfs\nnodev\tproc\n\text4",
            "/proc/self/limits": """
            Limit                     Soft Limit           Hard Limit           Units
            Max processes             15000                15001                processes
            Max open files            1024                 524288               files
            Max stack size            8388608              8388608              bytes
            Max locked memory         65536                65536                bytes
            Max pending signals       500                  1023                 signals
            Max cpu time              unlimited            unlimited            seconds
            """,
            "/proc/self/status": """
            Name:\tpanal
            PPid:\t4711
            Uid:\t\(user)\t\(user)\t\(user)\t\(user)
            Gid:\t\(user)\t\(user)\t\(user)\t\(user)
            Groups:\t\(user) 27
            CapEff:\t\(user == 0 ? "000001ffffffffff" : "0000000000000000")
            Seccomp:\t0
            """,
            "/proc/stat": "cpu  6000 0 2000 100000 500 0 1000 1000 0 0",
            "/proc/sys/kernel/core_pattern": "core", "/proc/sys/kernel/randomize_va_space": "2",
            "/etc/passwd": "root:x:0:0:root:/root:/bin/bash", "/usr/sbin/ldconfig": "", "/usr/bin/unshare": "",
            "/var/lib/there": "",
        ]
        let spaces = ["mnt", "net", "ipc", "uts"].map { ("/proc/self/ns/\($0)", "\($0):[4026531000]") }
        let initial = [
            ("/proc/self/ns/cgroup", "cgroup:[4026531835]"), ("/proc/self/ns/pid", "pid:[4026531836]"),
            ("/proc/self/ns/user", "user:[4026531837]"),
        ]
        return try FixtureHost(
            files.merging(other) { $1 }, links: Dictionary(uniqueKeysWithValues: spaces + initial))
    }

    func facts(data: String = "/var/lib/panal") -> HostFacts {
        HostFacts.read(from: tree, dataFolder: data, cellUsers: 2_000_000_000..<2_000_008_192)
    }
}

extension HostFacts {
    /// Facts on which every check passes, for root.
    static var sound: HostFacts {
        var facts = HostFacts()
        facts.settings = [
            .release: "6.1.0-28-amd64",
            .seccompActions: "kill_process kill_thread trap errno user_notif trace log allow",
            .cpuPressure: "some avg10=0.00", .corePattern: "core", .addressRandomisation: "2", .clockSource: "tsc",
            .dumpable: "0", .mostProcesses: "4194304", .openFiles: "1000\t0\t2000000",
            .hugePages: "always [madvise] never",
        ]
        facts.user.capabilities = .max
        facts.user.parent = 4_711
        facts.cgroups.layout = .unified
        facts.cgroups.hasSystemd = true
        facts.cgroups.limitsSwap = true
        facts.cgroups.limitsProcessorTime = true
        facts.cgroups.limitsReading = true
        facts.cgroups.own = [
            OwnGroup(
                path: "/sys/fs/cgroup/a", controllers: ["cpu", "cpuset", "io", "memory", "pids"], isWritable: true)
        ]
        facts.namespaces = ["mnt", "pid", "net", "ipc", "uts", "cgroup", "user"]
        facts.fileSystems = ["tmpfs", "proc", "ext4"]
        facts.data.path = "/var/lib/panal"
        facts.data.standing = "/var/lib"
        facts.data.fileSystem = "ext4"
        facts.data.space = DiskSpace(freeBytes: 50 << 30, freeFiles: 1_000_000)
        facts.tools = Set(wantedTools)
        facts.cellUsers = 2_000_000_000..<2_000_008_192
        facts.userNamespaceTrial = .worked
        facts.launcher = "/usr/local/bin/panal-launcher"
        facts.openFiles = 524_288
        return facts
    }

    /// The same for an ordinary user.
    static var soundRootless: HostFacts {
        var facts = sound
        facts.user.id = 1_000
        facts.user.groups = [1_000]
        facts.user.capabilities = 0
        return facts
    }
}
