import Logging
package import PanalCore
import PanalManifest
import PanalPublication
import Synchronization

/// An image, its owner's name, and the names that lead to it.
package struct RootfsEntry: Hashable, Sendable {
    package let image: RootfsImage
    package let ownerName: String
    package let aliases: [String]
}

/// Where images are recorded and where they lie.
package final class RootfsPlace: Sendable {
    let store: any RootfsStore
    let library: any RootfsLibrary
    /// Bytes of images, as `RootfsFacts.diskBytes` counts them, that a user who is no administrator may have.
    let quota: Int
    let book = Mutex(RootfsBook())
    let choices = RootfsChoices()
    /// How often the book was asked for anew, and by which of these it was read.
    private let reloads = Mutex<(asked: Int, read: Int)>((0, 0))
    /// Who makes which image, and, while trees are being removed, who waits for the end of that. Never both: who makes one may find it
    /// there in the moment in which it goes.
    let works = Mutex<(tasks: [RootfsID: Task<Void, Never>], waiting: [CheckedContinuation<Void, Never>]?)>(([:], nil))
    /// Whose images are on their way, from before the first look at the owner's room until they are recorded whole.
    let reserved = Mutex<[RootfsID: UserID]>([:])

    package init(store: any RootfsStore, library: any RootfsLibrary, quota: Int = 0) {
        self.store = store
        self.library = library
        self.quota = quota
    }

    /// For whoever is among those who make images: returns when no trees are being removed, and none are until the caller has ended.
    func waitForCollection() async throws {
        await withCheckedContinuation { continuation in
            let isFree = works.withLock { works in
                works.waiting?.append(continuation)
                return works.waiting == nil
            }
            if isFree { continuation.resume() }
        }
        try Task.checkCancellation()
    }

    /// False where an image is being made, or trees are being removed already.
    func beginCollection() -> Bool {
        works.withLock { works in
            guard works.tasks.isEmpty, works.waiting == nil else { return false }
            works.waiting = []
            return true
        }
    }

    func endCollection() {
        let waiting = works.withLock { works in
            defer { works.waiting = nil }
            return works.waiting ?? []
        }
        for one in waiting { one.resume() }
    }

    /// Reads the book behind a change. One that was begun earlier and is slower puts nothing older in its place.
    func reload() async throws {
        let turn = reloads.withLock { state in
            state.asked += 1
            return state.asked
        }
        let read = RootfsBook(images: try await store.rootfsImages(), aliases: try await store.rootfsAliases())
        reloads.withLock { state in
            guard turn > state.read else { return }
            state.read = turn
            book.withLock { $0 = read }
        }
    }
}

extension Panal {
    /// Throws `notFound` in a service that keeps no images.
    func rootfsPlace() throws -> RootfsPlace {
        guard let rootfs else { throw ServiceError(.notFound, "this server keeps no images") }
        return rootfs
    }

    /// What programs of `owner` with this manifest see below `/`, to be had until a job is stored that uses it. Throws `invalid` at
    /// `/rootfs`, and at `/writable` where this host runs no programs that write there.
    func chosenRootfs(of manifest: Manifest, for owner: UserID) throws -> ChosenRootfs {
        if manifest.hasWritableRoot, !executor.canCopyRoots {
            throw ServiceError(
                .invalid, "the manifest asks for what this host does not have",
                mistakes: [
                    Mistake(
                        pointer: "/writable",
                        detail: "this host cannot run programs that write to their file system; leave ‘writable’ out",
                        spanish:
                            "este equipo no puede ejecutar programas que escriban en su sistema de archivos; quita ‘writable’"
                    )
                ])
        }
        if manifest.rootfs == AttemptSpec.hostRootfs { return .host }
        // Before the book is looked into.
        let hold = rootfs.map { $0.choices.hold() }
        do {
            var chosen = try (rootfs?.book.withLock(\.self) ?? RootfsBook()).choose(manifest.rootfs, for: owner)
            chosen.hold = hold
            return chosen
        } catch {
            throw ServiceError(.invalid, mistake: "/rootfs", error.detail)
        }
    }

    // MARK: Looking

    /// Those that the principal's programs may use, and their own in whatever state; for administrators all. The oldest first.
    package func rootfsImages(_ principal: Principal) async throws -> [RootfsEntry] {
        let book = try rootfsPlace().book.withLock(\.self)
        var names: [UserID: String] = [:]
        var entries: [RootfsEntry] = []
        for image in book.images where isVisible(image, principal) {
            if names[image.owner] == nil { names[image.owner] = try await store.user(image.owner)?.name ?? "" }
            entries.append(Self.entry(image, book, names[image.owner] ?? ""))
        }
        return entries
    }

    package func rootfsImage(_ principal: Principal, _ id: RootfsID) async throws -> RootfsEntry {
        let book = try rootfsPlace().book.withLock(\.self)
        guard let image = book.image(id), isVisible(image, principal) else { throw Self.noImage }
        return Self.entry(image, book, try await store.user(image.owner)?.name ?? "")
    }

    /// What its tree holds; nil where there is none yet.
    package func rootfsFacts(_ principal: Principal, _ id: RootfsID) async throws -> RootfsFacts? {
        guard let digest = try await rootfsImage(principal, id).image.digest else { return nil }
        return try await rootfsPlace().library.facts(of: digest)
    }

    static let noImage = ServiceError(.notFound, "there is no such image")

    func isVisible(_ image: RootfsImage, _ principal: Principal) -> Bool {
        image.isPublic || image.owner == principal.user || principal.isAdministrator
    }

    private static func entry(_ image: RootfsImage, _ book: RootfsBook, _ owner: String) -> RootfsEntry {
        RootfsEntry(image: image, ownerName: owner, aliases: book.aliases.filter { $0.image == image.id }.map(\.name))
    }

    // MARK: Making

    /// Begins to make an image of an upload; it is *processing* when this returns, and *available* or *unavailable* some time after.
    ///
    /// Throws `invalid` for what is wrong with the request, `forbidden` where the principal may have no images or no name in the table,
    /// and `overloaded` while too many of theirs are being made. What `held` holds stays until it is made.
    package func makeRootfs(
        _ principal: Principal, _ request: RootfsRequest, holding held: HeldBlobs? = nil
    ) async throws -> RootfsEntry {
        let place = try rootfsPlace()
        _ = try takingRunner()
        let now = clock.now()
        let id = RootfsID.make(at: now)
        let room = try place.reserve(id, for: principal)
        var isBegun = false
        defer { if !isBegun { place.release(id) } }
        try check(request, principal)
        let archive =
            switch request.source {
            case .upload(let id): try await finishedUpload(principal, id, at: "/upload").content
            case .blob(let content): content
            }
        let image = RootfsImage(
            id: id, name: request.name, owner: principal.user, isPublic: request.isPublic,
            state: .processing, environment: request.environment, created: now, changed: now)
        try await place.store.insert(image)
        try await place.reload()
        isBegun = true
        place.works.withLock { works in
            // It takes itself out at its end, behind this.
            let work = Task { await self.make(image, of: archive, request, room, place) }
            works.tasks[image.id] = work
            held?.stay(for: work)
        }
        logger.info("image begun", metadata: ["image": "\(image.id)", "name": "\(image.name)"])
        return RootfsEntry(image: image, ownerName: principal.name, aliases: [])
    }

    static func check(name: String) throws {
        guard (1...100).contains(name.utf8.count), !name.hasControlCharacters else {
            throw ServiceError(.invalid, mistake: "/name", "1 to 100 bytes without control characters")
        }
    }

    private func check(_ request: RootfsRequest, _ principal: Principal) throws {
        try Self.check(name: request.name)
        guard request.tag?.utf8.count ?? 0 <= 200 else {
            throw ServiceError(.invalid, mistake: "/tag", "at most 200 bytes")
        }
        let size = request.environment.reduce(0) { $0 + $1.utf8.count }
        guard request.environment.count <= 100, size <= 16 << 10 else {
            throw ServiceError(.invalid, mistake: "/environment", "at most 100 variables of 16 KiB together")
        }
        for (number, text) in request.environment.enumerated() where !RootfsConfiguration.isVariable(text) {
            throw ServiceError(.invalid, mistake: "/environment/\(number)", "write NAME=value")
        }
        guard let alias = request.alias else { return }
        guard principal.isAdministrator else {
            throw ServiceError(.forbidden, "only administrators give images names that manifests use")
        }
        try Self.check(alias: alias)
    }

    private static func check(alias: String) throws {
        guard RootfsBook.isAlias(alias) else {
            throw ServiceError(
                .invalid, mistake: "/alias",
                "1 to 100 of a-z, A-Z, 0-9 and .:_/+-, a letter or a digit first, a star at its end for a beginning; not host and no digest"
            )
        }
    }

    private func make(
        _ image: RootfsImage, of archive: ContentHash, _ request: RootfsRequest, _ room: Int, _ place: RootfsPlace
    ) async {
        var made = image
        let late = Task { [place] in
            try await Task.sleep(for: RootfsState.processing.deadline?.after ?? .seconds(1_800))
            place.works.withLock { $0.tasks[image.id]?.cancel() }
        }
        defer { late.cancel() }
        do {
            try await place.waitForCollection()
            var configuration = RootfsConfiguration()
            configuration.environment = request.environment
            let (facts, _) = try await place.library.make(
                from: archive, as: request.format, tag: request.tag, configuration: configuration, maximumBytes: room)
            made.digest = facts.digest
            made.bytes = facts.diskBytes
            if !facts.settings.environment.isEmpty, request.environment.isEmpty {
                made.environment = facts.settings.environment
            }
            made.state = .available
        } catch let error as ArchiveError {
            (made.state, made.message) = (.unavailable, "refused: \(error.sentence)")
        } catch is CancellationError {
            (made.state, made.message) = (.unavailable, "it was not finished in time, or the server ended meanwhile")
        } catch {
            (made.state, made.message) = (.unavailable, "it could not be made: \(error)")
            logger.warning("an image could not be made", metadata: ["image": "\(image.id)", "error": "\(error)"])
        }
        await record(made, insteadOf: image, alias: request.alias, place)
        place.works.withLock { $0.tasks[image.id] = nil }
        place.release(image.id)
        logger.info("image ended", metadata: ["image": "\(image.id)", "state": "\(made.state.rawValue)"])
    }

    /// What came of an image.
    func record(_ made: RootfsImage, insteadOf image: RootfsImage, alias: String? = nil, _ place: RootfsPlace) async {
        var made = made
        made.changed = clock.now()
        do {
            // Also where its maker was stopped: that is then what came of it.
            try await uncancelled { [made] in
                try await place.store.replace(image, with: made)
                if let alias, made.state == .available { try await place.store.setRootfsAlias(alias, to: image.id) }
                try await place.reload()
            }
        } catch {
            logger.warning("an image was not recorded", metadata: ["image": "\(image.id)", "error": "\(error)"])
        }
    }

    // MARK: Changing

    /// Enables, disables, or makes it everybody's or its owner's alone. Throws `changed` where it is not as `expected`, and `conflict` for
    /// a state that cannot follow.
    package func changeRootfs(
        _ principal: Principal, _ id: RootfsID, state: RootfsState? = nil, isPublic: Bool? = nil,
        expecting expected: RootfsImage? = nil
    ) async throws -> RootfsEntry {
        let place = try rootfsPlace()
        let entry = try await rootfsImage(principal, id)
        try checkOwner(entry.image, principal)
        var image = entry.image
        // What is being made is recorded as it was asked for.
        guard image.state.deadline == nil || isPublic == nil || isPublic == image.isPublic else {
            throw ServiceError(.conflict, "an image is changed when it has been made")
        }
        if let state, state != image.state {
            guard state != .unavailable, image.state.next.contains(state) else {
                throw ServiceError(
                    .conflict, "an image that is \(image.state.rawValue) cannot be \(state.rawValue)")
            }
            image.state = state
            image.changed = clock.now()
        }
        image.isPublic = isPublic ?? image.isPublic
        do {
            if let expected, expected != entry.image { throw StoreError.changed("image \(id)") }
            try await place.store.replace(entry.image, with: image)
        } catch StoreError.changed {
            throw Self.changed
        }
        try await place.reload()
        return RootfsEntry(image: image, ownerName: entry.ownerName, aliases: entry.aliases)
    }

    private func checkOwner(_ image: RootfsImage, _ principal: Principal) throws {
        guard image.owner == principal.user || principal.isAdministrator else {
            throw ServiceError(.forbidden, "only its owner may change an image")
        }
    }

    /// No job begins in it from now on; it goes once none uses it. Throws `conflict` while a name of the table leads to it.
    package func removeRootfs(
        _ principal: Principal, _ id: RootfsID, expecting expected: RootfsImage? = nil
    ) async throws -> RootfsEntry {
        let entry = try await rootfsImage(principal, id)
        try checkOwner(entry.image, principal)
        guard entry.aliases.isEmpty else {
            throw ServiceError(
                .conflict,
                "it is what \(entry.aliases.joined(separator: ", ")) means: give these names to another image first")
        }
        if entry.image.state == .removing { return entry }
        return try await changeRootfs(principal, id, state: .removing, expecting: expected)
    }

    /// Makes a name of the table mean an image, or nothing; for administrators.
    package func setRootfsAlias(_ principal: Principal, _ name: String, to image: RootfsID?) async throws {
        try requireAdministrator(principal)
        let place = try rootfsPlace()
        try Self.check(alias: name)
        if let image {
            let state = try await rootfsImage(principal, image).image.state
            guard state == .available || state == .disabled else {
                throw ServiceError(.conflict, "the image is \(state.rawValue)")
            }
        }
        do {
            try await place.store.setRootfsAlias(name, to: image)
        } catch StoreError.unknown {
            throw Self.noImage
        }
        try await place.reload()
        logger.info("name of an image set", metadata: ["name": "\(name)", "image": "\(image?.text ?? "none")"])
    }

    // MARK: Housekeeping

    /// What an earlier server did not finish, before the first job.
    func startRootfs() async throws {
        guard let rootfs else { return }
        let now = clock.now()
        let there = try await rootfs.library.images()
        for image in try await rootfs.store.rootfsImages() {
            var lost = image
            if let late = image.state.deadline {
                lost.state = late.next
                lost.message =
                    image.state == .copying
                    ? "the server ended while it was being copied: ask for it again"
                    : "the server ended while it was being made: import it again"
            } else if image.state.next.contains(.unavailable), image.digest.map(there.contains) != true {
                // A restored backup of the database alone.
                lost.state = .unavailable
                lost.message = "its files are not in the data folder: import it again"
            } else {
                continue
            }
            lost.changed = now
            logger.warning("an image is lost", metadata: ["image": "\(image.id)", "name": "\(image.name)"])
            try await rootfs.store.replace(image, with: lost)
        }
        try await rootfs.reload()
        try await collectRootfs()
    }

    /// Each minute while the service runs, and soon where an image is to go that nothing runs in.
    func watchRootfs() async {
        guard let rootfs else { return }
        for pause in 1... {
            guard (try? await Task.sleep(for: .seconds(2))) != nil else { return }
            let going = rootfs.book.withLock { $0.images.filter { $0.state == .removing } }
            let used = going.isEmpty ? [:] : runner?.liveJobsByRootfs() ?? [:]
            let isWorth = going.contains { image in image.digest.map { used[$0.hex] == nil } ?? true }
            guard isWorth || pause.isMultiple(of: 30) else { continue }
            do {
                try await collectRootfs()
            } catch {
                logger.warning("images were not tidied up", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Images that are being made are not finished.
    func stopRootfs() async {
        guard let works = rootfs?.works.withLock({ Array($0.tasks.values) }) else { return }
        for work in works { work.cancel() }
        for work in works { await work.value }
    }

    /// Removes images that are to go and that no job uses, nor anybody who has chosen it for one; and trees that no image has.
    package func collectRootfs() async throws {
        guard let rootfs else { return }
        try await rootfs.reload()
        let images = rootfs.book.withLock(\.images)
        for image in images where image.state == .removing && rootfs.choices.areOver(of: image.id) {
            if let digest = image.digest, try await rootfs.store.unfinishedJobs(in: digest) > 0 { continue }
            try await rootfs.store.deleteRootfsImage(image.id)
            try await rootfs.reload()
            logger.info("image removed", metadata: ["image": "\(image.id)"])
        }
        // One that has its place and is not recorded yet is still being made.
        guard rootfs.beginCollection() else { return }
        defer { rootfs.endCollection() }
        let kept = Set(try await rootfs.store.rootfsImages().compactMap(\.digest))
        for digest in try await rootfs.library.images() where !kept.contains(digest) {
            guard try await rootfs.store.unfinishedJobs(in: digest) == 0 else { continue }
            try await rootfs.library.remove(digest)
        }
    }
}
