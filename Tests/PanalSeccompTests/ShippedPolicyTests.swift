import Foundation
import Testing

@testable import PanalSeccomp

/// One call, and what a policy has to answer.
struct CallCase: Sendable, CustomTestStringConvertible {
    var name: String
    var number: UInt32
    var arguments: [UInt64] = []
    var answer: UInt32
    var testDescription: String { name }

    static let allow: UInt32 = 0x7fff_0000
    static let kill: UInt32 = 0x8000_0000
    static func errno(_ number: Int32) -> UInt32 { 0x0005_0000 | UInt32(number) }
}

enum Shipped {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Profiles/seccomp")
        .standardizedFileURL.path(percentEncoded: false)

    static let names = ["default", "loopback", "strict"]

    /// For x86-64, whose numbers the tables here have.
    static func policy(_ name: String, architecture: SeccompArchitecture = .x8664) throws -> SeccompPolicy {
        let host = SeccompHost(architecture: architecture, kernel: (6, 1))
        return try SeccompPolicies.read(file: "\(folder)/\(name).json", name: name, host: host)
    }

    static func machine(_ name: String) throws -> BPFMachine { try #require(try compiled.get()[name]) }

    /// Compiled once for all the calls that are tried.
    private static let compiled = Result {
        try Dictionary(
            uniqueKeysWithValues: names.map { ($0, try BPFMachine(policy($0).compiled().instructions)) })
    }
}

extension BPFMachine {
    func answer(_ number: UInt32, architecture: UInt32 = 0xc000_003e, arguments: [UInt64] = []) -> UInt32 {
        answer(SeccompCall(number, architecture: architecture, arguments: arguments))
    }
}

@Suite("The policies that come with Panal")
struct ShippedPolicyTests {
    private static let denied = CallCase.errno(EPERM)
    private static let unknown = CallCase.errno(ENOSYS)
    private static let above: UInt64 = 1 << 32

    /// Numbers are x86-64's, from the kernel's table.
    static let defaults: [CallCase] = [
        CallCase(name: "read", number: 0, answer: CallCase.allow),
        CallCase(name: "execve", number: 59, answer: CallCase.allow),
        CallCase(name: "execveat", number: 322, answer: CallCase.allow),
        CallCase(name: "exit_group", number: 231, answer: CallCase.allow),
        CallCase(name: "sched_setaffinity", number: 203, answer: CallCase.allow),
        // New namespaces, by each way there is.
        CallCase(name: "clone of a thread", number: 56, arguments: [0x003d_0f00], answer: CallCase.allow),
        CallCase(name: "clone as fork makes it", number: 56, arguments: [0x0120_0011], answer: CallCase.allow),
        CallCase(name: "clone NEWUSER", number: 56, arguments: [0x1000_0011], answer: denied),
        CallCase(name: "clone NEWNS", number: 56, arguments: [0x0002_0011], answer: denied),
        CallCase(name: "clone NEWNET with high bits", number: 56, arguments: [above | 0x4000_0011], answer: denied),
        CallCase(name: "clone NEWCGROUP", number: 56, arguments: [0x0200_0011], answer: denied),
        CallCase(name: "clone3", number: 435, answer: unknown),
        CallCase(name: "unshare", number: 272, arguments: [0x1000_0000], answer: denied),
        CallCase(name: "setns", number: 308, answer: denied),
        // The mount family, old and new.
        CallCase(name: "mount", number: 165, answer: denied),
        CallCase(name: "umount2", number: 166, answer: denied),
        CallCase(name: "pivot_root", number: 155, answer: denied),
        CallCase(name: "chroot", number: 161, answer: denied),
        CallCase(name: "open_tree", number: 428, answer: denied),
        CallCase(name: "move_mount", number: 429, answer: denied),
        CallCase(name: "fsopen", number: 430, answer: denied),
        CallCase(name: "fsmount", number: 432, answer: denied),
        CallCase(name: "mount_setattr", number: 442, answer: denied),
        // Channels between runs.
        CallCase(name: "preadv2", number: 327, arguments: [3, 0, 1, 0, 0, 0], answer: CallCase.allow),
        CallCase(name: "preadv2 HIPRI", number: 327, arguments: [3, 0, 1, 0, 0, 1], answer: CallCase.allow),
        CallCase(name: "preadv2 NOWAIT", number: 327, arguments: [3, 0, 1, 0, 0, 8], answer: denied),
        CallCase(name: "preadv2 NOWAIT, high", number: 327, arguments: [3, 0, 1, 0, 0, above | 9], answer: denied),
        CallCase(name: "cachestat", number: 451, answer: denied),
        CallCase(name: "futex shared WAIT", number: 202, arguments: [0, 0], answer: CallCase.allow),
        CallCase(name: "add_key", number: 248, answer: denied),
        CallCase(name: "request_key", number: 249, answer: denied),
        CallCase(name: "keyctl", number: 250, answer: denied),
        CallCase(name: "inotify_init1", number: 294, answer: denied),
        CallCase(name: "fanotify_init", number: 300, answer: denied),
        CallCase(name: "mq_open", number: 240, answer: denied),
        CallCase(name: "fcntl F_GETFL", number: 72, arguments: [3, 3], answer: CallCase.allow),
        CallCase(name: "fcntl F_SETLK", number: 72, arguments: [3, 6], answer: CallCase.allow),
        CallCase(name: "fcntl F_GETLK", number: 72, arguments: [3, 5], answer: CallCase.allow),
        CallCase(name: "fcntl F_OFD_SETLK", number: 72, arguments: [3, 37], answer: denied),
        CallCase(name: "flock", number: 73, arguments: [3, 6], answer: CallCase.allow),
        CallCase(name: "fcntl F_SETLEASE", number: 72, arguments: [3, 1_024], answer: denied),
        CallCase(name: "fcntl F_SETLEASE with a high bit", number: 72, arguments: [3, above | 1_024], answer: denied),
        CallCase(name: "fcntl F_NOTIFY", number: 72, arguments: [3, 1_026], answer: denied),
        CallCase(name: "fcntl F_NOTIFY with a high bit", number: 72, arguments: [3, above | 1_026], answer: denied),
        CallCase(name: "sync", number: 162, answer: denied),
        CallCase(name: "syncfs", number: 306, answer: denied),
        // Interpreters and holes in the kernel.
        CallCase(name: "bpf", number: 321, answer: denied),
        CallCase(name: "perf_event_open", number: 298, answer: denied),
        CallCase(name: "io_uring_setup", number: 425, answer: denied),
        CallCase(name: "io_uring_enter", number: 426, answer: denied),
        CallCase(name: "io_uring_register", number: 427, answer: denied),
        CallCase(name: "userfaultfd", number: 323, answer: denied),
        CallCase(name: "vmsplice", number: 278, answer: denied),
        // Other processes.
        CallCase(name: "ptrace", number: 101, answer: denied),
        CallCase(name: "process_vm_readv", number: 310, answer: denied),
        CallCase(name: "process_vm_writev", number: 311, answer: denied),
        CallCase(name: "kcmp", number: 312, answer: denied),
        CallCase(name: "pidfd_getfd", number: 438, answer: denied),
        CallCase(name: "process_madvise", number: 440, answer: denied),
        // The host.
        CallCase(name: "kexec_load", number: 246, answer: denied),
        CallCase(name: "init_module", number: 175, answer: denied),
        CallCase(name: "finit_module", number: 313, answer: denied),
        CallCase(name: "delete_module", number: 176, answer: denied),
        CallCase(name: "open_by_handle_at", number: 304, answer: denied),
        CallCase(name: "name_to_handle_at", number: 303, answer: denied),
        CallCase(name: "quotactl", number: 179, answer: denied),
        CallCase(name: "acct", number: 163, answer: denied),
        CallCase(name: "swapon", number: 167, answer: denied),
        CallCase(name: "reboot", number: 169, answer: denied),
        CallCase(name: "settimeofday", number: 164, answer: denied),
        CallCase(name: "clock_settime", number: 227, answer: denied),
        CallCase(name: "sethostname", number: 170, answer: denied),
        CallCase(name: "syslog", number: 103, answer: denied),
        CallCase(name: "iopl", number: 172, answer: denied),
        CallCase(name: "modify_ldt", number: 154, answer: denied),
        // personality: 0x0040000 is ADDR_NO_RANDOMIZE.
        CallCase(name: "personality plain", number: 135, arguments: [0], answer: CallCase.allow),
        CallCase(name: "personality read", number: 135, arguments: [0xffff_ffff], answer: CallCase.allow),
        CallCase(name: "personality no ASLR", number: 135, arguments: [0x0004_0000], answer: denied),
        // Terminals.
        CallCase(name: "ioctl TCGETS", number: 16, arguments: [0, 0x5401], answer: CallCase.allow),
        CallCase(name: "ioctl TIOCSTI", number: 16, arguments: [0, 0x5412], answer: denied),
        CallCase(name: "ioctl TIOCSTI with a high bit", number: 16, arguments: [0, above | 0x5412], answer: denied),
        CallCase(
            name: "ioctl TIOCSTI, all high bits", number: 16, arguments: [0, 0xffff_ffff_0000_5412], answer: denied),
        CallCase(name: "ioctl TIOCLINUX", number: 16, arguments: [0, 0x541c], answer: denied),
        CallCase(name: "ioctl TIOCLINUX with a high bit", number: 16, arguments: [0, above | 0x541c], answer: denied),
        // Sockets: Unix 1, Internet 2 and 10, netlink 16, packet 17, crypto 38, vsock 40.
        CallCase(name: "socket Unix", number: 41, arguments: [1, 1, 0], answer: denied),
        CallCase(name: "socketpair Unix", number: 53, arguments: [1, 1, 0], answer: CallCase.allow),
        CallCase(name: "socket Internet", number: 41, arguments: [2, 1, 0], answer: denied),
        CallCase(name: "socket Internet 6", number: 41, arguments: [10, 1, 0], answer: denied),
        CallCase(name: "socket netlink", number: 41, arguments: [16, 3, 0], answer: denied),
        CallCase(name: "socket packet", number: 41, arguments: [17, 3, 0], answer: denied),
        CallCase(name: "socket crypto", number: 41, arguments: [38, 5, 0], answer: denied),
        CallCase(name: "socket vsock", number: 41, arguments: [40, 1, 0], answer: denied),
        CallCase(name: "socket Unix with a high bit", number: 41, arguments: [above | 1, 1, 0], answer: denied),
        CallCase(name: "sendto", number: 44, arguments: [3, 0, 1, 0x4000], answer: CallCase.allow),
        CallCase(name: "sendto an address", number: 44, arguments: [3, 0, 1, 0, 0x1000, 16], answer: denied),
        CallCase(
            name: "sendto an address, high", number: 44, arguments: [3, 0, 1, 0, 0x7fff_0000_0000, 16], answer: denied),
        CallCase(name: "bind", number: 49, answer: denied),
        CallCase(name: "connect", number: 42, answer: denied),
        CallCase(name: "setsockopt SO_PASSCRED", number: 54, arguments: [3, 1, 16], answer: denied),
        CallCase(name: "socketpair vsock", number: 53, arguments: [40, 1, 0], answer: denied),
        // What a program may change about itself.
        CallCase(name: "prctl PR_SET_NAME", number: 157, arguments: [15], answer: CallCase.allow),
        CallCase(name: "prctl PR_GET_SECCOMP", number: 157, arguments: [21], answer: CallCase.allow),
        CallCase(name: "prctl PR_SET_MM", number: 157, arguments: [35], answer: denied),
        CallCase(name: "prctl PR_SET_MEMORY_MERGE", number: 157, arguments: [67], answer: denied),
        CallCase(name: "prctl PR_CAP_AMBIENT", number: 157, arguments: [47], answer: denied),
        CallCase(name: "arch_prctl ARCH_SET_FS", number: 158, arguments: [0x1002], answer: CallCase.allow),
        CallCase(name: "arch_prctl ARCH_MAP_VDSO_64", number: 158, arguments: [0x2003], answer: denied),
        CallCase(name: "arch_prctl ARCH_SET_CPUID", number: 158, arguments: [0x1012], answer: denied),
        CallCase(name: "madvise MADV_DONTNEED", number: 28, arguments: [0, 0, 4], answer: CallCase.allow),
        CallCase(name: "madvise MADV_HUGEPAGE", number: 28, arguments: [0, 0, 14], answer: CallCase.allow),
        CallCase(name: "madvise MADV_MERGEABLE", number: 28, arguments: [0, 0, 12], answer: denied),
        CallCase(name: "madvise MADV_MERGEABLE, high", number: 28, arguments: [0, 0, above | 12], answer: denied),
        CallCase(name: "seccomp filter", number: 317, arguments: [1, 0], answer: denied),
        CallCase(name: "mmap MAP_HUGETLB", number: 9, arguments: [0, 0, 3, 0x40022], answer: denied),
        CallCase(name: "mmap", number: 9, arguments: [0, 0, 3, 0x20022], answer: CallCase.allow),
        CallCase(name: "memfd_create MFD_HUGETLB", number: 319, arguments: [0, 4], answer: denied),
        CallCase(name: "shmget SHM_HUGETLB", number: 29, arguments: [0, 0, 0o4600], answer: denied),
        CallCase(name: "shmget", number: 29, arguments: [0, 0, 0o1600], answer: CallCase.allow),
        CallCase(name: "seccomp listener", number: 317, arguments: [1, 8], answer: denied),
        CallCase(name: "sendto urgent", number: 44, arguments: [3, 0, 1, 0x4001], answer: denied),
        CallCase(name: "recvmsg urgent", number: 47, arguments: [3, 0, 1], answer: denied),
        // Nodes: a pipe, a character device, a block device.
        CallCase(name: "mknod pipe", number: 133, arguments: [0, 0o010_644], answer: CallCase.allow),
        CallCase(name: "mknod device", number: 133, arguments: [0, 0o020_644], answer: denied),
        CallCase(name: "mknodat device", number: 259, arguments: [0, 0, 0o060_644], answer: denied),
        // Numbers without a name: the gap, the first after libseccomp's last, the last before x32.
        CallCase(name: "335", number: 335, answer: unknown),
        CallCase(name: "423", number: 423, answer: unknown),
        CallCase(name: "1000", number: 1_000, answer: unknown),
        CallCase(name: "0x3fffffff", number: 0x3fff_ffff, answer: unknown),
        // x32: its bit, with a call that x86-64 is allowed and with its own numbers.
        CallCase(name: "x32 read", number: 0x4000_0000, answer: CallCase.kill),
        CallCase(name: "x32 execve", number: 0x4000_0208, answer: CallCase.kill),
        CallCase(name: "x32, highest", number: 0x7fff_ffff, answer: CallCase.kill),
        CallCase(name: "sign bit", number: 0x8000_0000, answer: CallCase.kill),
        CallCase(name: "-2", number: 0xffff_fffe, answer: CallCase.kill),
        CallCase(name: "-1", number: 0xffff_ffff, answer: unknown),
    ]

    @Test("default.json answers", arguments: defaults)
    func defaultPolicy(_ call: CallCase) throws {
        let answer = try Shipped.machine("default").answer(call.number, arguments: call.arguments)
        #expect(answer == call.answer, "\(call.name): \(String(answer, radix: 16))")
    }

    static let stricts: [CallCase] = [
        CallCase(name: "futex private WAIT", number: 202, arguments: [0, 128], answer: CallCase.allow),
        CallCase(name: "futex private WAKE", number: 202, arguments: [0, 129], answer: CallCase.allow),
        CallCase(name: "futex shared WAIT", number: 202, arguments: [0, 0], answer: denied),
        CallCase(name: "futex shared WAKE", number: 202, arguments: [0, 1], answer: denied),
        CallCase(name: "futex shared WAKE_BITSET", number: 202, arguments: [0, 0x10a], answer: denied),
        CallCase(name: "set_robust_list", number: 273, answer: unknown),
        CallCase(name: "write", number: 1, answer: CallCase.allow),
        CallCase(name: "mmap", number: 9, answer: CallCase.allow),
        CallCase(name: "execve", number: 59, answer: CallCase.allow),
        CallCase(name: "prctl PR_GET_SECCOMP", number: 157, arguments: [21], answer: CallCase.allow),
        CallCase(name: "prctl PR_SET_SECCOMP", number: 157, arguments: [22], answer: denied),
        CallCase(name: "mmap MAP_HUGETLB", number: 9, arguments: [0, 0, 3, 0x40022], answer: denied),
        CallCase(name: "madvise MADV_MERGEABLE", number: 28, arguments: [0, 0, 12], answer: denied),
        CallCase(name: "clone of a thread", number: 56, arguments: [0x003d_0f00], answer: denied),
        CallCase(name: "fork", number: 57, answer: denied),
        CallCase(name: "vfork", number: 58, answer: denied),
        CallCase(name: "clone3", number: 435, answer: denied),
        CallCase(name: "socketpair", number: 53, arguments: [1, 1, 0], answer: denied),
        CallCase(name: "pipe2", number: 293, answer: denied),
        CallCase(name: "flock", number: 73, answer: denied),
        CallCase(name: "fcntl F_SETLK", number: 72, arguments: [3, 6], answer: denied),
        CallCase(name: "shmget", number: 29, answer: denied),
        CallCase(name: "symlink", number: 88, answer: denied),
        CallCase(name: "unknown", number: 1_000, answer: unknown),
        CallCase(name: "x32 write", number: 0x4000_0001, answer: CallCase.kill),
    ]

    @Test("strict.json answers", arguments: stricts)
    func strictPolicy(_ call: CallCase) throws {
        let answer = try Shipped.machine("strict").answer(call.number, arguments: call.arguments)
        #expect(answer == call.answer, "\(call.name): \(String(answer, radix: 16))")
    }

    static let loopbacks: [CallCase] = [
        CallCase(name: "read", number: 0, answer: CallCase.allow),
        CallCase(name: "mount", number: 165, answer: denied),
        CallCase(name: "Unix", number: 41, arguments: [1, 0x80001, 0], answer: CallCase.allow),
        CallCase(name: "TCP", number: 41, arguments: [2, 1, 0], answer: CallCase.allow),
        CallCase(name: "TCP 6, named, not blocking", number: 41, arguments: [10, 0x80801, 6], answer: CallCase.allow),
        CallCase(name: "UDP 6", number: 41, arguments: [10, 2, 17], answer: CallCase.allow),
        CallCase(name: "ICMP", number: 41, arguments: [2, 2, 1], answer: denied),
        CallCase(name: "raw", number: 41, arguments: [2, 3, 255], answer: denied),
        CallCase(name: "SCTP", number: 41, arguments: [2, 1, 132], answer: denied),
        CallCase(name: "MPTCP", number: 41, arguments: [2, 1, 262], answer: denied),
        CallCase(name: "netlink", number: 41, arguments: [16, 3, 0], answer: denied),
        CallCase(name: "packet", number: 41, arguments: [17, 3, 0], answer: denied),
        CallCase(name: "crypto", number: 41, arguments: [38, 5, 0], answer: denied),
        CallCase(name: "vsock", number: 41, arguments: [40, 1, 0], answer: denied),
        CallCase(name: "bind", number: 49, answer: CallCase.allow),
        CallCase(name: "sendto an address", number: 44, arguments: [3, 0, 1, 0, 0x1000, 16], answer: CallCase.allow),
        CallCase(name: "sendto urgent", number: 44, arguments: [3, 0, 1, 1], answer: denied),
        CallCase(name: "SO_REUSEADDR", number: 54, arguments: [3, 1, 2], answer: CallCase.allow),
        CallCase(name: "TCP_NODELAY", number: 54, arguments: [3, 6, 1], answer: CallCase.allow),
        CallCase(name: "SO_ATTACH_FILTER", number: 54, arguments: [3, 1, 26], answer: denied),
        CallCase(name: "SO_ATTACH_BPF", number: 54, arguments: [3, 1, 50], answer: denied),
        CallCase(name: "SIOCGIFHWADDR", number: 16, arguments: [3, 0x8927], answer: CallCase.allow),
        CallCase(name: "SIOCSIFHWADDR", number: 16, arguments: [3, 0x8924], answer: denied),
        CallCase(name: "SIOCSIFFLAGS", number: 16, arguments: [3, 0x8914], answer: denied),
        CallCase(name: "TCP_ULP", number: 54, arguments: [3, 6, 31], answer: denied),
    ]

    @Test("loopback.json answers", arguments: loopbacks)
    func loopbackPolicy(_ call: CallCase) throws {
        let answer = try Shipped.machine("loopback").answer(call.number, arguments: call.arguments)
        #expect(answer == call.answer, "\(call.name): \(String(answer, radix: 16))")
    }

    @Test("Only the loopback policy makes sockets")
    func sockets() throws {
        let makers = try SeccompPolicies.load(folder: Shipped.folder).filter(\.makesSockets).map(\.name)
        #expect(makers == ["loopback"])
    }

    @Test("What a process does between its order and its program is permitted by each policy")
    func start() throws {
        #expect(try SeccompPolicies.load(folder: Shipped.folder).allSatisfy(\.permitsStart))
    }

    /// AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, nonsense: whatever the number, the program ends.
    @Test("Other architectures end the program", arguments: [0x4000_0003, 0xc000_00b7, 0] as [UInt32])
    func architectures(_ architecture: UInt32) throws {
        for name in Shipped.names {
            let machine = try Shipped.machine(name)
            for number: UInt32 in [0, 1, 11, 59, 335, 1_000, 0x4000_0000, .max] {
                #expect(machine.answer(number, architecture: architecture) == CallCase.kill)
            }
        }
    }

    @Test("All policies of the folder load, with nothing skipped and within the kernel's size")
    func folder() throws {
        let programs = try SeccompPolicies.load(folder: Shipped.folder)
        #expect(programs.map(\.name) == Shipped.names)
        for program in programs {
            #expect(program.skipped == [])
            #expect(program.instructions.count.isMultiple(of: 8))
            #expect((8...4_096 * 8).contains(program.instructions.count))
        }
    }

    @Test("Each rule of a shipped policy says why")
    func reasons() throws {
        for name in Shipped.names {
            let data = try Data(contentsOf: URL(filePath: "\(Shipped.folder)/\(name).json"))
            let document = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
            let rules = try #require(document["syscalls"] as? [[String: Any]])
            for rule in rules { #expect((rule["comment"] as? String)?.isEmpty == false, "\(rule["names"] ?? "")") }
        }
    }
}
