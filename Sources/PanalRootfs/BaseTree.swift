import Crypto
import Glibc
import PanalArchive
package import PanalCore

/// The files of an image that is there, read back from its folder, as the ground for a further layer.
///
/// The contents of its files stay where they are: they have numbers below zero, which no layer gives.
struct BaseTree {
    /// The image's `tree`.
    let top: String
    private(set) var tree: RootfsTree
    private var places: [Int: String] = [:]
    /// Names that share a file, by the file's number on the disk.
    private var shared: [ino_t: [UInt8]] = [:]
    private let check: () throws -> Void

    /// Reads all of it. Throws `ArchiveError` where it holds what no image holds, or more than the limits allow.
    init(reading top: String, limits: RootfsLimits, check: @escaping () throws -> Void) throws {
        self.top = top
        self.check = check
        tree = RootfsTree(limits: limits)
        try readFolder("")
        shared = [:]
    }

    /// Where the content of this number lies; nil where it is not of this tree.
    func path(of number: Int) -> String? { places[number] }

    private mutating func readFolder(_ folder: String) throws {
        // The tree says which names there are; deeper than it allows nothing is.
        for name in try Files.names(in: top + "/" + folder).sorted() {
            try read(folder.isEmpty ? name : folder + "/" + name)
        }
    }

    private mutating func read(_ name: String) throws {
        try check()
        try tree.count()
        let (path, bytes) = (top + "/" + name, Array(name.utf8))
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { throw FileError("stat", path) }
        switch status.st_mode & S_IFMT {
        case S_IFDIR:
            try tree.addFolder(bytes)
            try readFolder(name)
        case S_IFLNK: try tree.addLink(bytes, to: try Self.target(of: path))
        case S_IFREG:
            // Other images may share it: only names of this one are further names here.
            if status.st_nlink > 1 {
                if let first = shared[status.st_ino] { return try tree.addHardLink(bytes, to: first) }
                shared[status.st_ino] = bytes
            }
            let number = -1 - places.count
            places[number] = path
            try tree.addFile(bytes, number: number, try content(of: path, status))
        default:
            throw ArchiveError(.forbidden, entry: ImagePath.shown(bytes), "is neither a file, a folder nor a link")
        }
    }

    private static func target(of path: String) throws(FileError) -> [UInt8] {
        var count = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 4_096) { buffer, filled in
            unsafe count = buffer.withMemoryRebound(to: CChar.self) { text in
                unsafe text.baseAddress.map { unsafe readlink(path, $0, text.count) } ?? -1
            }
            filled = max(count, 0)
        }
        guard count >= 0 else { throw FileError("readlink", path) }
        return bytes
    }

    private func content(of path: String, _ status: stat) throws -> RootfsTree.Content {
        let file = try OwnedDescriptor(opening: path, O_RDONLY | O_NOFOLLOW)
        var hash = SHA256()
        var head: [UInt8] = []
        var size = 0
        while true {
            let piece = try file.read(at: size, count: 256 << 10)
            if piece.isEmpty { break }
            if size == 0 { head = Array(piece.prefix(ProgramHead.headBytes)) }
            size += piece.count
            hash.update(data: piece)
            try check()
        }
        return RootfsTree.Content(
            bytes: size, hash: ContentHash(hash), isExecutable: status.st_mode & 0o100 != 0,
            isWritable: status.st_mode & 0o200 != 0, modified: Int64(status.st_mtim.tv_sec),
            program: ProgramHead(head))
    }
}

extension RootfsBuilder {
    /// The image of the one at `base` and of a further layer of an OCI image, in the file at `layer`. Files that the layer leaves alone are
    /// the base's own, under further names of the disk: neither image is ever changed, and each stays when the other one goes. `facts` are
    /// the base's. `limits.bytes` is for what the layer brings; all others are for the whole.
    ///
    /// Throws `ArchiveError` where the layer is refused, or where the base is not what its digest says; and `DiskFull`.
    package func derive(
        from base: String, _ facts: RootfsFacts, layer: String, digest: ContentHash
    ) throws -> (facts: RootfsFacts, created: Bool) {
        try inTemporaryFolder {
            let contents = temporary + "/contents"
            try Files.makeFolder(contents)
            let ground = try BaseTree(reading: base + "/tree", limits: limits, check: check)
            var tree = ground.tree
            guard RootfsDigest.of(tree) == facts.digest else {
                throw ArchiveError(.forbidden, "the files of the image that it began in are not what they were")
            }
            guard facts.layers.count < limits.layers else {
                throw ArchiveError(.tooLarge, "it would have more than \(limits.layers) layers")
            }
            var reader = LayerReader(folder: contents, limits: limits, hasWhiteouts: true, check: check)
            reader.neutralised = facts.neutralised
            _ = try reader.read(layer, into: &tree)
            if let refusal = RootfsCheck.refusal(tree, architecture: facts.settings.architecture, system: nil) {
                throw refusal
            }
            let last = RootfsFacts.Layer(digest: digest, bytes: try Files.look(layer)?.size ?? 0)
            let whole = try self.facts(
                of: tree, layers: facts.layers + [last], settings: facts.settings, reader.neutralised)
            return try place(tree, whole, contents: contents, base: ground)
        }
    }

    /// How a base's file came to a further name.
    enum Linking {
        case linked, copied
    }

    /// A further name for a base's file. Where the file has as many as its file system allows, the file is copied.
    func link(_ file: String, to path: String) throws -> Linking {
        do throws(FileError) {
            try Files.link(file, to: path)
            return .linked
        } catch  where error.errno == EMLINK {
            try copy(file, to: path)
            return .copied
        }
    }

    private func copy(_ file: String, to path: String) throws {
        let from = try OwnedDescriptor(opening: file, O_RDONLY | O_NOFOLLOW)
        var status = stat()
        guard unsafe fstat(from.number, &status) == 0 else { throw FileError("stat", file) }
        let made = try OwnedDescriptor(opening: path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        var place = 0
        while true {
            let piece = try from.read(at: place, count: 256 << 10)
            if piece.isEmpty { break }
            try made.write(piece)
            place += piece.count
            try check()
        }
        try made.setMode(status.st_mode & 0o777)
        let times = [timespec](repeating: status.st_mtim, count: 2)
        guard unsafe futimens(made.number, times) == 0 else { throw FileError("utimens", path) }
    }
}
