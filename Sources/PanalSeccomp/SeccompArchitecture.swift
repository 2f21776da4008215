import CLibseccomp
import Glibc

/// A kind of machine that policies are compiled for. Either can be compiled for on the other.
package enum SeccompArchitecture: String, Hashable, Sendable, CaseIterable {
    /// As Go, and so the policies of containers, call them.
    case x8664 = "amd64"
    case aarch64 = "arm64"

    /// The machine that this runs on.
    package static var native: SeccompArchitecture {
        #if arch(arm64)
        .aarch64
        #else
        .x8664
        #endif
    }

    /// AUDIT_ARCH_* of the kernel: what a filter finds in `seccomp_data.arch`, and libseccomp's token for the machine.
    package var token: UInt32 {
        switch self {
        case .x8664: 0xc000_003e
        case .aarch64: 0xc000_00b7
        }
    }

    /// OCI's name.
    package var name: String {
        switch self {
        case .x8664: "SCMP_ARCH_X86_64"
        case .aarch64: "SCMP_ARCH_AARCH64"
        }
    }

    /// Call numbers that belong to another machine although `arch` is this one's: x32 sets bit 30. Nil where there is no such
    /// entry. -1 is not among them: it is nobody's number, and what a tracer writes over one to have the call skipped.
    package var foreignNumbers: Range<UInt32>? {
        switch self {
        case .x8664: 0x4000_0000..<0xffff_ffff
        case .aarch64: nil
        }
    }

    /// What libseccomp knows of this machine's calls.
    var calls: SystemCallTable {
        switch self {
        case .x8664: Self.x8664Calls
        case .aarch64: Self.aarch64Calls
        }
    }

    private static let x8664Calls = SystemCallTable(.x8664)
    private static let aarch64Calls = SystemCallTable(.aarch64)
}

/// Names and numbers of one machine's system calls, as libseccomp has them.
struct SystemCallTable: Sendable {
    /// By number.
    let names: [UInt32: String]
    private let architecture: SeccompArchitecture

    /// Above every number that any kernel has given out; new ones are given one by one.
    private static let end: Int32 = 1_024

    init(_ architecture: SeccompArchitecture) {
        self.architecture = architecture
        var names: [UInt32: String] = [:]
        for number in 0..<Self.end {
            guard let name = unsafe seccomp_syscall_resolve_num_arch(architecture.token, number) else { continue }
            unsafe names[UInt32(number)] = String(cString: name)
            unsafe free(name)
        }
        self.names = names
    }

    enum Lookup: Hashable {
        case number(UInt32)
        /// Some other machine has it.
        case elsewhere
        case unknown
    }

    func lookup(_ name: String) -> Lookup {
        let number = unsafe seccomp_syscall_resolve_name_arch(architecture.token, name)
        if number == -1 { return .unknown }
        return number < 0 ? .elsewhere : .number(UInt32(number))
    }
}
