internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// What the process that will be a cell's program is told once there is a run for it; until then it waits. The run has been
/// held against the table.
struct CellOrder {
    var request: RunRequest
    /// Standard input, output and error.
    var streams: [Int32]

    /// Hands the order to the process that waits at the other end; the streams stay the caller's.
    func send(to line: borrowing Descriptor) throws(StepFailure) {
        let bytes = Command.run(request).encoded()
        guard MessageSocket.send(line, bytes, descriptors: streams, waiting: false) == .sent else {
            throw .mismatch("cell.order", "the cell does not take its order")
        }
    }

    private static let word: [UInt8] = [1]

    /// Tells the process that has its order to execute the program: every limit is set and read back. When it is gone already,
    /// its report says why.
    static func sendWord(to line: borrowing Descriptor) throws(StepFailure) {
        guard MessageSocket.send(line, word, descriptors: [], waiting: false) != .full else {
            throw .mismatch("cell.order", "the cell does not take the word to go")
        }
    }

    /// Waits for that word; false when the launcher has let this cell go.
    static func awaitWord(from line: borrowing Descriptor) throws(StepFailure) -> Bool {
        // By the one call that every filter permits; it may be loaded already.
        let message = try StepFailure.naming("cell.order") { () throws(SystemCallFailure) in
            try line.read(atMost: word.count + 1)
        }
        guard message.isEmpty || message == word else {
            throw .mismatch("cell.order", "something else came instead of the word to go")
        }
        return !message.isEmpty
    }

    /// Waits for the order; nil when the launcher has let this cell go.
    static func receive(from line: borrowing Descriptor) throws(StepFailure) -> CellOrder? {
        let message = try StepFailure.naming("cell.order") { () throws(SystemCallFailure) in
            try MessageSocket.wait(line)
        }
        if message.bytes.isEmpty { return nil }
        guard message.descriptors.count == 3 else {
            throw .mismatch("cell.order", "\(message.descriptors.count) of 3 streams came with the order")
        }
        do throws(ProtocolError) {
            guard case .run(let request) = try Command(decoding: message.bytes) else { throw .unknownKind }
            return CellOrder(request: request, streams: message.descriptors)
        } catch {
            throw .mismatch("cell.order", "the order is not readable: \(error)")
        }
    }
}

extension StepFailure {
    /// Something that is not as it must be, where the kernel refused nothing.
    static func mismatch(_ step: String, _ detail: String) -> StepFailure {
        StepFailure(step: step, detail: detail, errno: 0)
    }
}
