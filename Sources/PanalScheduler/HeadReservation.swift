import PanalCore

/// The promise to the head of the queue: by the time limits of what runs it can start at `moment` on these hosts. Nothing is
/// started that would break it.
struct HeadReservation: Sendable {
    var job: Int32
    /// Microseconds since 1970.
    var moment: Int64
    /// What it will take of each host.
    var cells: [Int32: [CellDemand]]
    /// Its allocator gives it hosts on which nothing else runs, one for each cell (`singleton`).
    var isAlone: Bool
    /// To be made anew: something has ended or started since that it knew nothing of.
    var isStale = false

    /// Whether the promise holds on `host` when `request` runs there from now until `end`.
    func isKept(_ number: Int32, _ host: HostState, besides request: ResourceRequest, until end: Int64) -> Bool {
        guard end > moment, let cells = cells[number] else { return true }
        guard !isAlone else { return false }
        var later = HostRoom(host)
        guard later.take(request) else { return false }
        later.release(host, by: moment)
        return cells.allSatisfy { cell in (0..<cell.count).allSatisfy { _ in later.take(cell.request) } }
    }

    /// Thousandths of cores and bytes of `host` that the head leaves when it has started, at the most; what runs on beyond it may have
    /// them.
    func spare(_ number: Int32, _ host: HostState) -> (millicores: Int, memory: Int) {
        guard !isAlone else { return (0, 0) }
        var later = HostRoom(host)
        later.release(host, by: moment)
        for cell in cells[number] ?? [] {
            later.memory -= cell.request.memory * cell.count
        }
        let taken = (cells[number] ?? []).reduce(0) { $0 + $1.request.millicores * $1.count }
        return (max(0, later.cores.freeMillicores - taken), later.memory)
    }
}

/// How much of a host is free at some moment, for questions; nothing is really taken.
struct HostRoom {
    var cores: CoreMap
    var memory: Int

    init(_ host: HostState) {
        cores = host.cores
        memory = host.freeMemory
    }

    /// All that ends by `moment` has ended.
    mutating func release(_ host: HostState, by moment: Int64) {
        for index in host.grants.indices where host.grants[index].end <= moment { release(host.grants[index]) }
    }

    mutating func release(_ grant: HostGrant) {
        cores.release(grant.grant)
        memory += grant.memory
    }

    func fits(_ request: ResourceRequest) -> Bool {
        request.memory <= memory && cores.fits(millicores: request.millicores, isWhole: request.isWhole)
    }

    mutating func take(_ request: ResourceRequest) -> Bool {
        guard fits(request) else { return false }
        memory -= request.memory
        return switch request.cpu {
        case .exclusive(let count): cores.takeAny(count)
        case .shared(let millicores): cores.takeShared(millicores) != nil
        }
    }
}

/// Finds the first moment at which a job fits, by the time limits of what runs.
struct ReservationFinder {
    let hosts: [HostState]
    /// The hosts that are looked at. Where there are very many, those that are empty soonest and those that give something back
    /// soonest: then the promise may be later than the earliest moment possible, but it is a promise all the same.
    let candidates: [Int32]
    let now: Int64
    let isAlone: Bool

    func reservation(_ job: Int32, _ demand: JobDemand) -> HeadReservation? {
        guard let only = demand.cells.first else { return nil }
        if demand.cells.count > 1 { return mixedGang(job, demand) }
        return only.count == 1 ? single(job, only) : gang(job, only)
    }

    private func single(_ job: Int32, _ cell: CellDemand) -> HeadReservation? {
        var best: (moment: Int64, host: Int32)?
        for number in candidates {
            let host = hosts[Int(number)]
            guard
                let moment = isAlone
                    ? whenEmpty(host, cell.request)
                    : host.earliest(cell.request, now: now, before: best?.moment ?? .max)
            else { continue }
            if moment < best?.moment ?? .max { best = (moment, number) }
            if moment <= now { break }
        }
        return best.map { HeadReservation(job: job, moment: $0.moment, cells: [$0.host: [cell]], isAlone: isAlone) }
    }

    private func whenEmpty(_ host: HostState, _ request: ResourceRequest) -> Int64? {
        let last = host.grants.reduce(now) { max($0, $1.end) }
        return host.after(last).fits(request) ? last : nil
    }

    /// How many such cells a host takes.
    private func room(_ host: HostState, for cell: CellDemand) -> Int {
        guard isAlone else { return host.room(for: cell.request, atMost: cell.count) }
        return host.grants.isEmpty && host.fits(cell.request) ? 1 : 0
    }

    /// Equal cells: releases everything in the order of its end until there is room for all of them.
    private func gang(_ job: Int32, _ cell: CellDemand) -> HeadReservation? {
        var later = Dictionary(uniqueKeysWithValues: candidates.map { ($0, hosts[Int($0)]) })
        var room = later.mapValues { self.room($0, for: cell) }
        let present = room
        var total = room.values.reduce(0, +)
        var moment = now
        if total < cell.count {
            var ends: [(end: Int64, host: Int32)] = []
            for number in candidates {
                for grant in hosts[Int(number)].grants { ends.append((grant.end, number)) }
            }
            ends.sort { $0.end < $1.end }
            var index = 0
            while index < ends.count, total < cell.count {
                moment = max(now, ends[index].end)
                var touched: Set<Int32> = []
                while index < ends.count, ends[index].end <= moment {
                    touched.insert(ends[index].host)
                    index += 1
                }
                for host in touched {
                    guard let updated = later[host]?.after(moment) else { continue }
                    later[host] = updated
                    let larger = self.room(updated, for: cell)
                    total += larger - (room[host] ?? 0)
                    room[host] = larger
                }
            }
        }
        guard total >= cell.count else { return nil }
        // What is free already is left to others as far as possible: they may need it for longer than until then.
        var left = cell.count
        var chosen: [Int32: [CellDemand]] = [:]
        for number in candidates where left > 0 {
            let (free, freed) = (present[number] ?? 0, room[number] ?? 0)
            guard freed > free else { continue }
            let taken = min(left, freed - free)
            chosen[number] = [CellDemand(cell.request, count: taken)]
            left -= taken
        }
        for number in candidates where left > 0 {
            let taken = min(left, (room[number] ?? 0) - (chosen[number]?.first?.count ?? 0))
            guard taken > 0 else { continue }
            chosen[number] = [CellDemand(cell.request, count: taken + (chosen[number]?.first?.count ?? 0))]
            left -= taken
        }
        return HeadReservation(job: job, moment: moment, cells: chosen, isAlone: isAlone)
    }

    /// Cells of several kinds: tries the moments at which something ends.
    private func mixedGang(_ job: Int32, _ demand: JobDemand) -> HeadReservation? {
        let ends = Set(candidates.flatMap { hosts[Int($0)].grants.map { max(now, $0.end) } }).sorted()
        let moments = [now] + ends
        guard let last = moments.last, chosen(demand, at: last) != nil else { return nil }
        var (low, high) = (0, moments.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if chosen(demand, at: moments[middle]) != nil { high = middle } else { low = middle + 1 }
        }
        return chosen(demand, at: moments[low]).map {
            HeadReservation(job: job, moment: moments[low], cells: $0, isAlone: isAlone)
        }
    }

    private func chosen(_ demand: JobDemand, at moment: Int64) -> [Int32: [CellDemand]]? {
        var later = candidates.map { hosts[Int($0)].after(moment) }
        var chosen: [Int32: [CellDemand]] = [:]
        for cell in demand.cells {
            for _ in 0..<cell.count {
                guard
                    let place = later.indices.first(where: {
                        (!isAlone || later[$0].grants.isEmpty)
                            && later[$0].take(cell.request, for: -1, until: .max) != nil
                    })
                else { return nil }
                chosen[candidates[place], default: []].append(CellDemand(cell.request))
            }
        }
        return chosen
    }
}
