import HTTPTypes
import Hummingbird
import PanalCore

/// `If-Match` (RFC 9110 §13.1.1): a change is made only while the thing is as the client knows it.
enum Preconditions {
    /// Throws 412 where the client names marks and `document` has none of them.
    static func check(_ request: Request, _ document: JSONValue) throws {
        let wanted = request.headers[values: .ifMatch].flatMap { value -> [String] in
            value.split(separator: ",").map { mark in String(mark.filter { $0 != " " && $0 != "\t" }) }
        }
        guard !wanted.isEmpty, !wanted.contains("*") else { return }
        // The strong comparison: a weak mark is none.
        guard !wanted.contains(StoredAnswer.etag(of: try document.serialized())) else { return }
        throw WebError(
            .preconditionFailed, "precondition-failed", "Changed meanwhile",
            "it is not any more what If-Match names; read it again")
    }
}

extension OperationPart {
    /// A change that takes `If-Match`.
    static let guarded: OperationPart = {
        let parts: [OperationPart] = [
            .header("If-Match", .text, "The mark (`ETag`) of what is to be changed; 412 where it is another by now."),
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
