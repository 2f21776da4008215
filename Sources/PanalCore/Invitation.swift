package typealias InvitationID = Identifier<Invitation>

/// Lets one person become a user by themselves. Its token is known only by a hash, and is used up by that.
package struct Invitation: Hashable, Sendable, Identifiable {
    package let id: InvitationID
    /// What administrators call it.
    package var label: String
    /// What the new user becomes.
    package var role: Role
    /// The group that they join.
    package var group: GroupID?
    package var created: Timestamp
    package var expires: Timestamp
    /// The administrator who made it.
    package var madeBy: UserID
    /// Who has used it up.
    package var usedBy: UserID?

    package init(
        id: InvitationID, label: String, role: Role, group: GroupID?, created: Timestamp, expires: Timestamp,
        madeBy: UserID, usedBy: UserID? = nil
    ) {
        self.id = id
        self.label = label
        self.role = role
        self.group = group
        self.created = created
        self.expires = expires
        self.madeBy = madeBy
        self.usedBy = usedBy
    }
}

package protocol InvitationStore: Sendable {
    func insert(_ invitation: Invitation, tokenHash: ContentHash) async throws
    /// The newest first.
    func invitations() async throws -> [Invitation]
    /// Whether there is one with this token that is not used and does not expire by `moment`.
    func isInvitation(_ tokenHash: ContentHash, at moment: Timestamp) async throws -> Bool
    /// Answers whether there was one.
    func deleteInvitation(_ id: InvitationID) async throws -> Bool
    /// Makes a user. With a token the invitation is used up in the same step: its role and its group are theirs then. Throws
    /// `StoreError.nameTaken`, and `StoreError.unknown` for a token that is none, was used or has expired; nothing is done then.
    func insert(_ user: User, credential: Credential, invitation tokenHash: ContentHash?) async throws -> User
}
