package import PanalCore
import PanalManifest
import Synchronization

/// Who would miss an image.
package struct RootfsUse: Hashable, Sendable {
    package struct Naming: Hashable, Sendable {
        package let program: Program
        /// What its manifest says.
        package let word: String
        /// As that has it, for people.
        package let label: String
    }

    /// Programs whose newest version names it and that the principal sees, by name.
    package var programs: [Naming] = []
    /// Programs of others that name it, and that the principal does not see.
    package var unseen = 0
    /// Of all of these, those that are not its owner's: no file system of theirs any more where it becomes private.
    package var ofOthers = 0
    /// Jobs that wait or run in its tree.
    package var jobs = 0

    package init() {}
}

/// What a user's images have of what they may have.
package struct RootfsAllowance: Hashable, Sendable {
    package let images: Int
    package let bytes: Int
    /// Nil where nothing bounds them; 0 where this user may make none.
    package let most: Int?
}

extension Panal {
    /// Whether this service keeps images at all.
    package var keepsImages: Bool { rootfs != nil }

    package func rootfsAllowance(_ principal: Principal) throws -> RootfsAllowance {
        let place = try rootfsPlace()
        let own = place.book.withLock { $0.images.filter { $0.owner == principal.user } }
        return RootfsAllowance(
            images: own.count, bytes: own.reduce(0) { $0 + $1.bytes },
            most: principal.isAdministrator ? nil : place.quota)
    }

    /// What a manifest of this user's may say under `rootfs` now, `host` first.
    package func rootfsNames(_ principal: Principal) -> [String] {
        (rootfs?.book.withLock(\.self) ?? RootfsBook()).names(for: principal.user)
    }

    /// Who uses each of the images, those left out that nobody does.
    package func rootfsUses(_ principal: Principal) async throws -> [RootfsID: RootfsUse] {
        let book = try rootfsPlace().book.withLock(\.self)
        guard !book.images.isEmpty else { return [:] }
        var uses: [RootfsID: RootfsUse] = [:]
        for stored in try await store.programs(visibleTo: nil) {
            let (program, manifest) = (stored.program, try manifests.manifest(of: stored.version))
            guard let image = book.image(meantBy: manifest.rootfs, for: program.owner) else { continue }
            var use = uses[image.id] ?? RootfsUse()
            if program.owner != image.owner { use.ofOthers += 1 }
            if program.isPublic || program.owner == principal.user || principal.isAdministrator {
                use.programs.append(
                    RootfsUse.Naming(program: program, word: manifest.rootfs, label: manifest.name))
            } else {
                use.unseen += 1
            }
            uses[image.id] = use
        }
        let jobs = runner?.liveJobsByRootfs() ?? [:]
        for image in book.images {
            guard let digest = image.digest, let count = jobs[digest.hex] else { continue }
            uses[image.id, default: RootfsUse()].jobs = count
        }
        return uses
    }

    /// The image that a program's manifest leads to; nil for `host`, and where there is none for its owner's programs.
    package func rootfs(of entry: ProgramEntry) -> RootfsImage? {
        rootfs?.book.withLock(\.self).image(meantBy: entry.manifest.rootfs, for: entry.program.owner)
    }

    /// The images that were made of a job's files and that the principal sees, the oldest first.
    func copies(of job: JobID, _ principal: Principal) -> [RootfsID] {
        (rootfs?.book.withLock(\.images) ?? []).filter { $0.origin == job && isVisible($0, principal) }.map(\.id)
    }

    /// An image that the principal sees and whose tree this is, one that may be used first.
    package func rootfsImage(_ principal: Principal, with digest: String) -> RootfsImage? {
        let images = (rootfs?.book.withLock(\.images) ?? []).filter {
            $0.digest?.hex == digest && isVisible($0, principal)
        }
        return images.first { $0.state == .available } ?? images.first
    }
}

extension JobRunner {
    /// Jobs that wait or run, by what they see below `/`.
    func liveJobsByRootfs() -> [String: Int] {
        state.withLock { state in
            var jobs: [String: Int] = [:]
            for live in state.live.values where live.attempt.rootfs != AttemptSpec.hostRootfs {
                jobs[live.attempt.rootfs, default: 0] += 1
            }
            return jobs
        }
    }
}
