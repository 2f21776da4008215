import Glibc
import PanalArchive
import PanalCore
import Synchronization

/// Brings a program's files together in a temporary folder, and gives them a hash and a place. It blocks its caller and is used by
/// one thread at a time.
final class ProgramBuilder {
    let unpacked: UnpackedFolder
    private let folder: DataFolder
    private let hashes = FileHashes()

    init(in folder: DataFolder, limits: ArchiveLimits) throws {
        self.folder = folder
        unpacked = try UnpackedFolder(at: folder.temporaryPath(), limits: limits) { [hashes] place, piece in
            hashes.note(piece, of: place)
        }
    }

    /// Adds a blob as the one file: as it is, where nobody else wants it, else a copy.
    func add(name: String, blob: ContentHash) throws {
        let source = try OwnedDescriptor(opening: folder.blobPath(blob), O_RDONLY | O_NOFOLLOW)
        let place = try unpacked.addFile(name, isExecutable: true, likeThat: source) { path in
            if try !folder.takeBlob(blob, to: path) { try Self.copy(source, to: path) }
        }
        if let place { hashes.note(blob, of: place) }
    }

    private static func copy(_ source: borrowing OwnedDescriptor, to path: String) throws {
        let file = try OwnedDescriptor(opening: path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        var behind = WriteBehind()
        var bytes = 0
        while case let piece = try source.read(at: bytes, count: 256 << 10), !piece.isEmpty {
            try file.write(piece)
            bytes += piece.count
            try behind.note(bytes, in: file)
        }
    }

    /// Sets the modes, makes everything durable, and gives the folder its place.
    func commit(manifest: [UInt8], entry: String) throws -> ContentHash {
        let path = unpacked.path
        var hasher = ContentHasher()
        hasher.update(framed: "panal program 1".utf8)
        hasher.update(framed: manifest)
        for name in unpacked.folders.sorted() {
            hasher.update(framed: "folder".utf8)
            hasher.update(framed: name.utf8)
        }
        for file in unpacked.files.sorted(by: { $0.path < $1.path }) {
            let isExecutable = file.isExecutable || file.path == entry
            hasher.update(framed: (isExecutable ? "executable" : "file").utf8)
            hasher.update(framed: file.path.utf8)
            hasher.update(framed: hashes.hash(of: file.path).hex.utf8)
            let written = try OwnedDescriptor(opening: path + "/" + file.path, O_RDONLY | O_NOFOLLOW)
            try written.setMode(isExecutable ? 0o555 : 0o444)
            try written.synchronize()
        }
        for name in unpacked.folders {
            try Files.synchronizeFolder(path + "/" + name)
            try Files.setMode(path + "/" + name, 0o555)
        }
        try Files.synchronizeFolder(path)
        let content = hasher.finish()
        try folder.placeProgram(path, as: content)
        unpacked.handOver()
        return content
    }
}

/// The hash of each file that is written.
private final class FileHashes {
    private var states: [String: ContentHasher] = [:]
    private var known: [String: ContentHash] = [:]

    func note(_ piece: [UInt8], of place: String) {
        states[place, default: ContentHasher()].update(piece)
    }

    /// For a file whose content is known by its hash.
    func note(_ content: ContentHash, of place: String) { known[place] = content }

    /// Of an empty file, when nothing was noted.
    func hash(of place: String) -> ContentHash { known[place] ?? states[place, default: ContentHasher()].finish() }
}

/// A staged program for tasks.
final class StagedFolder: StagedProgram, @unchecked Sendable {
    let files: [ProgramFile]
    private let folder: DataFolder
    private let disk: DiskQueue
    private let bytes: Int
    /// Guarded by `lock`; whoever takes it out works on it alone.
    private var builder: ProgramBuilder?
    private let lock = Mutex(())
    /// What has its place and is held there.
    private let placed = Mutex<ContentHash?>(nil)

    init(_ builder: ProgramBuilder, folder: DataFolder, disk: DiskQueue) {
        files = builder.unpacked.files.sorted { $0.path < $1.path }
        bytes = builder.unpacked.bytes
        self.builder = builder
        self.folder = folder
        self.disk = disk
    }

    func commit(manifest: [UInt8], entry: String) async throws -> (content: ContentHash, bytes: Int) {
        let content = try await disk.run { [self] in
            guard let builder = take() else { throw BlobError.closed }
            let content = try builder.commit(manifest: manifest, entry: entry)
            placed.withLock { $0 = content }
            return content
        }
        return (content, bytes)
    }

    func keep() async { await release(isKept: true) }

    func discard() async {
        _ = try? await disk.run { [self] in _ = take() }
        await release(isKept: false)
    }

    /// On the one queue of commits, as removing a large program takes long. What cannot be removed now is found by the next
    /// housekeeping.
    private func release(isKept: Bool) async {
        guard let content = placed.withLock({ $0.take() }) else { return }
        _ = try? await disk.run { [folder] in try folder.releaseProgram(content, isKept: isKept) }
    }

    private func take() -> ProgramBuilder? {
        lock.withLock { _ in
            defer { builder = nil }
            return builder
        }
    }
}
