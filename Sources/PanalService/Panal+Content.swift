package import PanalCore

extension Panal {
    /// What a version was published as, as a tar archive; the newest when `version` is nil. For its owner and administrators: who may run a
    /// program does not get it.
    package func content(_ principal: Principal, name: String, version: Int?) async throws -> (
        entry: ProgramEntry, bytes: StoredBytes
    ) {
        let found = try await program(principal, name: name, version: version)
        guard found.isOwn else { throw ServiceError(.forbidden, "only its owner may fetch a program") }
        return (found, try await blobs.program(found.version.content))
    }
}
