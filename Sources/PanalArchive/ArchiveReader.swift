import CLibarchive
import Glibc
package import PanalCore

/// Reads archives with libarchive, entry by entry. libarchive only parses: every name is held against `EntryPaths`, every file is made
/// by `UnpackedFolder`, and anything but regular files and folders is refused by its kind.
package enum ArchiveReader {
    private static let pieceBytes = 256 << 10
    /// Up to here any ratio is taken: small files of zeros are no bombs.
    private static let ratioFree = 16 << 20

    /// Unpacks the archive at `path`, which is `packedBytes` long. Throws `ArchiveError` where it is refused; what was unpacked up to
    /// then goes with `folder`.
    package static func unpack(
        _ path: String, as format: ArchiveFormat, packedBytes: Int, into folder: UnpackedFolder
    ) throws {
        try inUTF8 { try parse(path, as: format, packedBytes: packedBytes, into: folder) }
    }

    /// libarchive converts names to the thread's locale, and a server has the C locale, which knows ASCII alone.
    package static func inUTF8<Value>(_ body: () throws -> Value) throws -> Value {
        guard let names = unsafe newlocale(LC_CTYPE_MASK, "C.UTF-8", nil) else {
            throw FileError("newlocale", "C.UTF-8")
        }
        let before = unsafe uselocale(names)
        defer {
            unsafe uselocale(before)
            unsafe freelocale(names)
        }
        return try body()
    }

    private static func parse(
        _ path: String, as format: ArchiveFormat, packedBytes: Int, into folder: UnpackedFolder
    ) throws {
        guard let archive = unsafe archive_read_new() else { throw FileError("archive_read_new", path, errno: ENOMEM) }
        defer { unsafe archive_read_free(archive) }
        unsafe allow(format, archive)
        // Read through a descriptor: names that libarchive would interpret never reach it.
        let file = try OwnedDescriptor(opening: path, O_RDONLY | O_NOFOLLOW)
        if format == .zip { try ZipDirectory.check(file, limit: folder.limits.entries) }
        guard unsafe archive_read_open_fd(archive, file.number, 64 << 10) == ARCHIVE_OK else {
            throw unsafe unreadable(archive, format)
        }
        let allowed = max(ratioFree, packedBytes.multipliedReportingOverflow(by: folder.limits.ratio).partialValue)
        var count = 0
        while true {
            var entry: OpaquePointer?
            let status = unsafe archive_read_next_header(archive, &entry)
            if status == ARCHIVE_EOF { break }
            // A warning is a name that the C locale cannot show; the name itself is read below.
            guard status == ARCHIVE_OK || status == ARCHIVE_WARN, let entry = unsafe entry else {
                throw unsafe unreadable(archive, format)
            }
            count += 1
            guard count <= folder.limits.entries else {
                throw ArchiveError(.tooLarge, "it holds more than \(folder.limits.entries) files and folders")
            }
            try unsafe take(entry, of: archive, format, allowed, into: folder)
        }
        guard count > 0 else { throw ArchiveError(.unreadable, "it is empty or no \(format.rawValue) archive") }
    }

    private static func allow(_ format: ArchiveFormat, _ archive: OpaquePointer) {
        switch format {
        case .zip:
            // By the directory at its end alone: without it, half an archive would pass for a whole one.
            unsafe archive_read_support_format_zip_seekable(archive)
        case .tar:
            unsafe archive_read_support_format_tar(archive)
        case .tarGzip:
            unsafe archive_read_support_format_tar(archive)
            unsafe archive_read_support_filter_gzip(archive)
        }
    }

    private static func take(
        _ entry: OpaquePointer, of archive: OpaquePointer, _ format: ArchiveFormat, _ allowed: Int,
        into folder: UnpackedFolder
    ) throws {
        guard let name = unsafe name(of: entry) else {
            throw ArchiveError(.forbidden, "an entry's name is missing or not UTF-8")
        }
        let shown = EntryPaths.shown(name)
        if let refusal = unsafe refusal(of: entry) { throw ArchiveError(.forbidden, entry: shown, refusal) }
        if unsafe archive_entry_filetype(entry) == S_IFDIR { return try folder.addFolder(name) }
        let mode = unsafe archive_entry_mode(entry)
        do {
            try folder.addFile(name, isExecutable: mode & 0o111 != 0) {
                let piece = try unsafe nextPiece(archive, format, shown)
                guard folder.bytes + piece.count <= allowed else {
                    throw ArchiveError(
                        .tooLarge, entry: shown, "unpacks to more than \(folder.limits.ratio) times the archive's size"
                    )
                }
                return piece
            }
        } catch let error as FileError where error.errno == EILSEQ || error.errno == ENAMETOOLONG {
            throw ArchiveError(.forbidden, entry: shown, "has a name that the file system does not take")
        }
    }

    /// Why an entry's kind is refused; nil for regular files and folders.
    private static func refusal(of entry: OpaquePointer) -> String? {
        if unsafe archive_entry_hardlink(entry) != nil || archive_entry_hardlink_utf8(entry) != nil {
            return "is a hard link: only regular files and folders are taken"
        }
        if unsafe archive_entry_is_encrypted(entry) != 0 { return "is encrypted" }
        let kind =
            switch unsafe archive_entry_filetype(entry) {
            case S_IFREG, S_IFDIR: String?.none
            case S_IFLNK: "symbolic link"
            case S_IFIFO: "FIFO"
            case S_IFCHR, S_IFBLK: "device"
            case S_IFSOCK: "socket"
            default: "special file"
            }
        return kind.map { "is a \($0): only regular files and folders are taken" }
    }

    /// The name as UTF-8. libarchive gives the raw bytes where it cannot convert them, and nothing where it has only converted ones.
    private static func name(of entry: OpaquePointer) -> String? {
        if let raw = unsafe archive_entry_pathname(entry) { return unsafe String(validatingCString: raw) }
        return unsafe archive_entry_pathname_utf8(entry).flatMap { unsafe String(validatingCString: $0) }
    }

    private static func nextPiece(
        _ archive: OpaquePointer, _ format: ArchiveFormat, _ shown: String
    ) throws -> [UInt8] {
        var count = 0
        let piece = unsafe [UInt8](unsafeUninitializedCapacity: pieceBytes) { buffer, filled in
            unsafe count = archive_read_data(archive, buffer.baseAddress, pieceBytes)
            filled = max(count, 0)
        }
        guard count >= 0 else {
            throw ArchiveError(.unreadable, entry: shown, "is damaged: \(unsafe reason(archive))")
        }
        return piece
    }

    private static func unreadable(_ archive: OpaquePointer, _ format: ArchiveFormat) -> ArchiveError {
        ArchiveError(.unreadable, "it is damaged or no \(format.rawValue) archive (\(unsafe reason(archive)))")
    }

    private static func reason(_ archive: OpaquePointer) -> String {
        unsafe archive_error_string(archive).map { unsafe String(cString: $0) } ?? "no reason given"
    }
}
