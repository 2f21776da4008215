package import PanalCore

/// A whole core: what one job has for itself, with every hardware thread of it.
package struct CoreDescription: Hashable, Sendable {
    /// Numbers of its logical processors, ascending, at least one. A job with cores of its own gets all of them; jobs that share
    /// a core share the first, so that two tenants never compute on two threads of one core.
    package var threads: [Int]
    /// Cores with the same number share the last level of cache.
    package var cache: Int
    /// Cores with the same number are equally near to the same memory.
    package var node: Int

    package init(threads: [Int], cache: Int = 0, node: Int = 0) {
        self.threads = threads
        self.cache = cache
        self.node = node
    }
}

/// A machine that runs cells (UnaCloud's *PhysicalMachine*) as the scheduler sees it.
package struct HostDescription: Hashable, Sendable {
    /// Unique.
    package var name: String
    /// UnaCloud's *Laboratory*.
    package var pool: String
    package var cores: [CoreDescription]
    /// Bytes that jobs may be promised together, opportunistic ones left out.
    package var memory: Int
    /// Bytes that opportunistic jobs may be promised together, beside `memory`: a frozen job keeps its memory, and nobody else's may depend on
    /// its giving it back. 0 for no such jobs.
    package var opportunisticMemory: Int
    /// Somebody may work at it in person.
    package var isDesk: Bool

    package init(
        name: String, pool: String = "local", cores: [CoreDescription], memory: Int, opportunisticMemory: Int = 0,
        isDesk: Bool = false
    ) {
        self.name = name
        self.pool = pool
        self.cores = cores
        self.memory = memory
        self.opportunisticMemory = opportunisticMemory
        self.isDesk = isDesk
    }

    /// A host whose cores have one thread each and are equally near to each other.
    package init(name: String = "local", pool: String = "local", _ capacity: HostCapacity) {
        self.init(
            name: name, pool: pool, cores: Set(capacity.cores).sorted().map { CoreDescription(threads: [$0]) },
            memory: capacity.memory)
    }
}

/// What a host has when nothing runs on it, and how many hosts are like that.
struct HostShape: Hashable, Sendable {
    var pool: UInt64
    var cores: Int
    var memory: Int
    var opportunisticMemory: Int
    var count = 1

    static func all(of hosts: [HostState]) -> [HostShape] {
        var numbers: [HostShape: Int] = [:]
        var shapes: [HostShape] = []
        for host in hosts {
            let shape = HostShape(
                pool: host.pool, cores: host.cores.count, memory: max(0, host.description.memory),
                opportunisticMemory: max(0, host.description.opportunisticMemory))
            if let number = numbers[shape] {
                shapes[number].count += 1
            } else {
                numbers[shape] = shapes.count
                shapes.append(shape)
            }
        }
        return shapes
    }

    /// How many such cells fit beside each other.
    func room(for request: ResourceRequest) -> Int {
        let byMemory = memory / max(1, request.memory)
        let (whole, rest) = max(1, request.millicores).quotientAndRemainder(dividingBy: 1_000)
        if request.isWhole || rest == 0 { return min(byMemory, cores / max(1, whole)) }
        // As many as share their last core, and what is left for some more.
        let sharing = 1_000 / rest
        let (full, left) = cores.quotientAndRemainder(dividingBy: sharing * whole + 1)
        return min(byMemory, full * sharing + (left > 0 && whole > 0 ? (left - 1) / whole : 0))
    }
}
