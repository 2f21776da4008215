/// From the server to the launcher.
package enum Command: Hashable, Sendable {
    /// Comes with three descriptors: standard input, output and error of the program.
    case run(RunRequest)
    /// Ends a run; runs that are not there any more are ignored.
    case kill(id: UInt64, cause: KillCause)
    /// Ends every run, removes every group and exits.
    case stop

    /// Bytes of the largest message in either direction.
    package static let maximumBytes = 180_000

    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .run(let request):
            writer.put(UInt8(1))
            request.write(to: &writer)
        case .kill(let id, let cause):
            writer.put(UInt8(2))
            writer.put(id)
            writer.put(cause.rawValue)
        case .stop: writer.put(UInt8(3))
        }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ProtocolError) {
        var reader = ByteReader(bytes)
        switch try reader.number(UInt8.self) {
        case 1: self = .run(try RunRequest(from: &reader))
        case 2:
            let id = try reader.number(UInt64.self)
            guard let cause = KillCause(rawValue: try reader.number()) else { throw .outOfRange("cause") }
            self = .kill(id: id, cause: cause)
        case 3: self = .stop
        default: throw .unknownKind
        }
        guard reader.isAtEnd else { throw .trailingBytes }
    }
}

/// Why Panal ended a run; the first cause counts.
package enum KillCause: UInt8, Hashable, Sendable {
    case none = 0
    case wallTime = 1
    case cpuTime = 2
    case memory = 3
    case output = 4
    case cancelled = 5
    /// The launcher itself was told to stop.
    case stopped = 6
    /// A call that its policy answers by the program's end was refused by whoever explains it.
    case deniedCall = 7
}

/// From the launcher to the server.
package enum Report: Hashable, Sendable {
    /// The first message: cores and bytes of memory that this launcher may give to cells.
    case ready(cores: [UInt16], memory: UInt64)
    /// The launcher could not start, and exits.
    case unusable(StepReport)
    /// The program of this run has been started.
    case started(id: UInt64)
    /// The program's refused calls ask on this descriptor, the notifications of a seccomp filter that explains. When it is
    /// closed they fail with ENOSYS.
    case explaining(id: UInt64)
    /// A result file; comes with its descriptor, open for reading. `path` is relative to the work folder.
    case file(id: UInt64, path: String, bytes: UInt64)
    /// Something in the work folder that is not taken, and why.
    case skipped(id: UInt64, path: String, reason: String)
    /// The run has ended and nothing of it is left but descriptors that were handed over.
    case finished(id: UInt64, FinishReport)

    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .ready(let cores, let memory):
            writer.put(UInt8(1))
            writer.put(LauncherTable.version)
            writer.put(UInt32(cores.count))
            for core in cores { writer.put(core) }
            writer.put(memory)
        case .unusable(let step):
            writer.put(UInt8(2))
            step.write(to: &writer)
        case .started(let id):
            writer.put(UInt8(3))
            writer.put(id)
        case .file(let id, let path, let bytes):
            writer.put(UInt8(4))
            writer.put(id)
            writer.put(path)
            writer.put(bytes)
        case .skipped(let id, let path, let reason):
            writer.put(UInt8(5))
            writer.put(id)
            writer.put(path)
            writer.put(reason)
        case .finished(let id, let report):
            writer.put(UInt8(6))
            writer.put(id)
            report.write(to: &writer)
        case .explaining(let id):
            writer.put(UInt8(7))
            writer.put(id)
        }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ProtocolError) {
        var reader = ByteReader(bytes)
        switch try reader.number(UInt8.self) {
        case 1:
            guard try reader.number(UInt16.self) == LauncherTable.version else { throw .wrongVersion }
            let count = Int(try reader.number(UInt32.self))
            guard count <= RunRequest.maximumCores else { throw .outOfRange("cores") }
            var cores: [UInt16] = []
            for _ in 0..<count { cores.append(try reader.number()) }
            self = .ready(cores: cores, memory: try reader.number())
        case 2: self = .unusable(try StepReport(from: &reader))
        case 3: self = .started(id: try reader.number())
        case 4:
            self = .file(
                id: try reader.number(), path: try reader.text(limit: 65_536), bytes: try reader.number())
        case 5:
            self = .skipped(
                id: try reader.number(), path: try reader.text(limit: 65_536), reason: try reader.text(limit: 4_096))
        case 6: self = .finished(id: try reader.number(), try FinishReport(from: &reader))
        case 7: self = .explaining(id: try reader.number())
        default: throw .unknownKind
        }
        guard reader.isAtEnd else { throw .trailingBytes }
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

    package init(
        ending: Ending, cause: KillCause = .none, outOfMemoryKills: UInt32 = 0, userTime: Int64 = 0,
        systemTime: Int64 = 0,
        wallTime: Int64 = 0, throttledTime: Int64 = 0, peakMemory: Int64 = 0, peakProcesses: Int64 = -1,
        voluntarySwitches: Int64 = 0, forcedSwitches: Int64 = 0, maxResident: Int64 = -1, bytesRead: Int64 = -1,
        bytesWritten: Int64 = -1, pressure: [Int64] = [-1, -1, -1]
    ) {
        self.ending = ending
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
        writer.put(cause.rawValue)
        writer.put(outOfMemoryKills)
        for value in [
            userTime, systemTime, wallTime, throttledTime, peakMemory, peakProcesses, voluntarySwitches, forcedSwitches,
            maxResident, bytesRead, bytesWritten, pressure[0], pressure[1], pressure[2],
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
    }
}
