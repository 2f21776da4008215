import FoundationEssentials

/// A policy compiled for the kernel.
package struct SeccompProgram: Hashable, Sendable {
    /// The policy's name, as profiles call it.
    package let name: String
    /// An array of `struct sock_filter` (8 bytes each, at most 4096 of them), in this machine's byte order.
    package let instructions: [UInt8]
    /// Calls that the policy permits and this machine's libseccomp does not know; they are refused as unknown.
    package let skipped: [String]

    package init(name: String, instructions: [UInt8], skipped: [String] = []) {
        self.name = name
        self.instructions = instructions
        self.skipped = skipped
    }
}

/// The policies of a folder.
package enum SeccompPolicies {
    /// Reads and compiles every `*.json` of `folder`, by name; a policy is called as its file without the ending.
    package static func load(folder: String) throws(SeccompMistake) -> [SeccompProgram] {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: folder)
        } catch {
            throw SeccompMistake(policy: folder, pointer: "", detail: "the folder cannot be read")
        }
        var programs: [SeccompProgram] = []
        for file in names.sorted() where file.hasSuffix(".json") && !file.hasPrefix(".") {
            programs.append(try load(file: "\(folder)/\(file)", name: String(file.dropLast(5))))
        }
        guard !programs.isEmpty else {
            throw SeccompMistake(policy: folder, pointer: "", detail: "the folder holds no policy (*.json)")
        }
        return programs
    }

    /// Reads and compiles one policy.
    package static func load(file: String, name: String) throws(SeccompMistake) -> SeccompProgram {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw SeccompMistake(policy: name, pointer: "", detail: "\(file) cannot be read")
        }
        return try SeccompPolicy(parsing: data, name: name).compiled()
    }
}
