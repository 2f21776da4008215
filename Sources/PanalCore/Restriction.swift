/// What a user, or each member of a group, may use (UnaCloud's *UserRestriction*). Nil restricts nothing.
///
/// What is told apart here is told apart in precedence too: a user's own value of one kind replaces the groups' values of that kind
/// and leaves the other kinds alone.
package struct Restriction: Hashable, Sendable, Codable {
    /// Names of hardware profiles.
    package var profiles: Set<String>?
    /// Names of pools of hosts.
    package var pools: Set<String>?
    /// Which algorithm gives jobs their host, by its word.
    package var allocator: String?
    /// Names of storage roots.
    package var repositories: Set<String>?
    /// Cores of a user's running jobs together.
    package var runningCores: Int?
    /// Jobs of a user that wait at the same time.
    package var queuedJobs: Int?
    /// Bytes of a user's programs, and of what their jobs left, together.
    package var storedBytes: Int?
    /// Days for which the outputs of a user's jobs are kept, in place of what is set for everybody.
    package var outputDays: Int?

    package init(
        profiles: Set<String>? = nil, pools: Set<String>? = nil, allocator: String? = nil,
        repositories: Set<String>? = nil, runningCores: Int? = nil, queuedJobs: Int? = nil, storedBytes: Int? = nil,
        outputDays: Int? = nil
    ) {
        self.profiles = profiles
        self.pools = pools
        self.allocator = allocator
        self.repositories = repositories
        self.runningCores = runningCores
        self.queuedJobs = queuedJobs
        self.storedBytes = storedBytes
        self.outputDays = outputDays
    }

    package static let none = Restriction()

    /// What holds for somebody with a restriction of their own and those of their groups, in the order in which they joined. Their
    /// own replaces the groups'; several groups' values are united, which for a limit is the largest; of the allocators the first
    /// wins. A group that says nothing about a kind adds nothing to it; where nobody says anything, everything is allowed.
    package static func effective(own: Restriction, groups: [Restriction]) -> Restriction {
        func united(_ kind: KeyPath<Restriction, Set<String>?>) -> Set<String>? {
            own[keyPath: kind]
                ?? groups.compactMap { $0[keyPath: kind] }.reduce(nil) { ($0 ?? []).union($1) }
        }
        func largest(_ kind: KeyPath<Restriction, Int?>) -> Int? {
            own[keyPath: kind] ?? groups.compactMap { $0[keyPath: kind] }.max()
        }
        return Restriction(
            profiles: united(\.profiles), pools: united(\.pools),
            allocator: own.allocator ?? groups.lazy.compactMap(\.allocator).first, repositories: united(\.repositories),
            runningCores: largest(\.runningCores), queuedJobs: largest(\.queuedJobs),
            storedBytes: largest(\.storedBytes), outputDays: largest(\.outputDays))
    }
}

/// Whom a restriction is for.
package enum RestrictionSubject: Hashable, Sendable {
    case user(UserID)
    case group(GroupID)
}
