import Glibc
import PanalArchive
import PanalCore
import Synchronization

/// A file that is hashed while it is written and becomes a blob at its end; without that end nothing stays. It blocks its caller.
struct BlobFile: ~Copyable, Sendable {
    private let folder: DataFolder
    private let path: String
    private let file: OwnedDescriptor
    private let limit: Int
    private let isHeld: Bool
    private var hasher = ContentHasher()
    private var behind = WriteBehind()
    private var isPlaced = false
    private(set) var bytes = 0

    init(in folder: DataFolder, limit: Int, isHeld: Bool = false) throws {
        self.folder = folder
        self.limit = limit
        self.isHeld = isHeld
        path = folder.temporaryPath()
        file = try OwnedDescriptor(opening: path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
    }

    deinit {
        if !isPlaced { try? Files.removeFile(path) }
    }

    mutating func append(_ piece: [UInt8]) throws {
        guard piece.count <= limit - bytes else { throw BlobError.tooLarge(limit: limit) }
        hasher.update(piece)
        try file.write(piece)
        bytes += piece.count
        try behind.note(bytes, in: file)
    }

    mutating func place() throws -> ContentHash {
        try file.setMode(0o444)
        try file.synchronize()
        let hash = hasher.finish()
        try folder.placeBlob(path, as: hash, isHeld: isHeld)
        isPlaced = true
        return hash
    }
}

/// Pieces on their way to the disk, which go there together; only small ones are copied together.
struct GatheredPieces: Sendable {
    private var pieces: [[UInt8]] = []
    private var bytes = 0
    private static let most = 256 << 10
    private static let small = 4 << 10

    /// Answers whether it is time to write.
    mutating func add(_ piece: [UInt8]) -> Bool {
        if piece.count < Self.small, let last = pieces.indices.last, pieces[last].count < Self.most {
            pieces[last] += piece
        } else {
            pieces.append(piece)
        }
        bytes += piece.count
        return bytes >= Self.most
    }

    mutating func takeAll() -> [[UInt8]] {
        defer { self = GatheredPieces() }
        return pieces
    }
}

/// A blob's writer for tasks: small pieces are gathered, and written on the threads for the disk.
actor FileBlobWriter: BlobWriter {
    /// The file on its way between the actor and the disk's threads; nil when it is placed or forgotten.
    private final class Box: Sendable {
        let file: Mutex<BlobFile?>

        init(_ file: consuming BlobFile) {
            self.file = Mutex(file)
        }
    }

    private let disk: DiskQueue
    private let box: Box
    private let limit: Int
    private var gathered = GatheredPieces()
    private var total = 0
    private var isOpen = true

    init(_ file: consuming BlobFile, limit: Int, disk: DiskQueue) {
        box = Box(file)
        self.limit = limit
        self.disk = disk
    }

    func append(_ bytes: [UInt8]) async throws {
        guard isOpen else { throw BlobError.closed }
        guard bytes.count <= limit - total else {
            await discard()
            throw BlobError.tooLarge(limit: limit)
        }
        total += bytes.count
        if gathered.add(bytes) { try await flush() }
    }

    func finish() async throws -> (content: ContentHash, bytes: Int) {
        guard isOpen else { throw BlobError.closed }
        try await flush()
        isOpen = false
        let hash = try await disk.run { [box] in
            try box.file.withLock { file in
                guard var last = file.take() else { throw BlobError.closed }
                return try last.place()
            }
        }
        return (hash, total)
    }

    func discard() async {
        guard isOpen else { return }
        isOpen = false
        _ = gathered.takeAll()
        _ = try? await disk.run { [box] in box.file.withLock { $0 = nil } }
    }

    private func flush() async throws {
        let pieces = gathered.takeAll()
        guard !pieces.isEmpty else { return }
        do {
            try await disk.run { [box] in
                try box.file.withLock { file in
                    guard file != nil else { throw BlobError.closed }
                    for piece in pieces { try file?.append(piece) }
                }
            }
        } catch {
            await discard()
            throw error
        }
    }
}
