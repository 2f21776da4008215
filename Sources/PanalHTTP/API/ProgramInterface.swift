import HTTPTypes
import Hummingbird
import PanalCore
import PanalManifest
import PanalService

/// `/api/v1/programs` and `/api/v1/profiles`.
struct ProgramInterface: Sendable {
    let panal: Panal

    var routes: [Route] {
        [
            Route(.get, "/api/v1/programs", .interface, list)
                .described(
                    "listPrograms", .programs, "The programs that one may use",
                    .pages("programs", of: .program, "By name", .most)),
            Route(.post, "/api/v1/programs", .interface, publish)
                .described(
                    "publishProgram", .programs, "Publish a program, or a new version of one",
                    .note(
                        "The same content and manifest are the same version: of an earlier one `version` of the answer says which, and "
                            + "the newest (`latest`) stays what runs where none is named; withdraw newer ones to go back. The name in addresses comes of the "
                            + "manifest's. The manifest's tests run first, in cells: where one fails nothing is published, and "
                            + "the answer (422) says of each what was expected and what came. It comes when they have ended."
                    ),
                    .body([("multipart/form-data", .publication)]),
                    .answer(.created, .program, "A new version", .location),
                    .answer(.ok, .program, "This version was there already", .location), .refuses(.conflict)),
            Route(.get, "/api/v1/programs/{name}", .interface, show)
                .described("getProgram", .programs, "A program", Self.version, .document(.program, "The program")),
            Route(.patch, "/api/v1/programs/{name}", .interface, change)
                .described(
                    "changeProgram", .programs, "Make a program everybody's, or one's own", .guarded,
                    .body(.object(["public": .boolean], isClosed: true)),
                    .answer(.ok, .program, "The program as it is now", .eTag)),
            Route(.delete, "/api/v1/programs/{name}", .interface, withdraw)
                .described(
                    "deleteProgram", .programs, "Withdraw a program, all of its versions", .guarded, Self.withdrawal,
                    .empty(.noContent, "Nobody finds it any more")),
            Route(.get, "/api/v1/programs/{name}/versions", .interface, versions)
                .described(
                    "listProgramVersions", .programs, "The versions of a program",
                    .pages("versions", of: .program, "The newest first", .most)),
            Route(.get, "/api/v1/programs/{name}/versions/{version}", .interface, showVersion)
                .described(
                    "getProgramVersion", .programs, "One version of a program",
                    .path("version", .integer(1 ... .max), "Its number."), .document(.program, "The version")),
            Route(.delete, "/api/v1/programs/{name}/versions/{version}", .interface, withdrawVersion)
                .described(
                    "deleteProgramVersion", .programs, "Withdraw one version of a program", .guarded, Self.withdrawal,
                    .path("version", .integer(1 ... .max), "Its number."),
                    .empty(.noContent, "Nobody can run it any more")),
            Route(.get, "/api/v1/programs/{name}/manifest", .interface, manifest)
                .described(
                    "getManifest", .programs, "A program's manifest as it was published", Self.version,
                    .answer(.ok, .manifest, "Byte for byte")),
            Route(.get, "/api/v1/programs/{name}/schema", .interface, schema)
                .described(
                    "getSubmissionSchema", .programs, "JSON Schema of a program's submissions", Self.version,
                    .query("as", .words(["form", "json"]), "The form's fields, or the JSON body of `submitJob`."),
                    .marked([("application/schema+json", Schema(["type": "object"]))], "Draft 2020-12", [])),
            Route(.get, "/api/v1/programs/{name}/boutiques", .interface, boutiques)
                .described(
                    "getBoutiquesDescriptor", .programs, "A program's manifest as a Boutiques descriptor", Self.version,
                    .note(
                        "Schema version 0.5. Refused where Boutiques has no word for the way in which a field goes to the "
                            + "program."),
                    .document(Schema(["type": "object"]), "The descriptor"), .refuses(.unprocessableContent)),
            Route(.get, "/api/v1/profiles", .interface, profiles)
                .described(
                    "listProfiles", .programs, "The hardware profiles",
                    .document(.object(["profiles": .list(of: .profile)]), "In the operator's order")),
        ]
    }

    private static let withdrawal = OperationPart.note(
        "For its owner and administrators. It cannot be run any more (404), and the newest version that is left is the newest; with "
            + "the last one the program is gone. Jobs that were submitted come to their end, and what they were stays to be read. "
            + "The files go about a day later, once no unfinished job needs them. The name stays its owner's, numbers are not "
            + "given again, and publishing the same content brings the version back.")

    private static let version = OperationPart.query("version", .integer(1 ... .max), "The newest when it is missing.")

    @Sendable private func list(_ request: Request, _ context: WebContext) async throws -> Response {
        let page = try await panal.programPage(try context.principal, try Paging.wish(try Query(request), .most))
        return try Paging.answer("programs", page.entries.map(Documents.program), next: page.next, request)
    }

    /// `multipart/form-data` with the parts `manifest`, `program`, and if it is to be everybody's, `public` (`true`).
    @Sendable private func publish(_ request: Request, _ context: WebContext) async throws -> Response {
        let principal = try context.principal
        let published = try await panal.holding { held in
            let form = try await FormReader(panal: panal, held: held)
                .read(request, as: principal, texts: Publication.texts)
            return try await Publication(panal: panal).publish(form, as: principal, context)
        }
        var response = try Response.json(
            Documents.program(published.entry), status: published.created ? .created : .ok)
        response.headers[.location] = "\(Documents.base)/programs/\(published.entry.program.name)"
        return response
    }

    @Sendable private func show(_ request: Request, _ context: WebContext) async throws -> Response {
        try .json(Documents.program(try await entry(request, context)), unlessKnownTo: request)
    }

    @Sendable private func versions(_ request: Request, _ context: WebContext) async throws -> Response {
        let page = try await panal.versionPage(
            try context.principal, program: try context.parameter("name"), try Paging.wish(try Query(request), .most))
        return try Paging.answer("versions", page.entries.map(Documents.program), next: page.next, request)
    }

    @Sendable private func showVersion(_ request: Request, _ context: WebContext) async throws -> Response {
        guard let version = Int(try context.parameter("version")) else {
            throw ServiceError(.notFound, "there is nothing at this address")
        }
        let entry = try await panal.program(
            try context.principal, name: try context.parameter("name"), version: version)
        return try .json(Documents.program(entry), unlessKnownTo: request)
    }

    /// The manifest as it was published, byte for byte.
    @Sendable private func manifest(_ request: Request, _ context: WebContext) async throws -> Response {
        let text = try await entry(request, context).version.manifest
        return Response(
            status: .ok, headers: [.contentType: "application/json"], body: .init(byteBuffer: .init(string: text)))
    }

    @Sendable private func schema(_ request: Request, _ context: WebContext) async throws -> Response {
        let entry = try await entry(request, context)
        let schema: JSONValue
        switch try Query(request).text("as") {
        case nil, "form": schema = entry.manifest.jsonSchema()
        case "json": schema = ProgramOperation(program: entry).bodySchema
        case let other?: throw ServiceError(.malformed, "the query's ‘as’ is ‘\(other)’; it is form or json")
        }
        var response = try Response.json(schema, unlessKnownTo: request)
        response.headers[.contentType] = "application/schema+json"
        return response
    }

    @Sendable private func boutiques(_ request: Request, _ context: WebContext) async throws -> Response {
        let entry = try await entry(request, context)
        do {
            let document = try JSONReader.read(Array(entry.version.manifest.utf8))
            return try .json(try entry.manifest.boutiquesDescriptor(document: document), unlessKnownTo: request)
        } catch let error as ManifestError {
            throw ServiceError(.invalid, "Boutiques cannot say what this manifest says", mistakes: error.mistakes)
        }
    }

    @Sendable private func change(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        try JSONBody.expect(["public"], in: members)
        guard let isPublic = try JSONBody.boolean("public", in: members) else { throw JSONBody.required("public") }
        let principal = try context.principal
        let name = try context.parameter("name")
        return try await Preconditions.guarded(
            request, current: { try await panal.program(principal, name: name, version: nil) },
            document: Documents.program
        ) { known in
            _ = try await panal.setPublic(principal, name: name, to: isPublic, expecting: known?.program)
            return try .marked(Documents.program(try await panal.program(principal, name: name, version: nil)))
        }
    }

    @Sendable private func withdraw(_ request: Request, _ context: WebContext) async throws -> Response {
        try await withdraw(nil, request, context)
    }

    @Sendable private func withdrawVersion(_ request: Request, _ context: WebContext) async throws -> Response {
        guard let version = Int(try context.parameter("version")) else {
            throw ServiceError(.notFound, "there is nothing at this address")
        }
        return try await withdraw(version, request, context)
    }

    private func withdraw(_ version: Int?, _ request: Request, _ context: WebContext) async throws -> Response {
        let (principal, name) = (try context.principal, try context.parameter("name"))
        return try await Preconditions.guarded(
            request, current: { try await panal.program(principal, name: name, version: version) },
            document: Documents.program
        ) { known in
            try await panal.withdraw(principal, program: name, version: version, expecting: known?.program)
            return Response(status: .noContent)
        }
    }

    @Sendable private func profiles(_ request: Request, _ context: WebContext) async throws -> Response {
        try .json(
            .object(["profiles": .array(panal.profiles(for: try context.principal).map(Documents.profile))]),
            unlessKnownTo: request)
    }

    /// The program of the path, in the version of the query.
    private func entry(_ request: Request, _ context: WebContext) async throws -> ProgramEntry {
        let version = try Query(request).integer("version", in: 1...Int.max)
        return try await panal.program(try context.principal, name: try context.parameter("name"), version: version)
    }
}

/// Publishing out of a form, for the programming interface and the page alike.
struct Publication: Sendable {
    let panal: Panal

    /// Parts that are text although a client may send them as files: `curl -F manifest=@manifest.json`.
    static let texts: Set<String> = ["manifest"]
    private static let known: Set<String> = ["manifest", "program", "public", "_csrf"]

    /// Ends with the client's connection. Whether their key or session holds is asked again once the tests have passed.
    func publish(
        _ form: Form, as principal: Principal, _ context: WebContext
    ) async throws -> (entry: ProgramEntry, created: Bool) {
        let unknown = form.values.keys.filter { !Self.known.contains($0) }.sorted()
        guard unknown.isEmpty else {
            throw ServiceError(
                .invalid, "there are fields that nobody would read",
                mistakes: unknown.prefix(20).map {
                    Mistake(pointer: "/\($0)", detail: "unknown; known are manifest, program and public")
                })
        }
        let file: SubmittedFile
        if case .text(let text)? = form.values["program"]?.first, let id = UploadReference.id(in: text) {
            file = try await panal.finishedUpload(principal, id, at: "/program")
        } else if let sent = try form.file("program") {
            file = sent
        } else {
            throw ServiceError(
                .invalid, "the program is missing",
                mistakes: [Mistake(pointer: "/program", detail: "choose the file to publish")])
        }
        let isPublic: Bool
        switch try form.text("public") {
        case nil, "", "false": isPublic = false
        case "true", "on": isPublic = true
        case let other?:
            throw ServiceError(
                .invalid, "a field is wrong",
                mistakes: [Mistake(pointer: "/public", detail: "‘\(other)’ is neither true nor false")])
        }
        let manifest = Array(try manifest(of: form).utf8)
        let upload = ProgramUpload(fileName: file.name, content: file.content)
        let (panal, access) = (panal, context.access)
        return try await context.whileConnected {
            try await panal.publish(principal, manifest: manifest, upload: upload, isPublic: isPublic) {
                await access?.holds() ?? true
            }
        }
    }

    private func manifest(of form: Form) throws -> String {
        guard let text = try form.text("manifest"), !text.isEmpty else {
            throw ServiceError(
                .invalid, "the manifest is missing",
                mistakes: [Mistake(pointer: "/manifest", detail: "a JSON document with a name and the inputs")])
        }
        return text
    }
}

/// The part of an address after `?`.
struct Query: Sendable {
    private let pairs: [(name: String, value: String)]

    init(_ request: Request) throws {
        guard let pairs = PercentCoding.pairs(request.uri.query ?? "") else {
            throw ServiceError(.malformed, "the query cannot be decoded as UTF-8")
        }
        self.pairs = pairs
    }

    /// The value of a parameter, nil when it is missing or empty. Throws `malformed` when it is there twice.
    func text(_ name: String) throws -> String? {
        let found = pairs.filter { $0.name == name }
        guard found.count <= 1 else { throw ServiceError(.malformed, "the query has ‘\(name)’ twice") }
        return found.first.flatMap { $0.value.isEmpty ? nil : $0.value }
    }

    func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
        guard let text = try text(name) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            let most = range.upperBound == .max ? "" : " to \(range.upperBound)"
            throw ServiceError(
                .malformed, "the query's ‘\(name)’ is ‘\(text)’; it is a whole number from \(range.lowerBound)\(most)")
        }
        return value
    }

    func boolean(_ name: String) throws -> Bool? {
        switch try text(name) {
        case nil: nil
        case "true", "1": true
        case "false", "0": false
        case let other?:
            throw ServiceError(.malformed, "the query's ‘\(name)’ is ‘\(other)’; it is true or false")
        }
    }

    func identifier<Subject>(_ name: String) throws -> Identifier<Subject>? {
        guard let text = try text(name) else { return nil }
        guard let identifier = Identifier<Subject>(text) else {
            throw ServiceError(.malformed, "the query's ‘\(name)’ is ‘\(text)’, which is no identifier")
        }
        return identifier
    }

    func state(_ name: String) throws -> JobState? {
        guard let text = try text(name) else { return nil }
        guard let state = JobState(rawValue: text) else {
            let known = JobState.allCases.map(\.rawValue).joined(separator: ", ")
            throw ServiceError(.malformed, "the query's ‘\(name)’ is ‘\(text)’; it is one of \(known)")
        }
        return state
    }
}
