/// The programs that users have marked as their favourites.
package protocol FavouriteStore: Sendable {
    func favourites(of user: UserID) async throws -> Set<ProgramID>
    /// Marks a program, or takes its mark away; twice the same is no error.
    func setFavourite(_ program: ProgramID, of user: UserID, to isFavourite: Bool) async throws
}
