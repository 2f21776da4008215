internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// One run's way: admitted, started when a cell and its cores are there, told of when it has ended.
extension Launcher {
    func kill(_ id: UInt64, _ cause: KillCause) {
        cells[id]?.kill(cause)
        guard let index = parked.firstIndex(where: { $0.request.id == id }) else { return }
        drop(parked.remove(at: index), cause)
    }

    func drop(_ run: ParkedRun, _ cause: KillCause) {
        tell(RunEnd(run.request, FinishReport(ending: .killed, cause: cause)))
    }

    /// Every run waits its turn behind those that came before it, most of them for no longer than this round of the loop.
    func admit(_ request: RunRequest, _ descriptors: [Int32]) {
        let id = request.id
        if held[id] != nil || cells[id] != nil || parked.contains(where: { $0.request.id == id }) {
            for number in descriptors { close(number) }
            return answer(request, .mismatch("request.id", "this run is there already"))
        }
        guard let streams = keep(request, descriptors) else { return }
        let run = ParkedRun(request, streams: streams, now: panal_monotonic_ns())
        if parked.count >= ParkedRun.most {
            refuse(request, .mismatch("launcher.queue", "\(ParkedRun.most) runs wait already"))
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
            refuse(run.request, error)
        }
    }

    func refuse(_ request: RunRequest, _ error: StepFailure, started: Int64? = nil) {
        let step = StepReport(step: error.step, errno: error.errno, detail: error.detail)
        tell(RunEnd(request, FinishReport(ending: .failed(step)), started: started))
    }

    /// The same where the run has never been noted, so that nothing else may be said of what has its number.
    func answer(_ request: RunRequest, _ error: StepFailure) {
        let step = StepReport(step: error.step, errno: error.errno, detail: error.detail)
        server.send(.finished(id: request.id, FinishReport(ending: .failed(step))))
    }

    func retryParked() {
        guard !parked.isEmpty else { return }
        let waiting = parked
        parked = []
        for run in waiting { take(run) }
    }

    /// False when no cell is ready, or results that are kept have the memory.
    private func start(_ run: ParkedRun) throws(StepFailure) -> Bool {
        let request = run.request
        let kinds = run.streams.map(Self.kind)
        guard kinds.count == 3, kinds.allSatisfy({ [S_IFREG, S_IFIFO, S_IFCHR].contains($0) }) else {
            throw .mismatch("request.streams", "three files, pipes or character devices must come with a run")
        }
        if let field = RequestCheck.refusal(of: request, by: table) {
            throw .mismatch("request.check", "the table does not allow this value: \(field)")
        }
        switch request.rootfs {
        case .host: break
        case .image where request.hasWritableRoot && !writesRoots:
            throw .mismatch(
                WritableRoot.step,
                "on this host no root can be writable: its kernel, or where the images lie, cannot do it")
        // Each time, since it may have been removed, or have come, since a cell was made of it.
        case .image(let digest): run.image = try images.find(digest)
        }
        let reading = try readingRate(of: request)
        let given = cells.values.reduce(0) { $0 + $1.request.memory }
        guard given + request.memory <= table.memory else {
            throw .mismatch("request.memory", "the cells that run have \(given) of \(table.memory) bytes already")
        }
        // Results take memory until the server has stored them; one that never says so gets no more by that.
        let kept = held.values.reduce(UInt64(0)) { sum, run in
            guard let end = run.end, end.results != nil else { return sum }
            // What else is left in a group that is kept is waited for when the results are not needed any more.
            return sum + (end.slot == nil ? RunEnd.mostBytes(of: run.request) : run.request.memory)
        }
        guard given + kept + returning + request.memory <= table.memory else {
            // Only what it waits for without anybody else having it counts as missing.
            if given + kept + request.memory <= table.memory {
                try noteMissingMemory(run)
            } else {
                run.memoryMissedSince = nil
            }
            return false
        }
        run.memoryMissedSince = nil
        guard pool.hasCell(for: run) else {
            try pool.makeWay(for: run)
            return false
        }
        try cores.take(request)
        guard let slot = pool.next(for: run) else { return false }
        do throws(StepFailure) {
            let pipes = zip(run.streams, kinds).filter { $1 == S_IFIFO && Self.isNameless($0) }.map(\.0)
            let start = CellStart(
                request: request, streams: run.streams, pipes: pipes, owner: users.owner(slot.index), reading: reading)
            cells[request.id] = try start.run(in: slot)
        } catch {
            cores.giveBack(request)
            pool.giveUp(slot)
            throw error
        }
        return true
    }

    /// Bytes of runs that are over, of which nobody can say yet that they are free.
    private var returning: UInt64 {
        let ending =
            leaving.reduce(UInt64(0)) { $0 + $1.end.request.memory } + vacated.reduce(0) { $0 + $1.request.memory }
        // Where ends are kept, that of a run whose results are looked for is.
        let searched = collecting.reduce(UInt64(0)) {
            $0 + (held[$1.end.request.id] == nil ? $1.end.request.memory : 0)
        }
        return pool.returning + ending + searched
    }

    /// A run could start but for memory that is still to come back.
    private func noteMissingMemory(_ run: ParkedRun) throws(StepFailure) {
        let now = panal_monotonic_ns()
        let since = run.memoryMissedSince ?? now
        run.memoryMissedSince = since
        guard now - since < ParkedRun.memoryPatience else {
            throw StepFailure(
                step: "launcher.memory",
                detail:
                    "\(returning) bytes of runs that are over have not come back within "
                    + "\(ParkedRun.memoryPatience / 1_000_000_000) s: the kernel still frees them, or somebody has their results open",
                errno: EBUSY)
        }
    }

    /// What a stream is. Nothing that leads further will do: below a folder of the host's a program could open the host's files,
    /// and behind a socket are the host's services.
    private static func kind(_ number: Int32) -> UInt32 {
        var found = stat()
        return unsafe fstat(number, &found) == 0 ? found.st_mode & S_IFMT : 0
    }

    /// Whether a pipe has no name in a file system: one that has is not the run's alone, and stays whose it is.
    private static func isNameless(_ number: Int32) -> Bool {
        var system = [UInt64](repeating: 0, count: 4)
        return unsafe panal_fstatfs(number, &system) == 0 && system[3] == Mounts.pipeMagic
    }

    // MARK: Its end

    /// The program's process, or init, has said something. When the program has ended and nobody but init is left in the cell,
    /// which is the rule, the run is over: init has nothing left to do but to end, for which the server need not wait.
    func takeReports(of run: RunningCell) {
        run.readReports()
        guard let ended = run.ended else { return }
        guard (try? run.cell.group.hasOnlyInit()) == true else { return run.endRest() }
        noteStart(of: run, hasEnded: true)
        guard let end = conclude(run, storage: ended.usage[5...6], cellTime: ended.cellTime) else {
            return pool.giveUp(run.slot)
        }
        leaving.append((run.slot, end, run.cell))
        tell(end)
        run.slot.rest()
    }

    /// Init is gone too.
    func leave(_ slot: Slot, _ end: RunEnd, _ cell: PreparedCell) {
        _ = cell.reap()
        do throws(StepFailure) {
            try cell.group.waitUntilEmpty()
            vacate(slot, after: end)
        } catch {
            pool.giveUp(slot)
        }
    }

    /// Init is gone and with it every process of the cell.
    func finish(_ run: RunningCell) {
        noteStart(of: run, hasEnded: true)
        run.readReports()
        let usage = run.cell.reap()
        let cellTime = (usage[0] + usage[1]) * 1_000
        guard let end = conclude(run, storage: usage[5...6], cellTime: cellTime, isGone: true) else {
            return pool.giveUp(run.slot)
        }
        tell(end)
        vacate(run.slot, after: end)
    }

    /// Reads usage and takes hold of the results. Where that fails the server is told so, and the slot is not to be used any more:
    /// then the answer is nil.
    private func conclude(
        _ run: RunningCell, storage: ArraySlice<Int64>, cellTime: Int64, isGone: Bool = false
    ) -> RunEnd? {
        cells[run.request.id] = nil
        if !copies.isEmpty { endCopy(of: run.request.id, "the program ended while it was copied") }
        if run.hasCores { cores.giveBack(run.request) }
        run.noteEnd()
        do throws(StepFailure) {
            if isGone { try run.cell.group.waitUntilEmpty() }
            var report = run.finishReport(
                usage: try run.cell.group.usage(), cellTime: cellTime, now: panal_monotonic_ns())
            if Processes.countsStorage { (report.bytesRead, report.bytesWritten) = (storage[5], storage[6]) }
            // What made a cell fail may be its spawner's, and then makes the next one fail too.
            if case .failed(let step) = report.ending {
                throw StepFailure(step: step.step, detail: step.detail, errno: step.errno)
            }
            let end = RunEnd(run.request, report, started: run.programStart)
            if end.started != nil { end.results = run.cell }
            return end
        } catch {
            refuse(run.request, error, started: run.programStart)
            return nil
        }
    }

    /// Answers whether there was anything to be told.
    func collect(_ request: RunRequest, _ scratch: borrowing Descriptor) throws(StepFailure) -> Bool {
        var found: [(String, UInt64, Int32)] = []
        var skipped: [(String, String)] = []
        var collector = Collector(
            request,
            take: { found.append(($0, $1, $2)) }, skip: { skipped.append(($0, $1)) })
        do throws(StepFailure) {
            try collector.collect(scratch: scratch)
        } catch {
            for file in found { close(file.2) }
            throw error
        }
        for file in found { server.send(.file(id: request.id, path: file.0, bytes: file.1), [file.2]) }
        for (path, reason) in skipped {
            server.send(Collector.skipped(path, reason, of: request))
        }
        return !found.isEmpty || !skipped.isEmpty
    }
}
