import PanalCore

extension ScheduleState {
    /// The classes that have cores of their own, the most urgent first.
    static let owners: [PriorityClass] = [.high, .normal, .low]

    /// Starts what may start. With a `newcomer` nothing has become free: then only that job can start, or its standing at
    /// the head changes what others may.
    mutating func decide(_ now: Int64, newcomer: Int32? = nil, _ actions: inout [ScheduleAction]) {
        defer { if newcomer == nil { startGuests(now, &actions) } }
        if settings.policy.backfill == .greedy {
            if let newcomer { return start(newcomer, now, &actions) }
            return fill(nil, now, &actions)
        }
        while let head = head() {
            if let newcomer, head != newcomer {
                if settings.policy.backfill == .easy { startBeside(head, newcomer, now, &actions) }
                return
            }
            guard let cells = place(head, now, beside: nil) else {
                if settings.policy.backfill == .easy { fill(promise(to: head, now), now, &actions) }
                return
            }
            begin(head, cells, now, &actions)
            if newcomer != nil { return }
        }
    }

    /// The first job of the line that no limit of its user or group holds back.
    func head() -> Int32? {
        var budget = Self.backfillBudget
        for priority in Self.owners {
            let found: Int32? = line.search(
                priority, accounts, budget: &budget, may: { $0.millicores < .max },
                visit: { isWithinLimits($0) ? $0 : nil })
            if let found { return found }
        }
        return nil
    }

    func isWithinLimits(_ job: Int32) -> Bool {
        let record = jobs[Int(job)]
        return record.millicores
            <= min(accounts.users[record.user].startable, accounts.groups[record.group].startable)
    }

    private mutating func start(_ job: Int32, _ now: Int64, _ actions: inout [ScheduleAction]) {
        guard isWithinLimits(job), let cells = place(job, now, beside: nil) else { return }
        begin(job, cells, now, &actions)
    }

    /// Starts `job` if the promise to the head holds all the same.
    private mutating func startBeside(
        _ head: Int32, _ job: Int32, _ now: Int64, _ actions: inout [ScheduleAction]
    ) {
        guard isWithinLimits(job), mayFit(jobs[Int(job)].summary) else { return }
        guard let cells = place(job, now, beside: promise(to: head, now)) else { return }
        begin(job, cells, now, &actions)
    }

    /// The promise to the head, made anew when it is another head's or its moment has passed.
    mutating func promise(to head: Int32, _ now: Int64) -> HeadReservation? {
        if let promise, promise.job == head, promise.moment > now { return promise }
        let record = jobs[Int(head)]
        let finder = ReservationFinder(hosts: hosts, candidates: candidates(for: record), now: now)
        promise = finder.reservation(head, record.demand)
        return promise
    }

    /// Hosts that a promise to this job may be about.
    private func candidates(for record: JobRecord) -> [Int32] {
        let isGang = record.demand.cells.count > 1 || record.demand.cells.contains { $0.count > 1 }
        guard hosts.count > 128, !isGang else {
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
        let host = hosts[Int(number)]
        guard host.isOpen, host.pool & record.pools != 0, let cell = record.demand.cells.first else { return false }
        return cell.request.millicores <= host.cores.count * 1_000 && cell.request.memory <= host.description.memory
    }

    /// Whether anything of the summary may find room now.
    private func mayFit(_ summary: WaitingSummary) -> Bool {
        let most = indexes[0].summary
        return Int(summary.millicores) <= freeMillicores && summary.cellMemory <= most.freeMemory
            && Int(summary.cellMillicores) <= max(Int(most.freeCores) * 1_000 + 999, Int(most.sharedRoom))
            && summary.pools & most.pools != 0
    }

    /// Starts whatever fits and keeps the promise, in the order of the line.
    private mutating func fill(_ promise: HeadReservation?, _ now: Int64, _ actions: inout [ScheduleAction]) {
        var budget = Self.backfillBudget
        var failed: Set<Int32> = []
        while budget > 0, let job = candidate(beside: promise, now, except: failed, &budget) {
            if let cells = place(job, now, beside: promise) {
                begin(job, cells, now, &actions)
            } else {
                failed.insert(job)
            }
        }
    }

    /// The next job that could start beside the promise, as far as summaries tell.
    private func candidate(
        beside promise: HeadReservation?, _ now: Int64, except failed: Set<Int32>, _ budget: inout Int
    ) -> Int32? {
        let window = promise.map { $0.moment - now } ?? .max
        // Beyond the window only what the head leaves can be had; with other hosts, those.
        let lasting = promise.map { spare(beside: $0) } ?? Int.max
        for priority in Self.owners {
            let found: Int32? = line.search(
                priority, accounts, budget: &budget,
                may: { mayFit($0) && ($0.duration <= window || Int($0.millicores) <= lasting) },
                visit: { job in
                    guard job != promise?.job, !failed.contains(job), isWithinLimits(job) else { return nil }
                    let record = jobs[Int(job)]
                    return record.duration <= window || record.millicores <= lasting ? job : nil
                })
            if let found { return found }
        }
        return nil
    }

    /// Thousandths of cores that may be taken for longer than until the promise, at the most.
    private func spare(beside promise: HeadReservation) -> Int {
        guard hosts.count <= 16 else { return .max }
        return hosts.indices.reduce(0) { sum, number in
            let host = hosts[number]
            guard host.isOpen else { return sum }
            guard promise.cells[Int32(number)] != nil else { return sum + host.cores.freeMillicores }
            return sum + promise.spare(host)
        }
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
    /// Takes room for every cell of a job, keeping the promise; nil, and nothing taken, when there is not enough.
    mutating func place(_ job: Int32, _ now: Int64, beside promise: HeadReservation?) -> [PlacedCell]? {
        let record = jobs[Int(job)]
        guard record.millicores <= freeMillicores else { return nil }
        let end = now &+ record.duration
        let index = self.index(of: record.demand.allocator ?? settings.policy.allocator)
        var placed: [PlacedCell] = []
        for cell in record.demand.cells {
            for _ in 0..<cell.count {
                guard let found = placeOne(cell.request, job, record.pools, end, index, beside: promise) else {
                    undo(placed, of: job)
                    return nil
                }
                placed.append(found)
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
        let host = hosts[Int(number)]
        freeMillicores += host.freeMillicores - hosts[Int(number)].countedFree
        hosts[Int(number)].countedFree = host.freeMillicores
        for index in indexes.indices { indexes[index].update(host, number) }
    }

    private mutating func index(of allocator: Allocator) -> Int {
        if let index = indexes.firstIndex(where: { $0.allocator == allocator }) { return index }
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
        change(record, jobs: 1, usage: charge)
    }

    /// What was charged at the start by the time limit becomes what was used.
    mutating func settle(_ record: JobRecord, _ now: Int64) {
        let used = Double(record.millicores) / 1_000 * Double(max(0, now - record.started)) / 1_000_000
        change(record, jobs: -1, usage: used * decay.weight(at: now) - record.charge)
    }

    private mutating func change(_ record: JobRecord, jobs count: Int, usage: Double) {
        accounts.users[record.user].runningJobs += count
        accounts.users[record.user].runningMillicores += count * record.millicores
        accounts.users[record.user].usage = max(0, accounts.users[record.user].usage + usage)
        accounts.groups[record.group].runningJobs += count
        accounts.groups[record.group].runningMillicores += count * record.millicores
        accounts.groups[record.group].usage = max(0, accounts.groups[record.group].usage + usage)
        guard accounts.areRanked else { return }
        line.refreshUser(record.user, accounts)
        line.refreshGroup(record.group, accounts)
    }
}
