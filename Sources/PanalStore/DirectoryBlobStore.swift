import Glibc
import PanalArchive
package import PanalCore
import Synchronization

/// The blob store in a folder of one file system.
package final class DirectoryBlobStore: BlobStore {
    let folder: DataFolder
    let disk = DiskQueue()
    /// Archives are unpacked here: a few large ones would leave no thread for running jobs.
    let unpacking = DiskQueue(oneByOne: true)
    let hashedUploads = HashedUploads()

    /// Opens or makes the folder and forgets what an earlier run did not finish. Throws `DataFolderInUse` while another store, of this
    /// process or another one, uses it.
    package init(path: String) throws {
        folder = try DataFolder(path: path)
    }

    package func writer(limit: Int, isHeld: Bool) async throws -> any BlobWriter {
        try await disk.run { [folder, disk] in
            FileBlobWriter(try BlobFile(in: folder, limit: limit, isHeld: isHeld), limit: limit, disk: disk)
        }
    }

    package func release(_ blobs: [ContentHash]) async {
        guard !blobs.isEmpty else { return }
        // What cannot be removed now is found by the next housekeeping.
        _ = try? await disk.run { [folder] in
            for blob in blobs { try? folder.releaseBlob(blob) }
        }
    }

    package func size(of blob: ContentHash) async throws -> Int? {
        try await disk.run { [folder] in try Files.look(folder.blobPath(blob))?.size }
    }

    package func blob(_ hash: ContentHash) async throws -> StoredBytes {
        guard let size = try await size(of: hash) else { throw BlobError.missing(hash) }
        return StoredBytes(size: size, range: 0..<size, source: FileSource(path: folder.blobPath(hash), disk: disk))
    }

    package func renew(_ blob: ContentHash) async throws -> Int {
        guard let size = try await disk.run({ [folder] in try folder.renewBlob(blob) }) else {
            throw BlobError.missing(blob)
        }
        return size
    }

    package func stage(_ source: ProgramSource, limits: ArchiveLimits) async throws -> any StagedProgram {
        try await unpacking.run { [folder, unpacking] in
            let builder = try ProgramBuilder(in: folder, limits: limits)
            switch source {
            case .file(let name, let content):
                guard try Files.look(folder.blobPath(content)) != nil else { throw BlobError.missing(content) }
                try builder.add(name: name, blob: content)
            case .archive(let format, let content):
                guard let packed = try Files.look(folder.blobPath(content)) else { throw BlobError.missing(content) }
                try ArchiveReader.unpack(
                    folder.blobPath(content), as: format, packedBytes: packed.size, into: builder.unpacked)
            }
            return StagedFolder(builder, folder: folder, disk: unpacking)
        }
    }

    package func file(_ path: String, of program: ContentHash) async throws -> StoredBytes? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        // A program's folder holds folders and plain files and nothing else, so no part of a path leads out of it.
        let isPlain = parts.allSatisfy { !["", ".", ".."].contains($0) && $0.utf8.count <= 255 }
        guard isPlain, path.utf8.count <= 4_000, !path.utf8.contains(0) else { return nil }
        let place = folder.programPath(program) + "/" + path
        let size = try await disk.run { () -> Int? in
            guard let found = try Files.look(place), !found.isFolder else { return nil }
            return found.size
        }
        return size.map { StoredBytes(size: $0, range: 0..<$0, source: FileSource(path: place, disk: disk)) }
    }

    package func program(_ content: ContentHash) async throws -> StoredBytes {
        let path = folder.programPath(content)
        let archive = try await disk.run { [disk] in
            guard try Files.look(path) != nil else { throw BlobError.missing(content) }
            return try ProgramArchive(folder: path, disk: disk)
        }
        return StoredBytes(size: archive.size, range: 0..<archive.size, source: archive)
    }

    package func archive(_ files: [(path: String, content: ContentHash)]) async throws -> StoredBytes {
        let archive = try await disk.run { [disk, folder] in
            let found = try files.map { file in
                guard let found = try Files.look(folder.blobPath(file.content)) else {
                    throw BlobError.missing(file.content)
                }
                return (path: file.path, file: folder.blobPath(file.content), bytes: found.size)
            }
            return ProgramArchive(files: found, disk: disk)
        }
        return StoredBytes(size: archive.size, range: 0..<archive.size, source: archive)
    }

    package func sink(
        for attempt: AttemptID, resuming: Bool, onAppend: @escaping @Sendable () -> Void
    ) async throws -> any JobSink {
        // The first of a job's attempts finds nothing and needs no file yet.
        if attempt.number == 1, !resuming {
            return try JobStreams(
                attempt: attempt, resuming: false, folder: folder, disk: disk, onAppend: onAppend)
        }
        return try await disk.run { [folder, disk] in
            try JobStreams(attempt: attempt, resuming: resuming, folder: folder, disk: disk, onAppend: onAppend)
        }
    }

    package func stream(_ stream: OutputStream, of job: JobID) async throws -> StoredBytes {
        let path = folder.jobPath(job) + "/" + stream.rawValue
        let size = try await disk.run { try Files.look(path)?.size ?? 0 }
        return StoredBytes(size: size, range: 0..<size, source: FileSource(path: path, disk: disk))
    }

    package func removeStreams(of jobs: [JobID]) async throws {
        try await disk.run { [folder] in
            for job in jobs { try Files.removeTree(folder.jobPath(job)) }
        }
    }

    package func removeBlobs(except referenced: Set<ContentHash>, before moment: Timestamp) async throws -> Int {
        try await disk.run { [folder] in try folder.removeBlobs(except: referenced, before: moment) }
    }

    package func removePrograms(except referenced: Set<ContentHash>, before moment: Timestamp) async throws -> Int {
        try await disk.run { [folder] in try folder.removePrograms(except: referenced, before: moment) }
    }
}

/// A file of the data folder, opened when somebody begins to read.
private struct FileSource: ByteSource {
    let path: String
    let disk: DiskQueue

    func open() async throws -> any ByteReader {
        try await disk.run { [self] in
            try FileReader(try OwnedDescriptor(opening: path, O_RDONLY | O_NOFOLLOW), disk: disk)
        }
    }
}

private final class FileReader: ByteReader {
    private let file: OwnedDescriptor
    private let size: Int
    private let behind = Mutex(ReadBehind())
    private let disk: DiskQueue

    init(_ file: consuming OwnedDescriptor, disk: DiskQueue) throws {
        size = try file.size()
        self.file = file
        self.disk = disk
    }

    func read(at offset: Int, count: Int) async throws -> [UInt8] {
        try await disk.run { [self] in
            let bytes = try file.read(at: offset, count: count)
            behind.withLock { $0.note(offset + bytes.count, of: size, in: file) }
            return bytes
        }
    }
}
