import HTTPTypes
import Hummingbird
import NIOCore
import PanalCore
import PanalService

/// Resumable uploads by tus 1.0 with its extensions creation, creation-with-upload, expiration, termination and checksum. A finished one
/// stands for a file in submissions and publications.
struct UploadInterface: Sendable {
    let panal: Panal

    private static let base = "\(Documents.base)/uploads"
    private static let version = "1.0.0"
    /// As tus names bytes, and as clients know them that know nothing of tus.
    private static let bytesTypes = ["application/offset+octet-stream", "application/octet-stream"]

    var routes: [Route] {
        [
            Route(.options, Self.base, .open, options)
                .described(
                    "getUploadOptions", .uploads, "What of tus is spoken here",
                    .empty(.noContent, "See the headers", .tusVersion, .tusExtension, .tusMaximum, .tusChecksums)),
            Route(.get, Self.base, .interface, list)
                .described(
                    "listUploads", .uploads, "One's uploads",
                    .document(.object(["uploads": .list(of: .upload)]), "The oldest first")),
            Route(.post, Self.base, .interface) { try await tus($0, $1, create) }
                .described(
                    "createUpload", .uploads, "Begin an upload", .scope(.jobs), Self.resumable,
                    .note(
                        "Its first bytes may come along. A finished upload stands for a file: `upload:<id>` in a form, "
                            + "`{\"upload\": \"<id>\"}` in JSON."),
                    .header("Upload-Length", .integer(0 ... .max).example(11), "Bytes in all.", isRequired: true),
                    .header(
                        "Upload-Metadata", .text.example("filename aW1hZ2UucG5n"),
                        "Names and Base64 values; `filename` and `filetype` are used."),
                    Self.checksum, .body(Self.bytesTypes.map { ($0, .bytes) }, isRequired: false),
                    .empty(.created, "Send the bytes there", .location, .tusResumable, .uploadOffset, .uploadExpires),
                    .refuses(.checksumMismatch, .preconditionFailed)),
            Route(.get, Self.base + "/{id}", .interface, show)
                .described("getUpload", .uploads, "An upload", .document(.upload, "The upload")),
            Route(.head, Self.base + "/{id}", .interface) { try await tus($0, $1, state) }
                .described(
                    "getUploadOffset", .uploads, "How far an upload has come", Self.resumable,
                    .empty(.ok, "See the headers", .tusResumable, .uploadOffset, .uploadLength, .uploadExpires),
                    .refuses(.preconditionFailed)),
            Route(.patch, Self.base + "/{id}", .interface) { try await tus($0, $1, append) }
                .described(
                    "continueUpload", .uploads, "Send the next bytes of an upload", .scope(.jobs), Self.resumable,
                    .guarded,
                    .header(
                        "Upload-Offset", .integer(0 ... .max).example(0), "How many bytes are there before these.",
                        isRequired: true), Self.checksum, .body(Self.bytesTypes.map { ($0, .bytes) }),
                    .empty(.noContent, "They are stored", .tusResumable, .uploadOffset, .uploadExpires),
                    .refuses(.conflict, .locked, .checksumMismatch, .preconditionFailed)),
            Route(.delete, Self.base + "/{id}", .interface) { try await tus($0, $1, remove) }
                .described(
                    "deleteUpload", .uploads, "Give an upload up", .scope(.jobs), Self.resumable, .guarded,
                    .empty(.noContent, "It is gone", .tusResumable), .refuses(.locked, .preconditionFailed)),
        ]
    }

    private static let resumable = OperationPart.header(
        "Tus-Resumable", .words([version]), "The version of tus.", isRequired: true)
    private static let checksum = OperationPart.header(
        "Upload-Checksum", .text.example("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="),
        "`sha1` or `sha256`, and the digest of this request's bytes in Base64: all of them are taken or none.")

    /// Every answer of tus names its version, refusals too.
    private func tus(
        _ request: Request, _ context: WebContext,
        _ handler: @Sendable (Request, WebContext) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            guard request.headers[.tusResumable] == Self.version else {
                throw WebError(
                    .preconditionFailed, "precondition-failed", "Another version of tus",
                    "send Tus-Resumable: \(Self.version)", headers: [.tusVersion: Self.version])
            }
            response = try await handler(request, context)
        } catch {
            guard let problem = Problem(error) else { throw error }
            response = try problem.response(instance: request.uri.path)
        }
        response.headers[.tusResumable] = Self.version
        return response
    }

    @Sendable private func options(_ request: Request, _ context: WebContext) async throws -> Response {
        Response(
            status: .noContent,
            headers: [
                .tusVersion: Self.version, .tusExtension: AnswerHeader.tusExtensions,
                .tusMaximum: String(panal.largestUpload),
                .tusChecksums: UploadChecksum.Algorithm.allCases.map(\.rawValue).joined(separator: ","),
            ])
    }

    @Sendable private func list(_ request: Request, _ context: WebContext) async throws -> Response {
        let uploads = try await panal.uploads(try context.principal)
        return try .json(.object(["uploads": .array(uploads.map(Documents.upload))]), unlessKnownTo: request)
    }

    @Sendable private func show(_ request: Request, _ context: WebContext) async throws -> Response {
        try .json(Documents.upload(try await upload(context)), unlessKnownTo: request)
    }

    private func upload(_ context: WebContext) async throws -> Upload {
        try await panal.upload(try context.principal, try context.identifier("id", of: Upload.self))
    }

    @Sendable private func create(_ request: Request, _ context: WebContext) async throws -> Response {
        let principal = try context.principal
        let length = try Self.number(.uploadLength, in: request)
        let type = request.headers[.contentType]
        if type != nil { try Self.expectBytes(type) }
        let checksum = try request.headers[.uploadChecksum].map { try UploadChecksum($0) }
        var upload = try await panal.beginUpload(
            principal, length: length, metadata: request.headers[.uploadMetadata] ?? "")
        if type != nil, length > 0 {
            upload = try await panal.receive(principal, upload.id, at: 0, checksum: checksum, Self.pieces(request))
        }
        var response = Self.answer(.created, upload)
        response.headers[.location] = "\(Self.base)/\(upload.id)"
        return response
    }

    @Sendable private func state(_ request: Request, _ context: WebContext) async throws -> Response {
        let upload = try await upload(context)
        var response = Self.answer(.ok, upload)
        response.headers[.uploadLength] = String(upload.length)
        if !upload.metadata.isEmpty { response.headers[.uploadMetadata] = upload.metadata }
        response.headers[.cacheControl] = "no-store"
        return response
    }

    @Sendable private func append(_ request: Request, _ context: WebContext) async throws -> Response {
        let type = request.headers[.contentType]
        try Self.expectBytes(type)
        let checksum = try request.headers[.uploadChecksum].map { try UploadChecksum($0) }
        let (principal, id) = (try context.principal, try context.identifier("id", of: Upload.self))
        let offset = try Self.number(.uploadOffset, in: request)
        return try await Preconditions.guarded(
            request, current: { try await panal.upload(principal, id) }, document: Documents.upload
        ) { _ in
            // The offset is a precondition of its own, which is looked at while nobody else writes.
            Self.answer(
                .noContent,
                try await panal.receive(principal, id, at: offset, checksum: checksum, Self.pieces(request)))
        }
    }

    @Sendable private func remove(_ request: Request, _ context: WebContext) async throws -> Response {
        let (principal, id) = (try context.principal, try context.identifier("id", of: Upload.self))
        return try await Preconditions.guarded(
            request, current: { try await panal.upload(principal, id) }, document: Documents.upload
        ) { known in
            try await panal.deleteUpload(principal, id, expecting: known)
            return Response(status: .noContent)
        }
    }

    private static func expectBytes(_ type: String?) throws {
        guard let media = HeaderValues.mediaType(type), bytesTypes.contains(media) else {
            throw WebError.mediaType(type, takes: bytesTypes.joined(separator: ", "))
        }
    }

    private static func pieces(_ request: Request) -> some AsyncSequence<[UInt8], any Error> & Sendable {
        request.body.map { Array($0.readableBytesView) }
    }

    private static func answer(_ status: HTTPResponse.Status, _ upload: Upload) -> Response {
        Response(
            status: status,
            headers: [
                .uploadOffset: String(upload.received), .uploadExpires: HTTPDate.text(upload.expires),
            ])
    }

    private static func number(_ name: HTTPField.Name, in request: Request) throws -> Int {
        guard let text = request.headers[name], (1...18).contains(text.utf8.count),
            text.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int(text)
        else { throw ServiceError(.malformed, "\(name.rawName) is a number of bytes") }
        return number
    }
}

extension Documents {
    static func upload(_ upload: Upload) -> JSONValue {
        let metadata = try? UploadMetadata(upload.metadata)
        return object([
            "id": .string(upload.id.text), "length": .integer(upload.length), "offset": .integer(upload.received),
            "complete": .boolean(upload.received == upload.length),
            "name": metadata?.fileName.map(JSONValue.string), "mediaType": metadata?.mediaType.map(JSONValue.string),
            "sha256": upload.content.map { .string($0.hex) }, "created": .string(upload.created.rfc3339),
            "expires": .string(upload.expires.rfc3339), "url": .string("\(base)/uploads/\(upload.id)"),
        ])
    }
}

extension Schema {
    static let upload = component(
        "Upload",
        .object([
            "id": identifier, "length": count, "offset": count.note("Bytes that are there."), "complete": boolean,
            "name?": text.example("image.png"), "mediaType?": text.example("image/png"), "sha256?": digest,
            "created": time, "expires": time, "url": reference.example("/api/v1/uploads/01k8zq4m3rh7x2c5w9ta"),
        ]))
}

extension AnswerHeader {
    static let tusExtensions = "creation,creation-with-upload,expiration,termination,checksum"
    static let tusResumable = Self("Tus-Resumable", .text.example("1.0.0"), "The version of tus.")
    static let tusVersion = Self("Tus-Version", .text.example("1.0.0"), "Versions of tus that are spoken.")
    static let tusExtension = Self("Tus-Extension", .text.example(.string(tusExtensions)), "Its extensions.")
    static let tusMaximum = Self("Tus-Max-Size", .count, "Bytes of one upload, at most.")
    static let tusChecksums = Self("Tus-Checksum-Algorithm", .text.example("sha1,sha256"), "For Upload-Checksum.")
    static let uploadOffset = Self("Upload-Offset", .count, "Bytes that are there.")
    static let uploadLength = Self("Upload-Length", .count, "Bytes in all.")
    static let uploadExpires = Self(
        "Upload-Expires", .text.example("Sat, 21 Nov 2026 14:30:00 GMT"), "Until when it is kept.")
}

extension HTTPResponse.Status {
    static let paymentRequired = Self(code: 402, reasonPhrase: "Payment Required")
    static let locked = Self(code: 423, reasonPhrase: "Locked")
    static let checksumMismatch = Self(code: 460, reasonPhrase: "Checksum Mismatch")
}

extension HTTPField.Name {
    static let tusResumable = HTTPField.Name("Tus-Resumable") ?? .eTag
    static let tusVersion = HTTPField.Name("Tus-Version") ?? .eTag
    static let tusExtension = HTTPField.Name("Tus-Extension") ?? .eTag
    static let tusMaximum = HTTPField.Name("Tus-Max-Size") ?? .eTag
    static let tusChecksums = HTTPField.Name("Tus-Checksum-Algorithm") ?? .eTag
    static let uploadLength = HTTPField.Name("Upload-Length") ?? .eTag
    static let uploadOffset = HTTPField.Name("Upload-Offset") ?? .eTag
    static let uploadMetadata = HTTPField.Name("Upload-Metadata") ?? .eTag
    static let uploadChecksum = HTTPField.Name("Upload-Checksum") ?? .eTag
    static let uploadExpires = HTTPField.Name("Upload-Expires") ?? .eTag
}
