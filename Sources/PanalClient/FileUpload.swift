import FoundationEssentials
import Glibc
package import NIOCore
import NIOHTTP1
import PanalCore

/// A file that is sent by tus 1.0: where the connection breaks, it goes on behind what the server has.
package struct FileUpload: Sendable {
    private let client: PanalClient
    private let path: String
    /// Bytes of the file as they are sent.
    package let size: Int
    private static let version = "1.0.0"
    private static let base = "/api/v1/uploads"

    /// Throws `local` when it is no file that can be read.
    package init(client: PanalClient, path: String) throws(ClientFailure) {
        self.client = client
        self.path = path
        size = try FileBytes(path: path, from: 0, progress: { _ in }).size
    }

    /// The upload's id, once all of it is there. `progress` is told how many bytes were handed out.
    package func run(progress: @escaping @Sendable (Int) -> Void = { _ in }) async throws -> String {
        var creation = ClientRequest(.POST, Self.base)
        let name = path.split(separator: "/").last.map(String.init) ?? path
        creation.headers = [
            "Tus-Resumable": Self.version, "Upload-Length": "\(size)",
            "Upload-Metadata": "filename \(Data(name.utf8).base64EncodedString())",
        ]
        // One that nobody goes on with is forgotten by itself.
        creation.isRepeatable = true
        let made = try await client.send(creation)
        guard let id = made.headers.first(name: "Location")?.split(separator: "/").last.map(String.init) else {
            throw ClientFailure.notUnderstood("the upload has no place")
        }
        let place = "\(Self.base)/\(PercentCoding.encoded(id))"
        var bytes = ClientRequest(.PATCH, place)
        bytes.isRepeatable = true
        bytes.waitsOutOverload = true
        var isAgain = false
        _ = try await client.persistently(bytes) { advance in
            let offset = isAgain ? try await self.offset(at: place) : 0
            if isAgain, offset > 0 { advance.make() }
            isAgain = true
            guard offset < size else { return }
            var request = bytes
            request.headers = [
                "Tus-Resumable": Self.version, "Upload-Offset": "\(offset)",
                "Content-Type": "application/offset+octet-stream",
            ]
            request.body = .file(try FileBytes(path: path, from: offset, progress: progress))
            do {
                _ = try await client.open(request)
            } catch let failure as ClientFailure where Self.isTooEarly(failure) {
                throw ConnectionLost(reason: "it still stores what came by the connection before")
            }
        }
        guard try await offset(at: place) == size else { throw ClientFailure.notUnderstood("bytes are missing") }
        return id
    }

    /// 409, another offset than a moment ago, and 423, locked: the request before, whose connection broke, has not come to its end there.
    private static func isTooEarly(_ failure: ClientFailure) -> Bool {
        failure.kind == .refused(status: 409) || failure.kind == .refused(status: 423)
    }

    private func offset(at place: String) async throws -> Int {
        var request = ClientRequest(.HEAD, place)
        request.headers = ["Tus-Resumable": Self.version]
        let answer = try await client.send(request)
        guard let offset = answer.headers.first(name: "Upload-Offset").flatMap({ Int($0) }), offset >= 0 else {
            throw ClientFailure.notUnderstood("an upload has no offset")
        }
        return offset
    }
}

/// A file from one place on, never whole in memory.
package struct FileBytes: AsyncSequence, Sendable {
    package typealias Element = ByteBuffer

    private let path: String
    private let start: Int
    private let progress: @Sendable (Int) -> Void
    /// Bytes of the whole file.
    package let size: Int

    package init(path: String, from start: Int, progress: @escaping @Sendable (Int) -> Void) throws(ClientFailure) {
        self.path = path
        self.start = start
        self.progress = progress
        size = try OpenFile(path).size
    }

    /// Bytes that are sent.
    var length: Int64 { Int64(Swift.max(0, size - start)) }

    package func makeAsyncIterator() -> Iterator {
        Iterator(path: path, place: start, end: size, progress: progress)
    }

    package struct Iterator: AsyncIteratorProtocol {
        fileprivate let path: String
        fileprivate var place: Int
        fileprivate let end: Int
        fileprivate let progress: @Sendable (Int) -> Void
        fileprivate var file: OpenFile?

        package mutating func next() async throws -> ByteBuffer? {
            progress(place)
            guard place < end else { return nil }
            let open = try file ?? OpenFile(path)
            file = open
            let piece = try open.read(at: place, atMost: Swift.min(end - place, 65_536))
            guard !piece.isEmpty else { throw ClientFailure(.local, "\(path) became shorter while it was sent") }
            place += piece.count
            return ByteBuffer(bytes: piece)
        }
    }
}

/// Owns a descriptor of a file that is read.
final class OpenFile {
    private let path: String
    private let descriptor: Int32
    let size: Int

    init(_ path: String) throws(ClientFailure) {
        self.path = path
        descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.unreadable(path, errno) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw ClientFailure(.local, "\(path) is not a file")
        }
        size = status.st_size
    }

    deinit { close(descriptor) }

    func read(at place: Int, atMost limit: Int) throws(ClientFailure) -> [UInt8] {
        var failure: Int32 = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            let found = unsafe pread(descriptor, buffer.baseAddress, limit, place)
            if found < 0 { failure = errno }
            count = Swift.max(0, found)
        }
        guard failure == 0 else { throw Self.unreadable(path, failure) }
        return bytes
    }

    private static func unreadable(_ path: String, _ number: Int32) -> ClientFailure {
        ClientFailure(.local, "\(path) cannot be read: \(unsafe String(cString: strerror(number)))")
    }
}
