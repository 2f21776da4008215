import PanalCore

/// What a 64-bit ELF file asks of the system that starts it (System V ABI, chapters 4 and 5): its loader and its libraries. Every number
/// comes from a stranger, so each is held against the file's size before it is followed.
struct ExecutableFile: Hashable, Sendable {
    /// Nil for a file that is started without a loader.
    var interpreter: String?
    /// Names of libraries, in the file's order.
    var libraries: [String] = []
    /// Where the file itself says that libraries lie; `$ORIGIN` is the file's folder.
    var searchPath: [String] = []

    struct Damage: Error, Hashable, Sendable {
        var detail: String
    }

    /// Bytes of the tables that are read at most.
    private static let mostHeaders = 128
    private static let mostDynamicBytes = 64 << 10
    private static let mostTextBytes = 4 << 20
    private static let mostLibraries = 512
    static let mostFolders = 64

    private struct Segment {
        var type: UInt64
        var offset: Int
        var address: Int
        var size: Int
    }

    init(interpreter: String? = nil, libraries: [String] = [], searchPath: [String] = []) {
        self.interpreter = interpreter
        self.libraries = libraries
        self.searchPath = searchPath
    }

    /// `read` answers the bytes of a range that lies in the file. Throws ``Damage`` for a file that contradicts itself.
    init(size: Int, read: (Range<Int>) async throws -> [UInt8]) async throws {
        func piece(_ offset: Int, _ count: Int, _ what: String) async throws -> [UInt8] {
            let (end, isOver) = offset.addingReportingOverflow(count)
            guard offset >= 0, count >= 0, !isOver, end <= size else {
                throw Damage(detail: "its \(what) lies outside the file")
            }
            let bytes = try await read(offset..<end)
            guard bytes.count == count else { throw Damage(detail: "its \(what) cannot be read") }
            return bytes
        }
        let header = try await piece(0, 64, "header")
        guard header[4] == 2, header[5] == 1 else { throw Damage(detail: "it is no 64-bit program") }
        let count = Int(Self.number(header, at: 56, bytes: 2))
        let width = Int(Self.number(header, at: 54, bytes: 2))
        guard width >= 56, count <= Self.mostHeaders else { throw Damage(detail: "its table of segments is too large") }
        let table = try await piece(Self.place(header, at: 32), count * width, "table of segments")
        let segments = (0..<count).map { number in
            let start = number * width
            return Segment(
                type: Self.number(table, at: start, bytes: 4), offset: Self.place(table, at: start + 8),
                address: Self.place(table, at: start + 16), size: Self.place(table, at: start + 32))
        }
        if let loader = segments.first(where: { $0.type == 3 }) {
            guard loader.size <= 4_096 else { throw Damage(detail: "the name of its loader is too long") }
            interpreter = Self.text(try await piece(loader.offset, loader.size, "loader's name"), at: 0)
        }
        guard let dynamic = segments.first(where: { $0.type == 2 }) else { return }
        let entries = try await piece(dynamic.offset, min(dynamic.size, Self.mostDynamicBytes), "dynamic section")
        try await readDynamic(entries, segments, piece)
    }

    private mutating func readDynamic(
        _ entries: [UInt8], _ segments: [Segment],
        _ piece: (_ offset: Int, _ count: Int, _ what: String) async throws -> [UInt8]
    ) async throws {
        var needed: [Int] = []
        var paths: [Int] = []
        var texts: (address: Int, size: Int) = (0, 0)
        for start in stride(from: 0, to: entries.count - 15, by: 16) {
            let value = Self.place(entries, at: start + 8)
            switch Self.number(entries, at: start, bytes: 8) {
            case 1: needed.append(value)
            case 5: texts.address = value
            case 10: texts.size = value
            case 15, 29: paths.append(value)
            default: break
            }
            if Self.number(entries, at: start, bytes: 8) == 0 { break }
        }
        guard !needed.isEmpty || !paths.isEmpty else { return }
        let holder = segments.first { segment in
            segment.type == 1 && segment.address >= 0 && texts.address >= segment.address
                && texts.address - segment.address < segment.size
        }
        guard let holder, texts.size <= Self.mostTextBytes else {
            throw Damage(detail: "its table of names lies nowhere")
        }
        let (offset, isOver) = holder.offset.addingReportingOverflow(texts.address - holder.address)
        guard !isOver else { throw Damage(detail: "its table of names lies nowhere") }
        let names = try await piece(offset, texts.size, "table of names")
        // Each library is looked for in each folder: of a file that has more than any program needs nothing is said.
        guard needed.count <= Self.mostLibraries, paths.count <= Self.mostFolders else { return }
        let folders = paths.compactMap { Self.text(names, at: $0) }.flatMap {
            $0.split(separator: ":").map(String.init)
        }
        guard folders.count <= Self.mostFolders else { return }
        libraries = needed.compactMap { Self.text(names, at: $0) }
        searchPath = folders
    }

    private static func number(_ bytes: [UInt8], at start: Int, bytes count: Int) -> UInt64 {
        bytes[start..<(start + count)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Eight bytes that say where something is; -1, which is nowhere, for what no file is long enough for.
    private static func place(_ bytes: [UInt8], at start: Int) -> Int {
        Int(exactly: number(bytes, at: start, bytes: 8)) ?? -1
    }

    /// Up to the next NUL; nil where the place is outside, or holds no text.
    private static func text(_ bytes: [UInt8], at start: Int) -> String? {
        guard bytes.indices.contains(start) else { return nil }
        let text = String(validating: bytes[start...].prefix { $0 != 0 }.prefix(4_096), as: UTF8.self)
        return text.flatMap { $0.isEmpty || $0.hasControlCharacters ? nil : $0 }
    }
}
