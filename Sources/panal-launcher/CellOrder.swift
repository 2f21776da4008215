internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// What a cell's init is told once there is a run for it; until then it waits. The run has been held against the table.
struct CellOrder {
    var request: RunRequest
    var programUser: UInt32
    var initUser: UInt32
    /// Standard input, output and error.
    var streams: [Int32]
    /// The detached tmpfs that becomes the cell's scratch.
    var scratchTree: Int32

    /// Hands the order to the init that waits at the other end; its descriptors stay the caller's.
    func send(to orders: borrowing Descriptor) throws(StepFailure) {
        var writer = ByteWriter()
        writer.put(programUser)
        writer.put(initUser)
        let bytes = writer.bytes + Command.run(request).encoded()
        guard MessageSocket.send(orders, bytes, descriptors: streams + [scratchTree], waiting: false) == .sent else {
            throw .mismatch("cell.order", "the cell's init does not take its order")
        }
    }

    /// Waits for the order; nil when the launcher has let this cell go.
    static func receive(from orders: borrowing Descriptor) throws(StepFailure) -> CellOrder? {
        var polled = pollfd(fd: orders.raw, events: Int16(POLLIN), revents: 0)
        while unsafe poll(&polled, 1, -1) < 0, errno == EINTR {}
        let message = try StepFailure.naming("cell.order") { () throws(SystemCallFailure) in
            try MessageSocket.receive(orders)
        }
        guard let message, message.bytes.count > 8, message.descriptors.count == 4 else { return nil }
        do throws(ProtocolError) {
            var users = ByteReader(Array(message.bytes[..<8]))
            let programUser = try users.number(UInt32.self)
            let initUser = try users.number(UInt32.self)
            guard case .run(let request) = try Command(decoding: Array(message.bytes[8...])) else { return nil }
            return CellOrder(
                request: request, programUser: programUser, initUser: initUser,
                streams: Array(message.descriptors[..<3]), scratchTree: message.descriptors[3])
        } catch {
            throw .mismatch("cell.order", "the order is not readable: \(error)")
        }
    }
}

/// Names of steps in the child, as failures carry them.
extension StepFailure {
    static func mismatch(_ step: String, _ detail: String) -> StepFailure {
        StepFailure(step: step, detail: detail, errno: 0)
    }
}
