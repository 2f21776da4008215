internal import CPanalSyscalls
internal import Glibc

/// A call that a filter asks about, and waits for an answer to.
package struct SeccompNotification: Sendable {
    private let id: UInt64
    package let number: UInt32
    package let architecture: UInt32
    /// Six.
    package let arguments: [UInt64]

    /// The next one that `listener` has; nil when whoever made the call has been killed meanwhile.
    package init?(from listener: borrowing Descriptor) {
        var id: UInt64 = 0
        var call: [UInt32] = [0, 0]
        var arguments = [UInt64](repeating: 0, count: 6)
        guard unsafe panal_next_notification(listener.raw, &id, &call, &arguments) == 0 else { return nil }
        self.id = id
        (number, architecture) = (call[0], call[1])
        self.arguments = arguments
    }

    /// Has the call fail with this errno. One that has been killed meanwhile needs no answer.
    package func refuse(_ errno: Int32, on listener: borrowing Descriptor) {
        _ = panal_refuse_notification(listener.raw, id, errno)
    }
}
