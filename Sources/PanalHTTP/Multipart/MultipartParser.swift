package import NIOCore

/// Reads `multipart/form-data` (RFC 7578) piece by piece.
///
/// A pure state machine: bytes go in by ``feed(_:)``, events come out of ``next()`` until it is nil, and ``finish()``
/// says whether the body was whole. It holds no more than one delimiter's length of a part's content, and never more
/// than the limits of a part's headers; how the bytes were cut on the way changes no event but where `bytes` are
/// divided.
package struct MultipartParser: Sendable {
    package enum Event: Hashable, Sendable {
        case began(MultipartPart)
        /// The next bytes of the part that began last; never empty.
        case bytes(ByteBuffer)
        case ended
    }

    package struct Limits: Hashable, Sendable {
        /// Parts of one body.
        package var parts = 1_000
        /// Bytes of one part's headers, its blank line included.
        package var headerBytes = 8_192
        /// Bytes before the first delimiter.
        package var preambleBytes = 1_024

        package init() {}
    }

    private enum State: Hashable {
        /// Before the first delimiter; what stands there is passed over.
        case preamble
        /// A delimiter was read: a line end or the closing `--` follows.
        case delimited
        case headers
        case content
        /// After the closing delimiter; what stands there is passed over.
        case epilogue
    }

    private let limits: Limits
    /// Line end, two hyphens and the boundary.
    private let delimiter: [UInt8]
    /// By the last byte of a place where the delimiter might be: how far on the next such place is (Horspool). A file's bytes are mostly
    /// passed over.
    private let steps: [Int]
    private var state = State.preamble
    private var buffer = ByteBuffer()
    private var parts = 0
    private var passedOver = 0

    private static let carriageReturn: UInt8 = 13
    private static let lineFeed: UInt8 = 10

    /// `boundary` as the `Content-Type` names it. Throws where RFC 2046 does not allow it.
    package init(boundary: String, limits: Limits = Limits()) throws(MultipartMistake) {
        guard (1...70).contains(boundary.utf8.count), boundary.utf8.allSatisfy(Self.isBoundaryByte),
            boundary.utf8.last != 32
        else { throw MultipartMistake("the boundary is not 1 to 70 of the characters that RFC 2046 allows") }
        self.limits = limits
        delimiter = [13, 10, 45, 45] + Array(boundary.utf8)
        var steps = Array(repeating: delimiter.count, count: 256)
        for (place, byte) in delimiter.dropLast().enumerated() { steps[Int(byte)] = delimiter.count - 1 - place }
        self.steps = steps
        // The first delimiter may stand at the very beginning, without a line end before it.
        buffer.writeBytes([13, 10])
    }

    package mutating func feed(_ bytes: ByteBuffer) {
        buffer.discardReadBytes()
        buffer.writeImmutableBuffer(bytes)
    }

    /// The next event, nil when more bytes are needed.
    package mutating func next() throws(MultipartMistake) -> Event? {
        while true {
            switch state {
            case .preamble:
                guard try passPreamble() else { return nil }
            case .delimited:
                guard try passDelimiterLine() else { return nil }
            case .headers:
                guard let part = try readHeaders() else { return nil }
                state = .content
                return .began(part)
            case .content:
                return readContent()
            case .epilogue:
                buffer.clear()
                return nil
            }
        }
    }

    /// To be called after the last byte, when ``next()`` has nothing more.
    package func finish() throws(MultipartMistake) {
        switch state {
        case .epilogue: return
        case .preamble: throw MultipartMistake("the boundary never comes in the body")
        case .delimited, .headers, .content:
            throw MultipartMistake("the body ends before its closing boundary: it was cut off on the way")
        }
    }

    private mutating func passPreamble() throws(MultipartMistake) -> Bool {
        if let place = placeOfDelimiter() {
            guard passedOver + place <= limits.preambleBytes else { throw tooLongPreamble }
            buffer.moveReaderIndex(forwardBy: place + delimiter.count)
            state = .delimited
            return true
        }
        // What cannot be the beginning of a delimiter any more is dropped.
        let dropped = max(0, buffer.readableBytes - delimiter.count + 1)
        buffer.moveReaderIndex(forwardBy: dropped)
        passedOver += dropped
        guard passedOver <= limits.preambleBytes else { throw tooLongPreamble }
        return false
    }

    /// After a delimiter: `--` closes, else spaces and a line end. False when more bytes are needed.
    private mutating func passDelimiterLine() throws(MultipartMistake) -> Bool {
        let view = buffer.readableBytesView
        guard view.count >= 2 else { return false }
        if view.starts(with: [45, 45]) {
            state = .epilogue
            return true
        }
        guard let end = view.firstIndex(where: { $0 != 32 && $0 != 9 }) else {
            guard view.count <= 256 else { throw MultipartMistake("a boundary is followed by blanks without end") }
            return false
        }
        guard view[end] == Self.carriageReturn else {
            throw MultipartMistake("a boundary is not followed by a line end")
        }
        guard view.endIndex - end >= 2 else { return false }
        guard view[view.index(after: end)] == Self.lineFeed else {
            throw MultipartMistake("a boundary is not followed by a line end")
        }
        buffer.moveReaderIndex(forwardBy: end - view.startIndex + 2)
        parts += 1
        guard parts <= limits.parts else { throw MultipartMistake("the body has more than \(limits.parts) parts") }
        state = .headers
        return true
    }

    private mutating func readHeaders() throws(MultipartMistake) -> MultipartPart? {
        let view = buffer.readableBytesView
        guard let length = Self.lengthOfHeaders(view) else {
            guard view.count <= limits.headerBytes else { throw tooLongHeaders }
            return nil
        }
        guard length <= limits.headerBytes else { throw tooLongHeaders }
        let part = try MultipartPart(headers: view.prefix(length))
        buffer.moveReaderIndex(forwardBy: length)
        return part
    }

    private var tooLongPreamble: MultipartMistake { MultipartMistake("the body does not begin with its boundary") }

    private var tooLongHeaders: MultipartMistake {
        MultipartMistake("a part's headers are longer than \(limits.headerBytes) bytes")
    }

    /// Bytes up to the blank line's end; nil when it has not come.
    private static func lengthOfHeaders(_ view: ByteBufferView) -> Int? {
        if view.starts(with: [13, 10]) { return 2 }
        var from = view.startIndex
        while let place = view[from...].firstIndex(of: carriageReturn) {
            if view[place...].starts(with: [13, 10, 13, 10]) { return place - view.startIndex + 4 }
            from = view.index(after: place)
        }
        return nil
    }

    private mutating func readContent() -> Event? {
        if let place = placeOfDelimiter() {
            if place > 0, let bytes = buffer.readSlice(length: place) { return .bytes(bytes) }
            buffer.moveReaderIndex(forwardBy: delimiter.count)
            state = .delimited
            return .ended
        }
        // All but what may be the beginning of a delimiter is content.
        let safe = buffer.readableBytes - heldBack()
        guard safe > 0, let bytes = buffer.readSlice(length: safe) else { return nil }
        return .bytes(bytes)
    }

    /// How many bytes at the end may be the beginning of a delimiter.
    private func heldBack() -> Int {
        let view = buffer.readableBytesView
        var from = view.index(view.endIndex, offsetBy: -min(view.count, delimiter.count - 1))
        while let place = view[from...].firstIndex(of: Self.carriageReturn) {
            let rest = view[place...]
            if delimiter.starts(with: rest) { return rest.count }
            from = view.index(after: place)
        }
        return 0
    }

    /// Distance to the next whole delimiter.
    private func placeOfDelimiter() -> Int? {
        let last = delimiter.count - 1
        return unsafe buffer.withUnsafeReadableBytes { bytes in
            var end = last
            while end < bytes.count {
                let byte = unsafe bytes[end]
                // A carriage return stands at the delimiter's beginning only, so no two comparisons see the same bytes.
                if byte == delimiter[last], unsafe bytes[end - last] == Self.carriageReturn,
                    unsafe bytes[(end - last)...end].elementsEqual(delimiter)
                {
                    return end - last
                }
                end += steps[Int(byte)]
            }
            return nil
        }
    }

    private static func isBoundaryByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122: true
        case 32, 39, 40, 41, 43, 44, 45, 46, 47, 58, 61, 63, 95: true
        default: false
        }
    }
}

/// Why a multipart body cannot be read, in words for whoever sent it.
package struct MultipartMistake: Error, Hashable, Sendable {
    package var detail: String

    package init(_ detail: String) {
        self.detail = detail
    }
}
