import AsyncHTTPClient
import Crypto
import FoundationEssentials
import Glibc
package import NIOCore
import NIOFoundationCompat
package import NIOHTTP1

/// Bytes of a server, piece by piece, that go on where a lost connection broke off.
package struct RangedBytes: Sendable {
    let client: PanalClient
    let path: String

    package init(client: PanalClient, path: String) {
        self.client = client
        self.path = path
    }

    /// Hands everything from `offset` on to `sink`, and answers where it ended. What the server has not yet is not waited for.
    /// `total` is called with the size of the whole, once it is known. Throws `misunderstood` when other bytes come than were asked for.
    package func copy(
        from start: Int, total: (Int) -> Void = { _ in }, headers seen: (HTTPHeaders) throws -> Void = { _ in },
        sink: (ByteBuffer) throws -> Void
    ) async throws -> Int {
        var offset = start
        var etag: String?
        let request = ClientRequest(.GET, path)
        return try await client.persistently(request) { advance in
            var request = request
            request.headers = ["Accept": "*/*"]
            if offset > 0 {
                request.headers.add(name: "Range", value: "bytes=\(offset)-")
                if let etag { request.headers.add(name: "If-Range", value: etag) }
            }
            let response: HTTPClientResponse
            do {
                response = try await client.open(request)
            } catch let failure as ClientFailure where failure.kind == .refused(status: 416) && offset > 0 {
                // Nothing is behind the bytes that are here already.
                return offset
            }
            etag = response.headers.first(name: "ETag").flatMap { $0.hasPrefix("W/") ? nil : $0 }
            try seen(response.headers)
            // A server that does not know ranges sends everything again.
            var unwanted = response.status == .partialContent ? 0 : offset
            if response.status == .partialContent {
                guard let range = ContentRange(response.headers.first(name: "Content-Range")), range.first == offset
                else {
                    throw ClientFailure.notUnderstood("other bytes came than were asked for")
                }
                total(range.size)
            } else if let length = response.headers.first(name: "Content-Length").flatMap({ Int($0) }) {
                guard length >= offset else { throw ClientFailure(.misunderstood, "\(path) has become shorter") }
                total(length)
            }
            try await client.lostWhere {
                for try await piece in response.body {
                    var piece = piece
                    let skipped = min(unwanted, piece.readableBytes)
                    piece.moveReaderIndex(forwardBy: skipped)
                    unwanted -= skipped
                    guard piece.readableBytes > 0 else { continue }
                    try sink(piece)
                    offset += piece.readableBytes
                    advance.make()
                }
            }
            return offset
        }
    }
}

/// `Content-Range: bytes 5-9/100` (RFC 9110 §14.4).
package struct ContentRange: Hashable, Sendable {
    package let first: Int
    package let size: Int

    /// Nil for another form, and where the size is not told.
    package init?(_ value: String?) {
        guard let value, value.hasPrefix("bytes "), let slash = value.lastIndex(of: "/"),
            let size = Int(value[value.index(after: slash)...]),
            let first = Int(value.dropFirst(6).prefix { $0 != "-" })
        else { return nil }
        self.first = first
        self.size = size
    }
}

/// A file that is fetched whole: beside its place first, checked against the server's digest, then put there.
package struct Download {
    package enum Outcome: Hashable, Sendable {
        /// With the bytes of the whole.
        case fetched(bytes: Int)
        /// The very same bytes were there already.
        case present
    }

    private let bytes: RangedBytes
    private let file: String
    private let replaces: Bool
    private let progress: (_ done: Int, _ total: Int?) -> Void

    /// With `replaces` a file that stands there with other content is replaced; without it that is a failure.
    package init(
        _ bytes: RangedBytes, to file: String, replaces: Bool, progress: @escaping (Int, Int?) -> Void = { _, _ in }
    ) {
        self.bytes = bytes
        self.file = file
        self.replaces = replaces
        self.progress = progress
    }

    /// `digest` is the SHA-256 that the bytes must have, as hexadecimal digits; without it the server's `Repr-Digest` is taken. What an earlier
    /// try left beside the place is gone on with. Throws `local` and `misunderstood`; a file that fails its check is not put there.
    package func run(digest expected: String? = nil) async throws -> Outcome {
        if unsafe access(file, F_OK) == 0 {
            if let expected, let there = try? PartialFile(file, isNew: false), try there.digest() == expected {
                return .present
            }
            guard replaces else {
                throw ClientFailure(.local, "\(file) is there already, with other content; --overwrite replaces it")
            }
        }
        try Self.makeFolders(of: file)
        let draft = "\(file).part"
        let part = try PartialFile(draft, isNew: true)
        let isContinued = part.size > 0
        guard let found = try await fetch(into: part, digest: expected) else {
            // What was left there may have been of something else.
            if isContinued {
                try part.empty()
                if let found = try await fetch(into: part, digest: expected) { return try put(draft, found) }
            }
            _ = unsafe unlink(draft)
            throw ClientFailure(
                .misunderstood, "\(file) came damaged: its SHA-256 is not the one that the server names")
        }
        return try put(draft, found)
    }

    private func put(_ draft: String, _ size: Int) throws -> Outcome {
        guard unsafe rename(draft, file) == 0 else {
            throw ClientFailure(.local, "\(file) cannot be put in its place (errno \(errno))")
        }
        return .fetched(bytes: size)
    }

    /// The size, or nil when the digest is another one.
    private func fetch(into part: PartialFile, digest expected: String?) async throws -> Int? {
        var hasher = try part.hasher()
        var named: String?
        var total: Int?
        var done = part.size
        progress(done, nil)
        let end = try await bytes.copy(
            from: part.size, total: { total = $0 },
            headers: { named = $0.first(name: "Repr-Digest").flatMap(Self.digest) },
            sink: { piece in
                try part.append(piece)
                hasher.update(data: piece.readableBytesView)
                done += piece.readableBytes
                progress(done, total)
            })
        if let total, end != total { return nil }
        if let wanted = expected ?? named, hasher.finalize().hexadecimal != wanted { return nil }
        return end
    }

    /// The SHA-256 of a `Repr-Digest` (RFC 9530), hexadecimal.
    package static func digest(_ header: String) -> String? {
        for part in header.split(separator: ",") {
            let trimmed = part.drop { $0 == " " }
            guard trimmed.hasPrefix("sha-256=:"), let end = trimmed.lastIndex(of: ":") else { continue }
            let text = trimmed[trimmed.index(trimmed.startIndex, offsetBy: 9)...].prefix { $0 != ":" }
            guard end > trimmed.startIndex, let data = Data(base64Encoded: String(text)), data.count == 32 else {
                return nil
            }
            return data.hexadecimal
        }
        return nil
    }

    private static func makeFolders(of file: String) throws(ClientFailure) {
        guard let slash = file.lastIndex(of: "/"), slash > file.startIndex else { return }
        do {
            try FileManager.default.createDirectory(
                atPath: String(file[..<slash]), withIntermediateDirectories: true)
        } catch {
            throw ClientFailure(.local, "\(file[..<slash]) cannot be made: \(error)")
        }
    }
}

/// A file that grows while it is fetched. Links are not followed: what stands there by that name could lead anywhere.
private final class PartialFile {
    private let descriptor: Int32
    private let path: String
    private(set) var size: Int

    init(_ path: String, isNew: Bool) throws(ClientFailure) {
        self.path = path
        let flags = isNew ? O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC : O_RDONLY | O_NOFOLLOW | O_CLOEXEC
        descriptor = unsafe Glibc.open(path, flags, 0o666)
        var status = stat()
        guard descriptor >= 0, unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            let number = errno
            if descriptor >= 0 { close(descriptor) }
            throw ClientFailure(.local, "\(path) cannot be opened as a file (errno \(number))")
        }
        size = status.st_size
    }

    deinit { close(descriptor) }

    func empty() throws(ClientFailure) {
        guard ftruncate(descriptor, 0) == 0 else { throw failure("emptied") }
        size = 0
    }

    func append(_ piece: ByteBuffer) throws {
        try unsafe piece.withUnsafeReadableBytes { bytes in
            var written = 0
            while written < bytes.count {
                let count = unsafe pwrite(
                    descriptor, bytes.baseAddress?.advanced(by: written), bytes.count - written, size)
                guard count > 0 || errno == EINTR else { throw failure("written") }
                written += max(0, count)
                size += max(0, count)
            }
        }
    }

    /// Of what is in the file already.
    func hasher() throws -> SHA256 {
        var hasher = SHA256()
        var place = 0
        while place < size {
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: min(size - place, 1 << 20)) { buffer, count in
                count = unsafe max(0, pread(descriptor, buffer.baseAddress, buffer.count, place))
            }
            guard !bytes.isEmpty else { throw failure("read") }
            hasher.update(data: bytes)
            place += bytes.count
        }
        return hasher
    }

    func digest() throws -> String { try hasher().finalize().hexadecimal }

    private func failure(_ what: String) -> ClientFailure {
        ClientFailure(.local, "\(path) cannot be \(what): \(unsafe String(cString: strerror(errno)))")
    }
}

extension Sequence<UInt8> {
    fileprivate var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
