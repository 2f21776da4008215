import FoundationEssentials

/// A policy compiled for the kernel.
package struct SeccompProgram: Hashable, Sendable {
    /// The policy's name, as profiles call it.
    package let name: String
    /// An array of `struct sock_filter` (8 bytes each, at most 4096 of them), in this machine's byte order.
    package let instructions: [UInt8]
    /// Calls that the policy permits and this machine's libseccomp does not know; they are refused as unknown.
    package let skipped: [String]
    /// Whether programs can make sockets of any family by `socket`; `socketpair` does not count. A network namespace may be
    /// used by one run after another only where they cannot: abstract Unix sockets live in it.
    package let makesSockets: Bool
    /// Whether it permits, with any arguments, what the process that becomes the program still does when it has its order:
    /// then the filter can be loaded before that.
    package let permitsStart: Bool

    package init(
        name: String, instructions: [UInt8], skipped: [String] = [], makesSockets: Bool = true,
        permitsStart: Bool = false
    ) {
        self.name = name
        self.instructions = instructions
        self.skipped = skipped
        self.makesSockets = makesSockets
        self.permitsStart = permitsStart
    }
}

extension SeccompProgram {
    /// Being given a turn and the word, memory, limits and cores read back, clocks and usage for the report, and execution.
    static let startCalls = [
        "read", "write", "close", "brk", "munmap", "prlimit64", "sched_getaffinity", "getrusage",
        "clock_gettime",
        "execve", "exit_group",
    ]
    /// And `mmap` with the flags that an allocator has for it: private and anonymous, without a reserve or for a stack.
    static let allocationFlags: [UInt64] = [0x22, 0x4022, 0x2_0022]
}

/// The policies of a folder.
package enum SeccompPolicies {
    /// Reads and compiles every `*.json` of `folder`, by name; a policy is called as its file without the ending.
    package static func load(folder: String) throws(SeccompMistake) -> [SeccompProgram] {
        var programs: [SeccompProgram] = []
        for policy in try read(folder: folder) { programs.append(try policy.compiled()) }
        return programs
    }

    /// Reads and compiles one policy.
    package static func load(file: String, name: String) throws(SeccompMistake) -> SeccompProgram {
        try read(file: file, name: name).compiled()
    }

    /// Reads every `*.json` of `folder`, by name.
    package static func read(
        folder: String, host: SeccompHost = .current
    ) throws(SeccompMistake) -> [SeccompPolicy] {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: folder)
        } catch {
            throw SeccompMistake(policy: folder, pointer: "", detail: "the folder cannot be read")
        }
        var policies: [SeccompPolicy] = []
        for file in names.sorted() where file.hasSuffix(".json") && !file.hasPrefix(".") {
            policies.append(try read(file: "\(folder)/\(file)", name: String(file.dropLast(5)), host: host))
        }
        guard !policies.isEmpty else {
            throw SeccompMistake(policy: folder, pointer: "", detail: "the folder holds no policy (*.json)")
        }
        return policies
    }

    /// Reads one policy, and the one beside it that it `extends`.
    package static func read(
        file: String, name: String, host: SeccompHost = .current
    ) throws(SeccompMistake) -> SeccompPolicy {
        let folder = file.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        return try SeccompPolicy(parsing: contents(file, name), name: name, host: host) {
            (other) throws(SeccompMistake) in
            // The other one may not extend a third: no chains to follow, no circles.
            let path = folder.isEmpty ? "\(other).json" : "\(folder)/\(other).json"
            return try SeccompPolicy(parsing: contents(path, other), name: other, host: host)
        }
    }

    private static func contents(_ file: String, _ name: String) throws(SeccompMistake) -> Data {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw SeccompMistake(policy: name, pointer: "", detail: "\(file) cannot be read")
        }
        return data
    }
}
