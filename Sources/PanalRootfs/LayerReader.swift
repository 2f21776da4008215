import CLibarchive
import Crypto
import Glibc
import PanalArchive
import PanalCore

/// Reads one layer into a tree: names and links into memory, what files hold into numbered files of a folder of its own.
struct LayerReader {
    /// `contents/<number>` of what is being made.
    let folder: String
    let limits: RootfsLimits
    /// Whether names that begin with `.wh.` take away what earlier layers have (OCI image specification, layer.md).
    let hasWhiteouts: Bool
    /// Asked now and then; throws where nobody wants the image any more.
    let check: () throws -> Void

    /// What of the layers' files was not taken as it was.
    var neutralised = NeutralisedEntries()
    private var number = 0
    private var bytes = 0

    init(folder: String, limits: RootfsLimits, hasWhiteouts: Bool, check: @escaping () throws -> Void) {
        self.folder = folder
        self.limits = limits
        self.hasWhiteouts = hasWhiteouts
        self.check = check
    }

    /// Reads the layer in the file at `path`; answers SHA-256 of it as it is without its compression, of an image's layer. Nobody asks
    /// for that of an archive of files.
    mutating func read(_ path: String, into tree: inout RootfsTree) throws -> ContentHash? {
        let stream = try DecodedStream(path: path, limits: limits, isHashed: hasWhiteouts, check: check)
        // The reader below knows it by its address alone.
        defer { withExtendedLifetime(stream) {} }
        tree.beginLayer()
        guard let archive = unsafe archive_read_new() else { throw FileError("archive_read_new", path, errno: ENOMEM) }
        defer { unsafe archive_read_free(archive) }
        unsafe archive_read_support_format_tar(archive)
        unsafe archive_read_support_format_empty(archive)
        guard unsafe stream.feed(archive) == ARCHIVE_OK else { throw unsafe unreadable(archive, stream) }
        // Where the last entry's bytes end.
        var end = 0
        while true {
            var entry: OpaquePointer?
            let status = unsafe archive_read_next_header(archive, &entry)
            if status == ARCHIVE_EOF { break }
            guard status == ARCHIVE_OK || status == ARCHIVE_WARN, let entry = unsafe entry else {
                throw unsafe unreadable(archive, stream)
            }
            end = unsafe Int(clamping: archive_filter_bytes(archive, 0))
            if unsafe archive_entry_filetype(entry) == S_IFREG, unsafe archive_entry_hardlink(entry) == nil {
                end += unsafe Int(clamping: min(archive_entry_size(entry), 1 << 60))
            }
            try check()
            try tree.count()
            try unsafe take(entry, of: archive, stream, into: &tree)
            for number in tree.takeDropped() { try Files.removeFile("\(folder)/\(number)") }
        }
        // What was filled up is a last block behind its bytes, and no part of them.
        guard !stream.isPadded || end <= stream.bytes else {
            throw ArchiveError(.unreadable, "it is damaged or no tar archive (it is cut off)")
        }
        return try stream.finish()
    }

    private mutating func take(
        _ entry: OpaquePointer, of archive: OpaquePointer, _ stream: DecodedStream, into tree: inout RootfsTree
    ) throws {
        guard let name = unsafe Self.bytes(archive_entry_pathname(entry)), !name.isEmpty else {
            throw ArchiveError(.forbidden, "an entry has no name")
        }
        if hasWhiteouts, try takeWhiteout(name, into: &tree) { return }
        // Held against what a name may be before anything is written: what is refused costs nothing.
        let told = ImagePath.joined(try ImagePath.parts(of: name, limits))
        if let target = unsafe Self.bytes(archive_entry_hardlink(entry)) {
            return try tree.addHardLink(name, to: target)
        }
        switch unsafe archive_entry_filetype(entry) {
        case S_IFDIR:
            if unsafe archive_entry_perm(entry) & 0o4000 != 0 { neutralised.note(privileged: told) }
            try tree.addFolder(name)
        case S_IFLNK: try tree.addLink(name, to: unsafe Self.bytes(archive_entry_symlink(entry)) ?? [])
        case S_IFREG:
            if unsafe archive_entry_perm(entry) & 0o6000 != 0 { neutralised.note(privileged: told) }
            if unsafe hasCapabilities(entry) { neutralised.note(capable: told) }
            number += 1
            let content = try unsafe write(entry, of: archive, stream)
            try tree.addFile(name, number: number, content)
        case let kind:
            neutralised.note(skipped: told, Self.word(for: kind))
        }
    }

    /// True where the name is such a mark and not a file.
    private func takeWhiteout(_ name: [UInt8], into tree: inout RootfsTree) throws -> Bool {
        let parts = try ImagePath.parts(of: name, limits)
        guard let last = parts.last?.bytes, last.starts(with: Array(".wh.".utf8)) else { return false }
        let folder = ImagePath.joined(parts.dropLast())
        let hidden = Array(last.dropFirst(4))
        if hidden == Array(".wh..opq".utf8) {
            try tree.addOpaque(folder)
        } else if hidden.starts(with: Array(".wh.".utf8)) {
            // Marks of AUFS's own, which mean nothing elsewhere.
        } else if hidden.isEmpty || hidden == Array(".".utf8) || hidden == Array("..".utf8) {
            throw ArchiveError(.forbidden, entry: ImagePath.shown(name), "takes nothing away that has a name")
        } else {
            try tree.addWhiteout(ImagePath.joined(parts.dropLast() + [ImageName(hidden)]))
        }
        return true
    }

    private mutating func write(
        _ entry: OpaquePointer, of archive: OpaquePointer, _ stream: DecodedStream
    ) throws -> RootfsTree.Content {
        let path = "\(folder)/\(number)"
        let file = try OwnedDescriptor(opening: path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        var hash = SHA256()
        var head: [UInt8] = []
        var size = 0
        while true {
            let piece = try unsafe nextPiece(archive, stream)
            if piece.isEmpty { break }
            guard piece.count <= limits.bytes - bytes else {
                throw ArchiveError(.tooLarge, "its files have more than \(ByteCount.text(limits.bytes))")
            }
            bytes += piece.count
            size += piece.count
            if head.count < ProgramHead.headBytes { head += piece.prefix(ProgramHead.headBytes - head.count) }
            hash.update(data: piece)
            try file.write(piece)
            try check()
        }
        let mode = unsafe archive_entry_perm(entry)
        // Python compares a module's time with that in its compiled form: times are kept, within what all file systems have.
        let modified = unsafe min(max(Int64(archive_entry_mtime(entry)), 0), 1 << 33)
        let content = RootfsTree.Content(
            bytes: size, hash: ContentHash(hash), isExecutable: mode & 0o100 != 0, isWritable: mode & 0o200 != 0,
            modified: modified, program: ProgramHead(head))
        try file.setMode(mode_t(content.mode))
        let times = [timespec](repeating: timespec(tv_sec: Int(modified), tv_nsec: 0), count: 2)
        guard unsafe futimens(file.number, times) == 0 else { throw FileError("utimens", path) }
        return content
    }

    private func nextPiece(_ archive: OpaquePointer, _ stream: DecodedStream) throws -> [UInt8] {
        var count = 0
        let piece = unsafe [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, filled in
            unsafe count = archive_read_data(archive, buffer.baseAddress, buffer.count)
            filled = max(count, 0)
        }
        guard count >= 0 else { throw unsafe unreadable(archive, stream) }
        return piece
    }

    private func hasCapabilities(_ entry: OpaquePointer) -> Bool {
        guard unsafe archive_entry_xattr_reset(entry) > 0 else { return false }
        var (name, value, size): (UnsafePointer<CChar>?, UnsafeRawPointer?, Int) = (nil, nil, 0)
        while unsafe archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK {
            if unsafe Self.bytes(name) == Array("security.capability".utf8) { return true }
        }
        return false
    }

    private func unreadable(_ archive: OpaquePointer, _ stream: DecodedStream) -> any Error {
        if let failure = stream.failure { return failure }
        let reason = unsafe archive_error_string(archive).map { unsafe String(cString: $0) } ?? "no reason given"
        return ArchiveError(.unreadable, "it is damaged or no tar archive (\(reason))")
    }

    static func bytes(_ text: UnsafePointer<CChar>?) -> [UInt8]? {
        guard let text = unsafe text else { return nil }
        return unsafe Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }

    private static func word(for kind: mode_t) -> String {
        switch kind {
        case S_IFIFO: "FIFO"
        case S_IFCHR: "character device"
        case S_IFBLK: "block device"
        case S_IFSOCK: "socket"
        default: "special file"
        }
    }
}
