internal import Glibc
internal import PanalCore
internal import PanalLauncherProtocol
internal import PanalLinux
internal import Synchronization

/// The thread that takes what the launcher says and what programs write, and puts results together. Everything but the mailbox
/// belongs to that thread. A run is sent by the thread that submits it, which saves the time of waking this one: the letter
/// that tells of it is read when the launcher next says something, since letters come before reports.
final class CellLoop: Sendable {
    private enum Letter: Sendable {
        /// A run whose order is on its way, with the reading ends of its output and error streams.
        case run(CellRun, output: Int32, error: Int32)
        /// The order of a run that the socket had no room for, with the three streams that go with it.
        case order(RunRequest, streams: [Int32])
        case cancel(AttemptID)
        /// A run that made a call whose answer is its end.
        case denied(UInt64)
        case stored(UInt64, Result<JobFile, SystemError>)
        case held(@Sendable (Set<AttemptID>) -> Void)
        case recover(Set<AttemptID>, @Sendable (Set<AttemptID>) -> Void)
        case resume(CellRun)
        case settle(AttemptID)
        case freeze(AttemptID, Bool, @Sendable (SystemError?) -> Void)
        case sample(AttemptID, @Sendable (UsageSample?) -> Void)
        case copy(AttemptID, file: Int32, maximumBytes: Int, CopyQuestions.Done)
        case detach(@Sendable () -> Void)
        case stop(@Sendable () -> Void)
        case watch(@Sendable () -> Void)
    }

    private struct Mailbox {
        var letters: [Letter] = []
        var lastID: UInt64 = 0
        var isUsable = true
        /// Runs whose results the launcher holds until they are stored.
        var unsettled: [AttemptID: UInt64] = [:]
        /// Cancelled attempts that were not here: done long ago, or still on their way through another thread.
        var cancelledAbsent: [AttemptID] = []
    }

    private let mailbox = Mutex(Mailbox())
    private let wake: Descriptor
    private let socket: Descriptor
    private let keepsCells: Bool
    private static let absentAtMost = 1_024

    init(_ launcher: consuming LauncherProcess, keepsCells: Bool) throws(SystemError) {
        self.keepsCells = keepsCells
        let earlier = EarlierRuns(launcher.held, replaced: launcher.replaced)
        mailbox.withLock { $0.lastID = earlier.lastID }
        do throws(SystemCallFailure) {
            wake = try Descriptor.event()
        } catch {
            throw SystemError(step: "executor.event", errno: Int(error.errno), detail: error.reason)
        }
        let keeper = try FileKeeper()
        let process = launcher.process
        socket = Descriptor(owning: fcntl(launcher.socket.raw, F_DUPFD_CLOEXEC, 0))
        try CellThread.start { [self] in
            ShortSlice.take(isOwn: true)
            var state = LoopState(keeper: keeper, earlier: earlier)
            serve(&state)
            if !state.isDetached { Self.reap(process) }
            for done in state.stopped { done() }
            keeper.stop()
            state.slowKeeper?.stop()
            refuseForever()
            if state.isDetached { Self.reap(process) }
        }
    }

    private static func reap(_ process: pid_t) {
        guard process > 0 else { return }
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
    }

    func nextID() -> UInt64 {
        mailbox.withLock { box in
            box.lastID += 1
            return box.lastID
        }
    }

    var isUsable: Bool { mailbox.withLock { $0.isUsable } }

    /// Sends a run to the launcher; its end is told to `run.finished`. `number`: the reading end of standard input, which becomes
    /// the loop's.
    func submit(_ run: CellRun, _ request: RunRequest, input number: Int32) {
        let input = Descriptor(owning: number)
        do throws(SystemCallFailure) {
            let output = try outputPipe()
            let outputWrite = Descriptor(owning: output.second)
            let error: DescriptorPair
            do throws(SystemCallFailure) {
                error = try outputPipe()
            } catch {
                close(output.first)
                throw error
            }
            let errorWrite = Descriptor(owning: error.second)
            let streams = [input.release(), outputWrite.release(), errorWrite.release()]
            if !take(run, request, output: output.first, error: error.first, streams: streams) {
                for number in streams { close(number) }
            }
        } catch {
            let failure = SystemError(step: "output.pipe", errno: Int(error.errno), detail: error.reason)
            run.finished(AttemptResult(outcome: .systemError(failure), usage: ResourceUsage()))
        }
    }

    /// Notes a run and sends it, without waking the loop. The loop can read of neither before both are done: a kill must not
    /// overtake the order. True when the streams are the loop's to send and close, since the socket had no room.
    private func take(
        _ run: CellRun, _ request: RunRequest, output: Int32, error: Int32, streams: [Int32]
    ) -> Bool {
        enum Answer { case sent, full, cancelled, unusable }
        let letter = Letter.run(run, output: output, error: error)
        let answer = mailbox.withLock { box -> Answer in
            if box.cancelledAbsent.contains(run.attempt.id) { return .cancelled }
            guard box.isUsable else { return .unusable }
            box.letters.append(letter)
            // A launcher that is gone shows in the loop, and ends every run there.
            let answer = MessageSocket.send(
                socket, Command.run(request).encoded(), descriptors: keepsCells ? streams + [output, error] : streams,
                waiting: false)
            guard answer == .full else { return .sent }
            box.letters.append(.order(request, streams: streams))
            return .full
        }
        switch answer {
        case .sent: break
        case .full: WakeUp.ring(wake)
        case .unusable: refuse(letter)
        case .cancelled:
            for number in [output, error] { close(number) }
            run.finished(AttemptResult(outcome: .cancelled, usage: ResourceUsage()))
        }
        return answer == .full
    }

    func cancel(_ attempt: AttemptID) { post(.cancel(attempt)) }
    func askForHeld(_ answer: @escaping @Sendable (Set<AttemptID>) -> Void) { post(.held(answer)) }
    func recover(_ attempts: Set<AttemptID>, _ answer: @escaping @Sendable (Set<AttemptID>) -> Void) {
        post(.recover(attempts, answer))
    }
    func resume(_ run: CellRun) { post(.resume(run)) }
    /// Sent by the thread that asks, as a run is: the loop, which has nothing to do with it, is not woken for that.
    func settle(_ attempt: AttemptID) {
        let isSent = mailbox.withLock { box -> Bool in
            guard box.isUsable, let id = box.unsettled[attempt],
                MessageSocket.send(socket, Command.forget(id: id).encoded(), descriptors: [], waiting: false) != .full
            else { return false }
            return box.unsettled.removeValue(forKey: attempt) != nil
        }
        if !isSent { post(.settle(attempt)) }
    }
    func setFrozen(_ attempt: AttemptID, _ wanted: Bool, _ done: @escaping @Sendable (SystemError?) -> Void) {
        post(.freeze(attempt, wanted, done))
    }
    func sample(_ attempt: AttemptID, _ done: @escaping @Sendable (UsageSample?) -> Void) {
        post(.sample(attempt, done))
    }
    /// `file` stays the caller's, who keeps it open until `done`.
    func copyRoot(of attempt: AttemptID, into file: Int32, maximumBytes: Int, _ done: @escaping CopyQuestions.Done) {
        post(.copy(attempt, file: file, maximumBytes: maximumBytes, done))
    }
    func detach(_ done: @escaping @Sendable () -> Void) { post(keepsCells ? .detach(done) : .stop(done)) }
    func stop(_ done: @escaping @Sendable () -> Void) { post(.stop(done)) }
    /// Calls `done` when the launcher is gone.
    func watch(_ done: @escaping @Sendable () -> Void) { post(.watch(done)) }

    private func post(_ letter: Letter) {
        let isTaken = mailbox.withLock { box in
            if box.isUsable { box.letters.append(letter) }
            return box.isUsable
        }
        if isTaken { WakeUp.ring(wake) } else { refuse(letter) }
    }

    private func refuse(_ letter: Letter) {
        switch letter {
        case .run(let run, let output, let error):
            for number in [output, error] { close(number) }
            refuse(run, Self.gone)
        case .resume(let run): refuse(run, Self.gone)
        case .held(let answer), .recover(_, let answer): answer([])
        case .freeze(_, _, let done): done(Self.gone)
        case .sample(_, let done): done(nil)
        case .copy(_, _, _, let done): done(.failure(Self.gone))
        case .stop(let done), .detach(let done), .watch(let done): done()
        case .order(_, let streams): for number in streams { close(number) }
        case .cancel, .settle, .denied, .stored: break
        }
    }

    private static let gone = SystemError(
        step: "launcher.lost", detail: "the launcher is gone; Panal has to be started again")

    private func refuse(_ run: CellRun, _ error: SystemError) {
        run.finished(AttemptResult(outcome: .systemError(error), usage: ResourceUsage()))
    }

    private func refuseForever() {
        let left = mailbox.withLock { box in
            box.isUsable = false
            defer { box.letters = [] }
            return box.letters
        }
        for letter in left { refuse(letter) }
    }

    /// Returns when the launcher has closed its side, or has been left to the next process.
    private func serve(_ state: inout LoopState) {
        while true {
            let active = Array(state.runs.values)
            var polled = [
                pollfd(fd: wake.raw, events: Int16(POLLIN), revents: 0),
                pollfd(fd: socket.raw, events: Int16(POLLIN), revents: 0),
            ]
            for run in active {
                polled.append(pollfd(fd: run.output.awaited, events: Int16(POLLIN), revents: 0))
                polled.append(pollfd(fd: run.error.awaited, events: Int16(POLLIN), revents: 0))
            }
            let isWaiting = active.contains(where: \.waitsForDisk)
            guard unsafe poll(&polled, nfds_t(polled.count), isWaiting ? 250 : -1) > 0 else { continue }
            if polled[0].revents != 0 { WakeUp.clear(wake) }
            takeLetters(&state)
            if state.isDetached { return detach(&state) }
            for (index, run) in active.enumerated() {
                if polled[2 + index * 2].revents != 0 { drain(run, .output) }
                if polled[3 + index * 2].revents != 0 { drain(run, .error) }
                complete(run, &state)
            }
            if polled[1].revents != 0, !takeReports(&state) { return lose(&state) }
        }
    }

    private func drain(_ run: ActiveRun, _ stream: OutputStream) {
        if let cause = run.drain(stream) { send(.kill(id: run.id, cause: cause)) }
    }

    private func complete(_ run: ActiveRun, _ state: inout LoopState) {
        // One that a letter completed is still among those that were waited for.
        guard let result = run.result, state.runs.removeValue(forKey: run.id) != nil else { return }
        if run.run.isKept { mailbox.withLock { $0.unsettled[run.run.attempt.id] = run.id } }
        state.freezing.end(run.id)
        state.sampling.end(run.id)
        state.copying.end(run.id)
        run.run.finished(result)
    }

    /// A closed socket shows in the next poll too, and ends every run there.
    func send(_ command: Command, _ descriptors: [Int32] = []) {
        _ = MessageSocket.send(socket, command.encoded(), descriptors: descriptors, waiting: true)
    }

    private func takeLetters(_ state: inout LoopState) {
        let letters = mailbox.withLock { box in
            defer { box.letters = [] }
            return box.letters
        }
        for letter in letters {
            switch letter {
            case .run(let run, let output, let error):
                let active = ActiveRun(run, output: output, error: error)
                state.runs[run.id] = active
                endIfCancelled(active)
            case .order(let request, let streams):
                // Its letter came before.
                let run = state.runs[request.id]
                send(.run(request), streams + (run.map { keepsCells ? $0.readingEnds : [] } ?? []))
                for number in streams { close(number) }
                if let run { endIfCancelled(run) }
            case .cancel(let attempt):
                cancel(attempt, &state)
            case .denied(let id): send(.kill(id: id, cause: .deniedCall))
            case .stored(let id, let result):
                guard let run = state.runs[id] else { continue }
                run.fileStored(result)
                complete(run, &state)
            case .held(let answer): answer(state.earlier.attempts)
            case .recover(let wanted, let answer):
                for id in state.earlier.leave(wanted) { send(.forget(id: id)) }
                answer(state.earlier.attempts)
            case .resume(let run): resume(run, &state)
            case .settle(let attempt):
                let own = mailbox.withLock { $0.unsettled.removeValue(forKey: attempt) }
                let id = own ?? state.earlier.take(attempt)?.discard()
                if let id { send(.forget(id: id)) }
            case .freeze(let attempt, let wanted, let done): setFrozen(attempt, wanted, done, &state)
            case .sample(let attempt, let done): sample(attempt, done, &state)
            case .copy(let attempt, let file, let maximumBytes, let done):
                copyRoot(of: attempt, into: file, maximumBytes: maximumBytes, done, &state)
            case .watch(let done): state.stopped.append(done)
            case .detach(let done):
                state.stopped.append(done)
                state.isDetached = true
            case .stop(let done):
                state.stopped.append(done)
                send(.stop)
            }
        }
    }

    // MARK: What an earlier process left

    private func resume(_ run: CellRun, _ state: inout LoopState) {
        guard let held = state.earlier.take(run.attempt.id) else {
            return refuse(run, state.earlier.whyAbsent(run.attempt.id))
        }
        var run = run
        run.id = held.report.id
        let active = ActiveRun(run, output: held.output, error: held.error)
        state.runs[run.id] = active
        send(.resume(id: run.id))
        endIfCancelled(active)
    }

    // MARK: Cancelling

    /// A cancel that was on its way when the run was sent has found nothing here.
    private func endIfCancelled(_ run: ActiveRun) {
        let isCancelled = mailbox.withLock { $0.cancelledAbsent.contains(run.run.attempt.id) }
        if isCancelled { end(run) }
    }

    private func end(_ run: ActiveRun) {
        run.patience.end()
        send(.kill(id: run.id, cause: .cancelled))
    }

    private func cancel(_ attempt: AttemptID, _ state: inout LoopState) {
        var isHere = false
        for run in state.runs.values where run.run.attempt.id == attempt {
            isHere = true
            end(run)
        }
        if let id = state.earlier.id(of: attempt) {
            isHere = true
            send(.kill(id: id, cause: .cancelled))
        }
        guard !isHere else { return }
        mailbox.withLock { box in
            box.cancelledAbsent.append(attempt)
            if box.cancelledAbsent.count > Self.absentAtMost { box.cancelledAbsent.removeFirst() }
        }
    }

    /// A pipe for a program's output. The program owns it and could read it empty itself, for which this thread must not wait.
    private func outputPipe() throws(SystemCallFailure) -> DescriptorPair {
        let ends = try Descriptor.pipe()
        let read = Descriptor(owning: ends.first)
        let write = Descriptor(owning: ends.second)
        try read.setNonBlocking()
        return DescriptorPair(first: read.release(), second: write.release())
    }

    /// False when the launcher is gone.
    private func takeReports(_ state: inout LoopState) -> Bool {
        do {
            while let message = try MessageSocket.receive(socket) {
                if message.bytes.isEmpty { return false }
                // It may be of a run that was sent a moment ago: the letter that tells of it came before.
                takeLetters(&state)
                take(try Report(decoding: message.bytes), message.descriptors, &state)
            }
            return true
        } catch {
            return false
        }
    }

    private func take(_ report: Report, _ descriptors: [Int32], _ state: inout LoopState) {
        switch report {
        case .started(let id, let moment): state.runs[id]?.start(at: moment)
        case .file(let id, let path, _):
            guard let run = state.runs[id], let descriptor = descriptors.first else {
                for number in descriptors { close(number) }
                state.runs[id]?.blame(
                    SystemError(step: "collect.descriptor", detail: "no descriptor was left to take ‘\(path)’ with"))
                return
            }
            let keeper: FileKeeper
            do throws(SystemError) {
                keeper = try state.keeper(for: run.run.sink)
            } catch {
                close(descriptor)
                run.blame(error)
                return
            }
            run.fileComing()
            keeper.store(
                FileKeeper.Work(
                    descriptor: descriptor, path: path, limit: run.run.attempt.limits.collectedBytes,
                    sink: run.run.sink, patience: run.patience,
                    done: { [self] in post(.stored(id, $0)) }))
        case .explaining(let id):
            guard let listener = descriptors.first else { return }
            // Without a run to it, it closes here.
            let owned = Descriptor(owning: listener)
            state.runs[id]?.explain(owned) { [self] in post(.denied(id)) }
        case .skipped(let id, let path, let reason): state.runs[id]?.skip(path, reason)
        case .finished(let id, let report):
            guard let run = state.runs[id] else { return }
            if report.started >= 0 { run.start(at: report.started) }
            run.finish(report)
            // As a rule its streams have ended by now: then nothing needs to be waited for any more.
            for stream in [OutputStream.output, .error] { drain(run, stream) }
            complete(run, &state)
        case .freezing(let id, let isFrozen, let failure): state.freezing.answer(id, isFrozen, failure)
        case .sampled(let id, let sample): state.sampling.answer(id, sample)
        case .copied(let id, let copy): state.copying.answer(id, copy)
        case .ready, .unusable, .taken, .otherTable, .held: for number in descriptors { close(number) }
        }
    }

    private func lose(_ state: inout LoopState) {
        end(&state, SystemError(step: "launcher.lost", detail: "the launcher ended while the program ran"))
    }

    /// The launcher reads all that was sent, and then that nobody is here any more.
    private func detach(_ state: inout LoopState) {
        end(&state, SystemError(step: "launcher.detached", detail: "the program was left to Panal's next start"))
        shutdown(socket.raw, Int32(SHUT_RDWR))
    }

    private func end(_ state: inout LoopState, _ error: SystemError) {
        mailbox.withLock { $0.isUsable = false }
        for run in state.runs.values {
            run.fail(error)
            complete(run, &state)
        }
        state.earlier.close()
        state.freezing.endAll()
        state.sampling.endAll()
        state.copying.endAll()
    }
}
