internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// The line to the server, and, where cells are kept, the place at which the next server finds this launcher.
///
/// The place is a socket in a folder that only the user can reach who started the launcher; the kernel says who has connected,
/// and anybody else is hung up on. Whoever that user is could as well kill the launcher: nothing is given away there.
final class ServerLine {
    /// Nil while there is no server.
    private var socket: Descriptor?
    private var outgoing = OutgoingMessages()
    private var listener: Descriptor?
    private let path: String
    /// Who has connected and not yet said why.
    private var claimant: Descriptor?
    /// Until when it must have.
    private var claimUntil: Int64 = .max
    private static let claimTime: Int64 = 5_000_000_000

    init(table: LauncherTable, folder: String) throws(StepFailure) {
        path = LockFolder.launcher(table.instance, folder: folder)
        guard table.keepSeconds > 0 else { return }
        listener = try StepFailure.naming("launcher.listen") { () throws(SystemCallFailure) in
            try LockFolder.ensure(LockFolder.launchers(folder))
            return try Rendezvous.listen(at: path)
        }
    }

    // MARK: What the loop waits for

    var hasServer: Bool { socket != nil }
    var serverEnd: Int32 { socket.number }
    var listenerEnd: Int32 { claimant == nil ? listener.number : -1 }
    var claimantEnd: Int32 { claimant.number }
    var wantsToSend: Bool { !outgoing.isEmpty }
    /// Whether the server may say more: one that asks and does not read what it is answered waits, before its answers fill this
    /// process's memory.
    var takesMore: Bool { outgoing.answers < Self.mostAnswers }
    private static let mostAnswers = 4_096
    /// When a claimant's time is over; monotonic nanoseconds.
    var deadline: Int64 { claimant == nil ? .max : claimUntil }

    // MARK: The server

    func begin(_ socket: consuming Descriptor) { self.socket = consume socket }

    /// `descriptors` become the line's.
    func send(_ report: Report, _ descriptors: [Int32] = []) {
        outgoing.send(report, descriptors: descriptors)
    }

    func flush() {
        switch socket {
        case .some(let socket):
            // A server that cannot be told what became of a run would wait for ever; of the line's end it hears.
            if !outgoing.flush(to: socket) { shutdown(socket.raw, Int32(SHUT_RDWR)) }
        case .none: outgoing.discard()
        }
    }

    /// The server's next message; nil when there is none now, empty when it has gone.
    func receive() -> (bytes: [UInt8], descriptors: [Int32])? {
        switch socket {
        case .none: nil
        case .some(let socket): Self.receive(from: socket)
        }
    }

    private static func receive(from socket: borrowing Descriptor) -> (bytes: [UInt8], descriptors: [Int32])? {
        do throws(SystemCallFailure) {
            return try MessageSocket.receive(socket)
        } catch {
            return ([], [])
        }
    }

    /// The server has gone; what it was to be told is told to nobody.
    func drop() {
        socket = nil
        outgoing.discard()
    }

    // MARK: The next one

    /// Takes those who have connected: the first one may say what it wants, unless there is a server.
    func takeConnections() {
        while claimant == nil, let arrived = accept() {
            if socket == nil {
                claimant = consume arrived
                claimUntil = panal_monotonic_ns() + Self.claimTime
            } else {
                _ = MessageSocket.send(arrived, Report.taken.encoded(), descriptors: [], waiting: false)
            }
        }
    }

    private func accept() -> Descriptor? {
        switch listener {
        case .some(let listener): Rendezvous.accept(from: listener)
        case .none: nil
        }
    }

    /// What the claimant's table says, when it has come; the claimant is then the server. Whoever says anything else, or nothing
    /// in its time, is hung up on.
    func takeClaim(now: Int64) -> [UInt8]? {
        guard claimant != nil else { return nil }
        switch readClaim() {
        case .pending:
            if now >= claimUntil { claimant = nil }
            return nil
        case .refused:
            claimant = nil
            return nil
        case .table(let bytes):
            socket = claimant.take()
            return bytes
        }
    }

    private enum Claim {
        case pending, refused
        case table([UInt8])
    }

    private func readClaim() -> Claim {
        let message: (bytes: [UInt8], descriptors: [Int32])?
        switch claimant {
        case .some(let claimant): message = Self.receive(from: claimant)
        case .none: message = nil
        }
        guard let message else { return .pending }
        guard message.descriptors.count == 1, (try? Command(decoding: message.bytes)) == .claim else {
            for number in message.descriptors { Glibc.close(number) }
            return .refused
        }
        let file = Descriptor(owning: message.descriptors[0])
        guard (try? file.status())?.isRegular == true, lseek(file.raw, 0, SEEK_SET) == 0,
            let bytes = try? file.readAll(limit: LauncherTable.maximumBytes)
        else { return .refused }
        return .table(bytes)
    }

    /// Nobody can find this launcher any more.
    func close() {
        claimant = nil
        guard listener != nil else { return }
        listener = nil
        unsafe unlink(path)
    }
}

/// Messages that wait for the server to read: the launcher itself never waits for it, since deadlines would.
struct OutgoingMessages {
    private var queue: [(bytes: [UInt8], descriptors: [Int32], isAnswer: Bool)] = []
    /// How many there are that a server can have as often as it asks. All others are bounded by the number of runs and their limits;
    /// and a server that asks for them all at once, as one does that comes, reads none before it has asked.
    private(set) var answers = 0

    var isEmpty: Bool { queue.isEmpty }

    /// `descriptors` become this queue's and are closed when they have been sent.
    mutating func send(_ report: Report, descriptors: [Int32]) {
        let isAnswer =
            switch report {
            case .finished, .sampled, .freezing, .copied: true
            default: false
            }
        if isAnswer { answers += 1 }
        queue.append((report.encoded(), descriptors, isAnswer))
    }

    /// False when something could not be sent and never will be: then nobody is there to read it, as a rule.
    mutating func flush(to socket: borrowing Descriptor) -> Bool {
        var done = 0
        var isWhole = true
        for message in queue {
            let answer = MessageSocket.send(socket, message.bytes, descriptors: message.descriptors, waiting: false)
            if answer == .full { break }
            if answer == .closed { isWhole = false }
            for number in message.descriptors { close(number) }
            if message.isAnswer { answers -= 1 }
            done += 1
        }
        queue.removeFirst(done)
        return isWhole
    }

    mutating func discard() {
        for message in queue { for number in message.descriptors { close(number) } }
        queue = []
        answers = 0
    }
}
