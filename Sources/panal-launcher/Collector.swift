internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// Finds the result files of a cell whose group is empty, and opens them.
///
/// Nothing is ever opened by a path that the program could have made into something else: each step is one component below
/// an open folder, without links of any kind and without leaving the scratch file system; files are opened non-blocking and
/// taken only when they are regular and have one link. Names that are not UTF-8 cannot be told to a client and are skipped.
struct Collector {
    private let files: Int
    private let bytes: UInt64
    /// Whether the work folder is one of an overlay's upper layer.
    private let isOfOverlay: Bool
    private static let depth = 32
    private static let skippedAtMost = 20
    /// Files and folders of a scratch in which the program has left nothing: its root, `tmp` and `work`.
    private static let emptyScratch: Int64 = 3
    /// Entries that are looked at, over all folders.
    private static let entriesAtMost = 100_000

    private var found = 0
    private var total: UInt64 = 0
    private var skipped = 0
    private var entriesLeft = Self.entriesAtMost
    private let take: (_ path: String, _ bytes: UInt64, _ file: Int32) -> Void
    private let skip: (_ path: String, _ reason: String) -> Void

    init(
        _ request: RunRequest, take: @escaping (String, UInt64, Int32) -> Void,
        skip: @escaping (String, String) -> Void
    ) {
        files = Int(request.collectedFiles)
        bytes = request.collectedBytes
        isOfOverlay = request.hasWritableRoot
        self.take = take
        self.skip = skip
    }

    /// How the server is told of what was left.
    static func skipped(_ path: String, _ reason: String, of request: RunRequest) -> Report {
        .skipped(id: request.id, path: String(path.prefix(4_096)), reason: reason)
    }

    /// Goes through the work folder, which stands in the scratch file system as `work`; or, where the root can be written, through what
    /// the program has written there. Then it is not there, or no folder, where the program has left it so.
    mutating func collect(scratch: borrowing Descriptor) throws(StepFailure) {
        if isOfOverlay { return try collectChanges(scratch) }
        if panal_used_inodes(scratch.raw) == Self.emptyScratch { return }
        try StepFailure.naming("collect.work-folder") { () throws(SystemCallFailure) in
            try visit(try Descriptor.open(beneath: scratch, "work", O_RDONLY | O_DIRECTORY), path: "", depth: 0)
        }
    }

    private mutating func collectChanges(_ scratch: borrowing Descriptor) throws(StepFailure) {
        do throws(SystemCallFailure) {
            let folder = "\(WritableRoot.upper)/work"
            try visit(try Descriptor.open(beneath: scratch, folder, O_RDONLY | O_DIRECTORY), path: "", depth: 0)
        } catch {
            if [ENOENT, ENOTDIR, ELOOP].contains(error.errno) { return }
            throw StepFailure(
                step: "collect.work-folder", detail: "\(error.call): \(error.reason)", errno: error.errno)
        }
    }

    private mutating func leave(_ path: String, _ reason: String) {
        skipped += 1
        if skipped <= Self.skippedAtMost { skip(path, reason) }
    }

    private mutating func visit(_ folder: consuming Descriptor, path: String, depth: Int) throws(SystemCallFailure) {
        let again = try Descriptor.open(beneath: folder, ".", O_RDONLY | O_DIRECTORY)
        var names = try Folders.names(in: again, limit: entriesLeft + 1)
        if names.count > entriesLeft {
            names.removeLast()
            leave(path.isEmpty ? "." : path, "more than \(Self.entriesAtMost) entries: some were not looked at")
        }
        entriesLeft -= names.count
        for bytes in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            guard let name = String(validating: bytes, as: UTF8.self) else {
                leave(path + String(decoding: bytes, as: UTF8.self), "its name is not UTF-8")
                continue
            }
            try visitEntry(folder, name, path: path + name, depth: depth)
        }
    }

    private mutating func visitEntry(
        _ folder: borrowing Descriptor, _ name: String, path: String, depth: Int
    ) throws(SystemCallFailure) {
        let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW
        do throws(SystemCallFailure) {
            try visitOpened(try Descriptor.open(beneath: folder, name, flags), path: path, depth: depth)
        } catch {
            // The host's shortage, not the program's doing: a result with holes would be taken for a whole one.
            if [EMFILE, ENFILE, ENOMEM].contains(error.errno) { throw error }
            if isOfOverlay, Self.isMark(folder, name) { return }
            leave(path, error.errno == ELOOP ? "it is a symbolic link" : "it cannot be opened: \(error.reason)")
        }
    }

    /// Whether it stands for something of the image that the program has removed. A device that could be something else it cannot make.
    private static func isMark(_ folder: borrowing Descriptor, _ name: String) -> Bool {
        var found = stat()
        return unsafe fstatat(folder.raw, name, &found, AT_SYMLINK_NOFOLLOW) == 0 && found.st_mode & S_IFMT == S_IFCHR
    }

    private mutating func visitOpened(
        _ entry: consuming Descriptor, path: String, depth: Int
    ) throws(SystemCallFailure) {
        let status = try entry.status()
        if status.isFolder {
            guard depth < Self.depth else { return leave(path, "it is more than \(Self.depth) folders deep") }
            return try visit(entry, path: path + "/", depth: depth + 1)
        }
        guard status.isRegular else { return leave(path, "it is not a regular file") }
        guard status.links == 1 else { return leave(path, "it has more than one link") }
        guard found < files else { return leave(path, "over the limit of \(files) files") }
        let size = UInt64(clamping: status.bytes)
        guard total + size <= bytes else { return leave(path, "over the limit of \(bytes) bytes together") }
        found += 1
        total += size
        take(path, size, entry.release())
    }
}
