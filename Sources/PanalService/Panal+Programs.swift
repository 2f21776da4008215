import Logging
package import PanalCore
import PanalManifest
import PanalPublication

extension Panal {
    /// Takes a file: `append`, then `finish`; `discard` when the client goes away. At most `limit` bytes, and never more than the
    /// operator allows.
    /// With `held` the file goes with that.
    package func upload(
        _ principal: Principal, limit: Int?, for held: HeldBlobs? = nil
    ) async throws -> any BlobWriter {
        let limit = min(limit ?? .max, configuration.maximumUploadBytes)
        guard let held else { return try await blobs.writer(limit: limit) }
        return try await held.writer(limit: limit)
    }

    /// Publishes a program, or a new version of one's own. The same content and manifest again are the same version, and then
    /// `created` is false. With `isPublic` the program becomes public; without it, it stays what it is, at first private.
    ///
    /// Where the manifest has tests, they run before: nothing is published unless all pass, and unless `mayStill` says afterwards that
    /// what let the principal in still holds. Of what is not published nothing is left. Cancelling the task ends the tests.
    ///
    /// Throws `unauthenticated` where it does not; `invalid` with the manifest's mistakes and with what its tests came to, `unsupported`
    /// for a file that cannot be started or an archive that is refused, `tooLarge`, `conflict` when the name is another user's, and
    /// `overloaded` when tests cannot run now.
    package func publish(
        _ principal: Principal, manifest: [UInt8], upload: ProgramUpload, isPublic: Bool,
        mayStill: @Sendable () async -> Bool = { true }
    ) async throws -> (entry: ProgramEntry, created: Bool) {
        let published = try PublishedManifest(manifest)
        let parsed = published.manifest
        if let taken = try await store.program(named: parsed.slug, version: nil),
            taken.program.owner != principal.user
        {
            throw Self.nameTaken(parsed.slug)
        }
        if let known = parsed.suggestedProfile, !profileList.contains(where: { $0.name == known }) {
            throw ServiceError(.invalid, mistake: "/resources/profile", Self.unknownProfile(known, profileList))
        }
        let rootfs = try chosenRootfs(of: parsed, for: principal.user)
        defer { withExtendedLifetime(rootfs) {} }
        let staged = try await stage(upload)
        do {
            let start = try ProgramStart(of: staged.files, by: published)
            let size = staged.files.reduce(0) { $0 + $1.bytes }
            try await checkStorage(of: principal.user, tenancy.rights(of: principal.user), adding: size)
            let probe = UploadProbe(
                files: staged.files, cell: files(of: rootfs, named: parsed.rootfs), manifest: parsed,
                environment: rootfs.environment)
            try start.checkCommand(by: probe)
            let (content, bytes) = try await staged.commit(manifest: manifest, entry: start.path)
            try await start.checkFile(by: probe) { [blobs] file, range in
                guard let whole = try await blobs.file(file.path, of: content) else { throw BlobError.missing(content) }
                return try await whole.narrowed(to: range).all()
            }
            let tests = try await passingTests(
                of: TestedProgram(manifest: parsed, content: content, entry: start.path), owner: principal.user)
            try Task.checkCancellation()
            if tests != nil, await !mayStill() {
                throw ServiceError(
                    .unauthenticated, "what this was asked for with is not valid any more: nothing was published")
            }
            let draft = ProgramDraft(
                name: parsed.slug, owner: principal.user, isPublic: isPublic, content: content,
                manifest: published.text, entry: start.path, size: bytes, at: clock.now(), tests: tests)
            // Somebody who goes in this moment leaves it published or not, and never half.
            let (program, version, created) = try await uncancelled { [store] in try await store.publish(draft) }
            await staged.keep()
            logger.info(
                "program published",
                metadata: ["program": "\(program.name)", "version": "\(version.number)", "created": "\(created)"])
            // Not before: what is there already, or is refused, needs no room.
            if created { await makeRoom(behind: principal.user) }
            let entry = ProgramEntry(
                program: program, version: version, ownerName: principal.name, manifest: parsed, isOwn: true)
            return (entry, created)
        } catch {
            await staged.discard()
            if case StoreError.nameTaken = error { throw Self.nameTaken(parsed.slug) }
            throw error
        }
    }

    /// What the principal may use: their own and public programs, for administrators all; by name.
    package func programs(_ principal: Principal) async throws -> [ProgramEntry] {
        try await store.programs(visibleTo: principal.isAdministrator ? nil : principal.user)
            .map { try entry($0, for: principal) }
    }

    /// A program with one version, the newest when `version` is nil.
    package func program(_ principal: Principal, name: String, version: Int?) async throws -> ProgramEntry {
        guard let found = try await store.program(named: name, version: version), isVisible(found.program, principal)
        else {
            let which = version.map { "version \($0) of a program" } ?? "a program"
            throw ServiceError(.notFound, "there is no such thing as \(which) ‘\(name)’")
        }
        return try entry(found, for: principal)
    }

    /// Makes a program usable by every registered user, or by its owner alone; for its owner and administrators.
    /// Throws `changed` where it is not as `expected`.
    package func setPublic(
        _ principal: Principal, name: String, to isPublic: Bool, expecting expected: Program? = nil
    ) async throws -> Program {
        let found = try await program(principal, name: name, version: nil)
        guard found.isOwn else { throw ServiceError(.forbidden, "only its owner may change who uses a program") }
        do {
            return try await store.setPublic(found.program.id, to: isPublic, expecting: expected)
        } catch StoreError.changed {
            throw Self.changed
        }
    }

    /// Takes a version away, or all of them where `version` is nil; for the program's owner and administrators. Nobody can run it any more.
    /// Jobs that were submitted come to their end, their history stays, and so does the name, which is nobody else's: publishing the
    /// same again brings a version back. With the last one the program is gone. Throws `changed` where the program is not as
    /// `expected`.
    package func withdraw(
        _ principal: Principal, program name: String, version: Int? = nil, expecting expected: Program? = nil
    ) async throws {
        let found = try await program(principal, name: name, version: version)
        guard found.isOwn else { throw ServiceError(.forbidden, "only its owner may withdraw a program") }
        do {
            try await store.withdraw(found.program.id, version: version, at: clock.now(), expecting: expected)
        } catch StoreError.changed {
            throw Self.changed
        } catch StoreError.unknown {
            throw ServiceError(.notFound, "‘\(name)’ was withdrawn in this moment")
        }
        logger.info(
            "program withdrawn",
            metadata: ["program": "\(name)", "version": "\(version.map(String.init) ?? "all")"])
    }

    func entry(_ stored: StoredProgram, for principal: Principal) throws -> ProgramEntry {
        ProgramEntry(
            program: stored.program, version: stored.version, ownerName: stored.ownerName,
            manifest: try manifests.manifest(of: stored.version),
            isOwn: stored.program.owner == principal.user || principal.isAdministrator)
    }

    private func isVisible(_ program: Program, _ principal: Principal) -> Bool {
        program.isPublic || program.owner == principal.user || principal.isAdministrator
    }

    private func files(of chosen: ChosenRootfs, named word: String) -> CellFiles {
        guard let rootfs, let digest = ContentHash(hex: chosen.name) else { return cellFiles }
        return CellFiles(image: rootfs.library.tree(of: digest), named: word, environment: chosen.environment)
    }

    private func stage(_ upload: ProgramUpload) async throws -> any StagedProgram {
        let name = upload.fileName.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init) ?? ""
        let source: ProgramSource
        if let format = ArchiveFormat(fileName: name) {
            source = .archive(format, content: upload.content)
        } else {
            guard !name.isEmpty, name != ".", name != "..", name.utf8.count <= 255, !name.hasControlCharacters else {
                throw ServiceError(.unsupported, "the uploaded file needs a name of 1 to 255 bytes")
            }
            source = .file(name: name, content: upload.content)
        }
        let limits = ArchiveLimits(
            entries: configuration.maximumProgramFiles, bytes: configuration.maximumProgramBytes)
        do {
            return try await blobs.stage(source, limits: limits)
        } catch let error as ArchiveError {
            throw ServiceError(
                error.reason == .tooLarge ? .tooLarge : .unsupported, "‘\(name)’ is refused: \(error.sentence)")
        } catch BlobError.missing {
            throw ServiceError(.malformed, "the uploaded file is not there (any more)")
        }
    }

    private static func nameTaken(_ name: String) -> ServiceError {
        ServiceError(.conflict, "a program ‘\(name)’ of somebody else is there already: choose another name")
    }

    static func unknownProfile(_ name: String, _ profiles: [Profile]) -> String {
        "there is no profile ‘\(name)’ here; there are \(profiles.map(\.name).joined(separator: ", "))"
    }
}
