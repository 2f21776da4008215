package typealias GroupID = Identifier<UserGroup>

/// Users that are managed together (UnaCloud's *UserGroup*).
package struct UserGroup: Hashable, Sendable, Identifiable {
    package let id: GroupID
    /// 2 to 40 characters of `a-z`, `0-9`, `.`, `_`, `-`; unique, and never changed: the scheduler's books are kept under it.
    package let name: String
    /// For people, up to 80 characters.
    package var label: String
    package var created: Timestamp
    /// Its part of the machine against other groups; greater than 0, at most 1000.
    package var share: Double
    /// What its members may have together at the same time; nil is no limit.
    package var runningCores: Int?
    package var queuedJobs: Int?

    package init(
        id: GroupID, name: String, label: String, created: Timestamp, share: Double = 1, runningCores: Int? = nil,
        queuedJobs: Int? = nil
    ) {
        self.id = id
        self.name = name
        self.label = label
        self.created = created
        self.share = share
        self.runningCores = runningCores
        self.queuedJobs = queuedJobs
    }
}

/// All groups, their members, all restrictions and what is shut, as of one moment.
package struct Tenancy: Hashable, Sendable {
    /// Rises with every change.
    package let revision: Int
    /// By name.
    package let groups: [UserGroup]
    /// In the order of joining.
    package let members: [GroupID: [UserID]]
    package let restrictions: [RestrictionSubject: Restriction]
    /// Names of pools that take no jobs.
    package let closedPools: Set<String>
    /// In the order of joining.
    private let groupsOfUsers: [UserID: [UserGroup]]

    /// `memberships` in the order of joining.
    package init(
        revision: Int = 0, groups: [UserGroup] = [], memberships: [(user: UserID, group: GroupID)] = [],
        restrictions: [RestrictionSubject: Restriction] = [:], closedPools: Set<String> = []
    ) {
        self.revision = revision
        self.groups = groups
        self.restrictions = restrictions
        self.closedPools = closedPools
        let known = Dictionary(uniqueKeysWithValues: groups.map { ($0.id, $0) })
        members = Dictionary(grouping: memberships, by: \.group).mapValues { $0.map(\.user) }
        groupsOfUsers = Dictionary(grouping: memberships, by: \.user)
            .mapValues { $0.compactMap { known[$0.group] } }
    }

    /// Somebody's groups, the first joined first. The first one is charged with what they run.
    package func groups(of user: UserID) -> [UserGroup] { groupsOfUsers[user] ?? [] }

    package func group(_ id: GroupID) -> UserGroup? { groups.first { $0.id == id } }

    /// What holds for somebody.
    package func rights(of user: UserID) -> Restriction {
        let own = restrictions[.user(user)] ?? .none
        let groups = groups(of: user).compactMap { restrictions[.group($0.id)] }
        // For most users, and asked for each job of a list.
        guard !groups.isEmpty else { return own }
        return Restriction.effective(own: own, groups: groups)
    }

    /// Users for whom something other than nothing may hold.
    package var users: Set<UserID> {
        var users = Set(groupsOfUsers.keys)
        for case .user(let user) in restrictions.keys { users.insert(user) }
        return users
    }
}

/// Groups, restrictions, and what is shut.
package protocol TenancyStore: Sendable {
    func tenancy() async throws -> Tenancy
    /// Throws `StoreError.nameTaken`.
    func insert(_ group: UserGroup) async throws
    /// Everything but id, name and moment of making. Throws `StoreError.unknown`, and `StoreError.changed` when it is not as `expected`.
    func update(_ group: UserGroup, expecting expected: UserGroup?) async throws
    /// With its memberships and its restriction. Answers whether there was one. Throws `StoreError.changed` when it is not as `expected`.
    func deleteGroup(_ id: GroupID, expecting expected: UserGroup?) async throws -> Bool
    /// Throws `StoreError.unknown` for a user or group that is not there; who is a member already stays where they are.
    func addMember(_ user: UserID, to group: GroupID) async throws
    /// Answers whether they were one.
    func removeMember(_ user: UserID, from group: GroupID) async throws -> Bool
    /// `Restriction.none` takes it away. Throws `StoreError.unknown`, and `StoreError.changed` when it is not as `expected`.
    func restrict(
        _ subject: RestrictionSubject, to restriction: Restriction, expecting expected: Restriction?
    ) async throws
    /// Whether the pool takes jobs.
    /// Throws `StoreError.changed` where it is not open, or closed, as `expected`.
    func setPool(_ name: String, isOpen: Bool, expecting expected: Bool?) async throws
    /// Bytes of a user's programs, and of what their jobs left.
    func storedBytes(of user: UserID) async throws -> Int
}
