internal import PanalLauncherProtocol
internal import PanalLinux

/// What the processes of a cell tell the launcher, each record one message: on the cell's line, but for the first.
enum CellReport: Hashable {
    /// On the pipe of the start, for which nobody wakes: the program is about to execute. Nanoseconds of the monotonic clock; what its process has used by now (user and
    /// system microseconds, voluntary and forced switches); nanoseconds of processor time since the order came.
    case executing(at: Int64, used: [Int64], sinceOrder: Int64)
    /// The program ended: `wait` status, the same four figures and its largest resident KiB, bytes that everything in the cell
    /// read from storage and wrote to it, clock, and nanoseconds of processor time that init and everything that it has
    /// reaped have used.
    case ended(status: Int32, usage: [Int64], at: Int64, cellTime: Int64)
    case notExecuted(errno: Int32, isThere: Bool)
    case failed(StepReport)
    /// Comes with the descriptor on which the program's refused calls are told.
    case explaining

    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .executing(let moment, let used, let sinceOrder):
            writer.put(UInt8(1))
            writer.put(moment)
            for value in used { writer.put(value) }
            writer.put(sinceOrder)
        case .ended(let status, let usage, let moment, let cellTime):
            writer.put(UInt8(2))
            writer.put(status)
            for value in usage { writer.put(value) }
            writer.put(moment)
            writer.put(cellTime)
        case .notExecuted(let errno, let isThere):
            writer.put(UInt8(3))
            writer.put(errno)
            writer.put(UInt8(isThere ? 1 : 0))
        case .failed(let step):
            writer.put(UInt8(4))
            writer.put(step.step)
            writer.put(step.errno)
            writer.put(step.detail)
        case .explaining: writer.put(UInt8(5))
        }
        return writer.bytes
    }

    init(decoding bytes: [UInt8]) throws(ProtocolError) {
        func figures(_ count: Int, _ reader: inout ByteReader) throws(ProtocolError) -> [Int64] {
            var values: [Int64] = []
            for _ in 0..<count { values.append(try figure(&reader, below: 1 << 50)) }
            return values
        }
        // Whoever reads a report reckons with what is in it: no sum of these leaves the range of a number.
        func figure(_ reader: inout ByteReader, below limit: Int64 = 1 << 60) throws(ProtocolError) -> Int64 {
            let value = try reader.number(Int64.self)
            guard (0..<limit).contains(value) else { throw .outOfRange("figure") }
            return value
        }
        var reader = ByteReader(bytes)
        switch try reader.number(UInt8.self) {
        case 1:
            self = .executing(
                at: try figure(&reader), used: try figures(4, &reader), sinceOrder: try figure(&reader))
        case 2:
            self = .ended(
                status: try reader.number(), usage: try figures(7, &reader), at: try figure(&reader),
                cellTime: try figure(&reader))
        case 3:
            let number = try reader.number(Int32.self)
            self = .notExecuted(errno: number, isThere: try reader.number(UInt8.self) == 1)
        case 4:
            self = .failed(
                StepReport(
                    step: try reader.text(limit: 256), errno: try reader.number(), detail: try reader.text(limit: 8_192)
                ))
        case 5: self = .explaining
        default: throw .unknownKind
        }
        guard reader.isAtEnd else { throw .trailingBytes }
    }

    /// Tells the launcher, by the one call that every filter must allow. When that fails the launcher is gone, and then the
    /// parent-death signal is on its way.
    func send(to line: borrowing Descriptor) {
        try? line.writeAll(encoded())
    }

    init(_ failure: StepFailure) {
        self = .failed(StepReport(step: failure.step, errno: failure.errno, detail: failure.detail))
    }
}

extension CellReport {
    /// What has become of a cell that should stand ready; nil while it does.
    static func failure(of cell: PreparedCell) -> StepFailure? {
        guard let message = try? MessageSocket.receive(cell.line) else { return nil }
        if case .failed(let report)? = try? CellReport(decoding: message.bytes) {
            return StepFailure(step: report.step, detail: report.detail, errno: report.errno)
        }
        return .mismatch("cell.init", "the cell's init ended before it was given a run")
    }
}
