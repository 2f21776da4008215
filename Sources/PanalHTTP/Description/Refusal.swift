import PanalCore

/// A status that refuses, as the document names and explains it.
struct Refusal: Hashable, Sendable {
    let status: Int
    /// The name of its response component.
    let name: String
    /// The last part of the problem's `type` that is most common with it.
    let kind: String
    let note: String

    /// Nil for a status that refuses nothing here.
    init?(_ status: Int) {
        guard let row = Self.table[status] else { return nil }
        self.status = status
        (name, kind, note) = row
    }

    /// As answers of this kind have it.
    var title: String {
        if let code = ServiceError.Code.allCases.first(where: { Problem.status(of: $0).kind == kind }) {
            return Problem.status(of: code).title
        }
        return Self.titles[kind] ?? name
    }

    private static let titles = [
        "method-not-allowed": "Not with this method", "range-not-satisfiable": "No such range",
        "storage-full": "No room",
    ]

    static let known = Set(table.keys)

    private static let table: [Int: (name: String, kind: String, note: String)] = [
        400: ("Malformed", "malformed", "The query or the body cannot be understood."),
        401: ("Unauthenticated", "unauthenticated", "No key and no session, or one that is not valid any more."),
        402: (
            "Unaffordable", "unaffordable",
            "Not enough credit, or not enough left of a budget: `needed` and `available` have the numbers."
        ),
        403: (
            "Forbidden", "forbidden",
            "Known, but not allowed: by role (`forbidden`), by the key's scopes (`insufficient-scope`), or for a foreign form (`cross-site`)."
        ),
        404: ("NotFound", "not-found", "Not there, or not there for this caller."),
        405: ("MethodNotAllowed", "method-not-allowed", "Not with this method; `Allow` says with which."),
        406: ("NotAcceptable", "not-acceptable", "None of the kinds that `Accept` asks for."),
        409: ("Conflict", "conflict", "It clashes with what is there."),
        410: ("Gone", "gone", "It was there and has expired or been removed."),
        412: ("PreconditionFailed", "precondition-failed", "It has been changed since the mark of `If-Match`."),
        413: ("TooLarge", "too-large", "Larger than is taken."),
        415: ("Unsupported", "unsupported", "This media type is not taken; `Accept` says which one is."),
        416: ("RangeNotSatisfiable", "range-not-satisfiable", "Nothing of the range is there."),
        422: ("Invalid", "invalid", "Members or fields are wrong; `errors` has each with its place."),
        423: ("Locked", "locked", "Somebody else is writing to it at this moment."),
        429: (
            "Overloaded", "overloaded",
            "Too many requests of this caller (`rate-limited`), or too much at once for the server (`overloaded`); `Retry-After` says when to come back."
        ),
        460: ("ChecksumMismatch", "checksum-mismatch", "The bytes do not have the checksum that was sent with them."),
        500: ("Internal", "internal", "Panal failed; the log has the reason under this request's number."),
        507: ("StorageFull", "storage-full", "The server's disk is full; nothing of the request was stored."),
    ]
}
