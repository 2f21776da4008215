/// Words for the arguments that policies decide by, as the kernel's headers have them.
enum CallNames {
    /// What stands in the parentheses; nil where nothing of use is known.
    static func detail(of call: String, arguments: [UInt64]) -> String? {
        switch call {
        case "socket", "socketpair": return family(arguments[0])
        case "clone", "unshare": return flags(arguments[0], of: call)
        case "setns": return arguments[1] == 0 ? nil : flags(arguments[1], of: call)
        case "ioctl": return word(arguments[1], requests)
        case "fcntl": return word(arguments[1], commands)
        case "prctl": return word(arguments[0], options)
        case "madvise": return low(arguments[2]) == 12 ? "MADV_MERGEABLE" : "advice \(low(arguments[2]))"
        case "personality": return hexadecimal(arguments[0])
        case "setsockopt": return "level \(low(arguments[1])), option \(low(arguments[2]))"
        case "sendto", "recvfrom", "sendmmsg", "recvmmsg": return arguments[3] & 1 == 1 ? "MSG_OOB" : nil
        case "sendmsg", "recvmsg": return arguments[2] & 1 == 1 ? "MSG_OOB" : nil
        default: return nil
        }
    }

    /// Families that lead out of a machine or to another; Unix sockets do not.
    static let networkFamilies: Set<UInt64> = [2, 10, 16, 17, 40]

    private static let families: [UInt32: String] = [
        1: "AF_UNIX", 2: "AF_INET", 10: "AF_INET6", 16: "AF_NETLINK", 17: "AF_PACKET", 29: "AF_CAN", 31: "AF_BLUETOOTH",
        38: "AF_ALG", 40: "AF_VSOCK", 44: "AF_XDP",
    ]

    private static let requests: [UInt32: String] = [
        0x5412: "TIOCSTI", 0x541c: "TIOCLINUX", 0x540e: "TIOCSCTTY", 0x5422: "TIOCNOTTY", 0x5414: "TIOCSWINSZ",
        0x4004_9409: "FICLONE",
    ]

    private static let commands: [UInt32: String] = [
        5: "F_GETLK", 8: "F_SETOWN", 10: "F_SETSIG", 15: "F_SETOWN_EX", 36: "F_OFD_GETLK", 37: "F_OFD_SETLK",
        38: "F_OFD_SETLKW", 1_024: "F_SETLEASE", 1_025: "F_GETLEASE", 1_026: "F_NOTIFY", 1_031: "F_SETPIPE_SZ",
    ]

    private static let options: [UInt32: String] = [
        8: "PR_SET_KEEPCAPS", 24: "PR_CAPBSET_DROP", 28: "PR_SET_SECUREBITS", 35: "PR_SET_MM", 47: "PR_CAP_AMBIENT",
        53: "PR_SET_SPECULATION_CTRL", 59: "PR_SET_SYSCALL_USER_DISPATCH", 62: "PR_SCHED_CORE",
        67: "PR_SET_MEMORY_MERGE", 0x5961_6d61: "PR_SET_PTRACER",
    ]

    private static let namespaces: [(UInt32, String)] = [
        (0x0002_0000, "CLONE_NEWNS"), (0x0200_0000, "CLONE_NEWCGROUP"), (0x0400_0000, "CLONE_NEWUTS"),
        (0x0800_0000, "CLONE_NEWIPC"), (0x1000_0000, "CLONE_NEWUSER"), (0x2000_0000, "CLONE_NEWPID"),
        (0x4000_0000, "CLONE_NEWNET"),
    ]

    private static func family(_ value: UInt64) -> String { families[low(value)] ?? "family \(low(value))" }

    private static func word(_ value: UInt64, _ names: [UInt32: String]) -> String {
        names[low(value)] ?? hexadecimal(UInt64(low(value)))
    }

    private static func flags(_ value: UInt64, of call: String) -> String? {
        var found = namespaces.filter { low(value) & $0.0 != 0 }.map(\.1)
        // In clone these bits are the signal at the child's end.
        if call != "clone", low(value) & 0x80 != 0 { found.append("CLONE_NEWTIME") }
        return found.isEmpty ? nil : found.joined(separator: "|")
    }

    private static func low(_ value: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: value) }

    private static func hexadecimal(_ value: UInt64) -> String { "0x\(String(value, radix: 16))" }
}
