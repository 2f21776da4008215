/// What the launcher is told once, while it and its parent are still root: everything that a request may choose from, and
/// the most that it may ask for. A server that is taken over later cannot change it.
package struct LauncherTable: Hashable, Sendable {
    package static let version: UInt16 = 8

    /// A seccomp filter.
    package struct Filter: Hashable, Sendable {
        /// An array of `struct sock_filter`.
        package var instructions: [UInt8]
        /// Whether it lets a program make sockets other than by `socketpair`. Their names live in the network namespace, so
        /// such a run must have one of its own.
        package var makesSockets: Bool
        /// Whether it asks the server about each call that it refuses. The server could let such a call through: only for a
        /// launcher whose server is trusted with that, as the command line's is, and never in a service's table.
        package var explains: Bool
        /// Whether it always permits what the program's process does after its order, so that it can be loaded before. Where
        /// that is not so, a run that had it loaded before is not started.
        package var permitsStart: Bool

        package init(instructions: [UInt8], makesSockets: Bool, explains: Bool = false, permitsStart: Bool = false) {
            self.instructions = instructions
            self.makesSockets = makesSockets
            self.explains = explains
            self.permitsStart = permitsStart
        }
    }
    /// Far longer than any run, and still a number of which a thousand cores have their own each.
    static let longestWallMicroseconds: UInt64 = 1 << 53

    package static let maximumBytes = 16 << 20
    /// Seconds: a week.
    static let longestKeep: UInt32 = 7 * 24 * 3_600

    /// Name of the instance: 1 to 32 of `a-z`, `0-9`, `-`. Its groups are below `panal-<instance>`.
    package var instance: String
    /// Folder that programs and inputs are taken from; empty for none.
    package var dataFolder: String
    /// Folder whose `rootfs/` holds the images that cells may see as their root; empty for none. Often the data folder.
    package var imageFolder: String
    /// Filters by index.
    package var seccomp: [Filter]
    /// Host user ids for cells; half open. Never contains 0.
    package var firstUser: UInt32
    package var lastUser: UInt32
    /// Cores that cells may be given.
    package var cores: [UInt16]
    /// Bytes of memory that one cell may be given at most.
    package var memory: UInt64
    /// Longest time of a run.
    package var wallMicroseconds: UInt64
    package var processes: UInt32
    /// How many cells stand ready for runs to come; 0: each is made when it is asked for.
    package var prepared: UInt16
    /// For how long the launcher keeps running cells and their results when its server has gone without a word; 0: it ends
    /// with its server.
    package var keepSeconds: UInt32
    /// Whether a run may be held to a rate of reading from disks: groups then have the controller that this takes.
    package var limitsReading: Bool

    package init(
        instance: String, dataFolder: String, imageFolder: String, seccomp: [Filter], firstUser: UInt32,
        lastUser: UInt32,
        cores: [UInt16], memory: UInt64, wallMicroseconds: UInt64, processes: UInt32, prepared: UInt16,
        keepSeconds: UInt32 = 0, limitsReading: Bool = false
    ) {
        self.instance = instance
        self.dataFolder = dataFolder
        self.imageFolder = imageFolder
        self.seccomp = seccomp
        self.firstUser = firstUser
        self.lastUser = lastUser
        self.cores = cores
        self.memory = memory
        self.wallMicroseconds = wallMicroseconds
        self.processes = processes
        self.prepared = prepared
        self.keepSeconds = keepSeconds
        self.limitsReading = limitsReading
    }

    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.put(Self.version)
        writer.put(instance)
        writer.put(dataFolder)
        writer.put(imageFolder)
        writer.put(UInt32(seccomp.count))
        for filter in seccomp {
            writer.put(filter.instructions)
            writer.put(UInt8(filter.makesSockets ? 1 : 0))
            writer.put(UInt8(filter.explains ? 1 : 0))
            writer.put(UInt8(filter.permitsStart ? 1 : 0))
        }
        writer.put(firstUser)
        writer.put(lastUser)
        writer.put(UInt32(cores.count))
        for core in cores { writer.put(core) }
        writer.put(memory)
        writer.put(wallMicroseconds)
        writer.put(processes)
        writer.put(prepared)
        writer.put(keepSeconds)
        writer.put(UInt8(limitsReading ? 1 : 0))
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ProtocolError) {
        var reader = ByteReader(bytes)
        guard try reader.number(UInt16.self) == Self.version else { throw .wrongVersion }
        instance = try reader.text(limit: 32)
        dataFolder = try reader.text(limit: 4_096)
        imageFolder = try reader.text(limit: 4_096)
        let filters = Int(try reader.number(UInt32.self))
        guard filters <= 256 else { throw .outOfRange("seccomp") }
        seccomp = []
        for _ in 0..<filters {
            let instructions = try reader.raw(limit: 4_096 * 8)
            seccomp.append(
                Filter(
                    instructions: instructions, makesSockets: try reader.number(UInt8.self) != 0,
                    explains: try reader.number(UInt8.self) != 0,
                    permitsStart: try reader.number(UInt8.self) != 0))
        }
        firstUser = try reader.number()
        lastUser = try reader.number()
        let coreCount = Int(try reader.number(UInt32.self))
        guard coreCount <= RunRequest.maximumCores else { throw .outOfRange("cores") }
        cores = []
        for _ in 0..<coreCount { cores.append(try reader.number()) }
        memory = try reader.number()
        wallMicroseconds = try reader.number()
        processes = try reader.number()
        prepared = try reader.number()
        guard prepared <= 64 else { throw .outOfRange("prepared") }
        keepSeconds = try reader.number()
        guard keepSeconds <= Self.longestKeep else { throw .outOfRange("keep") }
        limitsReading = try reader.number(UInt8.self) != 0
        guard reader.isAtEnd else { throw .trailingBytes }
        guard instance.utf8.allSatisfy({ (97...122).contains($0) || (48...57).contains($0) || $0 == 45 }),
            !instance.isEmpty
        else { throw .outOfRange("instance") }
        guard firstUser > 0, lastUser > firstUser else { throw .outOfRange("users") }
        // What a request is held against must itself be in range: with other numbers the comparison could trap.
        guard (RequestCheck.leastMemory...1 << 60).contains(memory) else { throw .outOfRange("memory") }
        guard (1...Self.longestWallMicroseconds).contains(wallMicroseconds) else { throw .outOfRange("wall time") }
        guard processes >= 2 else { throw .outOfRange("processes") }
        guard seccomp.allSatisfy({ !$0.instructions.isEmpty && $0.instructions.count % 8 == 0 }) else {
            throw .outOfRange("seccomp")
        }
    }
}
