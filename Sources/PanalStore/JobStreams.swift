import Dispatch
import Glibc
import PanalArchive
import PanalCore
import Synchronization

/// Where one attempt's output goes: two files that grow while the program runs, and a blob for each result file. Its calls block and
/// come from the executor's thread. A program that writes nothing leaves no file. How far a stream has come is its file's size
/// and nothing else: so another process can go on with it.
final class JobStreams: JobSink {
    /// One stream's file, made with its first bytes.
    private struct Stream: ~Copyable {
        var file: OwnedDescriptor?
        var bytes = 0

        mutating func append(_ piece: [UInt8], _ makeFile: () throws -> OwnedDescriptor) throws {
            if file == nil { file = try makeFile() }
            try file?.write(piece)
            bytes += piece.count
        }

        mutating func number(_ makeFile: () throws -> OwnedDescriptor) throws -> Int32? {
            if file == nil { file = try makeFile() }
            return file?.number
        }
    }

    private struct Streams: ~Copyable {
        var output = Stream()
        var error = Stream()
        var isOpen = true
    }

    private let folder: DataFolder
    private let disk: DiskQueue
    private let path: String
    private let resuming: Bool
    private let streams = Mutex(Streams())
    private let onAppend: @Sendable () -> Void

    init(
        attempt: AttemptID, resuming: Bool, folder: DataFolder, disk: DiskQueue,
        onAppend: @escaping @Sendable () -> Void
    ) throws {
        self.folder = folder
        self.disk = disk
        self.onAppend = onAppend
        path = folder.jobPath(attempt.job)
        self.resuming = resuming
        if resuming {
            let sizes = try [OutputStream.output, .error].map { try Files.look(path + "/" + $0.rawValue)?.size ?? 0 }
            streams.withLock { ($0.output.bytes, $0.error.bytes) = (sizes[0], sizes[1]) }
        } else if attempt.number > 1 {
            // What an earlier attempt wrote does not count.
            try Files.removeTree(path)
        }
    }

    func append(_ bytes: borrowing RawSpan, to stream: OutputStream) throws {
        guard bytes.byteCount > 0 else { return }
        let piece = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
        try streams.withLock { streams in
            guard streams.isOpen else { throw BlobError.closed }
            switch stream {
            case .output: try streams.output.append(piece) { try makeFile(stream) }
            case .error: try streams.error.append(piece) { try makeFile(stream) }
            }
        }
        onAppend()
    }

    func file(of stream: OutputStream) throws -> Int32? {
        try FullDisk.noticing {
            try streams.withLock { streams in
                guard streams.isOpen else { throw BlobError.closed }
                return switch stream {
                case .output: try streams.output.number { try makeFile(stream) }
                case .error: try streams.error.number { try makeFile(stream) }
                }
            }
        }
    }

    func noteMoved(_ bytes: Int, to stream: OutputStream) {
        streams.withLock { streams in
            switch stream {
            case .output: streams.output.bytes += bytes
            case .error: streams.error.bytes += bytes
            }
        }
        onAppend()
    }

    func bytes(of stream: OutputStream) -> Int {
        streams.withLock { stream == .output ? $0.output.bytes : $0.error.bytes }
    }

    func store(descriptor: Int32, limit: Int) throws -> (content: ContentHash, bytes: Int) {
        try FullDisk.noticing { try storeBlob(descriptor, limit) }
    }

    private func storeBlob(_ descriptor: Int32, _ limit: Int) throws -> (content: ContentHash, bytes: Int) {
        var blob = try BlobFile(in: folder, limit: limit)
        do {
            while true {
                let piece = try Self.read(descriptor)
                if piece.isEmpty { break }
                try blob.append(piece)
            }
        } catch BlobError.tooLarge {
            throw FileTooLong(limit: limit)
        }
        let bytes = blob.bytes
        return (try blob.place(), bytes)
    }

    func close() async throws -> (output: Int, error: Int) {
        // Nothing to be written out, nothing to wait for.
        let isEmpty = try streams.withLock { streams in
            guard streams.isOpen else { throw BlobError.closed }
            guard streams.output.file == nil, streams.error.file == nil else { return false }
            streams.isOpen = false
            return true
        }
        if isEmpty { return streams.withLock { ($0.output.bytes, $0.error.bytes) } }
        return try await disk.run { [self] in
            try streams.withLock { streams in
                guard streams.isOpen else { throw BlobError.closed }
                streams.isOpen = false
                let written = (output: streams.output.bytes, error: streams.error.bytes)
                try streams.output.file?.synchronize()
                try streams.error.file?.synchronize()
                streams.output.file = nil
                streams.error.file = nil
                if written.output + written.error > 0 {
                    try Files.synchronizeFolder(path)
                    try Files.synchronizeFolder(folder.path + "/jobs")
                }
                return written
            }
        }
    }

    private func makeFile(_ stream: OutputStream) throws -> OwnedDescriptor {
        try Files.makeFolder(path)
        // Not for appending, which the kernel refuses to move a pipe's bytes to.
        let file = try OwnedDescriptor(
            opening: path + "/" + stream.rawValue, O_WRONLY | O_CREAT | (resuming ? 0 : O_TRUNC), mode: 0o600)
        if resuming { try file.seekToEnd() }
        return file
    }

    private static func read(_ descriptor: Int32) throws(FileError) -> [UInt8] {
        var failure: FileError?
        let size = 256 << 10
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
            var got: Int
            repeat { got = unsafe Glibc.read(descriptor, buffer.baseAddress, size) } while got < 0 && errno == EINTR
            if got < 0 { failure = FileError("read", "a result file") }
            filled = max(got, 0)
        }
        if let failure { throw failure }
        return bytes
    }
}
