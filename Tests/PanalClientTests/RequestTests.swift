import Foundation
import NIOHTTP1
import PanalCore
import Testing

@testable import PanalClient

@Suite("Requests and refusals") struct RequestTests {
    @Test func pathsAndQueriesAreEscaped() {
        #expect(PercentCoding.encoded("año/..?#") == "a%C3%B1o%2F..%3F%23")
        #expect(ClientRequest.query(["a": "1 2", "b": nil, "c": "&="]) == "?a=1%202&c=%26%3D")
        #expect(ClientRequest.query(["a": nil]) == "")
    }

    @Test func whatMayBeAskedTwice() {
        #expect(ClientRequest(.GET, "/").isRepeatable && ClientRequest(.DELETE, "/").isRepeatable)
        var post = ClientRequest(.POST, "/")
        #expect(!post.isRepeatable)
        post.repeatSafely(key: "k")
        #expect(post.isRepeatable && post.headers["Idempotency-Key"] == ["\"k\""])
    }

    @Test func aRefusalNamesTheFields() {
        let body =
            #"{"title": "Fields are wrong", "detail": "two", "errors": [{"pointer": "/tama~1o", "detail": "too large"}, {"pointer": "/a/0", "detail": "no"}]}"#
        let failure = Refusal.failure(status: .unprocessableEntity, headers: [:], body: Array(body.utf8))
        #expect(failure.kind == .refused(status: 422))
        #expect(failure.description == "Fields are wrong: two\n  tama/o: too large\n  /a/0: no")
        let once = #"{"title": "Fields are wrong", "detail": "no", "errors": [{"pointer": "/a", "detail": "no"}]}"#
        let short = Refusal.failure(status: .unprocessableEntity, headers: [:], body: Array(once.utf8))
        #expect(short.description == "Fields are wrong\n  a: no")
    }

    /// Whatever comes, something is said.
    @Test(arguments: [
        (HTTPResponseStatus.tooManyRequests, "{}", ClientFailure.Kind.later(status: 429)),
        (.serviceUnavailable, "<html>", .later(status: 503)), (.forbidden, "", .refused(status: 403)),
        (.movedPermanently, "", .misunderstood), (.notFound, "[[[[", .misunderstood),
    ]) func answersThatAreNoProblems(status: HTTPResponseStatus, body: String, kind: ClientFailure.Kind) {
        let failure = Refusal.failure(status: status, headers: ["Retry-After": "3"], body: Array(body.utf8))
        #expect(failure.kind == kind && failure.description.contains("\(status.code)"))
    }

    @Test func pausesGrowAndEnd() {
        var pauses = Pauses(limit: .seconds(30))
        var all: [Duration] = []
        while let pause = pauses.next() { all.append(pause) }
        #expect(all.prefix(3) == [.milliseconds(250), .milliseconds(500), .seconds(1)])
        #expect(all.max() == .seconds(10) && all.reduce(.zero, +) == .seconds(30))
        var none = Pauses(limit: .zero)
        #expect(none.next() == nil)
    }

    @Test(
        arguments: [
            ("bytes 5-9/100", 5, 100), ("bytes 0-0/1", 0, 1), ("bytes */100", nil, nil), ("bytes 5-9/*", nil, nil),
            ("items 5-9/10", nil, nil),
            (nil, nil, nil),
        ] as [(String?, Int?, Int?)]) func ranges(header: String?, first: Int?, size: Int?)
    {
        #expect(ContentRange(header)?.first == first && ContentRange(header)?.size == size)
    }

    @Test(
        arguments: [
            (
                "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
            ),
            (
                "unixsum=:AA==:, sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
            ),
            ("sha-256=:AA==:", nil), ("sha-256=", nil), ("sha-256=:", nil), ("", nil),
        ] as [(String, String?)]) func digests(header: String, hex: String?)
    { #expect(Download.digest(header) == hex) }
}

@Suite("A submission before it is sent") struct SubmissionDraftTests {
    static let schema: JSONValue = [
        "properties": [
            "imagen": ["type": "string", "format": "binary"], "radio": ["type": "integer"],
            "modo": ["enum": ["suave", "fuerte"]],
            "factor": ["type": "number"], "nombres": ["type": "array", "items": ["type": "string"]],
            "partes": ["type": "array", "items": ["type": "string", "format": "binary"]],
        ],
        "required": ["imagen"],
    ]

    @Test func itBecomesADocumentOrAForm() throws {
        let draft = try SubmissionDraft(
            schema: Self.schema, values: [("radio", "3"), ("nombres", "a"), ("nombres", "b=c")],
            files: [("imagen", "@/tmp/x/foto.png")])
        #expect(draft.hasFiles)
        #expect(draft.document == ["radio": 3, "nombres": ["a", "b=c"]])
        #expect(draft.parts.map(\.name) == ["nombres", "nombres", "radio", "imagen"])
        #expect(draft.parts.last?.fileName == "foto.png")
    }

    @Test func aDocumentOfValuesIsTakenToo() throws {
        var schema = Self.schema
        if case .object(var members) = schema { members["required"] = nil; schema = .object(members) }
        let draft = try SubmissionDraft(
            schema: schema, values: [], files: [],
            document: ["radio": 3, "nombres": ["a"], "modo": "suave", "factor": .null])
        #expect(draft.document == ["radio": 3, "nombres": ["a"], "modo": "suave"])
    }

    /// What was given, and what is said of it.
    @Test(arguments: [
        (["radoi=3"], ["imagen=x"], "radoi: the program has no such input; did you mean radio?"),
        (["radio=tres"], ["imagen=x"], "radio: ‘tres’ is not a whole number"),
        (["factor=x"], ["imagen=x"], "factor: ‘x’ is not a number"),
        (["modo=duro"], ["imagen=x"], "modo: ‘duro’ is none of suave, fuerte"),
        (["imagen=x"], [], "imagen: is a file; give it with --file imagen=PATH"),
        ([], ["imagen=x", "radio=y"], "radio: is no file; give it with --input radio=VALUE"),
        (["radio=1", "radio=2"], ["imagen=x"], "radio: takes one value"),
        ([], ["imagen=x", "imagen=y"], "imagen: takes one value"),
        ([], [], "imagen: is required; give it with --file imagen=PATH"),
    ]) func mistakesNameTheField(values: [String], files: [String], says: String) throws {
        let pairs = (try values.map(SubmissionDraft.pair), try files.map(SubmissionDraft.pair))
        let failure = #expect(throws: ClientFailure.self) {
            try SubmissionDraft(schema: Self.schema, values: pairs.0, files: pairs.1)
        }
        #expect(failure?.description.contains(says) == true, "\(failure?.description ?? "")")
    }

    @Test(arguments: ["", "x", "=x"]) func whatIsNoPair(text: String) {
        #expect(throws: ClientFailure.self) { try SubmissionDraft.pair(text) }
    }

    @Test func allMistakesAreSaidAtOnce() {
        let failure = #expect(throws: ClientFailure.self) {
            try SubmissionDraft(schema: Self.schema, values: [("radio", "x"), ("b", "")], files: [])
        }
        #expect(failure?.description.split(separator: "\n").count == 4)
    }
}
