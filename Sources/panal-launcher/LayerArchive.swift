internal import Glibc
internal import PanalLinux

/// Writes a tar archive: ustar (POSIX.1), with an extended header before an entry whose name, link, size or time does not fit.
/// Whatever is wrong with the file that it goes to is step `copy.write`; more than so many bytes is `copy.size`.
struct LayerArchive: ~Copyable {
    enum Kind: UInt8 {
        case file = 0x30
        case hardLink = 0x31
        case link = 0x32
        case folder = 0x35
    }

    struct Entry {
        var path: [UInt8]
        var kind: Kind
        /// Permissions; the owner is always root, and set-id bits are left out.
        var mode: UInt32 = 0o644
        /// Seconds since 1970.
        var modified: Int64 = 0
        /// Bytes of a file.
        var size: UInt64 = 0
        /// Where a link leads, or the path of the file that a hard link is another name of.
        var target: [UInt8] = []
    }

    private let file: Int32
    private let maximumBytes: UInt64
    private var waiting: [UInt8] = []
    /// Of the archive so far.
    private(set) var bytes: UInt64 = 0

    private static let block = 512
    private static let together = 256 << 10

    /// `file` stays the caller's.
    init(file: Int32, maximumBytes: UInt64) {
        self.file = file
        self.maximumBytes = maximumBytes
    }

    /// Adds an entry. What a file holds follows by `add(_:)`, in all its size, and `pad`.
    mutating func add(_ entry: Entry) throws(StepFailure) {
        // That it does not fit is told before any of it is written.
        try reserve(entry.kind == .file ? entry.size : 0)
        let records = Self.records(entry)
        if !records.isEmpty {
            let name = Array("PaxHeaders/entry".utf8)
            try put(Self.header(name, 0x78, mode: 0o644, modified: 0, size: UInt64(records.count), target: []))
            try put(records)
            try pad(after: UInt64(records.count))
        }
        try put(
            Self.header(
                entry.path, entry.kind.rawValue, mode: entry.mode & 0o1777, modified: entry.modified,
                size: entry.kind == .file ? entry.size : 0, target: entry.target))
    }

    mutating func add(_ content: [UInt8]) throws(StepFailure) { try put(content) }

    mutating func pad(after size: UInt64) throws(StepFailure) {
        let rest = Int(size % UInt64(Self.block))
        if rest > 0 { try put([UInt8](repeating: 0, count: Self.block - rest)) }
    }

    /// The end of the archive, and all that is still to be written.
    mutating func finish() throws(StepFailure) {
        try put([UInt8](repeating: 0, count: 2 * Self.block))
        try flush()
    }

    private func reserve(_ more: UInt64) throws(StepFailure) {
        guard more <= maximumBytes, bytes <= maximumBytes - more else {
            throw StepFailure(
                step: "copy.size", detail: "what the program has changed takes more than \(maximumBytes) bytes",
                errno: EFBIG)
        }
    }

    private mutating func put(_ more: [UInt8]) throws(StepFailure) {
        try reserve(UInt64(more.count))
        bytes += UInt64(more.count)
        if more.count >= Self.together {
            try flush()
            return try write(more)
        }
        waiting += more
        if waiting.count >= Self.together { try flush() }
    }

    private mutating func flush() throws(StepFailure) {
        try write(waiting)
        waiting.removeAll(keepingCapacity: true)
    }

    private func write(_ bytes: [UInt8]) throws(StepFailure) {
        var offset = 0
        while offset < bytes.count {
            let written = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(file, buffer.baseAddress?.advanced(by: offset), buffer.count - offset)
            }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else {
                let number = written == 0 ? EIO : errno
                throw StepFailure(
                    step: "copy.write",
                    detail: "the file that the copy goes to could not be written: \(SystemCallFailure.text(number))",
                    errno: number)
            }
            offset += written
        }
    }

    // MARK: Headers

    /// The largest of eleven octal digits.
    private static let largest: UInt64 = 0o777_7777_7777

    /// What of an entry does not fit into its header, as records of an extended one.
    private static func records(_ entry: Entry) -> [UInt8] {
        var records: [UInt8] = []
        if split(entry.path) == nil { records += record("path", entry.path) }
        if entry.target.count > 100 { records += record("linkpath", entry.target) }
        if entry.kind == .file, entry.size > largest { records += record("size", Array("\(entry.size)".utf8)) }
        if !(0...Int64(largest)).contains(entry.modified) {
            records += record("mtime", Array("\(entry.modified)".utf8))
        }
        return records
    }

    /// `length key=value` and a line's end; the length counts itself.
    private static func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
        let rest = Array(" \(key)=".utf8) + value + [UInt8(ascii: "\n")]
        var length = rest.count
        while "\(length)".utf8.count + rest.count != length { length = "\(length)".utf8.count + rest.count }
        return Array("\(length)".utf8) + rest
    }

    /// A path as ustar's two fields have it, of at most 155 and 100 bytes; nil where it does not fit.
    private static func split(_ path: [UInt8]) -> (prefix: ArraySlice<UInt8>, name: ArraySlice<UInt8>)? {
        if path.count <= 100 { return ([], path[...]) }
        let slash = path.indices.first { index in
            path[index] == UInt8(ascii: "/") && path.count - index - 1 <= 100 && index < path.count - 1
        }
        guard let slash, (1...155).contains(slash) else { return nil }
        return (path[..<slash], path[(slash + 1)...])
    }

    private static let magic = Array("ustar\u{0}00".utf8)[...]

    private static func header(
        _ path: [UInt8], _ kind: UInt8, mode: UInt32, modified: Int64, size: UInt64, target: [UInt8]
    ) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: block)
        // Of all bytes, the eight of the sum itself as blanks.
        var sum = 8 * 0x20
        func set(_ place: Int, _ bytes: ArraySlice<UInt8>) {
            var place = place
            for byte in bytes {
                header[place] = byte
                place += 1
                sum += Int(byte)
            }
        }
        /// Octal digits that end before `end`, the rest of them zeros.
        func number(_ value: UInt64, _ digits: Int, before end: Int) {
            var rest = value
            for place in 1...digits {
                let digit = UInt8(ascii: "0") + UInt8(rest & 7)
                header[end - place] = digit
                sum += Int(digit)
                rest >>= 3
            }
        }
        let parts = split(path) ?? ([], path.prefix(100))
        set(0, parts.name)
        number(UInt64(mode), 7, before: 107)
        number(0, 7, before: 115)
        number(0, 7, before: 123)
        number(size > largest ? 0 : size, 11, before: 135)
        number((0...Int64(largest)).contains(modified) ? UInt64(modified) : 0, 11, before: 147)
        set(156, [kind])
        set(157, target.prefix(100))
        set(257, Self.magic)
        set(345, parts.prefix)
        number(UInt64(sum), 6, before: 154)
        header[155] = 0x20
        return header
    }
}
