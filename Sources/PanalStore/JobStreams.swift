import Dispatch
import Glibc
import PanalCore
import Synchronization

/// Where one attempt's output goes: two files that grow while the program runs, and a blob for each result file. Its calls block and
/// come from the executor's thread. A program that writes nothing leaves no file.
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
    }

    private struct Streams: ~Copyable {
        var output = Stream()
        var error = Stream()
        var isOpen = true
    }

    private let folder: DataFolder
    private let disk: DiskQueue
    private let path: String
    private let streams = Mutex(Streams())
    private let onAppend: @Sendable () -> Void

    init(
        attempt: AttemptID, folder: DataFolder, disk: DiskQueue, onAppend: @escaping @Sendable () -> Void
    ) throws {
        self.folder = folder
        self.disk = disk
        self.onAppend = onAppend
        path = folder.jobPath(attempt.job)
        // What an earlier attempt wrote does not count.
        if attempt.number > 1 { try Files.removeTree(path) }
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

    func store(descriptor: Int32, limit: Int) throws -> (content: ContentHash, bytes: Int) {
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
        try await disk.run { [self] in
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
        return try OwnedDescriptor(
            opening: path + "/" + stream.rawValue, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, mode: 0o600)
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
