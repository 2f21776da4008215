import PanalCore

/// One cell's part of a host.
struct HostGrant: Sendable {
    /// Number of the job that holds it.
    var job: Int32
    /// Microseconds since 1970: when it ends at the latest.
    var end: Int64
    var grant: CoreGrant
    var memory: Int
}

/// What runs on one host, and what is free there.
struct HostState: Sendable {
    let description: HostDescription
    let places: CorePlaces
    /// Bit of its pool.
    let pool: UInt64
    var cores: CoreMap
    /// Bytes; below 0 while a job that was taken over has more than the machine has left.
    private(set) var freeMemory: Int
    private(set) var grants: [HostGrant] = []
    var isOpen = true
    /// `freeMillicores` as the schedule has added it up.
    var countedFree: Int

    // Opportunistic jobs, see `ScheduleState+Guests`.
    var freeGuestMemory: Int
    var guests: [Guest] = []
    var isAttended = false
    /// Whether it stands in `ScheduleState.disturbed`.
    var isDisturbed = false

    struct Guest: Sendable {
        var job: Int32
        var cores: [Int32]
        var memory: Int
        var isFrozen: Bool
    }

    init(_ description: HostDescription, pool: UInt64) {
        self.description = description
        self.pool = pool
        places = CorePlaces(description.cores)
        cores = CoreMap(count: description.cores.count)
        freeMemory = max(0, description.memory)
        countedFree = cores.freeCount * 1_000
        freeGuestMemory = max(0, description.opportunisticMemory)
    }

    /// Thousandths of cores that could be given out now.
    var freeMillicores: Int { isOpen ? cores.freeMillicores : 0 }

    func fits(_ request: ResourceRequest) -> Bool {
        isOpen && request.memory <= freeMemory
            && cores.fits(millicores: request.millicores, isWhole: request.isWhole)
    }

    /// Takes what one cell wants; nil, and nothing taken, when it does not fit.
    mutating func take(_ request: ResourceRequest, for job: Int32, until end: Int64) -> CoreGrant? {
        guard fits(request) else { return nil }
        let grant: CoreGrant?
        switch request.cpu {
        case .exclusive(let count): grant = cores.takeWhole(count, in: places)
        case .shared(let millicores): grant = cores.takeShared(millicores)
        }
        guard let grant else { return nil }
        freeMemory -= request.memory
        grants.append(HostGrant(job: job, end: end, grant: grant, memory: request.memory))
        return grant
    }

    /// Takes what a job that was started earlier holds, as far as this machine still has it: the job computes there, so nobody else
    /// may be given that. False when it is not all that the job was promised.
    mutating func adopt(_ reservation: Reservation, for job: Int32, until end: Int64) -> (CoreGrant, isAll: Bool) {
        let (wanted, isHere) = grant(of: reservation)
        let taken = cores.take(whatIsFreeOf: wanted)
        let memory = min(max(0, reservation.memory), 1 << 60)
        let isAll = isHere && taken == wanted && memory <= freeMemory
        freeMemory -= memory
        grants.append(HostGrant(job: job, end: end, grant: taken, memory: memory))
        return (taken, isAll)
    }

    /// Gives back everything of a job.
    mutating func release(_ job: Int32) {
        for grant in grants where grant.job == job {
            cores.release(grant.grant)
            freeMemory += grant.memory
        }
        grants.removeAll { $0.job == job }
    }

    /// How the host will be when all that ends by `moment` has ended.
    func after(_ moment: Int64) -> HostState {
        var later = self
        later.grants.removeAll { grant in
            guard grant.end <= moment else { return false }
            later.cores.release(grant.grant)
            later.freeMemory += grant.memory
            return true
        }
        return later
    }

    /// How many cells like this could be taken one after the other.
    func room(for request: ResourceRequest, atMost limit: Int) -> Int {
        guard isOpen, request.memory <= freeMemory else { return 0 }
        let byMemory = min(limit, freeMemory / max(1, request.memory))
        if request.isWhole { return min(byMemory, cores.freeCount / max(1, request.millicores / 1_000)) }
        var trial = cores
        var count = 0
        while count < byMemory, trial.takeShared(request.millicores) != nil { count += 1 }
        return count
    }

    /// The first moment before `limit` at which such a cell fits, by the time limits of what runs; nil when there is none.
    func earliest(_ request: ResourceRequest, now: Int64, before limit: Int64) -> Int64? {
        guard isOpen else { return nil }
        if fits(request) { return now }
        var later = HostRoom(self)
        var ending: [(end: Int64, index: Int)] = []
        for (index, grant) in grants.enumerated() where grant.end < limit { ending.append((grant.end, index)) }
        ending.sort { $0.end < $1.end }
        for (end, index) in ending {
            later.release(grants[index])
            if later.fits(request) { return max(now, end) }
        }
        return nil
    }

    /// What a cell holds, as the job is told.
    func reservation(_ grant: CoreGrant, memory: Int, on host: Int32) -> Reservation {
        Reservation(
            host: HostID(number: Int(host)), cores: grant.whole.flatMap { places.threads[Int($0)] }.sorted(),
            millicores: grant.shares.reduce(0) { $0 + Int($1.millicores) }, memory: memory,
            sharedCores: grant.shares.compactMap { places.threads[Int($0.core)].first })
    }

    /// The grant behind a reservation, for a job that is taken over, and whether this host has all of its cores.
    private func grant(of reservation: Reservation) -> (CoreGrant, isHere: Bool) {
        var grant = CoreGrant()
        var isHere = true
        for processor in reservation.cores {
            guard let core = places.place(of: processor) else {
                isHere = false
                continue
            }
            if !grant.whole.contains(core) { grant.whole.append(core) }
        }
        var left = reservation.millicores
        for processor in reservation.sharedCores {
            let part = min(1_000, max(0, left))
            left -= part
            guard let core = places.place(of: processor), part > 0 else {
                isHere = false
                continue
            }
            grant.shares.append(CoreGrant.Share(core: core, millicores: Int32(part)))
        }
        return (grant, isHere && left <= 0)
    }
}

extension ResourceRequest {
    var isWhole: Bool {
        if case .exclusive = cpu { true } else { false }
    }
}
