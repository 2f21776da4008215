internal import Glibc

/// What goes before the run's own filter in cells of an ordinary user: there init has the program's uid, and whoever has a
/// process's uid may change its limits. With a limit of processor time the kernel would end init, and the run would look like
/// Panal's failure.
enum InitGuard {
    #if arch(x86_64)
    private static let architecture: UInt32 = 0xC000_003E
    private static let prlimit: UInt32 = 302
    #else
    private static let architecture: UInt32 = 0xC000_00B7
    private static let prlimit: UInt32 = 261
    #endif

    /// `prlimit64` of any process but the caller, which is 0, fails with EPERM: by its number in the x32 table too, and by the
    /// lower half of its first argument, which is all that the kernel takes of a process's number. What is left goes on to the
    /// instruction behind these. Each is one of `struct sock_filter`'s.
    static let instructions: [UInt8] = [
        instruction(0x20, 4),  // the architecture
        instruction(0x15, architecture, no: 6),
        instruction(0x20, 0),  // the call
        instruction(0x54, ~0x4000_0000),
        instruction(0x15, prlimit, no: 3),
        instruction(0x20, 16),  // the first argument
        instruction(0x15, 0, yes: 1),
        instruction(0x06, 0x0005_0000 | UInt32(EPERM)),
    ].flatMap { $0 }

    private static func instruction(_ code: UInt16, _ value: UInt32, yes: UInt8 = 0, no: UInt8 = 0) -> [UInt8] {
        [UInt8(code & 0xFF), UInt8(code >> 8), yes, no] + (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
}
