internal import PanalLauncherProtocol

/// What only the run knows of a cell's file system.
struct CellContents: Hashable {
    var scratchBytes: UInt64
    var scratchFiles: UInt32
    var hasWritableRoot: Bool
    /// Folder below the data folder; empty for none.
    var program: String
    var inputs: [RunRequest.Input]

    init(_ request: RunRequest) {
        scratchBytes = request.scratchBytes
        scratchFiles = request.scratchFiles
        hasWritableRoot = request.hasWritableRoot
        program = request.program
        inputs = request.inputs
    }

    /// Whether nothing has to be done to a cell that was made for this.
    func isThere(in plan: CellInit.Plan) -> Bool {
        scratchBytes == plan.scratchBytes && scratchFiles == plan.scratchFiles && program.isEmpty && inputs.isEmpty
    }

    /// Where the scratch shows, beside `/tmp`.
    var scratchPlace: String { hasWritableRoot ? "/tmp" : "/work" }

    func write(to writer: inout ByteWriter) {
        writer.put(scratchBytes)
        writer.put(scratchFiles)
        writer.put(UInt8(hasWritableRoot ? 1 : 0))
        writer.put(program)
        for texts in [inputs.map(\.field), inputs.map(\.name), inputs.map(\.source)] { writer.put(texts) }
    }

    init(from reader: inout ByteReader) throws(ProtocolError) {
        scratchBytes = try reader.number()
        scratchFiles = try reader.number()
        hasWritableRoot = try reader.number(UInt8.self) != 0
        program = try reader.text(limit: 255)
        let fields = try reader.texts(count: RunRequest.maximumInputs, length: 255)
        let names = try reader.texts(count: RunRequest.maximumInputs, length: 255)
        let sources = try reader.texts(count: RunRequest.maximumInputs, length: 255)
        guard fields.count == names.count, names.count == sources.count else { throw .outOfRange("inputs") }
        inputs = fields.indices.map { .init(field: fields[$0], name: names[$0], source: sources[$0]) }
    }
}
