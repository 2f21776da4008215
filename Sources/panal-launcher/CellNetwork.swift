internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// The network of one run. The slot's own namespace has no interface up, and one run after another may be in it, since without
/// sockets nothing can be left there: names of Unix sockets, ports and routes live in the namespace. Where the filter lets
/// sockets be made, or the run is to have a loopback, the program's process takes a fresh one, still root in the cell.
enum CellNetwork {
    static func enter(_ network: RunRequest.Network, makesSockets: Bool) throws(StepFailure) {
        guard makesSockets || network != .none else { return }
        let before = try namespace()
        try StepFailure.naming("network.namespace") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(panal_unshare(panal_clone_newnet()), "unshare(CLONE_NEWNET)")
        }
        guard try namespace() != before else {
            throw .mismatch("network.namespace", "the program's network namespace is still the slot's")
        }
        let isUp = network == .loopback
        if isUp {
            try StepFailure.naming("network.loopback") { () throws(SystemCallFailure) in
                try SystemCallFailure.check(
                    unsafe panal_set_interface_flags("lo", Int32(IFF_UP)), "ioctl(SIOCSIFFLAGS)")
            }
        }
        let flags = try StepFailure.naming("read-back.network") { () throws(SystemCallFailure) in
            try SystemCallFailure.check(unsafe panal_interface_flags("lo"), "ioctl(SIOCGIFFLAGS)")
        }
        guard (flags & Int32(IFF_UP) != 0) == isUp else {
            throw .mismatch("read-back.network", "the loopback is \(isUp ? "not " : "")up (flags \(flags))")
        }
    }

    /// The number by which the kernel tells network namespaces apart.
    private static func namespace() throws(StepFailure) -> UInt64 {
        var found = stat()
        try StepFailure.naming("network.namespace") { () throws(SystemCallFailure) in
            try SystemCallFailure.checkErrno(unsafe stat("/proc/self/ns/net", &found), "stat(/proc/self/ns/net)")
        }
        return UInt64(found.st_ino)
    }
}
