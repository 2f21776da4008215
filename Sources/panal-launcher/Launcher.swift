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
    let images: ImageStore
    /// Whether roots can be writable here.
    let writesRoots: Bool
    /// Nil where no run may be held to a rate of reading.
    let reading: ReadPlaces?

    let server: ServerLine
    let pool: SlotPool
    let cores: CoreLocks
    /// Slots whose runs have been told of: their next cells are made once the server has heard.
    var vacated: [(slot: Slot, request: RunRequest)] = []
    /// Slots whose runs have been told of, and in which only init is left, which is about to end.
    var leaving: [(slot: Slot, end: RunEnd, cell: PreparedCell)] = []
    /// Runs whose results are being looked for, of which the server is told afterwards.
    var collecting: [CollectorProcess] = []
    /// Copies of roots that are being made; and those that nobody wants any more, or are done, until their processes have ended.
    var copies: [RootCopy] = []
    var endingCopies: [RootCopy] = []
    /// What takes down large scratches.
    var teardowns: [ScratchTeardown] = []
    var cells: [UInt64: RunningCell] = [:]
    var parked: [ParkedRun] = []
    /// Where cells are kept: every run whose end the server need not have heard of.
    var held: [UInt64: HeldRun] = [:]
    /// Since when nobody has asked for what is held: the last server has gone, or this one has come.
    var unaskedSince: Int64 = .max
    var isStopping = false
    /// The maker could not be told just now which slots are wanted.
    private var isOrderDue = false

    init(
        table: LauncherTable, server: ServerLine, locks: HostLocks, users: UserBlock, groups: any CgroupDriver,
        images: consuming ImageStore, writesRoots: Bool, reading: ReadPlaces?, pool: SlotPool
    ) {
        self.table = table
        self.server = server
        self.locks = locks
        self.users = users
        self.groups = groups
        self.images = images
        self.writesRoots = writesRoots
        self.reading = reading
        self.pool = pool
        cores = CoreLocks(locks)
    }

    /// Returns when the server has said `stop`, or has gone and none has come in time, and nothing of any cell is left.
    func serve(_ socket: consuming Descriptor) {
        server.begin(socket)
        sendReady()
        while true {
            server.flush()
            takeBackVacated()
            followTeardowns()
            if isStopping, cells.isEmpty, leaving.isEmpty { break }
            let idleRuns = parked.count { $0.kind == .idle }
            isOrderDue =
                !isStopping
                && !pool.order(waiting: parked.count - idleRuns, idleRuns: idleRuns, isIdle: cells.isEmpty)
            if isStopping || !parked.isEmpty { for run in leaving { run.slot.hurry() } }
            wait()
            let now = panal_monotonic_ns()
            for cell in cells.values { cell.checkDeadlines(now: now) }
            checkFreezing(now: now)
            checkUnasked(now: now)
            pool.tidy(now: now, forMemory: parked.contains(where: \.waitsForMemory))
            pool.letGo(now: now) { images.has($0) }
            retryParked()
        }
        pool.stop()
        // A maker that was killed leaves what it was making. Nothing can be told any more; what could not be removed is swept by
        // the next launcher on this host.
        if (try? groups.sweep()) != nil { locks.giveUpInstance() }
    }

    func sendReady() {
        let refusal = table.limitsReading ? groups.readingRefusal?.detail : nil
        server.send(
            .ready(
                cores: table.cores, memory: table.memory, freezes: groups.freezes, writesRoots: writesRoots,
                readingRefusal: String(refusal?.prefix(1_000) ?? "")))
    }

    private func takeBackVacated() {
        let slots = vacated
        vacated = []
        for (slot, request) in slots {
            if isStopping { pool.giveUp(slot) } else { pool.takeBack(slot, after: request) }
        }
    }

    private func followTeardowns() {
        if !endingCopies.isEmpty { endingCopies.removeAll(where: \.isOver) }
        guard !teardowns.isEmpty else { return }
        for teardown in teardowns { teardown.begin() }
        teardowns.removeAll { $0.isOver }
    }

    func stop() {
        isStopping = true
        server.close()
        collecting = []
        drop(copies)
        for cell in cells.values { cell.kill(.stopped) }
        for run in parked { drop(run, .stopped) }
        parked = []
    }

    /// Waits until something happens or the next deadline, and deals with it.
    private func wait() {
        let running = Array(cells.values)
        let slots = pool.watched(isIdle: cells.isEmpty)
        var polled: [pollfd] = [
            pollfd(
                fd: isStopping ? -1 : server.serverEnd,
                events: (server.takesMore ? Int16(POLLIN) : 0) | (server.wantsToSend ? Int16(POLLOUT) : 0), revents: 0),
            pollfd(fd: pool.makerLine, events: Int16(POLLIN), revents: 0),
            pollfd(fd: server.listenerEnd, events: Int16(POLLIN), revents: 0),
            pollfd(fd: server.claimantEnd, events: Int16(POLLIN), revents: 0),
        ]
        let firstSlot = polled.count
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
        let collectors = collecting
        let firstCollector = polled.count
        for collector in collectors {
            polled.append(pollfd(fd: collector.line.raw, events: Int16(POLLIN), revents: 0))
        }
        let copying = copies
        let firstCopy = polled.count
        for copy in copying { polled.append(pollfd(fd: copy.line.raw, events: Int16(POLLIN), revents: 0)) }
        let last = polled.count
        let left = leaving
        for run in left { polled.append(pollfd(fd: run.cell.pidfd.raw, events: Int16(POLLIN), revents: 0)) }
        let count = unsafe poll(&polled, nfds_t(polled.count), timeout(running, now: now))
        guard count > 0 || panal_monotonic_ns() >= server.deadline else { return }
        leaving = []
        for (index, run) in left.enumerated() {
            if polled[last + index].revents != 0 { leave(run.slot, run.end, run.cell) } else { leaving.append(run) }
        }
        for (index, run) in running.enumerated() {
            let start = polled[first + index * 4].revents
            let ended = polled[first + 1 + index * 4].revents
            let memory = polled[first + 2 + index * 4].revents
            if memory & Int16(POLLIN) != 0 { run.noteOutOfMemory() }
            if start != 0 { noteStart(of: run) }
            if ended & Int16(POLLIN) != 0 {
                finish(run)
            } else if polled[first + 3 + index * 4].revents != 0 {
                takeReports(of: run)
            }
        }
        for (index, collector) in collectors.enumerated() where polled[firstCollector + index].revents != 0 {
            takeResults(from: collector)
        }
        for (index, copy) in copying.enumerated() where polled[firstCopy + index].revents != 0 { takeCopied(copy) }
        for (index, watched) in slots.enumerated() where polled[firstSlot + index].revents != 0 {
            if let failure = pool.take(from: watched.slot) {
                refuseOne(failure, watched.slot.kind, watched.slot.plan)
            }
        }
        for slot in pool.unwatched(isIdle: cells.isEmpty) {
            if let failure = pool.take(from: slot) { refuseOne(failure, slot.kind, slot.plan) }
        }
        if polled[1].revents != 0 { takeMade() }
        if polled[0].revents & Int16(POLLIN | POLLHUP) != 0 { takeCommands() }
        if polled[2].revents != 0 { server.takeConnections() }
        takeClaim()
    }

    /// Takes the slots that the maker has made.
    private func takeMade() {
        do throws(StepFailure) {
            while let (failure, kind) = try pool.takeMade() { refuseOne(failure, kind) }
        } catch {
            // Without the maker no slot can be made any more.
            for run in parked { refuse(run.request, error) }
            parked = []
            stop()
        }
    }

    /// A cell that could not be made is told to the run that has waited longest for one of its kind with its root, if one waits; or
    /// without, where the root had no part in it.
    private func refuseOne(_ failure: StepFailure, _ kind: Slot.Kind, _ plan: CellInit.Plan? = nil) {
        let waiting = parked.indices.filter { parked[$0].kind == kind }
        let own = waiting.first {
            parked[$0].image == plan?.image
                && parked[$0].request.hasWritableRoot == (plan?.hasWritableRoot ?? false)
        }
        guard let index = own ?? (failure.isOfImage ? nil : waiting.first) else { return }
        refuse(parked.remove(at: index).request, failure)
    }

    /// Of a run that has ended its report says when it was started.
    func noteStart(of run: RunningCell, hasEnded: Bool = false) {
        guard !run.hasStartEnded else { return }
        let isStarted = run.noteStart()
        let id = run.request.id
        if let listener = run.takeListener() { server.send(.explaining(id: id), [listener]) }
        guard isStarted, let moment = run.started else { return }
        pool.noteSuccess()
        if !hasEnded, isHeard(id) { server.send(.started(id: id, at: moment)) }
    }

    /// `now` is the moment by which was chosen what is watched: a start that is not watched yet is then waited for.
    private func timeout(_ running: [RunningCell], now: Int64) -> Int32 {
        var next = min(
            pool.nextTidying(forMemory: parked.contains(where: \.waitsForMemory)), server.deadline, nextUnasked)
        for run in running {
            next = min(next, run.deadline, run.hasStartEnded || now >= run.startWatch ? .max : run.startWatch)
        }
        if running.contains(where: \.isStopping) { next = min(next, now + 1_000_000) }
        if isOrderDue || parked.contains(where: \.waitsForCores) { next = min(next, now + ParkedRun.pause) }
        guard next < .max / 4 else { return -1 }
        let left = next - panal_monotonic_ns()
        return Int32(clamping: max(0, (left + 999_999) / 1_000_000))
    }

    /// A moment's worth at a time: a server that never pauses must not keep its own cells' deadlines from being looked at.
    private func takeCommands() {
        let end = panal_monotonic_ns() + 2_000_000
        repeat {
            if isStopping || !server.takesMore { return }
            guard let message = server.receive() else { return }
            if message.bytes.isEmpty { return lose() }
            do throws(ProtocolError) {
                try carryOut(try Command(decoding: message.bytes), message.descriptors)
            } catch {
                // A server that speaks nonsense is no server to trust further.
                for number in message.descriptors { close(number) }
                stop()
            }
        } while panal_monotonic_ns() < end
    }

    private func carryOut(_ command: Command, _ descriptors: [Int32]) throws(ProtocolError) {
        if case .run(let request) = command { return admit(request, descriptors) }
        if case .copyChanges(let id, let maximumBytes) = command {
            return copyChanges(id, maximumBytes: maximumBytes, descriptors)
        }
        guard descriptors.isEmpty else { throw .unknownKind }
        switch command {
        case .kill(let id, let cause): kill(id, cause)
        case .stop: stop()
        case .resume(let id): resume(id)
        case .forget(let id): forget(id)
        case .freeze(let id): freeze(id, true)
        case .thaw(let id): freeze(id, false)
        case .sample(let id): server.send(.sampled(id: id, cells[id]?.sample(now: panal_monotonic_ns())))
        case .run, .copyChanges, .claim: throw .unknownKind
        }
    }
}
