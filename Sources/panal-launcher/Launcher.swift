internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// The loop: takes commands, watches cells, tells what became of them. See `LauncherMain` for the theory of operation.
final class Launcher {
    let table: LauncherTable
    let locks: HostLocks
    let users: UserBlock
    let groups: any CgroupDriver

    private let maker: MakerLine
    private var cells: [UInt64: RunningCell] = [:]
    private var parked: [ParkedRun] = []
    private var isStopping = false
    private var outgoing = OutgoingMessages()

    init(
        table: LauncherTable, locks: HostLocks, users: UserBlock, groups: any CgroupDriver, maker: MakerLine
    ) {
        self.table = table
        self.locks = locks
        self.users = users
        self.groups = groups
        self.maker = maker
    }

    /// Returns when the server has gone or said `stop`, and nothing of any cell is left.
    func serve(_ socket: borrowing Descriptor) {
        outgoing.send(.ready(cores: table.cores, memory: table.memory), descriptor: nil)
        while true {
            outgoing.flush(to: socket)
            if isStopping, cells.isEmpty { break }
            if !isStopping { maker.order(waiting: parked.count, isIdle: cells.isEmpty) }
            wait(socket)
            let now = panal_monotonic_ns()
            for cell in cells.values { cell.checkDeadlines(now: now, groups: groups) }
            retryParked()
        }
        maker.stop(groups)
        // A maker that was killed leaves what it was making. Nothing can be told any more; what could not be removed is swept by
        // the next launcher on this host.
        if (try? groups.sweep()) != nil { locks.giveUpInstance() }
    }

    private func stop() {
        isStopping = true
        for cell in cells.values { cell.kill(.stopped) }
        for run in parked { forget(run, .stopped) }
        parked = []
    }

    /// Waits until something happens or the next deadline, and deals with it.
    private func wait(_ socket: borrowing Descriptor) {
        let watched = Array(cells.values)
        var polled: [pollfd] = [
            pollfd(
                fd: isStopping ? -1 : socket.raw, events: Int16(POLLIN) | (outgoing.isEmpty ? 0 : Int16(POLLOUT)),
                revents: 0),
            pollfd(fd: maker.number, events: Int16(POLLIN), revents: 0),
        ]
        let first = polled.count
        for cell in watched {
            // What has said its last stays ready for good, and a dying cell can take seconds to give its memory back.
            let memory = cell.cause == .none ? cell.prepared.outOfMemory.number : -1
            polled.append(
                pollfd(fd: cell.hasHungUp ? -1 : cell.prepared.reports.raw, events: Int16(POLLIN), revents: 0))
            polled.append(pollfd(fd: cell.prepared.pidfd.raw, events: Int16(POLLIN), revents: 0))
            polled.append(pollfd(fd: memory, events: Int16(POLLIN), revents: 0))
        }
        let count = unsafe poll(&polled, nfds_t(polled.count), timeout(watched))
        guard count > 0 else { return }
        for (index, cell) in watched.enumerated() {
            let reports = polled[first + index * 3].revents
            let ended = polled[first + 1 + index * 3].revents
            let memory = polled[first + 2 + index * 3].revents
            if memory & Int16(POLLIN) != 0 { cell.kill(.memory) }
            if reports != 0 { readReports(of: cell) }
            if ended & Int16(POLLIN) != 0 { finish(cell) }
        }
        if polled[1].revents != 0 { takeMade() }
        if polled[0].revents & Int16(POLLIN | POLLHUP) != 0 { takeCommands(socket) }
    }

    /// Takes the cells that the maker has made. A failure goes to the run that has waited longest, if one waits.
    private func takeMade() {
        do throws(StepFailure) {
            while let failure = try maker.take() {
                if !parked.isEmpty { refuse(parked.removeFirst(), failure) }
            }
        } catch {
            // Without the maker no run can be started any more.
            for run in parked { refuse(run, error) }
            parked = []
            stop()
        }
    }

    private func readReports(of cell: RunningCell) {
        if cell.readReports() { outgoing.send(.started(id: cell.request.id), descriptor: nil) }
    }

    private func timeout(_ watched: [RunningCell]) -> Int32 {
        var next = watched.map(\.deadline).min() ?? .max
        if parked.contains(where: \.waitsForCores) { next = min(next, panal_monotonic_ns() + ParkedRun.pause) }
        guard next < .max / 4 else { return -1 }
        let left = next - panal_monotonic_ns()
        return Int32(clamping: max(0, (left + 999_999) / 1_000_000))
    }

    /// A few at a time: a server that never pauses must not keep its own cells' deadlines from being looked at.
    private func takeCommands(_ socket: borrowing Descriptor) {
        for _ in 0..<16 where !isStopping {
            guard let message = try? MessageSocket.receive(socket) else { return }
            if message.bytes.isEmpty { return stop() }
            do throws(ProtocolError) {
                switch try Command(decoding: message.bytes) {
                case .run(let request):
                    admit(ParkedRun(request, streams: message.descriptors, now: panal_monotonic_ns()))
                case .kill(let id, let cause): kill(id, cause)
                case .stop: stop()
                }
            } catch {
                // A server that speaks nonsense is no server to trust further.
                for number in message.descriptors { close(number) }
                stop()
            }
        }
    }

    private func kill(_ id: UInt64, _ cause: KillCause) {
        cells[id]?.kill(cause)
        guard let index = parked.firstIndex(where: { $0.request.id == id }) else { return }
        forget(parked.remove(at: index), cause)
    }

    private func forget(_ run: ParkedRun, _ cause: KillCause) {
        outgoing.send(.finished(id: run.request.id, FinishReport(ending: .killed, cause: cause)), descriptor: nil)
    }

    /// Every run waits its turn behind those that came before it, most of them for no longer than this round of the loop.
    private func admit(_ run: ParkedRun) {
        let id = run.request.id
        if cells[id] != nil || parked.contains(where: { $0.request.id == id }) {
            refuse(run, .mismatch("request.id", "this run is there already"))
        } else if parked.count >= ParkedRun.most {
            refuse(run, .mismatch("launcher.queue", "\(ParkedRun.most) runs wait already"))
        } else {
            parked.append(run)
        }
    }

    /// Starts a run, or parks it while no cell is ready or another Panal is on its cores.
    private func take(_ run: ParkedRun) {
        run.waitsForCores = false
        do throws(StepFailure) {
            if try !start(run) { parked.append(run) }
        } catch {
            let isElsewhere = error.step == CoreLocks.step && error.errno == EBUSY && !isOnOurCores(run.request)
            if isElsewhere, panal_monotonic_ns() < run.until {
                run.waitsForCores = true
                parked.append(run)
                return
            }
            refuse(run, error)
        }
    }

    private func refuse(_ run: ParkedRun, _ error: StepFailure) {
        let step = StepReport(step: error.step, errno: error.errno, detail: error.detail)
        outgoing.send(.finished(id: run.request.id, FinishReport(ending: .failed(step))), descriptor: nil)
    }

    private func retryParked() {
        guard !parked.isEmpty else { return }
        let waiting = parked
        parked = []
        for run in waiting { take(run) }
    }

    private func isOnOurCores(_ request: RunRequest) -> Bool {
        cells.values.contains { cell in
            (cell.request.exclusive || request.exclusive) && !Set(cell.request.cores).isDisjoint(with: request.cores)
        }
    }

    /// False when no cell is ready.
    private func start(_ run: ParkedRun) throws(StepFailure) -> Bool {
        let request = run.request
        guard run.streams.count == 3, run.streams.allSatisfy(isStream) else {
            throw .mismatch("request.streams", "three files, pipes or character devices must come with a run")
        }
        if let field = RequestCheck.refusal(of: request, by: table) {
            throw .mismatch("request.check", "the table does not allow this value: \(field)")
        }
        let given = cells.values.reduce(0) { $0 + $1.request.memory }
        guard given + request.memory <= table.memory else {
            throw .mismatch("request.memory", "the cells that run have \(given) of \(table.memory) bytes already")
        }
        guard maker.hasCell else { return false }
        let cores = try CoreLocks.take(request, locks: locks)
        guard let cell = maker.next() else { return false }
        cells[request.id] = try CellStart(launcher: self, request: request, streams: run.streams).run(
            in: cell, cores: cores)
        return true
    }

    /// Nothing that leads further: below a folder of the host's a program could open the host's files, and behind a socket are
    /// the host's services.
    private func isStream(_ number: Int32) -> Bool {
        var found = stat()
        return unsafe fstat(number, &found) == 0 && [S_IFREG, S_IFIFO, S_IFCHR].contains(found.st_mode & S_IFMT)
    }

    /// Init is gone and with it every process of the cell: reads usage, opens results, removes the group, tells the server.
    private func finish(_ cell: RunningCell) {
        readReports(of: cell)
        var status: Int32 = 0
        _ = unsafe panal_wait(cell.prepared.process, &status)
        cells[cell.request.id] = nil
        defer { users.giveBack(cell.slot) }
        var report: FinishReport
        do throws(StepFailure) {
            try waitUntilEmpty(cell.group)
            report = cell.finishReport(usage: try groups.usage(cell.group), now: panal_monotonic_ns())
            if cell.started != nil, cell.failure == nil { try collect(cell) }
            try groups.remove(cell.group)
        } catch {
            try? groups.remove(cell.group)
            report = FinishReport(
                ending: .failed(StepReport(step: error.step, errno: error.errno, detail: error.detail)))
        }
        outgoing.send(.finished(id: cell.request.id, report), descriptor: nil)
    }

    /// The kernel ends a pid namespace before its init is reaped, so this holds at once but for accounting that lags.
    private func waitUntilEmpty(_ group: String) throws(StepFailure) {
        for _ in 0..<500 {
            if try groups.isEmpty(group) { return }
            usleep(2_000)
        }
        throw .mismatch("cgroup.empty", "processes are left in \(group)")
    }

    private func collect(_ cell: RunningCell) throws(StepFailure) {
        let id = cell.request.id
        var found: [(String, UInt64, Int32)] = []
        var skipped: [(String, String)] = []
        var collector = Collector(
            files: Int(cell.request.collectedFiles), bytes: cell.request.collectedBytes,
            take: { found.append(($0, $1, $2)) }, skip: { skipped.append(($0, $1)) })
        do throws(StepFailure) {
            try collector.collect(scratch: cell.scratch)
        } catch {
            for file in found { close(file.2) }
            throw error
        }
        for file in found {
            outgoing.send(.file(id: id, path: file.0, bytes: file.1), descriptor: file.2)
        }
        for (path, reason) in skipped {
            outgoing.send(.skipped(id: id, path: String(path.prefix(4_096)), reason: reason), descriptor: nil)
        }
    }
}

/// Messages that wait for the server to read: the launcher itself never waits for it, since deadlines would.
struct OutgoingMessages {
    private var queue: [(bytes: [UInt8], descriptor: Int32?)] = []

    var isEmpty: Bool { queue.isEmpty }

    /// `descriptor` becomes this queue's and is closed when it has been sent.
    mutating func send(_ report: Report, descriptor: Int32?) {
        queue.append((report.encoded(), descriptor))
    }

    mutating func flush(to socket: borrowing Descriptor) {
        var done = 0
        for message in queue {
            let descriptors = message.descriptor.map { [$0] } ?? []
            if MessageSocket.send(socket, message.bytes, descriptors: descriptors, waiting: false) == .full { break }
            // Sent, or nobody is there to read it: either way it is over.
            if let number = message.descriptor { close(number) }
            done += 1
        }
        queue.removeFirst(done)
    }
}
