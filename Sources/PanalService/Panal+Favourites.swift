package import PanalCore

extension Panal {
    /// Of the programs that the principal may use those that they have marked.
    package func favourites(_ principal: Principal) async throws -> Set<ProgramID> {
        try await store.favourites(of: principal.user)
    }

    /// Marks a program as a favourite of the principal's, or takes the mark away; twice the same is no error. Throws `notFound` for a
    /// program that they may not see.
    package func setFavourite(_ principal: Principal, program name: String, to isFavourite: Bool) async throws {
        let entry = try await program(principal, name: name, version: nil)
        try await store.setFavourite(entry.program.id, of: principal.user, to: isFavourite)
    }
}
