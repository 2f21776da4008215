import PanalCore
import Testing

@testable import PanalStore

/// What is remembered is never older than the last change that was answered.
@Suite struct RememberedTests {
    private static func key(of owner: User) -> APIKey {
        APIKey(
            id: .make(at: StoreFixture.start), owner: owner.id, label: "key", created: StoreFixture.start, expires: nil,
            scopes: [.jobs])
    }

    @Test func aRevokedKeyIsUnknownAtOnce() async throws {
        let fixture = try await StoreFixture()
        let store = fixture.store
        let key = Self.key(of: fixture.owner)
        #expect(try await store.key(key.id) == nil)
        try await store.insert(key, secretHash: StoreFixture.hash("d"))
        for _ in 0..<2 { #expect(try await store.key(key.id)?.owner.status == .available) }
        _ = try await store.change(fixture.owner.id, status: .blocked, role: nil, expecting: nil)
        for _ in 0..<2 { #expect(try await store.key(key.id)?.owner.status == .blocked) }
        #expect(
            try await store.replaceSecret(
                of: key.id, StoreFixture.hash("d"), with: StoreFixture.hash("e"), previousUntil: StoreFixture.start))
        for _ in 0..<2 { #expect(try await store.key(key.id)?.secretHash == StoreFixture.hash("e")) }
        #expect(try await store.deleteKey(key.id, expecting: nil))
        for _ in 0..<2 { #expect(try await store.key(key.id) == nil) }
    }

    @Test func theNewestVersionIsTheNewest() async throws {
        let fixture = try await StoreFixture()
        let store = fixture.store
        for _ in 0..<2 { #expect(try await store.program(named: "filter", version: nil)?.version.number == 1) }
        _ = try await store.publish(StoreFixture.draft("filter", fixture.owner.id, content: "f"))
        for _ in 0..<2 { #expect(try await store.program(named: "filter", version: nil)?.version.number == 2) }
        #expect(try await store.program(named: "filter", version: 1)?.version.number == 1)
        // Jobs change nothing of it.
        let (job, attempt) = fixture.job()
        _ = try await store.insert(job, attempt: attempt, hasSecrets: false)
        #expect(try await store.program(named: "filter", version: nil)?.version.number == 2)
    }

    /// One that was read before a change and is noted behind it.
    @Test func whatIsLateIsNotKept() {
        let known = Remembered<String, Int>()
        known.keep(1, as: "a", edition: 0)
        #expect(known.value(of: "a", edition: 0) == 1)
        #expect(known.value(of: "a", edition: 1) == nil)
        known.keep(2, as: "b", edition: 1)
        known.keep(3, as: "a", edition: 0)
        #expect(known.value(of: "a", edition: 1) == nil)
        #expect(known.value(of: "a", edition: 0) == nil)
        #expect(known.value(of: "b", edition: 1) == 2)
    }

    @Test func whatIsOldIsReadAgain() {
        let known = Remembered<String, Int>(lifetime: .zero)
        known.keep(1, as: "a", edition: 0)
        #expect(known.value(of: "a", edition: 0) == nil)
    }
}
