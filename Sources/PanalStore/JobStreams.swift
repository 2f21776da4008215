import Dispatch
import Glibc
import PanalCore
import Synchronization

/// Where one attempt's output goes: two files that grow while the program runs, and a blob for each result file. Its calls block and
/// come from the executor's thread.
final class JobStreams: JobSink {
    private struct Open: ~Copyable {
        let output: OwnedDescriptor
        let error: OwnedDescriptor
        var outputBytes = 0
        var errorBytes = 0
    }

    private let folder: DataFolder
    private let disk: DiskQueue
    private let streams: Mutex<Open?>
    private let onAppend: @Sendable () -> Void

    init(job: JobID, folder: DataFolder, disk: DiskQueue, onAppend: @escaping @Sendable () -> Void) throws {
        let path = folder.jobPath(job)
        try Files.makeFolder(path)
        // A new attempt starts from nothing: what an earlier one wrote does not count.
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND
        streams = Mutex(
            Open(
                output: try OwnedDescriptor(opening: path + "/stdout", flags, mode: 0o600),
                error: try OwnedDescriptor(opening: path + "/stderr", flags, mode: 0o600)))
        self.folder = folder
        self.disk = disk
        self.onAppend = onAppend
    }

    func append(_ bytes: borrowing RawSpan, to stream: OutputStream) throws {
        let count = bytes.byteCount
        let piece = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
        try streams.withLock { open in
            guard open != nil else { throw BlobError.closed }
            switch stream {
            case .output:
                try open?.output.write(piece)
                open?.outputBytes += count
            case .error:
                try open?.error.write(piece)
                open?.errorBytes += count
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
            try streams.withLock { open in
                guard let last = open.take() else { throw BlobError.closed }
                try last.output.synchronize()
                try last.error.synchronize()
                return (last.outputBytes, last.errorBytes)
            }
        }
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
