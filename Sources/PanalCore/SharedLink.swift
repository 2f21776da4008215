package typealias SharedLinkID = Identifier<SharedLink>

/// A link that shows a job's results to whoever has it.
package struct SharedLink: Hashable, Sendable, Identifiable {
    package let id: Identifier<SharedLink>
    package var job: JobID
    /// Who gave it away; it shows what they may see, for as long as they may.
    package var giver: UserID
    package var made: Timestamp
    package var expires: Timestamp

    package init(id: Identifier<SharedLink>, job: JobID, giver: UserID, made: Timestamp, expires: Timestamp) {
        self.id = id
        self.job = job
        self.giver = giver
        self.made = made
        self.expires = expires
    }
}

package protocol SharedLinkStore: Sendable {
    /// Stores a link and forgets those of its job that had ended when it was made. False, with nothing stored, where the job has `most`
    /// others.
    func insert(_ link: SharedLink, most: Int) async throws -> Bool
    func sharedLink(_ id: SharedLinkID) async throws -> SharedLink?
    /// Those that hold at `moment`, the newest first.
    func sharedLinks(of job: JobID, at moment: Timestamp) async throws -> [SharedLink]
    /// Answers whether the job had it.
    func deleteSharedLink(_ id: SharedLinkID, of job: JobID) async throws -> Bool
}
