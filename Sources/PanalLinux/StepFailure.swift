/// A protection or a limit that could not be set, or that did not read back as it was set.
package struct StepFailure: Error, Hashable, Sendable {
    /// Stable name of the step: `cgroup.memory.limit`.
    package var step: String
    package var detail: String
    /// 0 where the kernel refused nothing and the value read back was another.
    package var errno: Int32

    @inlinable
    package init(step: String, detail: String, errno: Int32) {
        self.step = step
        self.detail = detail
        self.errno = errno
    }

    /// Runs `body` and names the step when a system call in it fails.
    /// Inlined, so that what `Value` is need not be looked up in every process that is forked.
    @discardableResult
    @inlinable
    package static func naming<Value: ~Copyable>(
        _ step: @autoclosure () -> String, _ body: () throws(SystemCallFailure) -> Value
    ) throws(StepFailure) -> Value {
        do {
            return try body()
        } catch {
            throw StepFailure(step: step(), detail: "\(error.call): \(error.reason)", errno: error.errno)
        }
    }
}
