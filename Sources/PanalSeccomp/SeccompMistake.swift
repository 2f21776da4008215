/// What is wrong with a system call policy: where, and what would be right.
package struct SeccompMistake: Error, Hashable, Sendable, CustomStringConvertible {
    /// The policy's name, or the folder when that cannot be read.
    package var policy: String
    /// JSON pointer (RFC 6901) into the policy; empty for the whole.
    package var pointer: String
    package var detail: String

    package init(policy: String, pointer: String, detail: String) {
        self.policy = policy
        self.pointer = pointer
        self.detail = detail
    }

    package var description: String {
        pointer.isEmpty ? "seccomp policy \(policy): \(detail)" : "seccomp policy \(policy): \(pointer): \(detail)"
    }
}
