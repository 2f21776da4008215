import Foundation
import PanalCore
import PanalManifest
import PanalPublication
import PanalStore
import Synchronization
import Testing

@testable import PanalService

/// When images go that are to be removed, and which state of them is seen.
@Suite("The end of images") struct RootfsEndTests {
    private static func removing(_ fixture: ServiceFixture) async throws -> (image: RootfsImage, path: String) {
        let image = try await RootfsTests.make(fixture, isPublic: true)
        let path = fixture.path + "/rootfs/\(try #require(image.digest).hex)"
        return (image, path)
    }

    private static func manifest(_ rootfs: String) throws -> Manifest {
        try Manifest(parsing: Data(#"{"name": "x", "rootfs": "\#(rootfs)"}"#.utf8))
    }

    /// It stayed *removing* for as long as tests of a publication may take, whether there were any or not.
    @Test func whatNobodyUsesGoesAtOnce() async throws {
        let fixture = try await ServiceFixture()
        let (image, path) = try await Self.removing(fixture)
        _ = try await fixture.panal.removeRootfs(fixture.admin, image.id)
        try await fixture.panal.collectRootfs()
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(try await fixture.panal.rootfsImages(fixture.admin).isEmpty)
    }

    /// Who chose it before is waited for, who comes later is not: they do not get it.
    @Test func onlyWhoChoseItBeforeIsWaitedFor() async throws {
        let fixture = try await ServiceFixture()
        let (image, path) = try await Self.removing(fixture)
        let word = try #require(image.digest).hex
        let (other, _) = try await Self.other(fixture)
        var before: ChosenRootfs? = try fixture.panal.chosenRootfs(of: try Self.manifest(word), for: fixture.ana.user)
        #expect(before?.name == word)
        _ = try await fixture.panal.removeRootfs(fixture.admin, image.id)
        await refused(.invalid) {
            _ = try fixture.panal.chosenRootfs(of: try Self.manifest(word), for: fixture.ana.user)
        }
        try await fixture.panal.collectRootfs()
        #expect(FileManager.default.fileExists(atPath: path + "/tree/etc/x"))
        let later = try fixture.panal.chosenRootfs(of: try Self.manifest(other), for: fixture.ana.user)
        try await fixture.panal.collectRootfs()
        #expect(FileManager.default.fileExists(atPath: path + "/tree/etc/x"))
        before = nil
        try await fixture.panal.collectRootfs()
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(later.name == other)
    }

    private static func other(_ fixture: ServiceFixture) async throws -> (word: String, image: RootfsImage) {
        let image = try await RootfsTests.make(fixture, RootfsTests.tree(["etc/other": "2"]), isPublic: true)
        return (try #require(image.digest).hex, image)
    }

    /// A look at the store that takes long does not bring back what was there when it began.
    @Test func aSlowReloadPutsNothingOlderInPlace() async throws {
        let fixture = try await ServiceFixture()
        let (image, _) = try await Self.removing(fixture)
        let library = try #require(fixture.panal.rootfs).library
        let slow = SlowImages(store: fixture.store)
        let place = RootfsPlace(store: slow, library: library)
        slow.isSlow.withLock { $0 = true }
        let first = Task { try await place.reload() }
        try await eventually { slow.waiting.withLock { $0 != nil } }
        slow.isSlow.withLock { $0 = false }
        var changed = image
        changed.state = .disabled
        changed.bytes += 1
        try await slow.replace(image, with: changed)
        try await place.reload()
        #expect(place.book.withLock(\.images) == [changed])
        slow.waiting.withLock { waiting in
            waiting?.resume()
            waiting = nil
        }
        try await first.value
        #expect(place.book.withLock(\.images) == [changed])
    }
}

/// A store whose next answer is held back after it was read.
private final class SlowImages: RootfsStore {
    private let store: any RootfsStore
    let isSlow = Mutex(false)
    let waiting = Mutex<CheckedContinuation<Void, Never>?>(nil)

    init(store: any RootfsStore) { self.store = store }

    func rootfsImages() async throws -> [RootfsImage] {
        let read = try await store.rootfsImages()
        guard isSlow.withLock(\.self) else { return read }
        await withCheckedContinuation { continuation in waiting.withLock { $0 = continuation } }
        return read
    }
    func insert(_ image: RootfsImage, mark: RetryMark?, marksSince: Timestamp) async throws {
        try await store.insert(image, mark: mark, marksSince: marksSince)
    }
    func replace(_ expected: RootfsImage, with image: RootfsImage) async throws {
        try await store.replace(expected, with: image)
    }
    func deleteRootfsImage(_ id: RootfsID) async throws { try await store.deleteRootfsImage(id) }
    func rootfsAliases() async throws -> [RootfsAlias] { try await store.rootfsAliases() }
    func setRootfsAlias(_ name: String, to image: RootfsID?) async throws {
        try await store.setRootfsAlias(name, to: image)
    }
    func unfinishedJobs(in rootfs: ContentHash) async throws -> Int { try await store.unfinishedJobs(in: rootfs) }
}
