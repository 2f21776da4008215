import CLibarchive
import Crypto
import Glibc
import PanalArchive
import PanalCore

/// A file as it is without its compression (gzip, zstd, xz, bzip2 or none), counted and where it is wanted hashed on the way. One layer of compression
/// is taken: in several, little work for whoever packs is much for whoever unpacks.
@safe final class DecodedStream {
    private let archive: OpaquePointer
    private let file: OwnedDescriptor
    private let limits: RootfsLimits
    private let packedBytes: Int
    private var buffer: UnsafeMutableRawBufferPointer
    private var hash: SHA256?
    private var isAtEnd = false
    private(set) var bytes = 0
    /// Whether something was given at the end that is not there.
    private(set) var isPadded = false
    /// What went wrong while somebody else was reading.
    private(set) var failure: (any Error)?
    private static let pieceBytes = 256 << 10
    /// Up to here any ratio is taken.
    private static let ratioFree = 64 << 20

    /// Asked for each piece; throws where nobody wants it any more.
    private let check: () throws -> Void

    init(path: String, limits: RootfsLimits, isHashed: Bool, check: @escaping () throws -> Void) throws {
        self.check = check
        hash = isHashed ? SHA256() : nil
        file = try OwnedDescriptor(opening: path, O_RDONLY | O_NOFOLLOW)
        packedBytes = try file.size()
        self.limits = limits
        guard let archive = unsafe archive_read_new() else { throw FileError("archive_read_new", path, errno: ENOMEM) }
        unsafe self.archive = archive
        unsafe buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.pieceBytes, alignment: 16)
        // Anything but OK would be an external program that unpacks.
        let filters = unsafe [
            archive_read_support_filter_gzip(archive), archive_read_support_filter_zstd(archive),
            archive_read_support_filter_xz(archive), archive_read_support_filter_bzip2(archive),
        ]
        guard filters.allSatisfy({ $0 == ARCHIVE_OK }) else {
            throw ArchiveError(.unreadable, "this server's libarchive cannot read compressed layers by itself")
        }
        unsafe archive_read_support_format_raw(archive)
        unsafe archive_read_support_format_empty(archive)
        var entry: OpaquePointer?
        guard unsafe archive_read_open_fd(archive, file.number, Self.pieceBytes) == ARCHIVE_OK else { throw damaged }
        switch unsafe archive_read_next_header(archive, &entry) {
        case ARCHIVE_OK: break
        case ARCHIVE_EOF: isAtEnd = true
        default: throw damaged
        }
        guard unsafe archive_filter_count(archive) <= 2 else {
            throw ArchiveError(.forbidden, "it is compressed more than once")
        }
    }

    deinit {
        unsafe archive_read_free(archive)
        unsafe buffer.deallocate()
    }

    private var damaged: ArchiveError {
        let reason = unsafe archive_error_string(archive).map { unsafe String(cString: $0) } ?? "no reason given"
        return ArchiveError(.unreadable, "its compression is damaged (\(reason))")
    }

    /// The next bytes, valid until the next call; nil at the end.
    fileprivate func next() throws -> UnsafeRawBufferPointer? {
        guard !isAtEnd else { return nil }
        try check()
        let count = unsafe archive_read_data(archive, buffer.baseAddress, buffer.count)
        guard count >= 0 else { throw damaged }
        guard count > 0 else {
            isAtEnd = true
            return unsafe missingPadding
        }
        bytes += count
        let allowed = max(Self.ratioFree, packedBytes.multipliedReportingOverflow(by: limits.ratio).partialValue)
        guard bytes <= allowed else {
            throw ArchiveError(.tooLarge, "it unpacks to more than \(limits.ratio) times its size")
        }
        let piece = unsafe UnsafeRawBufferPointer(rebasing: buffer[..<count])
        unsafe hash?.update(bufferPointer: piece)
        return unsafe piece
    }

    /// What fills the last file's block, where a layer's writer left that out, as umoci does: readers in Go take it, so images of that kind
    /// are about. None for what has no digest: there it may as well be damage.
    private var missingPadding: UnsafeRawBufferPointer? {
        let missing = (512 - bytes % 512) % 512
        guard hash != nil, missing > 0 else { return nil }
        isPadded = true
        unsafe buffer[..<missing].initializeMemory(as: UInt8.self, repeating: 0)
        return unsafe UnsafeRawBufferPointer(rebasing: buffer[..<missing])
    }

    /// SHA-256 of all of it, what nobody has read included; nil where it was not wanted.
    func finish() throws -> ContentHash? {
        let end = bytes
        while unsafe try next() != nil {
            guard bytes - end <= limits.tailBytes else {
                throw ArchiveError(
                    .tooLarge, "it goes on for more than \(ByteCount.text(limits.tailBytes)) behind its end")
            }
        }
        return hash.map { ContentHash($0) }
    }

    /// Has a reader of tar archives read from here. This has to live as long as the reader does.
    func feed(_ reader: OpaquePointer) -> Int32 {
        let client = unsafe Unmanaged.passUnretained(self).toOpaque()
        return unsafe archive_read_open(
            reader, client, nil,
            { _, client, place in
                guard let client = unsafe client else { return -1 }
                let stream = unsafe Unmanaged<DecodedStream>.fromOpaque(client).takeUnretainedValue()
                do {
                    let piece = try unsafe stream.next()
                    unsafe place?.pointee = piece?.baseAddress
                    return unsafe piece?.count ?? 0
                } catch {
                    stream.failure = error
                    return -1
                }
            }, nil)
    }
}
