internal import Glibc
internal import PanalCore
internal import PanalLauncherProtocol
internal import PanalLinux

/// What a launcher kept for the server that takes it over: the run, and the reading ends of its streams, which somebody has to
/// close.
struct HeldCell: Sendable {
    var attempt: AttemptID
    var report: HeldReport
    var output: Int32
    var error: Int32

    func close() {
        for number in [output, error] { Glibc.close(number) }
    }
}

/// The name of an attempt as the launcher keeps it.
enum AttemptLabel {
    static func bytes(_ attempt: AttemptID) -> [UInt8] {
        var writer = ByteWriter()
        writer.put(attempt.job.text)
        writer.put(Int64(attempt.number))
        writer.put(attempt.nonce)
        return writer.bytes
    }

    static func attempt(_ bytes: [UInt8]) -> AttemptID? {
        var reader = ByteReader(bytes)
        guard let text = try? reader.text(limit: RunRequest.maximumLabel), let job = JobID(text),
            let number = try? reader.number(Int64.self), let nonce = try? reader.number(UInt64.self), reader.isAtEnd
        else { return nil }
        return AttemptID(job: job, number: Int(number), nonce: nonce)
    }
}

/// Finding the launcher that an earlier server of the same instance has left behind.
enum LauncherClaim: ~Copyable {
    /// There is none.
    case nobody
    case taken(socket: Descriptor, HostCapacity, LauncherAbilities, [HeldCell])
    /// There was one with another table: it has been stopped, and with it these attempts, whether they ran or waited for their
    /// results to be taken.
    case replaced([AttemptID])

    /// For how long another server of the instance may still be there: one that was killed takes a moment to go.
    private static let patience: Duration = .seconds(5)

    static func make(_ table: LauncherTable) throws(StepFailure) -> LauncherClaim {
        let path = LockFolder.launcher(table.instance, folder: LockFolder.path(user: geteuid()))
        let end = ContinuousClock.now + patience
        while true {
            let connected = try StepFailure.naming("launcher.claim") { () throws(SystemCallFailure) in
                try Rendezvous.connect(to: path)
            }
            guard let socket = connected else { return .nobody }
            if let claim = try claim(socket, table) { return claim }
            guard ContinuousClock.now < end else {
                throw StepFailure(
                    step: "launcher.lock",
                    detail: "another Panal of the instance ‘\(table.instance)’ runs on this host",
                    errno: 0)
            }
            usleep(20_000)
        }
    }

    /// Nil when the launcher has another server.
    private static func claim(
        _ socket: consuming Descriptor, _ table: LauncherTable
    ) throws(StepFailure) -> LauncherClaim? {
        try StepFailure.naming("launcher.claim") { () throws(SystemCallFailure) in
            let file = try Descriptor.memory(name: "panal-table", bytes: table.encoded())
            _ = MessageSocket.send(socket, Command.claim.encoded(), descriptors: [file.raw], waiting: true)
        }
        var held: [HeldCell] = []
        do throws(ProtocolError) {
            while let message = try next(socket), !message.bytes.isEmpty {
                switch try Report(decoding: message.bytes) {
                case .held(let report):
                    guard let cell = cell(report, message.descriptors) else {
                        // Nobody can know what it was.
                        _ = MessageSocket.send(
                            socket, Command.forget(id: report.id).encoded(), descriptors: [], waiting: true)
                        continue
                    }
                    held.append(cell)
                case .ready(let cores, let memory, let freezes, let writesRoots, let refusal):
                    let capacity = HostCapacity(
                        cores: cores.map(Int.init), memory: Int(clamping: memory),
                        readingRefusal: refusal.isEmpty ? nil : refusal)
                    let abilities = LauncherAbilities(freezes: freezes, writesRoots: writesRoots)
                    return .taken(socket: socket, capacity, abilities, held)
                case .taken: return Optional.none
                case .otherTable: return .replaced(try stop(socket, held))
                default:
                    for number in message.descriptors { close(number) }
                }
            }
        } catch {
            // A launcher of another version, with which nothing can be agreed but that it ends.
            guard (try? stop(socket, held)) != nil else {
                throw StepFailure(
                    step: "launcher.claim", detail: "the launcher of another version does not end", errno: 0)
            }
            return .replaced(held.map(\.attempt))
        }
        // It was about to end.
        for cell in held { cell.close() }
        return .nobody
    }

    private static func cell(_ report: HeldReport, _ descriptors: [Int32]) -> HeldCell? {
        guard descriptors.count == 2, let attempt = AttemptLabel.attempt(report.label) else {
            for number in descriptors { close(number) }
            return nil
        }
        return HeldCell(attempt: attempt, report: report, output: descriptors[0], error: descriptors[1])
    }

    /// The next message; empty when the launcher has gone, or says nothing for long.
    private static func next(
        _ socket: borrowing Descriptor
    ) throws(ProtocolError) -> (bytes: [UInt8], descriptors: [Int32])? {
        var polled = pollfd(fd: socket.raw, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&polled, 1, 30_000) > 0 else { return nil }
        return (try? MessageSocket.receive(socket)) ?? ([], [])
    }

    /// Has the launcher end, and waits until it has.
    private static func stop(_ socket: borrowing Descriptor, _ held: [HeldCell]) throws(ProtocolError) -> [AttemptID] {
        for cell in held { cell.close() }
        _ = MessageSocket.send(socket, Command.stop.encoded(), descriptors: [], waiting: true)
        while let message = try next(socket), !message.bytes.isEmpty {
            for number in message.descriptors { close(number) }
        }
        return held.map(\.attempt)
    }
}
