import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore
import PanalCore

/// Stored bytes as an answer: streamed in pieces, whole or the range that was asked for.
enum StoredAnswer {
    /// `etag` is quoted; nil where the bytes still grow.
    static func make(
        _ bytes: StoredBytes, request: Request, etag: String?, headers: HTTPFields
    ) throws -> Response {
        var headers = headers
        headers[.acceptRanges] = "bytes"
        headers[.cacheControl] = "private, no-cache"
        headers[.eTag] = etag
        if let etag, HeaderValues.names(etag, in: request.headers) {
            var response = Response(status: .notModified, headers: headers)
            response.headers[.contentLength] = nil
            return response
        }
        // `If-Range` with anything but this very content asks for all of it (RFC 9110 §13.1.5), and
        // only GET has ranges (§14.2).
        let condition = request.headers[.ifRange]
        let isWanted = request.method == .get && (condition == nil || condition == etag)
        let wanted = isWanted ? request.headers[.range] : nil
        guard let range = try HeaderValues.range(wanted, size: bytes.size) else {
            return Response(status: .ok, headers: headers, body: body(bytes))
        }
        headers[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(bytes.size)"
        return Response(status: .partialContent, headers: headers, body: body(bytes.narrowed(to: range)))
    }

    private static func body(_ bytes: StoredBytes) -> ResponseBody {
        ResponseBody(contentLength: bytes.count) { writer in
            for try await piece in bytes { try await writer.write(ByteBuffer(bytes: piece)) }
            try await writer.finish(nil)
        }
    }

    /// `Repr-Digest` (RFC 9530) out of the SHA-256 that names the content.
    static func digest(_ hash: ContentHash) -> String {
        let digits = Array(hash.hex.utf8).map { $0 < 58 ? $0 - 48 : $0 - 87 }
        let bytes = stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
        return "sha-256=:\(Data(bytes).base64EncodedString()):"
    }

    /// A mark of a document's content, quoted: a number of 64 bits, eight bytes at a time (Appleby's MurmurHash64A).
    static func etag(of bytes: some Sequence<UInt8>) -> String {
        // An array first: `Data` hands its bytes out one call at a time.
        unsafe Array(bytes).withUnsafeBytes { unsafe etag(ofRaw: $0) }
    }

    private static func etag(ofRaw bytes: UnsafeRawBufferPointer) -> String {
        let factor: UInt64 = 0xC6A4_A793_5BD1_E995
        var mark = 0x5041_4E41_4C00_0000 ^ (UInt64(bytes.count) &* factor)
        var place = 0
        func mix(_ word: UInt64) {
            var word = word &* factor
            word ^= word >> 47
            mark = (mark ^ (word &* factor)) &* factor
        }
        while place + 8 <= bytes.count {
            mix(UInt64(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)))
            place += 8
        }
        if place < bytes.count {
            var word: UInt64 = 0
            for byte in place..<bytes.count { word |= UInt64(unsafe bytes[byte]) << UInt64(8 * (byte - place)) }
            mix(word)
        }
        mark ^= mark >> 47
        mark = mark &* factor
        mark ^= mark >> 47
        return "\"\(String(mark, radix: 36))\""
    }
}
