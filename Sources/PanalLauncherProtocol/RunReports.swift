/// A run that the launcher kept while it had no server.
package struct HeldReport: Hashable, Sendable {
    package var id: UInt64
    /// As it came with the run.
    package var label: [UInt8]
    package var cores: [UInt16]
    package var memory: UInt64
    /// When its program was started, in nanoseconds of the monotonic clock; nil while it has not been.
    package var started: Int64?
    package var isFinished: Bool
    package var isFrozen: Bool

    package init(
        id: UInt64, label: [UInt8], cores: [UInt16], memory: UInt64, started: Int64?, isFinished: Bool, isFrozen: Bool
    ) {
        self.id = id
        self.label = label
        self.cores = cores
        self.memory = memory
        self.started = started
        self.isFinished = isFinished
        self.isFrozen = isFrozen
    }

    func write(to writer: inout ByteWriter) {
        writer.put(id)
        writer.put(label)
        writer.put(UInt32(cores.count))
        for core in cores { writer.put(core) }
        writer.put(memory)
        writer.put(started ?? -1)
        writer.put(UInt8(isFinished ? 1 : 0))
        writer.put(UInt8(isFrozen ? 1 : 0))
    }

    init(from reader: inout ByteReader) throws(ProtocolError) {
        id = try reader.number()
        label = try reader.raw(limit: RunRequest.maximumLabel)
        let coreCount = Int(try reader.number(UInt32.self))
        guard coreCount <= RunRequest.maximumCores else { throw .outOfRange("cores") }
        cores = []
        for _ in 0..<coreCount { cores.append(try reader.number()) }
        memory = try reader.number()
        let moment = try reader.number(Int64.self)
        started = moment < 0 ? nil : moment
        isFinished = try reader.number(UInt8.self) == 1
        isFrozen = try reader.number(UInt8.self) == 1
    }
}

/// A step that failed, with the kernel's number and words.
package struct StepReport: Hashable, Sendable {
    package var step: String
    package var errno: Int32
    package var detail: String

    /// Bytes of a detail; a longer one is cut, since a report that the reader refuses would cost every run its launcher.
    package static let longestDetail = 4_096

    package init(step: String, errno: Int32, detail: String) {
        self.step = step
        self.errno = errno
        let bytes = detail.utf8
        self.detail =
            bytes.count <= Self.longestDetail
            ? detail : String(decoding: bytes.prefix(Self.longestDetail - 2), as: UTF8.self)
    }

    package func write(to writer: inout ByteWriter) {
        writer.put(step)
        writer.put(errno)
        writer.put(detail)
    }

    package init(from reader: inout ByteReader) throws(ProtocolError) {
        step = try reader.text(limit: 256)
        errno = try reader.number()
        detail = try reader.text(limit: 8_192)
    }
}

/// How a run ended, as facts; the server makes the outcome of them.
package struct FinishReport: Hashable, Sendable {
    package enum Ending: Hashable, Sendable {
        /// The program ended by itself: its code.
        case exited(Int32)
        case signalled(Int32)
        /// `execve` refused: the kernel's number, and whether the file is there.
        case notExecuted(errno: Int32, isThere: Bool)
        /// The cell was killed before the program ended by itself.
        case killed
        /// Nothing was run.
        case failed(StepReport)
    }

    package var ending: Ending
    /// When the program was started, on the monotonic clock, told or not told before; -1 where it never was.
    package var started: Int64
    package var cause: KillCause
    package var outOfMemoryKills: UInt32
    /// Nanoseconds.
    package var userTime: Int64
    package var systemTime: Int64
    package var wallTime: Int64
    package var throttledTime: Int64
    package var peakMemory: Int64
    /// -1 where this kernel does not count it.
    package var peakProcesses: Int64
    package var voluntarySwitches: Int64
    package var forcedSwitches: Int64
    /// Bytes. These, and pressure, are -1 where they are not known.
    package var maxResident: Int64
    package var bytesRead: Int64
    package var bytesWritten: Int64
    /// Nanoseconds in which something waited for the processor, for memory, for storage.
    package var pressure: [Int64]
    /// Nanoseconds for which the program was frozen, which `wallTime` leaves out.
    package var frozenTime: Int64

    package init(
        ending: Ending, started: Int64 = -1, cause: KillCause = .none, outOfMemoryKills: UInt32 = 0,
        userTime: Int64 = 0,
        systemTime: Int64 = 0,
        wallTime: Int64 = 0, throttledTime: Int64 = 0, peakMemory: Int64 = 0, peakProcesses: Int64 = -1,
        voluntarySwitches: Int64 = 0, forcedSwitches: Int64 = 0, maxResident: Int64 = -1, bytesRead: Int64 = -1,
        bytesWritten: Int64 = -1, pressure: [Int64] = [-1, -1, -1], frozenTime: Int64 = 0
    ) {
        self.ending = ending
        self.started = started
        self.cause = cause
        self.outOfMemoryKills = outOfMemoryKills
        self.userTime = userTime
        self.systemTime = systemTime
        self.wallTime = wallTime
        self.throttledTime = throttledTime
        self.peakMemory = peakMemory
        self.peakProcesses = peakProcesses
        self.voluntarySwitches = voluntarySwitches
        self.forcedSwitches = forcedSwitches
        self.maxResident = maxResident
        self.bytesRead = bytesRead
        self.bytesWritten = bytesWritten
        self.pressure = pressure
        self.frozenTime = frozenTime
    }

    func write(to writer: inout ByteWriter) {
        switch ending {
        case .exited(let code):
            writer.put(UInt8(1))
            writer.put(code)
        case .signalled(let signal):
            writer.put(UInt8(2))
            writer.put(signal)
        case .notExecuted(let errno, let isThere):
            writer.put(UInt8(3))
            writer.put(errno)
            writer.put(UInt8(isThere ? 1 : 0))
        case .killed: writer.put(UInt8(4))
        case .failed(let step):
            writer.put(UInt8(5))
            step.write(to: &writer)
        }
        writer.put(started)
        writer.put(cause.rawValue)
        writer.put(outOfMemoryKills)
        for value in [
            userTime, systemTime, wallTime, throttledTime, peakMemory, peakProcesses, voluntarySwitches, forcedSwitches,
            maxResident, bytesRead, bytesWritten, pressure[0], pressure[1], pressure[2],
            frozenTime,
        ] {
            writer.put(value)
        }
    }

    init(from reader: inout ByteReader) throws(ProtocolError) {
        switch try reader.number(UInt8.self) {
        case 1: ending = .exited(try reader.number())
        case 2: ending = .signalled(try reader.number())
        case 3:
            let number = try reader.number(Int32.self)
            ending = .notExecuted(errno: number, isThere: try reader.number(UInt8.self) == 1)
        case 4: ending = .killed
        case 5: ending = .failed(try StepReport(from: &reader))
        default: throw .unknownKind
        }
        started = try reader.number()
        guard let cause = KillCause(rawValue: try reader.number()) else { throw .outOfRange("cause") }
        self.cause = cause
        outOfMemoryKills = try reader.number()
        userTime = try reader.number()
        systemTime = try reader.number()
        wallTime = try reader.number()
        throttledTime = try reader.number()
        peakMemory = try reader.number()
        peakProcesses = try reader.number()
        voluntarySwitches = try reader.number()
        forcedSwitches = try reader.number()
        maxResident = try reader.number()
        bytesRead = try reader.number()
        bytesWritten = try reader.number()
        pressure = [try reader.number(), try reader.number(), try reader.number()]
        frozenTime = try reader.number()
    }
}
