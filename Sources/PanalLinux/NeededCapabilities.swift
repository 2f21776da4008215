internal import CPanalSyscalls

/// What root must be able to do for its launcher to make, hold and end cells. A service manager or a container may have taken
/// some of it away.
package enum NeededCapabilities {
    /// Names and bit numbers of capabilities(7), each with what fails without it.
    package static let all: [(name: String, bit: UInt64, reason: String)] = [
        ("CAP_CHOWN", 0, "the work folder and the streams are given to the program's user"),
        ("CAP_DAC_OVERRIDE", 1, "the instance's groups are made, and result files of any mode are opened"),
        ("CAP_KILL", 5, "cells, which are other users' processes, are ended"),
        ("CAP_SETGID", 6, "the program's process leaves root's groups"),
        ("CAP_SETUID", 7, "the program's process becomes its own user"),
        ("CAP_SETPCAP", 8, "the bounding set is emptied"),
        ("CAP_SYS_CHROOT", 18, "the spawner enters a cell's mount namespace"),
        ("CAP_SYS_PTRACE", 19, "the spawner takes hold of that namespace"),
        ("CAP_SYS_ADMIN", 21, "namespaces and mounts are made"),
        ("CAP_SYS_NICE", 23, "a cell that was made in spare time becomes like any other process"),
        ("CAP_MKNOD", 27, "a cell's devices are made"),
    ]

    /// Those of which `effective`, one bit each, has none.
    package static func missing(from effective: UInt64) -> [String] {
        all.filter { effective & (1 << $0.bit) == 0 }.map(\.name)
    }

    /// Throws where the caller lacks one: a launcher without the right to end cells would start them all the same.
    package static func check() throws(StepFailure) {
        let step = "launcher.capabilities"
        var found: [UInt64] = [0, 0, 0]
        try StepFailure.naming(step) { () throws(SystemCallFailure) in
            try SystemCallFailure.check(unsafe panal_get_capabilities(&found), "capget")
        }
        let missing = missing(from: found[0])
        guard missing.isEmpty else {
            throw StepFailure(
                step: step,
                detail: "root lacks \(missing.joined(separator: ", ")) here; ‘panal doctor’ says what for", errno: 0)
        }
    }
}
