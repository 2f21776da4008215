import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// What all lists that grow have in common: `limit` and `cursor` in the query, `next` in the answer, and the same as a link.
enum Paging {
    /// How many entries come where nobody says how many.
    enum Length: Int, Sendable {
        case usual = 50
        /// Lists that most clients want whole and that most services have no more of.
        case most = 200
    }

    static func wish(_ query: Query, _ length: Length = .usual) throws -> PageWish {
        PageWish(
            cursor: try query.text("cursor"),
            limit: try query.integer("limit", in: 1...PageWish.most) ?? length.rawValue)
    }

    /// The page as `{name: […], "next": …}`, with `more` beside it. The link asks the same of the same address, behind this page.
    static func answer(
        _ name: String, _ entries: [JSONValue], next: String?, _ request: Request, more: [String: JSONValue] = [:]
    ) throws -> Response {
        var document = more
        document[name] = .array(entries)
        if let next { document["next"] = .string(next) }
        return answer(Array(try JSONValue.object(document).serialized()), next: next, request)
    }

    /// The same with the document written already.
    static func answer(_ document: [UInt8], next: String?, _ request: Request) -> Response {
        var response = Response.json(bytes: document, unlessKnownTo: request)
        response.headers[.link] = next.map { link(to: $0, request) }
        return response
    }

    private static func link(to cursor: String, _ request: Request) -> String {
        let pairs = (PercentCoding.pairs(request.uri.query ?? "") ?? []).filter { $0.name != "cursor" }
        let parts = [("cursor", cursor)] + pairs.map { ($0.name, $0.value) }
        let query = parts.map { "\(PercentCoding.encoded($0.0))=\(PercentCoding.encoded($0.1))" }
        return "<\(request.uri.path)?\(query.joined(separator: "&"))>; rel=\"next\""
    }
}

extension OperationPart {
    /// A list that comes in parts.
    static func pages(
        _ name: String, of entry: Schema, _ order: String, _ length: Paging.Length = .usual
    ) -> Self {
        pages(.object([name: .list(of: entry), "next?": .nextCursor]), order, length)
    }

    /// The same where `page` has more than the list.
    static func pages(_ page: Schema, _ order: String, _ length: Paging.Length = .usual) -> Self {
        let parts: [OperationPart] = [
            .query(
                "limit", .integer(1...PageWish.most).unset(.integer(length.rawValue)), "Entries of a page, at most."),
            .query("cursor", .cursor, "The `next` of the page before, with the same filter."),
            .document(page, order, .link),
        ]
        return OperationPart { operation in for part in parts { part.add(&operation) } }
    }
}

extension Schema {
    static let cursor = text(pattern: "^[A-Za-z0-9_-]{23,256}$", example: String(repeating: "A", count: 59))
    static let nextCursor = cursor.note("The cursor of the next page; missing on the last one.")
}
