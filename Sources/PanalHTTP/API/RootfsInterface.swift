import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// `/api/v1/rootfs`: the file systems that programs see, and their names.
struct RootfsInterface: Sendable {
    let panal: Panal

    var routes: [Route] {
        [
            Route(.get, "/api/v1/rootfs", .interface, list)
                .described(
                    "listRootfs", .rootfs, "The images that one's programs may run in, and one's own",
                    .document(.object(["images": .list(of: .rootfs)]), "The oldest first")),
            Route(.post, "/api/v1/rootfs", .interface, make)
                .described(
                    "makeRootfs", .rootfs, "Make an image of an uploaded archive", .scope(.programs),
                    .note(
                        "Taken are tar archives of an OCI image layout, of `docker save`, and of the files themselves, "
                            + "plain or compressed. It is looked at and unpacked after the answer: its state says what came of it."
                    ),
                    .body(.rootfsRequest),
                    .answer(.accepted, .rootfs, "The image, *processing*", .location),
                    .refuses(.forbidden, .contentTooLarge, .tooManyRequests)),
            Route(.put, "/api/v1/rootfs/aliases", .administratorInterface, setAlias)
                .described(
                    "setRootfsAlias", .rootfs, "Say what a name means",
                    .body(
                        .object(
                            [
                                "alias": .text(1...101).example("python:3.*"),
                                "image?": .identifier.note("None takes the name away."),
                            ], isClosed: true)),
                    .answer(.ok, .object(["images": .list(of: .rootfs)]), "All images"), .refuses(.conflict, .notFound)),
            Route(.get, "/api/v1/rootfs/{id}", .interface, show)
                .described("getRootfs", .rootfs, "An image and what it holds", .document(.rootfsDetails, "The image")),
            Route(.patch, "/api/v1/rootfs/{id}", .interface, change)
                .described(
                    "changeRootfs", .rootfs, "Disable or enable an image, or make it everybody's", .scope(.programs),
                    .guarded,
                    .body(
                        .object(
                            ["state?": .words(["available", "disabled"]), "public?": .boolean], isClosed: true)),
                    .answer(.ok, .rootfs, "The image as it is now", .eTag), .refuses(.conflict)),
            Route(.delete, "/api/v1/rootfs/{id}", .interface, remove)
                .described(
                    "removeRootfs", .rootfs, "Have no job begin in an image, and remove it when none uses it",
                    .scope(.programs), .guarded,
                    .answer(.accepted, .rootfs, "The image, *removing*"), .refuses(.conflict)),
        ]
    }

    private static func wrong(_ pointer: String, _ detail: String) -> ServiceError {
        ServiceError(
            .invalid, "a member is not as it should be", mistakes: [Mistake(pointer: pointer, detail: detail)])
    }

    private func all(_ principal: Principal) async throws -> JSONValue {
        .object(["images": .array(try await panal.rootfsImages(principal).map(Documents.rootfs))])
    }

    @Sendable private func list(_ request: Request, _ context: WebContext) async throws -> Response {
        try .json(try await all(try context.principal), unlessKnownTo: request)
    }

    @Sendable private func make(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        try JSONBody.expect(["name", "upload", "format", "tag", "public", "environment", "alias"], in: members)
        guard let name = try JSONBody.text("name", in: members) else { throw JSONBody.required("name") }
        guard let upload = try JSONBody.text("upload", in: members) else { throw JSONBody.required("upload") }
        guard let id = UploadID(upload) else {
            throw Self.wrong("/upload", "no identifier of an upload")
        }
        let word = try JSONBody.text("format", in: members) ?? RootfsFormat.any.rawValue
        guard let format = RootfsFormat(rawValue: word) else {
            let known = RootfsFormat.allCases.map(\.rawValue).joined(separator: ", ")
            throw Self.wrong("/format", "known are \(known)")
        }
        let made = try await panal.makeRootfs(
            try context.principal,
            RootfsRequest(
                name: name, source: .upload(id), format: format, tag: try JSONBody.text("tag", in: members),
                isPublic: try JSONBody.boolean("public", in: members) ?? false,
                environment: try JSONBody.texts("environment", in: members) ?? [],
                alias: try JSONBody.text("alias", in: members)))
        var response = try Response.json(Documents.rootfs(made), status: .accepted)
        response.headers[.location] = "\(Documents.base)/rootfs/\(made.image.id)"
        return response
    }

    @Sendable private func setAlias(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        try JSONBody.expect(["alias", "image"], in: members)
        guard let alias = try JSONBody.text("alias", in: members) else { throw JSONBody.required("alias") }
        let image = try JSONBody.text("image", in: members).map { text in
            guard let id = RootfsID(text) else {
                throw Self.wrong("/image", "no identifier of an image")
            }
            return id
        }
        let principal = try context.principal
        try await panal.setRootfsAlias(principal, alias, to: image)
        return try .json(try await all(principal))
    }

    @Sendable private func show(_ request: Request, _ context: WebContext) async throws -> Response {
        let (principal, id) = (try context.principal, try context.identifier("id", of: RootfsImage.self))
        let entry = try await panal.rootfsImage(principal, id)
        return try .json(
            Documents.rootfs(entry, try await panal.rootfsFacts(principal, id)), unlessKnownTo: request)
    }

    @Sendable private func change(_ request: Request, _ context: WebContext) async throws -> Response {
        let members = try await JSONBody.read(request)
        try JSONBody.expect(["state", "public"], in: members)
        let state = try JSONBody.text("state", in: members).map { word in
            guard let state = RootfsState(rawValue: word), state == .available || state == .disabled else {
                throw Self.wrong("/state", "available or disabled")
            }
            return state
        }
        let isPublic = try JSONBody.boolean("public", in: members)
        return try await guarded(request, context) { principal, id, known in
            try .marked(
                Documents.rootfs(
                    try await panal.changeRootfs(
                        principal, id, state: state, isPublic: isPublic, expecting: known?.image)))
        }
    }

    @Sendable private func remove(_ request: Request, _ context: WebContext) async throws -> Response {
        try await guarded(request, context) { principal, id, known in
            try .json(
                Documents.rootfs(try await panal.removeRootfs(principal, id, expecting: known?.image)),
                status: .accepted)
        }
    }

    /// `If-Match` takes the mark of the image alone as well as that of its details.
    private func guarded(
        _ request: Request, _ context: WebContext,
        _ change: (Principal, RootfsID, RootfsEntry?) async throws -> Response
    ) async throws -> Response {
        let (principal, id) = (try context.principal, try context.identifier("id", of: RootfsImage.self))
        return try await Preconditions.guarded(
            request,
            current: { (try await panal.rootfsImage(principal, id), try await panal.rootfsFacts(principal, id)) },
            documents: { [Documents.rootfs($0.0), Documents.rootfs($0.0, $0.1)] }
        ) { known in try await change(principal, id, known?.0) }
    }
}

extension Documents {
    static func rootfs(_ entry: RootfsEntry) -> JSONValue { object(members(of: entry)) }

    static func rootfs(_ entry: RootfsEntry, _ facts: RootfsFacts?) -> JSONValue {
        guard let facts else { return rootfs(entry) }
        var document = members(of: entry)
        document["contents"] = object([
            "files": .integer(facts.files), "folders": .integer(facts.folders), "links": .integer(facts.links),
            "layers": .array(
                facts.layers.map { .object(["sha256": .string($0.digest.hex), "bytes": .integer($0.bytes)]) }),
            "manifest": facts.manifest.map { .string($0.hex) }, "entrypoint": texts(facts.settings.entrypoint),
            "command": texts(facts.settings.command),
            "workingFolder": facts.settings.workingFolder.map(JSONValue.string),
            "user": facts.settings.user.map(JSONValue.string),
            "architecture": facts.settings.architecture.map(JSONValue.string),
            "privileged": texts(facts.neutralised.privileged),
            "privilegedCount": .integer(facts.neutralised.privilegedCount),
            "capable": texts(facts.neutralised.capable), "capableCount": .integer(facts.neutralised.capableCount),
            "skipped": texts(facts.neutralised.skipped), "skippedCount": .integer(facts.neutralised.skippedCount),
        ])
        return object(document)
    }

    private static func texts(_ texts: [String]) -> JSONValue { .array(texts.map(JSONValue.string)) }

    private static func members(of entry: RootfsEntry) -> [String: JSONValue?] {
        let image = entry.image
        return [
            "id": .string(image.id.text), "name": .string(image.name), "owner": .string(entry.ownerName),
            "public": .boolean(image.isPublic), "state": .string(image.state.rawValue),
            "sha256": image.digest.map { .string($0.hex) }, "bytes": .integer(image.bytes),
            "environment": texts(image.environment), "aliases": texts(entry.aliases), "created": time(image.created),
            "changed": time(image.changed), "message": image.message.map(JSONValue.string),
            "job": image.origin.map { .string($0.text) },
            "url": .string("\(base)/rootfs/\(image.id)"),
        ]
    }
}

extension Schema {
    private static let rootfsMembers: KeyValuePairs<String, Schema> = [
        "id": identifier, "name": text, "owner": text, "public": boolean, "state": words(RootfsState.self),
        "sha256?": digest.note("Over paths, modes, links and contents: the same files have the same name."),
        "bytes": count, "environment": list(of: text), "aliases": list(of: text), "created": time, "changed": time,
        "message?": text.note("Why it is as it is, and what of a job's files could not be taken."),
        "job?": identifier.note("The job whose files it was made of, which may be gone."),
        "url": reference.example("/api/v1/rootfs/01k8zq4m3rh7x2c5w9ta"),
    ]

    static let rootfs = component("Rootfs", .object(rootfsMembers))

    static let rootfsDetails = rootfs.extended(
        by: [
            "contents?": .object([
                "files": count, "folders": count, "links": count,
                "layers": list(of: .object(["sha256": digest, "bytes": count])), "manifest?": digest,
                "entrypoint": list(of: text), "command": list(of: text), "workingFolder?": text, "user?": text,
                "architecture?": text.example("amd64"),
                "privileged": list(of: text).note("Had setuid or setgid bits, which are gone."),
                "privilegedCount": count,
                "capable": list(of: text).note("Had capabilities, which are gone."), "capableCount": count,
                "skipped": list(of: text).note("Devices, FIFOs and sockets, which were left out."),
                "skippedCount": count,
            ])
        ], named: "RootfsDetails")

    static let rootfsRequest = component(
        "RootfsRequest",
        .object(
            [
                "name": text(1...100).example("python"), "upload": identifier.note("A finished upload of one's own."),
                "format?": words(RootfsFormat.self).unset("any"),
                "tag?": text(0...200).note("Which one of several images in the archive."),
                "public?": boolean.unset(false),
                "environment?": list(of: text, 0...100).note(
                    "`NAME=value`, for an archive that says nothing of it itself."),
                "alias?": text(1...101).note("The name that is to mean it once it is there; for administrators."),
            ], isClosed: true))
}
