internal import CPanalSyscalls
internal import Glibc

/// Whole messages over a socket that keeps their boundaries, with descriptors.
package enum MessageSocket {
    package enum SendAnswer { case sent, full, closed }

    private static let longest = 200_000

    /// Sends one message with at most 8 descriptors, which stay the caller's. Without `waiting`, a full socket is an answer;
    /// so is a kernel that has no room for the message just now.
    package static func send(
        _ socket: borrowing Descriptor, _ bytes: [UInt8], descriptors: [Int32], waiting: Bool
    ) -> SendAnswer {
        let flags = waiting ? 0 : Int32(MSG_DONTWAIT)
        let answer = unsafe panal_send(socket.raw, bytes, bytes.count, descriptors, Int32(descriptors.count), flags)
        if answer >= 0 { return .sent }
        return [EAGAIN, ENOBUFS, ENOMEM, ETOOMANYREFS].contains(Int32(-answer)) ? .full : .closed
    }

    /// One message with its descriptors, which are the caller's; nil when there is none now; empty when nobody is left on the
    /// other side. A message whose descriptors do not all fit into this process comes with none of them. Longer than 200,000
    /// bytes is EMSGSIZE.
    package static func receive(
        _ socket: borrowing Descriptor
    ) throws(SystemCallFailure) -> (bytes: [UInt8], descriptors: [Int32])? {
        try receive(socket, flags: Int32(MSG_DONTWAIT))
    }

    /// The same, but waits until there is a message or nobody left.
    package static func wait(
        _ socket: borrowing Descriptor
    ) throws(SystemCallFailure) -> (bytes: [UInt8], descriptors: [Int32]) {
        try receive(socket, flags: 0) ?? ([], [])
    }

    private static func receive(
        _ socket: borrowing Descriptor, flags: Int32
    ) throws(SystemCallFailure) -> (bytes: [UInt8], descriptors: [Int32])? {
        // That the other side has gone with messages unread is told once, and before what it had said itself.
        do throws(SystemCallFailure) {
            return try receiveOnce(socket, flags: flags)
        } catch {
            guard error.errno == ECONNRESET else { throw error }
            return try receiveOnce(socket, flags: flags)
        }
    }

    private static func receiveOnce(
        _ socket: borrowing Descriptor, flags: Int32
    ) throws(SystemCallFailure) -> (bytes: [UInt8], descriptors: [Int32])? {
        var descriptors = [Int32](repeating: -1, count: 8)
        var count: Int32 = 0
        var answer: Int64 = 0
        // Room for the longest message: only as much of it as comes is ever touched. To ask for the length first would be one more call
        // for each message.
        let bytes = unsafe withUnsafeTemporaryAllocation(byteCount: longest, alignment: 16) { room in
            unsafe answer = panal_receive(socket.raw, room.baseAddress, longest, &descriptors, &count, flags)
            return unsafe Array(UnsafeRawBufferPointer(rebasing: room[0..<Int(max(0, answer))]))
        }
        if answer == -Int64(EAGAIN) { return nil }
        try SystemCallFailure.check(answer, "recvmsg")
        if bytes.isEmpty {
            // An empty message says the same as the line's end, and nobody takes anything out of it.
            for number in descriptors[0..<Int(count)] { close(number) }
            return ([], [])
        }
        return (bytes, Array(descriptors[0..<Int(count)]))
    }
}
