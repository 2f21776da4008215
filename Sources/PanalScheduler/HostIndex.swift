import PanalCore

/// What of several hosts is free, at the most.
struct HostSummary: ForestSummary {
    var freeCores: Int32 = -1
    var sharedRoom: Int32 = -1
    var freeMemory = -1
    var pools: UInt64 = 0
    var isAnyEmpty = false

    static let none = HostSummary()

    init() {}

    init(_ host: HostState) {
        guard host.isOpen else { return }
        freeCores = Int32(host.cores.freeCount)
        sharedRoom = Int32(host.cores.sharedRoom)
        freeMemory = host.freeMemory
        pools = host.pool
        isAnyEmpty = host.grants.isEmpty
    }

    mutating func join(_ other: Self) {
        freeCores = max(freeCores, other.freeCores)
        sharedRoom = max(sharedRoom, other.sharedRoom)
        freeMemory = max(freeMemory, other.freeMemory)
        pools |= other.pools
        isAnyEmpty = isAnyEmpty || other.isAnyEmpty
    }

    func mayTake(_ request: ResourceRequest, in pools: UInt64) -> Bool {
        guard self.pools & pools != 0, request.memory <= freeMemory else { return false }
        let (whole, rest) = request.millicores.quotientAndRemainder(dividingBy: 1_000)
        if rest == 0 { return whole <= freeCores }
        return whole < freeCores || (whole <= freeCores && rest <= sharedRoom)
    }
}

/// The hosts in the order of one allocator.
struct HostIndex: Sendable {
    struct Key: Comparable, Sendable {
        var first: Int64
        var second: Int64
        var host: Int32

        static func < (left: Self, right: Self) -> Bool {
            if left.first != right.first { return left.first < right.first }
            if left.second != right.second { return left.second < right.second }
            return left.host < right.host
        }
    }

    let allocator: Allocator
    private var forest = OrderedForest<Key, HostSummary>()
    private var root = OrderedForest<Key, HostSummary>.Root()
    private var keys: [Key] = []
    /// Place of each host in the order of names.
    private let nameOrder: [Int64]
    /// The host that took the last job of a round (`roundRobin`).
    private(set) var cursor: Key?
    /// Hosts whose place in the order is to be found anew at the next decision (`firstFitDecreasing`).
    private var moved: [Int32] = []

    init(_ allocator: Allocator, hosts: [HostState]) {
        self.allocator = allocator
        var order = Array(repeating: Int64(0), count: hosts.count)
        let byName = hosts.indices.sorted { hosts[$0].description.name < hosts[$1].description.name }
        for (place, host) in byName.enumerated() { order[host] = Int64(place) }
        nameOrder = order
        for (number, host) in hosts.enumerated() {
            let key = self.key(host, Int32(number))
            keys.append(key)
            forest.insert(key, HostSummary(host), into: &root)
        }
    }

    /// Of all hosts together.
    var summary: HostSummary { forest.total(root) }

    /// The most memory that is free on a host which has so many free cores, by their number.
    func memoryByCores() -> [Int] {
        let most = summary
        let counts = 0...Int64(max(0, most.freeCores))
        guard allocator == .packed else { return counts.map { _ in most.freeMemory } }
        return counts.map { forest.total(from: Key(first: $0, second: 0, host: -1), root).freeMemory }
    }

    private func key(_ host: HostState, _ number: Int32) -> Key {
        let free = Int64(host.cores.freeCount)
        return switch allocator {
        case .firstFit, .singleton, .random: Key(first: 0, second: 0, host: number)
        case .roundRobin: Key(first: nameOrder[Int(number)], second: 0, host: number)
        case .packed: Key(first: free, second: Int64(host.cores.sharedRoom), host: number)
        case .firstFitDecreasing, .bestFit: Key(first: free, second: 0, host: number)
        case .sorting:
            Key(first: -Int64(host.grants.count), second: (host.description.isDesk ? 0 : 1 << 32) + free, host: number)
        }
    }

    mutating func update(_ host: HostState, _ number: Int32) {
        let key = self.key(host, number)
        if key == keys[Int(number)] || allocator == .firstFitDecreasing {
            forest.update(keys[Int(number)], to: HostSummary(host), in: root)
            if key != keys[Int(number)] { moved.append(number) }
            return
        }
        forest.remove(keys[Int(number)], from: &root)
        keys[Int(number)] = key
        forest.insert(key, HostSummary(host), into: &root)
    }

    /// At the beginning of a decision: the order of `firstFitDecreasing` stays as it is then.
    mutating func sortAgain(_ hosts: [HostState]) {
        guard !moved.isEmpty else { return }
        for number in moved {
            let key = self.key(hosts[Int(number)], number)
            guard key != keys[Int(number)] else { continue }
            forest.remove(keys[Int(number)], from: &root)
            keys[Int(number)] = key
            forest.insert(key, HostSummary(hosts[Int(number)]), into: &root)
        }
        moved.removeAll(keepingCapacity: true)
    }

    /// The first host in order for which `takes` says yes, of those that may take the request. The caller tells `noteUse` when it
    /// has used it.
    func first(
        for request: ResourceRequest, in pools: UInt64, count: Int, generator: inout SeededGenerator,
        takes: (Int32) -> Bool
    ) -> Int32? {
        guard allocator != .random else { return random(count, takes, &generator) }
        if allocator == .packed {
            // By the order of these hosts, all that come after this key have cores enough; what is left to ask for is memory.
            let (whole, rest) = request.millicores.quotientAndRemainder(dividingBy: 1_000)
            var budget = Int.max
            return forest.search(
                root, after: Key(first: Int64(whole), second: Int64(rest), host: -1), budget: &budget,
                may: { request.memory <= $0.freeMemory && $0.pools & pools != 0 },
                visit: { key, _ in takes(key.host) ? key.host : nil })
        }
        func found(after bound: Key?) -> Int32? {
            var budget = Int.max
            return forest.search(
                root, after: bound, budget: &budget,
                may: { $0.mayTake(request, in: pools) && (allocator != .singleton || $0.isAnyEmpty) },
                visit: { key, _ in takes(key.host) ? key.host : nil })
        }
        guard allocator == .roundRobin else { return found(after: nil) }
        return found(after: cursor) ?? found(after: nil)
    }

    /// One more job for each host and pass.
    mutating func noteUse(of host: Int32) {
        if allocator == .roundRobin { cursor = keys[Int(host)] }
    }

    /// What was noted since `cursor` was read came to nothing.
    mutating func takeBack(to cursor: Key?) { self.cursor = cursor }

    /// Every host that takes the request is as likely as any other: some are drawn, and where none of those does, all are asked.
    private func random(_ count: Int, _ takes: (Int32) -> Bool, _ generator: inout SeededGenerator) -> Int32? {
        if count > 64 {
            for _ in 0..<32 {
                let number = Int32.random(in: 0..<Int32(count), using: &generator)
                if takes(number) { return number }
            }
        }
        return (0..<Int32(count)).filter(takes).randomElement(using: &generator)
    }
}

/// Random numbers that are the same in every run (SplitMix64): a schedule can be played again.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
