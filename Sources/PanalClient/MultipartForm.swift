package import NIOCore

/// One part of a form: a text, or a file that is read while it is sent.
package struct FormPart: Sendable {
    package enum Content: Sendable {
        case text(String)
        case file(String)
    }

    package var name: String
    package var fileName: String?
    package var mediaType: String?
    package var content: Content

    package init(name: String, text: String) {
        self.name = name
        content = .text(text)
    }

    package init(name: String, fileName: String, mediaType: String = "application/octet-stream", file: String) {
        self.name = name
        self.fileName = fileName
        self.mediaType = mediaType
        content = .file(file)
    }
}

/// `multipart/form-data` (RFC 7578) of known length, never whole in memory.
package struct MultipartForm: AsyncSequence, Sendable {
    package typealias Element = ByteBuffer

    fileprivate enum Piece: Sendable {
        case bytes([UInt8])
        case file(path: String, bytes: Int)
    }

    package let boundary: String
    /// Bytes of the whole body.
    package let length: Int64
    fileprivate let pieces: [Piece]

    /// Told how many bytes have been handed out; less than before when the form is sent again.
    private let progress: @Sendable (Int64) -> Void

    /// Throws `local` when a file cannot be read.
    package init(
        _ parts: [FormPart], progress: @escaping @Sendable (Int64) -> Void = { _ in }
    ) throws(ClientFailure) {
        self.progress = progress
        var generator = SystemRandomNumberGenerator()
        boundary = "panal-" + String(generator.next(), radix: 36) + String(generator.next(), radix: 36)
        var pieces: [Piece] = []
        for part in parts {
            var head = "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(Self.quoted(part.name))\""
            if let fileName = part.fileName { head += "; filename=\"\(Self.quoted(fileName))\"" }
            if let mediaType = part.mediaType { head += "\r\nContent-Type: \(mediaType)" }
            head += "\r\n\r\n"
            switch part.content {
            case .text(let text): pieces.append(.bytes(Array((head + text + "\r\n").utf8)))
            case .file(let path):
                pieces += [
                    .bytes(Array(head.utf8)), .file(path: path, bytes: try OpenFile(path).size),
                    .bytes(Array("\r\n".utf8)),
                ]
            }
        }
        pieces.append(.bytes(Array("--\(boundary)--\r\n".utf8)))
        self.pieces = pieces
        length = pieces.reduce(0) { sum, piece in
            switch piece {
            case .bytes(let bytes): sum + Int64(bytes.count)
            case .file(_, let bytes): sum + Int64(bytes)
            }
        }
    }

    /// As browsers write names into the header (WHATWG).
    private static func quoted(_ text: String) -> String {
        text.replacing("\r", with: "%0D").replacing("\n", with: "%0A").replacing("\"", with: "%22")
    }

    package func makeAsyncIterator() -> Iterator { Iterator(pieces: pieces[...], progress: progress) }

    package struct Iterator: AsyncIteratorProtocol {
        fileprivate var pieces: ArraySlice<Piece>
        private var file: (open: OpenFile, path: String)?
        private var place = 0
        private var left = 0
        private var sent: Int64 = 0
        private let progress: @Sendable (Int64) -> Void

        fileprivate init(pieces: ArraySlice<Piece>, progress: @escaping @Sendable (Int64) -> Void) {
            self.pieces = pieces
            self.progress = progress
        }

        package mutating func next() async throws -> ByteBuffer? {
            progress(sent)
            let piece = try piece()
            sent += Int64(piece?.readableBytes ?? 0)
            return piece
        }

        private mutating func piece() throws -> ByteBuffer? {
            while true {
                if let (open, path) = file {
                    guard left > 0 else {
                        file = nil
                        continue
                    }
                    let chunk = try open.read(at: place, atMost: Swift.min(left, 65_536))
                    guard !chunk.isEmpty else {
                        throw ClientFailure(.local, "\(path) became shorter while it was sent")
                    }
                    place += chunk.count
                    left -= chunk.count
                    return ByteBuffer(bytes: chunk)
                }
                switch pieces.popFirst() {
                case nil: return nil
                case .bytes(let bytes)?: return ByteBuffer(bytes: bytes)
                case .file(let path, let bytes)?:
                    file = (try OpenFile(path), path)
                    place = 0
                    left = bytes
                }
            }
        }
    }
}
