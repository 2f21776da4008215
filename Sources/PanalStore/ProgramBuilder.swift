import Glibc
import PanalCore
import Synchronization

/// Brings a program's files together in a temporary folder. Paths come from `EntryPaths`, so each is made of plain names; every folder
/// on the way is this builder's own, so nothing can lead out. It blocks its caller and is used by one thread at a time.
final class ProgramBuilder {
    private(set) var files: [ProgramFile] = []
    private(set) var folders: Set<String> = []
    private(set) var bytes = 0
    let path: String
    let limits: ArchiveLimits
    private let folder: DataFolder
    private var hashes: [String: ContentHash] = [:]
    private var paths: EntryPaths
    private var isOwned = true
    static let headBytes = 256

    init(in folder: DataFolder, limits: ArchiveLimits) throws {
        self.folder = folder
        self.limits = limits
        paths = EntryPaths(limits: limits)
        path = folder.temporaryPath()
        try Files.makeFolder(path)
    }

    deinit {
        if isOwned { try? Files.removeTree(path) }
    }

    func addFolder(_ name: String) throws {
        guard let place = try paths.add(name, isFolder: true) else { return }
        try makeFolders(place)
    }

    /// Adds a file with what `next` answers piece by piece, until that is empty.
    func addFile(_ name: String, isExecutable: Bool, next: () throws -> [UInt8]) throws {
        guard let place = try paths.add(name, isFolder: false) else { return }
        if let slash = place.lastIndex(of: "/") { try makeFolders(String(place[..<slash])) }
        let file = try OwnedDescriptor(opening: path + "/" + place, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        var hasher = ContentHasher()
        var head: [UInt8] = []
        var size = 0
        while true {
            let piece = try next()
            if piece.isEmpty { break }
            guard piece.count <= limits.bytes - bytes else {
                throw ArchiveError(.tooLarge, "it unpacks to more than \(ByteCount.text(limits.bytes))")
            }
            bytes += piece.count
            size += piece.count
            if head.count < Self.headBytes { head += piece.prefix(Self.headBytes - head.count) }
            hasher.update(piece)
            try file.write(piece)
        }
        hashes[place] = hasher.finish()
        files.append(ProgramFile(path: place, bytes: size, isExecutable: isExecutable, head: head))
    }

    /// Adds a blob as the one file.
    func add(name: String, blob: ContentHash) throws {
        let source = try OwnedDescriptor(opening: folder.blobPath(blob), O_RDONLY | O_NOFOLLOW)
        var offset = 0
        try addFile(name, isExecutable: true) {
            let piece = try source.read(at: offset, count: 256 << 10)
            offset += piece.count
            return piece
        }
    }

    /// Sets the modes, makes everything durable, and gives the folder its place.
    func commit(manifest: [UInt8], entry: String) throws -> ContentHash {
        var hasher = ContentHasher()
        hasher.update(framed: "panal program 1".utf8)
        hasher.update(framed: manifest)
        for name in folders.sorted() {
            hasher.update(framed: "folder".utf8)
            hasher.update(framed: name.utf8)
        }
        for file in files.sorted(by: { $0.path < $1.path }) {
            let isExecutable = file.isExecutable || file.path == entry
            hasher.update(framed: (isExecutable ? "executable" : "file").utf8)
            hasher.update(framed: file.path.utf8)
            hasher.update(framed: (hashes[file.path]?.hex ?? "").utf8)
            let written = try OwnedDescriptor(opening: path + "/" + file.path, O_RDONLY | O_NOFOLLOW)
            try written.setMode(isExecutable ? 0o555 : 0o444)
            try written.synchronize()
        }
        for name in folders {
            try Files.synchronizeFolder(path + "/" + name)
            try Files.setMode(path + "/" + name, 0o555)
        }
        try Files.synchronizeFolder(path)
        let content = hasher.finish()
        try folder.placeProgram(path, as: content)
        isOwned = false
        return content
    }

    private func makeFolders(_ place: String) throws {
        var made = ""
        for part in place.split(separator: "/") {
            made += made.isEmpty ? String(part) : "/" + part
            if folders.insert(made).inserted { try Files.makeFolder(path + "/" + made) }
        }
    }
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

    init(_ builder: ProgramBuilder, folder: DataFolder, disk: DiskQueue) {
        files = builder.files.sorted { $0.path < $1.path }
        bytes = builder.bytes
        self.builder = builder
        self.folder = folder
        self.disk = disk
    }

    func commit(manifest: [UInt8], entry: String) async throws -> (content: ContentHash, bytes: Int) {
        let content = try await disk.run { [self] in
            guard let builder = take() else { throw BlobError.closed }
            return try builder.commit(manifest: manifest, entry: entry)
        }
        return (content, bytes)
    }

    func discard() async {
        _ = try? await disk.run { [self] in _ = take() }
    }

    private func take() -> ProgramBuilder? {
        lock.withLock { _ in
            defer { builder = nil }
            return builder
        }
    }
}
