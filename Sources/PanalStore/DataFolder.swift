import Glibc
import PanalArchive
import PanalCore
import Synchronization

/// Another server uses the data folder.
package struct DataFolderInUse: Error, Hashable, Sendable {
    package var path: String

    package init(path: String) {
        self.path = path
    }
}

/// The data folder: which file is where, and how a file comes to be there, in one step or not at all.
///
///     blobs/<2>/<64>     content by its SHA-256, mode 0444
///     programs/<64>/     a program version, folders 0555, files 0444 or 0555
///     jobs/<id>/stdout   what a job wrote; stderr beside it
///     uploads/<id>       a file that comes in pieces, until it is a blob
///     temporary/         what is not finished; emptied at each start
///     lock               held by the one server that uses the folder
///
/// All folders are the server's alone (0700): cells see single blobs and programs through mounts that the launcher makes for them.
final class DataFolder: Sendable {
    let path: String
    private let counter = Atomic<Int>(0)
    private let lock: OwnedDescriptor
    /// Locked while something is found again and while something is removed, so that what was just found is not removed.
    private let holds = Mutex((blobs: Holds(), programs: Holds()))

    init(path: String) throws {
        self.path = path
        try Files.makeFolder(path)
        lock = try OwnedDescriptor(opening: path + "/lock", O_RDWR | O_CREAT, mode: 0o600)
        guard try lock.tryLock() else { throw DataFolderInUse(path: path) }
        for name in ["blobs", "programs", "jobs", "uploads", "temporary"] { try Files.makeFolder(path + "/" + name) }
        for name in try Files.names(in: path + "/temporary") { try Files.removeTree(path + "/temporary/" + name) }
    }

    func temporaryPath() -> String {
        "\(path)/temporary/\(counter.add(1, ordering: .relaxed).newValue)"
    }

    func blobPath(_ hash: ContentHash) -> String { path + "/" + ContentLayout.blob(hash) }
    func programPath(_ hash: ContentHash) -> String { path + "/" + ContentLayout.program(hash) }
    func jobPath(_ job: JobID) -> String { path + "/jobs/" + job.text }
    func uploadPath(_ upload: UploadID) -> String { path + "/uploads/" + upload.text }

    /// Gives a finished, synchronized temporary file its place; forgets it when the content is there already.
    func placeBlob(_ temporary: String, as hash: ContentHash, isHeld: Bool = false) throws {
        let target = blobPath(hash)
        let folder = "\(path)/blobs/\(hash.hex.prefix(2))"
        try holds.withLock { holds in
            let isThere = try Files.look(target) != nil
            if isThere {
                try Files.touch(target)
                try Files.removeFile(temporary)
            } else {
                if try Files.look(folder) == nil {
                    try Files.makeFolder(folder)
                    try Files.synchronizeFolder(path + "/blobs")
                }
                try Files.rename(temporary, to: target)
                try Files.synchronizeFolder(folder)
            }
            holds.blobs.notePlaced(hash, isHeld: isHeld, wasThere: isThere)
        }
    }

    /// Bytes of the blob, which counts as written now; nil where it is not there.
    func renewBlob(_ hash: ContentHash) throws -> Int? {
        let path = blobPath(hash)
        return try holds.withLock { holds in
            guard let found = try Files.look(path) else { return nil }
            try Files.touch(path)
            holds.blobs.notePlaced(hash, isHeld: false, wasThere: true)
            return found.size
        }
    }

    /// Moves a blob that one publication holds, and nobody else wants, to where that publication wants it. False where it has to be copied,
    /// as it is another's too; an equal one that comes later gets its place as the first.
    func takeBlob(_ hash: ContentHash, to other: String) throws -> Bool {
        try holds.withLock { holds in
            guard holds.blobs.isOnlyHeld(hash) else { return false }
            try Files.rename(blobPath(hash), to: other)
            return true
        }
    }

    /// Gives a finished temporary folder its place, where it is held; forgets it when the program is there already.
    func placeProgram(_ temporary: String, as hash: ContentHash) throws {
        let target = programPath(hash)
        try holds.withLock { holds in
            let isThere = try Files.look(target) != nil
            if isThere {
                try Files.touch(target)
                try Files.removeTree(temporary)
            } else {
                // A folder that changes its parent has to be writable for its owner while it does.
                try Files.rename(temporary, to: target)
            }
            try Files.setMode(target, 0o555)
            try Files.synchronizeFolder(path + "/programs")
            holds.programs.notePlaced(hash, isHeld: true, wasThere: isThere)
        }
    }

    /// Lets go of a blob that was held, and removes it where nobody wants it.
    func releaseBlob(_ hash: ContentHash) throws {
        try holds.withLock { holds in
            guard holds.blobs.release(hash, isKept: false) else { return }
            try Files.removeFile(blobPath(hash))
        }
    }

    /// The same for a program's folder. `isKept`: a version refers to it.
    func releaseProgram(_ hash: ContentHash, isKept: Bool) throws {
        let left = try holds.withLock { holds -> String? in
            guard holds.programs.release(hash, isKept: isKept) else { return nil }
            // Out of its place at once, and then file by file without the lock.
            let (target, aside) = (programPath(hash), temporaryPath())
            try Files.setMode(target, 0o700)
            try Files.rename(target, to: aside)
            return aside
        }
        if let left { try Files.removeTree(left) }
    }

    func removeBlobs(except referenced: Set<ContentHash>, before moment: Timestamp) throws -> Int {
        var removed = 0
        for part in try Files.names(in: path + "/blobs") {
            let folder = "\(path)/blobs/\(part)"
            removed += try remove(
                in: folder, except: referenced, before: moment, isHeld: { $0.blobs.holds($1) }, Files.removeFile)
        }
        return removed
    }

    func removePrograms(except referenced: Set<ContentHash>, before moment: Timestamp) throws -> Int {
        try remove(
            in: path + "/programs", except: referenced, before: moment, isHeld: { $0.programs.holds($1) },
            Files.removeTree)
    }

    private func remove(
        in folder: String, except referenced: Set<ContentHash>, before moment: Timestamp,
        isHeld: ((blobs: Holds, programs: Holds), ContentHash) -> Bool, _ remove: (String) throws -> Void
    ) throws -> Int {
        var removed = 0
        for name in try Files.names(in: folder) {
            guard let hash = ContentHash(hex: name), !referenced.contains(hash) else { continue }
            try holds.withLock { holds in
                let path = folder + "/" + name
                guard !isHeld(holds, hash), let found = try Files.look(path), found.modified < moment.microseconds
                else { return }
                try remove(path)
                removed += 1
            }
        }
        return removed
    }
}
