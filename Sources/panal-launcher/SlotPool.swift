internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// The launcher's slots: has them made, keeps some with a cell that stands ready, hands them to runs and takes them back.
final class SlotPool {
    private let maker: Descriptor
    private let process: Int32
    private let groups: any CgroupDriver
    /// Of runs that are over: their groups, as long as memory is counted in them.
    private let leftovers: Leftovers
    /// Cells to keep ready beyond the runs that wait.
    private let reserve: Int
    private let spareTime: Bool
    /// Filters that can be loaded before there is an order.
    private var ahead: Set<UInt16>
    private var slots: [Int: Slot] = [:]
    /// Slots that the maker is at work on.
    private var asked: [Int: Slot.Kind] = [:]
    /// False from a failure to the next cell that works: then only runs that wait make it try again.
    private var isHealthy = true
    /// Whether ordinary runs wait for cells, and whether idle ones do.
    private var isWaitedFor = false
    private var isWaitedForByIdle = false
    /// A run for which no cell could make way: the next one is for its root.
    private weak var wanted: ParkedRun?
    /// Since when no cell runs, in monotonic nanoseconds.
    private var idleSince: Int64 = .max
    /// Runs that were given a slot.
    private var uses = 0
    /// Nothing has run, come or been ordered since `tidy` found nothing to do.
    private var isTidy = false

    /// How long no cell must have run before slots are given up or made anew.
    private static let patience: Int64 = 2_000_000_000
    /// How often views of images are held against the store.
    private static let lookEvery: Int64 = 10_000_000_000
    private var lastLook: Int64 = 0
    /// How many milliseconds the maker has, at the end, for the slot that it is at.
    private static let lastSlotTime = 10_000

    init(_ maker: SlotMaker, groups: any CgroupDriver, reserve: Int) throws(StepFailure) {
        let started = try maker.start()
        self.maker = Descriptor(owning: started.line)
        process = started.process
        self.groups = groups
        leftovers = Leftovers(groups)
        self.reserve = reserve
        spareTime = !maker.users.isOrdinary
        // An ordinary user's program enters a user namespace, and one that makes sockets a network namespace, with rights.
        let filters = maker.users.isOrdinary ? [] : maker.table.seccomp
        ahead = Set(
            filters.enumerated().filter { $1.permitsStart && !$1.makesSockets && !$1.explains }
                .map { UInt16($0.offset) })
    }

    // MARK: What the loop waits for

    var makerLine: Int32 { maker.raw }
    /// Of slots without a run: the spawner, whose answer or end matters, and the cell that stands ready, whose failure does.
    /// That a spawner has ended beside a run shows when its next cell is ordered. While a cell runs and nobody waits for another,
    /// a cell that has been made can be taken later: to wake for it would take the time of the one that runs.
    func watched(isIdle: Bool) -> [(slot: Slot, line: Int32)] {
        var found: [(slot: Slot, line: Int32)] = []
        for slot in slots.values where !slot.isRunning {
            if isIdle || isWaitedFor || isWaitedForByIdle { found.append((slot, slot.line.raw)) }
            if let cell = slot.cell { found.append((slot, cell.line.raw)) }
        }
        return found
    }

    /// Those of which nothing was watched though their cells are being made: whoever is awake takes them. As long as
    /// descriptors are on their way, the kernel looks for lost ones whenever a socket is closed.
    func unwatched(isIdle: Bool) -> [Slot] {
        isIdle || isWaitedFor || isWaitedForByIdle ? [] : slots.values.filter { !$0.isRunning && $0.isMaking }
    }

    // MARK: Runs

    private func ready(for run: ParkedRun) -> Slot? {
        let ready = slots.values.filter { !$0.isRunning && $0.cell != nil && $0.kind == run.kind && $0.fits(run) }
        // One that any run can have is left to those that no other fits. Of the rest the oldest: a spawner tells of a cell at once, and
        // a run that is given one whose init is still at work waits for that.
        let fitting = ready.filter { $0.plan.ahead != nil }
        return (fitting.isEmpty ? ready : fitting).min { $0.orderedAt < $1.orderedAt }
    }

    /// Bytes of runs that are over, of which nobody can say yet that they are free.
    var returning: UInt64 { slots.values.reduce(leftovers.bytes) { $0 + $1.returning } }

    func hasCell(for run: ParkedRun) -> Bool { ready(for: run) != nil }

    /// A slot with a cell that stands ready, which is a run's from now on.
    func next(for run: ParkedRun) -> Slot? {
        guard let slot = ready(for: run) else { return nil }
        slot.isRunning = true
        uses += 1
        slot.lastUse = uses
        if wanted === run { wanted = nil }
        return slot
    }

    /// For a run that fits no cell that stands ready, one of these makes way, unless one that fits is being made. The slot's next
    /// cell is one that every run with the same root fits.
    ///
    /// While one is being made, a slot that was in use before as many runs as there are slots changes its root too, once for each
    /// run that waits: so slots go over to an image whose runs come one right after the other, and those of others keep theirs.
    func makeWay(for run: ParkedRun) throws(StepFailure) {
        let own = slots.values.filter { !$0.isRunning && $0.kind == run.kind }
        let isComing = own.contains { $0.isMaking && $0.fits(run) }
        if isComing, run.hasWidened { return }
        // The one whose root nobody has had for longest, so that those that are in use have theirs.
        let unfit = own.filter { slot in
            slot.cell != nil && !slot.fits(run)
                && (!isComing || slot.plan.image != run.image && uses - slot.lastUse >= slots.count)
        }
        guard let slot = unfit.min(by: { $0.lastUse < $1.lastUse }) else {
            if !isComing { wanted = run }
            return
        }
        if isComing { run.hasWidened = true }
        slot.image = run.image
        do throws(StepFailure) {
            if let cell = slot.cell {
                cell.end()
                try cell.group.waitUntilEmpty()
            }
            try slot.finish(nil)
            slot.isWritable = run.request.hasWritableRoot
            try slot.order(isUrgent: !isComing, ahead: ahead)
        } catch {
            giveUp(slot)
            // The run's own cell is still to come.
            if !isComing { throw error }
        }
    }

    /// A program has been executed: cells work.
    func noteSuccess() { isHealthy = true }

    /// Takes a slot back whose run is over, and has its next cell made. What does not come back whole is given up.
    func takeBack(_ slot: Slot, after request: RunRequest) {
        do throws(StepFailure) {
            try slot.finish(request)
            choose(slot)
            try slot.order(isUrgent: isUrgent(slot), ahead: ahead)
        } catch {
            giveUp(slot)
        }
    }

    /// The next cell's root is what the last run had, unless another one waits.
    private func choose(_ slot: Slot) {
        guard let wanted, wanted.kind == slot.kind else { return }
        (slot.image, slot.isWritable) = (wanted.image, wanted.request.hasWritableRoot)
        self.wanted = nil
    }

    func giveUp(_ slot: Slot) {
        slots[slot.index] = nil
        // What cannot be removed now is swept by the next launcher on this host.
        try? slot.remove()
    }

    // MARK: Making slots

    /// Asks for the slots that runs wait for, and fills the reserve while no cell runs: as long as a spawner is being moved
    /// into its group, every fork, execution and exit on the host waits, those of a cell that runs included. Idle runs wait until
    /// their slots are made: of those there is no reserve.
    /// False when the maker could not be told.
    func order(waiting: Int, idleRuns: Int, isIdle: Bool) -> Bool {
        idleSince = isIdle && waiting + idleRuns == 0 ? min(idleSince, panal_monotonic_ns()) : .max
        if idleSince == .max { isTidy = false }
        isWaitedFor = waiting > 0
        isWaitedForByIdle = idleRuns > 0
        if isWaitedFor { for slot in slots.values { slot.hurry() } }
        let wanted = isIdle && isHealthy ? reserve + waiting : waiting
        let missing = max(0, wanted - coming(.ordinary))
        let missingIdle = max(0, idleRuns - coming(.idle))
        guard missing + missingIdle > 0 else { return true }
        let free = (0..<UserBlock.slots).filter { slots[$0] == nil && asked[$0] == nil && !leftovers.holds(slot: $0) }
        let orders =
            free.prefix(missing).map { ($0, Slot.Kind.ordinary) }
            + free.dropFirst(missing).prefix(missingIdle).map { ($0, .idle) }
        if orders.isEmpty { return true }
        // A line that is closed shows in the next poll too.
        guard
            MessageSocket.send(maker, orders.map { SlotMaker.order($0, $1) }, descriptors: [], waiting: false) == .sent
        else { return false }
        for (index, kind) in orders { asked[index] = kind }
        return true
    }

    private func coming(_ kind: Slot.Kind) -> Int {
        slots.values.count { !$0.isRunning && $0.kind == kind } + asked.values.count { $0 == kind }
    }

    private func isUrgent(_ slot: Slot) -> Bool { isWaitedFor && slot.kind == .ordinary }

    /// When `tidy` should next be called; `Int64.max` for not at all. What there is to do is looked for only then: the kernel has to be
    /// asked for it, and this is called between runs. `forMemory`: whether a run waits for memory to come back.
    func nextTidying(forMemory: Bool) -> Int64 {
        min(nextSurplus, nextLook, leftovers.nextLook(isWaitedFor: forMemory))
    }

    private var nextSurplus: Int64 { idleSince != .max && !isTidy ? idleSince + Self.patience : .max }

    /// When it is to be seen whether images of which views are kept are still in the store.
    private var nextLook: Int64 { slots.values.contains { !$0.heldImages.isEmpty } ? lastLook + Self.lookEvery : .max }

    /// Gives up slots that keep views of images which have been removed, since the files would stay on the disk as long. A slot
    /// with a run is seen to the next time.
    func letGo(now: Int64, unlessIn isThere: (ImageTree) -> Bool) {
        guard now >= nextLook else { return }
        lastLook = now
        for slot in slots.values where !slot.isRunning && !slot.heldImages.allSatisfy(isThere) { giveUp(slot) }
    }

    /// Gives up a slot that is one too many, or whose count of processes is spoiled; one at a time, as it costs the host time.
    /// Removes groups whose memory is back.
    func tidy(now: Int64, forMemory: Bool) {
        leftovers.settle(now: now, isWaitedFor: forMemory)
        guard now >= nextSurplus else { return }
        guard let slot = surplus else {
            isTidy = true
            return
        }
        idleSince = now
        giveUp(slot)
    }

    private var surplus: Slot? {
        let unused = slots.values.filter { !$0.isRunning && $0.cell != nil }
        if let slot = unused.first(where: { $0.isSpoiled || $0.kind == .idle }) { return slot }
        return unused.count > reserve ? unused.first : nil
    }

    /// Takes the slots that have been made; answers a failure and the runs whom it concerns, or nil when nothing more is there.
    func takeMade() throws(StepFailure) -> (StepFailure, Slot.Kind)? {
        while true {
            let message = try StepFailure.naming("maker.line") { () throws(SystemCallFailure) in
                try MessageSocket.receive(maker)
            }
            guard let message else { return nil }
            guard !message.bytes.isEmpty else {
                throw .mismatch("maker.lost", "the process that makes slots has ended")
            }
            var kind = Slot.Kind.ordinary
            do throws(StepFailure) {
                try take(message, &kind)
            } catch {
                if kind == .ordinary { isHealthy = false }
                return (error, kind)
            }
        }
    }

    private func take(
        _ message: (bytes: [UInt8], descriptors: [Int32]), _ kind: inout Slot.Kind
    ) throws(StepFailure) {
        let answer: MakerAnswer
        do throws(ProtocolError) {
            answer = try MakerAnswer(decoding: message.bytes)
        } catch {
            throw .mismatch("maker.line", "the answer is not readable: \(error)")
        }
        switch answer {
        case .failed(let index, let failure):
            kind = asked.removeValue(forKey: index) ?? kind
            throw failure
        case .made(let index, let process):
            kind = asked.removeValue(forKey: index) ?? kind
            guard let number = message.descriptors.first else {
                throw .mismatch("maker.line", "no line came with the slot")
            }
            let slot: Slot
            do throws(StepFailure) {
                slot = try Slot(
                    index: index, kind: kind, spawner: process, line: Descriptor(owning: number), groups: groups,
                    leftovers: leftovers, spareTime: spareTime)
            } catch {
                kill(process, SIGKILL)
                var status: Int32 = 0
                _ = unsafe panal_wait(process, &status)
                if groups.keepsGroups { try? groups.remove(Slot.group(index, kind)) }
                throw error
            }
            slots[index] = slot
            try order(slot)
        }
    }

    private func order(_ slot: Slot) throws(StepFailure) {
        do throws(StepFailure) {
            choose(slot)
            try slot.order(isUrgent: isUrgent(slot), ahead: ahead)
        } catch {
            giveUp(slot)
            throw error
        }
    }

    /// Takes what has come from a slot that was watched; answers a failure.
    func take(from slot: Slot) -> StepFailure? {
        isTidy = false
        do throws(StepFailure) {
            while try slot.take() {}
            // A cell that stands ready and says something has failed, or is gone.
            if let cell = slot.cell, let failure = CellReport.failure(of: cell) { throw failure }
            return nil
        } catch {
            // Memory that does not come back is no fault of the cell's: the slot goes, its group stays.
            if error.step == GroupCleaner.step, error.errno == EBUSY {
                giveUp(slot)
                return nil
            }
            // An image that cannot be a root says nothing of other cells.
            if !error.isOfImage {
                if slot.kind == .ordinary { isHealthy = false }
                // What is amiss may be that: then the next cells are made without.
                if let filter = slot.plan.ahead { ahead.remove(filter) }
            }
            giveUp(slot)
            return error
        }
    }

    /// Ends the maker, every spawner and every cell that nobody has used.
    func stop() {
        // The maker reads the end of its line, finishes the slot that it is at, and goes; or is made to.
        if shutdown(maker.raw, Int32(SHUT_WR)) != 0 || !Processes.hasEnded(process, within: Self.lastSlotTime) {
            kill(process, SIGKILL)
            var status: Int32 = 0
            _ = unsafe panal_wait(process, &status)
        }
        while (try? takeMade()) != nil {}
        for slot in slots.values { giveUp(slot) }
    }
}
