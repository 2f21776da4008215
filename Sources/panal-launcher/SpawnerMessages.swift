internal import PanalLauncherProtocol
internal import PanalLinux

/// From the launcher to a slot's spawner.
enum SpawnerRequest {
    /// Make the next cell. Where cells have groups of their own, the group's folder comes with it.
    case make(CellInit.Plan)
    /// Hand read-only trees of these to the cell that runs: the program's folder (empty for none) and the inputs, in order.
    case trees(program: String, inputs: [String])
    /// Put this into the cell that runs, and tell it: its own processes have no rights left.
    case complete(CellContents)

    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .make(let plan):
            writer.put(UInt8(1))
            writer.put(plan.scratchBytes)
            writer.put(plan.scratchFiles)
            writer.put(UInt8(plan.ahead == nil ? 0 : 1))
            writer.put(plan.ahead ?? 0)
            writer.put(UInt8(plan.image == nil ? 0 : 1))
            plan.image?.write(to: &writer)
            writer.put(UInt8(plan.hasWritableRoot ? 1 : 0))
        case .trees(let program, let inputs):
            writer.put(UInt8(2))
            writer.put(program)
            writer.put(inputs)
        case .complete(let contents):
            writer.put(UInt8(3))
            contents.write(to: &writer)
        }
        return writer.bytes
    }

    init(decoding bytes: [UInt8]) throws(ProtocolError) {
        var reader = ByteReader(bytes)
        switch try reader.number(UInt8.self) {
        case 1:
            let (bytes, files) = (try reader.number(UInt64.self), try reader.number(UInt32.self))
            let isAhead = try reader.number(UInt8.self) != 0
            let filter = try reader.number(UInt16.self)
            let image = try reader.number(UInt8.self) != 0 ? try ImageTree(from: &reader) : nil
            self = .make(
                .init(
                    scratchBytes: bytes, scratchFiles: files, ahead: isAhead ? filter : nil, image: image,
                    hasWritableRoot: try reader.number(UInt8.self) != 0))
        case 2:
            self = .trees(
                program: try reader.text(limit: 255),
                inputs: try reader.texts(count: RunRequest.maximumInputs, length: 255))
        case 3: self = .complete(try CellContents(from: &reader))
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
