import HTTPTypes
import Hummingbird
import NIOCore
import PanalCore
import PanalManifest
import PanalService

/// What a form's script needs: the rules of the program as data, the words to tell mistakes with in the reader's language,
/// and the choices that are too many for the page.
struct RulePages: Sendable {
    let panal: Panal

    var routes: [Route] {
        [
            Route(.get, "/programs/{name}/rules", .page, rules),
            Route(.get, "/programs/{name}/choices/{field}", .page, choices),
        ]
    }

    private func entry(_ request: Request, _ context: WebContext) async throws -> ProgramEntry {
        let version = try Query(request).integer("version", in: 1...Int.max)
        return try await panal.program(
            try context.principal, name: try context.parameter("name"), version: version)
    }

    @Sendable private func rules(_ request: Request, _ context: WebContext) async throws -> Response {
        let manifest = try await entry(request, context).manifest
        let t = Catalogue(language: context.language)
        let texts = { (table: [String: String]) in JSONValue.object(table.mapValues(JSONValue.string)) }
        let long = manifest.allInputs.filter { ($0.choices?.count ?? 0) > Field.shownChoices }
        let labels = long.map { ($0.id, JSONValue.array(($0.choices ?? []).map { .string($0.label) })) }
        var response = try Response.json(
            .object([
                "rules": manifest.ruleDescription,
                "phrases": texts(Manifest.rulePhrases(inSpanish: t.language == .spanish)),
                "labels": .object(Dictionary(labels, uniquingKeysWith: { first, _ in first })),
                "words": texts([
                    "dropHere": t(.dropHere), "uploading": t(.uploading), "stop": t(.stopUpload),
                    "notSent": t(.formNotSent), "wrong": t(.fieldsWrong),
                    "added": t(.blockAdded, "%1"), "removed": t(.blockRemoved, "%1"),
                ]),
            ]), unlessKnownTo: request)
        response.headers[.vary] = "Accept-Language"
        return response
    }

    /// Each value on a line, with its label where that is another.
    @Sendable private func choices(_ request: Request, _ context: WebContext) async throws -> Response {
        let id = try context.parameter("field")
        guard let choices = try await entry(request, context).manifest.anyInput(id: id)?.choices else {
            throw ServiceError(.notFound, "there is nothing at this address")
        }
        let lines = choices.map { $0.label == $0.value ? "\($0.value)\n" : "\($0.value)\t\($0.label)\n" }
        return Response(
            status: .ok,
            headers: [
                .contentType: "text/plain; charset=utf-8", .xContentTypeOptions: "nosniff",
                .contentSecurityPolicy: "sandbox; default-src 'none'",
            ],
            body: .init(byteBuffer: ByteBuffer(string: lines.joined())))
    }
}
