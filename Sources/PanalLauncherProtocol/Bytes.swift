/// Writes fixed-width numbers, little-endian, and texts with their length in front.
package struct ByteWriter {
    package init() {}

    @usableFromInline package internal(set) var bytes: [UInt8] = []

    /// Inlined, like its counterpart: each process that is forked would otherwise look up first what a number is.
    @inlinable @inline(__always)
    package mutating func put<Number: FixedWidthInteger>(_ number: Number) {
        var rest = number
        for _ in 0..<(Number.bitWidth / 8) {
            bytes.append(UInt8(truncatingIfNeeded: rest))
            if Number.bitWidth > 8 { rest >>= 8 }
        }
    }

    package mutating func put(_ raw: [UInt8]) {
        put(UInt32(raw.count))
        bytes += raw
    }

    package mutating func put(_ text: String) {
        put(Array(text.utf8))
    }

    package mutating func put(_ texts: [String]) {
        put(UInt32(texts.count))
        for text in texts { put(text) }
    }
}

/// Reads what `ByteWriter` wrote, and trusts nothing of it: every length is held against what is there.
package struct ByteReader {
    @usableFromInline let bytes: [UInt8]
    @usableFromInline var place = 0

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    package var isAtEnd: Bool { place == bytes.count }

    @inlinable @inline(__always)
    package mutating func number<Number: FixedWidthInteger>(_: Number.Type = Number.self) throws(ProtocolError)
        -> Number
    {
        let width = Number.bitWidth / 8
        guard bytes.count - place >= width else { throw .truncated }
        var value: Number = 0
        for index in (0..<width).reversed() {
            if Number.bitWidth > 8 { value <<= 8 }
            value |= Number(truncatingIfNeeded: bytes[place + index])
        }
        place += width
        return value
    }

    package mutating func raw(limit: Int) throws(ProtocolError) -> [UInt8] {
        let count = Int(try number(UInt32.self))
        guard count <= limit else { throw .tooLong }
        guard bytes.count - place >= count else { throw .truncated }
        defer { place += count }
        return Array(bytes[place..<place + count])
    }

    /// A text of valid UTF-8 without NUL, since each one ends as a C string.
    package mutating func text(limit: Int) throws(ProtocolError) -> String {
        let raw = try raw(limit: limit)
        guard !raw.contains(0), let text = String(validating: raw, as: UTF8.self) else { throw .badText }
        return text
    }

    package mutating func texts(count limit: Int, length: Int) throws(ProtocolError) -> [String] {
        let count = Int(try number(UInt32.self))
        guard count <= limit else { throw .tooLong }
        var texts: [String] = []
        for _ in 0..<count { texts.append(try text(limit: length)) }
        return texts
    }
}

/// A message that does not have the layout it must have.
package enum ProtocolError: Error, Hashable, Sendable {
    case truncated
    case tooLong
    case badText
    case unknownKind
    case trailingBytes
    case wrongVersion
    /// A number outside its range; the field's name.
    case outOfRange(String)
}
