import PanalCore

/// Opportunistic jobs: guests on cores that nobody has.
///
/// A guest is put on cores that are wholly idle, with no other guest. For everybody else these cores stay free; who is given one of
/// them makes the guest freeze first. It thaws when all of its cores are free again and no person is at the machine. Frozen or
/// not, it keeps its memory, which is therefore counted apart: no other job ever waits for a guest.
extension ScheduleState {
    /// Freezes those who compute on cores that are being taken.
    mutating func freezeGuests(on number: Int32, taking grant: CoreGrant, _ actions: inout [ScheduleAction]) {
        guard !hosts[Int(number)].guests.isEmpty else { return }
        let taken = Set(grant.whole + grant.shares.map(\.core))
        freezeGuests(on: number, &actions) { !taken.isDisjoint(with: $0.cores) }
    }

    private mutating func freezeGuests(
        on number: Int32, _ actions: inout [ScheduleAction], where isDisturbed: (HostState.Guest) -> Bool
    ) {
        for index in hosts[Int(number)].guests.indices {
            let guest = hosts[Int(number)].guests[index]
            guard !guest.isFrozen, isDisturbed(guest) else { continue }
            hosts[Int(number)].guests[index].isFrozen = true
            actions.append(.freeze(jobs[Int(guest.job)].ticket))
        }
    }

    /// Freezes guests where a person is, thaws those whose cores are free, and starts those that wait.
    mutating func startGuests(_ now: Int64, _ actions: inout [ScheduleAction]) {
        guard load.guests > 0 || line.summary(of: .opportunistic).count > 0 else { return }
        for number in disturbed.sorted() {
            hosts[Int(number)].isDisturbed = false
            if hosts[Int(number)].isAttended {
                freezeGuests(on: number, &actions) { _ in true }
            } else {
                thawGuests(on: number, &actions)
            }
        }
        disturbed.removeAll(keepingCapacity: true)
        var failed: Set<Int32> = []
        var budget = 64
        while budget > 0, let job = nextGuest(except: failed, &budget) {
            if let (host, cores) = guestPlace(for: job) {
                beginGuest(job, on: host, cores, now, &actions)
            } else {
                failed.insert(job)
            }
        }
    }

    /// The guests of this host are looked at before the next ones start.
    mutating func noteDisturbance(on number: Int32) {
        guard !hosts[Int(number)].isDisturbed else { return }
        hosts[Int(number)].isDisturbed = true
        disturbed.append(number)
    }

    private mutating func thawGuests(on number: Int32, _ actions: inout [ScheduleAction]) {
        for index in hosts[Int(number)].guests.indices {
            let guest = hosts[Int(number)].guests[index]
            guard guest.isFrozen, hosts[Int(number)].mayCompute(guest) else { continue }
            hosts[Int(number)].guests[index].isFrozen = false
            actions.append(.thaw(jobs[Int(guest.job)].ticket))
        }
    }

    private func nextGuest(except failed: Set<Int32>, _ budget: inout Int) -> Int32? {
        line.search(
            .opportunistic, accounts, budget: &budget, may: { Int($0.millicores) <= freeMillicores },
            visit: { failed.contains($0) || !isWithinLimits($0) ? nil : $0 })
    }

    /// Looks at some hosts only, from where the last one was found.
    private mutating func guestPlace(for job: Int32) -> (Int32, [Int32])? {
        let record = jobs[Int(job)]
        guard let request = record.demand.cells.first?.request else { return nil }
        for _ in 0..<min(64, guestHosts.count) {
            let number = guestHosts[nextGuestHost % guestHosts.count]
            let host = hosts[Int(number)]
            if host.isOpen, !host.isAttended, host.pool & record.pools != 0, request.memory <= host.freeGuestMemory,
                let cores = hosts[Int(number)].takeAsGuest(request.cpu.parallelism)
            {
                return (number, cores)
            }
            nextGuestHost = (nextGuestHost + 1) % guestHosts.count
        }
        return nil
    }

    private mutating func beginGuest(
        _ job: Int32, on number: Int32, _ cores: [Int32], _ now: Int64, _ actions: inout [ScheduleAction]
    ) {
        leave(job)
        guard let request = jobs[Int(job)].demand.cells.first?.request else { return }
        hosts[Int(number)].addGuest(job, cores, memory: request.memory)
        jobs[Int(job)].hosts = [number]
        jobs[Int(job)].started = now
        load.guests += 1
        let threads = cores.map { hosts[Int(number)].places.threads[Int($0)] }
        let reservation = Reservation(
            host: HostID(number: Int(number)), cores: request.isWhole ? threads.joined().sorted() : [],
            millicores: request.isWhole ? 0 : request.millicores, memory: request.memory,
            sharedCores: request.isWhole ? [] : threads.compactMap(\.first))
        actions.append(.start(jobs[Int(job)].ticket, [reservation]))
    }

    /// A guest that an earlier scheduler started. Whether that one froze it before it ended is not known here: it is told anew what it
    /// is to do.
    mutating func adoptGuest(
        _ job: Int32, _ reservation: Reservation?, started: Int64, _ actions: inout [ScheduleAction]
    ) {
        load.guests += 1
        jobs[Int(job)].started = started
        guard let reservation, hosts.indices.contains(reservation.host.number) else {
            noteUnheld(job)
            actions.append(.freeze(jobs[Int(job)].ticket))
            return
        }
        let number = reservation.host.number
        let processors = reservation.cores + reservation.sharedCores
        let cores = processors.compactMap { hosts[number].places.place(of: $0) }
        if cores.count < processors.count { noteUnheld(job) }
        hosts[number].adoptGuest(
            job, Array(Set(cores)).sorted(), memory: min(max(0, reservation.memory), 1 << 60))
        jobs[Int(job)].hosts = [Int32(number)]
        let last = hosts[number].guests.count - 1
        let mayCompute = hosts[number].mayCompute(hosts[number].guests[last])
        hosts[number].guests[last].isFrozen = !mayCompute
        actions.append(mayCompute ? .thaw(jobs[Int(job)].ticket) : .freeze(jobs[Int(job)].ticket))
    }
}

extension HostState {
    /// Nobody else is on its cores, all of which this machine still has, nor at the machine.
    func mayCompute(_ guest: Guest) -> Bool {
        !isAttended && !guest.cores.isEmpty && guest.cores.allSatisfy { cores.isFree($0) }
    }

    mutating func takeAsGuest(_ count: Int) -> [Int32]? { cores.takeAsGuest(count, in: places) }

    mutating func addGuest(_ job: Int32, _ cores: [Int32], memory: Int) {
        freeGuestMemory -= memory
        guests.append(Guest(job: job, cores: cores, memory: memory, isFrozen: false))
    }

    mutating func adoptGuest(_ job: Int32, _ taken: [Int32], memory: Int) {
        cores.adoptGuest(taken)
        addGuest(job, taken, memory: memory)
    }

    mutating func releaseGuest(_ job: Int32) {
        for guest in guests where guest.job == job {
            cores.releaseGuest(guest.cores)
            freeGuestMemory += guest.memory
        }
        guests.removeAll { $0.job == job }
    }
}
