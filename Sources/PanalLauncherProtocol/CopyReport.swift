/// What became of a copy of what a program has changed in its root.
package enum CopyReport: Hashable, Sendable {
    /// Bytes of the archive; and what is not in it, one line for each, at most `mostSkipped`.
    case done(bytes: UInt64, skipped: [String])
    /// The file then holds a part of an archive, or nothing.
    case failed(StepReport)

    package static let mostSkipped = 20
    /// Bytes of a line.
    package static let longestSkipped = 4_096

    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        write(to: &writer)
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ProtocolError) {
        var reader = ByteReader(bytes)
        self = try CopyReport(from: &reader)
        guard reader.isAtEnd else { throw .trailingBytes }
    }

    func write(to writer: inout ByteWriter) {
        switch self {
        case .done(let bytes, let skipped):
            writer.put(UInt8(1))
            writer.put(bytes)
            writer.put(skipped)
        case .failed(let step):
            writer.put(UInt8(2))
            step.write(to: &writer)
        }
    }

    init(from reader: inout ByteReader) throws(ProtocolError) {
        switch try reader.number(UInt8.self) {
        case 1:
            self = .done(
                bytes: try reader.number(),
                skipped: try reader.texts(count: Self.mostSkipped, length: Self.longestSkipped))
        case 2: self = .failed(try StepReport(from: &reader))
        default: throw .unknownKind
        }
    }
}
