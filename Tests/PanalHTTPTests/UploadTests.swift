import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import PanalCore
@testable import PanalHTTP
import PanalService
import Synchronization
import Testing

@Suite("Resumable uploads") struct UploadTests {
    private static let uri = "/api/v1/uploads"

    private static func headers(_ visitor: Visitor, _ more: HTTPFields = [:]) -> HTTPFields {
        var headers = visitor.bearer
        headers[.tusResumable] = "1.0.0"
        for field in more { headers[field.name] = field.value }
        return headers
    }

    /// Begins an upload and answers its address.
    private static func begin(
        _ length: Int, _ client: any TestClientProtocol, as visitor: Visitor, metadata: String? = nil
    ) async throws -> String {
        var headers = headers(visitor, [.uploadLength: String(length)])
        headers[.uploadMetadata] = metadata
        let answer = try await client.send(.post, uri, headers)
        #expect(answer.status == .created, "\(answer.text)")
        #expect(answer.headers[.tusResumable] == "1.0.0")
        #expect(answer.headers[.uploadExpires]?.hasSuffix(" GMT") == true)
        return try #require(answer.headers[.location])
    }

    private static func patch(
        _ address: String, at offset: Int, _ bytes: [UInt8], _ client: any TestClientProtocol, as visitor: Visitor,
        checksum: String? = nil
    ) async throws -> TestResponse {
        var headers = headers(
            visitor, [.uploadOffset: String(offset), .contentType: "application/offset+octet-stream"])
        headers[.uploadChecksum] = checksum
        return try await client.send(.patch, address, headers, body: ByteBuffer(bytes: bytes))
    }

    private static func offset(
        _ address: String, _ client: any TestClientProtocol, as visitor: Visitor
    ) async throws -> String? {
        let answer = try await client.send(.head, address, headers(visitor))
        #expect(answer.status == .ok)
        #expect(answer.headers[.cacheControl] == "no-store")
        return answer.headers[.uploadOffset]
    }

    @Test func whatTusIsSpoken() async throws {
        try await Site.open { _, client in
            let answer = try await client.send(.options, Self.uri)
            #expect(answer.status == .noContent)
            #expect(answer.headers[.tusVersion] == "1.0.0")
            #expect(answer.headers[.tusMaximum] == String(4 << 20))
            #expect(answer.headers[.tusChecksums] == "sha1,sha256")
            #expect(answer.headers[.tusExtension]?.contains("termination") == true)
        }
    }

    @Test func aFileComesInPiecesAndIsUsed() async throws {
        try await Site.open { site, client in
            let bytes = (0..<700_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let metadata = "filename Zm90byDDsS5wbmc=,filetype aW1hZ2UvcG5n,empty"
            let address = try await Self.begin(bytes.count, client, as: site.other, metadata: metadata)
            #expect(try await Self.offset(address, client, as: site.other) == "0")
            let id = try #require(address.split(separator: "/").last)
            let early = try await client.json(
                .post, "/api/v1/programs/filter/jobs", as: site.other,
                #"{"imagen_de_entrada": {"upload": "\#(id)"}, "tamano_de_filtro": "3"}"#)
            #expect(early.status == .unprocessableContent)
            #expect(try early.json["errors"]?.list?.first?["pointer"] == "/imagen_de_entrada")

            let first = try await Self.patch(address, at: 0, Array(bytes[..<300_000]), client, as: site.other)
            #expect(first.status == .noContent && first.headers[.uploadOffset] == "300000")
            // At another place than where it stands.
            for wrong in [0, 299_999, 300_001, 700_000] {
                let answer = try await Self.patch(address, at: wrong, [1, 2, 3], client, as: site.other)
                #expect(answer.status == .conflict && answer.headers[.tusResumable] == "1.0.0")
            }
            #expect(try await Self.offset(address, client, as: site.other) == "300000")
            let last = try await Self.patch(address, at: 300_000, Array(bytes[300_000...]), client, as: site.other)
            #expect(last.status == .noContent && last.headers[.uploadOffset] == "700000")
            let head = try await client.send(.head, address, Self.headers(site.other))
            #expect(head.headers[.uploadMetadata] == metadata && head.headers[.uploadLength] == "700000")
            let document = try await client.send(.get, address, site.other.bearer).json
            #expect(document["complete"] == .boolean(true) && document["name"] == "foto ñ.png")
            let sha256 = try #require(document["sha256"]?.text)

            for reference in [#"{"upload": "\#(id)"}"#, #""upload:\#(id)""#] {
                let job = try await client.json(
                    .post, "/api/v1/programs/filter/jobs?profile=small", as: site.other,
                    #"{"imagen_de_entrada": \#(reference), "tamano_de_filtro": "3"}"#,
                    [InterfaceTests.prefer: "wait=20"])
                #expect(job.status == .ok, "\(job.text)")
                let attempt = try #require(site.executor.attempts.withLock { $0.last })
                #expect(attempt.inputs.map(\.content.hex) == [sha256])
            }
            // Nobody else's, though they know its name.
            let foreign = try await client.json(
                .post, "/api/v1/programs/filter/jobs", as: site.owner,
                #"{"imagen_de_entrada": {"upload": "\#(id)"}, "tamano_de_filtro": "3"}"#)
            #expect(foreign.status == .unprocessableContent)
        }
    }

    @Test func aProgramIsPublishedFromAnUpload() async throws {
        try await Site.open { site, client in
            let bytes = Array("#!/bin/sh\necho hi\n".utf8)
            let address = try await Self.begin(bytes.count, client, as: site.owner, metadata: "filename cnVuLnNo")
            _ = try await Self.patch(address, at: 0, bytes, client, as: site.owner)
            var body = MultipartBody()
            body.add("manifest", #"{"name": "from upload", "inputs": []}"#)
            body.add("program", "upload:\(try #require(address.split(separator: "/").last))")
            var headers = site.owner.bearer
            headers[.contentType] = MultipartBody.contentType[.contentType]
            let answer = try await client.send(.post, "/api/v1/programs", headers, body: body.ended)
            #expect(answer.status == .created, "\(answer.text)")
            #expect(try answer.json["entry"] == "run.sh")
        }
    }

    @Test func checksumsHold() async throws {
        try await Site.open { site, client in
            let address = try await Self.begin(11, client, as: site.owner)
            let hello = Array("hello ".utf8)
            // SHA-1 and SHA-256 of other bytes.
            for wrong in [
                "sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "sha256 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            ] {
                let answer = try await Self.patch(address, at: 0, hello, client, as: site.owner, checksum: wrong)
                #expect(answer.status.code == 460)
                #expect(try await Self.offset(address, client, as: site.owner) == "0")
            }
            for unknown in ["md5 XrY7u+Ae7tCTyyK7j1rNww==", "sha1", "sha1 x", "sha256 2jmj7l5rSw0yVb/vlWAYkK/YBwk="] {
                let answer = try await Self.patch(address, at: 0, hello, client, as: site.owner, checksum: unknown)
                #expect(answer.status == .badRequest, "\(unknown)")
            }
            let first = try await Self.patch(
                address, at: 0, hello, client, as: site.owner, checksum: "sha1 xNhxrROtAP3pp7t/9+0lQ67FQkE=")
            #expect(first.status == .noContent, "\(first.text)")
            let last = try await Self.patch(
                address, at: 6, Array("world".utf8), client, as: site.owner,
                checksum: "sha256 SG6kYiTRu0+2gPNPfJrZao8k7Ii+c+qOWmxlJg6cuKc=")
            #expect(last.status == .noContent, "\(last.text)")
            #expect(
                try await client.send(.get, address, site.owner.bearer).json["sha256"]
                    == "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9")
        }
    }

    @Test func wrongRequestsLeaveNothing() async throws {
        try await Site.open { site, client in
            let good = Self.headers(site.owner, [.uploadLength: "10"])
            func changed(_ name: HTTPField.Name, _ value: String?) -> HTTPFields {
                var headers = good
                headers[name] = value
                return headers
            }
            let rows: [(HTTPFields, Int)] = [
                (changed(.tusResumable, nil), 412), (changed(.tusResumable, "0.2.2"), 412),
                (changed(.uploadLength, nil), 400), (changed(.uploadLength, "-1"), 400),
                (changed(.uploadLength, "1e3"), 400), (changed(.uploadLength, "99999999999999999999"), 400),
                (changed(.uploadLength, String((4 << 20) + 1)), 413),
                (changed(.uploadMetadata, "filename"), 201), (changed(.uploadMetadata, "a b c"), 400),
                (changed(.uploadMetadata, "a ==="), 400), (changed(.uploadMetadata, "a YQ==,a YQ=="), 400),
                (changed(.uploadMetadata, "a " + String(repeating: "A", count: 4_096)), 400),
                (changed(.contentType, "text/plain"), 415), (changed(.authorization, nil), 401),
            ]
            for (headers, status) in rows {
                let answer = try await client.send(.post, Self.uri, headers)
                #expect(answer.status.code == status, "\(headers): \(answer.text)")
            }
            let list = try await client.send(.get, Self.uri, site.owner.bearer).json
            #expect(list["uploads"]?.list?.count == 1)
            let address = try await Self.begin(3, client, as: site.owner)
            // More than was announced.
            let more = try await Self.patch(address, at: 0, [1, 2, 3, 4], client, as: site.owner)
            #expect(more.status == .contentTooLarge)
            let text = try await client.send(
                .patch, address, Self.headers(site.owner, [.uploadOffset: "0", .contentType: "text/plain"]),
                body: ByteBuffer(bytes: [1]))
            #expect(text.status == .unsupportedMediaType)
            // Somebody else's is not there, for administrators neither.
            for visitor in [site.other, site.administrator] {
                #expect(try await client.send(.get, address, visitor.bearer).status == .notFound)
                #expect(try await Self.patch(address, at: 0, [1], client, as: visitor).status == .notFound)
                #expect(try await client.send(.delete, address, Self.headers(visitor)).status == .notFound)
            }
        }
    }

    @Test func anUploadIsGivenUp() async throws {
        try await Site.open { site, client in
            let address = try await Self.begin(3, client, as: site.owner)
            _ = try await Self.patch(address, at: 0, [1, 2], client, as: site.owner)
            #expect(try await client.send(.delete, address, Self.headers(site.owner)).status == .noContent)
            #expect(try await client.send(.head, address, Self.headers(site.owner)).status == .notFound)
            #expect(try await Self.patch(address, at: 2, [3], client, as: site.owner).status == .notFound)
        }
    }

    @Test func theFirstBytesMayComeAlong() async throws {
        try await Site.open { site, client in
            let headers = Self.headers(
                site.owner, [.uploadLength: "5", .contentType: "application/offset+octet-stream"])
            let whole = try await client.send(.post, Self.uri, headers, body: ByteBuffer(string: "hello"))
            #expect(whole.status == .created && whole.headers[.uploadOffset] == "5")
            let part = try await client.send(.post, Self.uri, headers, body: ByteBuffer(string: "he"))
            #expect(part.status == .created && part.headers[.uploadOffset] == "2")
            // None at all is a file too.
            let empty = try await client.send(.post, Self.uri, Self.headers(site.owner, [.uploadLength: "0"]))
            let address = try #require(empty.headers[.location])
            #expect(
                try await client.send(.get, address, site.owner.bearer).json["sha256"]
                    == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        }
    }

    @Test func oneUserHasSoManyAndNoMore() async throws {
        try await Site.open { site, client in
            for _ in 0..<Panal.mostUploads { _ = try await Self.begin(1, client, as: site.owner) }
            let answer = try await client.send(.post, Self.uri, Self.headers(site.owner, [.uploadLength: "1"]))
            #expect(answer.status == .tooManyRequests && answer.headers[.retryAfter] != nil)
            _ = try await Self.begin(1, client, as: site.other)
        }
    }

    /// What is announced counts, so that nobody fills the disk with a hundred of the largest.
    @Test func announcedBytesAreCountedTogether() async throws {
        try await Site.open { site, client in
            let largest = site.panal.largestUpload
            for _ in 0..<Panal.mostLargest { _ = try await Self.begin(largest, client, as: site.owner) }
            let more = try await client.send(
                .post, Self.uri, Self.headers(site.owner, [.uploadLength: "1"]))
            #expect(more.status == .tooManyRequests && more.headers[.retryAfter] != nil, "\(more.text)")
            // Others have their own, and what is given up is free again.
            let other = try await Self.begin(largest, client, as: site.other)
            let owner = try #require(site.owner.principal)
            let first = try #require(try await site.panal.uploads(owner).first)
            try await site.panal.deleteUpload(owner, first.id)
            _ = try await Self.begin(1, client, as: site.owner)
            // Whoever may have little stored may announce little.
            let ben = try #require(site.other.principal)
            try await site.panal.restrict(
                try #require(site.administrator.principal), .user(ben.user), to: Restriction(storedBytes: 1_000))
            let refused = try await client.send(
                .post, Self.uri, Self.headers(site.other, [.uploadLength: "1001"]))
            #expect(refused.status == .forbidden, "\(refused.text)")
            _ = try await client.send(.delete, other, Self.headers(site.other))
            _ = try await Self.begin(900, client, as: site.other)
            let together = try await client.send(
                .post, Self.uri, Self.headers(site.other, [.uploadLength: "200"]))
            #expect(together.status == .tooManyRequests, "\(together.text)")
        }
    }

    /// A form of more files than anybody has, or of more bytes than a few of the largest, is refused on the way.
    @Test func formsHoldSoManyFilesAndNoMore() async throws {
        try await Site.open { site, client in
            for (count, bytes) in [(201, 1), (5, 3_500_000)] {
                var body = MultipartBody()
                for number in 0..<count {
                    body.add(
                        "file\(number)", fileName: "f\(number)", [UInt8](repeating: UInt8(number % 251), count: bytes))
                }
                var headers = site.owner.bearer
                headers[.contentType] = MultipartBody.contentType[.contentType]
                let answer = try await client.send(.post, "/api/v1/programs/filter/jobs", headers, body: body.ended)
                #expect(answer.status == .contentTooLarge, "\(count): \(answer.text)")
            }
        }
    }
}
