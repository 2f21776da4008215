/// Which file system a cell has as its root.
package enum Rootfs: Hashable, Sendable {
    /// The host's `/usr` with an `/etc` of Panal's own.
    case host
    /// An image of the store.
    case image(ImageDigest)

    package func write(to writer: inout ByteWriter) {
        switch self {
        case .host: writer.put(UInt8(0))
        case .image(let digest):
            writer.put(UInt8(1))
            digest.write(to: &writer)
        }
    }

    package init(from reader: inout ByteReader) throws(ProtocolError) {
        switch try reader.number(UInt8.self) {
        case 0: self = .host
        case 1: self = .image(try ImageDigest(from: &reader))
        default: throw .outOfRange("rootfs")
        }
    }
}

/// The SHA-256 that names an image, 32 bytes: no path can be made of it but the image's own.
package struct ImageDigest: Hashable, Sendable {
    private let bytes: [UInt8]

    /// Nil for anything but 64 digits of lower-case hexadecimal.
    package init?(hex: String) {
        var bytes: [UInt8] = []
        var high: UInt8?
        for digit in hex.utf8 {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
            default: return nil
            }
            if let first = high { bytes.append(first << 4 | value) }
            high = high == nil ? value : nil
        }
        guard bytes.count == Self.size, high == nil else { return nil }
        self.bytes = bytes
    }

    package var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// Where the image's own root lies, below the folder that the table names.
    package var path: String { "rootfs/\(hex)/tree" }

    package func write(to writer: inout ByteWriter) {
        for byte in bytes { writer.put(byte) }
    }

    package init(from reader: inout ByteReader) throws(ProtocolError) {
        var bytes: [UInt8] = []
        for _ in 0..<Self.size { bytes.append(try reader.number()) }
        self.bytes = bytes
    }

    private static let size = 32
}
