import Glibc
import PanalArchive
package import PanalCore
import Synchronization

extension DirectoryBlobStore {
    package func uploadWriter(_ id: UploadID, at offset: Int) async throws -> any UploadWriter {
        try await disk.run { [folder, disk] in
            let file = try OwnedDescriptor(opening: folder.uploadPath(id), O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
            guard try file.size() >= offset else { throw BlobError.closed }
            try file.truncate(to: offset)
            try file.seekToEnd()
            return FileUploadWriter(file, disk: disk)
        }
    }

    package func placeUpload(_ id: UploadID) async throws -> (content: ContentHash, bytes: Int) {
        // Reading a large file takes long: not on the threads that jobs need.
        try await unpacking.run { [folder] in
            let path = folder.uploadPath(id)
            let file = try OwnedDescriptor(opening: path, O_RDONLY | O_NOFOLLOW)
            var hasher = ContentHasher()
            var bytes = 0
            while case let piece = try file.read(at: bytes, count: 1 << 20), !piece.isEmpty {
                hasher.update(piece)
                bytes += piece.count
            }
            try file.setMode(0o444)
            try file.synchronize()
            // A second name, so that the upload is still there when the server ends before it has noted the content.
            let temporary = folder.temporaryPath()
            try Files.link(path, to: temporary)
            let hash = hasher.finish()
            try folder.placeBlob(temporary, as: hash)
            return (hash, bytes)
        }
    }

    package func removeUpload(_ id: UploadID) async throws {
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

/// Gathers small pieces, and writes on the threads for the disk.
actor FileUploadWriter: UploadWriter {
    private final class Box: Sendable {
        let file: OwnedDescriptor

        init(_ file: consuming OwnedDescriptor) { self.file = file }
    }

    private let box: Box
    private let disk: DiskQueue
    private var gathered: [UInt8] = []
    private static let pieceBytes = 256 << 10

    init(_ file: consuming OwnedDescriptor, disk: DiskQueue) {
        box = Box(file)
        self.disk = disk
    }

    func append(_ bytes: [UInt8]) async throws {
        gathered += bytes
        if gathered.count >= Self.pieceBytes { try await flush() }
    }

    func synchronize() async throws -> Int {
        try await flush()
        return try await disk.run { [box] in
            try box.file.synchronize()
            return try box.file.size()
        }
    }

    private func flush() async throws {
        let piece = gathered
        gathered = []
        guard !piece.isEmpty else { return }
        try await disk.run { [box] in try box.file.write(piece) }
    }
}
