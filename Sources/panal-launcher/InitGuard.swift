internal import Glibc

/// What goes before the run's own filter in cells of an ordinary user: there init has the program's uid, and whoever has a
/// process's uid may change its limits and how it is scheduled. With a limit of processor time the kernel would end init, and the run
/// would look like Panal's failure; an init without a turn would not end, and with it nothing that the program has left.
enum InitGuard {
    /// Numbers of calls.
    private struct Calls {
        var architecture: UInt32
        var prlimit: UInt32
        /// Those whose first argument is a process.
        var scheduling: [UInt32]
        var setpriority: UInt32
    }

    #if arch(x86_64)
    private static let calls = Calls(
        architecture: 0xC000_003E, prlimit: 302, scheduling: [142, 144, 203, 314], setpriority: 141)
    #else
    private static let calls = Calls(
        architecture: 0xC000_00B7, prlimit: 261, scheduling: [118, 119, 122, 274], setpriority: 140)
    #endif

    private enum Label { case limits, scheduling, priority, refuse, end }

    private struct Step {
        var code: UInt16
        var value: UInt32
        var yes: Label?
        var no: Label?
        var mark: Label?

        /// Loads 32 bits of `struct seccomp_data`.
        static func load(_ offset: UInt32, _ mark: Label? = nil) -> Step { Step(code: 0x20, value: offset, mark: mark) }
        static func compare(_ value: UInt32, yes: Label? = nil, no: Label? = nil) -> Step {
            Step(code: 0x15, value: value, yes: yes, no: no)
        }
    }

    /// These fail with EPERM, by their numbers in the x32 table too, and by the lower half of an argument, which is all that the kernel
    /// takes of a process's number: `prlimit64` of any process but the caller, which is 0; scheduling of process 1, which is init;
    /// `setpriority` of it, of all of a user or of a group. What is left goes on to the instruction behind these.
    private static let steps: [Step] =
        [
            .load(4), .compare(calls.architecture, no: .end), .load(0), Step(code: 0x54, value: ~0x4000_0000),
            .compare(calls.prlimit, yes: .limits),
        ] + calls.scheduling.map { .compare($0, yes: .scheduling) } + [
            .compare(calls.setpriority, yes: .priority, no: .end),
            .load(16, .limits), .compare(0, yes: .end, no: .refuse),
            .load(16, .scheduling), .compare(1, yes: .refuse, no: .end),
            .load(16, .priority), .compare(0, no: .refuse), .load(24), .compare(1, yes: .refuse, no: .end),
            Step(code: 0x06, value: 0x0005_0000 | UInt32(EPERM), mark: .refuse),
        ]

    /// Each is one of `struct sock_filter`'s.
    static let instructions: [UInt8] = steps.indices.flatMap { place in
        func distance(to label: Label?) -> UInt8 {
            guard let label else { return 0 }
            return UInt8((steps.firstIndex { $0.mark == label } ?? steps.count) - place - 1)
        }
        let step = steps[place]
        return [UInt8(step.code & 0xFF), UInt8(step.code >> 8), distance(to: step.yes), distance(to: step.no)]
            + (0..<4).map { UInt8(truncatingIfNeeded: step.value >> ($0 * 8)) }
    }
}
