package import PanalCore

/// # How a job gets its cores
///
/// A pure value: each event is applied to it, and it answers what is to be done. It reads no clock and does no I/O, so that the
/// service, the tests and `panal simulate` run the same code.
///
/// **The line.** A job that is submitted stands in `WaitingLine`: by priority class, in a class by group and in a group by user,
/// those first that have used least for their share (`Accounts`), and for one user in the order of submission. Users and groups at
/// their limits are passed over. The first job of the line that no limit holds back is the *head*.
///
/// **The head.** While the head fits on some host, it is started (`place`), and the next one is the head. A host is chosen by an
/// allocator (`HostIndex` keeps the hosts in its order); on the host, `CoreMap` chooses cores close together.
///
/// **Backfill.** A head that does not fit gets a promise (`HeadReservation`): the hosts and the moment at which it fits, if all that
/// runs takes as long as it may. Others may start before it when they end before that moment, or leave the head all that it needs
/// then. So nothing that comes after it ever delays the head beyond its promise.
///
/// **Guests.** Opportunistic jobs hold no cores of their own: they compute on what is idle, and freeze as soon as another job is
/// given their cores (`ScheduleState+Guests`).
///
/// **The end.** `finished` gives everything back, whichever way the job ended, and the line is looked at again.
///
/// A job is known from its `submit` until it is refused, withdrawn while it waits, or `finished` after it was started. Events about
/// unknown tickets change nothing, so that reporting an end twice is harmless; so is submitting a known ticket again. Time never
/// runs backward: an earlier `now` than the last one counts as the last one.
///
/// An event costs O(log n) in the jobs that wait, the accounts and the hosts, beside what it starts. Two searches are bounded instead of
/// complete: backfill looks at `backfillBudget` places of the line, and a promise to one cell at some of the hosts where there are more than
/// `ReservationFinder` looks at. A gang's promise costs O(what runs).
package struct ScheduleState: Sendable {
    var hosts: [HostState]
    var settings: ScheduleSettings
    var indexes: [HostIndex]
    var line = WaitingLine()
    var accounts: Accounts
    var decay: UsageDecay
    var jobs: [JobRecord] = []
    var vacant: [Int32] = []
    var numbers: [Ticket: Int32] = [:]
    /// The bit of each pool, by name; at most 64 pools.
    let poolBits: [String: UInt64]
    /// Thousandths of cores that are free on open hosts.
    var freeMillicores: Int
    var promise: HeadReservation?
    var generator = SeededGenerator(seed: 1)
    var promotions = PromotionQueue()
    /// Hosts that may have guests, and the one that is asked first for the next guest.
    let guestHosts: [Int32]
    var nextGuestHost = 0
    var lastMoment: Int64 = .min
    var load = ScheduleLoad()
    /// Jobs that run, opportunistic ones left out, by the moment at which each ends at the latest.
    var ends = OrderedForest<EndKey, EndSummary>()
    var endsRoot = OrderedForest<EndKey, EndSummary>.Root()

    /// Kinds of jobs that empty hosts are known to have room for; what hosts there are never changes.
    var possible: Set<DemandShape> = []

    /// Kinds of jobs that are remembered.
    static let rememberedShapes = 4_096
    /// Places of the line that are looked at for one decision.
    static let backfillBudget = 512

    package init(hosts: [HostDescription], settings: ScheduleSettings = ScheduleSettings()) {
        precondition(Set(hosts.map(\.pool)).count <= 64, "at most 64 pools")
        var bits: [String: UInt64] = [:]
        for name in hosts.map(\.pool) where bits[name] == nil { bits[name] = 1 << UInt64(bits.count) }
        poolBits = bits
        let states = hosts.map { HostState($0, pool: bits[$0.pool] ?? 0) }
        self.hosts = states
        self.settings = settings
        indexes = [HostIndex(settings.policy.allocator, hosts: states)]
        accounts = Accounts(
            users: AccountBook(standard: settings.users, named: settings.namedUsers),
            groups: AccountBook(standard: settings.groups, named: settings.namedGroups),
            areRanked: settings.policy.order == .fairShare)
        decay = UsageDecay(halfLife: settings.usageHalfLife)
        freeMillicores = states.reduce(0) { $0 + $1.cores.freeCount * 1_000 }
        load.millicores = freeMillicores
        guestHosts = states.indices.filter { states[$0].freeGuestMemory > 0 }.map { Int32($0) }
        // The line of policies that know no accounts.
        _ = (accounts.users.number(of: ""), accounts.groups.number(of: ""))
    }

    /// One host, of which only cores and memory are known.
    package init(capacity: HostCapacity, queueLimit: Int) {
        self.init(hosts: [HostDescription(capacity)], settings: ScheduleSettings(queueLimit: queueLimit))
    }

    package var waitingCount: Int { load.waiting }
    package var runningCount: Int { load.running + load.guests }

    /// Takes one event and says what follows from it.
    package mutating func apply(_ event: ScheduleEvent, at moment: Timestamp) -> [ScheduleAction] {
        let now = max(moment.microseconds, lastMoment)
        lastMoment = now
        if let factor = decay.rebase(at: now) {
            accounts.users.rescale(by: factor)
            accounts.groups.rescale(by: factor)
            line.refreshAll(accounts)
        }
        var actions: [ScheduleAction] = []
        let promoted = promote(now)
        switch event {
        case .submit(let ticket, let demand):
            submit(ticket, demand, now, &actions)
            if !promoted { return finish(actions) }
        case .finished(let ticket):
            guard let job = numbers[ticket], !jobs[Int(job)].isWaiting else { break }
            end(job, now)
        case .withdraw(let ticket):
            guard let job = numbers[ticket], jobs[Int(job)].isWaiting else { break }
            leave(job)
            forget(job)
        case .adopt(let ticket, let demand, let reservations, let started):
            adopt(ticket, demand, reservations, started: min(started.microseconds, now), now)
        case .host(let host, let status): set(host, status)
        case .presence(let host, let isThere):
            if hosts.indices.contains(host.number) { hosts[host.number].isAttended = isThere }
        case .configure(let changed): configure(changed)
        case .tick: break
        }
        decide(now, &actions)
        return finish(actions)
    }

    private mutating func finish(_ actions: [ScheduleAction]) -> [ScheduleAction] {
        for index in indexes.indices { indexes[index].endDecision(hosts) }
        return actions
    }
}

// MARK: - What events do

extension ScheduleState {
    private mutating func submit(
        _ ticket: Ticket, _ demand: JobDemand, _ now: Int64, _ actions: inout [ScheduleAction]
    ) {
        guard numbers[ticket] == nil else { return }
        if let reason = refusal(of: demand) {
            return actions.append(.refuse(ticket, Refusal(kind: .impossible, reason: reason)))
        }
        notePossible(demand)
        let job = enter(ticket, demand, now)
        join(job)
        if demand.isOpportunistic { startGuests(now, &actions) } else { decide(now, newcomer: job, &actions) }
        guard jobs[Int(job)].isWaiting, let refusal = overflow(job) else { return }
        leave(job)
        forget(job)
        actions.append(.refuse(ticket, refusal))
    }

    /// Makes a job known.
    mutating func enter(_ ticket: Ticket, _ demand: JobDemand, _ now: Int64) -> Int32 {
        let record = JobRecord(
            ticket: ticket, demand: demand, user: accounts.users.number(of: demand.user),
            group: accounts.groups.number(of: demand.group), pools: mask(of: demand.pools), submitted: now)
        let job: Int32
        if let reused = vacant.popLast() {
            job = reused
            jobs[Int(reused)] = record
        } else {
            job = Int32(jobs.count)
            jobs.append(record)
        }
        numbers[ticket] = job
        return job
    }

    mutating func forget(_ job: Int32) {
        numbers[jobs[Int(job)].ticket] = nil
        jobs[Int(job)] = JobRecord.none
        vacant.append(job)
    }

    /// Into the line.
    mutating func join(_ job: Int32) {
        let record = jobs[Int(job)]
        let areRanked = accounts.areRanked
        accounts.users[record.user].queuedJobs += 1
        accounts.groups[record.group].queuedJobs += 1
        let place = line.insert(
            LineKey(rank: rank(of: record), ticket: record.ticket.number, job: job), record.summary,
            priority: record.priority, user: areRanked ? record.user : 0, group: areRanked ? record.group : 0, accounts)
        jobs[Int(job)].place = place
        load.waiting += 1
        if !record.demand.isOpportunistic { promotions.note(record) }
    }

    /// Out of the line.
    mutating func leave(_ job: Int32) {
        let record = jobs[Int(job)]
        guard let place = record.place else { return }
        accounts.users[record.user].queuedJobs -= 1
        accounts.groups[record.group].queuedJobs -= 1
        line.remove(place, accounts)
        jobs[Int(job)].place = nil
        load.waiting -= 1
        if promise?.job == job { promise = nil }
    }

    /// Where policies without accounts have a job in the line.
    private func rank(of record: JobRecord) -> Int64 {
        guard settings.policy.order == .allocators else { return 0 }
        switch settings.policy.allocator.jobOrder {
        case .asGiven: return 0
        case .mostCoresFirst: return -Int64(record.millicores)
        case .shuffled:
            var shuffle = SeededGenerator(seed: UInt64(bitPattern: record.ticket.number))
            return Int64(shuffle.next() >> 1)
        }
    }

    private func mask(of pools: Set<String>?) -> UInt64 {
        guard let pools else { return .max }
        return pools.reduce(0) { $0 | (poolBits[$1] ?? 0) }
    }

    /// Gives back what a started job held.
    private mutating func end(_ job: Int32, _ now: Int64) {
        let record = jobs[Int(job)]
        if record.demand.isOpportunistic {
            for host in record.hosts { hosts[Int(host)].releaseGuest(job) }
            load.guests -= 1
        } else {
            for host in record.hosts {
                hosts[Int(host)].release(job)
                update(host)
            }
            load.running -= 1
            ends.remove(EndKey(end: record.end, job: job), from: &endsRoot)
            settle(record, now)
            renewPromise(after: record)
        }
        forget(job)
    }

    /// What the promise says may be earlier now. To find out costs as much as there runs, so with much of it only where it matters.
    private mutating func renewPromise(after ended: JobRecord) {
        guard let promise else { return }
        if load.running <= 512 || ended.hosts.contains(where: { promise.cells[$0] != nil }) { self.promise = nil }
    }

    private mutating func adopt(
        _ ticket: Ticket, _ demand: JobDemand, _ reservations: [Reservation], started: Int64, _ now: Int64
    ) {
        guard numbers[ticket] == nil else { return }
        let job = enter(ticket, demand, now)
        if demand.isOpportunistic { return adoptGuest(job, reservations.first, started: started) }
        let end = started &+ jobs[Int(job)].duration
        var isHeld = true
        for reservation in reservations {
            let number = reservation.host.number
            guard hosts.indices.contains(number), let grant = hosts[number].grant(of: reservation),
                hosts[number].adopt(grant, memory: reservation.memory, for: job, until: end)
            else {
                isHeld = false
                continue
            }
            jobs[Int(job)].hosts.append(Int32(number))
            update(Int32(number))
        }
        // What this machine no longer has is not held; the job runs all the same, and its end gives the rest back.
        load.unheld += isHeld ? 0 : 1
        begin(job, started: started, end: end)
    }

    private mutating func set(_ host: HostID, _ status: HostStatus) {
        guard hosts.indices.contains(host.number) else { return }
        hosts[host.number].isOpen = status == .open
        promise = nil
        update(Int32(host.number))
    }

    private mutating func configure(_ changed: ScheduleSettings) {
        // Another order of the line is another schedule: it takes effect at the next start.
        let policy = settings.policy
        settings = changed
        settings.policy = policy
        decay.halfLife = changed.usageHalfLife.inSeconds
        accounts.users.configure(standard: changed.users, named: changed.namedUsers)
        accounts.groups.configure(standard: changed.groups, named: changed.namedGroups)
        line.refreshAll(accounts)
        promise = nil
    }

    /// Takes jobs that have waited long up into the next class. True when there were any.
    private mutating func promote(_ now: Int64) -> Bool {
        guard let after = settings.promotion?.wholeMicroseconds else { return false }
        var isAny = false
        while let (ticket, priority) = promotions.next(waitingSince: now - after) {
            guard let job = numbers[ticket], jobs[Int(job)].isWaiting, jobs[Int(job)].priority == priority else {
                continue
            }
            leave(job)
            jobs[Int(job)].priority = priority == .low ? .normal : .high
            jobs[Int(job)].inClassSince = now
            join(job)
            isAny = true
        }
        return isAny
    }
}
