/// What the tests of a version's manifest came to when they last ran, and under what.
package struct TestRecord: Hashable, Sendable {
    /// Hash over everything outside the version that decides how a run of it goes: profiles and file system.
    package var conditions: ContentHash
    package var at: Timestamp
    /// Pointers into the manifest; empty where all passed.
    package var failures: [Mistake]

    package init(conditions: ContentHash, at: Timestamp, failures: [Mistake]) {
        self.conditions = conditions
        self.at = at
        self.failures = failures
    }

    package var hasPassed: Bool { failures.isEmpty }
}

/// Where the outcomes of manifests' tests are kept, by the content of the version: the same content has the same manifest.
package protocol TestRecordStore: Sendable {
    /// Nil where its tests never ran to their end.
    func testRecord(of content: ContentHash) async throws -> TestRecord?
    /// Replaces what was known. Where the tests do not pass any more, the owners of the versions with this content are told.
    func note(_ record: TestRecord, of content: ContentHash) async throws
}
