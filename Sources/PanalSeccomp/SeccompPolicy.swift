/// What the kernel answers to a system call. Actions that need a helper process (trace, notify) are not offered to policies.
package enum SeccompAction: Hashable, Sendable {
    case allow
    /// Allowed, and written to the audit log.
    case log
    /// Refused with this `errno`, 1 to 4095.
    case errno(UInt16)
    /// SIGSYS, which the program may catch.
    case trap
    case killThread
    case killProcess

    /// Whether the call is carried out.
    package var permits: Bool { self == .allow || self == .log }
}

/// A comparison of one argument with constants, as OCI's runtime specification names them. All compare 64 bits, unsigned.
package enum SeccompOperator: String, Hashable, Sendable, CaseIterable {
    case notEqual = "SCMP_CMP_NE"
    case less = "SCMP_CMP_LT"
    case lessOrEqual = "SCMP_CMP_LE"
    case equal = "SCMP_CMP_EQ"
    case greaterOrEqual = "SCMP_CMP_GE"
    case greater = "SCMP_CMP_GT"
    /// `argument & value == valueTwo`
    case maskedEqual = "SCMP_CMP_MASKED_EQ"
}

package struct SeccompCondition: Hashable, Sendable {
    /// Which argument, 0 to 5.
    package var index: UInt32
    package var comparison: SeccompOperator
    package var value: UInt64
    /// Read by `maskedEqual` only.
    package var valueTwo: UInt64
}

/// One entry of `syscalls`: what is done with these calls when all conditions hold.
package struct SeccompRule: Hashable, Sendable {
    package var names: [String]
    package var action: SeccompAction
    package var conditions: [SeccompCondition]
    /// Where the rule stands in its document.
    package var pointer: String
    /// The rule's `comment`: why it is there. Empty when it has none.
    package var comment: String
}

/// Why calls are left out of a policy: an entry of `refused`. It decides nothing; `SeccompJudge` quotes it.
package struct SeccompRefusal: Hashable, Sendable {
    package var names: [String]
    package var reason: String
    /// Where the entry stands in its document.
    package var pointer: String
}

/// What `includes` and `excludes` of a policy are held against.
package struct SeccompHost: Hashable, Sendable {
    package var architecture: SeccompArchitecture
    package var kernel: (major: Int, minor: Int) { (kernelMajor, kernelMinor) }
    private var kernelMajor: Int
    private var kernelMinor: Int
    /// Capabilities of the programs that the filter is for. Cells have none.
    package var capabilities: Set<String>

    package init(
        architecture: SeccompArchitecture = .native, kernel: (major: Int, minor: Int), capabilities: Set<String> = []
    ) {
        self.architecture = architecture
        kernelMajor = kernel.major
        kernelMinor = kernel.minor
        self.capabilities = capabilities
    }
}

/// A system call policy in the format of OCI's `linux.seccomp`, with the additions of Docker's and Podman's `default.json`
/// (`archMap`, `includes`, `excludes`, `comment`, `errno` by name), and two of Panal's own that other readers pass over:
///
/// - `refused`: a list of `{"names": […], "comment": "…"}` that says why these calls are left out.
/// - `extends`: the name of another policy of the same folder. The document then has rules only, which are added to those of the
///   other.
///
/// Two things are stricter than there, both because a cell has no use for more: the default has to refuse, and only the
/// machine's own architecture is served. Calls by the i386 or x32 entry end the program whatever `archMap` lists.
package struct SeccompPolicy: Hashable, Sendable {
    package var name: String
    /// The machine that `includes` and `excludes` were decided for.
    package var architecture: SeccompArchitecture
    package var defaultAction: SeccompAction
    /// In the order of the document; rules that `includes` or `excludes` leave out are not here.
    package var rules: [SeccompRule]
    package var refusals: [SeccompRefusal]

    package init(
        name: String, architecture: SeccompArchitecture = .native, defaultAction: SeccompAction, rules: [SeccompRule],
        refusals: [SeccompRefusal] = []
    ) {
        self.name = name
        self.architecture = architecture
        self.defaultAction = defaultAction
        self.rules = rules
        self.refusals = refusals
    }
}
