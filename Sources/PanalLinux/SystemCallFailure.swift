internal import Glibc

/// A system call that the kernel refused.
package struct SystemCallFailure: Error, Hashable, Sendable {
    /// What was called, with the argument that tells it apart: `mount(/proc)`, `write(memory.limit_in_bytes)`.
    package var call: String
    package var errno: Int32

    @inlinable
    package init(call: String, errno: Int32) {
        self.call = call
        self.errno = errno
    }

    /// The kernel's own words for the number: `Permission denied`.
    package var reason: String { Self.text(errno) }

    package static func text(_ number: Int32) -> String {
        guard let words = unsafe strerror(number) else { return "errno \(number)" }
        return unsafe String(cString: words)
    }

    /// Turns the shims' `-errno` into a failure and passes everything else on. Inlined, like its counterpart: what a number is
    /// takes longer to look up than most calls.
    @discardableResult
    @inlinable @inline(__always)
    package static func check<Value: SignedInteger>(
        _ value: Value, _ call: @autoclosure () -> String
    ) throws(SystemCallFailure) -> Value {
        guard value < 0 else { return value }
        throw SystemCallFailure(call: call(), errno: Int32(-value))
    }

    @usableFromInline static var lastErrno: Int32 { Glibc.errno }

    /// The same for Glibc's own calls, which answer -1 and set `errno`.
    @discardableResult
    @inlinable @inline(__always)
    package static func checkErrno<Value: SignedInteger>(
        _ value: Value, _ call: @autoclosure () -> String
    ) throws(SystemCallFailure) -> Value {
        guard value < 0 else { return value }
        let number = lastErrno
        throw SystemCallFailure(call: call(), errno: number)
    }
}
