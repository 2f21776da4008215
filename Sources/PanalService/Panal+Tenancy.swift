package import PanalCore
import PanalScheduler
import Synchronization

/// Hosts of one place (UnaCloud's *Laboratory*).
package struct PoolEntry: Hashable, Sendable {
    package var name: String
    /// Whether jobs start there.
    package var isOpen: Bool
    package var hosts: Int
    /// Whole cores for cells, of all hosts.
    package var cores: Int
}

/// What somebody may use, in full.
package struct AccountRights: Hashable, Sendable {
    /// The first one is charged with what they run.
    package var groups: [UserGroup]
    /// Names, in the operator's order.
    package var profiles: [String]
    package var pools: [String]
    package var repositories: [String]
    package var allocator: String
    /// Nil for no limit.
    package var runningCores: Int?
    package var queuedJobs: Int?
    package var storedBytes: Int?
    /// Bytes that count against the last one now.
    package var storedNow: Int
    /// For how long the outputs of their jobs are kept.
    package var outputs: RetentionRule
}

/// What may be changed of a group. The outer nil leaves a value as it is, the inner one takes the limit away.
package struct GroupChange: Hashable, Sendable {
    package var label: String?
    package var share: Double?
    package var runningCores: Int??
    package var queuedJobs: Int??

    package init(
        label: String? = nil, share: Double? = nil, runningCores: Int?? = nil, queuedJobs: Int?? = nil
    ) {
        self.label = label
        self.share = share
        self.runningCores = runningCores
        self.queuedJobs = queuedJobs
    }
}

extension Panal {
    /// The algorithms that give jobs their host, by their words.
    package var allocators: [String] { Allocator.allCases.map(\.rawValue) }
    /// The storage roots that there are.
    package static let repositories = ["main"]
    /// More of anything than there will be.
    static let largestLimit = 1 << 50

    // MARK: - Groups

    /// By name; administrators only, like everything about groups and restrictions.
    package func groups(_ principal: Principal) throws -> [UserGroup] {
        try requireAdministrator(principal)
        return tenancy.groups
    }

    package func group(_ principal: Principal, _ id: GroupID) throws -> UserGroup {
        try requireAdministrator(principal)
        guard let group = tenancy.group(id) else { throw Self.noGroup }
        return group
    }

    /// Throws `conflict` when the name is taken.
    package func createGroup(_ principal: Principal, name: String, _ change: GroupChange) async throws -> UserGroup {
        try requireAdministrator(principal)
        guard Self.isAccountName(name) else { throw ServiceError(.invalid, mistake: "/name", Self.accountNameRule) }
        let now = clock.now()
        let group = try Self.apply(
            change, to: UserGroup(id: .make(at: now), name: name, label: change.label ?? name, created: now))
        do {
            try await store.insert(group)
        } catch StoreError.nameTaken {
            throw ServiceError(.conflict, "there is already a group ‘\(name)’")
        }
        try await tenancyChanged()
        return group
    }

    /// What is not named stays as somebody else may have changed it in this moment. Throws `changed` where the group is not as
    /// `expected`.
    package func changeGroup(
        _ principal: Principal, _ id: GroupID, _ change: GroupChange, expecting expected: UserGroup? = nil
    ) async throws -> UserGroup {
        try requireAdministrator(principal)
        for _ in 0..<64 {
            let before = try expected ?? group(principal, id)
            let after = try Self.apply(change, to: before)
            do {
                try await store.update(after, expecting: before)
            } catch StoreError.unknown {
                throw Self.noGroup
            } catch StoreError.changed {
                guard expected == nil else { throw Self.changed }
                try await tenancyChanged()
                continue
            }
            try await tenancyChanged()
            return after
        }
        throw ServiceError(.conflict, "others are changing this group all the time", retryAfter: .seconds(1))
    }

    /// Throws `changed` where the group is not as `expected`.
    package func deleteGroup(
        _ principal: Principal, _ id: GroupID, expecting expected: UserGroup? = nil
    ) async throws {
        try requireAdministrator(principal)
        do {
            guard try await store.deleteGroup(id, expecting: expected) else { throw Self.noGroup }
        } catch StoreError.changed {
            throw Self.changed
        }
        try await tenancyChanged()
    }

    /// In the order of joining.
    package func members(_ principal: Principal, _ id: GroupID) async throws -> [User] {
        _ = try group(principal, id)
        let users = Dictionary(uniqueKeysWithValues: try await store.users().map { ($0.id, $0) })
        return tenancy.members[id, default: []].compactMap { users[$0] }
    }

    /// Who is a member already stays one, at the same place.
    package func addMember(_ principal: Principal, _ user: UserID, to group: GroupID) async throws {
        try requireAdministrator(principal)
        do {
            try await store.addMember(user, to: group)
        } catch StoreError.unknown {
            throw tenancy.group(group) == nil ? Self.noGroup : Self.noUser
        }
        try await tenancyChanged()
    }

    package func removeMember(_ principal: Principal, _ user: UserID, from group: GroupID) async throws {
        _ = try self.group(principal, group)
        guard try await store.removeMember(user, from: group) else {
            throw ServiceError(.notFound, "this group has no such member")
        }
        try await tenancyChanged()
    }

    // MARK: - Restrictions

    package func restriction(_ principal: Principal, of subject: RestrictionSubject) async throws -> Restriction {
        try requireAdministrator(principal)
        switch subject {
        case .user(let user): guard try await store.user(user) != nil else { throw Self.noUser }
        case .group(let group): guard tenancy.group(group) != nil else { throw Self.noGroup }
        }
        return tenancy.restrictions[subject] ?? .none
    }

    /// Replaces the restriction as a whole. It holds for jobs that wait as well: for their pools, allocator and number of cores; what
    /// was accepted keeps its profile, and what runs goes on. Throws `invalid` with every name that is not known here, and `changed`
    /// where it is not as `expected`.
    package func restrict(
        _ principal: Principal, _ subject: RestrictionSubject, to restriction: Restriction,
        expecting expected: Restriction? = nil
    ) async throws {
        try requireAdministrator(principal)
        let mistakes = mistakes(in: restriction)
        guard mistakes.isEmpty else {
            throw ServiceError(.invalid, "the restriction has mistakes", mistakes: mistakes)
        }
        do {
            try await store.restrict(subject, to: restriction, expecting: expected)
        } catch StoreError.changed {
            throw Self.changed
        } catch StoreError.unknown {
            if case .user = subject { throw Self.noUser }
            throw Self.noGroup
        }
        try await tenancyChanged()
    }

    /// What somebody may use; their own, and for administrators everybody's.
    package func rights(_ principal: Principal, of user: UserID? = nil) async throws -> AccountRights {
        if let user, user != principal.user {
            try requireAdministrator(principal)
            guard try await store.user(user) != nil else { throw Self.noUser }
        }
        let user = user ?? principal.user
        let tenancy = tenancy
        let rights = tenancy.rights(of: user)
        func allowed(_ names: [String], _ set: Set<String>?) -> [String] {
            set.map { names.filter($0.contains) } ?? names
        }
        return AccountRights(
            groups: tenancy.groups(of: user), profiles: allowed(profileList.map(\.name), rights.profiles),
            pools: allowed(pools.map(\.name), rights.pools),
            repositories: allowed(Self.repositories, rights.repositories),
            allocator: rights.allocator ?? configuration.schedule.policy.allocator.rawValue,
            runningCores: rights.runningCores, queuedJobs: rights.queuedJobs, storedBytes: rights.storedBytes,
            storedNow: try await store.storedBytes(of: user), outputs: retention.rule(of: user))
    }

    // MARK: - Pools

    package var pools: [PoolEntry] {
        let closed = tenancy.closedPools
        var pools: [PoolEntry] = []
        for host in hostList {
            if let place = pools.firstIndex(where: { $0.name == host.pool }) {
                pools[place].hosts += 1
                pools[place].cores += host.cores.count
            } else {
                pools.append(
                    PoolEntry(
                        name: host.pool, isOpen: !closed.contains(host.pool), hosts: 1, cores: host.cores.count))
            }
        }
        return pools
    }

    package func pool(_ principal: Principal, _ name: String) throws -> PoolEntry {
        guard let pool = pools.first(where: { $0.name == name }) else {
            throw ServiceError(.notFound, "there is no pool ‘\(name)’")
        }
        return pool
    }

    /// Closes a pool, in which what runs goes on and nothing starts, or opens it; also beyond a restart. Administrators only. Throws
    /// `changed` where it is not open, or closed, as `expected` is.
    package func setPool(
        _ principal: Principal, _ name: String, isOpen: Bool, expecting expected: PoolEntry? = nil
    ) async throws -> PoolEntry {
        try requireAdministrator(principal)
        _ = try pool(principal, name)
        do {
            try await store.setPool(name, isOpen: isOpen, expecting: expected?.isOpen)
        } catch StoreError.changed {
            throw Self.changed
        }
        try await tenancyChanged()
        return try pool(principal, name)
    }

    // MARK: - What holds

    var tenancy: Tenancy { book.withLock { $0 } }

    var terms: ServiceTerms {
        var base = configuration.schedule
        base.queueLimit = settings.queueLimit
        return ServiceTerms(base: base, tenancy: tenancy, pools: hostList.map(\.pool))
    }

    /// After each stored change: whatever comes in whichever order, the newest holds in the end.
    func tenancyChanged() async throws {
        let stored = try await store.tenancy()
        book.withLock { if stored.revision > $0.revision { $0 = stored } }
        if let runner { await bindTerms(to: runner) }
    }

    /// Whoever comes last binds what is newest.
    func bindTerms(to runner: JobRunner) async {
        var bound: ServiceTerms
        repeat {
            bound = terms
            await runner.bind(bound)
        } while bound != terms
    }

    private func mistakes(in restriction: Restriction) -> [Mistake] {
        var mistakes: [Mistake] = []
        func check(_ names: Set<String>?, _ known: [String], _ name: String) {
            guard let names else { return }
            let list = known.joined(separator: ", ")
            if names.isEmpty {
                mistakes.append(
                    Mistake(pointer: "/\(name)", detail: "leave it out for everything, or name some of \(list)"))
            }
            for unknown in names.subtracting(known).sorted() {
                mistakes.append(
                    Mistake(pointer: "/\(name)", detail: "there is no ‘\(unknown)’ here; there are \(list)"))
            }
        }
        func check(_ value: Int?, _ least: Int, _ name: String) {
            guard let value, !(least...Self.largestLimit).contains(value) else { return }
            mistakes.append(Mistake(pointer: "/\(name)", detail: "a whole number, at least \(least)"))
        }
        check(restriction.profiles, profileList.map(\.name), "profiles")
        check(restriction.pools, pools.map(\.name), "pools")
        check(restriction.allocator.map { [$0] }, Allocator.allCases.map(\.rawValue), "allocator")
        check(restriction.repositories, Self.repositories, "repositories")
        check(restriction.runningCores, 1, "runningCores")
        check(restriction.queuedJobs, 0, "queuedJobs")
        check(restriction.storedBytes, 0, "storedBytes")
        if let days = restriction.outputDays, !(1...36_600).contains(days) {
            mistakes.append(Mistake(pointer: "/outputDays", detail: "a whole number from 1 to 36600"))
        }
        return mistakes
    }

    private static func apply(_ change: GroupChange, to group: UserGroup) throws -> UserGroup {
        var group = group
        group.label = (change.label ?? group.label).trimmed
        group.share = change.share ?? group.share
        group.runningCores = change.runningCores ?? group.runningCores
        group.queuedJobs = change.queuedJobs ?? group.queuedJobs
        var mistakes: [Mistake] = []
        if !(1...80).contains(group.label.count) || group.label.hasControlCharacters {
            mistakes.append(Mistake(pointer: "/label", detail: "1 to 80 characters on one line"))
        }
        if !(0.001...1_000).contains(group.share) {
            mistakes.append(Mistake(pointer: "/share", detail: "a number from 0.001 to 1000; 1 is usual"))
        }
        for (name, value, least) in [("runningCores", group.runningCores, 1), ("queuedJobs", group.queuedJobs, 0)] {
            guard let value, !(least...largestLimit).contains(value) else { continue }
            mistakes.append(Mistake(pointer: "/\(name)", detail: "a whole number, at least \(least)"))
        }
        guard mistakes.isEmpty else { throw ServiceError(.invalid, "the group has mistakes", mistakes: mistakes) }
        return group
    }

    static let noGroup = ServiceError(.notFound, "there is no such group")
    static let noUser = ServiceError(.notFound, "there is no such user")
}
