import Glibc
import PanalArchive
import PanalCore

/// A program's folder as a tar archive (POSIX pax) that nobody has written: headers are made here, contents are read from the files. The
/// same program is always the same bytes, whichever part of it is asked for.
struct ProgramArchive: ByteSource {
    /// What stands in the archive from one place on.
    private struct Piece {
        enum Content {
            case bytes([UInt8])
            /// A file, then zeroes up to the next whole block.
            case file(path: String, bytes: Int)
        }

        var start: Int
        var content: Content
    }

    let size: Int
    private let pieces: [Piece]
    private let disk: DiskQueue
    private static let block = 512

    /// Looks through the folder. It blocks its caller.
    init(folder: String, disk: DiskQueue) throws {
        self.disk = disk
        var pieces: [Piece] = []
        var size = 0
        func add(_ content: Piece.Content, _ count: Int) {
            pieces.append(Piece(start: size, content: content))
            size += count
        }
        func walk(_ relative: String) throws {
            for name in try Files.names(in: relative.isEmpty ? folder : "\(folder)/\(relative)").sorted() {
                let path = relative.isEmpty ? name : "\(relative)/\(name)"
                guard let found = try Files.look("\(folder)/\(path)") else { throw BlobError.closed }
                let isExecutable = try found.isFolder || Self.isExecutable("\(folder)/\(path)")
                let header = Self.header(path, found.isFolder ? nil : found.size, isExecutable: isExecutable)
                add(.bytes(header), header.count)
                if found.isFolder {
                    try walk(path)
                } else if found.size > 0 {
                    add(.file(path: "\(folder)/\(path)", bytes: found.size), Self.padded(found.size))
                }
            }
        }
        try walk("")
        add(.bytes([UInt8](repeating: 0, count: 2 * Self.block)), 2 * Self.block)
        self.pieces = pieces
        self.size = size
    }

    /// Of files wherever they are, each under a path of its own.
    init(files: [(path: String, file: String, bytes: Int)], disk: DiskQueue) {
        self.disk = disk
        var pieces: [Piece] = []
        var size = 0
        func add(_ content: Piece.Content, _ count: Int) {
            pieces.append(Piece(start: size, content: content))
            size += count
        }
        for file in files {
            let header = Self.header(file.path, file.bytes, isExecutable: false)
            add(.bytes(header), header.count)
            if file.bytes > 0 { add(.file(path: file.file, bytes: file.bytes), Self.padded(file.bytes)) }
        }
        add(.bytes([UInt8](repeating: 0, count: 2 * Self.block)), 2 * Self.block)
        self.pieces = pieces
        self.size = size
    }

    func open() async throws -> any ByteReader { Reader(archive: self) }

    private static func isExecutable(_ path: String) throws -> Bool {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { throw FileError("stat", path) }
        return status.st_mode & 0o111 != 0
    }

    private static func padded(_ count: Int) -> Int { (count + block - 1) / block * block }

    // MARK: Reading

    /// Keeps the file open that was read last.
    private final class Reader: ByteReader, @unchecked Sendable {
        private let archive: ProgramArchive
        /// Only touched on the disk queue, one read after the other.
        private var place = -1
        private var file: FileBox?

        init(archive: ProgramArchive) { self.archive = archive }

        func read(at offset: Int, count: Int) async throws -> [UInt8] {
            try await archive.disk.run { [self] in try bytes(at: offset, count: count) }
        }

        private func bytes(at offset: Int, count: Int) throws -> [UInt8] {
            guard offset < archive.size else { return [] }
            let found = archive.piece(at: offset)
            let piece = archive.pieces[found]
            let end = found + 1 < archive.pieces.count ? archive.pieces[found + 1].start : archive.size
            let inner = offset - piece.start
            let wanted = min(count, end - offset)
            switch piece.content {
            case .bytes(let bytes): return Array(bytes[inner..<inner + wanted])
            case .file(let path, let size):
                guard inner < size else { return [UInt8](repeating: 0, count: wanted) }
                if place != found {
                    file = FileBox(try OwnedDescriptor(opening: path, O_RDONLY | O_NOFOLLOW))
                    place = found
                }
                return try file?.read(at: inner, count: min(wanted, size - inner), of: size) ?? []
            }
        }
    }

    private final class FileBox {
        private let descriptor: OwnedDescriptor
        private var behind = ReadBehind()

        init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

        func read(at offset: Int, count: Int, of size: Int) throws -> [UInt8] {
            let bytes = try descriptor.read(at: offset, count: count)
            behind.note(offset + bytes.count, of: size, in: descriptor)
            return bytes
        }
    }

    /// The last piece that begins at or before `offset`.
    private func piece(at offset: Int) -> Int {
        var (low, high) = (0, pieces.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if pieces[middle].start <= offset { low = middle } else { high = middle }
        }
        return low
    }

    // MARK: Headers

    /// Of a file of `size` bytes, or of a folder. A path that the old format has no room for stands in a pax record before it.
    private static func header(_ path: String, _ size: Int?, isExecutable: Bool) -> [UInt8] {
        let name = size == nil ? path + "/" : path
        let isPlain = name.utf8.count <= 100 && name.utf8.allSatisfy { (32..<127).contains($0) }
        // The old format has eleven octal digits for a size.
        let isLarge = size ?? 0 >= 1 << 33
        var bytes: [UInt8] = []
        if !isPlain || isLarge {
            let record =
                (isPlain ? [] : paxRecord("path", name)) + (isLarge ? paxRecord("size", String(size ?? 0)) : [])
            bytes += ustar("pax", type: "x", size: record.count, mode: "0000644") + record
            bytes += [UInt8](repeating: 0, count: padded(record.count) - record.count)
        }
        bytes += ustar(
            isPlain ? name : "long", type: size == nil ? "5" : "0", size: isLarge ? 0 : size ?? 0,
            mode: isExecutable ? "0000755" : "0000644")
        return bytes
    }

    /// `length key=value\n`, where the length counts itself.
    static func paxRecord(_ key: String, _ value: String) -> [UInt8] {
        let rest = " \(key)=\(value)\n".utf8.count
        var length = rest + 1
        while "\(length)".utf8.count + rest != length { length += 1 }
        return Array("\(length) \(key)=\(value)\n".utf8)
    }

    private static func ustar(_ name: String, type: String, size: Int, mode: String) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: block)
        func put(_ text: String, at place: Int) {
            header.replaceSubrange(place..<place + text.utf8.count, with: text.utf8)
        }
        func octal(_ value: Int, _ digits: Int) -> String {
            let text = String(value, radix: 8)
            return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
        }
        put(name, at: 0)
        put(mode, at: 100)
        put("0000000", at: 108)
        put("0000000", at: 116)
        put(octal(size, 11), at: 124)
        put("00000000000", at: 136)
        put("        ", at: 148)
        put(type, at: 156)
        put("ustar", at: 257)
        put("00", at: 263)
        // The sum is taken with blanks in its own place.
        put(octal(header.reduce(0) { $0 + Int($1) }, 6), at: 148)
        header[154] = 0
        return header
    }
}
