import HTTPTypes
import Hummingbird
import PanalCore

/// `If-Match` (RFC 9110 §13.1.1): a change is made only while the thing is as the client knows it.
///
/// The marks are of documents, so they are looked at here; that nothing comes between this look and the change is the store's: what was
/// looked at goes with the change, and the transaction that makes it compares again.
enum Preconditions {
    /// Carries `change` out where the client names no marks, or one of what `current` is. `documents` are the forms in which the value
    /// is shown with a mark: one, unless a change answers with less than what is read. `change` gets the value that the client knows,
    /// nil where any will do, and throws ``ServiceError/Code/changed`` where it is another by now.
    ///
    /// Throws 412 with the present mark.
    static func guarded<Value: Sendable>(
        _ request: Request, current: () async throws -> Value, documents: (Value) throws -> [JSONValue],
        _ change: (Value?) async throws -> Response
    ) async throws -> Response {
        let wanted = marks(of: request)
        guard !wanted.isEmpty else { return try await change(nil) }
        let value = try await current()
        let marks = try marks(of: documents(value))
        let isAny = wanted.contains("*")
        // There is none of which any would do: RFC 9110 §13.1.1 has `*` fail then.
        guard isAny ? !marks.isEmpty : marks.contains(where: wanted.contains) else { throw changed(now: marks.first) }
        do {
            return try await change(isAny ? nil : value)
        } catch let error as ServiceError where error.code == .changed {
            throw changed(now: try Self.marks(of: documents(try await current())).first)
        }
    }

    /// The same for what is shown in one form.
    static func guarded<Value: Sendable>(
        _ request: Request, current: () async throws -> Value, document: (Value) throws -> JSONValue,
        _ change: (Value?) async throws -> Response
    ) async throws -> Response {
        try await guarded(request, current: current, documents: { [try document($0)] }, change)
    }

    /// As they were sent, quotes and all. A weak one equals none here, as the strong comparison has it.
    private static func marks(of request: Request) -> Set<String> {
        Set(
            request.headers[values: .ifMatch].flatMap { value in
                value.split(separator: ",").map { mark in String(mark.filter { $0 != " " && $0 != "\t" }) }
            })
    }

    private static func marks(of documents: [JSONValue]) throws -> [String] {
        try documents.map { StoredAnswer.etag(of: try $0.serialized()) }
    }

    private static func changed(now mark: String?) -> WebError {
        WebError(
            .preconditionFailed, "precondition-failed", "Changed meanwhile",
            "it is not any more what If-Match names; read it again", headers: mark.map { [.eTag: $0] } ?? [:])
    }
}

extension OperationPart {
    /// A change that takes `If-Match`.
    static let guarded: OperationPart = {
        let parts: [OperationPart] = [
            .header(
                "If-Match", .text,
                "Marks (`ETag`) of what is to be changed, as it was read or as the last change has answered it; `*` for any. "
                    + "Where it is another by now nothing is changed, and the 412 has the present mark."),
            .refuses(.preconditionFailed),
        ]
        return OperationPart { operation in for part in parts { part.add(&operation) } }
    }()

    /// A request that may be sent again without being done again.
    static let retrySafe: OperationPart = {
        let parts: [OperationPart] = [
            .header(
                "Idempotency-Key",
                .text(pattern: #"^[!#-\[\]-~]{1,255}$"#, example: "8e03978e-40d5-43dd-bc93-6894a57f9324"),
                "A name for this request, kept for a day. The same request again answers what it has made; another one "
                    + "with it is refused by 422, and one that is still being sent by 409."),
            .refuses(.conflict),
        ]
        return OperationPart { operation in for part in parts { part.add(&operation) } }
    }()
}

extension AnswerHeader {
    static let replayed = Self(
        "Idempotency-Replayed", .text.example("true"), "`true` where an earlier request had made it already.")
}
