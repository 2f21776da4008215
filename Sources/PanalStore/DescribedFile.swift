import Glibc
import PanalArchive
package import PanalCore

/// A temporary file that somebody writes to by its descriptor, and that is hashed and becomes a blob when that is done. It goes with its
/// owner where it has not become one.
private final class DescribedFile: Sendable {
    private let folder: DataFolder
    private let path: String
    private let file: OwnedDescriptor

    init(in folder: DataFolder) throws {
        self.folder = folder
        path = folder.temporaryPath()
        file = try OwnedDescriptor(opening: path, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
    }

    // Harmless where it has become a blob: then there is nothing of this name.
    deinit { try? Files.removeFile(path) }

    var descriptor: Int32 { file.number }

    func place() throws -> (content: ContentHash, bytes: Int) {
        var hasher = ContentHasher()
        var size = 0
        while true {
            let piece = try file.read(at: size, count: 256 << 10)
            if piece.isEmpty { break }
            hasher.update(piece)
            size += piece.count
        }
        try file.setMode(0o444)
        try file.synchronize()
        let hash = hasher.finish()
        try folder.placeBlob(path, as: hash, isHeld: true)
        return (hash, size)
    }
}

extension DirectoryBlobStore {
    package func heldBlob(
        _ write: @escaping @Sendable (Int32) async throws -> Void
    ) async throws -> (content: ContentHash, bytes: Int) {
        let file = try await disk.run { [folder] in try DescribedFile(in: folder) }
        try await write(file.descriptor)
        try Task.checkCancellation()
        // Hashing takes as long as the disk does: on the thread for long work.
        return try await unpacking.run { try file.place() }
    }
}
