import Foundation
import Glibc
import Testing

@testable import PanalDoctor

@Suite struct ReadingTests {
    @Test func whatEveryHostHas() throws {
        let host = try FixtureHost.usual([
            "/proc/self/mountinfo": """
            23 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
            24 23 0:20 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw
            """,
            "/proc/self/cgroup": "0::/", "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory hugetlb pids",
            "/proc/swaps": "Filename Type Size Used Priority\n/dev/sda2 partition 2000000 1024 -2",
            "/sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "powersave",
            "/sys/devices/system/cpu/cpufreq/policy1/scaling_governor": "powersave",
            "/sys/devices/system/cpu/cpufreq/boost": "1",
            "/sys/devices/system/cpu/vulnerabilities/mds": "Vulnerable; SMT vulnerable",
            "/sys/devices/system/cpu/vulnerabilities/meltdown": "Not affected",
            "/sys/devices/system/node/node0/x": "", "/sys/devices/system/node/node1/x": "",
            "/sys/devices/cpu_atom/x": "", "/sys/devices/cpu_core/x": "",
            "/etc/passwd": "root:x:0:0::/root:/bin/sh\nada:x:2000000005:1::/:/bin/sh\nbob:x:1000:1::/:/bin/sh",
            "/etc/subuid": "bob:100000:65536\neve:1999999999:65536\nzoe:2000008192:10",
        ])
        let facts = host.facts()
        #expect(facts[.release] == "6.1.0-28-amd64")
        #expect(facts[.boost] == "1")
        #expect(facts[.intelTurboOff] == nil)
        #expect(facts.user.id == 0 && facts.user.groups == [0, 27] && facts.user.parent == 4_711)
        #expect(facts.user.capabilities == 0x1ff_ffff_ffff)
        #expect(facts.namespaces == ["mnt", "net", "ipc", "uts", "cgroup", "pid", "user"])
        #expect(facts.enclosing == [])
        #expect(facts.fileSystems == ["tmpfs", "proc", "ext4"])
        #expect(facts.swap.areas == ["/dev/sda2"] && facts.swap.used == 1 << 20)
        #expect(facts.swap.availableMemory == 3_000_000 << 10)
        #expect(facts.processor.governors == ["powersave": ["policy0", "policy1"]])
        #expect(facts.processor.open == ["mds": "Vulnerable; SMT vulnerable"])
        #expect(facts.processor.nodes == 2 && facts.processor.hasUnlikeCores)
        // 1,000 of the 10,000 ticks that were used.
        #expect(facts.processor.stolen == 0.1)
        #expect(facts.openFiles == 524_288 && facts.ownProcesses == 15_001)
        #expect(facts.shortLimits == ["stack size", "pending signals"])
        #expect(facts.strangersInCellUsers == ["ada in /etc/passwd", "eve in /etc/subuid"])
        #expect(facts.tools == ["/usr/sbin/ldconfig", "/usr/bin/unshare"])
        #expect(facts.data.standing == "/var/lib" && facts.data.fileSystem == "ext4" && !facts.data.isReadOnly)
        #expect(facts.data.space != nil)
    }

    @Test func aContainerShowsByItsNamespaces() throws {
        let host = try FixtureHost(
            [:], links: ["/proc/self/ns/pid": "pid:[4026532500]", "/proc/self/ns/user": "user:[4026531837]"])
        #expect(host.facts().enclosing == ["pid"])
    }

    /// A host of nothing is judged, not crashed on.
    @Test func nothingAtAll() throws {
        let diagnosis = Diagnosis(try FixtureHost([:]).facts(), modes: [.root, .rootless])
        #expect(diagnosis.exitCode == 1)
        let failed = diagnosis.findings.filter { $0.verdict == .fail }.map(\.id)
        for id in ["kernel.version", "kernel.namespaces", "kernel.seccomp", "cgroup.controllers", "tools.ldconfig"] {
            #expect(failed.contains(id))
        }
    }

    private static let v1 = ["cpu,cpuacct", "cpuset", "memory", "pids"]

    @Test func theHybridLayout() throws {
        var files = [
            "/proc/self/mountinfo": Self.v1.enumerated().map {
                "3\($0.offset) 1 0:3\($0.offset) / /sys/fs/cgroup/\($0.element) rw - cgroup cgroup rw,\($0.element)"
            }.joined(separator: "\n") + "\n41 1 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
            "/proc/self/cgroup": "5:memory:/user/a\n4:cpu,cpuacct:/user/a\n3:cpuset:/\n2:pids:/user/a\n0::/",
            "/sys/fs/cgroup/unified/cgroup.controllers": "hugetlb",
            "/sys/fs/cgroup/cpuset/cgroup.procs": "", "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1",
        ]
        for name in ["cpu,cpuacct", "memory", "pids"] { files["/sys/fs/cgroup/\(name)/user/a/cgroup.procs"] = "" }
        let host = try FixtureHost.usual(files, user: 1_000)
        let facts = host.facts()
        #expect(facts.cgroups.layout == .hybrid && facts.cgroups.missing == [])
        #expect(facts.cgroups.limitsSwap == false && facts.cgroups.limitsProcessorTime == true)
        #expect(facts.cgroups.own.map(\.path).contains("/sys/fs/cgroup/cpu,cpuacct/user/a"))
        #expect(facts.cgroups.own.contains { $0.controllers == ["cpuset"] && $0.path == "/sys/fs/cgroup/cpuset" })
        // Whoever runs this test owns them, and that is not user 1000.
        #expect(facts.cgroups.own.allSatisfy { !$0.isWritable })
        for path in facts.cgroups.own.map(\.path).flatMap({ [$0, "\($0)/cgroup.procs"] }) {
            try #require(chmod(host.place(path), 0o777) == 0)
        }
        #expect(host.facts().cgroups.own.allSatisfy { $0.isWritable })

        #expect(facts.cgroups.limitsReading == false && facts.cgroups.reading == nil)
        let mounted = try host.text("/proc/self/mountinfo")
        try host.write("/proc/self/mountinfo", mounted + "42 1 0:39 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio")
        try host.write("/sys/fs/cgroup/blkio/blkio.throttle.read_bps_device", "")
        #expect(host.facts().cgroups.limitsReading == true)
        #expect(host.facts().cgroups.reading?.path == "/sys/fs/cgroup/blkio")
        #expect(host.facts().cgroups.reading?.isWritable == false)
        try host.write("/proc/self/mountinfo", mounted)
        try host.write("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", "1")
        #expect(host.facts().cgroups.limitsSwap == true)
        let mounts = try host.text("/proc/self/mountinfo").replacing("cgroup/pids rw", with: "cgroup/pids ro")
        try host.write("/proc/self/mountinfo", mounts)
        #expect(host.facts().cgroups.readOnly == ["/sys/fs/cgroup/pids"])
        try host.write("/proc/self/mountinfo", mounts.replacing("rw,pids", with: "rw,net_cls"))
        #expect(host.facts().cgroups.layout == .none && host.facts().cgroups.missing == ["pids"])
    }

    @Test func theUnifiedLayoutOfASignedInUser() throws {
        let session = "/sys/fs/cgroup/user.slice/user-1000.slice/session-3.scope"
        let host = try FixtureHost.usual(
            [
                "/proc/self/mountinfo": """
                23 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
                24 23 0:20 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
                25 23 0:21 / /var/lib ro - nfs4 server:/x rw
                """,
                "/proc/self/cgroup": "0::/user.slice/user-1000.slice/session-3.scope",
                "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids",
                "\(session)/cgroup.procs": "", "\(session)/cgroup.subtree_control": "",
                "\(session)/cgroup.controllers": "cpu memory pids", "\(session)/memory.max": "max",
                "\(session)/memory.swap.max": "max", "\(session)/cpu.weight": "100",
                "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/cgroup.controllers": "cpu memory pids",
                "/run/systemd/system/x": "",
            ], user: 1_000)
        let facts = host.facts()
        #expect(facts.cgroups.layout == .unified && facts.cgroups.missing == [])
        #expect(facts.cgroups.own.map(\.path) == [session] && facts.cgroups.own[0].isWritable == false)
        #expect(facts.cgroups.managed == ["cpu", "memory", "pids"] && facts.cgroups.hasSystemd)
        #expect(facts.cgroups.limitsSwap == true && facts.cgroups.limitsProcessorTime == false)
        #expect(facts.cgroups.limitsReading == nil)
        try host.write("\(session)/io.stat", "")
        #expect(host.facts().cgroups.limitsReading == false)
        try host.write("\(session)/io.max", "")
        #expect(host.facts().cgroups.limitsReading == true)
        #expect(facts.data.fileSystem == "nfs4" && facts.data.isReadOnly)
        let finding = Diagnosis(facts, modes: [.rootless]).findings.first { $0.id == "cgroup.delegation" }
        #expect(finding?.verdict == .fail && finding?.found.hasSuffix("has no cpuset") == true)

        try host.write("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io pids")
        #expect(host.facts().cgroups.missing == ["memory"])
    }

    @Test func mountPathsWithBlanks() throws {
        let entry = try #require(MountEntry("24 23 0:20 / /a\\040b\\x rw - ext4 /dev/x rw,noatime"))
        #expect(entry.path == "/a b\\x" && !entry.isReadOnly)
        #expect(MountEntry("24 23 0:20 / /a rw - ext4 /dev/x ro,noatime")?.isReadOnly == true)
        #expect(MountEntry("nonsense") == nil)
    }

    /// This host itself.
    @Test func aLiveHost() throws {
        var name = utsname()
        try #require(uname(&name) == 0)
        let release = withUnsafeBytes(of: name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        var facts = HostFacts.read(
            from: .thisHost, dataFolder: "/var/lib/panal", cellUsers: 2_000_000_000..<2_000_008_192)
        facts.userNamespaceTrial = HostProcess.tryUserNamespace(facts)
        #expect(facts[.release] == release)
        #expect(facts.user.id == geteuid() && facts.user.parent == Int(getppid()))
        #expect(facts.namespaces.isSuperset(of: ["mnt", "pid"]))
        #expect(facts.userNamespaceTrial != .notTried("not tried"))
        var limits = rlimit()
        try #require(getrlimit(__rlimit_resource_t(7), &limits) == 0)
        #expect(facts.openFiles == (limits.rlim_max == .max ? nil : Int(limits.rlim_max)))
        let diagnosis = Diagnosis(facts, modes: [.root, .rootless])
        #expect(diagnosis.findings.count == Check.all.count)
        // The other tests start cells on this host, so it has what a cell needs.
        for id in ["kernel.version", "kernel.namespaces", "kernel.seccomp", "cgroup.controllers", "cgroup.writable"] {
            #expect(diagnosis.findings.first { $0.id == id }?.verdict != .fail, "\(id)")
        }
    }
}
