/// One cell that the server asks for. Everything in it is a number within the table's limits, an index into the table, the
/// digest of an image, or a name below the data folder; nothing is a path of the host.
package struct RunRequest: Hashable, Sendable {
    /// The server's number for the run; unique among those alive.
    package var id: UInt64
    /// Tells a later server whose run this is, at most `maximumLabel` bytes that mean nothing to the launcher.
    package var label: [UInt8]
    package var rootfs: Rootfs
    /// Whether the program may write to its root, which must be an image: what it writes lies in its scratch.
    package var hasWritableRoot: Bool
    package var seccomp: UInt16
    package var network: Network
    /// Cores to run on, ascending. With `exclusive` no other cell of this launcher, and no other Panal on this host, may be
    /// on them.
    package var cores: [UInt16]
    package var exclusive: Bool
    /// Whether the run gets processor time only when nobody else on the host wants it.
    package var isIdle: Bool
    /// Microseconds of processor time in each 100 ms; 0 for whole cores.
    package var quota: UInt32
    /// Microseconds that may be saved up of the quota and used beyond it in one period; at most the quota.
    package var burst: UInt32
    package var memory: UInt64
    package var processes: UInt32
    package var wallMicroseconds: UInt64
    package var cpuMicroseconds: UInt64
    package var scratchBytes: UInt64
    package var scratchFiles: UInt32
    package var collectedFiles: UInt32
    package var collectedBytes: UInt64
    package var openFiles: UInt32
    package var fileBytes: UInt64
    /// Folder below the data folder that stands at `/program`; empty for none.
    package var program: String
    package var inputs: [Input]
    package var arguments: [String]
    package var environment: [String]
    /// Bytes that all of the run together reads from each disk in a second; 0: as fast as the disk is. Takes a table that
    /// allows it.
    package var diskRead: UInt64

    /// What of a network the run has. One with a way to the outside would be an index into a list of the table's, like the
    /// filter; nothing that the server writes may name an address or an interface.
    package enum Network: UInt8, Hashable, Sendable {
        /// No interface is up.
        case none = 0
        /// A loopback of the run's own; its filter must let sockets be made.
        case loopback = 1
    }

    /// A file below the data folder that stands at `/input/<field>/<name>`.
    package struct Input: Hashable, Sendable {
        package var field: String
        package var name: String
        package var source: String

        package init(field: String, name: String, source: String) {
            self.field = field
            self.name = name
            self.source = source
        }
    }

    package init(
        id: UInt64, label: [UInt8] = [], rootfs: Rootfs, hasWritableRoot: Bool = false, seccomp: UInt16,
        network: Network = .none, cores: [UInt16], exclusive: Bool, isIdle: Bool = false,
        quota: UInt32, burst: UInt32 = 0, memory: UInt64, processes: UInt32, wallMicroseconds: UInt64,
        cpuMicroseconds: UInt64,
        scratchBytes: UInt64, scratchFiles: UInt32,
        collectedFiles: UInt32, collectedBytes: UInt64, openFiles: UInt32, fileBytes: UInt64, program: String,
        inputs: [Input], arguments: [String], environment: [String], diskRead: UInt64 = 0
    ) {
        self.id = id
        self.label = label
        self.rootfs = rootfs
        self.hasWritableRoot = hasWritableRoot
        self.seccomp = seccomp
        self.network = network
        self.cores = cores
        self.exclusive = exclusive
        self.isIdle = isIdle
        self.quota = quota
        self.burst = burst
        self.memory = memory
        self.processes = processes
        self.wallMicroseconds = wallMicroseconds
        self.cpuMicroseconds = cpuMicroseconds
        self.scratchBytes = scratchBytes
        self.scratchFiles = scratchFiles
        self.collectedFiles = collectedFiles
        self.collectedBytes = collectedBytes
        self.openFiles = openFiles
        self.fileBytes = fileBytes
        self.program = program
        self.inputs = inputs
        self.arguments = arguments
        self.environment = environment
        self.diskRead = diskRead
    }

    /// Largest number of each; more is refused before anything is made.
    package static let maximumCores = 1_024
    package static let maximumLabel = 64
    package static let maximumInputs = 256
    package static let maximumTexts = 8_192
    /// Bytes of one argument or variable: the kernel's own limit is 128 KiB.
    package static let maximumTextBytes = 131_071

    func write(to writer: inout ByteWriter) {
        writer.put(id)
        writer.put(label)
        rootfs.write(to: &writer)
        writer.put(UInt8(hasWritableRoot ? 1 : 0))
        writer.put(seccomp)
        writer.put(network.rawValue)
        writer.put(UInt32(cores.count))
        for core in cores { writer.put(core) }
        writer.put(UInt8(exclusive ? 1 : 0))
        writer.put(UInt8(isIdle ? 1 : 0))
        writer.put(quota)
        writer.put(burst)
        writer.put(memory)
        writer.put(processes)
        writer.put(wallMicroseconds)
        writer.put(cpuMicroseconds)
        writer.put(scratchBytes)
        writer.put(scratchFiles)
        writer.put(collectedFiles)
        writer.put(collectedBytes)
        writer.put(openFiles)
        writer.put(fileBytes)
        writer.put(program)
        writer.put(UInt32(inputs.count))
        for input in inputs {
            writer.put(input.field)
            writer.put(input.name)
            writer.put(input.source)
        }
        writer.put(arguments)
        writer.put(environment)
        writer.put(diskRead)
    }

    init(from reader: inout ByteReader) throws(ProtocolError) {
        id = try reader.number()
        label = try reader.raw(limit: Self.maximumLabel)
        rootfs = try Rootfs(from: &reader)
        hasWritableRoot = try reader.number(UInt8.self) == 1
        seccomp = try reader.number()
        guard let network = Network(rawValue: try reader.number()) else { throw .outOfRange("network") }
        self.network = network
        let coreCount = Int(try reader.number(UInt32.self))
        guard coreCount <= Self.maximumCores else { throw .outOfRange("cores") }
        cores = []
        for _ in 0..<coreCount { cores.append(try reader.number()) }
        exclusive = try reader.number(UInt8.self) == 1
        isIdle = try reader.number(UInt8.self) == 1
        quota = try reader.number()
        burst = try reader.number()
        memory = try reader.number()
        processes = try reader.number()
        wallMicroseconds = try reader.number()
        cpuMicroseconds = try reader.number()
        scratchBytes = try reader.number()
        scratchFiles = try reader.number()
        collectedFiles = try reader.number()
        collectedBytes = try reader.number()
        openFiles = try reader.number()
        fileBytes = try reader.number()
        program = try reader.text(limit: 255)
        let inputCount = Int(try reader.number(UInt32.self))
        guard inputCount <= Self.maximumInputs else { throw .outOfRange("inputs") }
        inputs = []
        for _ in 0..<inputCount {
            inputs.append(
                Input(
                    field: try reader.text(limit: 64), name: try reader.text(limit: 255),
                    source: try reader.text(limit: 255)))
        }
        arguments = try reader.texts(count: Self.maximumTexts, length: Self.maximumTextBytes)
        environment = try reader.texts(count: Self.maximumTexts, length: Self.maximumTextBytes)
        diskRead = try reader.number()
    }
}
