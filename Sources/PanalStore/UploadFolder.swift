import Glibc
import PanalArchive
package import PanalCore
import Synchronization

extension DirectoryBlobStore {
    package func uploadWriter(_ id: UploadID, at offset: Int) async throws -> any UploadWriter {
        // Not twice by two writers: what the first of them adds is not in the second's.
        let known = hashedUploads.take(id)
        let hashed = offset == 0 ? HashedUpload() : known?.bytes == offset ? known : nil
        return try await disk.run { [folder, disk, hashedUploads] in
            let file = try OwnedDescriptor(opening: folder.uploadPath(id), O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
            guard try file.size() >= offset else { throw BlobError.closed }
            try file.truncate(to: offset)
            try file.seekToEnd()
            return FileUploadWriter(file, at: offset, hashed, disk: disk) { hashedUploads.put($0, of: id) }
        }
    }

    package func placeUpload(_ id: UploadID) async throws -> (content: ContentHash, bytes: Int) {
        // Reading a large file takes long: not on the threads that jobs need.
        let known = hashedUploads.take(id)
        return try await unpacking.run { [folder] in
            let path = folder.uploadPath(id)
            let file = try OwnedDescriptor(opening: path, O_RDONLY | O_NOFOLLOW)
            let size = try file.size()
            // Else the server has begun anew since then, or a part came twice.
            var hashed = HashedUpload()
            if let known, known.bytes == size { hashed = known }
            while case let piece = try file.read(at: hashed.bytes, count: 1 << 20), !piece.isEmpty {
                hashed.update(piece)
            }
            try file.setMode(0o444)
            try file.synchronize()
            // A second name, so that the upload is still there when the server ends before it has noted the content.
            let temporary = folder.temporaryPath()
            try Files.link(path, to: temporary)
            let hash = hashed.finish()
            try folder.placeBlob(temporary, as: hash)
            return (hash, hashed.bytes)
        }
    }

    package func removeUpload(_ id: UploadID) async throws {
        _ = hashedUploads.take(id)
        try await disk.run { [folder] in try Files.removeFile(folder.uploadPath(id)) }
    }

    package func removeUploads(except kept: Set<UploadID>, before moment: Timestamp) async throws {
        try await disk.run { [folder] in
            for name in try Files.names(in: folder.path + "/uploads") {
                guard UploadID(name).map({ !kept.contains($0) }) ?? true else { continue }
                let path = folder.path + "/uploads/" + name
                guard let found = try Files.look(path), found.modified < moment.microseconds else { continue }
                try Files.removeFile(path)
            }
        }
    }
}

/// The hash of an upload's first bytes.
struct HashedUpload: Sendable {
    private var hasher = ContentHasher()
    private(set) var bytes = 0

    mutating func update(_ piece: [UInt8]) {
        hasher.update(piece)
        bytes += piece.count
    }

    func finish() -> ContentHash { hasher.finish() }
}

/// Hashes of what has come of uploads so far, so that nobody has to read them again at their end. Those that are not here are read.
final class HashedUploads: Sendable {
    private let known = Mutex<[UploadID: HashedUpload]>([:])
    private static let most = 1_000

    func take(_ id: UploadID) -> HashedUpload? { known.withLock { $0.removeValue(forKey: id) } }

    func put(_ hashed: HashedUpload, of id: UploadID) {
        known.withLock { known in
            if known.count >= Self.most, let other = known.keys.first { known[other] = nil }
            known[id] = hashed
        }
    }
}

/// Gathers small pieces, and writes on the threads for the disk.
actor FileUploadWriter: UploadWriter {
    private struct State: ~Copyable {
        let file: OwnedDescriptor
        var size: Int
        /// Nil where what came before is not known.
        var hashed: HashedUpload?
        var behind: WriteBehind
        /// Why bytes that were taken have not come to the disk. The kernel tells it once for a descriptor: whoever asks this one again would
        /// be told that all is well.
        var failure: (any Error)?

        mutating func append(_ piece: [UInt8]) throws {
            if let failure { throw failure }
            hashed?.update(piece)
            try file.write(piece)
            size += piece.count
            do {
                try behind.note(size, in: file)
            } catch {
                failure = error
                throw error
            }
        }

        /// Answers how many bytes are on the disk.
        mutating func synchronize() throws -> Int {
            if let failure { throw failure }
            do {
                try file.synchronize()
            } catch {
                failure = error
                throw error
            }
            return try file.size()
        }
    }

    private final class Box: Sendable {
        let state: Mutex<State>

        init(_ state: consuming State) { self.state = Mutex(state) }
    }

    private let box: Box
    private let disk: DiskQueue
    private let onSynchronized: @Sendable (HashedUpload) -> Void
    private var gathered = GatheredPieces()

    /// `onSynchronized` is told of all bytes that are on the disk, where they are known.
    init(
        _ file: consuming OwnedDescriptor, at offset: Int, _ hashed: HashedUpload?, disk: DiskQueue,
        onSynchronized: @escaping @Sendable (HashedUpload) -> Void
    ) {
        box = Box(State(file: file, size: offset, hashed: hashed, behind: WriteBehind(from: offset)))
        self.disk = disk
        self.onSynchronized = onSynchronized
    }

    func append(_ bytes: [UInt8]) async throws {
        if gathered.add(bytes) { try await flush() }
    }

    func synchronize() async throws -> Int {
        try await flush()
        return try await disk.run { [box, onSynchronized] in
            try box.state.withLock { state in
                let size = try state.synchronize()
                if let hashed = state.hashed, hashed.bytes == size { onSynchronized(hashed) }
                return size
            }
        }
    }

    private func flush() async throws {
        let pieces = gathered.takeAll()
        guard !pieces.isEmpty else { return }
        try await disk.run { [box] in
            try box.state.withLock { state in
                for piece in pieces { try state.append(piece) }
            }
        }
    }
}
