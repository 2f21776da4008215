import NIOHTTP1
import PanalCore
import PanalManifest

/// A server's no (RFC 9457: title, detail, and each mistake with its place) as a person reads it.
enum Refusal {
    static func failure(status: HTTPResponseStatus, headers: HTTPHeaders, body: [UInt8]) -> ClientFailure {
        let code = Int(status.code)
        let kind: ClientFailure.Kind =
            code == 429 || code >= 500 ? .later(status: code) : code >= 400 ? .refused(status: code) : .misunderstood
        let problem = try? JSONReader.read(body, maximumDepth: 64)
        guard let problem, let title = problem["title"]?.text else {
            if code == 404 {
                return ClientFailure(
                    .misunderstood,
                    "what answers does not know Panal's interface (404): is the address right, path and all?")
            }
            return ClientFailure(
                code < 400 ? .misunderstood : kind, "the server refused: \(code) \(status.reasonPhrase)")
        }
        let mistakes = problem["errors"]?.list ?? []
        // What a field's own line says is not said twice.
        let detail = mistakes.contains { $0["detail"] == problem["detail"] } ? nil : problem["detail"]?.text
        var lines = [[title, detail ?? ""].filter { !$0.isEmpty }.joined(separator: ": ")]
        for mistake in mistakes {
            let detail = mistake["detail"]?.text ?? ""
            guard let pointer = mistake["pointer"]?.text, !pointer.isEmpty else {
                if !detail.isEmpty { lines.append("  \(detail)") }
                continue
            }
            lines.append("  \(place(pointer)): \(detail)")
        }
        if code == 401 { lines.append("  sign in again with: panal login") }
        if case .later = kind, let pause = headers.first(name: "Retry-After") {
            lines.append("  try again in \(pause) s")
        }
        if code >= 500, let number = headers.first(name: "X-Request-Id") {
            lines.append("  the server's log has this request under the number \(number)")
        }
        return ClientFailure(kind, lines.joined(separator: "\n"))
    }

    /// A field's own name, or the pointer where it leads deeper.
    private static func place(_ pointer: String) -> String {
        let name = pointer.dropFirst()
        guard pointer.hasPrefix("/"), !name.contains("/") else { return pointer }
        return String(name.replacing("~1", with: "/").replacing("~0", with: "~"))
    }
}
