/// Who has which core. A core is free, belongs to one job, or is shared: then up to 1,000 thousandths of it are given
/// out.
///
/// Whole cores are taken from the lowest numbers up and shared ones from the highest down, so that the two kinds stay
/// apart and long runs of neighbouring cores survive.
struct CoreMap: Sendable {
    private enum Use: Hashable, Sendable {
        case free
        case exclusive
        case shared(millicores: Int)
    }

    /// Ascending, without repetition; parallel to `uses`.
    private let numbers: [Int]
    private var uses: [Use]

    init(cores: [Int]) {
        numbers = Set(cores).sorted()
        uses = Array(repeating: .free, count: numbers.count)
    }

    var count: Int { numbers.count }
    var freeCount: Int { uses.count { $0 == .free } }

    /// Thousandths of a core that a shared job could be given now: what is left of the shared cores, and all of the
    /// free ones.
    var freeMillicores: Int {
        uses.reduce(0) { sum, use in
            switch use {
            case .free: sum + 1_000
            case .exclusive: sum
            case .shared(let taken): sum + 1_000 - taken
            }
        }
    }

    /// The cores that `count` whole ones would be: the lowest run of neighbours, or the lowest free ones where no run
    /// is long enough; nil when fewer are free.
    func wholeCores(_ count: Int) -> [Int]? {
        let free = numbers.indices.filter { uses[$0] == .free }.map { numbers[$0] }
        guard count >= 1, free.count >= count else { return nil }
        for start in 0...(free.count - count) where free[start + count - 1] - free[start] == count - 1 {
            return Array(free[start..<(start + count)])
        }
        return Array(free.prefix(count))
    }

    mutating func takeWhole(_ cores: [Int]) {
        for core in cores { set(core, to: .exclusive) }
    }

    mutating func releaseWhole(_ cores: [Int]) {
        for core in cores { set(core, to: .free) }
    }

    /// Where `millicores` would come from, as (core, thousandths): whole thousands from cores with nothing on them, the
    /// rest from the fullest shared core that still has room for it; nil when there is no such place.
    func parts(millicores: Int) -> [(core: Int, millicores: Int)]? {
        let (whole, rest) = millicores.quotientAndRemainder(dividingBy: 1_000)
        var free = numbers.indices.filter { uses[$0] == .free }.map { numbers[$0] }
        guard millicores >= 1, free.count >= whole else { return nil }
        var parts: [(core: Int, millicores: Int)] = []
        for core in free.suffix(whole) { parts.append((core, 1_000)) }
        free.removeLast(whole)
        if rest > 0 {
            guard let core = fullestShared(withRoomFor: rest) ?? free.last else { return nil }
            parts.append((core, rest))
        }
        return parts.sorted { $0.core < $1.core }
    }

    private func fullestShared(withRoomFor millicores: Int) -> Int? {
        var best: (core: Int, taken: Int)?
        for index in numbers.indices {
            guard case .shared(let taken) = uses[index], taken + millicores <= 1_000 else { continue }
            if taken > best?.taken ?? -1 { best = (numbers[index], taken) }
        }
        return best?.core
    }

    mutating func takeShared(_ parts: [(core: Int, millicores: Int)]) {
        for part in parts { set(part.core, to: .shared(millicores: taken(of: part.core) + part.millicores)) }
    }

    mutating func releaseShared(_ parts: [(core: Int, millicores: Int)]) {
        for part in parts {
            let left = taken(of: part.core) - part.millicores
            set(part.core, to: left > 0 ? .shared(millicores: left) : .free)
        }
    }

    private func taken(of core: Int) -> Int {
        guard let index = numbers.firstIndex(of: core), case .shared(let taken) = uses[index] else { return 0 }
        return taken
    }

    private mutating func set(_ core: Int, to use: Use) {
        guard let index = numbers.firstIndex(of: core) else { return }
        uses[index] = use
    }
}
