import HTTPTypes
import Hummingbird
import PanalCore
import PanalManifest
import PanalService

/// The list of programs, publishing, and a program's page with the form that follows from its manifest.
struct ProgramPages: Sendable {
    let panal: Panal
    let frame: PageFrame
    let home: HomeAddress

    var routes: [Route] {
        [
            Route(.get, "/programs", .page, list),
            Route(.get, "/publish", .page) { try publishPage($0, $1) },
            Route(.post, "/publish", .page, publish),
            Route(.get, "/programs/{name}", .page, show),
            Route(.post, "/programs/{name}", .page, submit),
            Route(.post, "/programs/{name}/visibility", .page, changeVisibility),
            Route(.post, "/programs/{name}/favourite", .page, changeFavourite),
            Route(.post, "/programs/{name}/withdraw", .page, withdraw),
        ]
    }

    @Sendable private func list(_ request: Request, _ context: WebContext) async throws -> Response {
        let t = Catalogue(language: context.language)
        let query = try Query(request)
        let (wanted, tag) = (try query.text("q") ?? "", try query.text("tag").flatMap { $0.isEmpty ? nil : $0 })
        let principal = try context.principal
        let all = try await panal.programs(principal)
        let favourites = try await panal.favourites(principal)
        let found = all.filter { Self.isFound($0, by: wanted) && (tag.map($0.manifest.tags.contains) ?? true) }
        let tags = Set(all.flatMap(\.manifest.tags)).sorted().map { name -> Templates.Values in
            let isChosen = name == tag
            return [
                "tag": name, "isChosen": isChosen,
                "href": isChosen ? "/programs" : "/programs?tag=\(PercentCoding.encoded(name))",
            ]
        }
        let back = request.uri.query.map { "/programs?\($0)" } ?? "/programs"
        let tiles = found.map { entry -> Templates.Values in
            let values: Templates.Values = [
                "label": entry.manifest.name, "name": entry.program.name, "owner": entry.ownerName,
                "initial": entry.manifest.name.first.map { String($0).uppercased() } ?? "",
                "description": entry.manifest.description ?? "", "version": entry.version.number,
                "isPrivate": !entry.program.isPublic, "href": Self.path(entry.program.name),
            ]
            return values.merging(
                Self.star(entry, isFavourite: favourites.contains(entry.program.id), back: back, t)
            ) { own, _ in own }
        }
        let marked = found.indices.filter { favourites.contains(found[$0].program.id) }.map { tiles[$0] }
        let others = found.indices.filter { !favourites.contains(found[$0].program.id) }.map { tiles[$0] }
        return try frame.page(
            "programs", title: t(.programs), in: .programs,
            [
                "favourites": marked, "hasFavourites": !marked.isEmpty, "programs": others,
                "hasOthers": !others.isEmpty, "hasPrograms": !all.isEmpty,
                "isNothingFound": !all.isEmpty && tiles.isEmpty,
                "wanted": wanted, "chosenTag": PageFrame.optional(tag), "tags": tags, "hasTags": !tags.isEmpty,
            ], context)
    }

    /// Whether each word that is looked for stands somewhere in what people read of the program.
    private static func isFound(_ entry: ProgramEntry, by wanted: String) -> Bool {
        let manifest = entry.manifest
        let text =
            [manifest.name, entry.program.name, manifest.description ?? "", entry.ownerName]
            + manifest.tags
        let folded = text.joined(separator: "\n").lowercased()
        return wanted.lowercased().split(separator: " ").allSatisfy { folded.contains($0) }
    }

    /// Something of one version of a program.
    static func path(_ entry: ProgramEntry, _ part: String) -> String {
        "\(path(entry.program.name))/\(part)?version=\(entry.version.number)"
    }

    static func path(_ name: String) -> String { "/programs/\(PercentCoding.encoded(name))" }

    // MARK: Publishing

    private func publishPage(
        _ request: Request, _ context: WebContext, form: Form = Form(), error: ServiceError? = nil
    ) throws -> Response {
        let t = Catalogue(language: context.language)
        let sample =
            "{ \"name\": \"filter\",\n  \"inputs\": [\n    { \"name\": \"image\", \"type\": \"file\" },\n"
            + "    { \"name\": \"size\", \"type\": \"integer\" }\n  ]\n}"
        var values: Templates.Values = [
            "manifest": (try? form.text("manifest")) ?? sample, "isPublic": (try? form.text("public")) ?? nil != nil,
            "rootfsText": PageFrame.optional(ImagePages.names(panal.rootfsNames(try context.principal), t)),
        ]
        if let error {
            values.merge(PageFrame.mistakes(error, notice: t(.notPublished), in: t.language)) { _, new in new }
            if error.code == .conflict { values["notice"] = "\(t(.notPublished)) \(t(.programNameTaken))" }
        }
        return try frame.page(
            "publish", title: t(.publishProgram), in: .publish, values, context,
            status: error.map { Problem($0).status } ?? .ok)
    }

    @Sendable private func publish(_ request: Request, _ context: WebContext) async throws -> Response {
        let principal = try context.principal
        return try await panal.holding { held in
            let form = try await FormReader(panal: panal, held: held)
                .read(request, as: principal, texts: Publication.texts) { try PageFrame.checkToken(of: $0, context) }
            do {
                let published = try await Publication(panal: panal).publish(form, as: principal, context)
                return .seeOther(Self.path(published.entry.program.name))
            } catch let error as ServiceError where error.code != .internal && error.code != .unauthenticated {
                return try publishPage(request, context, form: form, error: error)
            }
        }
    }

    @Sendable private func changeVisibility(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await PageFrame.form(request, context)
        let name = try context.parameter("name")
        _ = try await panal.setPublic(try context.principal, name: name, to: try form.text("public") == "true")
        return .seeOther(Self.path(name))
    }

    // MARK: The form

    @Sendable private func show(_ request: Request, _ context: WebContext) async throws -> Response {
        let version = try Query(request).integer("version", in: 1...Int.max)
        let entry = try await panal.program(
            try context.principal, name: try context.parameter("name"), version: version)
        guard let from = try Query(request).text("from") else { return try await page(entry, request, context) }
        guard let id = JobID(from) else { throw ServiceError(.notFound, "there is no such job") }
        let earlier = try await EarlierJob(id, of: entry.program.name, panal, try context.principal)
        return try await page(entry, request, context, earlier: earlier)
    }

    @Sendable private func submit(_ request: Request, _ context: WebContext) async throws -> Response {
        let principal = try context.principal
        let name = try context.parameter("name")
        let form = try await FormReader(panal: panal).read(request, as: principal) {
            try PageFrame.checkToken(of: $0, context)
        }
        let order = try JobOrder(form: form.without(EarlierJob.formKeys.union(SweepForm.keys).union(BlockStep.keys)))
        let sweep = try SweepForm(form)
        var earlier = try await EarlierJob(form, of: name, panal, principal)
        let submission = earlier?.completing(order.submission) ?? order.submission
        let entry = try await panal.program(principal, name: name, version: order.version)
        if let step = try BlockStep(form, of: entry.manifest) {
            var (order, kept) = (order, earlier?.kept ?? [:])
            let (changed, fresh) = step.applied(to: entry.manifest.laidOut(order.submission), moved: &kept)
            order.submission = changed
            earlier?.kept = kept
            return try await page(entry, request, context, order: order, earlier: earlier, sweep: sweep) {
                step.isFresh($0, fresh)
            }
        }
        var swept: [Submission] = []
        do {
            if sweep.isWanted {
                swept = try sweep.submissions(over: submission, of: entry.manifest).map(entry.manifest.meant)
                let requests = swept.map {
                    JobRequest(
                        program: name, version: entry.version.number, profile: order.profile, submission: $0,
                        callback: order.callback)
                }
                let batch = try await panal.submit(principal, together: requests, once: nil).report.batch
                return .seeOther(BatchPages.path(batch.id))
            }
            let job = try await panal.submit(
                principal, program: name, version: entry.version.number, profile: order.profile,
                submission: entry.manifest.meant(by: submission), callback: order.callback)
            return .seeOther("/jobs/\(job.id)")
        } catch let error as ServiceError where error.code != .internal && error.code != .notFound {
            return try await page(
                entry, request, context, order: order, earlier: earlier, sweep: sweep, error: sweep.told(error, swept))
        }
    }

    private func page(
        _ entry: ProgramEntry, _ request: Request, _ context: WebContext, order: JobOrder? = nil,
        earlier: EarlierJob? = nil, sweep: SweepForm = SweepForm(), error: ServiceError? = nil,
        isFresh: @escaping @Sendable (ManifestInput) -> Bool = { _ in false }
    ) async throws -> Response {
        let wording = Wording(context)
        let t = wording.t
        let name = entry.program.name
        let laid = order.map { entry.manifest.laidOut($0.submission) }
        let manifest =
            laid?.manifest
            ?? entry.manifest.unrolled(
                earlier?.counts(entry.manifest)
                    ?? entry.manifest.repeats.reduce(into: [:]) { $0[$1.id] = $1.minimumItems })
        var labels: [String: String] = [:]
        for input in manifest.inputs { labels[input.id] = input.label }
        for block in manifest.repeats { labels[block.id] = block.name }
        var mistakes: [String: String] = [:]
        for mistake in error?.mistakes ?? [] {
            let id = Field.id(of: mistake.pointer) { labels[$0] != nil }
            mistakes[id, default: ""] += mistake.detail(in: t.language) + " "
        }
        let parts = FormParts(
            entry: entry, manifest: manifest,
            entered: { input in
                if isFresh(input) { return input.defaultTexts }
                return laid.map { Self.entered(input, $0.submission) } ?? earlier?.entered(input) ?? input.defaultTexts
            }, mistakes: mistakes, isAgain: order != nil, earlier: earlier, wording: wording)
        let profiles = profiles(
            entry, for: try context.principal, chosen: order?.profile ?? earlier?.job.profile, wording)
        let wished = order?.profile ?? earlier?.job.profile ?? entry.manifest.suggestedProfile
        let isGone = wished.map { name in !profiles.contains { $0["profile"] as? String == name } } ?? false
        let isOld = entry.version.number != entry.program.latest
        var values: Templates.Values = [
            "label": entry.manifest.name, "name": name, "description": PageFrame.optional(entry.manifest.description),
            "isPrivate": !entry.program.isPublic, "action": Self.path(name), "version": String(entry.version.number),
            "older": isOld
                ? t(.olderVersion, String(entry.version.number), String(entry.program.latest)) : false as Any,
            "sections": parts.values, "hasBlocks": !manifest.repeats.isEmpty,
            "from": PageFrame.optional(earlier?.job.id.text), "rulesHref": Self.path(entry, "rules"),
            "profiles": profiles,
            "failing": entry.version.tests?.hasPassed == false
                ? t(.testsFail, Wording.moment(entry.version.tests?.at ?? entry.version.published)) : false as Any,
            "failures": (entry.version.tests?.failures ?? []).map {
                ["pointer": $0.pointer, "detail": $0.detail(in: t.language)] as Templates.Values
            },
            "nothingFits": profiles.allSatisfy { !($0["refusal"] is Bool) },
            "profileNote": PageFrame.optional(isGone ? wished.map { t(.profileGone, $0) } : nil),
            "profileMistake": PageFrame.optional(mistakes["_profile"] ?? mistakes["profile"]),
            "owner": entry.ownerName, "published": entry.version.published.rfc3339,
            "publishedText": Wording.moment(entry.version.published), "size": wording.bytes(entry.version.size),
            "rootfs": rootfs(of: entry, try context.principal, wording),
            "mayEdit": entry.isOwn, "visibilityAction": "\(Self.path(name))/visibility",
            "otherVisibility": entry.program.isPublic ? "false" : "true",
            "visibilityLabel": t(entry.program.isPublic ? .makePrivate : .makePublic),
            "withdrawAction": "\(Self.path(name))/withdraw",
            "withdrawVersion": t(.withdrawVersion, String(entry.version.number)),
            "snippets": Snippet(entry, home: home.text(of: request)).all,
            "sweep": sweep.shown(entry.manifest, mistake: mistakes[SweepForm.id], t),
            "schemaHref": "\(Documents.base)/programs/\(name)/schema?version=\(entry.version.number)",
        ]
        let isFavourite = try await panal.favourites(try context.principal).contains(entry.program.id)
        values.merge(Self.star(entry, isFavourite: isFavourite, back: Self.path(name), t)) { own, _ in own }
        if let error {
            labels[SweepForm.id] = t(.sweep)
            let told = PageFrame.mistakes(
                error, notice: t(.fieldsWrong), labels: labels, isGenerated: true, in: t.language)
            values.merge(told) { _, new in new }
            if let shortage = wording.shortage(error) { values["notice"] = shortage }
        }
        return try frame.page(
            "program", title: entry.manifest.name, in: .programs, values, context,
            status: error.map { Problem($0).status } ?? .ok)
    }

    /// What was typed, so that a mistake in one field costs nothing in the others. Secrets and files are not sent back.
    private static func entered(_ input: ManifestInput, _ submission: Submission) -> [String] {
        guard input.type != .secret else { return [] }
        return (submission.values[input.id] ?? []).compactMap {
            if case .text(let text) = $0 { text } else { nil }
        }
    }

    /// Every profile, those that cannot be used with the reason; the one to begin with is the chosen, the suggested or
    /// the first.
    private func profiles(
        _ entry: ProgramEntry, for principal: Principal, chosen: String?, _ wording: Wording
    ) -> [Templates.Values] {
        let all = panal.profiles(for: principal)
        let smallest = all.first { $0.profile.name == entry.manifest.resources.smallest }?.profile
        let offered = all.map { availability in
            (
                profile: availability.profile,
                refusal: availability.shortage.map(wording.shortage)
                    ?? availability.refusal.map { _ in wording.t(.profileNotAllowed) }
                    ?? entry.manifest.resources.refusal(of: availability.profile, smallest: smallest)
            )
        }
        let free = offered.filter { $0.refusal == nil }.map(\.profile.name)
        let wished = [chosen, entry.manifest.suggestedProfile].compactMap { $0 }.first { free.contains($0) }
        let first = wished ?? free.first
        return offered.map { profile, refusal in
            [
                "profile": profile.name, "size": wording.size(profile.limits), "checked": profile.name == first,
                "price": price(of: profile, wording), "summary": PageFrame.optional(profile.summary),
                "refusal": PageFrame.optional(refusal),
            ]
        }
    }
}

extension ProgramPages {
    /// The file system that the manifest names, and what is wrong with it now.
    private func rootfs(of entry: ProgramEntry, _ principal: Principal, _ wording: Wording) -> Templates.Values {
        let word = entry.manifest.rootfs
        let image = panal.rootfs(of: entry)
        let isHost = word == AttemptSpec.hostRootfs
        let isSeen = image.map { $0.isPublic || ImagePages.mayChange($0, principal) } ?? false
        let problem: String? =
            switch image?.state {
            case _ where isHost: nil
            case nil: wording.t(.leadsToNoImage)
            case .available?: nil
            case let state?: wording.state(state)
            }
        return [
            "word": word, "isHost": isHost,
            "href": PageFrame.optional(isSeen ? image.map { ImagePages.path($0.id) } : nil),
            "problem": PageFrame.optional(problem),
        ]
    }

    /// What a job costs at most, said before it runs; nothing where it is free.
    private func price(of profile: Profile, _ wording: Wording) -> Any {
        guard !profile.tariff.ordinary.isFree else { return false }
        return wording.t(.atMostCredits, wording.credits(CreditDocuments.mostCost(of: profile)))
    }
}
