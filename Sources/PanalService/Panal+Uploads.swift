import Crypto
import FoundationEssentials
package import PanalCore
package import PanalManifest
import Synchronization

/// What the bytes of one request must come to.
package struct UploadChecksum: Hashable, Sendable {
    package enum Algorithm: String, Hashable, Sendable, CaseIterable {
        case sha1, sha256
    }

    package let algorithm: Algorithm
    package let digest: [UInt8]

    /// `Upload-Checksum` of tus: `sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk=`. Throws `malformed`.
    package init(_ header: String) throws {
        let halves = header.split(separator: " ")
        guard halves.count == 2, let algorithm = Algorithm(rawValue: String(halves[0])),
            let digest = Data(base64Encoded: String(halves[1])), digest.count == (algorithm == .sha1 ? 20 : 32)
        else {
            let known = Algorithm.allCases.map(\.rawValue).joined(separator: " or ")
            throw ServiceError(.malformed, "Upload-Checksum is \(known) and the digest in Base64")
        }
        self.algorithm = algorithm
        self.digest = Array(digest)
    }
}

/// Uploads that somebody is writing to.
final class BusyUploads: Sendable {
    private let busy = Mutex<Set<UploadID>>([])

    func take(_ id: UploadID) throws {
        guard busy.withLock({ $0.insert(id).inserted }) else {
            throw ServiceError(.locked, "another request is writing to this upload", retryAfter: .seconds(1))
        }
    }

    func end(_ id: UploadID) { busy.withLock { _ = $0.remove(id) } }
}

extension Panal {
    /// Seconds for which an upload is kept after it was last written to.
    static let uploadLifetime = 86_400
    /// Of one user, at the same time.
    package static let mostUploads = 100
    /// Bytes that one user's uploads may announce together, in largest ones.
    package static let mostLargest = 16
    /// Without a checksum, what has come is noted whenever so many bytes more are on the disk.
    private static let notedBytes = 16 << 20

    /// Bytes of one upload, at most.
    package var largestUpload: Int { configuration.maximumUploadBytes }

    /// Begins a file of `length` bytes. Throws `tooLarge`, `forbidden` where this user may not have so much stored, and `overloaded`
    /// where there are too many of this user's or too much of them.
    package func beginUpload(_ principal: Principal, length: Int, metadata: String) async throws -> Upload {
        _ = try UploadMetadata(metadata)
        guard (0...configuration.maximumUploadBytes).contains(length) else {
            throw ServiceError(
                .tooLarge, "an upload has at most \(ByteCount.text(configuration.maximumUploadBytes))")
        }
        let now = clock.now()
        let upload = Upload(
            id: .make(at: now), owner: principal.user, metadata: metadata, length: length, created: now,
            expires: now + .seconds(Self.uploadLifetime))
        let rights = tenancy.rights(of: principal.user)
        try await checkStorage(of: principal.user, rights, adding: length)
        var mostBytes = configuration.maximumUploadBytes.multipliedReportingOverflow(by: Self.mostLargest).partialValue
        if let stored = rights.storedBytes {
            var room = stored - (try await store.storedBytes(of: principal.user))
            // As `checkStorage` has it: what would make room when the upload is used.
            if settings.overQuota == .removeOldest { room += try await store.removableBytes(of: principal.user) }
            mostBytes = min(mostBytes, room)
        }
        guard try await store.insert(upload, most: Self.mostUploads, mostBytes: mostBytes) else {
            throw ServiceError(
                .overloaded,
                "you may have \(Self.mostUploads) uploads at a time, and \(ByteCount.text(max(0, mostBytes))) in them; finish or delete some",
                retryAfter: .seconds(60))
        }
        guard length == 0 else { return upload }
        _ = try await blobs.uploadWriter(upload.id, at: 0).synchronize()
        return try await placed(upload)
    }

    /// One's own, the oldest first.
    package func uploads(_ principal: Principal) async throws -> [Upload] {
        let now = clock.now()
        return try await store.uploads(of: principal.user).filter { $0.expires > now }
    }

    package func upload(_ principal: Principal, _ id: UploadID) async throws -> Upload {
        guard let upload = try await store.upload(id), upload.owner == principal.user, upload.expires > clock.now()
        else { throw ServiceError(.notFound, "there is no such upload, or it has expired") }
        return upload
    }

    /// Takes the bytes that follow the first `offset` ones. What has come is kept when the connection breaks; with a `checksum` either
    /// all of `pieces` is kept or nothing. Throws `conflict` for another offset, `locked` while somebody else writes, `tooLarge` where
    /// more comes than was announced, `mismatch`.
    package func receive<Pieces: AsyncSequence & Sendable>(
        _ principal: Principal, _ id: UploadID, at offset: Int, checksum: UploadChecksum?, _ pieces: Pieces
    ) async throws -> Upload where Pieces.Element == [UInt8] {
        try busyUploads.take(id)
        defer { busyUploads.end(id) }
        let upload = try await upload(principal, id)
        guard upload.received == offset, upload.content == nil else {
            throw ServiceError(.conflict, "\(upload.received) of \(upload.length) bytes are there; go on behind them")
        }
        let writer = try await blobs.uploadWriter(id, at: offset)
        let received: Upload
        if let checksum {
            received = try await checked(upload, writer, checksum, pieces)
        } else {
            received = try await unchecked(upload, writer, pieces)
        }
        return received.received == received.length ? try await placed(received) : received
    }

    private func unchecked<Pieces: AsyncSequence & Sendable>(
        _ upload: Upload, _ writer: any UploadWriter, _ pieces: Pieces
    ) async throws -> Upload where Pieces.Element == [UInt8] {
        var come = upload.received
        var noted = upload.received
        do {
            for try await piece in pieces {
                try Self.check(come + piece.count, upload)
                try await writer.append(piece)
                come += piece.count
                guard come - noted >= Self.notedBytes else { continue }
                noted = try await writer.synchronize()
                _ = try await note(upload, received: noted)
            }
        } catch {
            // The client comes back for the rest; where the disk failed, what was noted stands.
            _ = try? await uncancelled { [self] in try await note(upload, received: writer.synchronize()) }
            throw error
        }
        return try await note(upload, received: writer.synchronize())
    }

    private func checked<Pieces: AsyncSequence & Sendable>(
        _ upload: Upload, _ writer: any UploadWriter, _ checksum: UploadChecksum, _ pieces: Pieces
    ) async throws -> Upload where Pieces.Element == [UInt8] {
        var (sha1, sha256) = (Insecure.SHA1(), SHA256())
        var come = upload.received
        // What is written and not noted is cut off by the next writer.
        for try await piece in pieces {
            try Self.check(come + piece.count, upload)
            switch checksum.algorithm {
            case .sha1: sha1.update(data: piece)
            case .sha256: sha256.update(data: piece)
            }
            try await writer.append(piece)
            come += piece.count
        }
        let digest = checksum.algorithm == .sha1 ? Array(sha1.finalize()) : Array(sha256.finalize())
        guard digest == checksum.digest else {
            throw ServiceError(.mismatch, "the bytes do not have the checksum that came with them; send them again")
        }
        return try await note(upload, received: writer.synchronize())
    }

    private static func check(_ bytes: Int, _ upload: Upload) throws {
        guard bytes <= upload.length else {
            throw ServiceError(.tooLarge, "more came than the \(upload.length) bytes that were announced")
        }
    }

    private func note(_ upload: Upload, received: Int, content: ContentHash? = nil) async throws -> Upload {
        let expires = clock.now() + .seconds(Self.uploadLifetime)
        guard let noted = try await store.note(upload.id, received: received, content: content, expires: expires)
        else { throw ServiceError(.notFound, "the upload was deleted") }
        return noted
    }

    /// Makes a blob of an upload that is all there.
    private func placed(_ upload: Upload) async throws -> Upload {
        try await uncancelled { [self] in
            let (content, bytes) = try await blobs.placeUpload(upload.id)
            let done = try await note(upload, received: bytes, content: content)
            try await blobs.removeUpload(upload.id)
            return done
        }
    }

    /// Throws `changed` where it is not as `expected`.
    package func deleteUpload(
        _ principal: Principal, _ id: UploadID, expecting expected: Upload? = nil
    ) async throws {
        try busyUploads.take(id)
        defer { busyUploads.end(id) }
        _ = try await upload(principal, id)
        do {
            _ = try await store.deleteUpload(id, expecting: expected)
        } catch StoreError.changed {
            throw Self.changed
        }
        try await blobs.removeUpload(id)
    }

    /// The file that an upload of one's own has become. Throws `invalid` at `pointer` where there is none.
    package func finishedUpload(_ principal: Principal, _ id: UploadID, at pointer: String) async throws
        -> SubmittedFile
    {
        guard var upload = try? await upload(principal, id) else {
            throw ServiceError(.invalid, mistake: pointer, "there is no upload \(id) of yours, or it has expired")
        }
        guard upload.received == upload.length else {
            throw ServiceError(
                .invalid, mistake: pointer,
                "of upload \(id) only \(upload.received) of \(upload.length) bytes have come")
        }
        // The server ended between its last byte and this.
        if upload.content == nil { upload = try await placed(upload) }
        guard let content = upload.content else { throw ServiceError(.internal, "an upload without its content") }
        let metadata = try UploadMetadata(upload.metadata)
        return SubmittedFile(
            name: metadata.fileName ?? id.text, content: content, bytes: upload.length, mediaType: metadata.mediaType)
    }

    /// `submission` with the uploads that its file fields name.
    func withUploads(_ submission: Submission, of manifest: Manifest, _ principal: Principal) async throws -> Submission
    {
        let laid = manifest.laidOut(submission)
        // Whoever plans it tells what is wrong.
        guard laid.mistakes.isEmpty else { return submission }
        var submission = laid.submission
        for input in laid.manifest.inputs where input.type == .file {
            guard let values = submission.values[input.id] else { continue }
            var found: [SubmittedValue] = []
            for value in values {
                if case .text(let text) = value, let id = UploadReference.id(in: text) {
                    found.append(.file(try await finishedUpload(principal, id, at: input.pointer)))
                } else {
                    found.append(value)
                }
            }
            submission.values[input.id] = found
        }
        return submission
    }

    /// Forgets what has expired.
    func tidyUploads() async throws {
        let now = clock.now()
        let kept = try await store.deleteUploads(expiredBefore: now)
        // What is begun in this moment is not among them yet.
        try await blobs.removeUploads(except: kept, before: now + .seconds(-Self.uploadLifetime))
    }
}

/// How a file's place names an upload: `upload:<id>` in a form, `{"upload": "<id>"}` in JSON.
package enum UploadReference {
    package static func id(in text: String) -> UploadID? {
        guard text.utf8.count < 128 else { return nil }
        if text.hasPrefix("upload:") { return UploadID(String(text.dropFirst(7))) }
        guard text.hasPrefix("{"), case .object(let members)? = try? JSONValue(parsing: Data(text.utf8)),
            members.count == 1, case .string(let id)? = members["upload"]
        else { return nil }
        return UploadID(id)
    }
}
