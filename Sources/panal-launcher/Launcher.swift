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

    private let pool: SlotPool
    private let cores: CoreLocks
    /// Slots whose runs have been told of: their next cells are made once the server has heard.
    private var vacated: [(slot: Slot, request: RunRequest)] = []
    /// Slots whose runs have been told of, and in which only init is left, which is about to end.
    private var leaving: [(slot: Slot, request: RunRequest, cell: PreparedCell)] = []
    private var cells: [UInt64: RunningCell] = [:]
    private var parked: [ParkedRun] = []
    private var isStopping = false
    private var outgoing = OutgoingMessages()

    init(
        table: LauncherTable, locks: HostLocks, users: UserBlock, groups: any CgroupDriver, pool: SlotPool
    ) {
        self.table = table
        self.locks = locks
        self.users = users
        self.groups = groups
        self.pool = pool
        cores = CoreLocks(locks)
    }

    /// Returns when the server has gone or said `stop`, and nothing of any cell is left.
    func serve(_ socket: borrowing Descriptor) {
        outgoing.send(.ready(cores: table.cores, memory: table.memory), descriptor: nil)
        while true {
            outgoing.flush(to: socket)
            takeBackVacated()
            if isStopping, cells.isEmpty, leaving.isEmpty { break }
            if !isStopping { pool.order(waiting: parked.count, isIdle: cells.isEmpty) }
            wait(socket)
            let now = panal_monotonic_ns()
            for cell in cells.values { cell.checkDeadlines(now: now) }
            pool.tidy(now: now)
            retryParked()
        }
        pool.stop()
        // A maker that was killed leaves what it was making. Nothing can be told any more; what could not be removed is swept by
        // the next launcher on this host.
        if (try? groups.sweep()) != nil { locks.giveUpInstance() }
    }

    private func takeBackVacated() {
        let slots = vacated
        vacated = []
        for (slot, request) in slots {
            if isStopping { pool.giveUp(slot) } else { pool.takeBack(slot, after: request) }
        }
    }

    private func stop() {
        isStopping = true
        for cell in cells.values { cell.kill(.stopped) }
        for run in parked { forget(run, .stopped) }
        parked = []
    }

    /// Waits until something happens or the next deadline, and deals with it.
    private func wait(_ socket: borrowing Descriptor) {
        let running = Array(cells.values)
        let slots = pool.watched
        var polled: [pollfd] = [
            pollfd(
                fd: isStopping ? -1 : socket.raw, events: Int16(POLLIN) | (outgoing.isEmpty ? 0 : Int16(POLLOUT)),
                revents: 0),
            pollfd(fd: pool.makerLine, events: Int16(POLLIN), revents: 0),
        ]
        for slot in slots { polled.append(pollfd(fd: slot.line, events: Int16(POLLIN), revents: 0)) }
        let first = polled.count
        let now = panal_monotonic_ns()
        for run in running {
            let start = run.hasStartEnded || now < run.startWatch ? -1 : run.cell.start.raw
            // What has ended stays ready for good, and a dying cell can take seconds to give its memory back.
            let memory = run.cause == .none ? run.cell.group.outOfMemory : -1
            let line = run.hasLineEnded ? -1 : run.cell.line.raw
            // Its end alone counts.
            polled.append(pollfd(fd: start, events: 0, revents: 0))
            polled.append(pollfd(fd: run.cell.pidfd.raw, events: Int16(POLLIN), revents: 0))
            polled.append(pollfd(fd: memory, events: Int16(POLLIN), revents: 0))
            polled.append(pollfd(fd: line, events: Int16(POLLIN), revents: 0))
        }
        let last = polled.count
        let left = leaving
        for run in left { polled.append(pollfd(fd: run.cell.pidfd.raw, events: Int16(POLLIN), revents: 0)) }
        let count = unsafe poll(&polled, nfds_t(polled.count), timeout(running))
        guard count > 0 else { return }
        leaving = []
        for (index, run) in left.enumerated() {
            if polled[last + index].revents != 0 { leave(run.slot, run.request, run.cell) } else { leaving.append(run) }
        }
        for (index, run) in running.enumerated() {
            let start = polled[first + index * 4].revents
            let ended = polled[first + 1 + index * 4].revents
            let memory = polled[first + 2 + index * 4].revents
            if memory & Int16(POLLIN) != 0 { run.kill(.memory) }
            if start != 0 { noteStart(of: run) }
            if ended & Int16(POLLIN) != 0 {
                finish(run)
            } else if polled[first + 3 + index * 4].revents != 0 {
                takeReports(of: run)
            }
        }
        for (index, watched) in slots.enumerated() where polled[2 + index].revents != 0 {
            if let failure = pool.take(from: watched.slot) { refuseOne(failure) }
        }
        if polled[1].revents != 0 { takeMade() }
        if polled[0].revents & Int16(POLLIN | POLLHUP) != 0 { takeCommands(socket) }
    }

    /// Takes the slots that the maker has made.
    private func takeMade() {
        do throws(StepFailure) {
            while let failure = try pool.takeMade() { refuseOne(failure) }
        } catch {
            // Without the maker no slot can be made any more.
            for run in parked { refuse(run, error) }
            parked = []
            stop()
        }
    }

    /// A cell that could not be made is told to the run that has waited longest, if one waits.
    private func refuseOne(_ failure: StepFailure) {
        if !parked.isEmpty { refuse(parked.removeFirst(), failure) }
    }

    private func noteStart(of run: RunningCell) {
        guard !run.hasStartEnded else { return }
        let isStarted = run.noteStart()
        if let listener = run.takeListener() {
            outgoing.send(.explaining(id: run.request.id), descriptor: listener)
        }
        guard isStarted else { return }
        pool.noteSuccess()
        outgoing.send(.started(id: run.request.id), descriptor: nil)
    }

    private func timeout(_ running: [RunningCell]) -> Int32 {
        var next = pool.nextTidying()
        let now = panal_monotonic_ns()
        for run in running {
            next = min(next, run.deadline, run.hasStartEnded || now >= run.startWatch ? .max : run.startWatch)
        }
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
            let isElsewhere = error.step == CoreLocks.step && error.errno == EBUSY && !cores.isOurs(run.request)
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

    /// False when no cell is ready.
    private func start(_ run: ParkedRun) throws(StepFailure) -> Bool {
        let request = run.request
        let kinds = run.streams.map(Self.kind)
        guard kinds.count == 3, kinds.allSatisfy({ [S_IFREG, S_IFIFO, S_IFCHR].contains($0) }) else {
            throw .mismatch("request.streams", "three files, pipes or character devices must come with a run")
        }
        if let field = RequestCheck.refusal(of: request, by: table) {
            throw .mismatch("request.check", "the table does not allow this value: \(field)")
        }
        let given = cells.values.reduce(0) { $0 + $1.request.memory }
        guard given + request.memory <= table.memory else {
            throw .mismatch("request.memory", "the cells that run have \(given) of \(table.memory) bytes already")
        }
        guard pool.hasCell else { return false }
        try cores.take(request)
        guard let slot = pool.next() else { return false }
        do throws(StepFailure) {
            let start = CellStart(
                request: request, streams: run.streams,
                pipes: zip(run.streams, kinds).filter { $1 == S_IFIFO }.map(\.0), owner: users.owner(slot.index))
            cells[request.id] = try start.run(in: slot)
        } catch {
            cores.giveBack(request)
            pool.giveUp(slot)
            throw error
        }
        return true
    }

    /// What a stream is. Nothing that leads further will do: below a folder of the host's a program could open the host's files,
    /// and behind a socket are the host's services.
    private static func kind(_ number: Int32) -> UInt32 {
        var found = stat()
        return unsafe fstat(number, &found) == 0 ? found.st_mode & S_IFMT : 0
    }

    /// The program's process, or init, has said something. When the program has ended and nobody but init is left in the cell,
    /// which is the rule, the run is over: init has nothing left to do but to end, for which the server need not wait.
    private func takeReports(of run: RunningCell) {
        run.readReports()
        guard let ended = run.ended, (try? run.cell.group.hasOnlyInit()) == true else { return }
        noteStart(of: run)
        let place = leaving.count
        leaving.append((run.slot, run.request, run.cell))
        guard tell(of: run, storage: ended.usage[5...6], cellTime: ended.cellTime) else {
            leaving.remove(at: place)
            return pool.giveUp(run.slot)
        }
    }

    /// Init is gone too.
    private func leave(_ slot: Slot, _ request: RunRequest, _ cell: PreparedCell) {
        var status: Int32 = 0
        _ = unsafe panal_wait(cell.process, &status)
        do throws(StepFailure) {
            try waitUntilEmpty(cell.group)
            vacated.append((slot, request))
        } catch {
            pool.giveUp(slot)
        }
    }

    /// Init is gone and with it every process of the cell.
    private func finish(_ run: RunningCell) {
        noteStart(of: run)
        run.readReports()
        var status: Int32 = 0
        var usage = [Int64](repeating: 0, count: 7)
        // Of init and all that it has reaped.
        _ = unsafe panal_wait_with_usage(run.cell.process, &status, &usage)
        if tell(of: run, storage: usage[5...6], cellTime: (usage[0] + usage[1]) * 1_000, isGone: true) {
            vacated.append((run.slot, run.request))
        } else {
            pool.giveUp(run.slot)
        }
    }

    /// Reads usage, opens results, tells the server; false when that failed, and the slot is not to be used any more.
    private func tell(
        of run: RunningCell, storage: ArraySlice<Int64>, cellTime: Int64, isGone: Bool = false
    ) -> Bool {
        cells[run.request.id] = nil
        cores.giveBack(run.request)
        var report: FinishReport
        var isWhole = false
        do throws(StepFailure) {
            if isGone { try waitUntilEmpty(run.cell.group) }
            report = run.finishReport(
                usage: try run.cell.group.usage(), cellTime: cellTime, now: panal_monotonic_ns())
            if Processes.countsStorage { (report.bytesRead, report.bytesWritten) = (storage[5], storage[6]) }
            if run.started != nil, run.failure == nil { try collect(run) }
            isWhole = true
        } catch {
            report = FinishReport(
                ending: .failed(StepReport(step: error.step, errno: error.errno, detail: error.detail)))
        }
        outgoing.send(.finished(id: run.request.id, report), descriptor: nil)
        return isWhole
    }

    /// The kernel ends a pid namespace before its init is reaped, so this holds at once but for accounting that lags.
    private func waitUntilEmpty(_ group: any CellGroup) throws(StepFailure) {
        for _ in 0..<500 {
            if try group.isEmpty() { return }
            usleep(2_000)
        }
        throw .mismatch("cgroup.empty", "processes are left in the cell's group")
    }

    private func collect(_ cell: RunningCell) throws(StepFailure) {
        let id = cell.request.id
        var found: [(String, UInt64, Int32)] = []
        var skipped: [(String, String)] = []
        var collector = Collector(
            files: Int(cell.request.collectedFiles), bytes: cell.request.collectedBytes,
            take: { found.append(($0, $1, $2)) }, skip: { skipped.append(($0, $1)) })
        do throws(StepFailure) {
            try collector.collect(scratch: cell.cell.scratch)
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
