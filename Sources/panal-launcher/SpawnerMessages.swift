internal import PanalLauncherProtocol
internal import PanalLinux

/// From the launcher to a slot's spawner.
enum SpawnerRequest {
    /// Make the next cell, with scratch of this size for a start. Where cells have groups of their own, the group's folder
    /// comes with it.
    case make(scratchBytes: UInt64, scratchFiles: UInt32)
    /// Hand read-only trees of these to the cell that runs: the program's folder (empty for none) and the inputs, in order.
    case trees(program: String, inputs: [String])

    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .make(let bytes, let files):
            writer.put(UInt8(1))
            writer.put(bytes)
            writer.put(files)
        case .trees(let program, let inputs):
            writer.put(UInt8(2))
            writer.put(program)
            writer.put(inputs)
        }
        return writer.bytes
    }

    init(decoding bytes: [UInt8]) throws(ProtocolError) {
        var reader = ByteReader(bytes)
        switch try reader.number(UInt8.self) {
        case 1: self = .make(scratchBytes: try reader.number(), scratchFiles: try reader.number())
        case 2:
            self = .trees(
                program: try reader.text(limit: 255),
                inputs: try reader.texts(count: RunRequest.maximumInputs, length: 255))
        default: throw .unknownKind
        }
        guard reader.isAtEnd else { throw .trailingBytes }
    }
}

/// What a spawner, or the maker of slots, answers: a process that it has made, whose descriptors come with it, or why there is
/// none.
enum MakerAnswer {
    case made(slot: Int, process: Int32)
    case failed(slot: Int, StepFailure)

    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .made(let slot, let process):
            writer.put(UInt8(1))
            writer.put(UInt32(slot))
            writer.put(process)
        case .failed(let slot, let failure):
            writer.put(UInt8(2))
            writer.put(UInt32(slot))
            StepReport(step: failure.step, errno: failure.errno, detail: failure.detail).write(to: &writer)
        }
        return writer.bytes
    }

    init(decoding bytes: [UInt8]) throws(ProtocolError) {
        var reader = ByteReader(bytes)
        let kind = try reader.number(UInt8.self)
        let slot = Int(try reader.number(UInt32.self))
        switch kind {
        case 1: self = .made(slot: slot, process: try reader.number())
        case 2:
            let report = try StepReport(from: &reader)
            self = .failed(slot: slot, StepFailure(step: report.step, detail: report.detail, errno: report.errno))
        default: throw .unknownKind
        }
        guard reader.isAtEnd else { throw .trailingBytes }
    }
}
