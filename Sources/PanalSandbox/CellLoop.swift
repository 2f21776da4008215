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
        case stop(@Sendable () -> Void)
        case watch(@Sendable () -> Void)
    }

    private struct Mailbox {
        var letters: [Letter] = []
        var lastID: UInt64 = 0
        var isUsable = true
        /// Cancelled attempts that were not here: done long ago, or still on their way through another thread.
        var cancelledAbsent: [AttemptID] = []
    }

    private let mailbox = Mutex(Mailbox())
    private let wake: Descriptor
    private let socket: Descriptor
    private static let absentAtMost = 1_024

    init(_ launcher: consuming LauncherProcess) throws(SystemError) {
        do throws(SystemCallFailure) {
            wake = try Descriptor.event()
        } catch {
            throw SystemError(step: "executor.event", errno: Int(error.errno), detail: error.reason)
        }
        let keeper = try FileKeeper()
        let process = launcher.process
        socket = Descriptor(owning: fcntl(launcher.socket.raw, F_DUPFD_CLOEXEC, 0))
        try CellThread.start { [self] in
            var state = LoopState(keeper: keeper)
            serve(&state)
            var status: Int32 = 0
            while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
            for done in state.stopped { done() }
            keeper.stop()
            refuseForever()
        }
    }

    func nextID() -> UInt64 {
        mailbox.withLock { box in
            box.lastID += 1
            return box.lastID
        }
    }

    var isUsable: Bool { mailbox.withLock { $0.isUsable } }

    /// Sends a run to the launcher; its end is told to `run.finished`.
    func submit(_ run: CellRun) {
        let input = Descriptor(owning: run.input)
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
            if !take(run, output: output.first, error: error.first, streams: streams) {
                for number in streams { close(number) }
            }
        } catch {
            let failure = SystemError(step: "output.pipe", errno: Int(error.errno), detail: error.reason)
            run.finished(AttemptResult(outcome: .systemError(failure), usage: ResourceUsage()))
        }
    }

    /// Notes a run and sends it, without waking the loop. The loop can read of neither before both are done: a kill must not
    /// overtake the order. True when the streams are the loop's to send and close, since the socket had no room.
    private func take(_ run: CellRun, output: Int32, error: Int32, streams: [Int32]) -> Bool {
        enum Answer { case sent, full, cancelled, unusable }
        let letter = Letter.run(run, output: output, error: error)
        let answer = mailbox.withLock { box -> Answer in
            if box.cancelledAbsent.contains(run.attempt.id) { return .cancelled }
            guard box.isUsable else { return .unusable }
            box.letters.append(letter)
            // A launcher that is gone shows in the loop, and ends every run there.
            let answer = MessageSocket.send(
                socket, Command.run(run.request).encoded(), descriptors: streams, waiting: false)
            guard answer == .full else { return .sent }
            box.letters.append(.order(run.request, streams: streams))
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
            let error = SystemError(
                step: "launcher.lost", detail: "the launcher is gone; Panal has to be started again")
            run.finished(AttemptResult(outcome: .systemError(error), usage: ResourceUsage()))
        case .stop(let done), .watch(let done): done()
        case .order(_, let streams): for number in streams { close(number) }
        case .cancel, .denied, .stored: break
        }
    }

    private func refuseForever() {
        let left = mailbox.withLock { box in
            box.isUsable = false
            defer { box.letters = [] }
            return box.letters
        }
        for letter in left { refuse(letter) }
    }

    /// What belongs to the thread.
    private struct LoopState: ~Copyable {
        let keeper: FileKeeper
        var runs: [UInt64: ActiveRun] = [:]
        var stopped: [@Sendable () -> Void] = []

        init(keeper: FileKeeper) {
            self.keeper = keeper
        }
    }

    /// Returns when the launcher has closed its side.
    private func serve(_ state: inout LoopState) {
        while true {
            let active = Array(state.runs.values)
            var polled = [
                pollfd(fd: wake.raw, events: Int16(POLLIN), revents: 0),
                pollfd(fd: socket.raw, events: Int16(POLLIN), revents: 0),
            ]
            for run in active {
                polled.append(pollfd(fd: run.output.descriptor, events: Int16(POLLIN), revents: 0))
                polled.append(pollfd(fd: run.error.descriptor, events: Int16(POLLIN), revents: 0))
            }
            guard unsafe poll(&polled, nfds_t(polled.count), -1) > 0 else { continue }
            if polled[0].revents != 0 { WakeUp.clear(wake) }
            takeLetters(&state)
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
        run.run.finished(result)
    }

    /// A closed socket shows in the next poll too, and ends every run there.
    private func send(_ command: Command, _ descriptors: [Int32] = []) {
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
                state.runs[run.request.id] = active
                endIfCancelled(active)
            case .order(let request, let streams):
                send(.run(request), streams)
                for number in streams { close(number) }
                if let run = state.runs[request.id] { endIfCancelled(run) }
            case .cancel(let attempt):
                cancel(attempt, &state)
            case .denied(let id): send(.kill(id: id, cause: .deniedCall))
            case .stored(let id, let result):
                guard let run = state.runs[id] else { continue }
                run.fileStored(result)
                complete(run, &state)
            case .watch(let done): state.stopped.append(done)
            case .stop(let done):
                state.stopped.append(done)
                send(.stop)
            }
        }
    }

    /// A cancel that was on its way when the run was sent has found nothing here.
    private func endIfCancelled(_ run: ActiveRun) {
        let isCancelled = mailbox.withLock { $0.cancelledAbsent.contains(run.run.attempt.id) }
        if isCancelled { send(.kill(id: run.id, cause: .cancelled)) }
    }

    private func cancel(_ attempt: AttemptID, _ state: inout LoopState) {
        var isHere = false
        for run in state.runs.values where run.run.attempt.id == attempt {
            isHere = true
            send(.kill(id: run.id, cause: .cancelled))
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
        case .started(let id): state.runs[id]?.run.started()
        case .file(let id, let path, _):
            guard let run = state.runs[id], let descriptor = descriptors.first else {
                for number in descriptors { close(number) }
                state.runs[id]?.blame(
                    SystemError(step: "collect.descriptor", detail: "no descriptor was left to take ‘\(path)’ with"))
                return
            }
            run.fileComing()
            state.keeper.store(
                FileKeeper.Work(
                    descriptor: descriptor, path: path, limit: run.run.attempt.limits.collectedBytes,
                    sink: run.run.sink,
                    done: { [self] in post(.stored(id, $0)) }))
        case .explaining(let id):
            guard let listener = descriptors.first else { return }
            // Without a run to it, it closes here.
            let owned = Descriptor(owning: listener)
            state.runs[id]?.explain(owned) { [self] in post(.denied(id)) }
        case .skipped(let id, let path, let reason): state.runs[id]?.skip(path, reason)
        case .finished(let id, let report):
            guard let run = state.runs[id] else { return }
            run.finish(report)
            complete(run, &state)
        case .ready, .unusable: break
        }
    }

    private func lose(_ state: inout LoopState) {
        mailbox.withLock { $0.isUsable = false }
        for run in state.runs.values {
            run.fail(SystemError(step: "launcher.lost", detail: "the launcher ended while the program ran"))
            complete(run, &state)
        }
    }
}
