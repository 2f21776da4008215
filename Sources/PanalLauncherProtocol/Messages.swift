/// From the server to the launcher.
package enum Command: Hashable, Sendable {
    /// Comes with three descriptors: standard input, output and error of the program. Where cells are kept, the reading ends of
    /// the last two, which must be pipes, follow.
    case run(RunRequest)
    /// Ends a run; runs that are not there any more are ignored.
    case kill(id: UInt64, cause: KillCause)
    /// Ends every run, removes every group and exits.
    case stop
    /// The first word of a server that has found a launcher without one. Comes with the table that it would start one with.
    case claim
    /// What becomes of a run that was kept is to be told from now on, and what became of it, at once.
    case resume(id: UInt64)
    /// What became of a run is stored, or nobody wants to know: it need not be kept any more. One that goes on is ended.
    case forget(id: UInt64)
    /// Stops a running program where it is, and lets it go on. Answered by `freezing`.
    case freeze(id: UInt64)
    case thaw(id: UInt64)
    /// Asks what a running program has used so far. Answered by `sampled`.
    case sample(id: UInt64)
    /// Asks for a copy of what a frozen program has changed in its writable root, as a layer of at most so many bytes. Comes with the
    /// file to write it to, from its offset on. Answered by `copied`.
    case copyChanges(id: UInt64, maximumBytes: UInt64)

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
        case .claim: writer.put(UInt8(4))
        case .resume(let id): Self.put(5, id, to: &writer)
        case .forget(let id): Self.put(6, id, to: &writer)
        case .freeze(let id): Self.put(7, id, to: &writer)
        case .thaw(let id): Self.put(8, id, to: &writer)
        case .sample(let id): Self.put(9, id, to: &writer)
        case .copyChanges(let id, let maximumBytes):
            Self.put(10, id, to: &writer)
            writer.put(maximumBytes)
        }
        return writer.bytes
    }

    private static func put(_ kind: UInt8, _ id: UInt64, to writer: inout ByteWriter) {
        writer.put(kind)
        writer.put(id)
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
        case 4: self = .claim
        case 5: self = .resume(id: try reader.number())
        case 6: self = .forget(id: try reader.number())
        case 7: self = .freeze(id: try reader.number())
        case 8: self = .thaw(id: try reader.number())
        case 9: self = .sample(id: try reader.number())
        case 10: self = .copyChanges(id: try reader.number(), maximumBytes: try reader.number())
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
    /// The first message, after those of runs that are held: cores and bytes of memory that this launcher may give to cells,
    /// whether it can freeze them, and whether their roots can be writable; and why it cannot hold runs to a rate of reading though
    /// its table says so, empty where it can.
    case ready(cores: [UInt16], memory: UInt64, freezes: Bool, writesRoots: Bool, readingRefusal: String)
    /// The launcher could not start, and exits.
    case unusable(StepReport)
    /// The program of this run has been started, at this moment of the monotonic clock, in nanoseconds.
    case started(id: UInt64, at: Int64)
    /// The program's refused calls ask on this descriptor, the notifications of a seccomp filter that explains. When it is
    /// closed they fail with ENOSYS.
    case explaining(id: UInt64)
    /// A result file; comes with its descriptor, open for reading. `path` is relative to the work folder.
    case file(id: UInt64, path: String, bytes: UInt64)
    /// Something in the work folder that is not taken, and why.
    case skipped(id: UInt64, path: String, reason: String)
    /// The run has ended and nothing of it is left but descriptors that were handed over.
    case finished(id: UInt64, FinishReport)
    /// A run that was kept for whoever claims the launcher. Comes with the reading ends of its output and error streams.
    case held(HeldReport)
    /// To whoever claims a launcher that has a server.
    case taken
    /// To whoever claims a launcher with another table than its own, after what is held: it can only be stopped.
    case otherTable
    /// Answers `freeze` and `thaw`: whether the program now stands still, and why that is not what was asked for.
    case freezing(id: UInt64, isFrozen: Bool, StepReport?)
    /// Answers `sample`; nil where the program does not run, or its group does not say.
    case sampled(id: UInt64, SampleReport?)
    /// Answers `copyChanges`.
    case copied(id: UInt64, CopyReport)

    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .ready(let cores, let memory, let freezes, let writesRoots, let readingRefusal):
            writer.put(UInt8(1))
            writer.put(LauncherTable.version)
            writer.put(UInt32(cores.count))
            for core in cores { writer.put(core) }
            writer.put(memory)
            writer.put(UInt8(freezes ? 1 : 0))
            writer.put(UInt8(writesRoots ? 1 : 0))
            writer.put(readingRefusal)
        case .unusable(let step):
            writer.put(UInt8(2))
            step.write(to: &writer)
        case .started(let id, let moment):
            writer.put(UInt8(3))
            writer.put(id)
            writer.put(moment)
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
        case .held(let run):
            writer.put(UInt8(8))
            run.write(to: &writer)
        case .taken: writer.put(UInt8(9))
        case .otherTable: writer.put(UInt8(10))
        case .freezing(let id, let isFrozen, let failure):
            writer.put(UInt8(11))
            writer.put(id)
            writer.put(UInt8(isFrozen ? 1 : 0))
            writer.put(UInt8(failure == nil ? 0 : 1))
            failure?.write(to: &writer)
        case .sampled(let id, let sample):
            writer.put(UInt8(12))
            writer.put(id)
            writer.put(UInt8(sample == nil ? 0 : 1))
            sample?.write(to: &writer)
        case .copied(let id, let copy):
            writer.put(UInt8(13))
            writer.put(id)
            copy.write(to: &writer)
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
            self = .ready(
                cores: cores, memory: try reader.number(), freezes: try reader.number(UInt8.self) == 1,
                writesRoots: try reader.number(UInt8.self) == 1, readingRefusal: try reader.text(limit: 4_096))
        case 2: self = .unusable(try StepReport(from: &reader))
        case 3: self = .started(id: try reader.number(), at: try reader.number())
        case 4:
            self = .file(
                id: try reader.number(), path: try reader.text(limit: 65_536), bytes: try reader.number())
        case 5:
            self = .skipped(
                id: try reader.number(), path: try reader.text(limit: 65_536), reason: try reader.text(limit: 4_096))
        case 6: self = .finished(id: try reader.number(), try FinishReport(from: &reader))
        case 7: self = .explaining(id: try reader.number())
        case 8: self = .held(try HeldReport(from: &reader))
        case 9: self = .taken
        case 10: self = .otherTable
        case 11:
            let id = try reader.number(UInt64.self)
            let isFrozen = try reader.number(UInt8.self) == 1
            let isRefused = try reader.number(UInt8.self) == 1
            self = .freezing(id: id, isFrozen: isFrozen, isRefused ? try StepReport(from: &reader) : nil)
        case 12:
            let id = try reader.number(UInt64.self)
            let isThere = try reader.number(UInt8.self) == 1
            self = .sampled(id: id, isThere ? try SampleReport(from: &reader) : nil)
        case 13: self = .copied(id: try reader.number(), try CopyReport(from: &reader))
        default: throw .unknownKind
        }
        guard reader.isAtEnd else { throw .trailingBytes }
    }
}
