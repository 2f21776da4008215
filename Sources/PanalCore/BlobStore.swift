/// Where bytes are kept: blobs by the hash of their content, program versions as read-only folders, and the two streams of each job.
/// `ContentLayout` says where an executor on the same machine finds blobs and programs. Nothing here blocks its caller's thread.
package protocol BlobStore: UploadFiles {
    /// Takes new content of at most `limit` bytes. What `isHeld` is for the time being: nothing stored will refer to it, and `release` ends
    /// that time.
    func writer(limit: Int, isHeld: Bool) async throws -> any BlobWriter
    /// Takes content that somebody else writes to a descriptor, open for writing at its beginning, and that is held. Where `write` throws, or
    /// the task is cancelled by its end, nothing of it stays.
    func heldBlob(
        _ write: @escaping @Sendable (Int32) async throws -> Void
    ) async throws -> (content: ContentHash, bytes: Int)
    /// Removes blobs that were held, each named as often as it was written: not what was there before, what somebody has written
    /// without holding it meanwhile, or what somebody else still holds.
    func release(_ blobs: [ContentHash]) async
    /// Bytes of a blob; nil when there is none.
    func size(of blob: ContentHash) async throws -> Int?
    /// A blob to read; throws `BlobError.missing`.
    func blob(_ hash: ContentHash) async throws -> StoredBytes
    /// Finds a blob again, so that it stays for as long as one that was written now; answers its bytes. Throws `BlobError.missing`.
    func renew(_ blob: ContentHash) async throws -> Int

    /// Brings a program's files together in a folder that nobody sees yet. Throws `ArchiveError` where an archive is refused.
    func stage(_ source: ProgramSource, limits: ArchiveLimits) async throws -> any StagedProgram
    /// One file of a program, by its path in the program's folder; nil when there is no such file.
    func file(_ path: String, of program: ContentHash) async throws -> StoredBytes?
    /// A program's files as one tar archive, the same bytes each time; throws `BlobError.missing`.
    func program(_ content: ContentHash) async throws -> StoredBytes

    /// Blobs under these paths as one tar archive, the same bytes each time; throws `BlobError.missing`.
    func archive(_ files: [(path: String, content: ContentHash)]) async throws -> StoredBytes

    /// Where an attempt's output goes. `onAppend` is called after each piece has been stored, on the executor's thread.
    /// `resuming`: what is stored of the attempt already stays, and the rest is put behind it.
    func sink(
        for attempt: AttemptID, resuming: Bool, onAppend: @escaping @Sendable () -> Void
    ) async throws -> any JobSink
    /// What is stored of a stream so far, empty when nothing was written.
    func stream(_ stream: OutputStream, of job: JobID) async throws -> StoredBytes

    /// Forgets what these jobs wrote to their streams; who reads it at this moment reads on.
    func removeStreams(of jobs: [JobID]) async throws

    /// Removes blobs outside `referenced` that were last written or found again before `moment`; answers how many.
    func removeBlobs(except referenced: Set<ContentHash>, before moment: Timestamp) async throws -> Int
    /// The same for program folders.
    func removePrograms(except referenced: Set<ContentHash>, before moment: Timestamp) async throws -> Int
}

extension BlobStore {
    /// A writer of content that stays.
    package func writer(limit: Int) async throws -> any BlobWriter { try await writer(limit: limit, isHeld: false) }

    /// The sink of an attempt that begins.
    package func sink(for attempt: AttemptID, onAppend: @escaping @Sendable () -> Void) async throws -> any JobSink {
        try await sink(for: attempt, resuming: false, onAppend: onAppend)
    }
}

/// Takes the bytes of one blob in order. One task uses it at a time. What is not finished leaves nothing behind.
package protocol BlobWriter: Sendable {
    /// Throws `BlobError.tooLarge` as soon as more than the limit has come.
    func append(_ bytes: [UInt8]) async throws
    /// Makes the blob durable under its hash; the same content twice is stored once.
    func finish() async throws -> (content: ContentHash, bytes: Int)
    /// Forgets everything; harmless after `finish` and when called twice.
    func discard() async
}

/// The sink of one attempt with an end: what is appended after `close` is refused.
package protocol JobSink: AttemptSink {
    /// Makes the streams durable and answers how much each holds.
    func close() async throws -> (output: Int, error: Int)
}

package enum BlobError: Error, Hashable, Sendable {
    case missing(ContentHash)
    case tooLarge(limit: Int)
    /// The writer or the sink is already finished, discarded or closed.
    case closed
}

/// Stored bytes, or a range of them, to be read in pieces. The content of `range` does not change any more.
package struct StoredBytes: Sendable {
    /// All bytes that are there (at the moment of the question, for a stream that still grows).
    package let size: Int
    /// The part that `next` walks through.
    package let range: Range<Int>
    private let source: any ByteSource

    package init(size: Int, range: Range<Int>, source: any ByteSource) {
        self.size = size
        self.range = range.clamped(to: 0..<size)
        self.source = source
    }

    package var count: Int { range.count }

    /// The same bytes, but only those of `range`, clamped to what is there.
    package func narrowed(to range: Range<Int>?) -> StoredBytes {
        guard let range else { return self }
        return StoredBytes(size: size, range: range, source: source)
    }

    /// The same bytes; whoever has them, or still walks through them, also has `token`.
    package func holding(_ token: any Sendable & AnyObject) -> StoredBytes {
        StoredBytes(size: size, range: range, source: HoldingSource(source: source, token: token))
    }

    /// Everything at once; for content known to be small.
    package func all() async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for try await piece in self { bytes += piece }
        return bytes
    }
}

extension StoredBytes: AsyncSequence {
    package typealias Element = [UInt8]

    /// Pieces of at most 64 KiB.
    package struct AsyncIterator: AsyncIteratorProtocol {
        private var reader: (any ByteReader)?
        private let source: any ByteSource
        private var rest: Range<Int>

        fileprivate init(source: any ByteSource, range: Range<Int>) {
            self.source = source
            rest = range
        }

        package mutating func next() async throws -> [UInt8]? {
            guard !rest.isEmpty else { return nil }
            let open: any ByteReader
            if let reader {
                open = reader
            } else {
                open = try await source.open()
                reader = open
            }
            let piece = try await open.read(at: rest.lowerBound, count: Swift.min(rest.count, 65_536))
            guard !piece.isEmpty else { throw BlobError.closed }
            rest = (rest.lowerBound + piece.count)..<rest.upperBound
            return piece
        }
    }

    package func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(source: source, range: range)
    }
}

private struct HoldingSource: ByteSource {
    let source: any ByteSource
    let token: any Sendable & AnyObject

    func open() async throws -> any ByteReader { try await source.open() }
}

/// Where stored bytes come from. A reader stays valid when the bytes are removed meanwhile.
package protocol ByteSource: Sendable {
    func open() async throws -> any ByteReader
}

package protocol ByteReader: Sendable {
    /// Up to `count` bytes at `offset`; empty only at the end.
    func read(at offset: Int, count: Int) async throws -> [UInt8]
}

/// What a program was published as.
package enum ProgramSource: Hashable, Sendable {
    /// One executable or script under this name; the executable bit is given to it.
    case file(name: String, content: ContentHash)
    case archive(ArchiveFormat, content: ContentHash)
}

package enum ArchiveFormat: String, Hashable, Sendable, CaseIterable {
    case zip = ".zip"
    case tar = ".tar"
    case tarGzip = ".tar.gz"

    /// The format that a file's name tells; nil when it is no archive's.
    package init?(fileName: String) {
        let name = fileName.lowercased()
        if name.hasSuffix(".zip") {
            self = .zip
        } else if name.hasSuffix(".tar") {
            self = .tar
        } else if name.hasSuffix(".tar.gz") || name.hasSuffix(".tgz") {
            self = .tarGzip
        } else {
            return nil
        }
    }
}

/// What an archive may unpack to.
package struct ArchiveLimits: Hashable, Sendable {
    /// Files and folders together.
    package var entries: Int
    /// Bytes of all files together.
    package var bytes: Int
    /// Unpacked bytes for each packed one, counted once more than 16 MiB have been unpacked.
    package var ratio: Int
    /// Folders inside each other.
    package var depth: Int

    package init(entries: Int = 10_000, bytes: Int = 1 << 30, ratio: Int = 200, depth: Int = 32) {
        self.entries = entries
        self.bytes = bytes
        self.ratio = ratio
        self.depth = depth
    }
}

/// Why an archive is refused. Nothing of it is kept.
package struct ArchiveError: Error, Hashable, Sendable {
    package enum Reason: Hashable, Sendable {
        /// The bytes are not such an archive, or it is broken.
        case unreadable
        /// An entry could harm: its name or its kind.
        case forbidden
        /// More than is taken.
        case tooLarge
    }

    package var reason: Reason
    /// Name of the entry as far as it is text, nil when the archive as a whole is meant.
    package var entry: String?
    package var detail: String

    package init(_ reason: Reason, entry: String? = nil, _ detail: String) {
        self.reason = reason
        self.entry = entry
        self.detail = detail
    }

    package var sentence: String { entry.map { "‘\($0)’ \(detail)" } ?? detail }
}

/// A program's files, unpacked but not yet published.
package protocol StagedProgram: Sendable {
    /// By path.
    var files: [ProgramFile] { get }
    /// Publishes the folder under the hash over `manifest`, paths, modes and contents. `entry` and every file that was marked
    /// executable get mode 0555, all others 0444. Nobody removes it before `keep` or `discard`.
    func commit(manifest: [UInt8], entry: String) async throws -> (content: ContentHash, bytes: Int)
    /// A version refers to what was committed from now on.
    func keep() async
    /// Forgets everything, what was committed too: unless it was there before, another program of the same content is kept, or is
    /// still at work. Harmless after `keep`.
    func discard() async
}

package struct ProgramFile: Hashable, Sendable {
    /// Relative to the program's folder.
    package var path: String
    package var bytes: Int
    package var isExecutable: Bool
    /// Its first bytes, at most 256.
    package var head: [UInt8]

    package init(path: String, bytes: Int, isExecutable: Bool, head: [UInt8]) {
        self.path = path
        self.bytes = bytes
        self.isExecutable = isExecutable
        self.head = head
    }
}
