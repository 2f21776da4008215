import PanalCore

extension ScheduleState {
    /// The classes that have cores of their own, the most urgent first.
    static let owners: [PriorityClass] = [.high, .normal, .low]

    /// Starts what may start. With a `newcomer` nothing has become free: then only that job can start, or its standing at
    /// the head changes what others may.
    mutating func decide(_ now: Int64, newcomer: Int32? = nil, _ actions: inout [ScheduleAction]) {
        defer { if newcomer == nil { startGuests(now, &actions) } }
        for index in indexes.indices { indexes[index].sortAgain(hosts) }
        if settings.policy.backfill == .greedy {
            if let newcomer { return start(newcomer, now, &actions) }
            return fill(nil, now, &actions)
        }
        while let head = head() {
            if let newcomer, head != newcomer {
                if settings.policy.backfill == .easy { startBeside(head, newcomer, now, &actions) }
                return
            }
            guard let cells = place(head, now, beside: nil) ?? placeAsPromised(head, now) else {
                if settings.policy.backfill == .easy { fill(promise(to: head, now), now, &actions) }
                return
            }
            begin(head, cells, now, &actions)
            // What was promised to another one, who stood first before, knew nothing of this one.
            promise?.isStale = true
            if newcomer != nil { return }
        }
    }

    /// The first job of the line that no limit of its user or group holds back. Who is at a limit is passed over as a whole where the
    /// line knows accounts, else job by job.
    func head() -> Int32? {
        var budget = Int.max
        for priority in Self.owners {
            let found: Int32? = line.search(
                priority, accounts, budget: &budget, may: { $0.millicores < .max },
                visit: { isWithinLimits($0) ? $0 : nil })
            if let found { return found }
        }
        return nil
    }

    func isWithinLimits(_ job: Int32, beside promise: HeadReservation? = nil) -> Bool {
        let (user, group) = (jobs[Int(job)].user, jobs[Int(job)].group)
        let (millicores, count) = (jobs[Int(job)].millicores, jobs[Int(job)].jobCount)
        guard let head = promise?.job else {
            return millicores
                <= min(
                    accounts.users[user].startable(atOnce: count),
                    accounts.groups[group].startable(atOnce: count))
        }
        // The head needs what its own accounts still allow: who takes that delays it as much as who takes its cores.
        let (first, others) = (jobs[Int(head)].millicores, jobs[Int(head)].jobCount)
        let ofUser = jobs[Int(head)].user == user
        let ofGroup = jobs[Int(head)].group == group
        return millicores
            <= accounts.users[user].startable(
                besides: ofUser ? first : 0, jobs: ofUser ? others : 0, atOnce: count)
            && millicores
                <= accounts.groups[group].startable(
                    besides: ofGroup ? first : 0, jobs: ofGroup ? others : 0, atOnce: count)
    }

    private mutating func start(_ job: Int32, _ now: Int64, _ actions: inout [ScheduleAction]) {
        guard isWithinLimits(job), let cells = place(job, now, beside: nil) else { return }
        begin(job, cells, now, &actions)
    }

    /// Starts `job` if the promise to the head holds all the same.
    private mutating func startBeside(
        _ head: Int32, _ job: Int32, _ now: Int64, _ actions: inout [ScheduleAction]
    ) {
        guard jobs[Int(job)].millicores <= freeMillicores else { return }
        let promise = promise(to: head, now)
        guard isWithinLimits(job, beside: promise), let cells = place(job, now, beside: promise) else { return }
        begin(job, cells, now, &actions)
    }

    /// The promise to the head, made anew when it is another head's, something has changed, or its moment has passed.
    mutating func promise(to head: Int32, _ now: Int64) -> HeadReservation? {
        if let promise, promise.job == head, !promise.isStale, promise.moment > now { return promise }
        var candidates = candidates(for: jobs[Int(head)])
        // Where only some hosts are looked at, those of the last promise are among them: so it never becomes later.
        if let promise, promise.job == head, hosts.count > Self.fewHosts {
            candidates += promise.cells.keys.sorted().filter { hosts[Int($0)].isOpen && !candidates.contains($0) }
        }
        let finder = ReservationFinder(
            hosts: hosts, candidates: candidates, now: now, isAlone: allocator(of: head) == .singleton)
        promise = finder.reservation(head, jobs[Int(head)].demand)
        return promise
    }

    /// With more hosts than these only some are looked at for a promise.
    private static let fewHosts = 16
    /// Jobs that may find no room in one search.
    private static let failures = 32

    /// Hosts that a promise to this job may be about.
    private func candidates(for record: JobRecord) -> [Int32] {
        let isGang = record.demand.cells.count > 1 || record.demand.cells.contains { $0.count > 1 }
        guard hosts.count > Self.fewHosts, !isGang else {
            return hosts.indices.filter { hosts[$0].isOpen && hosts[$0].pool & record.pools != 0 }.map { Int32($0) }
        }
        // Those on which something ends soonest.
        var found: [Int32] = []
        var budget = 64
        let _: Bool? = ends.search(endsRoot, budget: &budget, may: { _ in true }) { key, _ in
            for host in jobs[Int(key.job)].hosts where !found.contains(host) && canEverTake(record, host) {
                found.append(host)
            }
            return found.count >= 16 ? true : nil
        }
        if found.isEmpty {
            // None of these could: look on among all.
            found = hosts.indices.lazy.map { Int32($0) }.filter { canEverTake(record, $0) }.prefix(16).map { $0 }
        }
        return found
    }

    private func canEverTake(_ record: JobRecord, _ number: Int32) -> Bool {
        let at = Int(number)
        guard hosts[at].isOpen, hosts[at].pool & record.pools != 0, let cell = record.demand.cells.first else {
            return false
        }
        return cell.request.millicores <= hosts[at].cores.count * 1_000
            && cell.request.memory <= hosts[at].description.memory
    }

    /// What is free.
    private struct Room {
        /// On all hosts together.
        var millicores: Int
        /// On one host at the most.
        var most: HostSummary
        /// The most memory of a host that has so many free cores.
        var memory: [Int]

        /// Whether anything of the summary may find room now.
        func mayFit(_ summary: WaitingSummary) -> Bool {
            guard Int(summary.millicores) <= millicores, summary.pools & most.pools != 0 else { return false }
            let (whole, rest) = summary.cellMillicores.quotientAndRemainder(dividingBy: 1_000)
            guard whole < most.freeCores || (whole == most.freeCores && rest <= most.sharedRoom) || rest == 0,
                whole < memory.count
            else { return false }
            return summary.cellMemory <= memory[Int(whole)]
        }
    }

    private var room: Room {
        Room(millicores: freeMillicores, most: indexes[0].summary, memory: indexes[0].memoryByCores())
    }

    /// Starts whatever fits and keeps the promise, in the order of the line. Each search has the whole budget: what it starts pays
    /// for it.
    private mutating func fill(_ promise: HeadReservation?, _ now: Int64, _ actions: inout [ScheduleAction]) {
        while let (job, cells) = placeNext(beside: promise, now) { begin(job, cells, now, &actions) }
    }

    /// Takes room for the next job that could start beside the promise.
    private mutating func placeNext(beside promise: HeadReservation?, _ now: Int64) -> (Int32, [PlacedCell])? {
        guard freeMillicores > 0 else { return nil }
        let room = room
        let window = promise.map { $0.moment - now } ?? .max
        // Beyond the window only what the head leaves can be had; with other hosts, those.
        let lasting = promise.map { spare(beside: $0) } ?? (.max, .max)
        var budget = Self.backfillBudget
        var failures = 0
        // What is tried takes and gives back room, and leaves the line as it is: it is put aside, so that no copy is made.
        var line = WaitingLine()
        swap(&line, &self.line)
        defer { swap(&line, &self.line) }
        for priority in Self.owners {
            let found: (Int32, [PlacedCell])? = line.search(
                priority, accounts, budget: &budget,
                may: {
                    failures < Self.failures && room.mayFit($0)
                        && ($0.duration <= window
                            || (Int($0.millicores) <= lasting.millicores && $0.cellMemory <= lasting.memory))
                },
                visit: { job in
                    guard job != promise?.job, isWithinLimits(job, beside: promise) else { return nil }
                    if let cells = place(job, now, beside: promise) { return (job, cells) }
                    failures += 1
                    return nil
                })
            if let found { return found }
        }
        return nil
    }

    /// Thousandths of cores on all hosts, and bytes on one, that may be taken for longer than until the promise, at the most.
    private func spare(beside promise: HeadReservation) -> (millicores: Int, memory: Int) {
        guard hosts.count <= Self.fewHosts else { return (.max, .max) }
        var spare = (millicores: 0, memory: 0)
        for number in hosts.indices where hosts[number].isOpen {
            let here =
                promise.cells[Int32(number)] == nil
                ? (hosts[number].cores.freeMillicores, hosts[number].freeMemory)
                : promise.spare(Int32(number), hosts[number])
            spare = (spare.millicores + here.0, max(spare.memory, here.1))
        }
        return spare
    }
}

// MARK: - Places

/// A cell on its host.
struct PlacedCell {
    var host: Int32
    var grant: CoreGrant
    var memory: Int
}

extension ScheduleState {
    func allocator(of job: Int32) -> Allocator { jobs[Int(job)].demand.allocator ?? settings.policy.allocator }

    /// Takes room for every cell of a job, keeping the promise; nil, and nothing taken, when there is not enough.
    mutating func place(_ job: Int32, _ now: Int64, beside promise: HeadReservation?) -> [PlacedCell]? {
        guard jobs[Int(job)].millicores <= freeMillicores else { return nil }
        let allocator = allocator(of: job)
        if let placed = place(job, now, by: allocator, beside: promise) { return placed }
        // Cells of several kinds may find no room where the order of hosts has put the first of them, although there is some.
        guard jobs[Int(job)].demand.cells.count > 1, allocator != .singleton, allocator != .firstFit else { return nil }
        return place(job, now, by: .firstFit, beside: promise)
    }

    private mutating func place(
        _ job: Int32, _ now: Int64, by allocator: Allocator, beside promise: HeadReservation?
    ) -> [PlacedCell]? {
        let end = now &+ jobs[Int(job)].duration
        let pools = jobs[Int(job)].pools
        let index = self.index(of: allocator)
        let cursor = indexes[index].cursor
        var placed: [PlacedCell] = []
        for kind in jobs[Int(job)].demand.cells.indices {
            let cell = jobs[Int(job)].demand.cells[kind]
            for _ in 0..<cell.count {
                guard let found = placeOne(cell.request, job, pools, end, index, beside: promise) else {
                    undo(placed, of: job)
                    indexes[index].takeBack(to: cursor)
                    return nil
                }
                placed.append(found)
            }
        }
        return placed
    }

    /// Takes what the head was promised, on the hosts that were promised, now that the moment has come: an allocator with an order of
    /// hosts of its own may have found no room for a gang where there is some.
    private mutating func placeAsPromised(_ head: Int32, _ now: Int64) -> [PlacedCell]? {
        guard settings.policy.backfill == .easy, let promise = promise(to: head, now), promise.moment <= now else {
            return nil
        }
        var left = promise.cells.sorted { $0.key < $1.key }
        var placed: [PlacedCell] = []
        for cell in jobs[Int(head)].demand.cells {
            for _ in 0..<cell.count {
                let isMeant = { (kind: CellDemand) in kind.request == cell.request && kind.count > 0 }
                guard let place = left.firstIndex(where: { $0.value.contains(where: isMeant) }),
                    let kind = left[place].value.firstIndex(where: isMeant),
                    !promise.isAlone || hosts[Int(left[place].key)].grants.isEmpty,
                    let grant = hosts[Int(left[place].key)].take(
                        cell.request, for: head, until: now &+ jobs[Int(head)].duration)
                else {
                    // Something runs for longer than it may.
                    undo(placed, of: head)
                    return nil
                }
                left[place].value[kind].count -= 1
                update(left[place].key)
                placed.append(PlacedCell(host: left[place].key, grant: grant, memory: cell.request.memory))
            }
        }
        return placed
    }

    private mutating func placeOne(
        _ request: ResourceRequest, _ job: Int32, _ pools: UInt64, _ end: Int64, _ index: Int,
        beside promise: HeadReservation?
    ) -> PlacedCell? {
        let mustBeEmpty = indexes[index].allocator == .singleton
        var generator = self.generator
        let found = indexes[index].first(for: request, in: pools, count: hosts.count, generator: &generator) { number in
            hosts[Int(number)].pool & pools != 0 && hosts[Int(number)].fits(request)
                && (!mustBeEmpty || hosts[Int(number)].grants.isEmpty)
                && promise?.isKept(number, hosts[Int(number)], besides: request, until: end) != false
        }
        self.generator = generator
        guard let found, let grant = hosts[Int(found)].take(request, for: job, until: end) else { return nil }
        indexes[index].noteUse(of: found)
        update(found)
        return PlacedCell(host: found, grant: grant, memory: request.memory)
    }

    private mutating func undo(_ placed: [PlacedCell], of job: Int32) {
        for host in Set(placed.map(\.host)) {
            hosts[Int(host)].release(job)
            update(host)
        }
    }

    /// Brings the indexes up to what a host now has free.
    mutating func update(_ number: Int32) {
        let free = hosts[Int(number)].freeMillicores
        freeMillicores += free - hosts[Int(number)].countedFree
        hosts[Int(number)].countedFree = free
        if !hosts[Int(number)].guests.isEmpty { noteDisturbance(on: number) }
        for index in indexes.indices { indexes[index].update(hosts[Int(number)], number) }
    }

    private mutating func index(of allocator: Allocator) -> Int {
        // By number: an element that a closure is given would be a copy of all that an index holds.
        for index in indexes.indices where indexes[index].allocator == allocator { return index }
        indexes.append(HostIndex(allocator, hosts: hosts))
        return indexes.count - 1
    }

    /// A job whose cells are placed runs.
    private mutating func begin(_ job: Int32, _ cells: [PlacedCell], _ now: Int64, _ actions: inout [ScheduleAction]) {
        leave(job)
        var seen: Set<Int32> = []
        jobs[Int(job)].hosts = cells.map(\.host).filter { seen.insert($0).inserted }
        begin(job, started: now, end: now &+ jobs[Int(job)].duration)
        for cell in cells { freezeGuests(on: cell.host, taking: cell.grant, &actions) }
        let reservations = cells.map { hosts[Int($0.host)].reservation($0.grant, memory: $0.memory, on: $0.host) }
        actions.append(.start(jobs[Int(job)].ticket, reservations))
    }

    mutating func begin(_ job: Int32, started: Int64, end: Int64) {
        jobs[Int(job)].started = started
        jobs[Int(job)].end = end
        load.running += 1
        let record = jobs[Int(job)]
        let cores = Double(record.millicores) / 1_000
        ends.insert(
            EndKey(end: end, job: job), EndSummary(cores: cores, coreEnds: cores * Double(end) / 1_000_000),
            into: &endsRoot)
        let charge = cores * Double(record.duration) / 1_000_000 * decay.weight(at: started)
        jobs[Int(job)].charge = charge
        change(record, starts: 1, usage: charge)
    }

    /// What was charged at the start by the time limit becomes what was used. A clock that was set forward makes nobody pay for more
    /// than the time limit.
    mutating func settle(_ record: JobRecord, _ now: Int64) {
        let time = min(max(0, now - record.started), max(record.duration, 0))
        let used = Double(record.millicores) / 1_000 * Double(time) / 1_000_000
        change(record, starts: -1, usage: used * decay.weight(at: now) - record.charge)
    }

    private mutating func change(_ record: JobRecord, starts: Int, usage: Double) {
        accounts.users[record.user].runningJobs += starts * record.jobCount
        accounts.users[record.user].runningMillicores += starts * record.millicores
        accounts.users[record.user].usage = max(0, accounts.users[record.user].usage + usage)
        accounts.groups[record.group].runningJobs += starts * record.jobCount
        accounts.groups[record.group].runningMillicores += starts * record.millicores
        accounts.groups[record.group].usage = max(0, accounts.groups[record.group].usage + usage)
        guard accounts.areRanked else { return }
        line.refreshUser(record.user, accounts)
        line.refreshGroup(record.group, accounts)
    }
}
