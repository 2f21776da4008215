import HTTPTypes
import Hummingbird
import PanalCore
import PanalManifest

/// What a route takes and answers, for people and programs: an operation of the OpenAPI document.
package struct Operation: Sendable {
    /// The part of the document it is found under.
    package enum Tag: String, Sendable, CaseIterable {
        case programs, rootfs, jobs, uploads, queue, account, credits, users, groups, service

        var summary: String {
            switch self {
            case .programs: "Programs, their versions, and the profiles they run on"
            case .rootfs: "The file systems that programs see"
            case .jobs: "Runs of programs: submitting, watching, cancelling, results"
            case .uploads: "Large files, sent in pieces and resumed after a break (tus 1.0)"
            case .queue: "Who waits for what"
            case .account: "Who one is, and one's keys"
            case .credits: "Credit, use and cost"
            case .users: "Users, for administrators"
            case .groups: "Groups of users and what they may use, for administrators"
            case .service: "The service itself"
            }
        }
    }

    struct Parameter: Sendable {
        enum Place: String, Sendable { case path, query, header }

        var name: String
        var place: Place
        var schema: Schema
        var note: String
        var isRequired: Bool
    }

    struct Answer: Sendable {
        var status: HTTPResponse.Status
        var note: String
        /// By media type; empty where there is no body.
        var content: [(type: String, schema: Schema)]
        var headers: [AnswerHeader]
    }

    package let id: String
    let tag: Tag
    let summary: String
    var note: String?
    /// What a key must be good for; nil for the route's default.
    var scope: KeyScope?
    var parameters: [Parameter] = []
    /// By media type; nil where there is none.
    var body: [(type: String, schema: Schema)]?
    var isBodyRequired = true
    var answers: [Answer] = []
    /// Refusals beyond those that follow from the route itself.
    var refusals: [HTTPResponse.Status] = []
}

extension Operation {
    /// A parameter of the query without a value is taken for none only where an empty text is what the document lets through.
    func refuseEmptyParameters(of request: Request) throws {
        guard let query = request.uri.query, query.contains("=&") || query.hasSuffix("=") else { return }
        for (name, value) in PercentCoding.pairs(query) ?? [] where value.isEmpty {
            guard let parameter = parameters.first(where: { $0.name == name && $0.place == .query }),
                parameter.schema.json != Schema.text.json
            else { continue }
            throw ServiceError(.malformed, "the query's ‘\(name)’ is empty: leave it out, or give it a value")
        }
    }
}

extension Operation {
    /// What is asked for in a word that the operation does not have is refused before anything is done: a slip of the finger in
    /// `dryRun` would run the job, and one in a filter would show everything.
    func refuseUnknownWords(of request: Request) throws {
        if let query = request.uri.query, !query.isEmpty {
            let known = parameters.filter { $0.place == .query }.map(\.name)
            for (name, _) in PercentCoding.pairs(query) ?? [] where !known.contains(name) {
                let near = Nearest.to(name, among: known).map { "did you mean ‘\($0)’?" }
                let all = known.isEmpty ? "it takes none" : "known are \(known.joined(separator: ", "))"
                throw ServiceError(.malformed, "the query's ‘\(name)’ is not known here; \(near ?? all)")
            }
        }
        // Who sends one relies on it. Other methods do nothing twice anyway.
        let key = HTTPField.Name.idempotencyKey
        guard request.method == .post, request.headers.contains(key),
            !parameters.contains(where: { $0.place == .header && $0.name == key.rawName })
        else { return }
        throw ServiceError(
            .malformed, "‘\(key.rawName)’ is not taken here: sent again, this request is carried out again")
    }
}

/// One more thing that is said of an operation.
struct OperationPart: Sendable {
    let add: @Sendable (inout Operation) -> Void

    static func note(_ text: String) -> Self { Self { $0.note = text } }

    static func scope(_ scope: KeyScope) -> Self { Self { $0.scope = scope } }

    static func path(_ name: String, _ schema: Schema, _ note: String) -> Self {
        parameter(name, .path, schema, note, isRequired: true)
    }

    static func query(_ name: String, _ schema: Schema, _ note: String) -> Self {
        parameter(name, .query, schema, note, isRequired: false)
    }

    static func header(_ name: String, _ schema: Schema, _ note: String, isRequired: Bool = false) -> Self {
        parameter(name, .header, schema, note, isRequired: isRequired)
    }

    private static func parameter(
        _ name: String, _ place: Operation.Parameter.Place, _ schema: Schema, _ note: String, isRequired: Bool
    ) -> Self {
        Self {
            $0.parameters.append(
                Operation.Parameter(name: name, place: place, schema: schema, note: note, isRequired: isRequired))
        }
    }

    /// A JSON body.
    static func body(_ schema: Schema) -> Self { body([("application/json", schema)]) }

    static func body(_ content: [(type: String, schema: Schema)], isRequired: Bool = true) -> Self {
        Self {
            $0.body = content
            $0.isBodyRequired = isRequired
        }
    }

    /// A JSON document.
    static func answer(
        _ status: HTTPResponse.Status, _ schema: Schema, _ note: String, _ headers: AnswerHeader...
    ) -> Self {
        content(status, [("application/json", schema)], note, headers)
    }

    static func empty(_ status: HTTPResponse.Status, _ note: String, _ headers: AnswerHeader...) -> Self {
        content(status, [], note, headers)
    }

    static func content(
        _ status: HTTPResponse.Status, _ content: [(type: String, schema: Schema)], _ note: String,
        _ headers: [AnswerHeader]
    ) -> Self {
        Self { $0.answers.append(Operation.Answer(status: status, note: note, content: content, headers: headers)) }
    }

    /// A JSON document that is read again and again: with a mark, and 304 for whoever has it.
    static func document(_ schema: Schema, _ note: String, _ headers: AnswerHeader...) -> Self {
        marked([("application/json", schema)], note, headers)
    }

    static func marked(_ content: [(type: String, schema: Schema)], _ note: String, _ headers: [AnswerHeader]) -> Self {
        let all = [
            Self.content(.ok, content, note, [.eTag] + headers),
            .empty(.notModified, "The client has it already", .eTag),
            .header("If-None-Match", .text, "Marks (`ETag`) that the client has; one that fits is answered by 304."),
        ]
        return Self { operation in for part in all { part.add(&operation) } }
    }

    /// Refusals beyond those that follow from the route.
    static func refuses(_ statuses: HTTPResponse.Status...) -> Self { Self { $0.refusals += statuses } }

    /// `Prefer: wait=N`.
    static let waits = header(
        "Prefer", .text.example("wait=30"),
        "`wait=N` holds the answer back until the job has ended, N seconds at most (RFC 7240).")
}

/// A header field of an answer, described once for the whole document.
struct AnswerHeader: Sendable {
    let name: String
    let schema: Schema
    let note: String

    init(_ name: String, _ schema: Schema, _ note: String) {
        self.name = name
        self.schema = schema
        self.note = note
    }

    static let location = Self(
        "Location", .reference.example("/api/v1/jobs/01k8zq4m3rh7x2c5w9ta"),
        "Where what was made or asked for is to be found.")
    static let retryAfter = Self("Retry-After", .count.example(1), "Seconds after which it is worth asking again.")
    static let eTag = Self("ETag", .text.example("\"2f4x9\""), "The strong mark of this very content.")
    static let link = Self(
        "Link", .text.example("</api/v1/jobs?cursor=x>; rel=\"next\""),
        "`rel=\"next\"`: the next page. Missing on the last one.")
    static let preferenceApplied = Self(
        "Preference-Applied", .text.example("wait=30"), "The preference as it was granted.")
    static let contentRange = Self("Content-Range", .text.example("bytes 0-9/200"), "Which bytes these are.")
    static let acceptRanges = Self("Accept-Ranges", .text.example("bytes"), "That `Range` is taken here.")
    static let reprDigest = Self(
        "Repr-Digest", .text.example("sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:"),
        "SHA-256 of the whole content (RFC 9530).")
    static let wwwAuthenticate = Self("WWW-Authenticate", .text.example("Bearer realm=\"panal\""), "How to sign in.")

    static let accept = Self("Accept", .text.example("application/json"), "The media types that are taken here.")
    static let rateLimitPolicy = Self(
        "RateLimit-Policy", .text.example("\"key\";q=6000;w=60"),
        "What this caller may ask on the average: `q` times in `w` seconds, counted by key, session or address.")
    static let rateLimit = Self(
        "RateLimit", .text.example("\"key\";r=2999;t=1"),
        "What is left now: `r` times at once, of a store that holds fewer or more than `q` and is filled evenly; after `t` seconds there is one more."
    )

    /// What refusals of a status have, as far as it applies.
    static let ofRefusals: [Int: [AnswerHeader]] = [
        401: [.wwwAuthenticate], 403: [.wwwAuthenticate], 412: [.eTag], 415: [.accept], 416: [.contentRange],
        429: [.retryAfter, .rateLimit, .rateLimitPolicy], 507: [.retryAfter],
    ]
}
