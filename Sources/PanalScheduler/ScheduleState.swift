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
/// For example, on four cores of which a job has two for ten more seconds: the next in the line wants four and is promised them in
/// ten seconds. One behind it that wants two for five seconds starts at once, one that wants two for twenty waits.
///
/// **Ageing.** A job that has waited for long goes up a class (`promote`), and there comes before all that came after it: so nobody
/// waits for ever.
///
/// **Gangs.** A job of several cells waits as one job of the line, and all of them start in one step or none does
/// (`ScheduleState+Gangs`).
///
/// **Guests.** Opportunistic jobs hold no cores of their own: they compute on what is idle, and freeze as soon as another job is
/// given their cores (`ScheduleState+Guests`).
///
/// **The end.** `finished` gives everything back, whichever way the job ended, and the line is looked at again.
///
/// To read on: `apply` below is the list of all events; `decide` (`+Deciding`) is the line, the head and backfill, and `place` in the
/// same file the choice of host and cores; `+Explaining` says why a job waits, or never can start, and changes nothing.
///
/// A job is known from its `submit` until it is refused, withdrawn while it waits, or `finished` after it was started. Events about
/// unknown tickets change nothing, so that reporting an end twice is harmless; so is submitting a known ticket again. Time never
/// runs backward: when the clock is set back, time goes on here from where it was (`SteadyTime`).
///
/// After a restart everything that still runs is adopted before anything is submitted. Each opportunistic job that is adopted is told
/// at once whether it computes or stands still, since nobody knows what it was told last.
///
/// An event costs O(log n) in the jobs that wait, the accounts and the hosts, beside what it starts. Two searches are bounded instead of
/// complete: for each job that backfill starts it looks at `backfillBudget` places of the line and tries `failures` jobs that find no
/// room, and a promise to one cell is looked for at some of the hosts where there are more than `fewHosts`. A gang's promise costs
/// O(what runs).
package struct ScheduleState: Sendable {
    var hosts: [HostState]
    var settings: ScheduleSettings
    var indexes: [HostIndex]
    var line = WaitingLine()
    /// Who has used how much, and may have how much at a time.
    var accounts: Accounts
    var decay: UsageDecay
    /// The known jobs. All parts of the schedule name a job by its place here; places in `vacant` are given out again.
    var jobs: [JobRecord] = []
    var vacant: [Int32] = []
    /// The place of each ticket's job.
    var numbers: [Ticket: Int32] = [:]
    /// The bit of each pool, by name; at most 64 pools.
    let poolBits: [String: UInt64]
    /// Thousandths of cores that are free on open hosts.
    var freeMillicores: Int
    /// To the head, if it has had to wait.
    var promise: HeadReservation?
    /// For the allocator `random`.
    var generator = SeededGenerator(seed: 1)
    /// Who goes up a class next.
    var promotions = PromotionQueue()
    /// Hosts that may have guests, and the one that is asked first for the next guest.
    let guestHosts: [Int32]
    var nextGuestHost = 0
    /// Hosts with guests on which something has changed since these were last looked at.
    var disturbed: [Int32] = []
    /// Turns the clock's moments into ones that never run backward; all moments in here are of its kind, in microseconds.
    var time = SteadyTime()
    /// What kinds of hosts there are, whatever runs on them.
    let shapes: [HostShape]
    var load = ScheduleLoad()
    /// Jobs that run, opportunistic ones left out, by the moment at which each ends at the latest.
    var ends = OrderedForest<EndKey, EndSummary>()
    var endsRoot = OrderedForest<EndKey, EndSummary>.Root()

    /// Gangs of several kinds of cells that empty hosts are known to have room for; what hosts there are never changes.
    var possible: Set<DemandShape> = []

    /// Kinds of jobs that are remembered.
    static let rememberedShapes = 4_096
    /// Places of the line that are looked at for one decision.
    static let backfillBudget = 256
    /// Jobs that go up a class at one event.
    static let promotionsOfAnEvent = 4

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
        shapes = HostShape.all(of: states)
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
        let now = time.advance(to: moment)
        if let factor = decay.rebase(at: now) { rescale(by: factor) }
        var actions: [ScheduleAction] = []
        let promoted = promote(now)
        switch event {
        case .submit(let ticket, let demand), .resubmit(let ticket, let demand):
            let isKnown = if case .resubmit = event { true } else { false }
            submit(ticket, demand, isKnown: isKnown, now, &actions)
            if !promoted {
                separateGangs(now, &actions)
                return actions
            }
        case .finished(let ticket):
            guard let job = numbers[ticket], !jobs[Int(job)].isWaiting else { break }
            end(job, now)
        case .withdraw(let ticket):
            guard let job = numbers[ticket], jobs[Int(job)].isWaiting else { break }
            leave(job)
            forget(job)
        case .adopt(let ticket, let demand, let reservations, let started):
            adopt(ticket, demand, reservations, started: min(time.inside(started), now), now, &actions)
        case .amend(let terms): amend(terms)
        case .host(let host, let status): set(host, status)
        case .presence(let host, let isThere):
            guard hosts.indices.contains(host.number) else { break }
            hosts[host.number].isAttended = isThere
            noteDisturbance(on: Int32(host.number))
        case .configure(let changed): configure(changed, now)
        case .tick: break
        }
        decide(now, &actions)
        separateGangs(now, &actions)
        return actions
    }
}

// MARK: - What events do

extension ScheduleState {
    /// `isKnown`: it was taken in before.
    private mutating func submit(
        _ ticket: Ticket, _ demand: JobDemand, isKnown: Bool, _ now: Int64, _ actions: inout [ScheduleAction]
    ) {
        guard numbers[ticket] == nil, demand.members.allSatisfy({ numbers[$0] == nil }) else { return }
        if let reason = isKnown ? impossibility(of: demand, shapes) : refusal(of: demand) {
            return actions.append(.refuse(ticket, Refusal(kind: .impossible, reason: reason)))
        }
        notePossible(demand)
        let job = enter(ticket, demand, now)
        join(job)
        if demand.isOpportunistic { startGuests(now, &actions) } else { decide(now, newcomer: job, &actions) }
        guard !isKnown, jobs[Int(job)].isWaiting, let refusal = overflow(job) else { return }
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
        for member in demand.members { numbers[member] = job }
        return job
    }

    mutating func forget(_ job: Int32) {
        numbers[jobs[Int(job)].ticket] = nil
        for member in jobs[Int(job)].demand.members { numbers[member] = nil }
        jobs[Int(job)] = JobRecord.none
        vacant.append(job)
    }

    /// Into the line.
    mutating func join(_ job: Int32) {
        let record = jobs[Int(job)]
        let areRanked = accounts.areRanked
        accounts.users[record.user].queuedJobs += record.jobCount
        accounts.groups[record.group].queuedJobs += record.jobCount
        let place = line.insert(
            LineKey(rank: rank(of: record), ticket: record.ticket.number, job: job), record.summary,
            priority: record.priority, user: areRanked ? record.user : 0, group: areRanked ? record.group : 0, accounts)
        jobs[Int(job)].place = place
        load.waiting += record.jobCount
        if settings.promotion != nil, !record.demand.isOpportunistic {
            promotions.note(record)
            if promotions.count > 2 * load.waiting + 1_024 {
                promotions.removeAll { entry in
                    guard let job = numbers[entry.ticket] else { return true }
                    return jobs[Int(job)].place == nil || jobs[Int(job)].inClassSince != entry.since
                }
            }
        }
    }

    /// Out of the line.
    mutating func leave(_ job: Int32) {
        let record = jobs[Int(job)]
        guard let place = record.place else { return }
        accounts.users[record.user].queuedJobs -= record.jobCount
        accounts.groups[record.group].queuedJobs -= record.jobCount
        line.remove(place, accounts)
        jobs[Int(job)].place = nil
        load.waiting -= record.jobCount
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

    func mask(of pools: Set<String>?) -> UInt64 {
        guard let pools else { return .max }
        return pools.reduce(0) { $0 | (poolBits[$1] ?? 0) }
    }

    /// Gives back what a started job held.
    mutating func end(_ job: Int32, _ now: Int64) {
        let record = jobs[Int(job)]
        if record.demand.isOpportunistic {
            for host in record.hosts {
                hosts[Int(host)].releaseGuest(job)
                noteDisturbance(on: host)
            }
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
        load.unheld -= record.isUnheld ? 1 : 0
        forget(job)
    }

    /// What the promise says may be earlier now. To find out costs as much as there runs, so with much of it only where it matters.
    private mutating func renewPromise(after ended: JobRecord) {
        guard let promise else { return }
        if load.running <= 512 || ended.hosts.contains(where: { promise.cells[$0] != nil }) {
            self.promise?.isStale = true
        }
    }

    mutating func adopt(
        _ ticket: Ticket, _ demand: JobDemand, _ reservations: [Reservation], started: Int64, _ now: Int64,
        _ actions: inout [ScheduleAction]
    ) {
        guard numbers[ticket] == nil else { return }
        let job = enter(ticket, demand, now)
        if demand.isOpportunistic { return adoptGuest(job, reservations.first, started: started, &actions) }
        let end = started &+ jobs[Int(job)].duration
        var isHeld = true
        for reservation in reservations {
            let number = reservation.host.number
            guard hosts.indices.contains(number) else {
                isHeld = false
                continue
            }
            let (grant, isAll) = hosts[number].adopt(reservation, for: job, until: end)
            if !isAll { isHeld = false }
            if !jobs[Int(job)].hosts.contains(Int32(number)) { jobs[Int(job)].hosts.append(Int32(number)) }
            update(Int32(number))
            freezeGuests(on: Int32(number), taking: grant, &actions)
        }
        // What this machine no longer has is not held; the job runs all the same, and its end gives the rest back.
        if !isHeld { noteUnheld(job) }
        promise?.isStale = true
        begin(job, started: started, end: end)
    }

    mutating func noteUnheld(_ job: Int32) {
        jobs[Int(job)].isUnheld = true
        load.unheld += 1
    }

    private mutating func amend(_ terms: [Ticket: JobTerms]) {
        for (ticket, terms) in terms.sorted(by: { $0.key < $1.key }) {
            guard let job = numbers[ticket], jobs[Int(job)].isWaiting, jobs[Int(job)].demand.terms != terms else {
                continue
            }
            leave(job)
            jobs[Int(job)].amend(
                terms, group: accounts.groups.number(of: terms.group), pools: mask(of: terms.pools))
            join(job)
        }
    }

    private mutating func set(_ host: HostID, _ status: HostStatus) {
        guard hosts.indices.contains(host.number) else { return }
        hosts[host.number].isOpen = status == .open
        promise = nil
        update(Int32(host.number))
    }

    private mutating func configure(_ changed: ScheduleSettings, _ now: Int64) {
        // Another order of the line is another schedule: it takes effect at the next start.
        let policy = settings.policy
        let wasPromotion = settings.promotion != nil
        settings = changed
        settings.policy = policy
        if let factor = decay.change(to: changed.usageHalfLife, at: now) { rescale(by: factor) }
        accounts.users.configure(standard: changed.users, named: changed.namedUsers)
        accounts.groups.configure(standard: changed.groups, named: changed.namedGroups)
        line.refreshAll(accounts)
        promise = nil
        if changed.promotion != nil, !wasPromotion { notePromotions() }
    }

    /// Makes everything that was ever used count `factor` times as much.
    private mutating func rescale(by factor: Double) {
        accounts.users.rescale(by: factor)
        accounts.groups.rescale(by: factor)
        for job in jobs.indices { jobs[job].charge *= factor }
        line.refreshAll(accounts)
    }

    /// Of all that wait, when promotion was off until now.
    private mutating func notePromotions() {
        promotions = PromotionQueue()
        var waiting: [Int32] = []
        line.forEach { waiting.append($0) }
        func order(_ job: Int32) -> (Int64, Ticket) { (jobs[Int(job)].inClassSince, jobs[Int(job)].ticket) }
        for job in waiting.sorted(by: { order($0) < order($1) }) where !jobs[Int(job)].demand.isOpportunistic {
            promotions.note(jobs[Int(job)])
        }
    }

    /// Takes jobs that have waited long up into the next class: some for each event, so that none takes long where very many came at
    /// the same time; `nextDeadline` is over until all are there. True when there were any.
    private mutating func promote(_ now: Int64) -> Bool {
        guard let after = settings.promotionTime else { return false }
        var isAny = false
        var left = Self.promotionsOfAnEvent
        while left > 0, let (ticket, priority) = promotions.next(waitingSince: now - after) {
            guard let job = numbers[ticket], jobs[Int(job)].isWaiting, jobs[Int(job)].priority == priority else {
                continue
            }
            left -= 1
            leave(job)
            jobs[Int(job)].priority = priority == .low ? .normal : .high
            jobs[Int(job)].inClassSince = now
            join(job)
            isAny = true
        }
        return isAny
    }
}
