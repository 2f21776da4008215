/// How a profile grants processor time.
package enum CPUGrant: Hashable, Sendable {
    /// That many whole cores, used by nobody else while the cell lives; at least 1.
    case exclusive(cores: Int)
    /// A part of one or more shared cores, in thousandths of a core (500 is half a core), by quota; at least 10.
    case shared(millicores: Int)

    /// Cores that the cell may keep busy at the same time, rounded up.
    package var parallelism: Int {
        switch self {
        case .exclusive(let cores): cores
        case .shared(let millicores): max(1, (millicores + 999) / 1_000)
        }
    }
}

/// What of a network a run has. The words are those of profiles and of stored attempts.
package enum CellNetwork: String, Hashable, Sendable, Codable, CaseIterable {
    /// No interface that is up.
    case none
    /// A loopback of its own: 127.0.0.1 and ::1, which reach nothing but the run itself.
    case loopback
    // A way to the outside would be a third case with its own parameters; it is the launcher's table that would have to name
    // what may be reached.
}

/// Every limit that a cell is held to. Sizes in bytes, spans as `Duration`; nothing is unlimited but the rate of reading, which is
/// where it is nil.
package struct CellLimits: Hashable, Sendable {
    package var cpu: CPUGrant
    /// Processor time that a shared grant may save up while it needs less, and use in one period of 100 ms beyond its share; at
    /// most that share of the period. 0 for a grant of whole cores.
    package var cpuBurst: Duration
    /// Memory of the whole cell in bytes, its scratch files included; swap is always 0. At least 4 MiB.
    package var memory: Int
    /// Processes and threads alive at the same time, the cell's own init included. At least 2.
    package var processes: Int
    /// Time from the start of the program to its end.
    package var wallTime: Duration
    /// Processor time of all processes together.
    package var cpuTime: Duration
    /// Bytes of `/tmp` and the work folder together.
    package var scratchBytes: Int
    /// Files and folders in `/tmp` and the work folder together.
    package var scratchFiles: Int
    /// Bytes kept of standard output and, separately, of standard error; the run ends when either goes over.
    package var outputBytes: Int
    /// Result files taken out of the work folder: how many, and how many bytes together.
    package var collectedFiles: Int
    package var collectedBytes: Int
    /// Open descriptors of one process.
    package var openFiles: Int
    /// Bytes of one file.
    package var fileBytes: Int
    /// Bytes that the whole cell reads in a second from each of the disks that its root, its program and its inputs are on; what is in
    /// memory already does not count. Nil: as fast as the disk is. At least 1 MiB.
    package var diskRead: Int?

    package init(
        cpu: CPUGrant, cpuBurst: Duration = .zero, memory: Int, processes: Int, wallTime: Duration, cpuTime: Duration,
        scratchBytes: Int, scratchFiles: Int, outputBytes: Int, collectedFiles: Int, collectedBytes: Int,
        openFiles: Int, fileBytes: Int, diskRead: Int? = nil
    ) {
        self.cpu = cpu
        self.cpuBurst = cpuBurst
        self.memory = memory
        self.processes = processes
        self.wallTime = wallTime
        self.cpuTime = cpuTime
        self.scratchBytes = scratchBytes
        self.scratchFiles = scratchFiles
        self.outputBytes = outputBytes
        self.collectedFiles = collectedFiles
        self.collectedBytes = collectedBytes
        self.openFiles = openFiles
        self.fileBytes = fileBytes
        self.diskRead = diskRead
    }
}

/// A hardware profile: what a run gets and what it is held to (UnaCloud's *HardwareProfile*).
package struct Profile: Hashable, Sendable {
    /// 1 to 40 characters of `a-z`, `0-9` and `-`, a letter first.
    package var name: String
    package var summary: String
    package var limits: CellLimits
    /// Name of the seccomp policy, a file of `Profiles/seccomp/` without its ending.
    package var seccomp: String
    /// Anything but `none` needs a policy that lets sockets be made.
    package var network: CellNetwork
    package var tariff: Tariff

    package init(
        name: String, summary: String, limits: CellLimits, seccomp: String, network: CellNetwork = .none,
        tariff: Tariff = .free
    ) {
        self.name = name
        self.summary = summary
        self.limits = limits
        self.seccomp = seccomp
        self.network = network
        self.tariff = tariff
    }
}

/// What a machine can give to cells.
package struct HostCapacity: Hashable, Sendable {
    /// Numbers of the cores that cells may be given, ascending.
    package var cores: [Int]
    /// Bytes of memory that cells may be promised together.
    package var memory: Int
    /// Why runs cannot be held to a rate of reading; nil where they can, or where nobody has asked.
    package var readingRefusal: String?

    package init(cores: [Int], memory: Int, readingRefusal: String? = nil) {
        self.cores = cores
        self.memory = memory
        self.readingRefusal = readingRefusal
    }

    /// Why `limits` can never run here, in words; nil when they can.
    package func refusal(of limits: CellLimits) -> String? { shortage(of: limits)?.sentence }

    package func shortage(of limits: CellLimits) -> HostShortage? {
        if limits.cpu.parallelism > cores.count {
            return .cores(needed: limits.cpu.parallelism, there: cores.count)
        }
        if limits.memory > memory { return .memory(needed: limits.memory, there: memory) }
        return limits.diskRead == nil ? nil : readingRefusal.map { .reading($0) }
    }
}

/// What a machine has too little of.
package enum HostShortage: Hashable, Sendable {
    case cores(needed: Int, there: Int)
    /// Bytes.
    case memory(needed: Int, there: Int)
    /// What limits how fast disks are read, and why it is not there.
    case reading(String)

    package var sentence: String {
        switch self {
        case .cores(let needed, let there): "needs \(needed) cores, this host has \(there) for cells"
        case .memory(let needed, let there):
            "needs \(ByteCount.text(needed)) of memory, this host has \(ByteCount.text(there)) for cells"
        case .reading(let reason): "cannot be held to its disk-read here: \(reason)"
        }
    }
}

/// Bytes for people: `1 GiB`, `512 MiB`, `1.5 KiB`.
package enum ByteCount {
    package static func text(_ bytes: Int) -> String {
        let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
        var value = Double(bytes)
        var unit = 0
        while value >= 1_024, unit < units.count - 1 {
            value /= 1_024
            unit += 1
        }
        let tenths = (value * 10).rounded() / 10
        let number = tenths == tenths.rounded() ? String(Int(tenths)) : String(tenths)
        return "\(number) \(units[unit])"
    }
}
