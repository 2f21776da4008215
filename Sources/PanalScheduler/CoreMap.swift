/// Which cores a grant holds, by their place in the map.
struct CoreGrant: Hashable, Sendable {
    var whole: [Int32] = []
    /// Those that are taken wholly, ascending, then the one of which a part is.
    var shares: [Share] = []

    struct Share: Hashable, Sendable {
        var core: Int32
        var millicores: Int32
    }
}

/// Who has which core. A core is free, belongs to one job, or is shared: then up to 1,000 thousandths of it are given out.
///
/// Whole cores are taken close together (one cache, else one memory node, else as few nodes as possible), from the lowest numbers up;
/// shared ones from the highest down, so that the two kinds stay apart and long runs of neighbouring cores survive.
///
/// Opportunistic jobs are *guests*: for everybody else their cores are as free as any, only taken last.
struct CoreMap: Sendable {
    private static let exclusive: UInt16 = .max

    /// 0 for free, 1 to 1,000 for thousandths that are shared out, `exclusive` for one job's own.
    private var uses: [UInt16]
    /// How many guests have the core, frozen ones included; empty while there are none at all.
    private var guests: [UInt16] = []
    private(set) var freeCount: Int
    /// Cores that are shared now.
    private(set) var sharedCount = 0
    /// The largest part of a shared core that is left.
    private(set) var sharedRoom = 0
    /// Thousandths that are left of all shared cores.
    private var sharedLeft = 0

    init(count: Int) {
        uses = Array(repeating: 0, count: count)
        freeCount = count
    }

    var count: Int { uses.count }

    /// Thousandths of a core that a shared job could be given now: what is left of the shared cores, and all of the free ones.
    var freeMillicores: Int { freeCount * 1_000 + sharedLeft }

    func isFree(_ core: Int32) -> Bool { uses[Int(core)] == 0 }

    /// Whether `cpu` can be granted now.
    func fits(millicores: Int, isWhole: Bool) -> Bool {
        let (whole, rest) = millicores.quotientAndRemainder(dividingBy: 1_000)
        if isWhole || rest == 0 { return whole <= freeCount }
        return whole < freeCount || (whole == freeCount && rest <= sharedRoom)
    }

    /// Takes whole cores; nil, and nothing taken, when fewer are free.
    mutating func takeWhole(_ count: Int, in places: CorePlaces) -> CoreGrant? {
        guard count >= 1, count <= freeCount else { return nil }
        let chosen = places.choose(count) {
            uses[Int($0)] == 0
        } preferring: {
            guests.isEmpty || guests[Int($0)] == 0
        }
        for core in chosen { uses[Int(core)] = Self.exclusive }
        freeCount -= count
        return CoreGrant(whole: chosen)
    }

    /// Takes as many, whichever: for questions of how many are left. They cannot be given back.
    mutating func takeAny(_ count: Int) -> Bool {
        guard count >= 1, count <= freeCount else { return false }
        freeCount -= count
        return true
    }

    /// Takes thousandths: whole thousands from cores with nothing on them, the rest from the fullest shared core that still has room
    /// for it; nil, and nothing taken, when there is no such place.
    mutating func takeShared(_ millicores: Int) -> CoreGrant? {
        guard millicores >= 1, fits(millicores: millicores, isWhole: false) else { return nil }
        let (whole, rest) = millicores.quotientAndRemainder(dividingBy: 1_000)
        var shares: [CoreGrant.Share] = []
        var at = uses.count - 1
        func nextFree() -> Int32? {
            while at >= 0, uses[at] != 0 { at -= 1 }
            defer { at -= 1 }
            return at >= 0 ? Int32(at) : nil
        }
        for _ in 0..<whole {
            guard let core = nextFree() else { return nil }
            shares.append(CoreGrant.Share(core: core, millicores: 1_000))
        }
        if rest > 0 {
            guard let core = fullestShared(withRoomFor: rest) ?? nextFree() else { return nil }
            shares.append(CoreGrant.Share(core: core, millicores: Int32(rest)))
        }
        shares[..<whole].reverse()
        let grant = CoreGrant(shares: shares)
        take(grant)
        return grant
    }

    /// Takes of exactly these what is to be had, and says what that is.
    mutating func take(whatIsFreeOf grant: CoreGrant) -> CoreGrant {
        var taken = CoreGrant()
        // One after the other: the list of a reservation from outside may name a core twice.
        for core in grant.whole where uses[Int(core)] == 0 {
            take(CoreGrant(whole: [core]))
            taken.whole.append(core)
        }
        for share in grant.shares where share.millicores > 0 {
            let use = uses[Int(share.core)]
            guard use != Self.exclusive, Int(use) + Int(share.millicores) <= 1_000 else { continue }
            take(CoreGrant(shares: [share]))
            taken.shares.append(share)
        }
        return taken
    }

    private mutating func take(_ grant: CoreGrant) {
        for core in grant.whole { uses[Int(core)] = Self.exclusive }
        freeCount -= grant.whole.count
        for share in grant.shares {
            if uses[Int(share.core)] == 0 {
                freeCount -= 1
                sharedCount += 1
            }
            uses[Int(share.core)] += UInt16(share.millicores)
        }
        if !grant.shares.isEmpty { findRoom() }
    }

    mutating func release(_ grant: CoreGrant) {
        for core in grant.whole { uses[Int(core)] = 0 }
        freeCount += grant.whole.count
        for share in grant.shares {
            uses[Int(share.core)] -= UInt16(share.millicores)
            guard uses[Int(share.core)] == 0 else { continue }
            freeCount += 1
            sharedCount -= 1
        }
        if !grant.shares.isEmpty { findRoom() }
    }

    private func fullestShared(withRoomFor millicores: Int) -> Int32? {
        var best: (core: Int, taken: UInt16)?
        for (core, use) in uses.enumerated() where use > 0 && use != Self.exclusive {
            if Int(use) + millicores <= 1_000, use > best?.taken ?? 0 { best = (core, use) }
        }
        return best.map { Int32($0.core) }
    }

    private mutating func findRoom() {
        (sharedRoom, sharedLeft) = (0, 0)
        guard sharedCount > 0 else { return }
        for use in uses where use > 0 && use != Self.exclusive {
            sharedRoom = max(sharedRoom, 1_000 - Int(use))
            sharedLeft += 1_000 - Int(use)
        }
    }
}

// MARK: - Guests

extension CoreMap {
    /// Cores on which nobody is, no guest either; nil when there are fewer than `count`.
    mutating func takeAsGuest(_ count: Int, in places: CorePlaces) -> [Int32]? {
        if guests.isEmpty { guests = Array(repeating: 0, count: uses.count) }
        let idle = uses.indices.count { uses[$0] == 0 && guests[$0] == 0 }
        guard count >= 1, count <= idle else { return nil }
        let chosen = places.choose(count) {
            uses[Int($0)] == 0 && guests[Int($0)] == 0
        } preferring: { _ in
            true
        }
        for core in chosen { guests[Int(core)] += 1 }
        return chosen
    }

    /// Takes exactly these cores for a guest that is there already.
    mutating func adoptGuest(_ cores: [Int32]) {
        if guests.isEmpty { guests = Array(repeating: 0, count: uses.count) }
        for core in cores { guests[Int(core)] += 1 }
    }

    mutating func releaseGuest(_ cores: [Int32]) {
        for core in cores { guests[Int(core)] -= 1 }
    }
}

/// How near the cores of a host are to each other.
struct CorePlaces: Sendable {
    private let all: [Int32]
    /// Cores by cache, and by memory node; empty where that says nothing.
    private let caches: [[Int32]]
    private let nodes: [[Int32]]
    /// The processor numbers of each core.
    let threads: [[Int]]

    init(_ cores: [CoreDescription]) {
        let sorted = cores.sorted { ($0.threads.first ?? 0) < ($1.threads.first ?? 0) }
        threads = sorted.map(\.threads)
        let every = sorted.indices.map { Int32($0) }
        func groups(_ key: (CoreDescription) -> Int) -> [[Int32]] {
            let found = Dictionary(grouping: every) { key(sorted[Int($0)]) }
            return found.count < 2 ? [] : found.sorted { $0.key < $1.key }.map(\.value)
        }
        all = every
        caches = groups(\.cache)
        nodes = groups(\.node)
    }

    /// The core with this processor number, by its place in the map.
    func place(of processor: Int) -> Int32? {
        threads.firstIndex { $0.contains(processor) }.map { Int32($0) }
    }

    /// `count` of the free cores, ascending; at least so many must be free. `preferring` tells those that are taken first.
    func choose(_ count: Int, isFree: (Int32) -> Bool, preferring: (Int32) -> Bool) -> [Int32] {
        pick(count) { isFree($0) && preferring($0) } ?? pick(count, isFree) ?? []
    }

    private func pick(_ count: Int, _ isCandidate: (Int32) -> Bool) -> [Int32]? {
        let free = all.filter(isCandidate)
        guard free.count >= count else { return nil }
        for kind in [caches, nodes] where !kind.isEmpty {
            let fitting = kind.map { $0.filter(isCandidate) }.filter { $0.count >= count }
            if let tightest = fitting.min(by: { $0.count < $1.count }) { return neighbours(count, of: tightest) }
        }
        guard !nodes.isEmpty else { return neighbours(count, of: free) }
        let byRoom = nodes.map { $0.filter(isCandidate) }.sorted { $0.count > $1.count }
        return Array(byRoom.joined().prefix(count)).sorted()
    }

    /// The lowest run of neighbours, or the lowest ones where no run is long enough.
    private func neighbours(_ count: Int, of free: [Int32]) -> [Int32] {
        for start in 0...(free.count - count) where number(free[start + count - 1]) - number(free[start]) == count - 1 {
            return Array(free[start..<(start + count)])
        }
        return Array(free.prefix(count))
    }

    private func number(_ core: Int32) -> Int {
        threads[Int(core)].first ?? 0
    }
}
