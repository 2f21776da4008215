/// Writes tar archives as nobody should: whatever name, kind and link.
struct TarWriter {
    enum Kind: Character {
        case file = "0"
        case hardLink = "1"
        case symbolicLink = "2"
        case characterDevice = "3"
        case blockDevice = "4"
        case folder = "5"
        case queue = "6"
        /// The name of the next entry, where it is longer than a header holds.
        case longName = "L"
    }

    private(set) var bytes: [UInt8] = []

    mutating func add(
        _ name: [UInt8], _ kind: Kind = .file, link: String = "", data: [UInt8] = [], mode: Int = 0o644
    ) {
        if name.count > 100 { add(Array("././@LongLink".utf8), .longName, data: name + [0]) }
        addHeader(name, kind, link: link, size: data.count, mode: mode)
        bytes += data
        bytes += [UInt8](repeating: 0, count: (512 - data.count % 512) % 512)
    }

    mutating func add(
        _ name: String, _ kind: Kind = .file, link: String = "", data: String = "x", mode: Int = 0o644
    ) {
        add(Array(name.utf8), kind, link: link, data: kind == .file ? Array(data.utf8) : [], mode: mode)
    }

    /// A header alone, whatever comes after it.
    mutating func addHeader(_ name: [UInt8], _ kind: Kind, link: String = "", size: Int, mode: Int = 0o644) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: some Sequence<UInt8>, at offset: Int) {
            for (index, byte) in text.enumerated() { header[offset + index] = byte }
        }
        put(name.prefix(100), at: 0)
        for (value, offset, length) in [(mode, 100, 8), (0, 108, 8), (0, 116, 8), (size, 124, 12), (0, 136, 12)] {
            put(Self.octal(value, length - 1).utf8, at: offset)
        }
        put(String(kind.rawValue).utf8, at: 156)
        put(link.utf8.prefix(100), at: 157)
        put("ustar  ".utf8, at: 257)
        Self.seal(&header)
        bytes += header
    }

    /// One byte in the archive, a file of 1 TiB: GNU's sparse format.
    static var sparse: [UInt8] {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at offset: Int) {
            for (index, byte) in text.utf8.enumerated() { header[offset + index] = byte }
        }
        put("sparse", at: 0)
        for (value, offset, length) in [(0o644, 100, 8), (512, 124, 12), (0, 136, 12), (0, 386, 12), (512, 398, 12)] {
            put(octal(value, length - 1), at: offset)
        }
        put("S", at: 156)
        put("ustar  ", at: 257)
        // The true size, in binary.
        header[483] = 0x80
        header[489] = 1
        seal(&header)
        return header + [UInt8](repeating: 0, count: 512 + 1_024)
    }

    private static func octal(_ value: Int, _ digits: Int) -> String {
        let text = String(value, radix: 8)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }

    private static func seal(_ header: inout [UInt8]) {
        header.replaceSubrange(148..<156, with: [UInt8](repeating: 32, count: 8))
        let sum = header.reduce(0) { $0 + Int($1) }
        header.replaceSubrange(148..<156, with: Array(octal(sum, 6).utf8) + [0, 32])
    }

    /// With the two empty blocks that end it.
    var finished: [UInt8] { bytes + [UInt8](repeating: 0, count: 1_024) }
}

/// The same for zip archives.
struct ZipWriter {
    private var files: [UInt8] = []
    private var directory: [UInt8] = []
    private var count = 0

    /// Bytes as they are, or already packed to what would unpack to `unpackedBytes`.
    mutating func add(_ name: [UInt8], data: [UInt8], mode: Int = 0o100644, unpackedBytes: Int? = nil) {
        let offset = files.count
        let common = Self.common(name, data: data, unpackedBytes: unpackedBytes)
        files += [0x50, 0x4b, 3, 4] + common + name + data
        note(name, common, mode: mode, at: offset)
    }

    mutating func add(_ name: String, _ data: String = "x", mode: Int = 0o100644) {
        add(Array(name.utf8), data: Array(data.utf8), mode: mode)
    }

    /// Entries that share the bytes of one file.
    mutating func add(overlapping names: [String], data: [UInt8], unpackedBytes: Int) {
        let common = Self.common(Array(names[0].utf8), data: data, unpackedBytes: unpackedBytes)
        let offset = files.count
        files += [0x50, 0x4b, 3, 4] + common + Array(names[0].utf8) + data
        for name in names {
            let own = Self.common(Array(name.utf8), data: data, unpackedBytes: unpackedBytes)
            note(Array(name.utf8), own, mode: 0o100644, at: offset)
        }
    }

    /// What an entry's two headers have in common.
    private static func common(_ name: [UInt8], data: [UInt8], unpackedBytes: Int?) -> [UInt8] {
        let isText = String(validating: name, as: UTF8.self) != nil
        return little(20, 2) + little(isText ? 0x800 : 0, 2) + little(unpackedBytes == nil ? 0 : 8, 2) + little(0, 4)
            + little(unpackedBytes == nil ? Int(Checksum.of(data)) : 0, 4) + little(data.count, 4)
            + little(unpackedBytes ?? data.count, 4) + little(name.count, 2) + little(0, 2)
    }

    private mutating func note(_ name: [UInt8], _ common: [UInt8], mode: Int, at offset: Int) {
        // Made by Unix, so that the mode counts.
        directory += [0x50, 0x4b, 1, 2] + Self.little(0x314, 2) + common + Self.little(0, 6)
        directory += Self.little(mode << 16, 4) + Self.little(offset, 4) + name
        count += 1
    }

    var finished: [UInt8] {
        let ends =
            Self.little(0, 4) + Self.little(count, 2) + Self.little(count, 2) + Self.little(directory.count, 4)
            + Self.little(files.count, 4) + Self.little(0, 2)
        return files + directory + [0x50, 0x4b, 5, 6] + ends
    }

    fileprivate static func little(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
}

/// Just enough of deflate for bombs.
enum Deflate {
    private static let bytesPerPeriod = 8 * 258

    /// Zeros as fixed Huffman codes: 2,064 of them in each 13 bytes. The stream does not end: whoever gets that far has lost.
    static func zeros(_ bytes: Int) -> [UInt8] {
        // The last block, of fixed codes; the byte 0; then 258 times the byte before, again and again.
        let head = "110" + "00110000"
        let times = String(repeating: "11000101" + "00000", count: 24)
        var packed: [UInt8] = []
        for (index, bit) in (head + times).utf8.enumerated() {
            if index % 8 == 0 { packed.append(0) }
            if bit == UInt8(ascii: "1") { packed[index / 8] |= 1 << UInt8(index % 8) }
        }
        // From the third byte on, 13 bytes come again and again.
        let period = Array(packed[2..<15])
        return Array(packed[..<2]) + (0...(bytes / bytesPerPeriod)).flatMap { _ in period }
    }

    /// Bytes as they are; the last block where nothing follows.
    static func stored(_ bytes: [UInt8], isLast: Bool) -> [UInt8] {
        var packed: [UInt8] = []
        var rest = bytes[...]
        repeat {
            let piece = rest.prefix(65_535)
            rest = rest.dropFirst(piece.count)
            packed.append(isLast && rest.isEmpty ? 1 : 0)
            packed += ZipWriter.little(piece.count, 2) + ZipWriter.little(~piece.count, 2) + piece
        } while !rest.isEmpty
        return packed
    }

    /// Around a stream of `bytes` as gzip has it.
    static func gzip(_ stream: [UInt8], of bytes: [UInt8]) -> [UInt8] {
        [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3] + stream + ZipWriter.little(Int(Checksum.of(bytes)), 4)
            + ZipWriter.little(bytes.count, 4)
    }
}

/// CRC-32 as zip and gzip have it.
private enum Checksum {
    static func of(_ bytes: [UInt8]) -> UInt32 {
        var sum = UInt32.max
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xedb8_8320 : sum >> 1 }
        }
        return ~sum
    }
}
