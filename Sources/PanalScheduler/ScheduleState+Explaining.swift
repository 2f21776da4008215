package import PanalCore

// MARK: - What can never be

extension ScheduleState {
    /// Why a job can never run here, in words; nil when it can. Whether it can is asked of each kind of host as if it were empty.
    package func refusal(of demand: JobDemand) -> String? {
        let pools = mask(of: demand.pools)
        if let named = demand.pools, pools == 0 {
            guard !named.isEmpty else { return "may run in no pool" }
            return "may run in \(named.sorted().joined(separator: ", ")) only, and there is no such pool"
        }
        return impossibility(of: demand, shapes.filter { $0.pool & pools != 0 }) ?? refusalByLimits(demand)
    }

    /// The same, whatever its user may: what nobody's word can change.
    func impossibility(of demand: JobDemand, _ allowed: [HostShape]) -> String? {
        guard !demand.cells.isEmpty else { return "asks for no cell; at least 1 is needed" }
        for cell in demand.cells {
            if let reason = refusal(of: cell, demand, allowed) { return reason }
        }
        let count = demand.cellCount
        if !demand.members.isEmpty, demand.members.count != count || Set(demand.members).count != count {
            return "has \(Words.count(Set(demand.members).count, "member")) for \(Words.count(count, "cell"))"
        }
        if count > 1, demand.isOpportunistic {
            return "asks for \(Words.count(count, "cell")); opportunistic jobs have one"
        }
        if count > 1, !mayFitTogether(demand, allowed) {
            return "needs \(Words.count(count, "cell")) at the same time, and all hosts together have no room for them"
        }
        return nil
    }

    /// One cell on some host.
    private func refusal(of cell: CellDemand, _ demand: JobDemand, _ allowed: [HostShape]) -> String? {
        let request = cell.request
        guard cell.count >= 1 else { return "asks for \(cell.count) cells; at least 1 is needed" }
        guard request.memory >= 1 else { return "asks for \(request.memory) bytes of memory; at least 1 is needed" }
        let cores = allowed.reduce(0) { max($0, $1.cores) }
        let scope = hosts.count == 1 ? "this host has" : "the largest host has"
        switch request.cpu {
        case .exclusive(let count) where count < 1: return "asks for \(count) cores; at least 1 is needed"
        case .shared(let millicores) where millicores < 1:
            return "asks for \(millicores) thousandths of a core; at least 1 is needed"
        case .exclusive(let count) where count > cores:
            return "needs \(Words.count(count, "whole core")), \(scope) \(cores) for cells"
        case .shared(let millicores) where millicores > 1_000 * cores:
            return "needs \(Words.cores(millicores)) shared cores, \(scope) \(cores) for cells"
        default: break
        }
        let memory = allowed.reduce(0) { most, shape in
            guard shape.cores * 1_000 >= request.millicores else { return most }
            return max(most, demand.isOpportunistic ? shape.opportunisticMemory : shape.memory)
        }
        guard request.memory > memory else { return nil }
        if demand.isOpportunistic, memory == 0 { return "is opportunistic, and no memory is set aside for such jobs" }
        let purpose = demand.isOpportunistic ? "opportunistic jobs" : "cells"
        return "needs \(ByteCount.text(request.memory)) of memory, \(scope) \(ByteCount.text(memory)) for \(purpose)"
    }

    /// Remembers that a gang of this kind can run here. For other jobs it is found out as fast.
    mutating func notePossible(_ demand: JobDemand) {
        guard demand.cells.count > 1 else { return }
        if possible.count >= Self.rememberedShapes { possible.removeAll(keepingCapacity: true) }
        possible.insert(DemandShape(demand))
    }

    private func refusalByLimits(_ demand: JobDemand) -> String? {
        let kinds =
            [("user", demand.user, accounts.users.limits(of: demand.user))]
            + [("group", demand.group, accounts.groups.limits(of: demand.group))]
        for (kind, name, limits) in kinds {
            if let cores = limits.runningCores, demand.millicores > cores * 1_000 {
                return "needs \(Words.ofCores(demand.millicores)), \(kind) ‘\(name)’ may have \(cores) at a time"
            }
            // A single job waits for a limit of none to be lifted.
            if let most = limits.runningJobs, demand.jobCount > max(1, most) {
                return "is \(demand.jobCount) jobs together, \(kind) ‘\(name)’ may have \(most) running at a time"
            }
        }
        return nil
    }

    /// Whether all cells of a gang find room on hosts without anything else.
    private func mayFitTogether(_ demand: JobDemand, _ allowed: [HostShape]) -> Bool {
        let allocator = demand.allocator ?? settings.policy.allocator
        if demand.cells.count == 1, let cell = demand.cells.first {
            // Equal ones fit in any order.
            var room = 0
            for shape in allowed {
                let ofOne = shape.room(for: cell.request)
                room = room.plus(shape.count.times(allocator == .singleton ? min(1, ofOne) : ofOne))
            }
            return cell.count <= room
        }
        guard demand.millicores <= load.millicores else { return false }
        guard !possible.contains(DemandShape(demand)) else { return true }
        var demand = demand
        // Where another order finds no room, the first host that fits is taken: see `place`.
        demand.allocator = allocator == .singleton ? .singleton : .firstFit
        var empty = ScheduleState(hosts: hosts.map(\.description), settings: ScheduleSettings(policy: settings.policy))
        let job = empty.enter(Ticket(number: 0), demand, 0)
        return empty.place(job, 0, beside: nil) != nil
    }

    /// Why a job that has to wait may not: a queue that is full; nil when there is room.
    func overflow(_ job: Int32) -> Refusal? {
        let record = jobs[Int(job)]
        let accounts = [("user", self.accounts.users[record.user]), ("group", self.accounts.groups[record.group])]
        for (kind, account) in accounts {
            guard let most = account.limits.queuedJobs, account.queuedJobs > most else { continue }
            return Refusal(
                kind: .full, reason: Self.accountFull(kind, account.name, account.queuedJobs - record.jobCount, most),
                retryAfter: soonest)
        }
        guard load.waiting > settings.queueLimit else { return nil }
        let others = Words.count(load.waiting - record.jobCount, "job")
        return Refusal(
            kind: .full, reason: "the queue is full: \(others) already waiting",
            retryAfter: soonest)
    }

    /// Why a job would not be taken if it had to wait; nil when it would be. A queue that has no places at all takes what starts at
    /// once.
    package func refusalNow(of demand: JobDemand) -> Refusal? {
        if let reason = refusal(of: demand) { return Refusal(kind: .impossible, reason: reason) }
        for (kind, account) in [
            ("user", accounts.users.account(named: demand.user)),
            ("group", accounts.groups.account(named: demand.group)),
        ] {
            guard let account, let most = account.limits.queuedJobs, most > 0,
                account.queuedJobs + demand.jobCount > most
            else { continue }
            return Refusal(
                kind: .full, reason: Self.accountFull(kind, account.name, account.queuedJobs, most), retryAfter: soonest
            )
        }
        guard settings.queueLimit > 0, load.waiting + demand.jobCount > settings.queueLimit else { return nil }
        return Refusal(
            kind: .full, reason: "the queue is full: \(Words.count(load.waiting, "job")) already waiting",
            retryAfter: soonest)
    }

    private static func accountFull(_ kind: String, _ name: String, _ waiting: Int, _ most: Int) -> String {
        let has = "\(kind) ‘\(name)’ has \(Words.count(waiting, "job")) waiting already"
        return waiting >= most ? "\(has), the most that it may have" : "\(has) of at most \(most)"
    }

    /// Jobs that no open host could take, whatever ends.
    package func waitingWithoutHost() -> [Ticket] {
        guard hosts.contains(where: { !$0.isOpen }) else { return [] }
        let open = hosts.reduce(UInt64(0)) { $0 | ($1.isOpen ? $1.pool : 0) }
        var tickets: [Ticket] = []
        line.forEach { job in
            guard jobs[Int(job)].pools & open == 0 else { return }
            let members = jobs[Int(job)].demand.members
            tickets += members.isEmpty ? [jobs[Int(job)].ticket] : members
        }
        return tickets
    }

    /// When the next place becomes free, at the latest.
    private var soonest: Duration? {
        ends.first(endsRoot).map { .microseconds(max(1_000_000, $0.end - time.now)) }
    }
}

/// What decides whether a job could run on empty hosts.
struct DemandShape: Hashable, Sendable {
    private let cells: [CellDemand]
    private let pools: Set<String>?
    private let allocator: Allocator?
    private let isOpportunistic: Bool

    init(_ demand: JobDemand) {
        cells = demand.cells
        pools = demand.pools
        allocator = demand.allocator
        isOpportunistic = demand.isOpportunistic
    }
}

// MARK: - Why a job waits

/// What is said to whoever waits.
package struct WaitingReport: Hashable, Sendable {
    package var ticket: Ticket
    package var reason: WaitingReason
    /// Jobs that stand before it.
    package var ahead: Int
    /// If everything takes as long as it may; nil when that cannot be said.
    package var estimatedStart: Timestamp?
}

extension ScheduleState {
    /// Why `ticket` waits, and for how long about; nil when it does not wait.
    package func waitingReport(_ ticket: Ticket) -> WaitingReport? {
        guard let job = numbers[ticket], let place = jobs[Int(job)].place else { return nil }
        let before = line.summary(before: place)
        return WaitingReport(
            ticket: ticket, reason: reason(job, ahead: Int(before.count)), ahead: Int(before.count),
            estimatedStart: estimate(job, behind: before))
    }

    /// The first `limit` of those that wait, in their order.
    package func queue(limit: Int) -> [WaitingReport] {
        var tickets: [Ticket] = []
        line.forEach { if tickets.count < limit { tickets.append(jobs[Int($0)].ticket) } }
        return tickets.compactMap(waitingReport)
    }

    private func reason(_ job: Int32, ahead: Int) -> WaitingReason {
        let record = jobs[Int(job)]
        if let limit = limitReason(record) { return WaitingReason(limit) }
        if let lack = lack(of: record) { return WaitingReason(lack, ahead: ahead) }
        guard ahead > 0 else {
            return WaitingReason(record.demand.isOpportunistic ? .idleCores : .hostsInPartTaken)
        }
        guard let head = head(), head != job else { return WaitingReason(nil, ahead: ahead) }
        return WaitingReason(nil, ahead: ahead, causeOfFirst: lack(of: jobs[Int(head)]))
    }

    private func limitReason(_ record: JobRecord) -> WaitingReason.Cause? {
        let (user, group) = (accounts.users[record.user], accounts.groups[record.group])
        for (party, account) in [(WaitingReason.Party.user(user.name), user), (.group(group.name), group)] {
            let startable = account.startable(atOnce: record.jobCount)
            guard record.millicores > startable else { continue }
            if let most = account.limits.runningJobs, account.runningJobs + record.jobCount > most {
                return .jobsOf(party, own: record.jobCount, running: account.runningJobs, most: most)
            }
            return .coresOf(
                party, own: record.millicores, running: account.runningMillicores,
                most: account.limits.runningCores ?? 0)
        }
        return nil
    }

    /// What is missing for a job to start now; nil when nothing is.
    private func lack(of record: JobRecord) -> WaitingReason.Cause? {
        let open = hosts.filter { $0.isOpen && $0.pool & record.pools != 0 }
        guard !open.isEmpty else { return .noOpenHost }
        if record.demand.isOpportunistic { return nil }
        guard let cell = record.demand.cells.first else { return nil }
        let count = record.demand.cellCount
        if count > 1 {
            let free = open.reduce(0) { $0 + $1.cores.freeMillicores }
            guard free < record.millicores else { return nil }
            return .cellsTogether(count, cores: record.millicores, free: free / 1_000, nextRelease: nextRelease)
        }
        guard !open.contains(where: { $0.fits(cell.request) }) else { return nil }
        var lacks: [WaitingReason.Lack] = []
        switch cell.request.cpu {
        case .exclusive(let count):
            let free = open.reduce(0) { max($0, $1.cores.freeCount) }
            if free < count { lacks.append(.wholeCores(needed: count, free: free)) }
        case .shared(let millicores):
            if !open.contains(where: { $0.cores.fits(millicores: millicores, isWhole: false) }) {
                let left = open.reduce(0) { max($0, $1.cores.freeMillicores) }
                lacks.append(.sharedCores(needed: millicores, left: left))
            }
        }
        let free = open.reduce(0) { max($0, $1.freeMemory) }
        if cell.request.memory > free { lacks.append(.memory(needed: cell.request.memory, free: free)) }
        return lacks.isEmpty ? .onDifferentHosts : .lacks(lacks, nextRelease: nextRelease)
    }

    private var nextRelease: Timestamp? {
        ends.first(endsRoot).map { time.outside(max($0.end, time.now)) }
    }

    /// A promise for the head; for others when the work before them is done, if all cores were always busy with it.
    private func estimate(_ job: Int32, behind before: WaitingSummary) -> Timestamp? {
        guard !jobs[Int(job)].demand.isOpportunistic, load.millicores > 0 else { return nil }
        let promise = self.promise.flatMap { $0.isStale ? nil : $0 }
        if let promise, promise.job == job { return time.outside(promise.moment) }
        let running = ends.total(endsRoot)
        let left = max(0, running.coreEnds - running.cores * Double(time.now) / 1_000_000)
        let seconds = (left + before.work) / (Double(load.millicores) / 1_000)
        let moment = time.now + Int64(min(seconds, 1e9) * 1_000_000)
        return time.outside(max(moment, before.count > 0 ? promise?.moment ?? moment : moment))
    }
}

// MARK: - What there is

extension ScheduleState {
    /// What `ticket` holds in cores of its own, in the order of hosts; nil when it does not run.
    package func reservations(of ticket: Ticket) -> [Reservation]? {
        guard let job = numbers[ticket], !jobs[Int(job)].isWaiting, !jobs[Int(job)].demand.isOpportunistic else {
            return nil
        }
        return jobs[Int(job)].hosts.flatMap { number in
            let host = hosts[Int(number)]
            return host.grants.filter { $0.job == job }.map {
                host.reservation($0.grant, memory: $0.memory, on: number)
            }
        }
    }

    /// Cores with nothing on them but guests, on all hosts.
    package var freeCores: Int { hosts.reduce(0) { $0 + $1.cores.freeCount } }
    /// Bytes that are not promised to anybody, on all hosts.
    package var unreservedMemory: Int { hosts.reduce(0) { $0 + max(0, $1.freeMemory) } }
    /// Part of all cores that is given out, 0 to 1.
    package var utilisation: Double {
        load.millicores == 0
            ? 0 : 1 - Double(hosts.reduce(0) { $0 + $1.cores.freeMillicores }) / Double(load.millicores)
    }
    /// When `tick` has something to do, if nothing else happens; nil for never.
    package var nextDeadline: Timestamp? {
        guard let after = settings.promotionTime, let oldest = promotions.oldest else { return nil }
        return time.outside(oldest + after)
    }
    /// The job that stands first, and the moment that was promised to it; nil when none waits for one.
    package var promised: (ticket: Ticket, moment: Timestamp)? {
        guard let promise, !promise.isStale else { return nil }
        return (jobs[Int(promise.job)].ticket, time.outside(promise.moment))
    }
}

/// Numbers as people say them.
enum Words {
    static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

    static func areFree(_ number: Int) -> String {
        switch number {
        case 0: "none is free"
        case 1: "1 is free"
        default: "\(number) are free"
        }
    }

    /// `1 core`, `1.25 cores`.
    static func ofCores(_ millicores: Int) -> String {
        "\(cores(millicores)) \(millicores == 1_000 ? "core" : "cores")"
    }

    /// Thousandths as cores: 500 is `0.5`, 1250 is `1.25`.
    static func cores(_ millicores: Int) -> String {
        let (whole, rest) = millicores.quotientAndRemainder(dividingBy: 1_000)
        guard rest > 0 else { return String(whole) }
        var digits = String(rest)
        digits = String(repeating: "0", count: 3 - digits.count) + digits
        while digits.hasSuffix("0") { digits.removeLast() }
        return "\(whole).\(digits)"
    }

    /// `12 s`, `3 min`, `2 h`.
    static func seconds(_ span: Duration) -> String {
        let seconds = Int(span.inSeconds.rounded())
        if seconds < 120 { return "\(seconds) s" }
        return seconds < 7_200 ? "\(seconds / 60) min" : "\(seconds / 3_600) h"
    }

    /// `host 0: cores 1, 2`.
    static func places(_ reservations: [Reservation]) -> String {
        reservations.prefix(8).map { reservation in
            let cores = (reservation.cores + reservation.sharedCores).map(String.init).joined(separator: ", ")
            return "host \(reservation.host.number): \(reservation.cores.isEmpty ? "part of cores" : "cores") \(cores)"
        }.joined(separator: "; ") + (reservations.count > 8 ? " and \(reservations.count - 8) more cells" : "")
    }

    /// `14:02 UTC`.
    static func clock(_ microseconds: Int64) -> String {
        let minutes = Int((microseconds / 60_000_000) % 1_440 + 1_440) % 1_440
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(two(minutes / 60)):\(two(minutes % 60)) UTC"
    }
}
