import PanalCore

/// Every kind of problem that a client may meet, with what it means; the last part of a problem's `type`.
enum ProblemKinds {
    static let meanings: KeyValuePairs<String, String> = [
        "unauthenticated": "401: no key and no session, or one that is not valid any more.",
        "unaffordable": "402: not enough credit, or not enough left of a budget; `limit` says which.",
        "forbidden":
            "403: not for this caller, by role, state or restriction; or more than they may store (`allowedBytes`).",
        "insufficient-scope":
            "403: not with this key; its owner may, by a key that is good for the scope that `WWW-Authenticate` names.",
        "cross-site": "403: a browser's request without the token of its session's forms.",
        "not-found": "404: not there, or not there for this caller.",
        "malformed": "400: the request cannot be understood.",
        "request": "4xx: HTTP's own rules are broken.",
        "method-not-allowed": "405: not with this method; `Allow` says with which.",
        "too-slow": "408: the request's body came too slowly; nothing of it was taken.",
        "departed": "408: the client had gone before the answer; nothing was done.",
        "conflict": "409: it clashes with what is there.",
        "gone": "410: it was there, and has expired or been removed.",
        "precondition-failed":
            "412: it has changed since the mark of `If-Match`; or another version of tus was asked for.",
        "too-large": "413: larger than is taken.",
        "unsupported": "415: this media type, or this kind of file, is not taken.",
        "range-not-satisfiable": "416: nothing of the range is there; `Content-Range` has the size.",
        "invalid": "422: members or fields are wrong; `errors` has each with its place.",
        "locked": "423: somebody else is writing to it at this moment.",
        "rate-limited": "429: more requests than `RateLimit-Policy` allows. Come back after `Retry-After` seconds.",
        "overloaded":
            "429: a queue is full, or too many do the same at this moment. Come back after `Retry-After` seconds.",
        "checksum-mismatch": "460: the bytes do not have the checksum that was sent with them.",
        "internal": "500: Panal failed; the log has the reason under `X-Request-Id`.",
        "storage-full": "507: the server's disk is full; nothing of the request was stored.",
    ]

    /// As the description of `type`: a word may be added with time, so that it is no `enum`, which generated clients take for complete.
    static var note: String {
        "Stable: the kind of the problem, `urn:panal:problem:` and one of these. There may be more with time.\n\n"
            + meanings.map { "- `\($0)` \($1)" }.joined(separator: "\n")
    }
}
