import HTTPTypes
import Hummingbird
import PanalCore
import PanalManifest
import PanalService

/// The file systems that programs see: which there are, and how one comes to another.
struct ImagePages: Sendable {
    let panal: Panal
    let frame: PageFrame

    var routes: [Route] {
        [
            Route(.get, "/images", .page) { try await list($0, $1) },
            Route(.get, "/images/live", .page, current),
            Route(.get, "/images/new", .page) { _, context in try importPage(context) },
            Route(.post, "/images", .page, make),
            Route(.post, "/images/aliases", .administratorPage, setAlias),
        ]
    }

    /// Images on one page, and those that a name can be given to in the list.
    private static let pageLength = 50
    private static let choices = 100

    static func path(_ id: RootfsID) -> String { "/images/\(id)" }

    // MARK: The list

    private func list(
        _ request: Request, _ context: WebContext, _ own: Templates.Values = [:], status: HTTPResponse.Status = .ok
    ) async throws -> Response {
        let wording = Wording(context)
        let principal = try context.principal
        var values = try await shown(request, context)
        let isLasting = values.removeValue(forKey: "isLasting") as? Bool == true
        values["liveHref"] = PageFrame.optional(
            isLasting ? "/images/live" + (request.uri.query.map { "?\($0)" } ?? "") : nil)
        values.merge(try allowance(principal, wording)) { _, new in new }
        if principal.isAdministrator { values.merge(try await aliases(principal, wording)) { _, new in new } }
        values.merge(own) { _, new in new }
        return try frame.page("images", title: wording.t(.images), in: .images, values, context, status: status)
    }

    /// The part that changes, for the script that keeps it current.
    @Sendable private func current(_ request: Request, _ context: WebContext) async throws -> Response {
        let text = try frame.render("imageslive", try await shown(request, context), context)
        let etag = StoredAnswer.etag(of: text.utf8)
        guard !HeaderValues.names(etag, in: request.headers) else {
            return Response(status: .notModified, headers: [.eTag: etag])
        }
        var response = Response.html(text)
        response.headers[.eTag] = etag
        return response
    }

    private func shown(_ request: Request, _ context: WebContext) async throws -> Templates.Values {
        let wording = Wording(context)
        let principal = try context.principal
        let query = try Query(request)
        // What was posted has no page and looks for nothing.
        let wanted = request.method == .post ? "" : try query.text("q") ?? ""
        let page = request.method == .post ? 1 : try query.integer("page", in: 1...100_000) ?? 1
        let all = try await panal.rootfsImages(principal)
        let found = all.filter { Self.isFound($0, by: wanted) }
        let uses = try await panal.rootfsUses(principal)
        let first = (page - 1) * Self.pageLength
        let href = { (page: Int) in
            "/images?page=\(page)" + (wanted.isEmpty ? "" : "&q=\(PercentCoding.encoded(wanted))")
        }
        let entries = found.reversed().dropFirst(first).prefix(Self.pageLength)
        return [
            "images": entries.map { row($0, uses[$0.image.id], principal, wording) }, "hasImages": !entries.isEmpty,
            "isEmpty": all.isEmpty, "isNothingFound": !all.isEmpty && entries.isEmpty, "wanted": wanted,
            "isLasting": entries.contains { $0.image.state.isLasting },
            "previous": PageFrame.optional(page > 1 ? href(page - 1) : nil),
            "next": PageFrame.optional(found.count > first + Self.pageLength ? href(page + 1) : nil),
        ]
    }

    /// Whether each word that is looked for stands somewhere in what people read of the image.
    private static func isFound(_ entry: RootfsEntry, by wanted: String) -> Bool {
        let text = ([entry.image.name, entry.ownerName, entry.image.digest?.hex ?? ""] + entry.aliases)
            .joined(separator: "\n").lowercased()
        return wanted.lowercased().split(separator: " ").allSatisfy { text.contains($0) }
    }

    private func row(
        _ entry: RootfsEntry, _ use: RootfsUse?, _ principal: Principal, _ wording: Wording
    ) -> Templates.Values {
        let image = entry.image
        return [
            "href": Self.path(image.id), "name": Wording.visible(image.name), "stateText": wording.state(image.state),
            "stateClass": Wording.tone(image.state), "digest": PageFrame.optional(image.digest.map(Self.short)),
            "size": image.bytes > 0 ? wording.bytes(image.bytes) : "", "owner": entry.ownerName,
            "visibility": wording.t(image.isPublic ? .imagePublic : .imagePrivate),
            "aliases": entry.aliases.joined(separator: ", "),
            // Who uses what is somebody else's is nobody's business.
            "use": Self.mayChange(image, principal) ? wording.use(use ?? RootfsUse()) : "",
        ]
    }

    /// What a manifest may name, for whoever writes one; nil where that is the host alone.
    static func names(_ names: [String], _ t: Catalogue) -> String? {
        guard names.count > 1 else { return nil }
        let most = 30
        return t(.mayNameImages, names.prefix(most).joined(separator: ", ") + (names.count > most ? ", …" : ""))
    }

    static func short(_ digest: ContentHash) -> String { String(digest.hex.prefix(12)) }

    static func mayChange(_ image: RootfsImage, _ principal: Principal) -> Bool {
        image.owner == principal.user || principal.isAdministrator
    }

    private func allowance(_ principal: Principal, _ wording: Wording) throws -> Templates.Values {
        let allowance = try panal.rootfsAllowance(principal)
        let t = wording.t
        let text =
            switch allowance.most {
            case nil: t(.imagesTake, wording.bytes(allowance.bytes))
            case 0?: t(.imagesOnlyOfAdministrators)
            case let most?: t(.imagesTakeOf, wording.bytes(allowance.bytes), wording.bytes(most))
            }
        return [
            "mayMake": allowance.most != 0, "allowanceText": text,
            "meter": allowance.most.flatMap { most in
                most > 0 ? ["used": min(allowance.bytes, most), "most": most] as Templates.Values : nil
            } ?? false as Any,
        ]
    }

    // MARK: Importing

    private static let formats: [(format: RootfsFormat, phrase: Phrase)] = [
        (.any, .formatAny), (.layout, .formatLayout), (.docker, .formatDocker), (.tree, .formatTree),
    ]

    private func importPage(
        _ context: WebContext, _ form: Form = Form(), _ own: Templates.Values = [:],
        status: HTTPResponse.Status = .ok
    ) throws -> Response {
        let wording = Wording(context)
        let t = wording.t
        let entered = { (field: String) in (try? form.text(field)) ?? "" }
        let chosen = RootfsFormat(rawValue: entered("format")) ?? .any
        var values = try allowance(try context.principal, wording)
        values.merge([
            "enteredName": entered("name"), "enteredTag": entered("tag"), "enteredAlias": entered("alias"),
            "enteredEnvironment": entered("environment"), "isPublic": entered("public") == "true",
            "archiveHint": t(.imageArchiveHint, wording.bytes(panal.largestUpload)),
            "formats": Self.formats.map {
                ["value": $0.format.rawValue, "text": t($0.phrase), "selected": $0.format == chosen]
                    as Templates.Values
            },
        ]) { _, new in new }
        values.merge(own) { _, new in new }
        return try frame.page("imagenew", title: t(.importImage), in: .images, values, context, status: status)
    }

    @Sendable private func make(_ request: Request, _ context: WebContext) async throws -> Response {
        let principal = try context.principal
        let t = Catalogue(language: context.language)
        // Before a gigabyte has come for nothing.
        guard try panal.rootfsAllowance(principal).most != 0 else {
            throw ServiceError(.forbidden, "only administrators make images here")
        }
        return try await panal.holding { held in
            let form = try await FormReader(panal: panal, held: held).read(request, as: principal) {
                try PageFrame.checkToken(of: $0, context)
            }
            do {
                let made = try await panal.makeRootfs(principal, try Self.order(form, t), holding: held)
                return .seeOther(Self.path(made.image.id))
            } catch let error as ServiceError where Self.isTold(error) {
                return try importPage(
                    context, form, Self.refused(error, notice: t(.imageNotMade), t), status: Problem(error).status)
            }
        }
    }

    /// What can be mended in the form, or will pass; the rest has pages of its own.
    private static func isTold(_ error: ServiceError) -> Bool {
        [.invalid, .tooLarge, .overloaded].contains(error.code)
    }

    private static func order(_ form: Form, _ t: Catalogue) throws -> RootfsRequest {
        guard let file = try form.file("archive") else {
            throw ServiceError(.invalid, "", mistakes: [Mistake(pointer: "/archive", detail: t(.chooseArchive))])
        }
        guard let format = RootfsFormat(rawValue: try form.text("format") ?? RootfsFormat.any.rawValue) else {
            throw ServiceError(.malformed, "the form names a format that is not known")
        }
        let text = { (field: String) in (try form.text(field) ?? "").trimmingSpaces }
        let (tag, alias) = (try text("tag"), try text("alias"))
        let lines = try text("environment").replacing("\r\n", with: "\n").split(separator: "\n").map(String.init)
        return RootfsRequest(
            name: try text("name"), source: .blob(file.content), format: format, tag: tag.isEmpty ? nil : tag,
            isPublic: try form.text("public") == "true", environment: lines, alias: alias.isEmpty ? nil : alias)
    }

    /// The service's refusals in the page's language.
    static func refused(_ error: ServiceError, notice: String, _ t: Catalogue) -> Templates.Values {
        var told = error
        told.mistakes = error.mistakes.map { mistake in
            guard let (_, rule) = fields[Field.id(of: mistake.pointer)] else { return mistake }
            return Mistake(pointer: mistake.pointer, detail: rule.map { t($0) } ?? mistake.detail)
        }
        switch error.code {
        case .overloaded: told.detail = t(.imagesInWork)
        case .tooLarge: told.detail = t(.imagesFull)
        default: break
        }
        return PageFrame.mistakes(told, notice: notice, labels: fields.mapValues { t($0.label) }, in: t.language)
    }

    /// Fields of this page's forms, and what holds for each, where that is not said by the page itself.
    private static let fields: [String: (label: Phrase, rule: Phrase?)] = [
        "name": (.imageName, .imageNameRule), "tag": (.imageTag, .imageTagRule),
        "environment": (.environment, .environmentRule), "alias": (.imageAlias, .aliasRule),
        "archive": (.imageArchive, nil), "image": (.image, nil),
    ]

    // MARK: Names

    private func aliases(_ principal: Principal, _ wording: Wording) async throws -> Templates.Values {
        let all = try await panal.rootfsImages(principal)
        let rows = all.flatMap { entry in
            entry.aliases.map { alias -> (name: String, values: Templates.Values) in
                (
                    alias,
                    [
                        "alias": alias, "href": Self.path(entry.image.id), "name": Wording.visible(entry.image.name),
                        "stateText": wording.state(entry.image.state), "stateClass": Wording.tone(entry.image.state),
                        "takeAwayLabel": wording.t(.takeAwayNamed, alias),
                    ]
                )
            }
        }.sorted { $0.name < $1.name }
        let usable = all.reversed().filter { [.available, .disabled].contains($0.image.state) }
        return [
            "aliasTable": [
                "rows": rows.map(\.values), "hasRows": !rows.isEmpty, "hasChoices": !usable.isEmpty,
                "choices": usable.prefix(Self.choices).map {
                    [
                        "value": $0.image.id.text,
                        "text":
                            "\(Wording.visible($0.image.name)) · \($0.image.digest.map(Self.short) ?? "") · \($0.ownerName)",
                    ] as Templates.Values
                },
            ] as Templates.Values,
            "enteredAlias": "",
        ]
    }

    @Sendable private func setAlias(_ request: Request, _ context: WebContext) async throws -> Response {
        let t = Catalogue(language: context.language)
        let form = try await PageFrame.form(request, context)
        let alias = (try form.text("alias") ?? "").trimmingSpaces
        let image = try Self.image(form, "image")
        let back = try Self.image(form, "back")
        context.auditNote.detail = "\(alias.prefix(200))=\(image?.text ?? "none")"
        do {
            try await panal.setRootfsAlias(try context.principal, alias, to: image)
            return .seeOther(back.map(Self.path) ?? "/images")
        } catch let error as ServiceError where [.invalid, .conflict].contains(error.code) {
            var values = Self.refused(error, notice: t(.aliasNotSet), t)
            if error.code == .conflict { values["notice"] = t(.aliasNeedsImage) }
            values["enteredAlias"] = alias
            return try await list(request, context, values, status: Problem(error).status)
        }
    }

    private static func image(_ form: Form, _ field: String) throws -> RootfsID? {
        guard let text = try form.text(field), !text.isEmpty else { return nil }
        guard let id = RootfsID(text) else { throw ServiceError(.malformed, "the form names no image") }
        return id
    }
}

extension RootfsState {
    /// Whether another one follows by itself.
    var isLasting: Bool { self == .processing || self == .copying || self == .removing }
}

extension Wording {
    func state(_ state: RootfsState) -> String {
        let phrase: Phrase =
            switch state {
            case .unavailable: .imageUnavailable
            case .processing: .imageProcessing
            case .available: .imageAvailable
            case .disabled: .imageDisabled
            case .copying: .imageCopying
            case .removing: .imageRemoving
            }
        return t(phrase)
    }

    static func tone(_ state: RootfsState) -> String {
        switch state {
        case .unavailable: "bad"
        case .processing, .copying, .removing: "busy"
        case .available: "good"
        case .disabled: ""
        }
    }

    /// `2 programs · 1 job`
    func use(_ use: RootfsUse) -> String {
        var parts: [String] = []
        let programs = use.programs.count + use.unseen
        if programs > 0 { parts.append(programs == 1 ? t(.oneProgram) : t(.somePrograms, String(programs))) }
        if use.jobs > 0 { parts.append(use.jobs == 1 ? t(.oneJob) : t(.someJobs, String(use.jobs))) }
        return parts.joined(separator: " · ")
    }
}
