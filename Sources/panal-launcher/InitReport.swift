internal import PanalLauncherProtocol

/// What a cell's init tells the launcher through its pipe. Each record fits one atomic write of a pipe.
enum InitReport: Hashable {
    /// The program executes: nanoseconds of the monotonic clock, and the processor time that init had used by then.
    case started(at: Int64, initTime: Int64)
    /// The program ended: `wait` status, user and system microseconds, voluntary and forced switches, clock.
    case ended(status: Int32, usage: [Int64], at: Int64)
    case notExecuted(errno: Int32, isThere: Bool)
    case failed(StepReport)

    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .started(let moment, let used):
            writer.put(UInt8(1))
            writer.put(moment)
            writer.put(used)
        case .ended(let status, let usage, let moment):
            writer.put(UInt8(2))
            writer.put(status)
            for value in usage { writer.put(value) }
            writer.put(moment)
        case .notExecuted(let errno, let isThere):
            writer.put(UInt8(3))
            writer.put(errno)
            writer.put(UInt8(isThere ? 1 : 0))
        case .failed(let step):
            writer.put(UInt8(4))
            writer.put(step.step)
            writer.put(step.errno)
            writer.put(step.detail)
        }
        return [UInt8(truncatingIfNeeded: writer.bytes.count), UInt8(truncatingIfNeeded: writer.bytes.count >> 8)]
            + writer.bytes
    }

    /// Takes the first whole record off `bytes`; nil while it is not whole.
    static func take(from bytes: inout [UInt8]) throws(ProtocolError) -> InitReport? {
        guard bytes.count >= 2 else { return nil }
        let length = Int(bytes[0]) | Int(bytes[1]) << 8
        guard bytes.count >= 2 + length else { return nil }
        var reader = ByteReader(Array(bytes[2..<2 + length]))
        bytes.removeFirst(2 + length)
        switch try reader.number(UInt8.self) {
        case 1: return .started(at: try reader.number(), initTime: try reader.number())
        case 2:
            let status = try reader.number(Int32.self)
            var usage: [Int64] = []
            for _ in 0..<4 { usage.append(try reader.number()) }
            return .ended(status: status, usage: usage, at: try reader.number())
        case 3:
            let number = try reader.number(Int32.self)
            return .notExecuted(errno: number, isThere: try reader.number(UInt8.self) == 1)
        case 4:
            return .failed(
                StepReport(
                    step: try reader.text(limit: 256), errno: try reader.number(), detail: try reader.text(limit: 8_192)
                ))
        default: throw .unknownKind
        }
    }
}
