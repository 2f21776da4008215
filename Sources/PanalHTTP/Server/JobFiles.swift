import HTTPTypes
import Hummingbird
import PanalCore
import PanalManifest
import PanalService

/// What programs wrote, handed to browsers that must not trust it: no type is guessed, no script of it runs, and only
/// kinds that cannot carry any are shown in place.
struct JobFiles: Sendable {
    let panal: Panal

    /// A result file. `isDownload` makes the browser keep it rather than show it.
    func file(
        job: JobID, path: String, _ request: Request, as principal: Principal, isDownload: Bool = false
    ) async throws -> Response {
        let (file, bytes) = try await panal.file(principal, job, path: path)
        let head = try await bytes.narrowed(to: 0..<min(ContentKind.headBytes, bytes.size)).all()
        let kind = ContentKind(fileName: path, head: head)
        let isInline = kind.isSafeInline && !isDownload
        let headers: HTTPFields = [
            .contentType: kind.mediaType, .contentSecurityPolicy: Self.policy(kind),
            .contentDisposition: HeaderValues.disposition(isInline ? "inline" : "attachment", fileName: path),
            .xContentTypeOptions: "nosniff",
        ]
        var response = try StoredAnswer.make(
            bytes, request: request, etag: "\"\(file.content.hex)\"", headers: headers)
        response.headers[.reprDigest] = StoredAnswer.digest(file.content)
        return response
    }

    /// All result files in one.
    func archive(job: JobID, _ request: Request, as principal: Principal) async throws -> Response {
        let bytes = try await panal.archive(principal, job)
        let type = Self.archiveType(request)
        let headers: HTTPFields = [
            .contentType: type, .vary: "Accept", .contentSecurityPolicy: Self.policy(.text),
            .contentDisposition: HeaderValues.disposition("attachment", fileName: "\(job).tar"),
            .xContentTypeOptions: "nosniff",
        ]
        // A job has its files when it has ended, and then they stay as they are. The same bytes of another type are another answer.
        let mark = type == Self.tar ? "tar" : "bytes"
        return try StoredAnswer.make(bytes, request: request, etag: "\"\(job)-\(mark)\"", headers: headers)
    }

    private static let tar = "application/x-tar"

    /// Plain bytes for clients that know nothing else and say so.
    private static func archiveType(_ request: Request) -> String {
        let accepted = request.headers[.accept] ?? ""
        let bytes = "application/octet-stream"
        return accepted.contains(bytes) && !accepted.contains(tar) ? bytes : tar
    }

    /// Standard output or standard error, as far as it has come.
    func stream(
        _ stream: OutputStream, job id: JobID, _ request: Request, as principal: Principal
    ) async throws -> Response {
        let job = try await panal.job(principal, id)
        let bytes = try await panal.output(principal, id, stream: stream)
        let headers: HTTPFields = [
            .contentType: "text/plain; charset=utf-8", .contentSecurityPolicy: Self.policy(.text),
            .contentDisposition: HeaderValues.disposition("inline", fileName: "\(id)-\(stream.rawValue).txt"),
            .xContentTypeOptions: "nosniff",
        ]
        let etag = job.state.isFinal ? "\"\(id)-\(stream.rawValue)-\(bytes.size)\"" : nil
        var response = try StoredAnswer.make(bytes, request: request, etag: etag, headers: headers)
        // Unlike a file's, it is not known beforehand: only for who asks for it (RFC 9530), and only when nothing is added any more.
        if job.state.isFinal, HeaderValues.wantsDigest(request.headers) {
            response.headers[.reprDigest] = StoredAnswer.digest(try await panal.digest(of: bytes))
        }
        return response
    }

    /// Nothing may be loaded or run by the content; an SVG inside `<img>` keeps the style that it has in itself.
    private static func policy(_ kind: ContentKind) -> String {
        kind == .svg
            ? "sandbox; default-src 'none'; style-src 'unsafe-inline'" : "sandbox; default-src 'none'"
    }
}
