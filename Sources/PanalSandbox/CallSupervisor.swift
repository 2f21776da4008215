internal import Glibc
internal import PanalCore
internal import PanalLinux
internal import PanalSeccomp
internal import Synchronization

/// Answers the system calls that the filter of one run refuses, exactly as the policy would have, and writes down why; on a
/// thread of its own, for as long as anything of the run is alive. When it ends early, such calls fail with ENOSYS.
final class CallSupervisor: Sendable {
    private let judge: SeccompJudge
    private let explanations = Mutex(Explanations())
    private let stopped: Descriptor
    /// Ends the run: a call whose answer is the program's end.
    private let end: @Sendable () -> Void

    /// `listener` becomes the supervisor's.
    init(
        listener: consuming Descriptor, judge: SeccompJudge, end: @escaping @Sendable () -> Void
    ) throws(SystemError) {
        self.judge = judge
        self.end = end
        do throws(SystemCallFailure) {
            stopped = try Descriptor.event()
        } catch {
            throw SystemError(step: "explain.event", errno: Int(error.errno), detail: error.reason)
        }
        let number = listener.release()
        do throws(SystemError) {
            try CellThread.start { [self] in serve(Descriptor(owning: number)) }
        } catch {
            close(number)
            throw error
        }
    }

    /// What was refused up to now.
    var sentences: [String] { explanations.withLock { $0.sentences } }

    /// Lets the thread end.
    func stop() { WakeUp.ring(stopped) }

    private func serve(_ listener: borrowing Descriptor) {
        while true {
            var polled = [
                pollfd(fd: listener.raw, events: Int16(POLLIN), revents: 0),
                pollfd(fd: stopped.raw, events: Int16(POLLIN), revents: 0),
            ]
            guard unsafe poll(&polled, 2, -1) > 0 else { continue }
            if polled[0].revents & Int16(POLLIN) != 0 {
                answer(listener)
            } else if polled[0].revents != 0 || polled[1].revents != 0 {
                return
            }
        }
    }

    private func answer(_ listener: borrowing Descriptor) {
        guard let call = SeccompNotification(from: listener) else { return }
        let found = SeccompCall(call.number, architecture: call.architecture, arguments: call.arguments)
        // Before the answer: the program may end by it, and the result is put together then.
        explanations.withLock { $0.note(judge.explanation(of: found)) }
        switch judge.denial(of: found) {
        case .errno(let number): call.refuse(Int32(number), on: listener)
        case .kill: end()
        // The filter and the judge are of one policy; where they differ all the same, the call is not let through.
        case nil: call.refuse(EPERM, on: listener)
        }
    }
}

/// Sentences, each once, in the order in which they came.
struct Explanations {
    private(set) var sentences: [String] = []
    private var seen: Set<String> = []

    static let most = 100

    mutating func note(_ sentence: String) {
        guard sentences.count < Self.most, seen.insert(sentence).inserted else { return }
        sentences.append(sentence)
    }
}
