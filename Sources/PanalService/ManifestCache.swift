import FoundationEssentials
import PanalCore
import PanalManifest
import Synchronization

/// Manifests of published versions, read once: a version never changes, so what was read stays right.
final class ManifestCache: Sendable {
    private let manifests = Mutex<[ContentHash: Manifest]>([:])
    private static let limit = 1_000

    func manifest(of version: ProgramVersion) throws -> Manifest {
        if let known = manifests.withLock({ $0[version.content] }) { return known }
        let manifest: Manifest
        do {
            manifest = try Manifest(parsing: Data(version.manifest.utf8))
        } catch {
            throw StoreError.damaged("the manifest of version \(version.number) does not read back: \(error)")
        }
        manifests.withLock { manifests in
            if manifests.count >= Self.limit { manifests.removeAll(keepingCapacity: true) }
            manifests[version.content] = manifest
        }
        return manifest
    }
}
