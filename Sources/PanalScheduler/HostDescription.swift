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
