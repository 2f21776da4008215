import HTTPTypes
import Hummingbird
import PanalCore
import PanalService

/// One image: what it is, who uses it, and what may become of it.
struct ImagePage: Sendable {
    let panal: Panal
    let frame: PageFrame

    var routes: [Route] {
        [
            Route(.get, "/images/{id}", .page) { _, context in try await page(context) },
            Route(.get, "/images/{id}/live", .page, current),
            Route(.post, "/images/{id}/state", .page, setState),
            Route(.post, "/images/{id}/visibility", .page, setVisibility),
            Route(.post, "/images/{id}/remove", .page, remove),
        ]
    }

    private func page(
        _ context: WebContext, _ own: Templates.Values = [:], status: HTTPResponse.Status = .ok
    ) async throws -> Response {
        let (entry, shown) = try await shown(context)
        let wording = Wording(context)
        let path = ImagePages.path(entry.image.id)
        var values = shown
        // Without scripts the page is loaded again only while nothing can be filled in on it, and for a while.
        values["isInWork"] = entry.image.state.deadline != nil
        values["liveHref"] = PageFrame.optional(entry.image.state.isLasting ? "\(path)/live" : nil)
        values.merge(own) { _, new in new }
        return try frame.page(
            "image", title: "\(Wording.visible(entry.image.name)) · \(wording.state(entry.image.state))", in: .images,
            values, context, status: status)
    }

    /// The part that changes, for the script that keeps it current.
    @Sendable private func current(_ request: Request, _ context: WebContext) async throws -> Response {
        let (entry, values) = try await shown(context)
        let text = try frame.render("imagelive", values, context)
        let etag = StoredAnswer.etag(of: text.utf8)
        var response = Response.html(text)
        if HeaderValues.names(etag, in: request.headers) { response = Response(status: .notModified) }
        response.headers[.eTag] = etag
        response.headers[.final] = entry.image.state.isLasting ? "false" : "true"
        return response
    }

    private func shown(_ context: WebContext) async throws -> (RootfsEntry, Templates.Values) {
        let wording = Wording(context)
        let t = wording.t
        let principal = try context.principal
        let id = try context.identifier("id", of: RootfsImage.self)
        let entry = try await panal.rootfsImage(principal, id)
        let image = entry.image
        let facts = try await panal.rootfsFacts(principal, id)
        let mayChange = ImagePages.mayChange(image, principal)
        let word = entry.aliases.first { !$0.hasSuffix("*") } ?? image.digest.map { "sha256:\($0.hex)" }
        var values: Templates.Values = [
            "name": Wording.visible(image.name), "stateText": wording.state(image.state),
            "stateClass": Wording.tone(image.state),
            "visibility": t(image.isPublic ? .imagePublic : .imagePrivate),
            "message": PageFrame.optional(image.message),
            "messageClass": image.state == .unavailable ? "bad" : "", "rows": rows(entry, facts, wording),
            "inManifest": PageFrame.optional(image.state == .available ? word.map { "\"rootfs\": \"\($0)\"" } : nil),
            "hasEnvironment": !image.environment.isEmpty, "environment": image.environment.joined(separator: "\n"),
            "layers": (facts?.layers ?? []).map {
                ["digest": $0.digest.hex, "size": wording.bytes($0.bytes)] as Templates.Values
            },
            "hasLayers": facts?.layers.isEmpty == false, "hasFacts": facts != nil,
            "neutralised": facts.map { neutralised($0.neutralised, wording) } ?? [],
            "aliases": entry.aliases.map {
                ["alias": $0, "takeAwayLabel": t(.takeAwayNamed, $0)] as Templates.Values
            },
            "hasAliases": !entry.aliases.isEmpty, "imageID": image.id.text, "enteredAlias": "",
            "mayName": principal.isAdministrator && [.available, .disabled].contains(image.state),
            "showsUse": mayChange, "changes": false,
        ]
        if mayChange {
            let use = try await panal.rootfsUses(principal)[id] ?? RootfsUse()
            values.merge(shown(use, t)) { _, new in new }
            if image.state != .removing { values["changes"] = changes(entry, use, t) }
        }
        return (entry, values)
    }

    private func rows(_ entry: RootfsEntry, _ facts: RootfsFacts?, _ wording: Wording) -> [Templates.Values] {
        let (t, image) = (wording.t, entry.image)
        var rows: [(Phrase, String, isCode: Bool)] = []
        if let digest = image.digest { rows.append((.imageDigest, "sha256:\(digest.hex)", true)) }
        rows.append((.imageOwner, entry.ownerName, false))
        if let job = image.origin { rows.append((.copiedFromJob, job.text, true)) }
        if image.bytes > 0 { rows.append((.size, wording.bytes(image.bytes), false)) }
        if let facts {
            rows.append(
                (
                    .imageContents,
                    t(.filesFoldersLinks, String(facts.files), String(facts.folders), String(facts.links)), false
                ))
            let settings = facts.settings
            if let text = settings.architecture { rows.append((.architecture, text, true)) }
            if !settings.entrypoint.isEmpty { rows.append((.entryPoint, Self.words(settings.entrypoint), true)) }
            if !settings.command.isEmpty { rows.append((.imageCommand, Self.words(settings.command), true)) }
            if let text = settings.workingFolder { rows.append((.workingFolder, text, true)) }
            if let text = settings.user { rows.append((.imageUser, text, true)) }
            if let digest = facts.manifest { rows.append((.ociManifest, "sha256:\(digest.hex)", true)) }
        }
        rows.append((.imageBegun, Wording.moment(image.created), false))
        rows.append((.stateSince, Wording.moment(image.changed), false))
        return rows.map { ["label": t($0.0), "value": Wording.visible($0.1), "isCode": $0.isCode] }
    }

    /// As one would type it.
    private static func words(_ words: [String]) -> String {
        words.map { $0.contains(" ") || $0.isEmpty ? "'\($0)'" : $0 }.joined(separator: " ")
    }

    private func neutralised(_ entries: NeutralisedEntries, _ wording: Wording) -> [Templates.Values] {
        let kinds: [(Phrase, count: Int, names: [String])] = [
            (.hadPrivileges, entries.privilegedCount, entries.privileged),
            (.hadCapabilities, entries.capableCount, entries.capable),
            (.leftOut, entries.skippedCount, entries.skipped),
        ]
        return kinds.filter { $0.count > 0 }.map { kind in
            [
                "title": wording.t(kind.0, String(kind.count)),
                "names": kind.names.map(Wording.visible).joined(separator: "\n"),
                "more": PageFrame.optional(
                    kind.names.count < kind.count ? wording.t(.firstOnes, String(kind.names.count)) : nil),
            ]
        }
    }

    private func shown(_ use: RootfsUse, _ t: Catalogue) -> Templates.Values {
        [
            "programs": use.programs.map {
                ["href": ProgramPages.path($0.program.name), "label": $0.label, "word": $0.word] as Templates.Values
            },
            "isNamed": !use.programs.isEmpty, "isUnnamed": use.programs.isEmpty && use.unseen == 0,
            "unseenText": PageFrame.optional(use.unseen > 0 ? t(.unseenPrograms, String(use.unseen)) : nil),
            "jobsText": t(.jobsInIt, String(use.jobs)),
        ]
    }

    /// What may be done, what would come of it, and why something may not.
    private func changes(_ entry: RootfsEntry, _ use: RootfsUse, _ t: Catalogue) -> Templates.Values {
        let (image, path) = (entry.image, ImagePages.path(entry.image.id))
        let names = use.programs.map(\.program.name).joined(separator: ", ")
        let refused = names.isEmpty ? nil : t(.wouldBeRefused, names)
        var changes: Templates.Values = [
            "isMade": image.state != .processing && image.state != .copying, "stateAction": false,
            "visibilityAction": "\(path)/visibility", "otherVisibility": image.isPublic ? "false" : "true",
            "visibilityText": t(image.isPublic ? .makeImagePrivate : .makeImagePublic),
            "visibilityHint": image.isPublic
                ? (use.ofOthers > 0 ? t(.privateRefuses, String(use.ofOthers)) : t(.privateHint)) : t(.publicHint),
            "removeAction": "\(path)/remove",
            "removeHint": [t(.removeImageHint), refused].compactMap(\.self)
                .joined(separator: " "),
            "removeRefused": PageFrame.optional(
                entry.aliases.isEmpty ? nil : t(.removeRefused, entry.aliases.joined(separator: ", "))),
        ]
        switch image.state {
        case .available:
            changes["stateAction"] =
                [
                    "action": "\(path)/state", "value": RootfsState.disabled.rawValue, "text": t(.disable),
                    "hint": [t(.disableImageHint), refused].compactMap(\.self).joined(separator: " "),
                ] as Templates.Values
        case .disabled:
            changes["stateAction"] =
                [
                    "action": "\(path)/state", "value": RootfsState.available.rawValue, "text": t(.enable),
                    "hint": t(.enableImageHint),
                ] as Templates.Values
        case .unavailable, .processing, .copying, .removing: break
        }
        return changes
    }

    // MARK: Changing

    @Sendable private func setState(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await PageFrame.form(request, context)
        let state = RootfsState(rawValue: try form.text("state") ?? "")
        guard let state, state == .available || state == .disabled else {
            throw ServiceError(.malformed, "an image is made available or disabled")
        }
        context.auditNote.detail = "state=\(state.rawValue)"
        return try await changed(context) { try await panal.changeRootfs($0, $1, state: state) }
    }

    @Sendable private func setVisibility(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await PageFrame.form(request, context)
        let word = try form.text("public")
        guard let word, ["true", "false"].contains(word) else {
            throw ServiceError(.malformed, "the form does not say whose the image is to be")
        }
        context.auditNote.detail = "public=\(word)"
        return try await changed(context) { try await panal.changeRootfs($0, $1, isPublic: word == "true") }
    }

    @Sendable private func remove(_ request: Request, _ context: WebContext) async throws -> Response {
        _ = try await PageFrame.form(request, context)
        return try await changed(context, isRemoval: true) { try await panal.removeRootfs($0, $1) }
    }

    private func changed(
        _ context: WebContext, isRemoval: Bool = false, _ change: (Principal, RootfsID) async throws -> RootfsEntry
    ) async throws -> Response {
        let principal = try context.principal
        let id = try context.identifier("id", of: RootfsImage.self)
        do {
            _ = try await change(principal, id)
            return .seeOther(ImagePages.path(id))
        } catch let error as ServiceError where error.code == .conflict || error.code == .changed {
            let wording = Wording(context)
            let entry = try await panal.rootfsImage(principal, id)
            let notice =
                isRemoval && !entry.aliases.isEmpty
                ? wording.t(.removeRefused, entry.aliases.joined(separator: ", "))
                : wording.t(.imageMovedOn, wording.state(entry.image.state))
            return try await page(context, ["notice": notice], status: .conflict)
        }
    }
}
