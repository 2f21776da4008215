internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// What outlives the server: every run is noted from its order on, and what became of it is kept until a server says that it is
/// stored. A server that comes hears of all of them and says of each whether it wants to know more.
extension Launcher {
    private var keepsCells: Bool { table.keepSeconds > 0 }
    /// How many runs may be kept: each costs descriptors, and a server that stores results never has more than run.
    private static var most: Int { 1_024 }

    /// Whether the server that is there wants to hear of this run.
    func isHeard(_ id: UInt64) -> Bool { !keepsCells || held[id]?.isAttached == true }

    /// Notes a run that is to be kept. Answers the program's streams, or nil when the run has been refused.
    func keep(_ request: RunRequest, _ descriptors: [Int32]) -> [Int32]? {
        guard keepsCells else { return descriptors }
        guard descriptors.count == 5, descriptors[3...].allSatisfy({ PipeReading.isReadingEnd($0) }) else {
            for number in descriptors { close(number) }
            answer(
                request, .mismatch("request.streams", "three streams and two pipes' reading ends must come with a run"))
            return nil
        }
        guard held.count < Self.most else {
            for number in descriptors { close(number) }
            answer(request, .mismatch("launcher.held", "\(Self.most) runs are held that the server has not stored"))
            return nil
        }
        held[request.id] = HeldRun(request, output: descriptors[3], error: descriptors[4])
        return Array(descriptors.prefix(3))
    }

    // MARK: Ends

    /// Tells the server how a run ended, now or, where cells are kept, once it asks.
    func tell(_ end: RunEnd) {
        guard keepsCells else { return report(end) }
        // One that the server wants to know nothing of any more.
        guard let run = held[end.request.id] else { return release(end) }
        run.finish(end)
        if run.isAttached { report(end) } else if !groups.keepsGroups { releaseSlot(end) }
    }

    private func report(_ end: RunEnd) {
        if let failure = end.failure { return finishReport(end, hasResults: false, failure) }
        do throws(StepFailure) {
            guard let cell = end.results else { return finishReport(end, hasResults: false) }
            if CollectorProcess.isWanted(for: cell.scratch) {
                collecting.append(try CollectorProcess(end, cell.scratch))
                if !groups.keepsGroups { releaseSlot(end) }
            } else {
                finishReport(end, hasResults: try collect(end.request, cell.scratch))
            }
        } catch {
            finishReport(end, hasResults: false, error)
        }
    }

    /// The results have been told of, if there are any.
    private func finishReport(_ end: RunEnd, hasResults: Bool, _ failure: StepFailure? = nil) {
        var report = end.report
        if let failure {
            // Whoever asks again after this server must hear the same.
            end.failure = failure
            report = FinishReport(
                ending: .failed(StepReport(step: failure.step, errno: failure.errno, detail: failure.detail)))
        }
        if !hasResults { letGoOfResults(end) }
        report.started = end.started ?? -1
        server.send(.finished(id: end.request.id, report))
        if !keepsCells { return release(end) }
        if !hasResults || !groups.keepsGroups { releaseSlot(end) }
    }

    /// Takes what has been found of a run's results; once that is all, the server is told.
    func takeResults(from collector: CollectorProcess) {
        guard collector.take() else { return }
        collecting.removeAll { $0 === collector }
        let end = collector.end
        if let failure = collector.failure { return finishReport(end, hasResults: false, failure) }
        let findings = collector.takeFindings()
        for (report, file) in findings { server.send(report, file.map { [$0] } ?? []) }
        finishReport(end, hasResults: !findings.isEmpty)
    }

    private func release(_ end: RunEnd) {
        letGoOfResults(end)
        releaseSlot(end)
    }

    /// With a group that is kept the slot's spawner is the last to hold the scratch, since it has the cell's mounts until its next cell.
    private func letGoOfResults(_ end: RunEnd) {
        guard let cell = end.results else { return }
        end.results = nil
        guard !groups.keepsGroups, ScratchTeardown.isWanted(for: cell.scratch) else { return }
        // Where no process can be had, the launcher does it.
        if let teardown = try? ScratchTeardown(cell.scratch) { teardowns.append(teardown) }
    }

    /// What results take of memory is counted in a group that is kept, against the next cell: until they are released that one has
    /// to wait.
    private func releaseSlot(_ end: RunEnd) {
        end.isReleased = true
        guard let slot = end.slot else { return }
        end.slot = nil
        vacated.append((slot, end.request))
    }

    /// Nothing of the run is left in its slot but, perhaps, its results.
    func vacate(_ slot: Slot, after end: RunEnd) {
        if end.isReleased { vacated.append((slot, end.request)) } else { end.slot = slot }
    }

    // MARK: What the server says of runs that are held

    func resume(_ id: UInt64) {
        guard let run = held[id], !run.isAttached else { return }
        run.isAttached = true
        if let end = run.end {
            report(end)
        } else if let cell = cells[id], cell.hasStartEnded, let moment = cell.programStart {
            server.send(.started(id: id, at: moment))
        }
    }

    func forget(_ id: UInt64) {
        guard let run = held.removeValue(forKey: id) else { return }
        collecting.removeAll { $0.end === run.end }
        if let end = run.end { release(end) } else { kill(id, .cancelled) }
    }

    // MARK: Servers go and come

    /// The server has gone without a word.
    func lose() {
        server.drop()
        // Whoever comes next has them looked for again.
        collecting = []
        drop(copies)
        guard keepsCells else { return stop() }
        for run in held.values { run.isAttached = false }
        unaskedSince = panal_monotonic_ns()
        // Whoever reads what the server wrote there must not wait for this process too.
        dup2(1, 2)
    }

    func takeClaim() {
        let now = panal_monotonic_ns()
        guard let claimed = server.takeClaim(now: now) else { return }
        for run in held.values.sorted(by: { $0.request.id < $1.request.id }) {
            let id = run.request.id
            let report = HeldReport(
                id: id, label: run.request.label, cores: run.request.cores, memory: run.request.memory,
                started: run.end?.started ?? cells[id]?.programStart, isFinished: run.end != nil,
                isFrozen: cells[id]?.isFrozen ?? false)
            server.send(.held(report), run.streams)
        }
        unaskedSince = now
        if claimed == table.encoded() { sendReady() } else { server.send(.otherTable) }
    }

    /// When it is over for what nobody has asked for.
    var nextUnasked: Int64 {
        let isWaiting = unaskedSince != .max && (!server.hasServer || held.values.contains { !$0.isAttached })
        return isWaiting ? unaskedSince + Int64(table.keepSeconds) * 1_000_000_000 : .max
    }

    func checkUnasked(now: Int64) {
        guard !isStopping, now >= nextUnasked else { return }
        unaskedSince = .max
        guard server.hasServer else { return stop() }
        for (id, run) in held where !run.isAttached { forget(id) }
    }

    // MARK: Standing still

    func freeze(_ id: UInt64, _ wanted: Bool) {
        guard let run = cells[id] else {
            return sendFreezing(id, false, .mismatch("cell.freeze", "the program does not run"))
        }
        noteStartInTime(of: run)
        do throws(StepFailure) {
            if wanted {
                try run.freeze(now: panal_monotonic_ns())
                if run.isFrozen { sendFreezing(id, true) }
                return
            }
            // Others may have its cores by now.
            if !run.hasCores { try cores.take(run.request) }
            run.hasCores = true
            endCopy(of: id, "the program was let go on while it was copied")
            try run.thaw(now: panal_monotonic_ns())
            sendFreezing(id, false)
        } catch {
            // One that cannot go on keeps nobody from its cores.
            if run.isFrozen, run.hasCores {
                cores.giveBack(run.request)
                run.hasCores = false
            }
            sendFreezing(id, run.isFrozen, error)
        }
    }

    /// The launcher looks for a start only after a while.
    private func noteStartInTime(of run: RunningCell) {
        var polled = pollfd(fd: run.cell.start.raw, events: 0, revents: 0)
        if !run.hasStartEnded, unsafe poll(&polled, 1, 0) > 0 { noteStart(of: run) }
    }

    /// Looks after those that are being brought to stand still. While one stands still, its cores are free for others.
    func checkFreezing(now: Int64) {
        for (id, run) in cells where run.isStopping {
            do throws(StepFailure) {
                guard try run.checkStopping(now: now) else { continue }
                cores.giveBack(run.request)
                run.hasCores = false
                sendFreezing(id, true)
            } catch {
                sendFreezing(id, false, error)
            }
        }
    }

    private func sendFreezing(_ id: UInt64, _ isFrozen: Bool, _ failure: StepFailure? = nil) {
        let step = failure.map { StepReport(step: $0.step, errno: $0.errno, detail: $0.detail) }
        server.send(.freezing(id: id, isFrozen: isFrozen, step))
    }
}
