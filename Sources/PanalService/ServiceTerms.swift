import PanalCore
import PanalScheduler

/// What the scheduler has to know of users, groups and pools, as of one state of these. Pure.
struct ServiceTerms: Hashable, Sendable {
    /// The operator's own.
    let base: ScheduleSettings
    let tenancy: Tenancy
    /// Names of the pools of the hosts, in the scheduler's order.
    let pools: [String]

    /// Whether each host takes jobs.
    var hosts: [HostStatus] { pools.map { tenancy.closedPools.contains($0) ? .closed : .open } }

    /// What of a job's demand follows from its owner. Their first group is charged; who is in none has the operator's limits alone.
    func terms(of owner: UserID) -> JobTerms {
        let rights = tenancy.rights(of: owner)
        return JobTerms(
            group: tenancy.groups(of: owner).first?.name ?? "", pools: rights.pools,
            allocator: rights.allocator.flatMap(Allocator.init))
    }

    /// The operator's settings with the limits of users and groups.
    var schedule: ScheduleSettings {
        var settings = base
        for user in tenancy.users {
            let rights = tenancy.rights(of: user)
            guard rights.runningCores != nil || rights.queuedJobs != nil else { continue }
            var limits = settings.namedUsers[user.text] ?? settings.users
            limits.runningCores = rights.runningCores ?? limits.runningCores
            limits.queuedJobs = rights.queuedJobs ?? limits.queuedJobs
            settings.namedUsers[user.text] = limits
        }
        for group in tenancy.groups {
            var limits = settings.namedGroups[group.name] ?? settings.groups
            limits.share = group.share
            limits.runningCores = group.runningCores ?? limits.runningCores
            limits.queuedJobs = group.queuedJobs ?? limits.queuedJobs
            settings.namedGroups[group.name] = limits
        }
        return settings
    }
}

extension ScheduleSettings {
    /// What was acknowledged is taken again after a restart, even where fewer may wait since.
    mutating func takeEverybody(atLeast count: Int) {
        queueLimit = max(queueLimit, count)
        (users.queuedJobs, groups.queuedJobs) = (nil, nil)
        namedUsers = namedUsers.mapValues { $0.withoutQueueLimit }
        namedGroups = namedGroups.mapValues { $0.withoutQueueLimit }
    }
}

extension AccountLimits {
    fileprivate var withoutQueueLimit: AccountLimits {
        var limits = self
        limits.queuedJobs = nil
        return limits
    }
}
